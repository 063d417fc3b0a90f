//! How long a relay takes to start with a long chain, also after a sudden end.

use super::{BenchError, BenchOptions, Bound, Ratio, Report, Row, program::Figures};
use crate::workspace::Workspace;

const NAME: &str = "start";
/// Milliseconds from the start of the program to its first answer.
const START_MS_MAX: f64 = 1_000.0;

/// Starts it several times, each time after `kill -9`.
pub(super) fn run(workspace: &Workspace, _options: &BenchOptions) -> Result<Report, BenchError> {
    let figures = Figures::of_package(workspace, "relay", NAME)?;
    let row = |what: &str, unit| -> Result<Row, BenchError> {
        Ok(Row {
            what: what.to_owned(),
            value: figures.get(what)?.round(),
            unit,
        })
    };
    Ok(Report {
        bench: NAME,
        rows: vec![
            row("blocks", "blocks")?,
            row("start ms", "ms")?,
            row("slowest start ms", "ms")?,
        ],
        ratios: vec![Ratio {
            what: "start against one second".to_owned(),
            value: figures.get("start ms")? / START_MS_MAX,
            bound: Bound::AtMost(1.0),
        }],
    })
}
