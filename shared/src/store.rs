//! What a replica asks of its storage: named tables of bytes, changed in atomic batches.
//!
//! IndexedDB, SQLite, a folder on disk and plain memory all can do this; none of them has to
//! know what the bytes mean.

use crate::encoding::encode;
use borsh::BorshSerialize;

mod memory;

pub use memory::MemoryStore;

/// Pairs what a pure core asks for with the event that reports on it.
pub type RequestId = u64;

/// The tables. Keys are ordered as bytes; heights and indexes in keys are big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Name to value. A node: the network's parameters, its number, the newest slot that it has
    /// signed for. The relay: the last term, the number of the next new member, the length that
    /// its log is known to have had, invitations.
    Meta,
    /// Height to [`crate::block::SealedHeader`], best chain only.
    Headers,
    /// Height to [`crate::block::Body`], best chain only.
    Bodies,
    /// Height to [`crate::state::Undo`], for blocks that may still be taken back.
    Undo,
    /// Path to [`crate::state::Entry`].
    State,
    /// Transaction id to its [`Place`].
    Transactions,
    /// State path of a key and [`Place`] of a write to it, to the write's transaction id.
    KeyHistory,
    /// Hash of a pending transaction to its row.
    Pending,
    /// Index to an entry of the decision log.
    Log,
    /// Every key that ever registered with the relay: public key to its number and vote mark.
    Members,
    /// Network id to what this node's key has voted there. It binds the key for ever, and so
    /// outlives the replica.
    Votes,
    /// Proofs that a member, or the relay, has signed what contradicts itself.
    Evidence,
}

impl Table {
    /// All tables, in a fixed order.
    pub const ALL: [Self; 12] = [
        Self::Meta,
        Self::Headers,
        Self::Bodies,
        Self::Undo,
        Self::State,
        Self::Transactions,
        Self::KeyHistory,
        Self::Pending,
        Self::Log,
        Self::Members,
        Self::Votes,
        Self::Evidence,
    ];

    /// Whether the table is emptied when a replica is given up.
    #[must_use]
    pub const fn belongs_to_replica(self) -> bool {
        !matches!(self, Self::Votes)
    }

    /// The table's name in a database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Headers => "headers",
            Self::Bodies => "bodies",
            Self::Undo => "undo",
            Self::State => "state",
            Self::Transactions => "transactions",
            Self::KeyHistory => "key_history",
            Self::Pending => "pending",
            Self::Log => "log",
            Self::Members => "members",
            Self::Votes => "votes",
            Self::Evidence => "evidence",
        }
    }
}

/// One change to one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The table.
    pub table: Table,
    /// The row's key.
    pub key: Vec<u8>,
    /// The row's new value; nothing removes the row.
    pub value: Option<Vec<u8>>,
}

impl Write {
    /// Sets a row.
    pub fn put<T: BorshSerialize>(table: Table, key: impl Into<Vec<u8>>, value: &T) -> Self {
        Self {
            table,
            key: key.into(),
            value: Some(encode(value)),
        }
    }

    /// Removes a row.
    pub fn remove(table: Table, key: impl Into<Vec<u8>>) -> Self {
        Self {
            table,
            key: key.into(),
            value: None,
        }
    }
}

/// Rows to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// The rows with these keys, those that exist, in this order.
    Keys {
        /// The table.
        table: Table,
        /// The keys.
        keys: Vec<Vec<u8>>,
    },
    /// The first rows with keys from `from` to before `to`.
    Range {
        /// The table.
        table: Table,
        /// The first key.
        from: Vec<u8>,
        /// The first key that is not wanted any more.
        to: Vec<u8>,
        /// How many rows at most.
        rows_max: u32,
        /// Whether to begin at the end, and go backwards.
        newest_first: bool,
    },
}

impl Query {
    /// The table that is read.
    #[must_use]
    pub fn table(&self) -> Table {
        match self {
            Self::Keys { table, .. } | Self::Range { table, .. } => *table,
        }
    }
}

/// A row as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// All rows of a table that a node needs in memory when it starts.
#[derive(Clone, Debug, Default)]
pub struct Rows(std::collections::HashMap<Table, Vec<Row>>);

impl Rows {
    /// The tables that are read at start. Bodies and indexes stay on disk.
    pub const TABLES: [Table; 8] = [
        Table::Meta,
        Table::Headers,
        Table::Undo,
        Table::State,
        Table::Pending,
        Table::Log,
        Table::Votes,
        Table::Evidence,
    ];

    /// Adds a table's rows, in the order of their keys.
    pub fn insert(&mut self, table: Table, rows: Vec<Row>) {
        self.0.insert(table, rows);
    }

    /// A table's rows, in the order of their keys.
    #[must_use]
    pub fn table(&self, table: Table) -> &[Row] {
        self.0.get(&table).map_or(&[], Vec::as_slice)
    }

    /// The value of a row.
    #[must_use]
    pub fn get(&self, table: Table, key: &[u8]) -> Option<&[u8]> {
        self.table(table)
            .iter()
            .find(|row| row.key == key)
            .map(|row| row.value.as_slice())
    }
}

/// A height or an index as a key: ordered as bytes as it is as a number.
#[must_use]
pub fn number_key(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// The number of a key made by [`number_key`].
#[must_use]
pub fn key_number(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

/// Where a transaction stands.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    borsh::BorshSerialize,
    borsh::BorshDeserialize,
)]
pub struct Place {
    /// Height of its block.
    pub height: u64,
    /// Its position among the block's transactions, from 0.
    pub index: u32,
}

impl Place {
    /// The place as part of a key, in order.
    #[must_use]
    pub fn key_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        let parts = self.height.to_be_bytes().into_iter();
        for (to, from) in bytes.iter_mut().zip(parts.chain(self.index.to_be_bytes())) {
            *to = from;
        }
        bytes
    }
}
