//! The native program: one benchmark by its name, its figures as lines.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::flood::Flood;
use crate::{Figure, chain, fanout, soak};

const USAGE: &str = "expected one of:\n  \
    chain\n  \
    fanout RELAY NATS-SERVER WS-SCRIPT\n  \
    flood RELAY-ADDRESS MEMBERS TRANSACTIONS-PER-SECOND SECONDS\n  \
    soak RELAY WORKER MINUTES";

/// Runs what the command line names.
#[must_use]
pub fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let (name, rest) = (arguments.nth(1).unwrap_or_default(), arguments);
    let paths: Vec<_> = rest.map(PathBuf::from).collect();
    match run(&name, &paths) {
        Ok(figures) => print(&figures),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, paths: &[PathBuf]) -> Result<Vec<Figure>, Box<dyn Error>> {
    match (name, paths) {
        ("chain", []) => Ok(chain::all(clock_ms, resident_bytes)),
        ("fanout", [relay, nats, ws]) => {
            let programs = fanout::Programs {
                relay: relay.clone(),
                nats: nats.clone(),
                ws: ws.clone(),
            };
            let data = tempfile::tempdir()?;
            Ok(fanout::all(&programs, data.path())?)
        }
        ("flood", [relay, members, per_second, seconds]) => {
            let text = |argument: &PathBuf| argument.to_str().ok_or(USAGE).map(str::to_owned);
            let flood = Flood {
                relay: text(relay)?.parse()?,
                members: text(members)?.parse()?,
                per_second: text(per_second)?.parse()?,
                time: Duration::try_from_secs_f64(text(seconds)?.parse()?)?,
            };
            Ok(flood.run()?)
        }
        ("soak", [relay, worker, minutes]) => {
            let programs = soak::Programs {
                relay: relay.clone(),
                worker: worker.clone(),
            };
            let minutes: f64 = minutes.to_str().ok_or(USAGE)?.parse()?;
            let time = Duration::try_from_secs_f64(minutes * 60.0)?;
            let data = tempfile::tempdir()?;
            Ok(soak::run(&programs, data.path(), time)?)
        }
        _ => Err(USAGE.into()),
    }
}

fn print(figures: &[Figure]) -> ExitCode {
    let mut out = std::io::stdout().lock();
    for figure in figures {
        if writeln!(out, "{}", Figure::line(figure)).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn clock_ms() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}

/// Of this process, where the system tells (Linux, `proc(5)`); else not a number.
fn resident_bytes() -> f64 {
    const PAGE_BYTES: f64 = 4096.0;
    std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split(' ').nth(1)?.parse::<f64>().ok())
        .map_or(f64::NAN, |pages| pages * PAGE_BYTES)
}
