//! `dump_data` and `stop_dump_data` into a real PostgreSQL, and what can be wrong with it.

use dump::testing::PostgresServer;

use crate::programs::{Relay, Worker, until};

/// Height of the last block in the tables of the one network that is dumped; no block is there
/// twice, and none is missing.
fn height(server: &PostgresServer) -> Option<u64> {
    let find = "SELECT schemaname FROM pg_tables WHERE tablename = 'blocks'";
    let schema = server.psql("ledger", find);
    let schema = schema.trim();
    if schema.is_empty() {
        return None;
    }
    let count = format!("SELECT count(*), max(height) FROM \"{schema}\".blocks");
    let row = server.psql("ledger", &count);
    let (count, height) = row.trim().split_once('|')?;
    let height: u64 = height.parse().ok()?;
    assert_eq!(count, (height + 1).to_string(), "blocks up to {height}");
    Some(height)
}

fn until_height(server: &PostgresServer, wanted: u64) {
    until("the blocks are in the tables", || {
        height(server).filter(|height| *height == wanted)
    });
}

#[test]
fn dump_data_follows_the_running_worker_and_a_second_one_changes_nothing() {
    let server = PostgresServer::start();
    let url = server.url("ledger");
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let _running = worker.run(&[]);
    worker.json(&["mine_block"]);
    let dump = ["dump_data", "--db-url", url.as_str()];
    let begun = worker.json(&dump);
    assert!(
        !begun["target"].as_str().unwrap().contains("password"),
        "{begun}"
    );
    until_height(&server, 1);
    worker.json(&["mine_block"]);
    until_height(&server, 2);
    let (code, error) = worker.failure(&dump);
    assert_eq!((code, &error["class"]), (48, &"database_busy".into()));

    worker.json(&["stop_dump_data"]);
    worker.json(&dump);
    worker.json(&["mine_block"]);
    until_height(&server, 3);
}

#[test]
fn stop_dump_data_means_no_row_more_and_starting_again_leaves_no_gap() {
    let server = PostgresServer::start();
    let url = server.url("ledger");
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let (code, _) = worker.failure(&["stop_dump_data"]);
    assert_eq!(code, 35);
    let _running = worker.run(&[]);
    worker.json(&["mine_block"]);
    worker.json(&["dump-data", "--db-url", &url]);
    until_height(&server, 1);
    worker.json(&["stop-dump-data"]);
    for _ in 0..3 {
        worker.json(&["mine_block"]);
    }
    assert_eq!(height(&server), Some(1));
    worker.json(&["dump_data", "--db-url", &url]);
    until_height(&server, 4);
}

#[test]
fn a_wrong_database_has_its_own_exit_code() {
    let server = PostgresServer::start();
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let _running = worker.run(&[]);
    let missing = server.url("nowhere");
    let user = server.url_as("stranger", "wrong", "ledger");
    for (url, expected) in [
        ("mysql://localhost/db", 40),
        ("postgresql://127.0.0.1:1/db", 41),
        (user.as_str(), 42),
        (missing.as_str(), 43),
    ] {
        let (code, error) = worker.failure(&["dump_data", "--db-url", url]);
        assert_eq!(code, expected, "{url}: {error}");
        assert!(
            !error["message"].as_str().unwrap().contains("wrong"),
            "{error}"
        );
    }
}

#[test]
fn rebuild_makes_a_replica_that_verifies_like_the_original() {
    let server = PostgresServer::start();
    let url = server.url("ledger");
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let _running = worker.run(&[]);
    worker.json(&["add_transaction", "--key", "k", "--value", "v"]);
    worker.json(&["mine_block"]);
    worker.json(&["dump_data", "--db-url", &url]);
    until_height(&server, 1);
    worker.json(&["stop_dump_data"]);
    let rebuilt = Worker::new();
    assert_eq!(rebuilt.json(&["rebuild", "--db-url", &url])["height"], 1);
    rebuilt.json(&["register", "--server", &relay.url]);
    assert_eq!(rebuilt.json(&["get", "k"])["value"], "v");
    let (code, _) = rebuilt.failure(&["rebuild", "--db-url", &url]);
    assert_eq!(code, 10, "a replica that is there is not overwritten");
}
