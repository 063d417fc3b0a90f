//! The relay's storage: one SQLite file for all networks, written by one task.
//!
//! What networks write is queued; the task puts what it finds waiting into one transaction and
//! reports it written once that transaction is on disk (WAL, `synchronous=FULL`). Reads go through
//! the same queue, so that each sees the batches before it and none after.

mod catalogue;
mod file;
mod rows;
mod task;

use std::path::{Path, PathBuf};

use shared::keys::SecretKey;
use shared::network::NetworkParameters;
use shared::relay::interface::{Event, RequestId};
use shared::store::{Query, Rows, Write};
use sqlx::SqliteConnection;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use file::OpenError;

use crate::limits::STORE_JOBS_MAX;

/// Names a network within the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkNumber(i64);

/// A network as the file has it.
#[derive(Clone, Debug)]
pub struct StoredNetwork {
    /// Its name within the file.
    pub number: NetworkNumber,
    /// What it was made with.
    pub parameters: NetworkParameters,
}

/// The storage could not do what it was asked; nothing of it was done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("the database {path} could not be read or written: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// A row is not what this version writes.
    #[error(
        "the database {path} holds {what} that this version cannot read: {reason}. Restore a backup, or start with another --data folder"
    )]
    Row {
        /// The file.
        path: PathBuf,
        /// Which row.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// The opened file, before its task is started.
#[derive(Debug)]
pub struct Store {
    file: file::DataFile,
    connection: SqliteConnection,
}

impl Store {
    /// Opens the database in a data folder, makes what is missing, and checks what is there.
    pub async fn open(folder: &Path) -> Result<Self, OpenError> {
        let (file, connection) = file::open(folder).await?;
        Ok(Self { file, connection })
    }

    /// The relay's key; made from `new_seed` at the first start.
    pub async fn identity(&mut self, new_seed: [u8; 32]) -> Result<SecretKey, StoreError> {
        catalogue::identity(&mut self.connection, new_seed)
            .await
            .map_err(|error| self.file.error(error))
    }

    /// All networks, oldest first.
    pub async fn networks(&mut self) -> Result<Vec<StoredNetwork>, StoreError> {
        catalogue::networks(&mut self.connection)
            .await
            .map_err(|error| self.file.error(error))
    }

    /// Adds a network.
    pub async fn add_network(
        &mut self,
        parameters: &NetworkParameters,
    ) -> Result<NetworkNumber, StoreError> {
        catalogue::add_network(&mut self.connection, parameters)
            .await
            .map_err(|error| self.file.error(error))
    }

    /// The rows that a network's core needs in memory.
    pub async fn rows(&mut self, network: NetworkNumber) -> Result<Rows, StoreError> {
        rows::load_all(&mut self.connection, network)
            .await
            .map_err(|error| self.file.error(error.into()))
    }

    /// Starts the task that reads and writes from now on. It ends when every client is gone, or
    /// with an error when a batch could not be written.
    pub fn start(self) -> (StoreClient, JoinHandle<Result<(), StoreError>>) {
        let (jobs, queue) = mpsc::channel(STORE_JOBS_MAX);
        let task = tokio::spawn(task::run(self.file, self.connection, queue));
        (StoreClient { jobs }, task)
    }
}

/// Queues work for the store's task.
#[derive(Clone, Debug)]
pub struct StoreClient {
    jobs: mpsc::Sender<task::Job>,
}

impl StoreClient {
    /// The store as one network sees it. What becomes of its work is sent to `completions`.
    #[must_use]
    pub fn of_network(
        &self,
        network: NetworkNumber,
        completions: mpsc::UnboundedSender<Event>,
    ) -> NetworkStore {
        NetworkStore {
            jobs: self.jobs.clone(),
            network,
            completions,
        }
    }
}

/// The store as one network sees it.
#[derive(Debug)]
pub struct NetworkStore {
    jobs: mpsc::Sender<task::Job>,
    network: NetworkNumber,
    completions: mpsc::UnboundedSender<Event>,
}

impl NetworkStore {
    /// Queues a batch; `Written` or `WriteFailed` will report on it. Waits while the queue is full.
    pub async fn write(&self, request: RequestId, writes: Vec<Write>) {
        self.queue(request, task::Work::Write(writes)).await;
    }

    /// Queues a read; `Loaded` or `LoadFailed` will report on it. Waits while the queue is full.
    pub async fn load(&self, request: RequestId, query: Query) {
        self.queue(request, task::Work::Load(query)).await;
    }

    async fn queue(&self, request: RequestId, work: task::Work) {
        let job = task::Job {
            network: self.network,
            request,
            work,
            completions: self.completions.clone(),
        };
        if let Err(refused) = self.jobs.send(job).await {
            refused.0.fail("the store has stopped");
        }
    }
}
