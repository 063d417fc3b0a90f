//! Where a program keeps its replicas: one SQLite file, written by one task.
//!
//! What nodes write is queued; the task puts what it finds waiting into one transaction and
//! reports it written once that transaction is on disk (WAL, `synchronous=FULL`). Reads go through
//! the same queue, so that each sees the batches before it and none after.
//!
//! The file has a table for each of [`shared::store::Table`]. A program may have further tables of
//! its own in it: [`Program::migrations`] makes them, [`Store::run`] and [`StoreClient::run`] reach
//! them.
#![forbid(unsafe_code)]

mod file;
pub mod limits;
mod rows;
mod task;

use std::path::{Path, PathBuf};

use shared::store::{Query, Row, Rows, Write};
use shared::{node, relay};
use sqlx::SqliteConnection;
use sqlx::migrate::Migrator;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub use file::{Claim, OpenError};
pub use task::Future;

use limits::STORE_JOBS_MAX;

/// The program whose file it is.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name. The file and its lock are called after it.
    pub name: &'static str,
    /// The option by which its user names the data folder, for messages.
    pub folder_option: &'static str,
    /// Makes the tables that the program has beside those of rows. Their versions begin at 1001,
    /// so that they never meet those of the store.
    pub migrations: Option<&'static Migrator>,
}

/// Tells apart the replicas that share a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaNumber(pub i64);

/// Pairs what is asked of the store with what comes of it.
pub type RequestId = u64;

/// What came of a batch or a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// The batch is durable.
    Written(RequestId),
    /// The batch could not be written, and nothing of it was.
    WriteFailed(RequestId, String),
    /// The rows were read.
    Loaded(RequestId, Vec<Row>),
    /// The rows could not be read.
    LoadFailed(RequestId, String),
}

impl From<Completion> for node::interface::Event {
    fn from(completion: Completion) -> Self {
        match completion {
            Completion::Written(request) => Self::Written(request),
            Completion::WriteFailed(request, reason) => Self::WriteFailed(request, reason),
            Completion::Loaded(request, rows) => Self::Loaded(request, rows),
            Completion::LoadFailed(request, reason) => Self::LoadFailed(request, reason),
        }
    }
}

impl From<Completion> for relay::interface::Event {
    fn from(completion: Completion) -> Self {
        match completion {
            Completion::Written(request) => Self::Written(request),
            Completion::WriteFailed(request, reason) => Self::WriteFailed(request, reason),
            Completion::Loaded(request, rows) => Self::Loaded(request, rows),
            Completion::LoadFailed(request, reason) => Self::LoadFailed(request, reason),
        }
    }
}

/// What a piece of a program's own work failed at. The store adds in which file.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// SQLite refused.
    #[error(transparent)]
    Sqlite(#[from] sqlx::Error),
    /// A row is not what this version writes.
    #[error("{what} cannot be read: {reason}")]
    Row {
        /// Which row.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
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
        "the database {path} holds {what} that this version cannot read: {reason}. Restore a backup, or name another folder with {option}"
    )]
    Row {
        /// The file.
        path: PathBuf,
        /// Which row.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
        /// The option that names a folder.
        option: &'static str,
    },
    /// The task has ended; what ended it was reported by the task.
    #[error("the store has stopped: see the error before")]
    Stopped,
}

/// The opened file, before its task is started.
#[derive(Debug)]
pub struct Store {
    file: file::DataFile,
    connection: SqliteConnection,
}

impl Store {
    /// Opens the database in a data folder for this process alone, makes what is missing, and
    /// checks what is there.
    pub async fn open(folder: &Path, program: &Program) -> Result<Self, OpenError> {
        let (file, connection) = file::open(folder, program).await?;
        Ok(Self { file, connection })
    }

    /// The rows that a node needs in memory.
    pub async fn rows(&mut self, replica: ReplicaNumber) -> Result<Rows, StoreError> {
        rows::load_all(&mut self.connection, replica)
            .await
            .map_err(|error| self.file.error(error.into()))
    }

    /// Works on the program's own tables, in one transaction.
    pub async fn run<T>(
        &mut self,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> Future<'c, T>,
    ) -> Result<T, StoreError> {
        task::run_alone(&mut self.connection, work)
            .await
            .map_err(|error| self.file.error(error))
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
    /// The store as one replica sees it. What becomes of its work is sent to `completions`.
    #[must_use]
    pub fn of_replica(
        &self,
        replica: ReplicaNumber,
        completions: mpsc::UnboundedSender<Completion>,
    ) -> ReplicaStore {
        ReplicaStore {
            jobs: self.jobs.clone(),
            replica,
            completions,
        }
    }

    /// Works on the program's own tables, in one transaction, after what was queued before. If it
    /// fails, nothing of it is kept, and the store goes on.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> Future<'c, T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = task::Job::Own(task::own_work(work, reply));
        self.jobs.send(job).await.map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }
}

/// The store as one replica sees it.
#[derive(Debug)]
pub struct ReplicaStore {
    jobs: mpsc::Sender<task::Job>,
    replica: ReplicaNumber,
    completions: mpsc::UnboundedSender<Completion>,
}

impl ReplicaStore {
    /// Queues a batch; `Written` or `WriteFailed` will report on it. Waits while the queue is full.
    pub async fn write(&self, request: RequestId, writes: Vec<Write>) {
        self.queue(request, task::Work::Write(writes)).await;
    }

    /// Queues the removal of every row of the tables that belong to the replica; reported on like
    /// a batch. Waits while the queue is full.
    pub async fn clear(&self, request: RequestId) {
        self.queue(request, task::Work::Clear).await;
    }

    /// Queues a read; `Loaded` or `LoadFailed` will report on it. Waits while the queue is full.
    pub async fn load(&self, request: RequestId, query: Query) {
        self.queue(request, task::Work::Load(query)).await;
    }

    async fn queue(&self, request: RequestId, work: task::Work) {
        let job = task::RowsJob {
            replica: self.replica,
            request,
            work,
            completions: self.completions.clone(),
        };
        if let Err(refused) = self.jobs.send(task::Job::Rows(job)).await {
            refused.0.fail("the store has stopped");
        }
    }
}

#[cfg(test)]
mod tests;
