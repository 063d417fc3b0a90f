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

#[cfg(test)]
mod tests {
    use shared::store::{Row, Table};
    use tempfile::TempDir;

    use super::*;
    use crate::network::test_parameters;

    async fn store_with_networks(folder: &Path) -> (Store, [NetworkNumber; 2]) {
        let mut store = Store::open(folder).await.unwrap();
        let first = store.add_network(&test_parameters("first")).await.unwrap();
        let second = store.add_network(&test_parameters("second")).await.unwrap();
        (store, [first, second])
    }

    fn put(table: Table, key: u8, value: u8) -> Write {
        Write {
            table,
            key: vec![key],
            value: Some(vec![value]),
        }
    }

    fn row(key: u8, value: u8) -> Row {
        Row {
            key: vec![key],
            value: vec![value],
        }
    }

    fn everything(table: Table, newest_first: bool, rows_max: u32) -> Query {
        Query::Range {
            table,
            from: vec![0],
            to: vec![0xff],
            rows_max,
            newest_first,
        }
    }

    #[tokio::test]
    async fn every_table_takes_rows_and_gives_them_back() {
        let folder = TempDir::new().unwrap();
        let (store, [number, _]) = store_with_networks(folder.path()).await;
        let (client, task) = store.start();
        let (completions, mut reports) = mpsc::unbounded_channel();
        let network = client.of_network(number, completions);
        for (request, table) in (0..).zip(Table::ALL) {
            let rows = [3, 1, 2].map(|key| put(table, key, key + 10));
            network.write(request, rows.into()).await;
            let replaced = [put(table, 1, 20), Write::remove(table, [2])];
            network.write(request, replaced.into()).await;
            network.load(request, everything(table, false, 9)).await;
            network.load(request, everything(table, true, 1)).await;
            let keys = [9, 3, 1].map(|key| vec![key]).into();
            network.load(request, Query::Keys { table, keys }).await;

            let mut loaded = Vec::new();
            while loaded.len() < 3 {
                match reports.recv().await.unwrap() {
                    Event::Written(_) => {}
                    Event::Loaded(_, rows) => loaded.push(rows),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(loaded[0], [row(1, 20), row(3, 13)], "{}", table.name());
            assert_eq!(loaded[1], [row(3, 13)], "{}", table.name());
            assert_eq!(loaded[2], [row(3, 13), row(1, 20)], "{}", table.name());
        }
        drop((client, network));
        task.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn large_batches_keep_the_order_of_changes_to_a_row() {
        let folder = TempDir::new().unwrap();
        let (store, [number, _]) = store_with_networks(folder.path()).await;
        let (client, task) = store.start();
        let (completions, mut reports) = mpsc::unbounded_channel();
        let network = client.of_network(number, completions);
        let mut batch = Vec::new();
        batch.extend((0..100).map(|key| put(Table::State, key, 1)));
        batch.push(put(Table::Headers, 1, 9));
        batch.extend((0..100).map(|key| put(Table::State, key / 2, 2 + key % 2)));
        batch.extend((0..70).map(|key| Write::remove(Table::State, [key])));
        batch.push(put(Table::State, 5, 4));
        network.write(0, batch).await;
        network.load(1, everything(Table::State, false, 200)).await;
        assert!(matches!(reports.recv().await, Some(Event::Written(0))));
        let mut expected = vec![row(5, 4)];
        expected.extend((70..100).map(|key| row(key, 1)));
        match reports.recv().await.unwrap() {
            Event::Loaded(_, rows) => assert_eq!(rows, expected),
            other => panic!("{other:?}"),
        }
        drop((client, network));
        task.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn networks_do_not_see_each_others_rows() {
        let folder = TempDir::new().unwrap();
        let (store, [first, second]) = store_with_networks(folder.path()).await;
        let (client, task) = store.start();
        let (completions, mut reports) = mpsc::unbounded_channel();
        for (number, value) in [(first, 1), (second, 2)] {
            let network = client.of_network(number, completions.clone());
            network.write(0, vec![put(Table::Meta, 1, value)]).await;
            assert!(matches!(reports.recv().await, Some(Event::Written(0))));
        }
        drop(client);
        task.await.unwrap().unwrap();

        let mut store = Store::open(folder.path()).await.unwrap();
        for (number, value) in [(first, 1), (second, 2)] {
            let rows = store.rows(number).await.unwrap();
            assert_eq!(rows.table(Table::Meta), [row(1, value)]);
        }
    }

    #[tokio::test]
    async fn reads_see_the_batches_before_them_and_none_after() {
        let folder = TempDir::new().unwrap();
        let (store, [number, _]) = store_with_networks(folder.path()).await;
        let (client, task) = store.start();
        let (completions, mut reports) = mpsc::unbounded_channel();
        let network = client.of_network(number, completions);
        // Queued without waiting, so that many share a commit.
        for value in 0..100 {
            network
                .write(value.into(), vec![put(Table::Meta, 1, value)])
                .await;
            network
                .load(value.into(), everything(Table::Meta, false, 9))
                .await;
        }
        for value in 0..100 {
            assert!(
                matches!(reports.recv().await, Some(Event::Written(id)) if id == u64::from(value))
            );
            match reports.recv().await.unwrap() {
                Event::Loaded(_, rows) => assert_eq!(rows, [row(1, value)]),
                other => panic!("{other:?}"),
            }
        }
        drop((client, network));
        task.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn the_identity_is_made_once() {
        let folder = TempDir::new().unwrap();
        let mut store = Store::open(folder.path()).await.unwrap();
        let first = store.identity([1; 32]).await.unwrap().public_key();
        drop(store);
        let mut store = Store::open(folder.path()).await.unwrap();
        let again = store.identity([2; 32]).await.unwrap().public_key();
        assert_eq!(first, again);
    }

    #[tokio::test]
    async fn another_programs_database_and_a_newer_one_are_refused() {
        use sqlx::ConnectOptions;
        use sqlx::sqlite::SqliteConnectOptions;

        let folder = TempDir::new().unwrap();
        drop(Store::open(folder.path()).await.unwrap());
        let database = SqliteConnectOptions::new().filename(folder.path().join("relay.sqlite"));
        let mut connection = database.connect().await.unwrap();
        let newer = "UPDATE _sqlx_migrations SET version = 9";
        sqlx::query(newer).execute(&mut connection).await.unwrap();
        let refusal = Store::open(folder.path()).await.unwrap_err();
        assert!(matches!(refusal, OpenError::Version { .. }), "{refusal}");

        let other = "PRAGMA application_id = 1";
        sqlx::query(other).execute(&mut connection).await.unwrap();
        let refusal = Store::open(folder.path()).await.unwrap_err();
        assert!(matches!(refusal, OpenError::Foreign { .. }), "{refusal}");
    }
}
