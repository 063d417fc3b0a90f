-- Run once, in the schema of one network, in the transaction that makes the schema. What is not
-- needed to write rows follows in indexes.sql.

CREATE TABLE network (
    id             bytea PRIMARY KEY CHECK (length(id) = 32),
    name           text NOT NULL,
    parameters     bytea NOT NULL,
    tables_version integer NOT NULL
);
CREATE UNIQUE INDEX network_one_row ON network ((true));
COMMENT ON TABLE network IS 'The network of this schema. Shows that the schema was made by a dump of it.';
COMMENT ON COLUMN network.id IS 'SHA-256 of the parameters: the name of the network for machines.';
COMMENT ON COLUMN network.name IS 'The name that people use.';
COMMENT ON COLUMN network.parameters IS 'What the network was made with: exact bytes (Borsh).';
COMMENT ON COLUMN network.tables_version IS 'Version of the tables in this schema.';

CREATE TABLE head (
    height         bigint NOT NULL,
    hash           bytea NOT NULL,
    final_height   bigint NOT NULL,
    log_length     bigint NOT NULL,
    log_head       bytea NOT NULL,
    written_at     timestamptz NOT NULL
);
CREATE UNIQUE INDEX head_one_row ON head ((true));
COMMENT ON TABLE head IS 'Where the dump stands. Changes in the same transaction as all other tables: what they hold is the chain up to this height, never a part of a block.';
COMMENT ON COLUMN head.height IS 'Height of the last block in the tables.';
COMMENT ON COLUMN head.hash IS 'Hash of that block, in the order in which people see it.';
COMMENT ON COLUMN head.final_height IS 'Blocks up to this height are decided and never change.';
COMMENT ON COLUMN head.log_length IS 'Number of rows in decisions.';
COMMENT ON COLUMN head.log_head IS 'Hash of the last record of the decision log: the fingerprint that pages show too.';
COMMENT ON COLUMN head.written_at IS 'When the last transaction of the dump was committed, by the clock of PostgreSQL.';

CREATE TABLE blocks (
    height            bigint PRIMARY KEY,
    hash              bytea NOT NULL UNIQUE,
    previous          bytea NOT NULL,
    "timestamp"       timestamptz NOT NULL,
    timestamp_ms      numeric(20, 0) NOT NULL,
    version           bigint NOT NULL,
    tx_root           bytea NOT NULL,
    state_root        bytea NOT NULL,
    producer          bytea NOT NULL,
    bits              bigint NOT NULL,
    nonce             numeric(20, 0) NOT NULL,
    transaction_count integer NOT NULL,
    sealed            bytea NOT NULL
);
COMMENT ON TABLE blocks IS 'The blocks of the best chain, from the genesis block at height 0.';
COMMENT ON COLUMN blocks.height IS 'Distance from the genesis block.';
COMMENT ON COLUMN blocks.hash IS 'The hash that names the block, in the order in which people see it: encode(hash, ''hex'') is what pages show.';
COMMENT ON COLUMN blocks.previous IS 'Hash of the block before, in the same order; at height 0 the id of the network.';
COMMENT ON COLUMN blocks."timestamp" IS 'When the producer says that it was made; infinity where PostgreSQL has no such time.';
COMMENT ON COLUMN blocks.timestamp_ms IS 'The same in milliseconds since 1970 UTC, exactly.';
COMMENT ON COLUMN blocks.version IS 'Version of the rules, and above 16 bits what the miner chose.';
COMMENT ON COLUMN blocks.tx_root IS 'Root over the transactions and their outcomes (RFC 6962).';
COMMENT ON COLUMN blocks.state_root IS 'Root of the state after this block.';
COMMENT ON COLUMN blocks.producer IS 'Public key of who made the block and is rewarded.';
COMMENT ON COLUMN blocks.bits IS 'The target in compact form.';
COMMENT ON COLUMN blocks.nonce IS 'What the producer found.';
COMMENT ON COLUMN blocks.transaction_count IS 'Number of rows in transactions of this height.';
COMMENT ON COLUMN blocks.sealed IS 'Header and seal: exact bytes (Borsh). Behind the domain tag, the first 160 are what is hashed.';

CREATE TABLE transactions (
    height      bigint NOT NULL,
    position    integer NOT NULL,
    id          bytea NOT NULL,
    sender      bytea NOT NULL,
    sequence    numeric(20, 0) NOT NULL,
    valid_until numeric(20, 0),
    action      text NOT NULL,
    key         text COLLATE "C",
    value       text,
    expect      text,
    expected_id bytea,
    recipient   bytea,
    amount      numeric(20, 0),
    work        numeric(20, 0) NOT NULL,
    outcome     text NOT NULL,
    signed      bytea NOT NULL,
    PRIMARY KEY (height, position)
);
COMMENT ON TABLE transactions IS 'The transactions of the blocks, in the order of their execution, also those that took no effect.';
COMMENT ON COLUMN transactions.height IS 'Height of the block.';
COMMENT ON COLUMN transactions.position IS 'Position in the block, from 0.';
COMMENT ON COLUMN transactions.id IS 'SHA-256 of the tagged transaction: its name.';
COMMENT ON COLUMN transactions.sender IS 'Public key of the sender; accounts has it as text.';
COMMENT ON COLUMN transactions.sequence IS 'Number of transactions of this sender before this one.';
COMMENT ON COLUMN transactions.valid_until IS 'The last height of a block that may include it, if there is one.';
COMMENT ON COLUMN transactions.action IS 'put or transfer.';
COMMENT ON COLUMN transactions.key IS 'put: the key that is written.';
COMMENT ON COLUMN transactions.value IS 'put: its new value.';
COMMENT ON COLUMN transactions.expect IS 'put: what the key must be before: anything, absent, or written_by.';
COMMENT ON COLUMN transactions.expected_id IS 'put: the transaction that must have been the last to write the key, where expect is written_by.';
COMMENT ON COLUMN transactions.recipient IS 'transfer: public key of who receives.';
COMMENT ON COLUMN transactions.amount IS 'transfer: how much.';
COMMENT ON COLUMN transactions.work IS 'Chosen by the sender so that the id has as many leading zero bits as the network asks for.';
COMMENT ON COLUMN transactions.outcome IS 'applied, or why it took no effect: expect_failed, balance_too_small, quota_exceeded.';
COMMENT ON COLUMN transactions.signed IS 'Transaction and signature: exact bytes (Borsh).';

CREATE TABLE keys (
    key        text COLLATE "C" PRIMARY KEY,
    value      text NOT NULL,
    written_by bytea NOT NULL,
    writer     bytea NOT NULL,
    height     bigint NOT NULL
);
COMMENT ON TABLE keys IS 'The present value of each key.';
COMMENT ON COLUMN keys.key IS 'The key. Keys compare as bytes.';
COMMENT ON COLUMN keys.value IS 'Its present value.';
COMMENT ON COLUMN keys.written_by IS 'Id of the transaction that wrote it: its version.';
COMMENT ON COLUMN keys.writer IS 'Public key of who wrote it.';
COMMENT ON COLUMN keys.height IS 'Height of the block that wrote it.';

CREATE TABLE accounts (
    owner         bytea PRIMARY KEY,
    address       text NOT NULL,
    balance       numeric(20, 0) NOT NULL,
    next_sequence numeric(20, 0) NOT NULL,
    state_bytes   numeric(20, 0) NOT NULL,
    entry         bytea NOT NULL
);
COMMENT ON TABLE accounts IS 'Everyone who ever wrote, received or produced.';
COMMENT ON COLUMN accounts.owner IS 'Public key (Ed25519).';
COMMENT ON COLUMN accounts.address IS 'The same as people see it (Bech32m).';
COMMENT ON COLUMN accounts.balance IS 'Rewards and transfers received, less those sent.';
COMMENT ON COLUMN accounts.next_sequence IS 'The sequence that the next transaction must carry.';
COMMENT ON COLUMN accounts.state_bytes IS 'Bytes of keys and values that this account was the last to write.';
COMMENT ON COLUMN accounts.entry IS 'The entry in the state: exact bytes (Borsh).';

CREATE TABLE consensus_state (
    path  bytea PRIMARY KEY,
    entry bytea NOT NULL
);
COMMENT ON TABLE consensus_state IS 'What consensus itself keeps in the state, such as the schedule of the difficulty.';
COMMENT ON COLUMN consensus_state.path IS 'Place in the state tree.';
COMMENT ON COLUMN consensus_state.entry IS 'The entry in the state: exact bytes (Borsh).';

CREATE TABLE undo (
    height bigint PRIMARY KEY,
    undo   bytea NOT NULL
);
COMMENT ON TABLE undo IS 'How to take back the blocks that are not final.';
COMMENT ON COLUMN undo.height IS 'Height of the block.';
COMMENT ON COLUMN undo.undo IS 'The entries of the state before it, where it changed them: exact bytes (Borsh).';

CREATE TABLE decisions (
    index        bigint PRIMARY KEY,
    record       bytea NOT NULL,
    kind         text NOT NULL,
    "timestamp"  timestamptz NOT NULL,
    timestamp_ms numeric(20, 0) NOT NULL,
    instance     numeric(20, 0) NOT NULL,
    height       numeric(20, 0) NOT NULL,
    block        bytea NOT NULL,
    history_root bytea,
    round        numeric(20, 0),
    signers      integer,
    next_roster  bytea[] NOT NULL,
    entry        bytea NOT NULL
);
COMMENT ON TABLE decisions IS 'The decision log that the relay signs: which blocks are final, and who votes.';
COMMENT ON COLUMN decisions.index IS 'Position in the log, from 0.';
COMMENT ON COLUMN decisions.record IS 'Hash of the record; the next record and the head of the log name it.';
COMMENT ON COLUMN decisions.kind IS 'decided: the roster decided by more than two thirds. forced: the relay replaced the roster.';
COMMENT ON COLUMN decisions."timestamp" IS 'When the relay wrote it, by its own word; infinity where PostgreSQL has no such time.';
COMMENT ON COLUMN decisions.timestamp_ms IS 'The same in milliseconds since 1970 UTC, exactly.';
COMMENT ON COLUMN decisions.instance IS 'Number of the decision; of a forced change, that of the next decision.';
COMMENT ON COLUMN decisions.height IS 'Height of the decided block; of a forced change, that of the last decided one.';
COMMENT ON COLUMN decisions.block IS 'Hash of that block, in the order in which people see it.';
COMMENT ON COLUMN decisions.history_root IS 'decided: root of the history tree over all blocks up to that one (RFC 6962).';
COMMENT ON COLUMN decisions.round IS 'decided: term of the leader under whom the votes were cast.';
COMMENT ON COLUMN decisions.signers IS 'decided: number of members who signed.';
COMMENT ON COLUMN decisions.next_roster IS 'Public keys of those who vote next.';
COMMENT ON COLUMN decisions.entry IS 'Record, certificate and signature: exact bytes (Borsh).';

CREATE VIEW key_history AS
SELECT t.key, t.height, t.position, b."timestamp", t.value, t.outcome,
       coalesce(a.address, encode(t.sender, 'hex')) AS sender,
       encode(t.id, 'hex') AS id, t.height <= h.final_height AS is_final
FROM transactions t
JOIN blocks b USING (height)
CROSS JOIN head h
LEFT JOIN accounts a ON a.owner = t.sender
WHERE t.key IS NOT NULL;
COMMENT ON VIEW key_history IS 'All writes to all keys, also those that took no effect. Ask with WHERE key = … ORDER BY height, position.';

CREATE VIEW sent AS
SELECT coalesce(s.address, encode(t.sender, 'hex')) AS sender, t.sequence, t.height, t.position,
       b."timestamp", t.action, t.key, t.value,
       coalesce(r.address, encode(t.recipient, 'hex')) AS recipient, t.amount, t.outcome,
       encode(t.id, 'hex') AS id, t.height <= h.final_height AS is_final
FROM transactions t
JOIN blocks b USING (height)
CROSS JOIN head h
LEFT JOIN accounts s ON s.owner = t.sender
LEFT JOIN accounts r ON r.owner = t.recipient;
COMMENT ON VIEW sent IS 'Transactions by sender, with addresses as people see them. Ask with WHERE sender = … ORDER BY sequence.';

CREATE VIEW blocks_per_hour AS
SELECT date_trunc('hour', "timestamp") AS hour, count(*) AS blocks,
       sum(transaction_count) AS transactions, count(DISTINCT producer) AS producers
FROM blocks
WHERE height > 0 AND isfinite("timestamp")
GROUP BY 1
ORDER BY 1;
COMMENT ON VIEW blocks_per_hour IS 'Blocks, transactions and producers in each hour that had a block.';

CREATE VIEW producers AS
SELECT coalesce(a.address, encode(b.producer, 'hex')) AS producer, count(*) AS blocks,
       min(b.height) AS first_height, max(b.height) AS last_height, a.balance
FROM blocks b
LEFT JOIN accounts a ON a.owner = b.producer
WHERE b.height > 0
GROUP BY a.address, b.producer, a.balance;
COMMENT ON VIEW producers IS 'Who made how many blocks.';

CREATE VIEW chain_status AS
SELECT n.name, encode(n.id, 'hex') AS network, h.height, encode(h.hash, 'hex') AS tip,
       h.final_height, encode(h.log_head, 'hex') AS log_head,
       (SELECT count(*) FROM decisions WHERE kind = 'forced' AND index > 0) AS forced_changes,
       h.written_at
FROM network n CROSS JOIN head h;
COMMENT ON VIEW chain_status IS 'The network and where its dump stands, as people see it.';
