//! The storages: IndexedDB does what memory does, keeps it, and keeps the order of its jobs.
#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_events::EventListener;
use gloo_timers::future::TimeoutFuture;
use indexed_db_futures::database::Database;
use indexed_db_futures::prelude::*;
use indexed_db_futures::transaction::TransactionMode;
use js_sys::Uint8Array;
use shared::node::interface::Event;
use shared::store::{Query, Row, Rows, Table, Write, number_key};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_node::js::now_ms;
use web_node::store::indexed_db::IndexedDb;
use web_node::store::memory::MemoryStore;
use web_node::store::queue::StoreQueue;
use web_node::store::{Store, StoreError};
use web_sys::EventTarget;

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// A database that no other test has.
async fn fresh_database() -> IndexedDb {
    IndexedDb::open_named(&fresh_name()).await.unwrap()
}

fn fresh_name() -> String {
    format!("test-{}", getrandom::u64().unwrap())
}

fn put(table: Table, key: &[u8], value: &[u8]) -> Write {
    Write {
        table,
        key: key.to_vec(),
        value: Some(value.to_vec()),
    }
}

fn range(from: u64, to: u64, rows_max: u32, newest_first: bool) -> Query {
    Query::Range {
        table: Table::Headers,
        from: number_key(from),
        to: number_key(to),
        rows_max,
        newest_first,
    }
}

/// Batches with new rows, changed rows, removed rows, and rows changed twice.
fn batches() -> Vec<Vec<Write>> {
    let header = |height: u64, value: &[u8]| put(Table::Headers, &number_key(height), value);
    vec![
        (0..300)
            .map(|height| header(height, &height.to_le_bytes()))
            .collect(),
        vec![
            header(7, b"changed"),
            header(8, b"first"),
            header(8, b"then"),
            Write::remove(Table::Headers, number_key(9)),
            put(Table::Meta, b"name", b"value"),
            put(Table::Meta, b"", b"the empty key"),
            put(Table::Bodies, &[0xff; 32], b""),
        ],
        Vec::new(),
        // Nothing is left of some neighbours, and others are far from all.
        (64..200)
            .map(|height| Write::remove(Table::Headers, number_key(height)))
            .chain([header(u64::MAX - 1, b"the last"), header(5_000, b"alone")])
            .collect(),
        vec![put(Table::Members, &[1, 2], &vec![7; 100_000])],
    ]
}

fn queries() -> Vec<Query> {
    vec![
        range(0, u64::MAX, 1000, false),
        range(5, 12, 1000, false),
        range(5, 300, 3, false),
        range(5, 300, 3, true),
        range(0, 300, 0, false),
        range(0, 300, 0, true),
        range(60, 205, 1000, false),
        range(60, 205, 1000, true),
        range(60, u64::MAX, 40, false),
        range(0, u64::MAX, 1000, true),
        range(12, 12, 10, true),
        range(12, 5, 10, false),
        range(1000, 2000, 10, true),
        Query::Keys {
            table: Table::Headers,
            keys: vec![
                number_key(8),
                number_key(9),
                number_key(7),
                number_key(4000),
            ],
        },
        Query::Keys {
            table: Table::Bodies,
            keys: vec![vec![0xff; 32]],
        },
    ]
}

fn all(rows: &Rows) -> Vec<Vec<Row>> {
    Rows::TABLES
        .iter()
        .map(|table| rows.table(*table).to_vec())
        .collect()
}

#[wasm_bindgen_test]
async fn indexed_db_answers_as_memory_does() {
    let database = fresh_database().await;
    let memory = MemoryStore::default();
    for batch in batches() {
        database.write(&batch).await.unwrap();
        memory.write(&batch).await.unwrap();
    }
    for query in queries() {
        let answer = database.load(&query).await.unwrap();
        assert_eq!(answer, memory.load(&query).await.unwrap(), "{query:?}");
    }
    let rows = database.rows().await.unwrap();
    assert_eq!(all(&rows), all(&memory.rows().await.unwrap()));
    assert_eq!(rows.table(Table::Headers).len(), 299 - 136 + 2);

    database.clear().await.unwrap();
    assert!(
        all(&database.rows().await.unwrap())
            .iter()
            .all(Vec::is_empty)
    );
}

#[wasm_bindgen_test]
async fn what_is_written_is_there_when_it_is_opened_again() {
    let name = fresh_name();
    let database = IndexedDb::open_named(&name).await.unwrap();
    database
        .write(&[put(Table::Log, &number_key(1), b"entry")])
        .await
        .unwrap();
    database.set_local("key", 42.into()).await.unwrap();
    drop(database);

    let database = IndexedDb::open_named(&name).await.unwrap();
    let rows = database.rows().await.unwrap();
    let entry = rows.get(Table::Log, &number_key(1));
    assert_eq!(entry, Some(b"entry".as_slice()));
    assert_eq!(database.local("key").await.unwrap(), Some(42.into()));
    assert_eq!(database.local("other").await.unwrap(), None);
    database.clear().await.unwrap();
    assert_eq!(database.local("key").await.unwrap(), Some(42.into()));
}

/// Makes a database as some version of this program would have.
async fn made_by_version(version: u32, name: &str, stores: &[&str]) {
    let stores: Vec<String> = stores.iter().map(ToString::to_string).collect();
    let database = Database::open(name)
        .with_version(version)
        .with_on_upgrade_needed(move |_, database| {
            for store in &stores {
                database.create_object_store(store).build()?;
            }
            Ok(())
        })
        .build()
        .unwrap()
        .await
        .unwrap();
    let transaction = database
        .transaction("local")
        .with_mode(TransactionMode::Readwrite)
        .build()
        .unwrap();
    let local = transaction.object_store("local").unwrap();
    let put = local.put(JsValue::from(42)).with_key("key".to_owned());
    put.without_key_type().primitive().unwrap();
    drop(local);
    transaction.commit().await.unwrap();
    database.close();
}

#[wasm_bindgen_test]
async fn a_database_of_an_older_version_is_brought_to_the_present_one() {
    for version in [1, 2] {
        let name = fresh_name();
        let mut stores: Vec<_> = Table::ALL.map(Table::name).to_vec();
        stores.retain(|store| version > 1 || *store != Table::Evidence.name());
        stores.push("local");
        made_by_version(version, &name, &stores).await;

        let database = IndexedDb::open_named(&name).await.unwrap();
        assert_eq!(database.local("key").await.unwrap(), Some(42.into()));
        let writes = Table::ALL.map(|table| put(table, &number_key(1), b"value"));
        database.write(&writes).await.unwrap();
        for table in Table::ALL {
            let keys = vec![number_key(1)];
            let rows = database.load(&Query::Keys { table, keys }).await.unwrap();
            assert_eq!(rows.len(), 1, "{}", table.name());
        }
    }
}

/// Rows of version 2 lay one by one: the replica is fetched anew, but votes bind the key for ever.
#[wasm_bindgen_test]
async fn a_replica_of_version_2_is_given_up_and_its_votes_are_not() {
    let name = fresh_name();
    let mut stores: Vec<_> = Table::ALL.map(Table::name).to_vec();
    stores.push("local");
    made_by_version(2, &name, &stores).await;
    for store in [Table::Headers, Table::State, Table::Votes].map(Table::name) {
        put_raw(2, &name, store).await;
    }

    let database = IndexedDb::open_named(&name).await.unwrap();
    let rows = database.rows().await.unwrap();
    assert!(rows.table(Table::Headers).is_empty());
    assert!(rows.table(Table::State).is_empty());
    assert_eq!(rows.get(Table::Votes, b"key"), Some(b"value".as_slice()));
}

#[wasm_bindgen_test]
async fn what_is_no_pack_is_not_taken_for_rows() {
    let name = fresh_name();
    drop(IndexedDb::open_named(&name).await.unwrap());
    put_raw(3, &name, Table::Headers.name()).await;
    let database = IndexedDb::open_named(&name).await.unwrap();
    let refused = |answer| matches!(answer, Err(StoreError::Failed(_)));
    assert!(refused(database.rows().await.map(drop)));
    let query = range(0, u64::MAX, 10, false);
    assert!(refused(database.load(&query).await.map(drop)));
}

/// Puts a row there without the program.
async fn put_raw(version: u32, name: &str, store: &str) {
    let database = Database::open(name).with_version(version).build().unwrap();
    let database = database.await.unwrap();
    let transaction = database
        .transaction(store)
        .with_mode(TransactionMode::Readwrite)
        .build()
        .unwrap();
    let object_store = transaction.object_store(store).unwrap();
    let bytes = |bytes: &[u8]| JsValue::from(Uint8Array::from(bytes));
    let put = object_store.put(bytes(b"value")).with_key(bytes(b"key"));
    put.without_key_type().primitive().unwrap();
    drop(object_store);
    transaction.commit().await.unwrap();
    database.close();
}

#[wasm_bindgen_test]
async fn a_database_of_a_later_version_is_left_alone() {
    let name = fresh_name();
    made_by_version(1_000, &name, &["local"]).await;
    let refused = IndexedDb::open_named(&name).await.map(drop);
    assert_eq!(refused, Err(StoreError::Newer));
}

#[wasm_bindgen_test]
async fn a_deleted_database_says_so_and_does_not_hang() {
    let name = fresh_name();
    let database = IndexedDb::open_named(&name).await.unwrap();
    // Waits for every open connection: ours must give way.
    Database::delete_by_name(&name).unwrap().await.unwrap();
    let write = [put(Table::Meta, b"key", b"value")];
    assert_eq!(database.write(&write).await, Err(StoreError::Closed));
}

#[wasm_bindgen_test]
async fn a_read_that_ends_early_leaves_no_rejection_behind() {
    let is_rejected = Rc::new(Cell::new(false));
    let flag = Rc::clone(&is_rejected);
    let scope: EventTarget = js_sys::global().unchecked_into();
    let listener = EventListener::new(&scope, "unhandledrejection", move |_| flag.set(true));
    let database = fresh_database().await;
    for batch in batches() {
        database.write(&batch).await.unwrap();
    }
    // Its cursor is on its way to the fourth row when the transaction ends.
    database.load(&range(0, 300, 3, true)).await.unwrap();
    database.load(&range(0, 300, 3, false)).await.unwrap();
    TimeoutFuture::new(0).await;
    drop(listener);
    assert!(!is_rejected.get());
}

/// Events as they come from a queue.
#[derive(Clone, Default)]
struct Events(Rc<RefCell<Vec<Event>>>);

impl Events {
    fn queue(&self, store: impl Store + 'static) -> StoreQueue {
        let events = Rc::clone(&self.0);
        StoreQueue::new(store, move |event| events.borrow_mut().push(event), |_| {})
    }

    async fn wait_for(&self, count: usize) {
        let deadline_ms = now_ms() + 20_000;
        while self.0.borrow().len() < count {
            assert!(now_ms() < deadline_ms, "only {:?}", self.0.borrow());
            TimeoutFuture::new(5).await;
        }
    }
}

#[wasm_bindgen_test]
async fn jobs_are_done_in_order_and_reads_see_the_writes_before_them() {
    let events = Events::default();
    let queue = events.queue(fresh_database().await);
    for id in 0..100 {
        let row = put(Table::Headers, &number_key(0), &number_key(id));
        queue.write(2 * id, vec![row]);
        queue.load(2 * id + 1, range(0, 1, 1, false));
    }
    events.wait_for(200).await;
    for (index, event) in events.0.borrow().iter().enumerate() {
        let id = u64::try_from(index).unwrap();
        match event {
            Event::Written(written) => assert_eq!(*written, id),
            Event::Loaded(loaded, rows) => {
                assert_eq!(*loaded, id);
                assert_eq!(rows[0].value, number_key(id / 2));
            }
            event => panic!("{event:?}"),
        }
    }
}

/// Memory that refuses the second transaction, and no other.
#[derive(Clone, Default)]
struct Failing {
    memory: Rc<MemoryStore>,
    writes: Rc<Cell<u32>>,
}

impl Store for Failing {
    async fn write(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.writes.set(self.writes.get() + 1);
        match self.writes.get() {
            2 => Err(StoreError::Full),
            _ => self.memory.write(writes).await,
        }
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.memory.clear().await
    }

    async fn load(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.memory.load(query).await
    }

    async fn rows(&self) -> Result<Rows, StoreError> {
        self.memory.rows().await
    }
}

#[wasm_bindgen_test]
async fn after_a_failed_batch_nothing_is_written_that_builds_on_it() {
    let store = Failing::default();
    let events = Events::default();
    let queue = events.queue(store.clone());
    for id in 0..3 {
        queue.write(id, vec![put(Table::Meta, &number_key(id), b"")]);
        // One transaction each.
        queue.load(100 + id, range(0, 1, 1, false));
    }
    events.wait_for(6).await;
    let outcomes: Vec<(u64, bool)> = events
        .0
        .borrow()
        .iter()
        .filter_map(|event| match event {
            Event::Written(id) => Some((*id, true)),
            Event::WriteFailed(id, _) => Some((*id, false)),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes, [(0, true), (1, false), (2, false)]);
    assert_eq!(
        store.memory.rows().await.unwrap().table(Table::Meta).len(),
        1
    );
}
