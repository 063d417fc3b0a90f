//! A store that is durable only after a while, and loses in a crash what was not.

use std::collections::VecDeque;

use shared::store::{MemoryStore, Query, Row, Rows, Table, Write};

/// What is durable, and batches on their way, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    durable: MemoryStore,
    /// Everything written, durable or not: what reads see.
    seen: MemoryStore,
    underway: VecDeque<(u64, Vec<Write>)>,
    /// A copy of what was durable once.
    backup: Option<MemoryStore>,
}

impl Disk {
    /// Takes a batch; it becomes durable by [`Disk::flush`].
    pub(crate) fn write(&mut self, id: u64, writes: Vec<Write>) {
        self.seen.write(&writes);
        self.underway.push_back((id, writes));
    }

    /// Makes the oldest batch durable, if it is this one: its writes.
    pub(crate) fn flush(&mut self, id: u64) -> Option<Vec<Write>> {
        let (_, writes) = self.underway.pop_front_if(|(oldest, _)| *oldest == id)?;
        self.durable.write(&writes);
        Some(writes)
    }

    /// Forgets what was not durable.
    pub(crate) fn crash(&mut self) {
        self.underway.clear();
        self.seen = self.durable.clone();
    }

    /// Copies what is durable, as a backup does.
    pub(crate) fn back_up(&mut self) {
        self.backup = Some(self.durable.clone());
    }

    /// Puts the last backup in the place of what is durable. False where there is none.
    pub(crate) fn restore(&mut self) -> bool {
        let Some(backup) = &self.backup else {
            return false;
        };
        self.durable = backup.clone();
        self.crash();
        true
    }

    /// A row that a crash would leave.
    pub(crate) fn durable(&self, table: Table, key: &[u8]) -> Option<&[u8]> {
        self.durable.row(table, key)
    }

    /// A row as reads see it.
    pub(crate) fn row(&self, table: Table, key: &[u8]) -> Option<&[u8]> {
        self.seen.row(table, key)
    }

    /// Forgets the replica.
    pub(crate) fn clear(&mut self) {
        self.underway.clear();
        self.durable.clear();
        self.seen = self.durable.clone();
    }

    pub(crate) fn read(&self, query: &Query) -> Vec<Row> {
        self.seen.read(query)
    }

    /// The rows that a node or relay starts with.
    pub(crate) fn rows(&self) -> Rows {
        self.seen.rows()
    }
}
