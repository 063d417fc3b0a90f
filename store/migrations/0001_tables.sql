-- "TabC": marks the file as Tabchain's, so that another program's is refused and left alone.
PRAGMA application_id = 0x54616243;

-- One table for each of shared::store::Table; `replica` tells apart the replicas that share the
-- file. Small rows live in the index itself; tables whose rows are often larger than a twentieth of
-- a page keep theirs outside.
CREATE TABLE meta (
    replica INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (replica, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE headers (
    replica INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (replica, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE bodies (
    replica INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (replica, key)
) STRICT;

CREATE TABLE undo (
    replica INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (replica, key)
) STRICT;

CREATE TABLE state (
    replica INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (replica, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE transactions (
    replica INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (replica, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE key_history (
    replica INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (replica, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE pending (
    replica INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (replica, key)
) STRICT;

CREATE TABLE log (
    replica INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (replica, key)
) STRICT;

CREATE TABLE members (
    replica INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (replica, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE votes (
    replica INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (replica, key)
) STRICT, WITHOUT ROWID;
