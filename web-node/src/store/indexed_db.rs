//! The replica in IndexedDB: one database for each slot, one object store for each table.
//!
//! Every write is strictly durable: the browsers' default has been relaxed since 2023, and would
//! let a vote be sent that a power cut forgets. In batches that costs nothing.

mod schema;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use indexed_db_futures::KeyRange;
use indexed_db_futures::cursor::CursorDirection;
use indexed_db_futures::database::Database;
use indexed_db_futures::error::{Error, OpenDbError};
use indexed_db_futures::internals::SystemRepr;
use indexed_db_futures::object_store::ObjectStore;
use indexed_db_futures::prelude::*;
use indexed_db_futures::transaction::{
    Transaction, TransactionDurability, TransactionMode, TransactionOptions,
};
use js_sys::{ArrayBuffer, Uint8Array};
use shared::store::{Query, Row, Rows, Table, Write};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{DomException, IdbTransaction};

use super::{Store, StoreError};
use crate::js::describe;

/// A database of this browser, open. It closes when another version of this program, or the
/// user, wants it gone; every call fails from then on.
#[derive(Clone)]
pub struct IndexedDb {
    database: Database,
    is_closed: Rc<Cell<bool>>,
}

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
        let database = Database::open(name)
            .with_version(schema::VERSION)
            .with_on_upgrade_needed(|event, database| {
                schema::migrate(event.old_version(), &database)
            })
            .build()?
            .await?;
        let is_closed = Rc::new(Cell::new(false));
        spawn_local(close_on_demand(database.clone(), Rc::clone(&is_closed)));
        Ok(Self {
            database,
            is_closed,
        })
    }

    /// A value of the store beside the tables, which holds what only this browser understands.
    pub async fn local(&self, key: &str) -> Result<Option<JsValue>, StoreError> {
        let transaction = self.begin(&[schema::LOCAL], TransactionMode::Readonly)?;
        let store = transaction.object_store(schema::LOCAL)?;
        Ok(store.get::<JsValue, _, _>(key).primitive()?.await?)
    }

    /// Sets a value of that store, durably.
    pub async fn set_local(&self, key: &str, value: JsValue) -> Result<(), StoreError> {
        let transaction = self.begin(&[schema::LOCAL], TransactionMode::Readwrite)?;
        let store = transaction.object_store(schema::LOCAL)?;
        store
            .put(value)
            .with_key(key.to_owned())
            .without_key_type()
            .primitive()?;
        drop(store);
        commit(transaction).await
    }

    /// Moves a value of that store to another key of it, durably and in one.
    pub async fn rename_local(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let transaction = self.begin(&[schema::LOCAL], TransactionMode::Readwrite)?;
        let store = transaction.object_store(schema::LOCAL)?;
        if let Some(value) = store.get::<JsValue, _, _>(from).primitive()?.await? {
            store
                .put(value)
                .with_key(to.to_owned())
                .without_key_type()
                .primitive()?;
            store
                .delete::<JsValue, _>(JsValue::from_str(from))
                .primitive()?;
        }
        drop(store);
        commit(transaction).await
    }

    /// Empties all tables, votes included: they are another key's from now on.
    pub async fn clear_all(&self) -> Result<(), StoreError> {
        self.empty(|_| true).await
    }

    async fn empty(&self, is_meant: impl Fn(Table) -> bool) -> Result<(), StoreError> {
        let names = Table::ALL.map(Table::name);
        let transaction = self.begin(&names, TransactionMode::Readwrite)?;
        for table in Table::ALL.into_iter().filter(|table| is_meant(*table)) {
            transaction.object_store(table.name())?.clear()?;
        }
        commit(transaction).await
    }

    fn begin(&self, stores: &[&str], mode: TransactionMode) -> Result<Transaction<'_>, StoreError> {
        if self.is_closed.get() {
            return Err(StoreError::Closed);
        }
        let stores: Vec<String> = stores.iter().map(ToString::to_string).collect();
        let strict = TransactionOptions::new().with_durability(TransactionDurability::Strict);
        Ok(self
            .database
            .transaction(stores)
            .with_mode(mode)
            .with_options(strict)
            .build()?)
    }
}

impl Store for IndexedDb {
    async fn write(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut tables = BTreeSet::new();
        tables.extend(writes.iter().map(|write| write.table));
        if tables.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = tables.iter().map(|table| table.name()).collect();
        let transaction = self.begin(&names, TransactionMode::Readwrite)?;
        for table in tables {
            let store = transaction.object_store(table.name())?;
            for write in writes.iter().filter(|write| write.table == table) {
                // The requests go out in this order; one that fails aborts the transaction.
                apply(&store, write)?;
            }
        }
        commit(transaction).await
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.empty(Table::belongs_to_replica).await
    }

    async fn load(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        let table = query.table();
        let transaction = self.begin(&[table.name()], TransactionMode::Readonly)?;
        let store = transaction.object_store(table.name())?;
        match query {
            Query::Keys { keys, .. } => load_keys(&store, keys).await,
            // An empty range is an error to IndexedDB.
            Query::Range { from, to, .. } if from >= to => Ok(Vec::new()),
            Query::Range {
                from,
                to,
                rows_max,
                newest_first: false,
                ..
            } => load_range(&store, Some((from, to)), *rows_max).await,
            Query::Range {
                from, to, rows_max, ..
            } => load_newest(&store, from, to, *rows_max).await,
        }
    }

    async fn rows(&self) -> Result<Rows, StoreError> {
        let names: Vec<&str> = Rows::TABLES.iter().map(|table| table.name()).collect();
        // One transaction: a consistent view of all tables.
        let transaction = self.begin(&names, TransactionMode::Readonly)?;
        let mut rows = Rows::default();
        for table in Rows::TABLES {
            let store = transaction.object_store(table.name())?;
            rows.insert(table, load_range(&store, None, u32::MAX).await?);
        }
        Ok(rows)
    }
}

/// Done means durable.
async fn commit(transaction: Transaction<'_>) -> Result<(), StoreError> {
    let raw: IdbTransaction = transaction.as_sys().clone().into();
    transaction
        .commit()
        .await
        // A commit that found no room says so on the transaction only.
        .map_err(|error| match raw.error() {
            Some(exception) => of_exception(&exception),
            None => error.into(),
        })
}

fn apply(store: &ObjectStore<'_>, write: &Write) -> Result<(), StoreError> {
    let key = to_js(&write.key);
    match &write.value {
        Some(value) => {
            store
                .put(to_js(value))
                .with_key(key)
                .without_key_type()
                .primitive()?;
        }
        None => {
            store.delete::<JsValue, _>(key).primitive()?;
        }
    }
    Ok(())
}

async fn load_keys(store: &ObjectStore<'_>, keys: &[Vec<u8>]) -> Result<Vec<Row>, StoreError> {
    // All requests first: they are answered in order, in one turn of the storage.
    let requests = keys
        .iter()
        .map(|key| {
            let request = store.get::<JsValue, JsValue, _>(to_js(key)).primitive()?;
            Ok((key, request))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let mut rows = Vec::with_capacity(requests.len());
    for (key, request) in requests {
        if let Some(value) = request.await? {
            rows.push(Row {
                key: key.clone(),
                value: to_bytes(&value),
            });
        }
    }
    Ok(rows)
}

async fn load_range(
    store: &ObjectStore<'_>,
    range: Option<(&Vec<u8>, &Vec<u8>)>,
    rows_max: u32,
) -> Result<Vec<Row>, StoreError> {
    let range = range.map_or_else(
        || KeyRange::LowerBound(to_js(&[]), false),
        |(from, to)| KeyRange::Bound(to_js(from), false, to_js(to), true),
    );
    let keys = store
        .get_all_keys::<JsValue>()
        .with_query::<JsValue, _>(range.clone())
        .with_limit(rows_max)
        .primitive()?;
    let values = store
        .get_all::<JsValue>()
        .with_query::<JsValue, _>(range)
        .with_limit(rows_max)
        .primitive()?;
    let keys = keys.await?;
    let values = values.await?;
    keys.zip(values)
        .map(|(key, value)| {
            Ok(Row {
                key: to_bytes(&key?),
                value: to_bytes(&value?),
            })
        })
        .collect()
}

async fn load_newest(
    store: &ObjectStore<'_>,
    from: &[u8],
    to: &[u8],
    rows_max: u32,
) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    let cursor = store
        .open_cursor()
        .with_query::<JsValue, _>(KeyRange::Bound(to_js(from), false, to_js(to), true))
        .with_direction(CursorDirection::Prev)
        .await?;
    let Some(mut cursor) = cursor else {
        return Ok(rows);
    };
    for _ in 0..rows_max {
        // The record moves the cursor on; the key is that of the record read last.
        let value = cursor.next_record::<JsValue>().await?;
        let (Some(value), Some(key)) = (value, cursor.key::<JsValue>()?) else {
            break;
        };
        rows.push(Row {
            key: to_bytes(&key),
            value: to_bytes(&value),
        });
    }
    Ok(rows)
}

/// Ends the use of the database when another version of this program waits for that, or when
/// the user has deleted it: a connection that stays open blocks them for ever.
async fn close_on_demand(database: Database, is_closed: Rc<Cell<bool>>) {
    if let Ok(mut changes) = database.version_changes() {
        changes.recv().await;
        is_closed.set(true);
        database.clone().close();
    }
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

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            Error::DomException(exception) => of_exception(exception.as_sys()),
            Error::Unknown(thrown) => Self::Failed(describe(thrown.as_ref())),
            Error::Serialisation(_) | Error::MissingData(_) => Self::Failed(error.to_string()),
        }
    }
}

impl From<OpenDbError> for StoreError {
    fn from(error: OpenDbError) -> Self {
        match error {
            OpenDbError::Base(error) => error.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

fn of_exception(exception: &DomException) -> StoreError {
    match exception.name().as_str() {
        "QuotaExceededError" => StoreError::Full,
        "VersionError" => StoreError::Newer,
        _ => StoreError::Failed(describe(exception)),
    }
}
