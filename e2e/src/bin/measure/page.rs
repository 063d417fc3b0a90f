//! The page: from navigation to a node that is registered and in step, with an empty replica and
//! with a long chain; what a flood of transactions and 200 members cost the page's thread; and what
//! is left on its heap.
//!
//! Under the flood, the relay and the other members get what CPU time the browser leaves, as if they
//! ran on other machines, where those of real tabs run: else the page's tasks would last as long as
//! the machine is busy with forty thousand deliveries a second to the others.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::wait::{self, Look};
use e2e::{Address, Network, Tab, World, environment, scenario};
use serde_json::{Value, json};

use crate::{figure, median};

const DEADLINE: Duration = Duration::from_secs(600);
/// Starts of each kind; the median counts.
const STARTS: usize = 5;
const BLOCKS: u64 = 10_000;
/// To fetch and verify them once.
const SYNC_DEADLINE: Duration = Duration::from_secs(180);
const FLOOD_PER_SECOND: u32 = 200;
/// The page's node is one more.
const OTHER_MEMBERS: usize = 199;
/// Pending transactions from which on frames are counted.
const PENDING: u64 = 1_000;
/// For members to join and to send so many.
const FLOOD_DEADLINE: Duration = Duration::from_secs(60);
/// How long frames are counted under the flood.
const WATCH_MS: u64 = 15_000;
/// The heap is looked at at their end, and at a sixth of them: after 5 of 30 minutes.
const HEAP_MINUTES: f64 = 30.0;
/// Enough for the flood whose heap is looked at: one member may send so many a second.
const HEAP_MEMBERS: usize = 8;

/// Counts frames, and those that were not drawn at 60 a second.
const WATCH_FRAMES: &str = "
    const [duration_ms, done] = arguments;
    const begun = performance.now();
    let last = begun, drawn = 0, dropped = 0;
    requestAnimationFrame(function step(now) {
        dropped += Math.max(0, Math.round((now - last) * 60 / 1000) - 1);
        drawn += 1;
        last = now;
        if (now - begun < duration_ms) requestAnimationFrame(step); else done([drawn, dropped]);
    });";
const NOW_MS: &str = "return performance.timeOrigin + performance.now()";
const ELEMENTS: &str = "return document.querySelectorAll('*').length";
const WASM_BYTES: &str = "return __memory.buffer.byteLength";

pub(super) fn measure() -> Result<()> {
    let chain = required("CHAIN_DATA", "a relay's data folder with a long chain")?;
    let bench = required("BENCH_BIN", "the program of the package bench")?;
    ensure!(bench.is_file(), "there is no {}", bench.display());
    let minutes = env::var("MINUTES").ok().and_then(|text| text.parse().ok());
    let minutes: f64 = minutes.unwrap_or(HEAP_MINUTES);

    let localhost = Address::Localhost;
    scenario::run_within(DEADLINE, "measure-start", localhost, start_empty)?;
    scenario::run_within(DEADLINE, "measure-chain", localhost, async |world| {
        let tab = start_with_chain(world, &chain).await?;
        watch_flood(world, &tab, &bench).await?;
        open_a_full_block(&tab).await
    })?;
    let deadline = DEADLINE + Duration::from_secs_f64(minutes * 60.0);
    scenario::run_within(deadline, "measure-heap", localhost, async |world| {
        heap_growth(world, &bench, minutes).await
    })
}

fn required(variable: &str, what: &str) -> Result<PathBuf> {
    env::var_os(variable).map(PathBuf::from).with_context(|| {
        format!("{variable} has to name {what}: run `cargo xtask bench page`, which does")
    })
}

/// Each in a browser of its own, which has nothing yet.
async fn start_empty(world: &mut World) -> Result<()> {
    world.start_relay(Network::Default).await?;
    let mut times_ms = Vec::new();
    for _ in 0..STARTS {
        let browser = world.open_browser().await?;
        let tab = world.open_tab(&browser).await?;
        times_ms.push(start_ms(&tab, 0).await?);
        browser.quit().await;
    }
    figure("start with an empty replica ms", median(times_ms));
    Ok(())
}

/// One browser fetches the chain, and then begins with what it has.
async fn start_with_chain(world: &mut World, chain: &Path) -> Result<Tab> {
    let data = world.folder().join("relay-data");
    fs::create_dir_all(&data)?;
    for file in fs::read_dir(chain)? {
        let file = file?;
        fs::copy(file.path(), data.join(file.file_name()))?;
    }
    world.start_relay_elsewhere(Network::Default).await?;
    let browser = world.open_browser().await?;
    let tab = world.open_tab(&browser).await?;
    figure("first fetch of the chain ms", start_ms(&tab, BLOCKS).await?);
    let mut times_ms = Vec::new();
    for _ in 0..STARTS {
        tab.reload().await?;
        times_ms.push(start_ms(&tab, BLOCKS).await?);
    }
    figure("blocks", BLOCKS as f64);
    figure("start with a long chain ms", median(times_ms));
    Ok(tab)
}

/// From the start of the navigation until the page shows a member that has all blocks.
async fn start_ms(tab: &Tab, height: u64) -> Result<f64> {
    let page = tab
        .wait_within(SYNC_DEADLINE, "a member with all blocks", |page| {
            let recorder = page.recorder();
            page.height() == height && recorder.is_some_and(|it| it.in_step_since_ms().is_some())
        })
        .await?;
    let recorder = page.recorder().context("the recorder runs in every tab")?;
    let since_ms = recorder.in_step_since_ms().context("seen a moment ago")?;
    Ok(since_ms - recorder.started_ms)
}

/// Others flood the network, and the tab looks on.
async fn watch_flood(world: &mut World, tab: &Tab, bench: &Path) -> Result<()> {
    // What the machine itself cannot draw, an empty page shows.
    let other = world.open_browser().await?;
    let empty = other.open_tab("about:blank").await?;
    let _flood = Flood::start(bench, world.relay()?.port(), OTHER_MEMBERS)?;
    let crowded = format!("{PENDING} transactions of {OTHER_MEMBERS} others");
    let before = tab
        .wait_within(FLOOD_DEADLINE, &crowded, |page| {
            let members = page.data("member-count", "value");
            page.pending_count() >= Some(PENDING)
                && members.and_then(|count| count.parse().ok()) == Some(OTHER_MEMBERS + 1)
        })
        .await?;
    let since_ms = number(tab, NOW_MS).await?;
    let (dropped, dropped_meanwhile) =
        tokio::try_join!(dropped_frames(tab), dropped_frames(&empty))?;
    other.quit().await;
    let after = tab.look().await?;
    let watched_s = (number(tab, NOW_MS).await? - since_ms) / 1_000.0;
    let [before, now] = [&before, &after].map(|page| page.pending_count().unwrap_or_default());
    let recorder = after.recorder().context("the recorder runs in every tab")?;
    figure("members", OTHER_MEMBERS as f64 + 1.0);
    figure(
        "flood taken in per s",
        now.saturating_sub(before) as f64 / watched_s,
    );
    figure(
        "longest task under the flood ms",
        recorder.longest_task_ms(since_ms),
    );
    figure("frames dropped under the flood", dropped);
    figure(
        "frames dropped by an empty page meanwhile",
        dropped_meanwhile,
    );
    figure("elements of the page", number(tab, ELEMENTS).await?);
    Ok(())
}

/// The share of frames that a page did not draw of those that 60 a second would be.
async fn dropped_frames(tab: &Tab) -> Result<f64> {
    let frames = tab
        .evaluate_async(WATCH_FRAMES, vec![json!(WATCH_MS)])
        .await?;
    let [drawn, dropped]: [f64; 2] = serde_json::from_value(frames)?;
    Ok(dropped / (drawn + dropped))
}

/// What the flood has left in the mempool becomes a block, and that is looked at.
async fn open_a_full_block(tab: &Tab) -> Result<()> {
    let height = tab.mine_one().await?;
    let toggle = format!("block-toggle-{height}");
    let since_ms = number(tab, NOW_MS).await?;
    tab.click(&toggle).await?;
    let next = format!("block-{height}-entries-next");
    let page = tab
        .wait_for("the entries of a full block", |page| {
            page.element(&next).is_some()
        })
        .await?;
    let block = page.block(height).context("the block")?;
    figure("entries of a block", block.transactions as f64);
    let recorder = page.recorder().context("the recorder runs in every tab")?;
    figure(
        "longest task while a block is opened ms",
        recorder.longest_task_ms(since_ms),
    );
    figure(
        "elements with a full block open",
        number(tab, ELEMENTS).await?,
    );
    Ok(())
}

/// The heap of a page that mines under the flood, so that blocks and transactions come and go.
async fn heap_growth(world: &mut World, bench: &Path, minutes: f64) -> Result<()> {
    let relay_port = world.start_relay(Network::Fast).await?.port();
    let browser = world.open_browser().await?;
    let [tab] = world.open_members(&browser).await?;
    tab.click("mine-start").await?;
    let _flood = Flood::start(bench, relay_port, HEAP_MEMBERS)?;
    let begun = Instant::now();
    for (name, share) in [("heap early bytes", 1.0 / 6.0), ("heap late bytes", 1.0)] {
        let due = Duration::from_secs_f64(minutes * 60.0 * share);
        let condition = format!("{} s of the flood", due.as_secs());
        wait::until(&condition, due + SYNC_DEADLINE, async || {
            let elapsed = begun.elapsed();
            Ok(Look::from_bool(elapsed >= due, format!("{elapsed:?}")))
        })
        .await?;
        figure(name, heap_bytes(&tab).await?);
    }
    figure("minutes", minutes);
    figure("mined blocks", tab.look().await?.height() as f64);
    Ok(())
}

/// What is left on the heap of JavaScript once its garbage is collected, and the program's memory.
async fn heap_bytes(tab: &Tab) -> Result<f64> {
    tab.devtools("HeapProfiler.collectGarbage", json!({}))
        .await?;
    tab.devtools("Performance.enable", json!({})).await?;
    let metrics = tab.devtools("Performance.getMetrics", json!({})).await?;
    let javascript = metrics
        .get("metrics")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find(|metric| metric.get("name") == Some(&json!("JSHeapUsedSize")))
        .and_then(|metric| metric.get("value")?.as_f64())
        .context("the size of the heap")?;
    Ok(javascript + number(tab, WASM_BYTES).await?)
}

/// The number that a script returns.
async fn number(tab: &Tab, script: &str) -> Result<f64> {
    tab.evaluate(script).await?.as_f64().context("a number")
}

/// The flooding program; it ends when this is dropped.
struct Flood(Child);

impl Flood {
    fn start(bench: &Path, relay_port: u16, members: usize) -> Result<Self> {
        // Longer than anything is looked at.
        const SECONDS: u64 = 86_400;
        let child = environment::elsewhere(bench)
            .args(["flood", &format!("127.0.0.1:{relay_port}")])
            .args([members.to_string(), FLOOD_PER_SECOND.to_string()])
            .arg(SECONDS.to_string())
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        // One that has ended by itself needs not be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
