//! How fast a chain gets into PostgreSQL, beside psql, which only copies rows.

use super::{BenchError, BenchOptions, Bound, Ratio, Report, Row, program::Figures};
use crate::{setup, workspace::Workspace};

const NAME: &str = "dump";
/// Rows per second of the dump, which executes each block, against those of `psql \copy`.
const RATE_MIN: f64 = 0.8;

/// Dumps 500,000 transactions, and has psql copy the same rows, in one run on one server.
pub(super) fn run(workspace: &Workspace, _options: &BenchOptions) -> Result<Report, BenchError> {
    setup::for_databases()?;
    let figures = Figures::of_package(workspace, "dump", "copy")?;
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
            row("rows", "rows")?,
            row("dump rows per s", "per s")?,
            row("psql copy rows per s", "per s")?,
        ],
        ratios: vec![Ratio {
            what: "dump against psql copy".to_owned(),
            value: figures.get("dump over psql copy")?,
            bound: Bound::AtLeast(RATE_MIN),
        }],
    })
}
