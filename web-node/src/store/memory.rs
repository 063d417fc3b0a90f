//! A storage that forgets: for browsers that refuse theirs, and for tests.

use std::cell::RefCell;
use std::collections::BTreeMap;

use shared::store::{Query, Row, Rows, Table, Write};

use super::{Store, StoreError};

/// Tables in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(RefCell<Tables>);

/// Values by table and key, in the order of a range.
type Tables = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

impl Store for MemoryStore {
    async fn write(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut rows = self.0.borrow_mut();
        for write in writes {
            let key = (write.table, write.key.clone());
            match &write.value {
                Some(value) => rows.insert(key, value.clone()),
                None => rows.remove(&key),
            };
        }
        Ok(())
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.0
            .borrow_mut()
            .retain(|(table, _), _| !table.belongs_to_replica());
        Ok(())
    }

    async fn load(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        let rows = self.0.borrow();
        Ok(match query {
            Query::Keys { table, keys } => keys
                .iter()
                .filter_map(|key| {
                    let value = rows.get(&(*table, key.clone()))?;
                    Some(row(key, value))
                })
                .collect(),
            Query::Range { from, to, .. } if from >= to => Vec::new(),
            Query::Range {
                table,
                from,
                to,
                rows_max,
                newest_first,
            } => {
                let range = rows
                    .range((*table, from.clone())..(*table, to.clone()))
                    .map(|((_, key), value)| row(key, value));
                let rows_max = usize::try_from(*rows_max).unwrap_or(usize::MAX);
                if *newest_first {
                    range.rev().take(rows_max).collect()
                } else {
                    range.take(rows_max).collect()
                }
            }
        })
    }

    async fn rows(&self) -> Result<Rows, StoreError> {
        let stored = self.0.borrow();
        let mut rows = Rows::default();
        for table in Rows::TABLES {
            let of_table = stored
                .range((table, Vec::new())..)
                .take_while(|((other, _), _)| *other == table)
                .map(|((_, key), value)| row(key, value));
            rows.insert(table, of_table.collect());
        }
        Ok(rows)
    }
}

fn row(key: &[u8], value: &[u8]) -> Row {
    Row {
        key: key.to_vec(),
        value: value.to_vec(),
    }
}
