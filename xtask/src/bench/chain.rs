//! The ledger's own speed: what a node that joins pays, and what a long history costs.

use super::{BenchError, BenchOptions, Bound, Ratio, Report, Row, program::Figures};
use crate::workspace::Workspace;

const NAME: &str = "chain";
/// Verified import against the bare cost of its signature checks.
const IMPORT_MAX: f64 = 1.25;
/// The dearest history against the cheapest: flat.
const HISTORY_MAX: f64 = 1.2;
/// The time of a change among 10⁶ entries, against the straight line in the logarithm through those
/// among 10³ and 10⁵. It is 1 for a logarithm, 2.2 for a square root, 6.7 for a proportion. What is
/// above one is memory: the largest state fits no cache.
const STATE_MAX: f64 = 1.25;
/// The number of hashes among 10⁶ entries against those among 10³, after division by the ratio of
/// their logarithms. It is the same on every machine.
const STATE_HASHES_MAX: f64 = 1.0;
/// As `bench::chain::HISTORIES`.
const HISTORIES: [u32; 3] = [1_000, 10_000, 100_000];
/// As `bench::chain::STATES`.
const STATES: [u32; 3] = [1_000, 100_000, 1_000_000];

/// Measures natively, then in a browser.
pub(super) fn run(workspace: &Workspace, _options: &BenchOptions) -> Result<Report, BenchError> {
    let mut report = Report {
        bench: NAME,
        rows: Vec::new(),
        ratios: Vec::new(),
    };
    add(&mut report, "native", &Figures::native(workspace, NAME)?)?;
    add(&mut report, "Chromium", &Figures::browser(workspace, NAME)?)?;
    Ok(report)
}

fn add(report: &mut Report, place: &str, figures: &Figures) -> Result<(), BenchError> {
    let mut row = |what: &str, unit: &'static str| -> Result<f64, BenchError> {
        let value = figures.get(what)?;
        let what = what.trim_end_matches(&format!(" {unit}"));
        report.rows.push(Row {
            what: format!("{place}: {what}"),
            value: (value * 1_000.0).round() / 1_000.0,
            unit,
        });
        Ok(value)
    };
    row("imported blocks", "blocks")?;
    row("import ms", "ms")?;
    row("bare signature checks ms", "ms")?;
    row("import transactions per s", "per s")?;
    let mut blocks = Vec::new();
    for history in HISTORIES {
        blocks.push(row(&format!("one more block at {history} ms"), "ms")?);
    }
    let mut updates = [0.0; STATES.len()];
    let mut hashes = [0.0; STATES.len()];
    for ((size, update), hashes) in STATES.iter().zip(&mut updates).zip(&mut hashes) {
        *update = row(&format!("state update among {size} us"), "us")?;
        *hashes = row(&format!("state update among {size} hashes"), "hashes")?;
    }
    row("memory per 1000 blocks bytes", "bytes")?;

    let dearest = blocks.iter().copied().fold(f64::MIN, f64::max);
    let cheapest = blocks.iter().copied().fold(f64::MAX, f64::min);
    let [small, middle, large] = STATES.map(|size| f64::from(size).log10());
    let [at_small, at_middle, at_large] = updates;
    let per_tenfold = (at_middle - at_small) / (middle - small);
    let on_the_line = at_middle + per_tenfold * (large - middle);
    let [fewest, _, most] = hashes;
    let mut ratio = |what: &str, value, limit| {
        report.ratios.push(Ratio {
            what: format!("{place}: {what}"),
            value,
            bound: Bound::AtMost(limit),
        });
    };
    ratio(
        "import against its signature checks",
        figures.get("import over signature checks")?,
        IMPORT_MAX,
    );
    ratio(
        "one more block, dearest against cheapest history",
        dearest / cheapest,
        HISTORY_MAX,
    );
    ratio(
        "state update, time against the logarithm's line",
        at_large / on_the_line,
        STATE_MAX,
    );
    ratio(
        "state update, growth of hashes against the logarithm's",
        most / fewest / (large / small),
        STATE_HASHES_MAX,
    );
    Ok(())
}
