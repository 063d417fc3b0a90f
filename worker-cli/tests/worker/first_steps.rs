//! The commands of docs/first-steps.md, run as they stand.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use dump::testing::PostgresServer;
use tempfile::TempDir;

use crate::programs::{Relay, without_settings, worker_binary};

/// Where a command fails, the worker in the background must not stay.
const CLEAN_UP: &str = "trap 'ann disconnect > /dev/null 2>&1 || true' EXIT\n";
const PAGE: &str = include_str!("../../../docs/first-steps.md");

/// All blocks of shell commands, one after the other.
fn commands() -> String {
    let mut blocks = PAGE.split("```sh\n").skip(1);
    let mut script = CLEAN_UP.to_owned();
    for block in &mut blocks {
        let (commands, _) = block.split_once("```").expect("a block that ends");
        script.push_str(commands);
    }
    assert!(script.lines().count() > 30, "{script}");
    script
}

#[test]
fn a_newcomer_gets_through_with_the_commands_of_the_page() {
    let folder = TempDir::new().unwrap();
    let token = folder.path().join("operator.token");
    fs::write(&token, "operator-operator-operator-operator\n").unwrap();
    let server = PostgresServer::start();
    let relay = Relay::start_with(&["--operator-token-file", token.to_str().unwrap()]);
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(worker_binary(), bin.join("block-chain-worker")).unwrap();

    let output = without_settings(Command::new("sh"))
        .args(["-eu", "-c", &commands()])
        .current_dir(folder.path())
        .env("PATH", before_path(&bin))
        .env("RELAY", &relay.url)
        .env("DATABASE_URL", server.url("ledger"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    let lines: Vec<_> = said.lines().map(str::trim).collect();
    assert!(lines.contains(&"hello"), "{said}");
    for expected in ["\"value\":\"hello\"", "team", "goodbye | applied"] {
        assert!(said.contains(expected), "no {expected:?} in {said}");
    }
    assert_eq!(
        lines.last(),
        Some(&"goodbye"),
        "of the replica that was rebuilt"
    );
}

/// The search path with this folder before all others.
fn before_path(first: &Path) -> OsString {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(first.to_owned()).chain(std::env::split_paths(&old));
    std::env::join_paths(folders).unwrap()
}
