//! How blocks, transactions, entries of the state and of the log stand in their tables.
//!
//! A row is a function of what it shows, so that a rebuild makes each row anew and compares.

use shared::block::{Body, SealedHeader};
use shared::encoding::encode;
use shared::finality::{LogEntry, LogEvent};
use shared::hash::BlockHash;
use shared::state::{Entry, Path};
use shared::transaction::{Action, Expect, Outcome, SignedTransaction};

use crate::tuple::{self, Rows, Tuple};

/// A table and its columns, in the order in which rows are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [&'static str],
}

pub(crate) const BLOCKS: Table = Table {
    name: "blocks",
    columns: &[
        "height",
        "hash",
        "previous",
        "timestamp",
        "timestamp_ms",
        "version",
        "tx_root",
        "state_root",
        "producer",
        "bits",
        "nonce",
        "transaction_count",
        "sealed",
    ],
};

pub(crate) const TRANSACTIONS: Table = Table {
    name: "transactions",
    columns: &[
        "height",
        "position",
        "id",
        "sender",
        "sequence",
        "valid_until",
        "action",
        "key",
        "value",
        "expect",
        "expected_id",
        "recipient",
        "amount",
        "work",
        "outcome",
        "signed",
    ],
};

pub(crate) const KEYS: Table = Table {
    name: "keys",
    columns: &["key", "value", "written_by", "writer", "height"],
};

pub(crate) const ACCOUNTS: Table = Table {
    name: "accounts",
    columns: &[
        "owner",
        "address",
        "balance",
        "next_sequence",
        "state_bytes",
        "entry",
    ],
};

pub(crate) const CONSENSUS_STATE: Table = Table {
    name: "consensus_state",
    columns: &["path", "entry"],
};

pub(crate) const UNDO: Table = Table {
    name: "undo",
    columns: &["height", "undo"],
};

pub(crate) const DECISIONS: Table = Table {
    name: "decisions",
    columns: &[
        "index",
        "record",
        "kind",
        "timestamp",
        "timestamp_ms",
        "instance",
        "height",
        "block",
        "history_root",
        "round",
        "signers",
        "next_roster",
        "entry",
    ],
};

impl Table {
    /// The columns as SQL names them.
    pub(crate) fn column_list(self) -> String {
        let quoted: Vec<_> = self
            .columns
            .iter()
            .map(|name| format!("{name:?}"))
            .collect();
        quoted.join(", ")
    }

    /// The statement that takes rows in.
    pub(crate) fn copy_in(self) -> String {
        format!(
            "COPY {} ({}) FROM STDIN (FORMAT binary)",
            self.name,
            self.column_list()
        )
    }

    /// The statement that sends rows; `which` is what follows the table's name in a query.
    pub(crate) fn copy_out(self, which: &str) -> String {
        format!(
            "COPY (SELECT {} FROM {} {which}) TO STDOUT (FORMAT binary)",
            self.column_list(),
            self.name
        )
    }

    /// A row as the server sends it.
    pub(crate) fn row(self, fill: impl FnOnce(&mut Tuple<'_>)) -> Vec<u8> {
        tuple::row(self.columns.len(), fill)
    }
}

/// A block's hash in the order in which people see it: a little-endian number, its last byte first.
pub(crate) fn shown(hash: &BlockHash) -> [u8; 32] {
    let mut bytes = hash.0;
    bytes.reverse();
    bytes
}

/// A row of [`BLOCKS`].
pub(crate) fn block(tuple: &mut Tuple<'_>, sealed: &SealedHeader, transactions: usize) {
    let header = &sealed.header;
    tuple.int8(header.height);
    tuple.bytes(&shown(&header.hash()));
    if header.height == 0 {
        // The network's id, which is no block's hash.
        tuple.bytes(&header.previous.0);
    } else {
        tuple.bytes(&shown(&header.previous));
    }
    tuple.timestamp_ms(header.timestamp_ms);
    tuple.numeric(header.timestamp_ms);
    tuple.int8(header.version.into());
    tuple.bytes(&header.tx_root.0);
    tuple.bytes(&header.state_root.0);
    tuple.bytes(&header.producer.0);
    tuple.int8(header.bits.into());
    tuple.numeric(header.nonce);
    tuple.int4(number32(transactions));
    tuple.bytes(&encode(sealed));
}

/// A row of [`TRANSACTIONS`].
pub(crate) fn transaction(
    tuple: &mut Tuple<'_>,
    height: u64,
    position: usize,
    signed: &SignedTransaction,
    outcome: Outcome,
) {
    let transaction = &signed.transaction;
    tuple.int8(height);
    tuple.int4(number32(position));
    tuple.bytes(&transaction.id().0);
    tuple.bytes(&transaction.sender.0);
    tuple.numeric(transaction.sequence);
    tuple.option(transaction.valid_until, Tuple::numeric);
    match &transaction.action {
        Action::Put { key, value, expect } => {
            tuple.text("put");
            tuple.text(key.as_str());
            tuple.text(value.as_str());
            match expect {
                Expect::Anything => tuple.text("anything"),
                Expect::Absent => tuple.text("absent"),
                Expect::WrittenBy(_) => tuple.text("written_by"),
            }
            match expect {
                Expect::WrittenBy(id) => tuple.bytes(&id.0),
                Expect::Anything | Expect::Absent => tuple.null(),
            }
            tuple.null();
            tuple.null();
        }
        Action::Transfer { to, amount } => {
            tuple.text("transfer");
            for _ in ["key", "value", "expect", "expected_id"] {
                tuple.null();
            }
            tuple.bytes(&to.0);
            tuple.numeric(*amount);
        }
    }
    tuple.numeric(transaction.work);
    tuple.text(outcome_name(outcome));
    tuple.bytes(&encode(signed));
}

/// How an outcome is written.
pub(crate) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Applied => "applied",
        Outcome::ExpectFailed => "expect_failed",
        Outcome::BalanceTooSmall => "balance_too_small",
        Outcome::QuotaExceeded => "quota_exceeded",
    }
}

/// The outcome of a name.
pub(crate) fn outcome_of(name: &[u8]) -> Option<Outcome> {
    [
        Outcome::Applied,
        Outcome::ExpectFailed,
        Outcome::BalanceTooSmall,
        Outcome::QuotaExceeded,
    ]
    .into_iter()
    .find(|outcome| outcome_name(*outcome).as_bytes() == name)
}

/// The table of an entry of the state, and its row there.
pub(crate) fn state_row(path: &Path, entry: &Entry) -> (Table, Vec<u8>) {
    match entry {
        Entry::Key(entry) => {
            let row = KEYS.row(|tuple| {
                tuple.text(entry.key.as_str());
                tuple.text(entry.value.as_str());
                tuple.bytes(&entry.written_by.0);
                tuple.bytes(&entry.writer.0);
                tuple.int8(entry.height);
            });
            (KEYS, row)
        }
        Entry::Account(owner, account) => {
            let row = ACCOUNTS.row(|tuple| {
                tuple.bytes(&owner.0);
                tuple.text(&owner.to_string());
                tuple.numeric(account.balance);
                tuple.numeric(account.next_sequence);
                tuple.numeric(account.state_bytes);
                tuple.bytes(&encode(entry));
            });
            (ACCOUNTS, row)
        }
        Entry::Difficulty(_) | Entry::Lottery(_) | Entry::Stakes(_) => {
            let row = CONSENSUS_STATE.row(|tuple| {
                tuple.bytes(&path.0);
                tuple.bytes(&encode(entry));
            });
            (CONSENSUS_STATE, row)
        }
    }
}

/// A row of [`UNDO`].
pub(crate) fn undo(height: u64, undo: &[u8]) -> Vec<u8> {
    UNDO.row(|tuple| {
        tuple.int8(height);
        tuple.bytes(undo);
    })
}

/// A row of [`DECISIONS`].
pub(crate) fn decision(entry: &LogEntry) -> Vec<u8> {
    DECISIONS.row(|tuple| write_decision(tuple, entry))
}

fn write_decision(tuple: &mut Tuple<'_>, entry: &LogEntry) {
    let record = &entry.record;
    tuple.int8(record.index);
    tuple.bytes(&record.hash().0);
    tuple.text(match &record.event {
        LogEvent::Decided { .. } => "decided",
        LogEvent::Forced { .. } => "forced",
    });
    tuple.timestamp_ms(record.timestamp_ms);
    tuple.numeric(record.timestamp_ms);
    let roster = match &record.event {
        LogEvent::Decided {
            decision,
            certificate,
        } => {
            tuple.numeric(decision.instance);
            tuple.numeric(decision.height);
            tuple.bytes(&shown(&decision.block));
            tuple.bytes(&decision.history_root.0);
            tuple.numeric(certificate.round);
            tuple.int4(number32(certificate.signatures.len()));
            &decision.next_roster
        }
        LogEvent::Forced {
            instance,
            new_roster,
            base_height,
            base,
            ..
        } => {
            tuple.numeric(*instance);
            tuple.numeric(*base_height);
            tuple.bytes(&shown(base));
            for _ in ["history_root", "round", "signers"] {
                tuple.null();
            }
            new_roster
        }
    };
    tuple.bytes_array(roster.members.iter().map(|key| key.0.as_slice()));
    tuple.bytes(&encode(entry));
}

/// Adds a block and its transactions to the rows of their tables.
pub(crate) fn push_block(
    blocks: &mut Rows,
    transactions: &mut Rows,
    sealed: &SealedHeader,
    body: &Body,
) {
    blocks.push(BLOCKS.columns.len(), |tuple| {
        block(tuple, sealed, body.transactions.len());
    });
    for (position, signed, outcome) in included(body) {
        transactions.push(TRANSACTIONS.columns.len(), |tuple| {
            transaction(tuple, sealed.header.height, position, signed, outcome);
        });
    }
}

/// The transactions of a body with position and outcome.
pub(crate) fn included(body: &Body) -> impl Iterator<Item = (usize, &SignedTransaction, Outcome)> {
    body.transactions
        .iter()
        .zip(body.outcomes.iter())
        .enumerate()
        .map(|(position, (signed, outcome))| (position, signed, *outcome))
}

fn number32(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
