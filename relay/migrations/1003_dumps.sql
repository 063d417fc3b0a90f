-- The dumps that were started and not stopped: the relay goes on with them at its next start.
CREATE TABLE dumps (
    network BLOB NOT NULL CHECK (length(network) = 32),
    target  TEXT NOT NULL,
    PRIMARY KEY (network, target)
) STRICT, WITHOUT ROWID;
