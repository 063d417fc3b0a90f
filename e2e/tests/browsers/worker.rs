//! Each of the ten commands of `block-chain-worker`, in both its spellings, with a browser's tab on
//! the other side.
#![allow(
    clippy::indexing_slicing,
    reason = "a JSON value answers null for what it lacks"
)]

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dump::testing::PostgresServer;
use e2e::tab::{SOON, all_agree, wait_for_group};
use e2e::wait::{self, Look};
use e2e::{Network, Tab, Worker, World};
use serde_json::Value;

e2e::scenarios!(
    on_localhost,
    e2e::Address::Localhost,
    register_get_id_get_leader_and_disconnect,
    add_transaction_mine_block_get_chain_and_check_consistency,
    dump_data_and_stop_dump_data,
    three_workers_and_two_tabs_agree_on_one_chain
);

/// A block that a tab finds is in the tables within a second; the machine may be busy.
const DUMPED_DEADLINE: Duration = Duration::from_secs(20);

async fn register_get_id_get_leader_and_disconnect(world: &mut World) -> Result<()> {
    let tab = tab(world).await?;
    let mut worker = worker(world, "worker").await?;
    for command in ["get_id", "get-id"] {
        assert_eq!(worker.json(&[command]).await?["id"], worker.id());
    }
    worker.run().await?;
    let page = tab
        .wait_for("the worker among the members, and a leader", |page| {
            page.members().contains(&worker.id()) && page.leader().is_some()
        })
        .await?;
    let (leader, term) = page.leader().context("somebody leads")?;
    for command in ["get_leader", "get-leader"] {
        let named = worker.json(&[command]).await?;
        assert_eq!(
            (&named["id"], &named["term"]),
            (&leader.into(), &term.into())
        );
        assert_eq!(named["is_self"], false, "the tab came first");
    }
    assert_eq!(worker.json(&["disconnect"]).await?["was_running"], true);
    tab.wait_for("the worker gone", |page| {
        !page.members().contains(&worker.id())
    })
    .await?;
    Ok(())
}

async fn add_transaction_mine_block_get_chain_and_check_consistency(
    world: &mut World,
) -> Result<()> {
    let tab = tab(world).await?;
    let mut worker = worker(world, "worker").await?;
    worker.run().await?;
    for (command, key) in [("add_transaction", "colour"), ("add-transaction", "shape")] {
        let added = worker
            .json(&[command, "--key", key, "--value", "green"])
            .await?;
        tab.wait_for("the transaction, by whom", |page| {
            page.pending(key, "green").is_some_and(|pending| {
                added["id"] == pending.id && pending.sender == Some(worker.id())
            })
        })
        .await?;
    }

    // What the tab mines, the worker has.
    tab.mine_one().await?;
    let page = tab
        .wait_for("the tab's block", |page| page.block(1).is_some())
        .await?;
    let block = page.block(1).context("seen a moment ago")?;
    for command in ["get_chain", "get-chain"] {
        let chain = chain_of(&worker, command, 1).await?;
        assert_eq!(chain["blocks"][0]["hash"], block.hash);
        assert_eq!(chain["blocks"][0]["transactions"], 2);
    }

    // What the worker mines, the tab has.
    for (command, height) in [("mine_block", 2), ("mine-block", 3)] {
        let mined = worker.json(&[command]).await?;
        assert_eq!(mined["height"], height);
        tab.wait_for("the worker's block", |page| {
            page.block(height)
                .is_some_and(|block| mined["hash"] == block.hash)
        })
        .await?;
    }
    assert_eq!(tab.look_up("shape").await?.as_deref(), Some("green"));

    let page = tab
        .wait_for("a final block", |page| page.final_height() >= 1)
        .await?;
    let tab_id = page.id().context("a member has a number")?;
    for command in ["check_consistency", "check-consistency"] {
        let report = worker.json(&[command]).await?;
        assert_eq!(report["consistent"], true);
        let agree = report["agree"].as_array().context("who agrees")?;
        for id in [tab_id, worker.id()] {
            assert!(agree.contains(&id.into()), "{id} is not in {report}");
        }
    }
    Ok(())
}

async fn dump_data_and_stop_dump_data(world: &mut World) -> Result<()> {
    let server = tokio::task::block_in_place(PostgresServer::start);
    let url = server.url("ledger");
    let tab = tab(world).await?;
    let mut worker = worker(world, "worker").await?;
    worker.run().await?;
    tab.put("colour", "green").await?;
    tab.mine_one().await?;
    for (start, stop) in [
        ("dump_data", "stop_dump_data"),
        ("dump-data", "stop-dump-data"),
    ] {
        let begun = worker.json(&[start, "--db-url", &url]).await?;
        assert_eq!(begun["last_error"], Value::Null);
        // Everything, and then what comes.
        until_dumped(&server, tab.look().await?.height()).await?;
        until_dumped(&server, tab.mine_one().await?).await?;
        worker.json(&[stop]).await?;
        let height = dumped(&server)?;
        tab.mine_one().await?;
        assert_eq!(dumped(&server)?, height, "stop means no row more");
    }
    let value = ask(
        &server,
        "SELECT value FROM SCHEMA.keys WHERE key = 'colour'",
    )?;
    assert_eq!(value, "green");
    Ok(())
}

async fn three_workers_and_two_tabs_agree_on_one_chain(world: &mut World) -> Result<()> {
    world.start_relay(Network::Fast).await?;
    let browser = world.open_browser().await?;
    let tabs: [Tab; 2] = world.open_members(&browser).await?;
    let tabs = [&tabs[0], &tabs[1]];
    let mut workers = Vec::new();
    for name in ["one", "two", "three"] {
        let mut worker = worker(world, name).await?;
        worker.run().await?;
        workers.push(worker);
    }
    for (number, worker) in workers.iter().enumerate() {
        let key = format!("worker/{number}");
        worker
            .json(&["add_transaction", "--key", &key, "--value", "here"])
            .await?;
        worker.json(&["mine_block"]).await?;
    }
    for (number, tab) in tabs.iter().enumerate() {
        tab.put(&format!("tab/{number}"), "here").await?;
        tab.mine_one().await?;
    }

    let pages = wait_for_group(&tabs, SOON, "five members, one final chain", |pages| {
        all_agree(pages, |page| page.tip().map(str::to_owned))
            && pages.iter().all(|page| {
                page.members().len() == 5
                    && page.pending_count() == Some(0)
                    && page.height() >= 5
                    && page.final_height() == page.height()
            })
    })
    .await?;
    let page = pages.first().context("two pages")?;
    for worker in &workers {
        let chain = chain_of(worker, "get_chain", page.height()).await?;
        assert_eq!(chain["blocks"][0]["hash"].as_str(), page.tip());
        assert_eq!(worker.json(&["get", "tab/1"]).await?["value"], "here");
    }
    assert_eq!(tabs[1].look_up("worker/2").await?.as_deref(), Some("here"));
    let worker = workers.first().context("three workers")?;
    let report = worker.json(&["check_consistency"]).await?;
    assert_eq!(
        report["agree"].as_array().map(Vec::len),
        Some(5),
        "{report}"
    );
    Ok(())
}

/// A relay, and a tab that is a member of its network.
async fn tab(world: &mut World) -> Result<Tab> {
    world.start_relay(Network::Fast).await?;
    let browser = world.open_browser().await?;
    let [tab] = world.open_members(&browser).await?;
    Ok(tab)
}

async fn worker(world: &World, name: &str) -> Result<Worker> {
    Worker::register(world.folder(), name, &world.url()?).await
}

/// The worker's chain, once it has this height.
async fn chain_of(worker: &Worker, command: &str, height: u64) -> Result<Value> {
    wait::until("the block reaches the worker", SOON, async || {
        let chain = worker.json(&[command]).await?;
        Ok(if chain["height"] == height {
            Look::Holds(chain)
        } else {
            Look::NotYet(format!("height {}", chain["height"]))
        })
    })
    .await
}

/// One value of the database; `SCHEMA` stands for the schema of its only network.
fn ask(server: &PostgresServer, query: &str) -> Result<String> {
    let find = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tabchain%'";
    let schema = server.psql("ledger", find);
    ensure!(schema.lines().count() == 1, "schemas: {schema:?}");
    let answer = server.psql("ledger", &query.replace("SCHEMA", schema.trim()));
    Ok(answer.trim().to_owned())
}

/// The height of the tables.
fn dumped(server: &PostgresServer) -> Result<u64> {
    Ok(ask(server, "SELECT height FROM SCHEMA.head")?.parse()?)
}

async fn until_dumped(server: &PostgresServer, height: u64) -> Result<()> {
    wait::until("the block is in the tables", DUMPED_DEADLINE, async || {
        let reached = dumped(server)?;
        Ok(Look::from_bool(
            reached == height,
            format!("height {reached}"),
        ))
    })
    .await
}
