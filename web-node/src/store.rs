//! Where a node's replica lies: tables of bytes, changed in atomic and durable batches.

#[cfg(target_arch = "wasm32")]
pub mod indexed_db;
pub mod memory;
#[cfg(target_arch = "wasm32")]
pub mod queue;

use shared::store::{Query, Row, Rows, Write};

/// Why a storage did not do its part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no room.
    #[error("the storage is full: free some space, and reload")]
    Full,
    /// It was taken away while it was in use: by the user, or by another version of this program.
    #[error("the storage was closed or deleted from elsewhere: reload the page")]
    Closed,
    /// It is of a later version of this program.
    #[error("the storage was written by a later version of this program: reload the page")]
    Newer,
    /// Anything else.
    #[error("the storage failed: {0}")]
    Failed(String),
}

/// A storage. One caller at a time: [`queue`] keeps the order.
#[expect(async_fn_in_trait, reason = "everything here runs on one thread")]
pub trait Store {
    /// Writes all or nothing, in this order; done means durable.
    async fn write(&self, writes: &[Write]) -> Result<(), StoreError>;

    /// Removes all rows of all tables; done means durable.
    async fn clear(&self) -> Result<(), StoreError>;

    /// Reads rows.
    async fn load(&self, query: &Query) -> Result<Vec<Row>, StoreError>;

    /// Reads what a node needs in memory when it starts.
    async fn rows(&self) -> Result<Rows, StoreError>;
}

/// The storage of a tab. One type for both kinds, since a queue for each would weigh twice as much.
#[cfg(target_arch = "wasm32")]
pub enum TabStore {
    /// What the browser keeps.
    IndexedDb(indexed_db::IndexedDb),
    /// What is lost with the tab.
    Memory(memory::MemoryStore),
}

#[cfg(target_arch = "wasm32")]
impl Store for TabStore {
    async fn write(&self, writes: &[Write]) -> Result<(), StoreError> {
        match self {
            Self::IndexedDb(store) => store.write(writes).await,
            Self::Memory(store) => store.write(writes).await,
        }
    }

    async fn clear(&self) -> Result<(), StoreError> {
        match self {
            Self::IndexedDb(store) => store.clear().await,
            Self::Memory(store) => store.clear().await,
        }
    }

    async fn load(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::IndexedDb(store) => store.load(query).await,
            Self::Memory(store) => store.load(query).await,
        }
    }

    async fn rows(&self) -> Result<Rows, StoreError> {
        match self {
            Self::IndexedDb(store) => store.rows().await,
            Self::Memory(store) => store.rows().await,
        }
    }
}
