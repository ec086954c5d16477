-- What the runs of every institution left for later plans; primary IDs are without case.

-- What people answered about rows that needed review, as JSON.
CREATE TABLE IF NOT EXISTS answers (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, resolution TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id)
) STRICT;

-- The loads with mappings that look for missing people.
CREATE TABLE IF NOT EXISTS rosters (
  institution TEXT NOT NULL, mapping TEXT NOT NULL, run TEXT NOT NULL, time TEXT NOT NULL,
  PRIMARY KEY (institution, mapping, run)
) STRICT, WITHOUT ROWID;

-- When each person was last in a load of a mapping; if in none yet, just before the first.
CREATE TABLE IF NOT EXISTS seen (
  institution TEXT NOT NULL, mapping TEXT NOT NULL, primary_id TEXT NOT NULL, time TEXT NOT NULL,
  PRIMARY KEY (institution, mapping, primary_id)
) STRICT, WITHOUT ROWID;

-- What a run changed of people who were missing; `back` is the run with which they were back.
CREATE TABLE IF NOT EXISTS leavers (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, run TEXT NOT NULL, before TEXT NOT NULL,
  sent TEXT NOT NULL, answered TEXT NOT NULL, back TEXT NOT NULL, time TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id, run)
) STRICT, WITHOUT ROWID;

-- What the last load of a mapping left of a user's values, as hashes made with a key; `key` shows
-- with which one. `writer`: the last run that wrote the user, at `wrote`; later ones only saw that
-- Alma has the values. Not WITHOUT ROWID: there, each text of this size takes a page of its own.
CREATE TABLE IF NOT EXISTS loaded (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, mapping TEXT NOT NULL, run TEXT NOT NULL,
  imprints TEXT NOT NULL, time TEXT NOT NULL, key TEXT NOT NULL, writer TEXT NOT NULL,
  wrote TEXT NOT NULL, PRIMARY KEY (institution, primary_id, mapping)
) STRICT;

-- Primary IDs that loads replaced, and those that these users have now.
CREATE TABLE IF NOT EXISTS former (
  institution TEXT NOT NULL, former TEXT NOT NULL, primary_id TEXT NOT NULL,
  PRIMARY KEY (institution, former)
) STRICT, WITHOUT ROWID;

-- Up to which entry of its history a run is remembered, and its folder.
CREATE TABLE IF NOT EXISTS runs (
  institution TEXT NOT NULL, run TEXT NOT NULL, entry INTEGER NOT NULL, folder TEXT NOT NULL,
  PRIMARY KEY (institution, run)
) STRICT, WITHOUT ROWID;

-- When the load of a whole roster began to be remembered; a rejects file has only some of its rows.
CREATE TABLE IF NOT EXISTS loads (
  institution TEXT NOT NULL, mapping TEXT NOT NULL, run TEXT NOT NULL, time TEXT NOT NULL,
  PRIMARY KEY (institution, mapping, run)
) STRICT, WITHOUT ROWID;
