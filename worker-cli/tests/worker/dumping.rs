//! `dump_data` and `stop_dump_data` into a real PostgreSQL, and what can be wrong with it.

use std::fs::{self, File};

use dump::testing::PostgresServer;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

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
    for dumper in [&worker, &Worker::registered(&relay)] {
        let (code, error) = dumper.failure(&dump);
        assert_eq!((code, &error["class"]), (48, &"database_busy".into()));
    }

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
fn dump_status_tells_how_far_it_is_and_why_it_has_halted() {
    let server = PostgresServer::start();
    let url = server.url("ledger");
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let _running = worker.run(&[]);
    let (code, error) = worker.failure(&["dump_status"]);
    assert_eq!((code, &error["class"]), (35, &"not_running".into()));
    worker.json(&["dump_data", "--db-url", &url]);
    worker.json(&["mine_block"]);
    let status = until("the dump follows", || {
        let status = worker.json(&["dump-status"]);
        (status["state"] == "following" && status["height"] == 1).then_some(status)
    });
    assert_eq!(status["lag_blocks"], 0);
    assert!(status["rows_per_second"].is_u64(), "{status}");

    let alter = format!("UPDATE {}.head SET log_length = 99", schemas(&server));
    server.psql("ledger", &alter);
    worker.json(&["mine_block"]);
    let status = until("the dump has halted", || {
        let status = worker.json(&["dump_status"]);
        (status["state"] == "halted").then_some(status)
    });
    let error = status["last_error"].as_str().unwrap();
    assert!(error.contains("altered"), "{error}");
    assert_eq!(height(&server), Some(1), "nothing more is written");
}

/// Schemas in the database that dumps have made, or that have such a name.
fn schemas(server: &PostgresServer) -> String {
    schemas_in(server, "ledger")
}

fn schemas_in(server: &PostgresServer, database: &str) -> String {
    let find = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tabchain%'";
    server.psql(database, find).trim().to_owned()
}

/// Has a server say that it is of a version that nobody maintains any more.
const OF_VERSION_11: &str = "CREATE SCHEMA past;
    CREATE FUNCTION past.current_setting(name text) RETURNS text LANGUAGE sql AS $$
        SELECT CASE name WHEN 'server_version_num' THEN '110022' WHEN 'server_version' THEN '11.22'
                         ELSE pg_catalog.current_setting(name) END $$";

#[test]
fn a_wrong_database_has_its_own_message_and_exit_code_and_stays_as_it_was() {
    let server = PostgresServer::start();
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let _running = worker.run(&[]);
    server.psql("ledger", "CREATE ROLE ann LOGIN PASSWORD 'secret'");
    for statement in [
        "CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
        "CREATE DATABASE standby",
        "ALTER DATABASE standby SET default_transaction_read_only = on",
        "CREATE DATABASE old",
        "ALTER DATABASE old SET search_path = past, pg_catalog",
    ] {
        server.psql("postgres", statement);
    }
    server.psql("old", OF_VERSION_11);
    let [missing, ascii, standby, old] =
        ["nowhere", "ascii", "standby", "old"].map(|database| server.url(database));
    let user = server.url_as("stranger", "secret", "ledger");
    let password = server.url_as("ann", "secret but wrong", "ledger");
    let no_tls = format!("{}?sslmode=require", server.url("ledger"));
    let no_right = server.url_as("ann", "secret", "ledger");
    let mut messages = Vec::new();
    for (url, class, expected) in [
        ("mysql://localhost/db", "database_url", 40),
        ("postgresql://127.0.0.1:1/db", "database_unreachable", 41),
        (user.as_str(), "database_login", 42),
        (password.as_str(), "database_login", 42),
        (missing.as_str(), "database_missing", 43),
        (no_tls.as_str(), "database_tls", 44),
        (no_right.as_str(), "database_rights", 45),
        (standby.as_str(), "database_rights", 45),
        (ascii.as_str(), "database_foreign", 46),
        (old.as_str(), "database_version", 47),
    ] {
        let (code, error) = worker.failure(&["dump_data", "--db-url", url]);
        assert_eq!((code, &error["class"]), (expected, &class.into()), "{url}");
        let message = error["message"].as_str().unwrap().to_owned();
        assert!(!message.contains("secret"), "{message}");
        assert!(!messages.contains(&message), "{message}");
        messages.push(message);
    }
    for database in ["ledger", "ascii", "standby", "old"] {
        assert_eq!(schemas_in(&server, database), "");
    }
}

#[test]
fn tables_that_are_not_ours_or_newer_are_refused_and_left_alone() {
    let server = PostgresServer::start();
    let url = server.url("ledger");
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let _running = worker.run(&[]);
    let dump = ["dump_data", "--db-url", url.as_str()];
    worker.json(&dump);
    worker.json(&["stop_dump_data"]);
    let schema = schemas(&server);
    server.psql(
        "ledger",
        &format!("UPDATE {schema}.network SET tables_version = 9"),
    );
    let (code, error) = worker.failure(&dump);
    assert_eq!((code, &error["class"]), (47, &"database_version".into()));

    server.psql("ledger", &format!("DROP SCHEMA {schema} CASCADE"));
    let foreign = format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.blocks (of_wood int)");
    server.psql("ledger", &foreign);
    let (code, error) = worker.failure(&dump);
    assert_eq!((code, &error["class"]), (46, &"database_foreign".into()));
    let columns = format!(
        "SELECT attname FROM pg_attribute WHERE attrelid = '{schema}.blocks'::regclass AND attnum > 0"
    );
    assert_eq!(server.psql("ledger", &columns).trim(), "of_wood");
}

/// What a replica keeps of chain and log, by table. The programs that had it open have ended.
async fn replica(worker: &Worker) -> Vec<(&'static str, Vec<(Vec<u8>, Vec<u8>)>)> {
    let options = SqliteConnectOptions::new().filename(worker.path("worker.sqlite"));
    let mut file = SqliteConnection::connect_with(&options).await.unwrap();
    let mut tables = Vec::new();
    for (table, rows) in [
        ("headers", "SELECT key, value FROM headers ORDER BY key"),
        ("bodies", "SELECT key, value FROM bodies ORDER BY key"),
        ("undo", "SELECT key, value FROM undo ORDER BY key"),
        ("state", "SELECT key, value FROM state ORDER BY key"),
        (
            "transactions",
            "SELECT key, value FROM transactions ORDER BY key",
        ),
        (
            "key_history",
            "SELECT key, value FROM key_history ORDER BY key",
        ),
        ("log", "SELECT key, value FROM log ORDER BY key"),
    ] {
        let rows = sqlx::query_as(rows).fetch_all(&mut file).await.unwrap();
        tables.push((table, rows));
    }
    file.close().await.unwrap();
    tables
}

#[tokio::test]
async fn rebuild_makes_a_replica_equal_to_the_original_to_the_byte() {
    let server = PostgresServer::start();
    let url = server.url("ledger");
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let running = worker.run(&[]);
    worker.json(&["dump_data", "--db-url", &url]);
    for (key, value) in [("k", "v"), ("k", "w"), ("ä", "\u{1f980} of\ttwo\nlines")] {
        worker.json(&["add_transaction", "--key", key, "--value", value]);
        worker.json(&["mine_block"]);
    }
    // The decision of the last block, too.
    let decided = format!("SELECT final_height FROM {}.head", schemas(&server));
    until("the last block is final in the tables", || {
        (server.psql("ledger", &decided).trim() == "3").then_some(())
    });
    worker.json(&["stop_dump_data"]);
    worker.json(&["disconnect"]);
    assert!(running.wait().success());

    let rebuilt = Worker::new();
    assert_eq!(rebuilt.json(&["rebuild", "--db-url", &url])["height"], 3);
    let original = replica(&worker).await;
    let of_state = original.iter().find(|(table, _)| *table == "state");
    assert!(
        of_state.is_some_and(|(_, rows)| rows.len() >= 2),
        "{original:?}"
    );
    for (original, rebuilt) in original.iter().zip(&replica(&rebuilt).await) {
        assert_eq!(original, rebuilt);
    }

    let (code, _) = rebuilt.failure(&["rebuild", "--db-url", &url]);
    assert_eq!(code, 10, "a replica that is there is not overwritten");
    // It goes on as a member's.
    rebuilt.json(&["register", "--server", &relay.url]);
    assert_eq!(rebuilt.json(&["get", "k"])["value"], "w");
}

#[test]
fn nothing_is_rebuilt_of_altered_tables() {
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
    let alter = format!("UPDATE {}.transactions SET value = 'x'", schemas(&server));
    server.psql("ledger", &alter);
    let rebuilt = Worker::new();
    let (code, error) = rebuilt.failure(&["rebuild", "--db-url", &url]);
    assert_eq!((code, &error["class"]), (49, &"database_data".into()));
    assert!(!rebuilt.path("worker.sqlite").exists());
    assert!(!rebuilt.path("rebuild").exists(), "nothing half done");
}

#[test]
fn a_dump_in_the_running_worker_counts_what_the_callers_environment_says() {
    let server = PostgresServer::start();
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let _running = worker.run(&[]);
    server.psql("ledger", "CREATE ROLE ann LOGIN PASSWORD 's3cret'");
    server.psql("ledger", "GRANT CREATE ON DATABASE ledger TO ann");
    let url = server.url("ledger");
    let (_, place) = url.split_once('@').unwrap();
    let url = format!("postgresql://{place}");
    let dump = ["--json", "dump_data", "--db-url", url.as_str()];
    let login = [("PGUSER", "ann"), ("PGPASSWORD", "s3cret")];
    let strict = [&login[..], &[("PGSSLMODE", "require")]].concat();
    let refused = worker.output_with(&strict, &dump);
    assert_eq!(refused.status.code(), Some(44), "the server has no TLS");
    let begun = worker.output_with(&login, &dump);
    let said = String::from_utf8_lossy(&begun.stderr);
    assert!(begun.status.success(), "{said}");
    until_height(&server, 0);
}

#[test]
fn rebuild_takes_the_network_that_is_named_by_name_or_id() {
    let server = PostgresServer::start();
    let url = server.url("ledger");
    let mut ids = Vec::new();
    for (name, blocks) in [("first", 1), ("second", 2)] {
        let relay = Relay::start_with(&["--network-name", name]);
        let worker = Worker::new();
        let registered = worker.json(&["register", "--server", &relay.url]);
        ids.push(registered["network"]["id"].as_str().unwrap().to_owned());
        let _running = worker.run(&[]);
        for _ in 0..blocks {
            worker.json(&["mine_block"]);
        }
        worker.json(&["dump_data", "--db-url", &url]);
        let schema = format!("tabchain_{}", &ids.last().unwrap()[..16]);
        let height = format!("SELECT max(height) FROM {schema}.blocks");
        until("the blocks are in the tables", || {
            (server.psql("ledger", &height).trim() == blocks.to_string()).then_some(())
        });
        worker.json(&["stop_dump_data"]);
    }
    let rebuild = ["rebuild", "--db-url", url.as_str()];
    let (code, error) = Worker::new().failure(&rebuild);
    assert_eq!((code, &error["class"]), (43, &"database_missing".into()));
    let message = error["message"].as_str().unwrap();
    assert!(ids.iter().all(|id| message.contains(id)), "{message}");
    for (wanted, id, height) in [
        ("first", &ids[0], 1),
        ("second", &ids[1], 2),
        (ids[1].as_str(), &ids[1], 2),
    ] {
        let rebuilt = Worker::new().json(&[&["--network", wanted], &rebuild[..]].concat());
        assert_eq!(rebuilt["network"]["id"], *id.as_str());
        assert_eq!(rebuilt["height"], height);
    }
    let (code, _) = Worker::new().failure(&[&["--network", "third"], &rebuild[..]].concat());
    assert_eq!(code, 43);
}

#[test]
fn rebuild_leaves_a_folder_alone_that_another_process_uses() {
    let worker = Worker::new();
    let used = File::create(worker.path("worker.lock")).unwrap();
    used.lock().unwrap();
    let half = worker.path("rebuild");
    fs::create_dir(&half).unwrap();
    let rebuild = ["rebuild", "--db-url", "postgresql://127.0.0.1:1/ledger"];
    let (code, error) = worker.failure(&rebuild);
    assert_eq!((code, &error["class"]), (11, &"folder_in_use".into()));
    assert!(half.exists(), "the other one's");
    drop(used);
    let (code, _) = worker.failure(&rebuild);
    assert_eq!(code, 41);
}
