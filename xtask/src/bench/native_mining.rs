//! How fast the worker's miners are, beside one compression by `sha2` for each attempt.

use super::{BenchError, BenchOptions, Bound, Ratio, Report, Row, program::Figures};
use crate::workspace::Workspace;

const NAME: &str = "native-mining";
/// Hashes per second of a thread against those of `sha2`.
const RATE_MIN: f64 = 1.0;

/// Measures both by turns, on one thread, in one run.
pub(super) fn run(workspace: &Workspace, _options: &BenchOptions) -> Result<Report, BenchError> {
    let figures = Figures::of_package(workspace, "worker-cli", "native_mining")?;
    let row = |what: &str| -> Result<Row, BenchError> {
        Ok(Row {
            what: what.to_owned(),
            value: figures.get(what)?.round(),
            unit: "per s",
        })
    };
    Ok(Report {
        bench: NAME,
        rows: vec![
            row("hashes per s per thread")?,
            row("sha2 compressions per s")?,
        ],
        ratios: vec![Ratio {
            what: "kernel against sha2".to_owned(),
            value: figures.get("kernel over sha2")?,
            bound: Bound::AtLeast(RATE_MIN),
        }],
    })
}
