//! IndexedDB's requests as futures. Its methods are called by their names in the standard (Indexed
//! Database API 3.0), and only a few are: what a general library brings along weighs kilobytes.

use std::cell::Cell;
use std::rc::Rc;

use gloo_events::EventListener;
use js_sys::{Array, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::js::{call, describe, global, object, property};
use crate::store::StoreError;

/// Makes the object stores that a database of an older version lacks; version 0 is a new one.
pub(crate) type Migrate = fn(old_version: u32, &Database) -> Result<(), StoreError>;

/// A connection to a database. It closes when another version of this program, or the user, wants
/// the database gone, since one that stays open blocks them for ever; every call fails from then on.
#[derive(Clone)]
pub(crate) struct Database {
    connection: JsValue,
    is_closed: Rc<Cell<bool>>,
}

impl Database {
    pub(crate) async fn open(
        name: &str,
        version: u32,
        migrate: Migrate,
    ) -> Result<Self, StoreError> {
        let factory = global(&["indexedDB"])
            .ok_or_else(|| StoreError::Failed("the browser offers no IndexedDB".to_owned()))?;
        let raw = call(&factory, "open", &[name.into(), version.into()])?;
        let upgraded = raw.clone();
        let upgrade = EventListener::once(raw.unchecked_ref(), "upgradeneeded", move |event| {
            let old_version = property(event, "oldVersion").and_then(|version| version.as_f64());
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let old_version = old_version.unwrap_or_default() as u32;
            let database = Self::of(&upgraded);
            if migrate(old_version, &database).is_err()
                && let Some(transaction) = property(&upgraded, "transaction")
            {
                // The request fails for it.
                let _ = call(&transaction, "abort", &[]);
            }
        });
        let request = Request::new(raw);
        request.answer().await?;
        drop(upgrade);
        let database = Self::of(&request.raw);
        database.close_on_demand();
        Ok(database)
    }

    fn of(request: &JsValue) -> Self {
        Self {
            connection: property(request, "result").unwrap_or_default(),
            is_closed: Rc::default(),
        }
    }

    fn close_on_demand(&self) {
        let Self {
            connection,
            is_closed,
        } = self.clone();
        let target = self.connection.unchecked_ref();
        EventListener::once(target, "versionchange", move |_| {
            is_closed.set(true);
            // Fails for no connection.
            let _ = call(&connection, "close", &[]);
        })
        .forget();
    }

    /// Only while [`Database::open`] migrates.
    pub(crate) fn create(&self, store: &str) -> Result<(), StoreError> {
        call(&self.connection, "createObjectStore", &[store.into()])?;
        Ok(())
    }

    /// With all that it holds; only while [`Database::open`] migrates.
    pub(crate) fn remove(&self, store: &str) -> Result<(), StoreError> {
        call(&self.connection, "deleteObjectStore", &[store.into()])?;
        Ok(())
    }

    /// Begins to read from object stores.
    pub(crate) fn read(&self, stores: &[&str]) -> Result<Transaction, StoreError> {
        self.begin(stores, "readonly")
    }

    /// Begins to change object stores, strictly durably.
    pub(crate) fn change(&self, stores: &[&str]) -> Result<Transaction, StoreError> {
        self.begin(stores, "readwrite")
    }

    fn begin(&self, stores: &[&str], mode: &str) -> Result<Transaction, StoreError> {
        if self.is_closed.get() {
            return Err(StoreError::Closed);
        }
        let stores: Array = stores.iter().map(|name| JsValue::from_str(name)).collect();
        let options = object(&[("durability", "strict".into())]);
        let arguments = [stores.into(), mode.into(), options.into()];
        let raw = call(&self.connection, "transaction", &arguments)?;
        Ok(Transaction {
            raw,
            is_over: false,
        })
    }
}

/// Undone when it is dropped before it was committed.
pub(crate) struct Transaction {
    raw: JsValue,
    is_over: bool,
}

impl Transaction {
    /// One of the stores that this was begun for.
    pub(crate) fn store(&self, name: &str) -> Result<ObjectStore, StoreError> {
        let store = call(&self.raw, "objectStore", &[name.into()])?;
        Ok(ObjectStore(store))
    }

    /// Done means durable.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let over = settled(&self.raw, "oncomplete", "onabort");
        call(&self.raw, "commit", &[])?;
        let event = JsFuture::from(over).await?;
        self.is_over = true;
        if property(&event, "type") == Some("complete".into()) {
            return Ok(());
        }
        // A commit that found no room says so on the transaction only.
        Err(property(&self.raw, "error").unwrap_or_default().into())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.is_over {
            // It throws where a failed request has undone everything already.
            let _ = call(&self.raw, "abort", &[]);
        }
    }
}

/// A table of a transaction.
pub(crate) struct ObjectStore(JsValue);

impl ObjectStore {
    /// Calls a method whose answer is wanted.
    pub(crate) fn ask(&self, method: &str, arguments: &[JsValue]) -> Result<Request, StoreError> {
        Ok(Request::new(call(&self.0, method, arguments)?))
    }

    /// Calls a method that changes something: where it fails, the transaction does.
    pub(crate) fn tell(&self, method: &str, arguments: &[JsValue]) -> Result<(), StoreError> {
        call(&self.0, method, arguments)?;
        Ok(())
    }
}

/// What the database was asked. Answers come in the order of the questions.
pub(crate) struct Request {
    raw: JsValue,
    settled: Promise,
}

impl Request {
    fn new(raw: JsValue) -> Self {
        let settled = settled(&raw, "onsuccess", "onerror");
        Self { raw, settled }
    }

    pub(crate) async fn answer(&self) -> Result<JsValue, StoreError> {
        JsFuture::from(self.settled.clone()).await?;
        match property(&self.raw, "error") {
            Some(error) => Err(error.into()),
            None => Ok(Reflect::get(&self.raw, &"result".into())?),
        }
    }

    /// Moves the cursor that was the answer: the next answer is where it is then.
    pub(crate) fn advance(self, cursor: &JsValue) -> Result<Self, StoreError> {
        call(cursor, "continue", &[])?;
        Ok(Self::new(self.raw))
    }
}

/// Resolves to the first event for one of the two handlers. It is never rejected: nobody may be
/// waiting, and a rejection that nobody handles stops the node.
fn settled(target: &JsValue, good: &str, bad: &str) -> Promise {
    Promise::new(&mut |resolve, _| {
        for handler in [good, bad] {
            // Whatever has the events has the handlers.
            let _ = Reflect::set(target, &handler.into(), &resolve);
        }
    })
}

impl From<JsValue> for StoreError {
    fn from(thrown: JsValue) -> Self {
        let name = property(&thrown, "name").and_then(|name| name.as_string());
        match name.as_deref() {
            Some("QuotaExceededError") => Self::Full,
            Some("VersionError") => Self::Newer,
            _ => Self::Failed(describe(&thrown)),
        }
    }
}
