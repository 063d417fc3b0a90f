use shared::store::{Row, Table};
use tempfile::TempDir;

use super::*;

const PROGRAM: Program = Program {
    name: "relay",
    folder_option: "--data",
    migrations: None,
};
const FIRST: ReplicaNumber = ReplicaNumber(1);
const SECOND: ReplicaNumber = ReplicaNumber(2);

async fn open(folder: &TempDir) -> Store {
    Store::open(folder.path(), &PROGRAM).await.unwrap()
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
    let store = open(&folder).await;
    let (client, task) = store.start();
    let (completions, mut reports) = mpsc::unbounded_channel();
    let replica = client.of_replica(FIRST, completions);
    for (request, table) in (0..).zip(Table::ALL) {
        let rows = [3, 1, 2].map(|key| put(table, key, key + 10));
        replica.write(request, rows.into()).await;
        let replaced = [put(table, 1, 20), Write::remove(table, [2])];
        replica.write(request, replaced.into()).await;
        replica.load(request, everything(table, false, 9)).await;
        replica.load(request, everything(table, true, 1)).await;
        let keys = [9, 3, 1].map(|key| vec![key]).into();
        replica.load(request, Query::Keys { table, keys }).await;

        let mut loaded = Vec::new();
        while loaded.len() < 3 {
            match reports.recv().await.unwrap() {
                Completion::Written(_) => {}
                Completion::Loaded(_, rows) => loaded.push(rows),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(loaded[0], [row(1, 20), row(3, 13)], "{}", table.name());
        assert_eq!(loaded[1], [row(3, 13)], "{}", table.name());
        assert_eq!(loaded[2], [row(3, 13), row(1, 20)], "{}", table.name());
    }
    drop((client, replica));
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn large_batches_keep_the_order_of_changes_to_a_row() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let (client, task) = store.start();
    let (completions, mut reports) = mpsc::unbounded_channel();
    let replica = client.of_replica(FIRST, completions);
    let mut batch = Vec::new();
    batch.extend((0..100).map(|key| put(Table::State, key, 1)));
    batch.push(put(Table::Headers, 1, 9));
    batch.extend((0..100).map(|key| put(Table::State, key / 2, 2 + key % 2)));
    batch.extend((0..70).map(|key| Write::remove(Table::State, [key])));
    batch.push(put(Table::State, 5, 4));
    replica.write(0, batch).await;
    replica.load(1, everything(Table::State, false, 200)).await;
    assert!(matches!(reports.recv().await, Some(Completion::Written(0))));
    let mut expected = vec![row(5, 4)];
    expected.extend((70..100).map(|key| row(key, 1)));
    match reports.recv().await.unwrap() {
        Completion::Loaded(_, rows) => assert_eq!(rows, expected),
        other => panic!("{other:?}"),
    }
    drop((client, replica));
    task.await.unwrap().unwrap();
}

/// They wait together, share a commit, and are written as few batches.
#[tokio::test]
async fn small_batches_of_several_replicas_keep_the_order_of_changes_to_a_row() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let (client, task) = store.start();
    let (completions, mut reports) = mpsc::unbounded_channel();
    let replicas = [FIRST, SECOND].map(|number| client.of_replica(number, completions.clone()));
    for (request, key) in (0..).zip(0..20) {
        for (value, replica) in (1..).zip(&replicas) {
            replica
                .write(request, vec![put(Table::State, key, value)])
                .await;
            let changed = vec![
                put(Table::State, key, 10 * value),
                Write::remove(Table::State, [key / 2]),
            ];
            replica.write(request, changed).await;
        }
    }
    let mut expected = (10..20).map(|key| row(key, 10)).collect::<Vec<_>>();
    for (number, replica) in (1..).zip(&replicas) {
        replica
            .load(number, everything(Table::State, false, 200))
            .await;
    }
    let mut loaded = Vec::new();
    while loaded.len() < 2 {
        match reports.recv().await.unwrap() {
            Completion::Written(_) => {}
            Completion::Loaded(_, rows) => loaded.push(rows),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(loaded[0], expected);
    expected.iter_mut().for_each(|row| row.value = vec![20]);
    assert_eq!(loaded[1], expected);
    drop((client, replicas));
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn replicas_do_not_see_each_others_rows() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let (client, task) = store.start();
    let (completions, mut reports) = mpsc::unbounded_channel();
    for (number, value) in [(FIRST, 1), (SECOND, 2)] {
        let replica = client.of_replica(number, completions.clone());
        replica.write(0, vec![put(Table::Meta, 1, value)]).await;
        assert!(matches!(reports.recv().await, Some(Completion::Written(0))));
    }
    drop(client);
    task.await.unwrap().unwrap();

    let mut store = open(&folder).await;
    for (number, value) in [(FIRST, 1), (SECOND, 2)] {
        let rows = store.rows(number).await.unwrap();
        assert_eq!(rows.table(Table::Meta), [row(1, value)]);
    }
}

#[tokio::test]
async fn reads_see_the_batches_before_them_and_none_after() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let (client, task) = store.start();
    let (completions, mut reports) = mpsc::unbounded_channel();
    let replica = client.of_replica(FIRST, completions);
    // Queued without waiting, so that many share a commit.
    for value in 0..100 {
        replica
            .write(value.into(), vec![put(Table::Meta, 1, value)])
            .await;
        replica
            .load(value.into(), everything(Table::Meta, false, 9))
            .await;
    }
    for value in 0..100 {
        assert!(
            matches!(reports.recv().await, Some(Completion::Written(id)) if id == u64::from(value))
        );
        match reports.recv().await.unwrap() {
            Completion::Loaded(_, rows) => assert_eq!(rows, [row(1, value)]),
            other => panic!("{other:?}"),
        }
    }
    drop((client, replica));
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn another_programs_database_and_a_newer_one_are_refused() {
    use sqlx::ConnectOptions;
    use sqlx::sqlite::SqliteConnectOptions;

    let folder = TempDir::new().unwrap();
    drop(open(&folder).await);
    let database = SqliteConnectOptions::new().filename(folder.path().join("relay.sqlite"));
    let mut connection = database.connect().await.unwrap();
    let newer = "UPDATE _sqlx_migrations SET version = 9 WHERE version = 1";
    sqlx::query(newer).execute(&mut connection).await.unwrap();
    let refusal = Store::open(folder.path(), &PROGRAM).await.unwrap_err();
    assert!(matches!(refusal, OpenError::Version { .. }), "{refusal}");

    let other = "PRAGMA application_id = 1";
    sqlx::query(other).execute(&mut connection).await.unwrap();
    let refusal = Store::open(folder.path(), &PROGRAM).await.unwrap_err();
    assert!(matches!(refusal, OpenError::Foreign { .. }), "{refusal}");
}

#[tokio::test]
async fn clearing_a_replica_keeps_votes_and_other_replicas() {
    let folder = TempDir::new().unwrap();
    let (client, task) = open(&folder).await.start();
    let (completions, mut reports) = mpsc::unbounded_channel();
    for number in [FIRST, SECOND] {
        let replica = client.of_replica(number, completions.clone());
        let rows = Table::ALL.map(|table| put(table, 1, 1));
        replica.write(0, rows.into()).await;
        assert_eq!(reports.recv().await, Some(Completion::Written(0)));
    }
    let replica = client.of_replica(FIRST, completions);
    replica.clear(1).await;
    assert_eq!(reports.recv().await, Some(Completion::Written(1)));
    drop((client, replica));
    task.await.unwrap().unwrap();

    let mut store = open(&folder).await;
    let (first, second) = (
        store.rows(FIRST).await.unwrap(),
        store.rows(SECOND).await.unwrap(),
    );
    for table in Rows::TABLES {
        let kept = usize::from(table == Table::Votes);
        assert_eq!(first.table(table).len(), kept, "{}", table.name());
        assert_eq!(second.table(table).len(), 1, "{}", table.name());
    }
}

#[tokio::test]
async fn own_work_that_fails_leaves_nothing_and_the_store_goes_on() {
    let folder = TempDir::new().unwrap();
    let (client, task) = open(&folder).await.start();
    let made = client.run(|connection| {
        Box::pin(async move {
            let table = "CREATE TABLE own (number INTEGER)";
            Ok(sqlx::query(table).execute(connection).await.map(drop)?)
        })
    });
    made.await.unwrap();
    let failed = client.run(|connection| {
        Box::pin(async move {
            let row = "INSERT INTO own (number) VALUES (1)";
            sqlx::query(row).execute(connection).await?;
            Err::<(), _>(WorkError::Row {
                what: "a test",
                reason: "it fails".to_owned(),
            })
        })
    });
    assert!(matches!(failed.await, Err(StoreError::Row { .. })));
    let counted = client.run(|connection| {
        Box::pin(async move {
            let count = sqlx::query_scalar("SELECT count(*) FROM own");
            Ok(count.fetch_one(connection).await?)
        })
    });
    let count: i64 = counted.await.unwrap();
    assert_eq!(count, 0);
    drop(client);
    task.await.unwrap().unwrap();
}
