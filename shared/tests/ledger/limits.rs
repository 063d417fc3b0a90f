//! Each limit stands in docs/limits.md, with the value that the code has.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::BTreeMap;

const CODE: &str = include_str!("../../src/limits.rs");
const DOCUMENT: &str = include_str!("../../../docs/limits.md");

#[test]
fn every_limit_is_documented_with_its_value() {
    let code = in_code();
    assert!(code.len() >= 50, "only {} limits were read", code.len());
    let document = in_document();
    for (name, value) in &code {
        match document.get(name) {
            None => panic!("docs/limits.md lacks {name}, which is {value}"),
            Some((documented, _)) => assert_eq!(documented, value, "{name} in docs/limits.md"),
        }
    }
    for (name, (_, reason)) in &document {
        assert!(code.contains_key(name), "docs/limits.md has {name}, the code has not");
        assert!(reason.len() >= 10, "docs/limits.md gives no reason for {name}");
    }
}

/// Names and values of `pub const NAME: TYPE = VALUE;`, products computed.
fn in_code() -> BTreeMap<&'static str, u64> {
    CODE.lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split_once(": "))
        .map(|(name, rest)| {
            let (_, value) = rest.split_once(" = ").unwrap();
            let factors = value.trim_end_matches(';').split(" * ");
            (name, factors.map(number).product())
        })
        .collect()
}

/// Names, values and reasons of the rows `| NAME | VALUE | REASON |`.
fn in_document() -> BTreeMap<&'static str, (u64, &'static str)> {
    DOCUMENT
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
            let value = number(cells.next()?);
            Some((name, (value, cells.next()?)))
        })
        .collect()
}

fn number(digits: &str) -> u64 {
    let plain: String = digits.chars().filter(char::is_ascii_digit).collect();
    plain
        .parse()
        .unwrap_or_else(|_| panic!("{digits:?} is no number"))
}
