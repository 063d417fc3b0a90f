-- Run once, when the tables have caught up for the first time: rows that come in bulk cost half as
-- much without, and an index that is made of all rows at once is smaller and quicker.

CREATE INDEX blocks_timestamp ON blocks ("timestamp");
CREATE INDEX blocks_producer ON blocks (producer, height);
CREATE UNIQUE INDEX transactions_id ON transactions (id);
CREATE INDEX transactions_sender ON transactions (sender, height);
CREATE INDEX transactions_key ON transactions (key, height) WHERE key IS NOT NULL;
CREATE INDEX transactions_recipient ON transactions (recipient, height) WHERE recipient IS NOT NULL;
CREATE INDEX accounts_address ON accounts (address);
CREATE INDEX decisions_height ON decisions (height);
ALTER TABLE transactions ADD CONSTRAINT transactions_block FOREIGN KEY (height) REFERENCES blocks
    ON DELETE CASCADE;
