-- The ledger of one run. Lists and records are JSON.

-- Values of the run, named in `ledger.RunValue`.
CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE rows (row INTEGER PRIMARY KEY, fate TEXT NOT NULL) STRICT;

-- The cells of rows as they came.
CREATE TABLE cells (
  row INTEGER PRIMARY KEY REFERENCES rows DEFERRABLE INITIALLY DEFERRED, cells TEXT NOT NULL
) STRICT;

CREATE TABLE problems (
  id INTEGER PRIMARY KEY, row INTEGER NOT NULL, code TEXT NOT NULL, severity TEXT NOT NULL,
  field TEXT NOT NULL, places TEXT NOT NULL, value TEXT NOT NULL, message TEXT NOT NULL,
  advice TEXT NOT NULL, repairs TEXT NOT NULL, question TEXT NOT NULL
) STRICT;
CREATE INDEX problems_by_row ON problems (row);

-- What is planned for a ready row, its State, and the safety checks that count it.
CREATE TABLE steps (
  row INTEGER PRIMARY KEY REFERENCES rows DEFERRABLE INITIALLY DEFERRED, act TEXT NOT NULL,
  primary_id TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
  changes TEXT NOT NULL, override TEXT NOT NULL, state TEXT NOT NULL,
  checks TEXT NOT NULL
) STRICT;
CREATE INDEX steps_by_state ON steps (state);

-- What is to be remembered of a row's values when it was applied, as hashes by key.
CREATE TABLE imprints (
  row INTEGER PRIMARY KEY REFERENCES rows DEFERRABLE INITIALLY DEFERRED, imprints TEXT NOT NULL
) STRICT;

-- Alma's record just before a write, what was sent, and what Alma answered; undo needs them.
CREATE TABLE images (
  row INTEGER PRIMARY KEY REFERENCES rows DEFERRABLE INITIALLY DEFERRED, before TEXT NOT NULL,
  sent TEXT NOT NULL, answered TEXT NOT NULL
) STRICT;

-- Who is in the rosters of a mapping with `match.absent`, by primary ID without case, and who is
-- missing (1).
CREATE TABLE seen (
  mapping TEXT NOT NULL, primary_id TEXT NOT NULL, missing INTEGER NOT NULL,
  PRIMARY KEY (mapping, primary_id)
) STRICT, WITHOUT ROWID;

-- The history, only added to; each hash covers the one before, so that an edit shows.
CREATE TABLE entries (
  id INTEGER PRIMARY KEY, time TEXT NOT NULL, operator TEXT NOT NULL, row INTEGER NOT NULL,
  event TEXT NOT NULL, detail TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX entries_by_row ON entries (row);
