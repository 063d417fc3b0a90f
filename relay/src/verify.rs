//! `relay verify`: every chain of a database replayed from its first block, by the code that
//! verifies a stranger's blocks.

use std::path::{Path, PathBuf};

use shared::block::{Block, Body, SealedHeader};
use shared::chain_file::{ChainFileError, Replay, VerifiedChain};
use shared::encoding::{DecodeError, decode};
use shared::finality::LogEntry;
use shared::network::NetworkParameters;
use shared::store::{key_number, number_key};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::backup::DATABASE_FILE;
use crate::clock::now_ms;

/// Rows that are read at once.
const ROWS_PER_READ: u32 = 100;

/// Why a database was not found to be sound.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is nothing to verify.
    #[error("there is no relay's database in {0}: name its folder with --data")]
    NoDatabase(PathBuf),
    /// SQLite refused.
    #[error("the database could not be read: {0}")]
    Sqlite(#[from] sqlx::Error),
    /// A row of the relay's own is unreadable.
    #[error("a network cannot be read: {0}. Restore a backup")]
    Network(DecodeError),
    /// A network's chain or log is not what it should be.
    #[error(
        "network {name}: {fault}. Restore a backup, or let the members bring the chain back to an empty data folder"
    )]
    Unsound {
        /// The network.
        name: String,
        /// The first thing that is wrong.
        fault: Fault,
    },
}

/// What is wrong with a stored chain.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A block or an entry does not verify.
    #[error(transparent)]
    Refused(#[from] ChainFileError),
    /// A row does not decode.
    #[error("{what} {number}: {reason}")]
    Row {
        /// Block or log entry.
        what: &'static str,
        /// Its height or index.
        number: u64,
        /// What is wrong.
        reason: String,
    },
}

/// Replays each network of the database in a data folder, as it is at one moment, also while a
/// relay is running on it. The first bad block or log entry is named.
pub async fn verify(data: &Path) -> Result<Vec<VerifiedChain>, VerifyError> {
    let database = data.join(DATABASE_FILE);
    if !database.is_file() {
        return Err(VerifyError::NoDatabase(data.to_path_buf()));
    }
    let mut connection = SqliteConnectOptions::new()
        .filename(database)
        .connect()
        .await?;
    let mut snapshot = connection.begin().await?;
    let networks: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT number, parameters FROM networks ORDER BY number")
            .fetch_all(&mut *snapshot)
            .await?;
    let mut verified = Vec::new();
    for (number, parameters) in networks {
        let parameters: NetworkParameters =
            decode("network's parameters", &parameters).map_err(VerifyError::Network)?;
        let name = parameters.name.to_string();
        let unsound = |fault| VerifyError::Unsound {
            name: name.clone(),
            fault,
        };
        let replay = Replay::new(parameters).map_err(|error| unsound(error.into()))?;
        match replayed(&mut snapshot, number, replay).await? {
            Ok(replay) => verified.push(replay.verified()),
            Err(fault) => return Err(unsound(fault)),
        }
    }
    Ok(verified)
}

/// The key of a header's row, the header, and the body where there is one.
type BlockRow = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);

/// Replays one network. The outer error is of the database, the inner one of what it holds.
async fn replayed(
    connection: &mut SqliteConnection,
    network: i64,
    mut replay: Replay,
) -> sqlx::Result<Result<Replay, Fault>> {
    let mut entries = Entries::default();
    let mut height = 0;
    loop {
        let blocks: Vec<BlockRow> = sqlx::query_as(
            "SELECT headers.key, headers.value, bodies.value FROM headers
             LEFT JOIN bodies ON bodies.replica = headers.replica AND bodies.key = headers.key
             WHERE headers.replica = ?1 AND headers.key > ?2 ORDER BY headers.key LIMIT ?3",
        )
        .bind(network)
        .bind(number_key(height))
        .bind(ROWS_PER_READ)
        .fetch_all(&mut *connection)
        .await?;
        if blocks.is_empty() {
            break;
        }
        for (key, header, body) in blocks {
            height = key_number(&key).unwrap_or(u64::MAX);
            // What decides a block stands before it: an entry says how far one may go.
            while replay.chain().decided().height < height {
                match entries.next(connection, network).await? {
                    Some(Ok(entry)) => {
                        if let Err(error) = replay.entry(&entry) {
                            return Ok(Err(error.into()));
                        }
                    }
                    Some(Err(fault)) => return Ok(Err(fault)),
                    None => break,
                }
            }
            let taken = block(height, &header, body).and_then(|block| {
                let changes = replay.block(block, now_ms());
                changes.map(drop).map_err(Fault::from)
            });
            if let Err(fault) = taken {
                return Ok(Err(fault));
            }
        }
    }
    while let Some(entry) = entries.next(connection, network).await? {
        let taken = entry.and_then(|entry| replay.entry(&entry).map_err(Fault::from));
        if let Err(fault) = taken {
            return Ok(Err(fault));
        }
    }
    Ok(Ok(replay))
}

fn block(height: u64, header: &[u8], body: Option<Vec<u8>>) -> Result<Block, Fault> {
    let bad = |reason: String| Fault::Row {
        what: "block",
        number: height,
        reason,
    };
    let sealed: SealedHeader =
        decode("sealed header", header).map_err(|error| bad(error.to_string()))?;
    if sealed.header.height != height {
        let stored = sealed.header.height;
        return Err(bad(format!("the header of block {stored} is stored there")));
    }
    let body = body.ok_or_else(|| bad("its transactions are missing".to_owned()))?;
    let body: Body = decode("body", &body).map_err(|error| bad(error.to_string()))?;
    Ok(Block { sealed, body })
}

/// The decision log, read in portions.
#[derive(Default)]
struct Entries {
    read: std::collections::VecDeque<(Vec<u8>, Vec<u8>)>,
    /// The key of the last one that was read.
    last: Option<Vec<u8>>,
}

impl Entries {
    async fn next(
        &mut self,
        connection: &mut SqliteConnection,
        network: i64,
    ) -> sqlx::Result<Option<Result<LogEntry, Fault>>> {
        if self.read.is_empty() {
            let rows: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
                "SELECT key, value FROM log WHERE replica = ?1 AND (?2 IS NULL OR key > ?2)
                 ORDER BY key LIMIT ?3",
            )
            .bind(network)
            .bind(self.last.clone())
            .bind(ROWS_PER_READ)
            .fetch_all(connection)
            .await?;
            self.last = rows.last().map(|(key, _)| key.clone()).or(self.last.take());
            self.read = rows.into();
        }
        Ok(self.read.pop_front().map(|(key, value)| {
            decode("log entry", &value).map_err(|error| Fault::Row {
                what: "log entry",
                number: key_number(&key).unwrap_or(u64::MAX),
                reason: error.to_string(),
            })
        }))
    }
}
