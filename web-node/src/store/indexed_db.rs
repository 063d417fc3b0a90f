//! The replica in IndexedDB: one database for each slot, one object store for each table. Where
//! [`packs`] hold a table's rows, the values there are many rows each.
//!
//! Every write is strictly durable: the browsers' default has been relaxed since 2023, and would
//! let a vote be sent that a power cut forgets. In batches that costs nothing.

pub(crate) mod database;
mod packs;
mod schema;

use std::collections::HashSet;

use js_sys::{Array, ArrayBuffer, Uint8Array};
use shared::store::{Query, Row, Rows, Table, Write};
use wasm_bindgen::{JsCast, JsValue};

use self::database::{Database, ObjectStore, Request};
use super::{Store, StoreError};
use crate::js::{call, global, property};

/// A database of this browser, open. It closes when another version of this program, or the
/// user, wants it gone; every call fails from then on.
#[derive(Clone)]
pub struct IndexedDb(Database);

impl IndexedDb {
    /// Opens the database of a slot, and brings it to the present schema. Each network that the
    /// page's address names has one of its own.
    pub async fn open(slot: u32, network: Option<&str>) -> Result<Self, StoreError> {
        let name = match network {
            Some(network) => format!("tabchain-{slot}-{network}"),
            None => format!("tabchain-{slot}"),
        };
        Self::open_named(&name).await
    }

    /// Opens a database by its name, and brings it to the present schema.
    pub async fn open_named(name: &str) -> Result<Self, StoreError> {
        let database = Database::open(name, schema::VERSION, schema::migrate).await?;
        Ok(Self(database))
    }

    /// A value of the store beside the tables, which holds what only this browser understands.
    pub async fn local(&self, key: &str) -> Result<Option<JsValue>, StoreError> {
        let transaction = self.0.read(&[schema::LOCAL])?;
        let store = transaction.store(schema::LOCAL)?;
        get(&store, key.into()).await
    }

    /// Sets a value of that store, durably.
    pub async fn set_local(&self, key: &str, value: JsValue) -> Result<(), StoreError> {
        let transaction = self.0.change(&[schema::LOCAL])?;
        let store = transaction.store(schema::LOCAL)?;
        store.tell("put", &[value, key.into()])?;
        transaction.commit().await
    }

    /// Moves a value of that store to another key of it, durably and in one.
    pub async fn rename_local(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let transaction = self.0.change(&[schema::LOCAL])?;
        let store = transaction.store(schema::LOCAL)?;
        if let Some(value) = get(&store, from.into()).await? {
            store.tell("put", &[value, to.into()])?;
            store.tell("delete", &[from.into()])?;
        }
        transaction.commit().await
    }

    /// Empties all tables, votes included: they are another key's from now on.
    pub async fn clear_all(&self) -> Result<(), StoreError> {
        self.empty(|_| true).await
    }

    async fn empty(&self, is_meant: impl Fn(Table) -> bool) -> Result<(), StoreError> {
        let names = Table::ALL.map(Table::name);
        let transaction = self.0.change(&names)?;
        for table in Table::ALL.into_iter().filter(|table| is_meant(*table)) {
            transaction.store(table.name())?.tell("clear", &[])?;
        }
        transaction.commit().await
    }
}

impl Store for IndexedDb {
    async fn write(&self, writes: &[Write]) -> Result<(), StoreError> {
        let by_table: Vec<(Table, Vec<&Write>)> = Table::ALL
            .into_iter()
            .map(|table| (table, last_changes(table, writes)))
            .filter(|(_, changes)| !changes.is_empty())
            .collect();
        if by_table.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = by_table.iter().map(|(table, _)| table.name()).collect();
        let transaction = self.0.change(&names)?;
        for (table, changes) in by_table {
            let store = transaction.store(table.name())?;
            // A request that fails aborts the transaction.
            if packs::hold(table) {
                packs::write(&store, &changes).await?;
            } else {
                changes.iter().try_for_each(|write| apply(&store, write))?;
            }
        }
        transaction.commit().await
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.empty(Table::belongs_to_replica).await
    }

    async fn load(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        let table = query.table();
        let transaction = self.0.read(&[table.name()])?;
        let store = transaction.store(table.name())?;
        match query {
            // An empty range is an error to IndexedDB.
            Query::Range { from, to, .. } if from >= to => Ok(Vec::new()),
            query if packs::hold(table) => packs::load(&store, query).await,
            Query::Keys { keys, .. } => load_keys(&store, keys).await,
            Query::Range {
                from,
                to,
                rows_max,
                newest_first: false,
                ..
            } => load_range(&store, key_range(from, to)?, *rows_max).await,
            Query::Range {
                from, to, rows_max, ..
            } => load_newest(&store, key_range(from, to)?, *rows_max).await,
        }
    }

    async fn rows(&self) -> Result<Rows, StoreError> {
        let names: Vec<&str> = Rows::TABLES.iter().map(|table| table.name()).collect();
        // One transaction: a consistent view of all tables.
        let transaction = self.0.read(&names)?;
        let mut asked = Vec::new();
        for table in Rows::TABLES {
            let store = transaction.store(table.name())?;
            let keys = (!packs::hold(table)).then(|| store.ask("getAllKeys", &[]));
            asked.push((table, keys.transpose()?, store.ask("getAll", &[])?));
        }
        let mut rows = Rows::default();
        for (table, keys, values) in asked {
            let of_table = match keys {
                Some(keys) => pairs(&keys, &values).await?,
                None => packs::rows(Array::from(&values.answer().await?).iter())?,
            };
            rows.insert(table, of_table);
        }
        Ok(rows)
    }
}

/// Of the changes to each row of a table the last one: batches that are written together change the
/// same accounts again and again.
fn last_changes(table: Table, writes: &[Write]) -> Vec<&Write> {
    let mut rows = HashSet::new();
    let of_table = writes.iter().filter(|write| write.table == table);
    let last = of_table.rev().filter(|write| rows.insert(&write.key));
    last.collect()
}

fn apply(store: &ObjectStore, write: &Write) -> Result<(), StoreError> {
    let key = to_js(&write.key);
    match &write.value {
        Some(value) => store.tell("put", &[to_js(value), key]),
        None => store.tell("delete", &[key]),
    }
}

/// Nothing where there is no such key.
pub(crate) async fn get(store: &ObjectStore, key: JsValue) -> Result<Option<JsValue>, StoreError> {
    let value = store.ask("get", &[key])?.answer().await?;
    Ok((!value.is_undefined()).then_some(value))
}

async fn load_keys(store: &ObjectStore, keys: &[Vec<u8>]) -> Result<Vec<Row>, StoreError> {
    // All requests first: they are answered in order, in one turn of the storage.
    let requests = keys
        .iter()
        .map(|key| Ok((key, store.ask("get", &[to_js(key)])?)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    let mut rows = Vec::with_capacity(requests.len());
    for (key, request) in requests {
        let value = request.answer().await?;
        if !value.is_undefined() {
            rows.push(Row {
                key: key.clone(),
                value: to_bytes(&value),
            });
        }
    }
    Ok(rows)
}

async fn load_range(
    store: &ObjectStore,
    range: JsValue,
    rows_max: u32,
) -> Result<Vec<Row>, StoreError> {
    let arguments = [range, rows_max.into()];
    let keys = store.ask("getAllKeys", &arguments)?;
    let values = store.ask("getAll", &arguments)?;
    pairs(&keys, &values).await
}

/// Rows of which keys and values were asked for.
async fn pairs(keys: &Request, values: &Request) -> Result<Vec<Row>, StoreError> {
    let keys = Array::from(&keys.answer().await?);
    let values = Array::from(&values.answer().await?);
    let rows = keys.iter().zip(values.iter()).map(|(key, value)| Row {
        key: to_bytes(&key),
        value: to_bytes(&value),
    });
    Ok(rows.collect())
}

async fn load_newest(
    store: &ObjectStore,
    range: JsValue,
    rows_max: u32,
) -> Result<Vec<Row>, StoreError> {
    let rows_max = usize::try_from(rows_max).unwrap_or(usize::MAX);
    let mut rows = Vec::new();
    walk(store, range, true, |key, value| {
        if rows.len() < rows_max {
            rows.push(Row {
                key: to_bytes(key),
                value: to_bytes(value),
            });
        }
        Ok(rows.len() < rows_max)
    })
    .await?;
    Ok(rows)
}

/// Shows keys and values of a range one by one, for as long as `visit` wants more.
async fn walk(
    store: &ObjectStore,
    range: JsValue,
    newest_first: bool,
    mut visit: impl FnMut(&JsValue, &JsValue) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let direction = if newest_first { "prev" } else { "next" };
    let mut request = store.ask("openCursor", &[range, direction.into()])?;
    loop {
        let cursor = request.answer().await?;
        // Null behind the last row.
        let (Some(key), Some(value)) = (property(&cursor, "key"), property(&cursor, "value"))
        else {
            return Ok(());
        };
        if !visit(&key, &value)? {
            return Ok(());
        }
        request = request.advance(&cursor)?;
    }
}

/// The keys from one on, and before another.
fn key_range(from: &[u8], to: &[u8]) -> Result<JsValue, StoreError> {
    let class = global(&["IDBKeyRange"]).unwrap_or_default();
    let arguments = [to_js(from), to_js(to), false.into(), true.into()];
    Ok(call(&class, "bound", &arguments)?)
}

fn to_js(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// Keys come back as buffers, values as the arrays that they were.
fn to_bytes(value: &JsValue) -> Vec<u8> {
    value.dyn_ref::<ArrayBuffer>().map_or_else(
        || Uint8Array::new(value).to_vec(),
        |buffer| Uint8Array::new(buffer).to_vec(),
    )
}
