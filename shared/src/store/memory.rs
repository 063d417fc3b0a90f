//! Rows in memory: for nodes that keep nothing, and for tests.

use std::collections::BTreeMap;

use super::{Query, Row, Rows, Table, Write};

/// A store that lasts as long as it is held, in which every batch is durable at once. Whoever holds
/// it may look at any row, and alter it as a broken disk would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStore(pub BTreeMap<(Table, Vec<u8>), Vec<u8>>);

impl MemoryStore {
    /// Writes a batch.
    pub fn write(&mut self, writes: &[Write]) {
        for Write { table, key, value } in writes {
            let key = (*table, key.clone());
            match value {
                Some(value) => self.0.insert(key, value.clone()),
                None => self.0.remove(&key),
            };
        }
    }

    /// Gives the replica up; what binds the key for ever stays.
    pub fn clear(&mut self) {
        self.0.retain(|(table, _), _| !table.belongs_to_replica());
    }

    /// The value of a row.
    #[must_use]
    pub fn row(&self, table: Table, key: &[u8]) -> Option<&[u8]> {
        let value = self.0.get(&(table, key.to_vec()));
        value.map(Vec::as_slice)
    }

    /// All rows of a table, in the order of their keys.
    pub fn table(&self, table: Table) -> impl Iterator<Item = Row> {
        self.0
            .range((table, Vec::new())..)
            .take_while(move |((other, _), _)| *other == table)
            .map(row)
    }

    /// The rows that are asked for.
    #[must_use]
    pub fn read(&self, query: &Query) -> Vec<Row> {
        match query {
            Query::Keys { table, keys } => {
                let found = keys.iter().filter_map(|key| {
                    let key = (*table, key.clone());
                    self.0.get_key_value(&key).map(row)
                });
                found.collect()
            }
            Query::Range { from, to, .. } if from >= to => Vec::new(),
            Query::Range {
                table,
                from,
                to,
                rows_max,
                newest_first,
            } => {
                let range = self.0.range((*table, from.clone())..(*table, to.clone()));
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
    #[must_use]
    pub fn rows(&self) -> Rows {
        let mut rows = Rows::default();
        for table in Rows::TABLES {
            rows.insert(table, self.table(table).collect());
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

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table::Headers;

    /// Rows 0 to 4 of a table, and one of each of its neighbours.
    fn store() -> MemoryStore {
        let rows = (0..5).map(|key| Write::put(TABLE, [key], &key));
        let others = [Table::Meta, Table::Votes].map(|table| Write::put(table, [2], &9_u8));
        let mut store = MemoryStore::default();
        store.write(&rows.chain(others).collect::<Vec<_>>());
        store
    }

    fn keys(rows: Vec<Row>) -> Vec<u8> {
        rows.into_iter().flat_map(|row| row.key).collect()
    }

    fn range(from: u8, to: u8, rows_max: u32, newest_first: bool) -> Vec<u8> {
        keys(store().read(&Query::Range {
            table: TABLE,
            from: vec![from],
            to: vec![to],
            rows_max,
            newest_first,
        }))
    }

    #[test]
    fn a_range_has_its_beginning_and_not_its_end_and_as_many_rows_as_are_asked_for() {
        assert_eq!(range(1, 4, 9, false), [1, 2, 3]);
        assert_eq!(range(1, 9, 2, false), [1, 2]);
        assert_eq!(range(1, 9, 2, true), [4, 3]);
        assert_eq!(range(3, 3, 9, false), [0; 0]);
        assert_eq!(range(4, 1, 9, false), [0; 0], "a stranger may ask for that");
    }

    #[test]
    fn keys_are_answered_in_the_order_of_the_question_and_those_that_are_not_there_left_out() {
        let query = Query::Keys {
            table: TABLE,
            keys: vec![vec![4], vec![7], vec![0]],
        };
        assert_eq!(keys(store().read(&query)), [4, 0]);
    }

    #[test]
    fn a_row_is_replaced_removed_and_of_one_table() {
        let mut store = store();
        store.write(&[Write::put(TABLE, [2], &7_u8), Write::remove(TABLE, [3])]);
        assert_eq!(store.row(TABLE, &[2]), Some([7].as_slice()));
        assert_eq!(keys(store.table(TABLE).collect()), [0, 1, 2, 4]);
        assert_eq!(store.rows().table(Table::Meta).len(), 1);
    }

    #[test]
    fn what_a_key_has_voted_outlives_its_replica() {
        let mut store = store();
        store.clear();
        assert_eq!(store.0.len(), 1);
        assert!(store.row(Table::Votes, &[2]).is_some());
    }
}
