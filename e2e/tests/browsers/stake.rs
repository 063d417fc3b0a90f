//! Proof of stake among three tabs: who holds stake produces, nobody else, and it can be handed on.
#![allow(
    clippy::indexing_slicing,
    reason = "a JSON value answers null for what it lacks"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::tab::{SOON, Tab, wait_for_group};
use e2e::wait::{self, Look};
use e2e::{Network, Page, World};
use serde::Deserialize;
use serde_json::{Value, json};

e2e::scenarios!(
    on_localhost,
    e2e::Address::Localhost,
    whoever_holds_stake_produces_and_nobody_else,
    a_network_that_is_made_on_the_page_is_its_makers
);

const SLOT_MS: u64 = 500;
const EPOCH_SLOTS: u64 = 10;
const STAKE: &str = "100000";
/// Each hands a tenth of the balance over.
const TRANSFERS: u64 = 5;
/// Every fourth slot has a block where all stake is there. Long enough for a slow machine, and for
/// a draw that fails all too often.
const BLOCK_DEADLINE: Duration = Duration::from_secs(60);

/// A network as the relay describes it.
#[derive(Deserialize)]
struct Made {
    id: String,
    created_at_ms: u64,
}

impl Made {
    fn epoch(&self, block: &Block) -> u64 {
        (block.timestamp_ms - self.created_at_ms) / (SLOT_MS * EPOCH_SLOTS)
    }
}

/// A block as the relay describes it.
#[derive(Debug, Deserialize)]
struct Block {
    height: u64,
    timestamp_ms: u64,
    producer: String,
    transaction_count: u64,
}

async fn whoever_holds_stake_produces_and_nobody_else(world: &mut World) -> Result<()> {
    world
        .start_relay_with(Network::Fast, &["--create-networks=anyone"])
        .await?;
    let one = world.open_browser().await?;
    let other = world.open_browser().await?;
    let [founder] = world.open_members(&one).await?;
    let founders_key = key(&founder).await?;
    let network = make_network(&founder, &founders_key).await?;
    let address = format!("{}?network={}", world.url()?, network.id);
    founder.go_to(&address).await?;
    founder.wait_until_joined().await?;
    assert_eq!(key(&founder).await?, founders_key);
    let newcomer = other.open_tab(&address).await?;
    let newcomers_id = newcomer.wait_until_joined().await?;
    let newcomers_key = key(&newcomer).await?;
    let third = other.open_tab(&address).await?;
    third.wait_until_joined().await?;

    founder.click("mine-start").await?;
    newcomer.click("mine-start").await?;
    wait_for_chain(&[&founder, &newcomer, &third], 1).await?;
    newcomer
        .wait_for("it does not produce, and says why", |page| {
            page.data("mining-state", "pause") == Some("no-stake")
                && page.element("stake-none").is_some()
                && stake(page, "own") == Some(0)
        })
        .await?;

    let health = format!("{}api/v1/health", world.url()?);
    let elsewhere = one.open_tab(&health).await?;
    founder.close().await?;
    let silent = absence_stops_all(&newcomer, &third).await?;
    let founder = elsewhere;
    founder.go_to(&address).await?;
    founder.wait_until_joined().await?;
    assert_eq!(key(&founder).await?, founders_key);
    let tabs = [&founder, &newcomer, &third];
    let height = founder.look().await?.height();
    founder.click("mine-start").await?;
    wait_for_chain(&tabs, height + 1).await?;

    for _ in 0..TRANSFERS {
        founder.click(&format!("hand-stake-{newcomers_id}")).await?;
    }
    let condition = "a block of the newcomer";
    let blocks = wait::until(condition, BLOCK_DEADLINE, async || {
        let blocks = blocks(&founder, &network.id).await?;
        let is_there = blocks.iter().any(|block| block.producer == newcomers_key);
        Ok(if is_there {
            Look::Holds(blocks)
        } else {
            Look::NotYet(newcomer.look().await?.to_string())
        })
    })
    .await?;
    assert_slots(&network, &blocks);
    let in_silence = blocks.iter().find(|block| network.epoch(block) == silent);
    assert!(in_silence.is_none(), "epoch {silent}: {in_silence:?}");
    assert_newcomer_waited(&network, &blocks, &founders_key, &newcomers_key)?;
    let tip = blocks.iter().map(|block| block.height).max();
    wait_for_chain(&tabs, tip.context("a block")?).await
}

/// Those who are left say what is missing, and wait. Returns an epoch in which nobody with stake
/// was here.
async fn absence_stops_all(newcomer: &Tab, third: &Tab) -> Result<u64> {
    let condition = "nobody with stake is here";
    let pages = wait_for_group(&[newcomer, third], SOON, condition, |pages| {
        pages.iter().all(|page| {
            page.members().len() == 2
                && page.element("stake-absent").is_some()
                && stake(page, "present") == Some(0)
        })
    })
    .await?;
    let epoch = pages.first().and_then(|page| stake(page, "epoch"));
    let silent = epoch.context("an epoch")? + 1;
    newcomer
        .wait_within(BLOCK_DEADLINE, "an epoch goes by", |page| {
            stake(page, "epoch") > Some(silent)
        })
        .await?;
    Ok(silent)
}

/// Waits until all have a block of this height that is final.
async fn wait_for_chain(tabs: &[&Tab], height: u64) -> Result<()> {
    let condition = format!("block {height} is final everywhere");
    wait_for_group(tabs, BLOCK_DEADLINE, &condition, |pages| {
        pages.iter().all(|page| page.final_height() >= height)
    })
    .await?;
    Ok(())
}

/// One block for one slot, and each at the beginning of its own.
fn assert_slots(network: &Made, blocks: &[Block]) {
    let times: BTreeSet<u64> = blocks.iter().map(|block| block.timestamp_ms).collect();
    assert_eq!(times.len(), blocks.len(), "{blocks:?}");
    for block in blocks {
        let since_ms = block.timestamp_ms - network.created_at_ms;
        assert_eq!(since_ms % SLOT_MS, 0, "{block:?}");
    }
}

/// Only the two produced, and the newcomer not before the stake that came to it counted.
fn assert_newcomer_waited(
    network: &Made,
    blocks: &[Block],
    founder: &str,
    newcomer: &str,
) -> Result<()> {
    let transfers = blocks.iter().filter(|block| block.transaction_count > 0);
    let transferred = transfers
        .map(|block| network.epoch(block))
        .min()
        .context("a transfer")?;
    for block in blocks.iter().filter(|block| block.producer != founder) {
        assert_eq!(block.producer, newcomer, "{block:?}");
        let epoch = network.epoch(block);
        assert!(epoch >= transferred + 2, "{transferred}: {block:?}");
    }
    Ok(())
}

async fn key(tab: &Tab) -> Result<String> {
    let page = tab.look().await?;
    Ok(page.key().context("a node has a key")?.to_owned())
}

async fn a_network_that_is_made_on_the_page_is_its_makers(world: &mut World) -> Result<()> {
    world
        .start_relay_with(Network::Fast, &["--create-networks=anyone"])
        .await?;
    let browser = world.open_browser().await?;
    let [maker] = world.open_members(&browser).await?;
    maker.click("network-name").await?;
    maker.click("network-new").await?;
    maker.fill("network-name-new", "stakes").await?;
    maker.choose("network-kind", "stake").await?;
    maker.click("network-make").await?;
    let page = maker
        .wait_for("the network", |page| {
            page.element("network-stakes").is_some()
        })
        .await?;
    let id = page.data("network-stakes", "id").context("an id")?;
    maker
        .go_to(&format!("{}?network={id}", world.url()?))
        .await?;
    maker.wait_until_joined().await?;
    let page = maker
        .wait_for("all stake", |page| {
            stake(page, "own") > Some(0) && stake(page, "own") == stake(page, "total")
        })
        .await?;
    assert_eq!(page.data("stake-next", "key"), page.key());
    maker.click("mine-once").await?;
    wait_for_chain(&[&maker], 1).await
}

/// A number in the panel of stakes.
fn stake(page: &Page, name: &str) -> Option<u64> {
    page.data("stake", name)?.parse().ok()
}

/// A network in which this key holds all stake.
async fn make_network(tab: &Tab, holder: &str) -> Result<Made> {
    let network = json!({
        "name": "stakes",
        "kind": "stake",
        "slot_ms": SLOT_MS,
        "epoch_slots": EPOCH_SLOTS,
        "holders": [{ "key": holder, "stake": STAKE }],
    });
    let request = json!({
        "method": "POST",
        "headers": { "content-type": "application/json" },
        "body": network.to_string(),
    });
    let mut answer = ask(tab, "/api/v1/networks", request).await?;
    Ok(serde_json::from_value(answer["network"].take())?)
}

/// All blocks above genesis, as the relay has them.
async fn blocks(tab: &Tab, network: &str) -> Result<Vec<Block>> {
    let path = format!("/api/v1/networks/{network}/blocks?count=100");
    let mut answer = ask(tab, &path, json!({})).await?;
    ensure!(answer["next"].is_null(), "more than a page of blocks");
    let blocks: Vec<Block> = serde_json::from_value(answer["blocks"].take())?;
    Ok(blocks
        .into_iter()
        .filter(|block| block.height > 0)
        .collect())
}

/// What the relay answers to a page.
async fn ask(tab: &Tab, path: &str, request: Value) -> Result<Value> {
    let script = "
        const [path, request, done] = arguments;
        fetch(path, request).then((answer) => answer.json()).then(done);";
    tab.evaluate_async(script, vec![json!(path), request]).await
}
