//! How long a relay takes, with a long chain in its file, from its start to its first answer: also
//! after a sudden end, which leaves a write-ahead log to be played back.
//!
//! Prints one `figure {"what": …, "value": …}` a line; `cargo xtask bench start` reads them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement that fails says so by a panic"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dump::testing::{TestReplica, network, secret};
use shared::encoding::encode;
use shared::store::Write;
use sqlite_store::{Completion, Program, ReplicaNumber, Store};
use sqlx::migrate::Migrator;
use tempfile::TempDir;
use tokio::sync::mpsc;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// As the relay names its file.
const RELAY: Program = Program {
    name: "relay",
    folder_option: "--data",
    migrations: Some(&MIGRATIONS),
};
/// The seed of the key that signs test replicas' logs.
const RELAY_KEY: u8 = 200;
const BLOCKS: u64 = 10_000;
const TRANSACTIONS_PER_BLOCK: u64 = 2;
/// Keys that are written again and again.
const KEYS: u64 = 1_000;
const STARTS: usize = 7;

/// Names a data folder that is filled with the chain, and nothing is measured.
const FILL: &str = "TABCHAIN_FILL";

#[tokio::main]
async fn main() {
    if let Some(folder) = std::env::var_os(FILL) {
        return fill(Path::new(&folder), &chain()).await;
    }
    let data = TempDir::new().unwrap();
    fill(data.path(), &chain()).await;
    let (mut times, mut heights) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (mut relay, time, height) = start(data.path());
        // Without a word, as kill -9.
        relay.kill().unwrap();
        relay.wait().unwrap();
        times.push(time);
        heights.push(height);
    }
    assert!(
        heights.iter().all(|height| *height == BLOCKS),
        "{heights:?}"
    );
    times.sort_unstable();
    figure("blocks", BLOCKS as f64);
    figure("start ms", times[times.len() / 2].as_secs_f64() * 1e3);
    figure(
        "slowest start ms",
        times[times.len() - 1].as_secs_f64() * 1e3,
    );
}

/// A chain with a decision for each block.
fn chain() -> TestReplica {
    let replica = TestReplica::new(network("bench"));
    for height in 1..=BLOCKS {
        let put = |ahead| {
            let key = (height * TRANSACTIONS_PER_BLOCK + ahead) % KEYS;
            replica.put(1, ahead, &format!("key {key}"), &format!("value {height}"))
        };
        let transactions: Vec<_> = (0..TRANSACTIONS_PER_BLOCK).map(put).collect();
        replica.mine(100, &transactions);
        replica.decide(height);
    }
    replica
}

/// Makes a relay's file that has this chain.
async fn fill(data: &Path, replica: &TestReplica) {
    let mut store = Store::open(data, &RELAY).await.unwrap();
    let parameters = network("bench");
    assert_eq!(parameters.relay, secret(RELAY_KEY).public_key());
    store
        .run(|file| {
            Box::pin(async move {
                sqlx::query("INSERT INTO identity (number, seed) VALUES (1, ?1)")
                    .bind([RELAY_KEY; 32].as_slice())
                    .execute(&mut *file)
                    .await?;
                sqlx::query(
                    "INSERT INTO networks (number, id, name, parameters) VALUES (1, ?1, ?2, ?3)",
                )
                .bind(parameters.id().as_bytes().as_slice())
                .bind(parameters.name.as_str())
                .bind(encode(&parameters))
                .execute(file)
                .await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    let (client, task) = store.start();
    let (completions, mut reports) = mpsc::unbounded_channel();
    let rows = client.of_replica(ReplicaNumber(1), completions);
    drop(client);
    let writes = replica
        .rows()
        .into_iter()
        .map(|((table, key), value)| Write {
            table,
            key,
            value: Some(value),
        });
    rows.write(1, writes.collect()).await;
    assert!(matches!(reports.recv().await, Some(Completion::Written(1))));
    drop(rows);
    task.await.unwrap().unwrap();
}

/// Starts the program; returns how long it took until it said how high its chain is.
fn start(data: &Path) -> (Child, Duration, u64) {
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_relay"))
        .args(["--port", "0", "--log", "warn", "--data"])
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let port: u16 = line.trim_end().rsplit(':').next().unwrap().parse().unwrap();
    let height = height(port);
    (child, begun.elapsed(), height)
}

/// What it answers over REST.
fn height(port: u16) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = "GET /api/v1/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    body["height"].as_u64().unwrap()
}

fn figure(what: &str, value: f64) {
    println!("figure {{\"what\": {what:?}, \"value\": {value}}}");
}
