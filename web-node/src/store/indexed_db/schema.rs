//! The versions of the database: what each of them changed.

use indexed_db_futures::database::Database;
use indexed_db_futures::error::Error;
use indexed_db_futures::prelude::*;
use shared::store::Table;

/// The present version. A later one gets a further step in [`migrate`].
pub(super) const VERSION: u32 = 2;

/// The store beside the tables, for what only this browser understands: its key pair.
pub(super) const LOCAL: &str = "local";

/// Brings a database from an older version to [`VERSION`], step by step.
pub(super) fn migrate(old_version: f64, database: &Database) -> Result<(), Error> {
    if old_version < 1.0 {
        for table in Table::ALL {
            database.create_object_store(table.name()).build()?;
        }
        database.create_object_store(LOCAL).build()?;
    } else if old_version < 2.0 {
        let name = Table::Evidence.name();
        database.create_object_store(name).build()?;
    }
    Ok(())
}
