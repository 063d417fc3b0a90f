//! How fast one member's messages reach all others, beside two servers that do nothing else.

use super::{BenchError, BenchOptions, Bound, Ratio, Report, Row, program::Figures};
use crate::{relay, setup, workspace::Workspace};

const NAME: &str = "fanout";
/// Deliveries per second flat out, against those of nats-server.
const RATE_MIN: f64 = 1.0;
/// Processor time of a paced delivery, against the better of the two.
const CPU_MAX: f64 = 0.8;
/// As `bench::fanout::ROOMS`.
const ROOMS: [u32; 2] = [200, 1000];
const PACES: [&str; 2] = ["flat out", "paced"];
const NATS: &str = "nats-server";
const WS: &str = "ws";
/// The relay passes reports on as they came, as the others do with everything.
const REPORTS: &str = "relay, reports";
/// Each is verified, and durable before it is passed on.
const TRANSACTIONS: &str = "relay, transactions";
/// Name and unit of what is measured, and the decimals that mean something.
const MEASURES: [(&str, &str, f64); 5] = [
    ("deliveries per s", "per s", 1.0),
    ("server CPU us", "us", 100.0),
    ("p50 ms", "ms", 100.0),
    ("p99 ms", "ms", 100.0),
    ("generator share", "of all CPU", 100.0),
];

/// Measures the three by turns, with one generator of load.
pub(super) fn run(workspace: &Workspace, _options: &BenchOptions) -> Result<Report, BenchError> {
    let peers = setup::for_fanout()?;
    let relay = relay::build_for_load(workspace)?;
    let figures = Figures::native_with(workspace, NAME, |program| {
        program
            .args([relay, peers.nats_server])
            .arg(workspace.root().join("bench/peers/ws.cjs"))
            .env("NODE_PATH", peers.node_path);
    })?;
    let mut report = Report {
        bench: NAME,
        rows: Vec::new(),
        ratios: Vec::new(),
    };
    for sockets in ROOMS {
        for pace in PACES {
            for who in [REPORTS, TRANSACTIONS, NATS, WS] {
                for (measure, unit, precision) in MEASURES {
                    let value = get(&figures, sockets, pace, who, measure)?;
                    let name = measure.trim_end_matches(unit).trim_end();
                    report.rows.push(Row {
                        what: format!("{sockets} sockets {pace}: {who}: {name}"),
                        value: (value * precision).round() / precision,
                        unit,
                    });
                }
            }
        }
        for who in [REPORTS, TRANSACTIONS] {
            report.ratios.extend(ratios(&figures, sockets, who)?);
        }
    }
    Ok(report)
}

fn ratios(figures: &Figures, sockets: u32, who: &str) -> Result<[Ratio; 2], BenchError> {
    let rate = |who| get(figures, sockets, "flat out", who, "deliveries per s");
    let cpu = |who| get(figures, sockets, "paced", who, "server CPU us");
    Ok([
        Ratio {
            what: format!("{sockets} sockets: {who}: deliveries per s against nats-server"),
            value: rate(who)? / rate(NATS)?,
            bound: Bound::AtLeast(RATE_MIN),
        },
        Ratio {
            what: format!("{sockets} sockets: {who}: paced CPU against the better one"),
            value: cpu(who)? / cpu(NATS)?.min(cpu(WS)?),
            bound: Bound::AtMost(CPU_MAX),
        },
    ])
}

fn get(
    figures: &Figures,
    sockets: u32,
    pace: &str,
    who: &str,
    measure: &str,
) -> Result<f64, BenchError> {
    figures.get(&format!("{sockets} sockets {pace}: {who}: {measure}"))
}
