//! Hundreds of clients that come and go for minutes: what the relay keeps of them, and what they
//! miss.

use super::{BenchError, BenchOptions, Bound, Ratio, Report, Row, program::Figures};
use crate::{process, relay, workspace::Workspace};

const NAME: &str = "soak";
const MINUTES: f64 = 10.0;
/// The relay's memory at the end, against that after the first minute.
const MEMORY_MAX: f64 = 1.1;
/// Figures without a bound, with their units.
const SHOWN: [(&str, &str); 10] = [
    ("minutes", "min"),
    ("joins", "clients"),
    ("freezes", "clients"),
    ("vanished", "clients"),
    ("closed by the relay", "clients"),
    ("acknowledged transactions", "transactions"),
    ("deliveries", "messages"),
    ("blocks", "blocks"),
    ("memory after a minute bytes", "bytes"),
    ("memory at the end bytes", "bytes"),
];
/// Of these there must be none.
const NONE: [&str; 4] = ["lost", "refused", "tasks left", "descriptors left"];

/// Soaks a relay in release, with a worker that mines.
pub(super) fn run(workspace: &Workspace, options: &BenchOptions) -> Result<Report, BenchError> {
    let relay = relay::build_for_load(workspace)?;
    let mut cargo = process::command("cargo");
    cargo.current_dir(workspace.root());
    process::run(cargo.args(["build", "--release", "--package", "worker-cli"]))?;
    let worker = workspace.target().join("release/block-chain-worker");
    let minutes = options.minutes.unwrap_or(MINUTES);
    let figures = Figures::native_with(workspace, NAME, |program| {
        program.args([relay, worker]).arg(minutes.to_string());
    })?;
    let mut report = Report {
        bench: NAME,
        rows: Vec::new(),
        ratios: Vec::new(),
    };
    for (what, unit) in SHOWN {
        report.rows.push(Row {
            what: what.trim_end_matches(" bytes").to_owned(),
            value: figures.get(what)?,
            unit,
        });
    }
    report.ratios.push(Ratio {
        what: "memory at the end against that after a minute".to_owned(),
        value: figures.get("memory at the end bytes")?
            / figures.get("memory after a minute bytes")?,
        bound: Bound::AtMost(MEMORY_MAX),
    });
    for what in NONE {
        report.ratios.push(Ratio {
            what: what.to_owned(),
            value: figures.get(what)?,
            bound: Bound::AtMost(0.0),
        });
    }
    Ok(report)
}
