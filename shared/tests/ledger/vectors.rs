//! The test vectors in `docs/vectors/`: what this code makes of fixed inputs, for writers of other
//! clients. `UPDATE_VECTORS=1 cargo test -p shared --test ledger vectors` writes them anew; a
//! change of theirs is a change of the protocol.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod blocks;
mod files;
mod finality;
mod formats;
mod session;
mod stake;

use std::path::Path;

use borsh::BorshSerialize;
use serde_json::{Value, json};
use shared::encoding::encode;

/// The committed file must say what the code says.
macro_rules! compare {
    ($name:literal, $made:expr) => {
        compare(
            concat!($name, ".json"),
            include_str!(concat!("../../../docs/vectors/", $name, ".json")),
            $made,
        )
    };
}

#[test]
fn keys() {
    compare!("keys", &formats::keys());
}

#[test]
fn network() {
    compare!("network", &formats::network_parameters());
}

#[test]
fn transactions() {
    compare!("transactions", &formats::transactions());
}

#[test]
fn state() {
    compare!("state", &blocks::state());
}

#[test]
fn blocks() {
    compare!("blocks", &blocks::blocks());
}

#[test]
fn difficulty() {
    compare!("difficulty", &blocks::difficulty());
}

#[test]
fn stake() {
    compare!("stake", &stake::stake());
}

#[test]
fn finality() {
    compare!("finality", &finality::finality());
}

#[test]
fn registration() {
    compare!("registration", &session::registration());
}

#[test]
fn consistency() {
    compare!("consistency", &session::consistency());
}

#[test]
fn files() {
    compare!("files", &files::files());
}

#[test]
fn messages() {
    compare!("messages", &session::messages());
}

/// The committed file is part of the program: where the tests run in a browser there are no files.
fn compare(name: &str, committed: &str, made: &Value) {
    // Whether objects keep their order depends on what else is built.
    let mut made = made.clone();
    made.sort_all_objects();
    let mut text = serde_json::to_string_pretty(&made).unwrap();
    text.push('\n');
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/vectors");
        return std::fs::write(folder.join(name), &text).unwrap();
    }
    let differs = committed
        .lines()
        .zip(text.lines())
        .position(|(committed, made)| committed != made);
    assert!(
        committed == text,
        "docs/vectors/{name} differs from what the code makes, first in line {}: where the \
         protocol is to change, write it anew with UPDATE_VECTORS=1",
        differs.map_or(committed.lines().count(), |line| line + 1)
    );
}

fn hex(bytes: impl AsRef<[u8]>) -> Value {
    json!(digits(bytes))
}

fn digits(bytes: impl AsRef<[u8]>) -> String {
    bytes
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn encoded<T: BorshSerialize>(value: &T) -> Value {
    hex(encode(value))
}
