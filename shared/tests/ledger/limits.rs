//! Each limit stands in docs/limits.md with the value that the code has, and with its reason.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::BTreeMap;

const PROTOCOL: &str = include_str!("../../src/limits.rs");
const RELAY: &str = include_str!("../../../relay/src/limits.rs");
const STORE: &str = include_str!("../../../store/src/limits.rs");
const DUMP: &str = include_str!("../../../dump/src/limits.rs");
const WORKER: &str = include_str!("../../../worker-cli/src/limits.rs");
const DOCUMENT: &str = include_str!("../../../docs/limits.md");

#[test]
fn every_limit_of_protocol_and_node_is_documented() {
    assert_documented(PROTOCOL, "## Protocol and node", 50);
}

#[test]
fn every_limit_of_the_relays_shell_is_documented() {
    assert_documented(RELAY, "## Relay", 15);
}

#[test]
fn every_limit_of_the_store_is_documented() {
    assert_documented(STORE, "## Store", 2);
}

#[test]
fn every_limit_of_dumps_is_documented() {
    assert_documented(DUMP, "## Dumps", 10);
}

#[test]
fn every_limit_of_the_worker_is_documented() {
    assert_documented(WORKER, "## Worker", 10);
}

fn assert_documented(code: &str, section: &str, count_min: usize) {
    let code = constants(code);
    assert!(
        code.len() >= count_min,
        "only {} limits were read",
        code.len()
    );
    let document = rows(section);
    for (name, value) in &code {
        let Some((documented, reason)) = document.get(name) else {
            panic!("docs/limits.md lacks {name}, which is {value}");
        };
        assert_eq!(documented, value, "{name} in docs/limits.md");
        assert!(
            reason.len() >= 10,
            "docs/limits.md gives no reason for {name}"
        );
    }
    for name in document.keys() {
        assert!(
            code.contains_key(name),
            "docs/limits.md has {name}, the code has not"
        );
    }
}

/// Names and values of each `pub const NAME: TYPE = VALUE;`, as written.
fn constants(code: &str) -> BTreeMap<&str, String> {
    code.split("pub const ")
        .skip(1)
        .filter_map(|rest| {
            let (declared, _) = rest.split_once(';')?;
            let (name, typed) = declared.split_once(':')?;
            let (_, value) = typed.split_once('=')?;
            let words: Vec<_> = value.split_whitespace().collect();
            Some((name, words.join(" ")))
        })
        .collect()
}

/// Names, values and reasons of a section's rows `| NAME | VALUE | REASON |`.
fn rows(section: &str) -> BTreeMap<&'static str, (String, &'static str)> {
    let (_, rest) = DOCUMENT.split_once(section).unwrap();
    let (rows, _) = rest.split_once("\n## ").unwrap_or((rest, ""));
    rows.lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            let name = cells.next()?;
            let is_constant = name.starts_with(|first: char| first.is_ascii_uppercase());
            let (value, reason) = (cells.next()?.to_owned(), cells.next()?);
            is_constant.then_some((name, (value, reason)))
        })
        .collect()
}
