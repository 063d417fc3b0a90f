-- SHA-256 of the operator's token. There is at most one row.
CREATE TABLE operator (
    number     INTEGER PRIMARY KEY CHECK (number = 1),
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32)
) STRICT;

-- SHA-256 of the token of whoever made the network; none where the relay's start did.
ALTER TABLE networks ADD COLUMN administrator BLOB CHECK (length(administrator) = 32);
