-- The tables of version 2 as those of schema.sql. A name of version 2 is both parts in the order
-- of the alphabet, with a blank between them.

DROP INDEX users_by_name;
ALTER TABLE users ADD first TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD last TEXT NOT NULL DEFAULT '';
UPDATE users SET first = substr(name, 1, instr(name, ' ') - 1),
  last = substr(name, instr(name, ' ') + 1);
CREATE INDEX users_by_name ON users (last, first);

CREATE TABLE keys (
  key TEXT NOT NULL, user INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  PRIMARY KEY (key, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_user ON keys (user);
INSERT INTO keys SELECT 'id ' || value, user FROM identifiers;
INSERT INTO keys SELECT 'email ' || address, user FROM emails;
INSERT INTO keys SELECT 'born ' || born, number FROM users WHERE born <> '';

DROP TABLE identifiers;
DROP TABLE emails;
ALTER TABLE users DROP COLUMN name;
ALTER TABLE users DROP COLUMN born;
