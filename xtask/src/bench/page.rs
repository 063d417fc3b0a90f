//! How soon a tab is a node, with an empty replica and with a long chain; whether the page stays
//! smooth under a flood of transactions; and whether its heap grows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{BenchError, BenchOptions, Bound, Ratio, Report, Row, program::Figures};
use crate::{process, workspace::Workspace};

const NAME: &str = "page";
/// From navigation to a member with 10,000 blocks that were verified before.
const START_MS_MAX: f64 = 1_000.0;
/// Of 200 transactions a second; else it was no flood that the page was looked at under.
const TAKEN_IN_PER_S_MIN: f64 = 180.0;
/// Of the page's thread; the browser reports none under 50 ms.
const LONGEST_TASK_MS_MAX: f64 = 50.0;
/// Of those that 60 a second would be, beside what an empty page drops on the same machine meanwhile.
const DROPPED_FRAMES_MAX: f64 = 0.05;
/// However long the lists are.
const ELEMENTS_MAX: f64 = 2_000.0;
/// Of the page after 30 minutes, against that after 5.
const HEAP_GROWTH_MAX: f64 = 1.1;
/// Figures without a bound, with their units.
const SHOWN: [(&str, &str); 8] = [
    ("start with an empty replica ms", "ms"),
    ("blocks", "blocks"),
    ("first fetch of the chain ms", "ms"),
    ("members", "members"),
    ("entries of a block", "transactions"),
    ("minutes", "min"),
    ("mined blocks", "blocks"),
    ("heap late bytes", "bytes"),
];
/// Shares of frames.
const DROPPED: [&str; 2] = [
    "frames dropped under the flood",
    "frames dropped by an empty page meanwhile",
];
/// Figures with a bound.
const BOUND: [(&str, Bound); 6] = [
    ("start with a long chain ms", Bound::AtMost(START_MS_MAX)),
    ("flood taken in per s", Bound::AtLeast(TAKEN_IN_PER_S_MIN)),
    (
        "longest task under the flood ms",
        Bound::AtMost(LONGEST_TASK_MS_MAX),
    ),
    ("elements of the page", Bound::AtMost(ELEMENTS_MAX)),
    (
        "longest task while a block is opened ms",
        Bound::AtMost(LONGEST_TASK_MS_MAX),
    ),
    (
        "elements with a full block open",
        Bound::AtMost(ELEMENTS_MAX),
    ),
];

/// Fills a relay with a chain, and has browsers join it. The heap is looked at at the end of
/// `--minutes` and after a sixth of them.
pub(super) fn run(workspace: &Workspace, options: &BenchOptions) -> Result<Report, BenchError> {
    let chain = workspace.target().join("bench-page-chain");
    fill(workspace, &chain)?;
    let mut cargo = process::command("cargo");
    cargo.current_dir(workspace.root());
    process::run(cargo.args(["build", "--release", "--package", "bench"]))?;
    let bench = workspace.target().join("release/bench");
    let mut environment = vec![("CHAIN_DATA", chain), ("BENCH_BIN", bench)];
    if let Some(minutes) = options.minutes {
        environment.push(("MINUTES", PathBuf::from(minutes.to_string())));
    }
    let figures = Figures::browsers(workspace, NAME, &environment)?;

    let mut report = Report {
        bench: NAME,
        rows: Vec::new(),
        ratios: Vec::new(),
    };
    for (what, unit) in SHOWN {
        report.rows.push(Row {
            what: what.to_owned(),
            value: figures.get(what)?.round(),
            unit,
        });
    }
    let mut dropped = [0.0; 2];
    for (share, what) in dropped.iter_mut().zip(DROPPED) {
        *share = figures.get(what)?;
        report.rows.push(Row {
            what: what.to_owned(),
            value: (*share * 100.0).round(),
            unit: "% of 60 a second",
        });
    }
    for (what, bound) in BOUND {
        report.ratios.push(Ratio {
            what: what.to_owned(),
            value: figures.get(what)?,
            bound,
        });
    }
    let [by_page, by_empty_page] = dropped;
    report.ratios.push(Ratio {
        what: "frames dropped beyond an empty page's".to_owned(),
        value: by_page - by_empty_page,
        bound: Bound::AtMost(DROPPED_FRAMES_MAX),
    });
    report.ratios.push(Ratio {
        what: "heap late against early".to_owned(),
        value: figures.get("heap late bytes")? / figures.get("heap early bytes")?,
        bound: Bound::AtMost(HEAP_GROWTH_MAX),
    });
    Ok(report)
}

/// Has the relay's benchmark of its start make a data folder, anew each time: formats change.
fn fill(workspace: &Workspace, folder: &Path) -> Result<(), BenchError> {
    let fault = |source| BenchError::File {
        path: folder.to_path_buf(),
        source,
    };
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(fault)?;
    }
    fs::create_dir_all(folder).map_err(fault)?;
    let mut cargo = process::command("cargo");
    cargo
        .current_dir(workspace.root())
        .args(["bench", "--package", "relay", "--bench", "start"])
        .env("TABCHAIN_FILL", folder);
    Ok(process::run(&mut cargo)?)
}
