-- "TabC": marks the file as a relay's, so that another program's is refused and left alone.
PRAGMA application_id = 0x54616243;

-- The relay's own key pair. There is one row.
CREATE TABLE identity (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    seed   BLOB NOT NULL CHECK (length(seed) = 32)
) STRICT;

-- The networks that the relay serves. `parameters` is borsh, and never changes.
CREATE TABLE networks (
    number     INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    name       TEXT NOT NULL UNIQUE,
    parameters BLOB NOT NULL
) STRICT;

-- One table for each of shared::store::Table. Small rows live in the index itself; tables whose
-- rows are often larger than a twentieth of a page keep theirs outside.
CREATE TABLE meta (
    network INTEGER NOT NULL REFERENCES networks, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (network, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE headers (
    network INTEGER NOT NULL REFERENCES networks, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (network, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE bodies (
    network INTEGER NOT NULL REFERENCES networks, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (network, key)
) STRICT;

CREATE TABLE undo (
    network INTEGER NOT NULL REFERENCES networks, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (network, key)
) STRICT;

CREATE TABLE state (
    network INTEGER NOT NULL REFERENCES networks, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (network, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE transactions (
    network INTEGER NOT NULL REFERENCES networks, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (network, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE key_history (
    network INTEGER NOT NULL REFERENCES networks, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (network, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE pending (
    network INTEGER NOT NULL REFERENCES networks, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (network, key)
) STRICT;

CREATE TABLE log (
    network INTEGER NOT NULL REFERENCES networks, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (network, key)
) STRICT;

CREATE TABLE members (
    network INTEGER NOT NULL REFERENCES networks, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (network, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE votes (
    network INTEGER NOT NULL REFERENCES networks, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (network, key)
) STRICT, WITHOUT ROWID;
