-- Proofs that a member, or the relay, has signed what contradicts itself.
CREATE TABLE evidence (
    replica INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (replica, key)
) STRICT;
