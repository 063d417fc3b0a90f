//! The versions of the database: what each of them changed.

use shared::store::Table;

use super::database::Database;
use crate::store::StoreError;

/// The present version. A later one gets a further step in [`migrate`].
pub(super) const VERSION: u32 = 3;

/// The store beside the tables, for what only this browser understands: its key pair.
pub(super) const LOCAL: &str = "local";

/// Brings a database from an older version to [`VERSION`], step by step.
pub(super) fn migrate(old_version: u32, database: &Database) -> Result<(), StoreError> {
    if old_version < 1 {
        for table in Table::ALL {
            database.create(table.name())?;
        }
        database.create(LOCAL)?;
        return Ok(());
    }
    if old_version < 2 {
        database.create(Table::Evidence.name())?;
    }
    if old_version < 3 {
        // Rows were not in packs. The relay has the replica; what the key has voted stays.
        for table in Table::ALL
            .into_iter()
            .filter(|table| table.belongs_to_replica())
        {
            database.remove(table.name())?;
            database.create(table.name())?;
        }
    }
    Ok(())
}
