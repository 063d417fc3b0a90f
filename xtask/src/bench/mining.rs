//! How fast the page mines, beside `sha2` natively and other people's SHA-256 in the same browser.

use super::{BenchError, BenchOptions, Bound, Ratio, Report, Row, program::Figures};
use crate::{setup, workspace::Workspace};

const NAME: &str = "mining";
/// One worker against a native thread of `sha2`, with the processor's instructions for SHA-256.
const NATIVE_MIN: f64 = 0.6;
/// One worker against hash-wasm.
const HASH_WASM_MIN: f64 = 12.0;
/// Two workers against one, on two idle cores.
const TWO_WORKERS_MIN: f64 = 1.9;
/// Of the page's thread; the browser reports none under 50 ms.
const LONGEST_TASK_MAX_MS: f64 = 50.0;
const RATES: [&str; 9] = [
    "native sha2 compressions per s",
    "one worker per s",
    "two workers per s",
    "all workers per s",
    "hash-wasm per s",
    "hash-wasm from a kept state per s",
    "noble per s",
    "noble from a kept state per s",
    "WebCrypto per s",
];

/// Measures all by turns, in one run.
pub(super) fn run(workspace: &Workspace, _options: &BenchOptions) -> Result<Report, BenchError> {
    let modules = setup::for_mining_peers()?;
    let figures = Figures::browsers(workspace, NAME, &[("PEER_MODULES", modules)])?;
    let mut rows = Vec::new();
    for what in RATES {
        rows.push(Row {
            what: what.trim_end_matches(" per s").to_owned(),
            value: figures.get(what)?.round(),
            unit: "per s",
        });
    }
    let one = figures.get("one worker per s")?;
    let ratio = |what: &str, value, bound| Ratio {
        what: what.to_owned(),
        value,
        bound,
    };
    Ok(Report {
        bench: NAME,
        rows,
        ratios: vec![
            ratio(
                "one worker against native sha2",
                one / figures.get("native sha2 compressions per s")?,
                Bound::AtLeast(NATIVE_MIN),
            ),
            ratio(
                "one worker against hash-wasm",
                one / figures.get("hash-wasm per s")?,
                Bound::AtLeast(HASH_WASM_MIN),
            ),
            ratio(
                "two workers against one",
                figures.get("two workers over one")?,
                Bound::AtLeast(TWO_WORKERS_MIN),
            ),
            ratio(
                "longest task of the page while mining, ms",
                figures.get("longest task while mining ms")?,
                Bound::AtMost(LONGEST_TASK_MAX_MS),
            ),
        ],
    })
}
