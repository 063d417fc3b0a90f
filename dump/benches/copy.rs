//! A dump of 500,000 transactions beside `psql \copy` of the same rows into the same tables.
//!
//! Prints one `figure {"what": …, "value": …}` a line; `cargo xtask bench dump` reads them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement that fails says so by a panic"
)]

use std::time::{Duration, Instant};

use dump::testing::{PostgresServer, ServerOptions, TestReplica, network};
use dump::{Dumper, Handle, State, Target};
use tokio::time::sleep;

const BLOCKS: u64 = 500;
const SENDERS: u8 = 20;
const TRANSACTIONS_PER_SENDER_AND_BLOCK: u64 = 50;
/// Half of all writes are to keys that were written before.
const KEYS: u64 = 250_000;
/// Each side is measured so often, in turn; the shortest time counts.
const ROUNDS: usize = 2;

/// In an order that their references allow.
const TABLES: [&str; 8] = [
    "blocks",
    "transactions",
    "keys",
    "accounts",
    "consensus_state",
    "undo",
    "decisions",
    "head",
];

#[tokio::main]
async fn main() {
    let replica = TestReplica::new(network("bench"));
    fill(&replica);
    let server = PostgresServer::start_with(&ServerOptions {
        settings: &["fsync=on", "max_wal_size=4GB"],
        ..ServerOptions::default()
    });
    let (mut dumped, mut copied) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        server.psql("postgres", "DROP DATABASE ledger");
        server.psql("postgres", "CREATE DATABASE ledger");
        dumped = dumped.min(dump(&server, &replica).await);
        copied = copied.min(copy(&server).await);
    }
    let rows: u64 = TABLES
        .map(|table| count(&server, "ledger", table))
        .iter()
        .sum();
    let rows_in_copy: u64 = TABLES
        .map(|table| count(&server, "copied", table))
        .iter()
        .sum();
    assert_eq!(rows, rows_in_copy);
    figure("rows", rows as f64);
    figure("dump rows per s", rows as f64 / dumped.as_secs_f64());
    figure("psql copy rows per s", rows as f64 / copied.as_secs_f64());
    figure(
        "dump over psql copy",
        copied.as_secs_f64() / dumped.as_secs_f64(),
    );
}

fn fill(replica: &TestReplica) {
    let mut number = 0_u64;
    for height in 1..=BLOCKS {
        let mut transactions = Vec::new();
        for sender in 1..=SENDERS {
            for ahead in 0..TRANSACTIONS_PER_SENDER_AND_BLOCK {
                // Scattered, as keys that people choose are.
                let key = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % KEYS;
                let key = format!("stock/part-{key:06}");
                transactions.push(replica.put(sender, ahead, &key, &format!("count {number}")));
                number += 1;
            }
        }
        replica.mine(100, &transactions);
        if height > 2 {
            replica.decide(height - 2);
        }
    }
}

/// How long it takes until the tables have everything.
async fn dump(server: &PostgresServer, replica: &TestReplica) -> Duration {
    server.psql("ledger", "CHECKPOINT");
    let target = Target::parse(&server.url("ledger")).unwrap();
    let begun = Instant::now();
    let handle = Dumper::start(target, replica.clone()).await.unwrap();
    following(&handle).await;
    let elapsed = begun.elapsed();
    assert_eq!(handle.status().height, Some(replica.height()));
    handle.stop().await;
    elapsed
}

async fn following(handle: &Handle) {
    while handle.status().state != State::Following {
        assert!(!handle.status().state.has_ended(), "{:?}", handle.status());
        sleep(Duration::from_millis(1)).await;
    }
}

/// All indexes and constraints: both sides have the same.
fn definitions(server: &PostgresServer, database: &str) -> String {
    let query = format!(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = '{0}'
         UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
             WHERE connamespace = '{0}'::regnamespace
         ORDER BY 1",
        schema()
    );
    server.psql(database, &query)
}

/// How long psql takes to put the same rows into tables that were made in the same way.
async fn copy(server: &PostgresServer) -> Duration {
    let folder = tempfile::TempDir::new().unwrap();
    let script = |direction: &str| {
        let lines = TABLES.map(|table| {
            let file = folder.path().join(table);
            format!("\\copy {table} {direction} '{}'\n", file.display())
        });
        let schema = schema();
        let truncate = match direction {
            "FROM" => format!("TRUNCATE {} CASCADE;", TABLES.join(", ")),
            _ => String::new(),
        };
        format!(
            "SET search_path TO {schema};\n{truncate}\n{}",
            lines.concat()
        )
    };
    server.psql_script("ledger", &script("TO"));
    server.psql("postgres", "DROP DATABASE IF EXISTS copied");
    server.psql("postgres", "CREATE DATABASE copied");
    let empty = TestReplica::new(network("bench"));
    let target = Target::parse(&server.url("copied")).unwrap();
    let handle = Dumper::start(target, empty).await.unwrap();
    following(&handle).await;
    handle.stop().await;
    assert_eq!(definitions(server, "copied"), definitions(server, "ledger"));
    server.psql("copied", "CHECKPOINT");
    let begun = Instant::now();
    server.psql_script("copied", &script("FROM"));
    begun.elapsed()
}

fn count(server: &PostgresServer, database: &str, table: &str) -> u64 {
    let query = format!("SELECT count(*) FROM {}.{table}", schema());
    server.psql(database, &query).parse().unwrap()
}

fn schema() -> String {
    format!("tabchain_{}", &network("bench").id().to_string()[..16])
}

fn figure(what: &str, value: f64) {
    println!("figure {{\"what\": {what:?}, \"value\": {value}}}");
}
