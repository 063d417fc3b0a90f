//! `relay prune`: removes what is neither final nor needed for what is pending, and gives the room
//! back to the disk. The relay must be stopped.
//!
//! Blocks, the log, the state, and every transaction that can still be included stay as they are.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use shared::chain::RestoreError;
use shared::hash::Hash;
use shared::keys::{PublicKey, SecretKey};
use shared::network::Admission;
use shared::relay::{Relay, has_voted};
use shared::state::account_path;
use shared::store::{Table, number_key};
use sqlite_store::{OpenError, ReplicaNumber, Store, StoreError, WorkError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};

use crate::backup::DATABASE_FILE;
use crate::catalogue::{self, RELAY, StoredNetwork};
use crate::clock::now_ms;

/// Why nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// There is nothing to remove anything from.
    #[error("there is no relay's database in {0}: name its folder with --data")]
    NoDatabase(PathBuf),
    /// The data folder is not usable, or a relay is running there.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database is not readable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored of a network does not fit together.
    #[error("network {name} does not fit together ({source}): run relay verify")]
    Restore {
        /// The network.
        name: String,
        /// What does not fit.
        source: RestoreError,
    },
    /// What was removed is removed, but the file is as long as before.
    #[error("the file could not be made smaller: {0}")]
    Sqlite(#[from] sqlx::Error),
    /// The file's length is not to be had.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Pending transactions that no block can include any more: expired, superseded, or mined.
    pub pending: u64,
    /// What it takes to undo blocks that are final.
    pub undo: u64,
    /// Rows and dumps of networks that are not in the catalogue.
    pub strays: u64,
    /// Keys that registered and have neither written, received, produced nor voted.
    pub members: u64,
    /// Bytes by which the file is smaller.
    pub bytes: u64,
}

/// Removes what is not needed from the database of a data folder; keys that never did more than
/// register only if `idle_members` says so, and only of open networks: an invited key must stay
/// known.
pub async fn prune(data: &Path, idle_members: bool) -> Result<Pruned, PruneError> {
    let database = data.join(DATABASE_FILE);
    if !database.is_file() {
        return Err(PruneError::NoDatabase(data.to_path_buf()));
    }
    let bytes_before = length(&database)?;
    let mut store = Store::open(data, &RELAY).await?;
    // Whose key it is matters to what is signed only.
    let seed = store.run(|file| Box::pin(catalogue::identity(file, [0; 32])));
    let seed = seed.await?.to_seed();
    let networks = store.run(|file| Box::pin(catalogue::networks(file)));
    let mut pruned = Pruned::default();
    for network in networks.await? {
        let needed = Needed::of(&mut store, &network, &seed, idle_members).await?;
        let removed = store.run(|file| Box::pin(remove(file, network.replica, needed)));
        let removed = removed.await?;
        pruned.pending += removed.pending;
        pruned.undo += removed.undo;
        pruned.members += removed.members;
    }
    pruned.strays = store.run(|file| Box::pin(remove_strays(file))).await?;
    drop(store);

    let mut file = SqliteConnectOptions::new()
        .filename(&database)
        .connect()
        .await?;
    file.execute("VACUUM").await?;
    file.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    file.close().await?;
    pruned.bytes = bytes_before.saturating_sub(length(&database)?);
    Ok(pruned)
}

fn length(path: &Path) -> Result<u64, PruneError> {
    let metadata = path.metadata().map_err(|source| PruneError::File {
        path: path.to_path_buf(),
        source,
    });
    Ok(metadata?.len())
}

/// What a network needs of the rows that could be removed.
struct Needed {
    /// Hashes of transactions that can still be included.
    pending: HashSet<Hash>,
    final_height: u64,
    /// Those who must stay known; nothing where all must.
    core: Option<Box<Relay>>,
}

impl Needed {
    async fn of(
        store: &mut Store,
        network: &StoredNetwork,
        seed: &[u8; 32],
        idle_members: bool,
    ) -> Result<Self, PruneError> {
        let rows = store.rows(network.replica).await?;
        let parameters = network.parameters.clone();
        let (core, _) = Relay::new(SecretKey::from_seed(seed), parameters, &rows, now_ms())
            .map_err(|source| PruneError::Restore {
                name: network.parameters.name.to_string(),
                source,
            })?;
        let pending = core.replica().mempool().iter();
        let pending = pending.map(|pending| pending.verified.signed().hash());
        let is_open = network.parameters.admission == Admission::Open;
        Ok(Self {
            pending: pending.collect(),
            final_height: core.replica().chain().final_height(),
            core: (idle_members && is_open).then(|| Box::new(core)),
        })
    }

    /// Whether a key may be forgotten.
    fn is_idle(&self, key: &[u8], row: &[u8]) -> bool {
        let key = <[u8; 32]>::try_from(key).map(PublicKey);
        let (Some(core), Ok(key)) = (&self.core, key) else {
            return false;
        };
        let state = core.replica().chain().state();
        !has_voted(row)
            && state.entry(&account_path(&key)).is_none()
            && core.log().roster().index_of(&key).is_none()
    }
}

async fn remove(
    file: &mut SqliteConnection,
    replica: ReplicaNumber,
    needed: Needed,
) -> Result<Pruned, WorkError> {
    let mut removed = Pruned::default();
    for (key, _) in rows(file, Table::Pending, replica).await? {
        let is_needed = <[u8; 32]>::try_from(key.as_slice())
            .is_ok_and(|hash| needed.pending.contains(&Hash(hash)));
        if !is_needed {
            removed.pending += remove_row(file, Table::Pending, replica, &key).await?;
        }
    }
    removed.undo = sqlx::query("DELETE FROM undo WHERE replica = ?1 AND key <= ?2")
        .bind(replica.0)
        .bind(number_key(needed.final_height))
        .execute(&mut *file)
        .await?
        .rows_affected();
    if needed.core.is_some() {
        for (key, row) in rows(file, Table::Members, replica).await? {
            if needed.is_idle(&key, &row) {
                removed.members += remove_row(file, Table::Members, replica, &key).await?;
            }
        }
    }
    Ok(removed)
}

async fn rows(
    file: &mut SqliteConnection,
    table: Table,
    replica: ReplicaNumber,
) -> sqlx::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let statement = format!("SELECT key, value FROM {} WHERE replica = ?1", table.name());
    sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(replica.0)
        .fetch_all(file)
        .await
}

async fn remove_row(
    file: &mut SqliteConnection,
    table: Table,
    replica: ReplicaNumber,
    key: &[u8],
) -> sqlx::Result<u64> {
    let statement = format!(
        "DELETE FROM {} WHERE replica = ?1 AND key = ?2",
        table.name()
    );
    let removed = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(replica.0)
        .bind(key.to_vec())
        .execute(file)
        .await?;
    Ok(removed.rows_affected())
}

/// What belongs to no network of the catalogue.
async fn remove_strays(file: &mut SqliteConnection) -> Result<u64, WorkError> {
    let of_replicas = Table::ALL.map(|table| {
        format!(
            "DELETE FROM {} WHERE replica NOT IN (SELECT number FROM networks)",
            table.name()
        )
    });
    let of_dumps = "DELETE FROM dumps WHERE network NOT IN (SELECT id FROM networks)".to_owned();
    let mut removed = 0;
    for statement in of_replicas.into_iter().chain([of_dumps]) {
        let statement = sqlx::query(sqlx::AssertSqlSafe(statement));
        removed += statement.execute(&mut *file).await?.rows_affected();
    }
    Ok(removed)
}
