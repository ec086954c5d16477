-- The user cache of one institution.

CREATE TABLE state (only INTEGER PRIMARY KEY CHECK (only = 1), value TEXT NOT NULL) STRICT;
-- A blank record was never read, or is known to be out of date. `seen` is in seconds since 1970;
-- `sweep` is the number of the last sweep with the user. `key` is the primary ID without case,
-- names are folded.
CREATE TABLE users (
  number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, primary_id TEXT NOT NULL,
  first TEXT NOT NULL, last TEXT NOT NULL, record TEXT NOT NULL, seen REAL NOT NULL,
  sweep INTEGER NOT NULL
) STRICT;
CREATE INDEX users_by_name ON users (last, first);
-- By what a user is found: `id` and an identifier without case, or a trait of the person.
CREATE TABLE keys (
  key TEXT NOT NULL, user INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  PRIMARY KEY (key, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_user ON keys (user);
-- The finished pages of the sweep under way: the keys of their users, one a line, and how many of
-- their entries are not users.
CREATE TABLE pages (
  first INTEGER PRIMARY KEY, keys TEXT NOT NULL, others INTEGER NOT NULL
) STRICT;
