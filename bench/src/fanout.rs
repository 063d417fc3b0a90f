//! Fan-out: messages of 1 KiB from one member to all others of a room, by the relay and by two
//! servers that do nothing else, in one run with one generator of load.
//!
//! The relay's messages are of two kinds. Reports it passes on as they came, once it has decoded
//! them and seen that they are the leader's: that is what the other two do with every message.
//! Transactions it verifies, admits, and passes on only when they are durable.

mod dialect;
mod messages;
mod room;

use std::path::Path;
use std::thread;

use dialect::{Connection, Server};
use messages::{Kind, Messages};
use room::{Pace, Room, Run};

pub use dialect::Programs;

use crate::load::LoadError;
use crate::load::program::Program;
use crate::{Figure, median};

/// Sockets in a room.
pub const ROOMS: [usize; 2] = [200, 1000];
/// Members that join at a time.
const JOINERS: usize = 16;
/// Each server has its turn in each; medians are reported.
const ROUNDS: usize = 5;
/// Deliveries that warm a server up.
const WARM_DELIVERIES: usize = 20_000;
/// Deliveries flat out. The relay's mempool holds as many transactions, warm-up and paced ones
/// included.
const FLAT_DELIVERIES: usize = 500_000;
/// Deliveries a second where they are paced.
const PACE: f64 = 20_000.0;
/// Deliveries where they are paced: some seconds.
const PACED_DELIVERIES: usize = 80_000;

/// Reads one value of a run.
type Measure = fn(&Run) -> f64;

/// What is measured, as it is called in a figure.
const MEASURES: [(&str, Measure); 5] = [
    ("deliveries per s", |run| run.deliveries_per_s),
    ("server CPU us", |run| run.server_cpu_us),
    ("p50 ms", |run| run.p50_ms),
    ("p99 ms", |run| run.p99_ms),
    ("generator share", |run| run.generator_share),
];

/// One run, and what it was of.
struct Sample {
    server: Server,
    kind: Kind,
    sockets: usize,
    is_paced: bool,
    run: Run,
}

/// Measures everything; `data` is an empty folder for the servers' files.
pub fn all(programs: &Programs, data: &Path) -> Result<Vec<Figure>, LoadError> {
    let mut samples = Vec::new();
    for round in 0..ROUNDS {
        for sockets in ROOMS {
            let mut servers = Server::ALL;
            // Whoever comes first in one round comes later in the next.
            servers.rotate_left(round % Server::ALL.len());
            for server in servers {
                eprintln!(
                    "    round {}, {sockets} sockets: {}",
                    round + 1,
                    server.name()
                );
                samples.extend(measure(server, programs, data, round, sockets)?);
            }
        }
    }
    Ok(figures(&samples))
}

/// One server with one room.
fn measure(
    server: Server,
    programs: &Programs,
    data: &Path,
    round: usize,
    sockets: usize,
) -> Result<Vec<Sample>, LoadError> {
    let data = data.join(format!("{}-{sockets}-{round}", server.name()));
    std::fs::create_dir_all(&data).map_err(LoadError::io("a data folder"))?;
    let program = server.start(programs, &data)?;
    let connections = join_all(server, &program, sockets)?;
    let network = connections
        .first()
        .map(|connection| connection.network)
        .unwrap_or_default();
    let mut room = Room::new(server, &program, connections)?;

    let receivers = sockets - 1;
    let [warm, flat, paced] =
        [WARM_DELIVERIES, FLAT_DELIVERIES, PACED_DELIVERIES].map(|all| all / receivers);
    let mut samples = Vec::new();
    for kind in server.kinds() {
        let messages = Messages::new(*kind, network, warm + flat + paced)?;
        room.run(&messages, 0..warm, Pace::FlatOut)?;
        let mut sample = |is_paced, run| {
            samples.push(Sample {
                server,
                kind: *kind,
                sockets,
                is_paced,
                run,
            });
        };
        sample(
            false,
            room.run(&messages, warm..warm + flat, Pace::FlatOut)?,
        );
        let pace = Pace::DeliveriesPerSecond(PACE);
        sample(
            true,
            room.run(&messages, warm + flat..messages.len(), pace)?,
        );
    }
    Ok(samples)
}

/// The first member joins alone, so that it leads. The others come together: those that have
/// joined answer nothing before all have, and a server waits only so long for an answer.
fn join_all(
    server: Server,
    program: &Program,
    sockets: usize,
) -> Result<Vec<Connection>, LoadError> {
    let mut connections = vec![server.join(program, 0)?];
    let others: Vec<_> = (1..sockets).collect();
    let joined: Result<Vec<Vec<_>>, _> = thread::scope(|scope| {
        let join = |members: &[usize]| {
            members
                .iter()
                .map(|member| server.join(program, *member))
                .collect()
        };
        let joining: Vec<_> = others
            .chunks(others.len().div_ceil(JOINERS))
            .map(|members| scope.spawn(move || join(members)))
            .collect();
        joining
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or(Err(LoadError::Silence("a thread that joins members")))
            })
            .collect()
    });
    connections.extend(joined?.into_iter().flatten());
    Ok(connections)
}

/// The medians over the rounds.
fn figures(samples: &[Sample]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for sockets in ROOMS {
        for is_paced in [false, true] {
            for server in Server::ALL {
                for kind in server.kinds() {
                    let runs: Vec<_> = samples
                        .iter()
                        .filter(|sample| {
                            (sample.sockets, sample.is_paced) == (sockets, is_paced)
                                && (sample.server, sample.kind) == (server, *kind)
                        })
                        .map(|sample| &sample.run)
                        .collect();
                    let pace = if is_paced { "paced" } else { "flat out" };
                    let who = match server {
                        Server::Relay => format!("{}, {kind}", server.name()),
                        Server::Nats | Server::Ws => server.name().to_owned(),
                    };
                    for (measure, get) in MEASURES {
                        let what = format!("{sockets} sockets {pace}: {who}: {measure}");
                        let values = runs.iter().map(|run| get(run)).collect();
                        figures.push(Figure::new(what, median(values)));
                    }
                }
            }
        }
    }
    figures
}
