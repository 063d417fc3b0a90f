//! Hashes per second: the page's own miners, other people's SHA-256 in the same browser, and
//! `sha2` on one native thread. All take turns, so that they see the same weather.

use std::collections::BTreeMap;
use std::env;
use std::hint::black_box;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use e2e::{Address, Network, Page, Tab, World, scenario};
use serde_json::{Value, json};
use sha2::block_api::compress256;

use crate::{figure, median, static_server};

const DEADLINE: Duration = Duration::from_secs(900);
const ROUNDS: usize = 5;
/// The page's rate is measured anew about every second; so many in a row are looked at.
const RATES_PER_ROUND: usize = 4;
const PEERS: [&str; 5] = [
    "hash-wasm",
    "hash-wasm from a kept state",
    "noble",
    "noble from a kept state",
    "WebCrypto",
];
/// For each peer.
const PEER_DURATION_MS: u64 = 700;
const NATIVE_DURATION: Duration = Duration::from_secs(1);
const ATTEMPTS_PER_LOOK: u32 = 1 << 16;
/// A first block that nobody finds while this runs.
const HARD: [&str; 2] = ["--first-hashes-log2=60", "--easiest-hashes-log2=60"];

const START_PEERS: &str = "
    const [done] = arguments;
    globalThis.peers = new Worker('/peers.js', { type: 'module' });
    peers.onmessage = ({ data }) => done(data);
    peers.onerror = (event) => done({ error: event.message ?? 'peers.js did not load' });";
const RUN_PEERS: &str = "
    const [duration_ms, done] = arguments;
    peers.onmessage = ({ data }) => done(data);
    peers.postMessage({ duration_ms });";
/// The rates that the page shows one after another, without the first, which is of a start.
const WATCH_RATES: &str = "
    const [wanted, done] = arguments;
    const shown = document.querySelector(`[data-testid='hash-rate']`);
    const rates = [];
    new MutationObserver((_, observer) => {
        rates.push(Number(shown.dataset.value));
        if (rates.length > wanted) {
            observer.disconnect();
            done(rates.slice(1));
        }
    }).observe(shown, { attributes: true, attributeFilter: ['data-value'] });";

/// Hashes per second, one entry for each round, and when the page mined.
#[derive(Default)]
struct Measured {
    native: Vec<f64>,
    one_worker: Vec<f64>,
    two_workers: Vec<f64>,
    all_workers: Vec<f64>,
    peers: BTreeMap<&'static str, Vec<f64>>,
    spans_ms: Vec<RangeInclusive<f64>>,
}

pub(super) fn measure() -> Result<()> {
    let modules = env::var_os("PEER_MODULES").map(PathBuf::from).context(
        "PEER_MODULES has to name npm's packages: run `cargo xtask bench mining`, which does",
    )?;
    scenario::run_within(
        DEADLINE,
        "measure-mining",
        Address::Localhost,
        async |world| {
            world.start_relay_with(Network::Default, &HARD).await?;
            play(world, modules).await
        },
    )
}

async fn play(world: &mut World, modules: PathBuf) -> Result<()> {
    let browser = world.open_browser().await?;
    let tab = world.open_tab(&browser).await?;
    tab.wait_until_joined().await?;
    let other = world.open_browser().await?;
    let peers = other
        .open_tab(&static_server::start(modules).await?)
        .await?;
    answer(&peers.evaluate_async(START_PEERS, vec![]).await?)?;
    let cores = tab.evaluate("return navigator.hardwareConcurrency").await?;
    let cores = cores
        .as_u64()
        .and_then(|cores| u32::try_from(cores).ok())
        .context("a number of cores")?;

    let mut measured = Measured::default();
    for _ in 0..ROUNDS {
        measured.native.push(native_per_second());
        let one = measured.mine(&tab, 1).await?;
        measured.one_worker.push(one);
        let two = measured.mine(&tab, 2).await?;
        measured.two_workers.push(two);
        let all = if cores == 2 {
            two
        } else {
            measured.mine(&tab, cores).await?
        };
        measured.all_workers.push(all);
        measured.run_peers(&peers).await?;
    }
    measured.print(&tab.look().await?)
}

impl Measured {
    /// The rate of so many miners.
    async fn mine(&mut self, tab: &Tab, workers: u32) -> Result<f64> {
        tab.slide("miner-workers", workers).await?;
        let start_ms = unix_ms();
        tab.click("mine-start").await?;
        let rates = tab
            .evaluate_async(WATCH_RATES, vec![json!(RATES_PER_ROUND)])
            .await?;
        tab.click("mine-stop").await?;
        self.spans_ms.push(start_ms..=unix_ms());
        let rates: Vec<f64> = serde_json::from_value(rates)?;
        Ok(rates.iter().sum::<f64>() / rates.len() as f64)
    }

    async fn run_peers(&mut self, peers: &Tab) -> Result<()> {
        let said = peers
            .evaluate_async(RUN_PEERS, vec![json!(PEER_DURATION_MS)])
            .await?;
        let rates = answer(&said)?.get("rates").context("rates")?;
        for name in PEERS {
            let rate = rates.get(name).and_then(Value::as_f64).context(name)?;
            self.peers.entry(name).or_default().push(rate);
        }
        Ok(())
    }

    fn print(self, page: &Page) -> Result<()> {
        let recorder = page.recorder().context("the recorder runs in every tab")?;
        let while_mining = recorder.long_tasks.iter().filter(|task| {
            let mut spans = self.spans_ms.iter();
            spans.any(|span| span.contains(&task.start_ms))
        });
        figure(
            "longest task while mining ms",
            while_mining
                .map(|task| task.duration_ms)
                .fold(0.0, f64::max),
        );
        let quotients = self.two_workers.iter().zip(&self.one_worker);
        figure(
            "two workers over one",
            median(quotients.map(|(two, one)| two / one).collect()),
        );
        figure("native sha2 compressions per s", median(self.native));
        figure("one worker per s", median(self.one_worker));
        figure("two workers per s", median(self.two_workers));
        figure("all workers per s", median(self.all_workers));
        for (name, rates) in self.peers {
            figure(&format!("{name} per s"), median(rates));
        }
        Ok(())
    }
}

/// What the peers said, unless it is a fault.
fn answer(said: &Value) -> Result<&Value> {
    match said.get("error") {
        Some(error) => bail!("the peers: {error}"),
        None => Ok(said),
    }
}

/// Blocks by `sha2` on this thread, with the processor's instructions for it where it has them.
fn native_per_second() -> f64 {
    let mut block = [0; 64];
    let mut attempts = 0_u32;
    let started = Instant::now();
    while started.elapsed() < NATIVE_DURATION {
        for _ in 0..ATTEMPTS_PER_LOOK {
            attempts = attempts.wrapping_add(1);
            if let Some(word) = block.get_mut(48..52) {
                word.copy_from_slice(&attempts.to_le_bytes());
            }
            let mut state = black_box([1; 8]);
            compress256(&mut state, black_box(&[block]));
            black_box(state);
        }
    }
    f64::from(attempts) / started.elapsed().as_secs_f64()
}

fn unix_ms() -> f64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.map_or(f64::NAN, |since| since.as_secs_f64() * 1_000.0)
}
