-- The relay's own key pair. There is one row.
CREATE TABLE identity (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    seed   BLOB NOT NULL CHECK (length(seed) = 32)
) STRICT;

-- The networks that the relay serves. `number` is that of the network's replica; `parameters` is
-- borsh, and never changes.
CREATE TABLE networks (
    number     INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    name       TEXT NOT NULL UNIQUE,
    parameters BLOB NOT NULL
) STRICT;
