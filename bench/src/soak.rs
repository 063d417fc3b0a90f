//! Soak: clients that join, send, freeze and vanish for minutes, at a relay in which blocks are
//! mined and decided all the while. Those who stay must get each acknowledged transaction exactly
//! once and in order; and the relay must not keep anything of those who leave.

mod chance;
mod client;
mod crowd;
mod host;

use std::path::Path;
use std::time::{Duration, Instant};

use crowd::Crowd;
use host::Host;

pub use host::Programs;

use crate::load::LoadError;
use crate::{Figure, median};

/// Clients, of whom some stay from the beginning to the end.
const CLIENTS: usize = 500;
const STAYING: usize = 100;
/// When the relay's memory is looked at first: all have joined, and many have left again.
const FIRST_LOOK: Duration = Duration::from_secs(60);
/// How long each look takes; the median counts.
const LOOK: Duration = Duration::from_secs(10);
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// Between two blocks.
const MINE_INTERVAL: Duration = Duration::from_secs(2);
/// For what is under way at the end.
const LAST_DELIVERIES: Duration = Duration::from_secs(20);
/// For the relay to forget those who have left: frozen ones first miss their pings.
const FORGETTING: Duration = Duration::from_secs(60);

/// Soaks a relay for so long; `data` is an empty folder.
pub fn run(programs: &Programs, data: &Path, time: Duration) -> Result<Vec<Figure>, LoadError> {
    let mut host = Host::start(programs, data)?;
    let before = host.holds()?;
    let mut crowd = Crowd::new(host.address(), CLIENTS, STAYING)?;

    let start = Instant::now();
    let (mut sample_at, mut mine_at) = (start, start);
    let mut samples = Vec::new();
    while start.elapsed() < time {
        crowd.turn()?;
        let now = Instant::now();
        if now >= sample_at {
            sample_at = now + SAMPLE_INTERVAL;
            samples.push((start.elapsed(), host.resident_bytes()?));
        }
        if now >= mine_at {
            mine_at = now + MINE_INTERVAL;
            host.mine()?;
        }
    }
    crowd.settle(LAST_DELIVERIES)?;
    let tally = crowd.tally();
    let height = host.height()?;
    drop(crowd);
    let kept = host.keeps_beyond(before, FORGETTING)?;

    let first = resident(&samples, FIRST_LOOK, FIRST_LOOK + LOOK);
    let last = resident(&samples, time.saturating_sub(LOOK), time);
    let mut figures = vec![
        Figure::new("minutes", time.as_secs_f64() / 60.0),
        Figure::new("blocks", height as f64),
        Figure::new("memory after a minute bytes", first),
        Figure::new("memory at the end bytes", last),
        Figure::new("tasks left", kept.tasks as f64),
        Figure::new("descriptors left", kept.descriptors as f64),
    ];
    figures.extend(tally.figures());
    Ok(figures)
}

/// The median of what was held in a span of time.
fn resident(samples: &[(Duration, u64)], from: Duration, to: Duration) -> f64 {
    let within = samples.iter().filter(|(at, _)| (from..to).contains(at));
    median(within.map(|(_, bytes)| *bytes as f64).collect())
}
