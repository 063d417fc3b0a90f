-- Numbers of replicas are never given out again: rows of a network that was removed stay until
-- `relay prune`, and must not become another's.
CREATE TABLE numbered_networks (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    id            BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    name          TEXT NOT NULL UNIQUE,
    parameters    BLOB NOT NULL,
    administrator BLOB CHECK (length(administrator) = 32)
) STRICT;
INSERT INTO numbered_networks SELECT number, id, name, parameters, administrator FROM networks;
DROP TABLE networks;
ALTER TABLE numbered_networks RENAME TO networks;
