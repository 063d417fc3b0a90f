//! A storage that forgets: for browsers that refuse theirs, and for tests.

use std::cell::RefCell;

use shared::store::{Query, Row, Rows, Write};

use super::{Store, StoreError};

/// Tables in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(RefCell<shared::store::MemoryStore>);

impl Store for MemoryStore {
    async fn write(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.0.borrow_mut().write(writes);
        Ok(())
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.0.borrow_mut().clear();
        Ok(())
    }

    async fn load(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        Ok(self.0.borrow().read(query))
    }

    async fn rows(&self) -> Result<Rows, StoreError> {
        Ok(self.0.borrow().rows())
    }
}
