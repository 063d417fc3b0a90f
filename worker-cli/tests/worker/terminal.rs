//! What a person at a terminal sees and a script does not: colours, and how far it is.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use dump::testing::PostgresServer;

use crate::programs::{Relay, Worker, until, without_settings, worker_binary};

const GREEN: &str = "\x1b[32m";

/// Starts a command as if typed at a terminal, which `script` lends it.
fn typed(worker: &Worker, arguments: &[&str]) -> Child {
    let words = [
        &[
            worker_binary().to_str().unwrap(),
            "--data-dir",
            worker.data.path().to_str().unwrap(),
        ],
        arguments,
    ]
    .concat();
    let line: String = words.iter().map(|word| format!("'{word}' ")).collect();
    without_settings(Command::new("script"))
        .args([
            "--quiet",
            "--return",
            "--flush",
            "--command",
            &line,
            "/dev/null",
        ])
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// All that a command shows until its end.
fn shown(mut program: Child) -> String {
    let mut shown = String::new();
    let mut out = program.stdout.take().unwrap();
    out.read_to_string(&mut shown).unwrap();
    assert!(program.wait().unwrap().success(), "{shown}");
    shown
}

#[test]
fn syncing_and_mining_show_how_far_they_are() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let mined = shown(typed(&worker, &["mine_block"]));
    for expected in ["registering", "fetching blocks", "mining", GREEN, "block 1"] {
        assert!(mined.contains(expected), "no {expected:?} in {mined:?}");
    }
    let plain = shown(typed(&worker, &["--json", "mine_block"]));
    assert!(!plain.contains('\x1b'), "{plain:?}");
}

#[test]
fn dumping_shows_how_far_it_is() {
    let server = PostgresServer::start();
    let url = server.url("ledger");
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    worker.json(&["mine_block"]);
    let dumping = typed(&worker, &["dump_data", "--db-url", &url]);
    until("the dump is running", || {
        worker
            .output(&["dump_status"])
            .status
            .success()
            .then_some(())
    });
    worker.json(&["stop_dump_data"]);
    let dumped = shown(dumping);
    for expected in ["dumping blocks", GREEN, "postgresql://"] {
        assert!(dumped.contains(expected), "no {expected:?} in {dumped:?}");
    }
    assert!(
        !dumped.contains("horse"),
        "the password is shown: {dumped:?}"
    );
}
