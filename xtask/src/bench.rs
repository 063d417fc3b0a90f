//! `cargo xtask bench`: measurements as a table, as JSON, and as a check of the promised ratios.

mod chain;
mod dump;
mod fanout;
mod mining;
mod native_mining;
mod page;
mod program;
mod size;
mod soak;
mod start;

use std::{fs, io::Write as _, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    Failure, page::PageError, process::ProcessError, setup::SetupError, workspace::Workspace,
};

/// What to measure and how to show it.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchOptions {
    /// Which; `list` names them all
    #[arg(value_name = "NAME")]
    name: String,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Exit with 1 when a ratio misses its bound
    #[arg(long)]
    check: bool,
    /// Make what was measured the committed figure that later runs are compared with
    #[arg(long)]
    accept: bool,
    /// How long `soak` takes [default: 10], and `page` looks at the heap [default: 30]
    #[arg(long)]
    minutes: Option<f64>,
}

/// Why a measurement gave no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The user asked for one that is not there.
    #[error("there is no benchmark {name}; `cargo xtask bench list` names them: {known}")]
    Unknown {
        /// As typed.
        name: String,
        /// All names.
        known: String,
    },
    /// A build that the measurement needs.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The page, whose size is measured.
    #[error(transparent)]
    Page(#[from] PageError),
    /// A program of the measurement.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A measured or committed file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The committed figure is missing or does not parse.
    #[error(
        "{path} should hold the committed figures and does not: {why}. \
         `cargo xtask bench {bench} --accept` writes it anew"
    )]
    Committed {
        /// Which file.
        path: PathBuf,
        /// The benchmark it belongs to.
        bench: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A build result is missing.
    #[error("{folder} holds no {what}; expected one from the page's build")]
    NotBuilt {
        /// Where it was looked for.
        folder: PathBuf,
        /// Which file.
        what: String,
    },
    /// The browser's settings could not be written.
    #[error("{0}")]
    Browser(String),
    /// A program of the measurement printed something else than expected.
    #[error("{program} printed no figure named {what:?}; its output was: {output}")]
    NoFigure {
        /// Which program.
        program: String,
        /// Which figure.
        what: String,
        /// What it printed instead, shortened.
        output: String,
    },
    /// A bound was missed.
    #[error("{bench}: {misses}")]
    Missed {
        /// Name of the benchmark.
        bench: &'static str,
        /// Each missed ratio with its bound.
        misses: String,
    },
}

/// One measurement by name.
struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace, &BenchOptions) -> Result<Report, BenchError>,
}

const BENCHES: [Bench; 9] = [
    Bench {
        name: "chain",
        about: "verified import, long histories and large states, natively and in a browser",
        run: chain::run,
    },
    Bench {
        name: "dump",
        about: "rows per second of a dump into PostgreSQL, beside psql's \\copy",
        run: dump::run,
    },
    Bench {
        name: "fanout",
        about: "deliveries per second and their processor time, beside nats-server and ws",
        run: fanout::run,
    },
    Bench {
        name: "mining",
        about: "hashes per second of the page's miners, beside sha2 and other people's in one browser",
        run: mining::run,
    },
    Bench {
        name: "native-mining",
        about: "hashes per second of the worker's miners, beside sha2's compression",
        run: native_mining::run,
    },
    Bench {
        name: "page",
        about: "milliseconds until a tab is a node, and how smooth it is under 200 transactions a second",
        run: page::run,
    },
    Bench {
        name: "size",
        about: "brotli bytes of page, node, miner and JavaScript",
        run: size::run,
    },
    Bench {
        name: "soak",
        about: "what a relay keeps of hundreds of clients that come and go, and what they miss",
        run: soak::run,
    },
    Bench {
        name: "start",
        about: "milliseconds until a relay with 10,000 blocks answers, after kill -9",
        run: start::run,
    },
];

/// What was measured.
#[derive(Debug)]
struct Report {
    bench: &'static str,
    rows: Vec<Row>,
    ratios: Vec<Ratio>,
}

/// One measured value.
#[derive(Debug)]
struct Row {
    what: String,
    value: f64,
    unit: &'static str,
}

/// One promise: a quotient and the bound it has to keep.
#[derive(Debug)]
struct Ratio {
    what: String,
    value: f64,
    bound: Bound,
}

/// The side on which a ratio has to stay.
#[derive(Debug, Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
        }
    }

    /// Its key in JSON, and its limit.
    fn parts(self) -> (&'static str, f64) {
        match self {
            Self::AtLeast(limit) => ("at_least", limit),
            Self::AtMost(limit) => ("at_most", limit),
        }
    }
}

/// Measures, prints, and judges when asked to.
pub(crate) fn run(workspace: &Workspace, options: &BenchOptions) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if options.name == "list" {
        for bench in &BENCHES {
            writeln!(out, "{:<14} {}", bench.name, bench.about)?;
        }
        return Ok(());
    }
    let bench = BENCHES
        .iter()
        .find(|bench| bench.name == options.name)
        .ok_or_else(|| BenchError::Unknown {
            name: options.name.clone(),
            known: BENCHES
                .iter()
                .map(|bench| bench.name)
                .collect::<Vec<_>>()
                .join(", "),
        })?;
    let report = (bench.run)(workspace, options)?;
    if options.json {
        writeln!(out, "{}", report.to_json(&machine()))?;
    } else {
        write!(out, "{}", report.to_table(&machine()))?;
    }
    if options.check {
        Ok(report.check()?)
    } else {
        Ok(())
    }
}

/// Whether the named benchmark keeps its bounds, printed as a table.
pub(crate) fn check(workspace: &Workspace, name: &str) -> Result<(), Failure> {
    run(
        workspace,
        &BenchOptions {
            name: name.to_owned(),
            json: false,
            check: true,
            accept: false,
            minutes: None,
        },
    )
}

impl Report {
    fn to_json(&self, machine: &str) -> Value {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| json!({ "what": row.what, "value": row.value, "unit": row.unit }))
            .collect();
        let ratios: Vec<_> = self
            .ratios
            .iter()
            .map(|ratio| {
                let (key, limit) = ratio.bound.parts();
                json!({ "what": ratio.what, "value": ratio.value, key: limit })
            })
            .collect();
        json!({ "bench": self.bench, "machine": machine, "rows": rows, "ratios": ratios })
    }

    fn to_table(&self, machine: &str) -> String {
        let names = self
            .rows
            .iter()
            .map(|row| &row.what)
            .chain(self.ratios.iter().map(|ratio| &ratio.what));
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
        let mut lines = vec![format!("{} on {machine}", self.bench)];
        lines.extend(
            self.rows
                .iter()
                .map(|row| format!("  {:<width$}  {:>12} {}", row.what, row.value, row.unit)),
        );
        lines.extend(self.ratios.iter().map(|ratio| {
            let (key, limit) = ratio.bound.parts();
            let verdict = if ratio.bound.holds(ratio.value) {
                "kept"
            } else {
                "MISSED"
            };
            format!(
                "  {:<width$}  {:>12.3} {} {limit}: {verdict}",
                ratio.what,
                ratio.value,
                key.replace('_', " ")
            )
        }));
        lines.push(String::new());
        lines.join("\n")
    }

    fn check(&self) -> Result<(), BenchError> {
        let misses: Vec<_> = self
            .ratios
            .iter()
            .filter(|ratio| !ratio.bound.holds(ratio.value))
            .map(|ratio| {
                let (key, limit) = ratio.bound.parts();
                format!(
                    "{} is {:.3}, should be {} {limit}",
                    ratio.what,
                    ratio.value,
                    key.replace('_', " ")
                )
            })
            .collect();
        if misses.is_empty() {
            Ok(())
        } else {
            Err(BenchError::Missed {
                bench: self.bench,
                misses: misses.join("; "),
            })
        }
    }
}

/// Processor, cores and system, for whoever compares figures.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu_info
        .lines()
        .find_map(|line| {
            line.strip_prefix("model name")?
                .split_once(": ")
                .map(|(_, model)| model.trim())
        })
        .unwrap_or(std::env::consts::ARCH);
    format!("{cores} cores of {model}, {}", std::env::consts::OS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(total: f64) -> Report {
        Report {
            bench: "size",
            rows: vec![Row {
                what: "page".to_owned(),
                value: total,
                unit: "bytes",
            }],
            ratios: vec![Ratio {
                what: "total against 400 kB".to_owned(),
                value: total / 400_000.0,
                bound: Bound::AtMost(1.0),
            }],
        }
    }

    #[test]
    fn json_has_the_promised_shape() {
        let expected = json!({
            "bench": "size",
            "machine": "a machine",
            "rows": [{ "what": "page", "value": 200_000.0, "unit": "bytes" }],
            "ratios": [{ "what": "total against 400 kB", "value": 0.5, "at_most": 1.0 }],
        });
        assert_eq!(report(200_000.0).to_json("a machine"), expected);
    }

    #[test]
    fn a_missed_bound_is_named() {
        assert!(report(400_000.0).check().is_ok());
        let error = report(500_000.0).check().unwrap_err().to_string();
        assert_eq!(
            error,
            "size: total against 400 kB is 1.250, should be at most 1"
        );
        assert!(report(500_000.0).to_table("a machine").contains("MISSED"));
    }
}
