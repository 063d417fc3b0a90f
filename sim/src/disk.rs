//! A store that is durable only after a while, and loses in a crash what was not.

use std::collections::{BTreeMap, VecDeque};

use shared::store::{Query, Row, Rows, Table, Write};

type Data = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// What is durable, and batches on their way, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    durable: Data,
    /// Everything written, durable or not: what reads see.
    seen: Data,
    underway: VecDeque<(u64, Vec<Write>)>,
    /// A copy of what was durable once.
    backup: Option<Data>,
}

impl Disk {
    /// Takes a batch; it becomes durable by [`Disk::flush`].
    pub(crate) fn write(&mut self, id: u64, writes: Vec<Write>) {
        apply(&mut self.seen, &writes);
        self.underway.push_back((id, writes));
    }

    /// Makes the oldest batch durable, if it is this one: its writes.
    pub(crate) fn flush(&mut self, id: u64) -> Option<Vec<Write>> {
        let (_, writes) = self.underway.pop_front_if(|(oldest, _)| *oldest == id)?;
        apply(&mut self.durable, &writes);
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
        let row = self.durable.get(&(table, key.to_vec()));
        row.map(Vec::as_slice)
    }

    /// A row as reads see it.
    pub(crate) fn row(&self, table: Table, key: &[u8]) -> Option<&[u8]> {
        let row = self.seen.get(&(table, key.to_vec()));
        row.map(Vec::as_slice)
    }

    /// Forgets the replica.
    pub(crate) fn clear(&mut self) {
        self.underway.clear();
        self.durable
            .retain(|(table, _), _| !table.belongs_to_replica());
        self.seen = self.durable.clone();
    }

    pub(crate) fn read(&self, query: &Query) -> Vec<Row> {
        match query {
            Query::Keys { table, keys } => keys
                .iter()
                .filter_map(|key| {
                    let value = self.seen.get(&(*table, key.clone()))?.clone();
                    let key = key.clone();
                    Some(Row { key, value })
                })
                .collect(),
            Query::Range {
                table,
                from,
                to,
                rows_max,
                newest_first,
            } => {
                let range = self
                    .seen
                    .range((*table, from.clone())..(*table, to.clone()));
                let rows = range.map(row);
                let count = usize::try_from(*rows_max).unwrap_or(usize::MAX);
                if *newest_first {
                    rows.rev().take(count).collect()
                } else {
                    rows.take(count).collect()
                }
            }
        }
    }

    /// The rows that a node or relay starts with.
    pub(crate) fn rows(&self) -> Rows {
        let mut rows = Rows::default();
        for table in Rows::TABLES {
            let all = self.seen.iter().filter(|((at, _), _)| *at == table);
            rows.insert(table, all.map(row).collect());
        }
        rows
    }
}

fn row(((_, key), value): (&(Table, Vec<u8>), &Vec<u8>)) -> Row {
    Row {
        key: key.clone(),
        value: value.clone(),
    }
}

fn apply(data: &mut Data, writes: &[Write]) {
    for Write { table, key, value } in writes {
        match value {
            Some(value) => data.insert((*table, key.clone()), value.clone()),
            None => data.remove(&(*table, key.clone())),
        };
    }
}
