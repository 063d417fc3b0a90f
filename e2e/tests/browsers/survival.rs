//! Number 5 of the main job: what befalls tabs and relays, and what is left afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::browser::Options;
use e2e::tab::{Page, SOON, Tab, all_agree, wait_for_all, wait_for_group};
use e2e::{Network, World};

e2e::scenarios![
    a_reload_keeps_identity_id_and_replica,
    a_closed_tab_is_gone_at_once,
    a_killed_leader_leads_to_the_same_new_leader_everywhere,
    a_frozen_leader_is_replaced_and_catches_up_when_it_thaws,
    a_tab_that_is_to_be_frozen_leaves_and_comes_back_when_it_is_resumed,
    a_tab_that_was_away_catches_up_by_itself,
    the_relay_killed_and_started_again_loses_nothing_acknowledged,
];

/// The relay pings every 5 s and removes at the third miss; then one more for the answer.
const EVICTION_DEADLINE: Duration = Duration::from_secs(30 + 15 + 5 + 5);
/// A connection that is closed in good order is noticed at once.
const AT_ONCE: Duration = Duration::from_secs(3);
/// The backoff of a node grows to 30 s, but not in the few seconds that a restart takes.
const RECONNECT_DEADLINE: Duration = Duration::from_secs(30);

async fn a_reload_keeps_identity_id_and_replica(world: &mut World) -> Result<()> {
    world.start_relay(Network::Fast).await?;
    let browser = world.open_browser().await?;
    let [first, second] = world.open_members(&browser).await?;
    let tabs = [&first, &second];
    first.put("colour", "green").await?;
    first.mine_one().await?;
    second.put("colour", "blue").await?;
    let before = wait_for_group(&tabs, SOON, "block 1 and a transaction", |pages| {
        pages
            .iter()
            .all(|page| page.height() == 1 && page.pending_count() == Some(1))
    })
    .await?;

    for tab in tabs {
        tab.reload().await?;
    }
    let identities = |pages: &[Page]| -> Vec<(Option<u64>, Option<String>, Option<String>)> {
        let part = |part: Option<&str>| part.map(str::to_owned);
        pages
            .iter()
            .map(|page| (page.id(), part(page.key()), part(page.tip())))
            .collect()
    };
    wait_for_group(&tabs, SOON, "the same ids, keys and chain", |pages| {
        pages
            .iter()
            .all(|page| page.is_joined() && page.is_synced())
            && identities(pages) == identities(&before)
            && pages
                .iter()
                .all(|page| page.pending("colour", "blue").is_some())
    })
    .await?;
    assert_eq!(second.look_up("colour").await?.as_deref(), Some("green"));

    // The key is not only kept: it still signs what others accept.
    second.put("shape", "round").await?;
    first
        .wait_for("a transaction signed after the reload", |page| {
            page.pending("shape", "round")
                .is_some_and(|pending| pending.sender == before.get(1).and_then(Page::id))
        })
        .await?;
    Ok(())
}

async fn a_closed_tab_is_gone_at_once(world: &mut World) -> Result<()> {
    world.start_relay(Network::Fast).await?;
    let browser = world.open_browser().await?;
    let [first, second, third] = world.open_members(&browser).await?;
    let ids = ids(&[&first, &second, &third]).await?;

    third.close().await?;
    let left: BTreeSet<_> = ids.into_iter().take(2).collect();
    wait_for_group(&[&first, &second], AT_ONCE, "two members", |pages| {
        pages.iter().all(|page| page.members() == left)
    })
    .await?;
    Ok(())
}

async fn a_killed_leader_leads_to_the_same_new_leader_everywhere(world: &mut World) -> Result<()> {
    world.start_relay(Network::Fast).await?;
    let doomed = world.open_browser().await?;
    let lasting = world.open_browser().await?;
    let [leader] = world.open_members(&doomed).await?;
    let [second, third] = world.open_members(&lasting).await?;
    let old = assert_all_follow(&leader, &[&second, &third]).await?;

    doomed.kill().await?;
    let pages = wait_for_new_leader(&[&second, &third], old).await?;
    let members: BTreeSet<_> = pages.iter().filter_map(Page::id).collect();
    assert!(pages.iter().all(|page| page.members() == members));

    // The new leader does its duty: what is mined becomes final.
    second.put("colour", "green").await?;
    for _ in 0..2 {
        second.mine_one().await?;
    }
    let deadline = Duration::from_secs(90);
    wait_for_group(&[&second, &third], deadline, "block 2 is final", |pages| {
        pages.iter().all(|page| page.final_height() >= 2)
    })
    .await?;
    Ok(())
}

async fn a_frozen_leader_is_replaced_and_catches_up_when_it_thaws(world: &mut World) -> Result<()> {
    world.start_relay(Network::Fast).await?;
    let one = world.open_browser().await?;
    let other = world.open_browser().await?;
    let [leader] = world.open_members(&one).await?;
    let [second, third] = world.open_members(&other).await?;
    let old = assert_all_follow(&leader, &[&second, &third]).await?;

    leader.freeze().await?;
    wait_for_new_leader(&[&second, &third], old).await?;
    second.put("colour", "green").await?;
    second.mine_one().await?;

    leader.thaw().await?;
    let tabs = [&leader, &second, &third];
    wait_for_group(&tabs, RECONNECT_DEADLINE, "all on block 1", |pages| {
        pages
            .iter()
            .all(|page| page.is_joined() && page.members().len() == 3)
            && all_agree(pages, |page| page.tip().map(str::to_owned))
            && all_agree(pages, Page::leader)
    })
    .await?;
    assert_eq!(leader.look().await?.id(), Some(old.0));
    assert_eq!(leader.look_up("colour").await?.as_deref(), Some("green"));
    Ok(())
}

async fn a_tab_that_is_to_be_frozen_leaves_and_comes_back_when_it_is_resumed(
    world: &mut World,
) -> Result<()> {
    world.start_relay(Network::Fast).await?;
    let browser = world.open_browser().await?;
    let [first, second] = world.open_members(&browser).await?;
    let tell = async |event: &str| {
        let script = format!("document.dispatchEvent(new Event('{event}')); return true");
        second.evaluate(&script).await
    };

    // The browser's word alone: a worker that it stops may answer nothing more.
    tell("freeze").await?;
    first
        .wait_for("the other tab has left", |page| page.members().len() == 1)
        .await?;
    second
        .wait_for("it does not connect again by itself", |page| {
            page.connection() == Some("connecting")
        })
        .await?;

    tell("resume").await?;
    wait_for_all(&[&first, &second], "both are members again", |page| {
        page.is_joined() && page.members().len() == 2
    })
    .await?;
    Ok(())
}

async fn a_tab_that_was_away_catches_up_by_itself(world: &mut World) -> Result<()> {
    world.start_relay(Network::Fast).await?;
    let staying = world.open_browser().await?;
    let [first] = world.open_members(&staying).await?;
    let profile = world.new_profile();
    let traveller = world.open_profile(&profile, &Options::default()).await?;
    let [away] = world.open_members(&traveller).await?;
    first.put("colour", "green").await?;
    first.mine_one().await?;
    let before = away.wait_for("block 1", |page| page.height() == 1).await?;

    traveller.quit().await;
    first.put("colour", "blue").await?;
    for _ in 0..3 {
        first.mine_one().await?;
    }
    first.put("shape", "round").await?;

    let traveller = world.open_profile(&profile, &Options::default()).await?;
    let back = traveller
        .open_tab(&format!("{}api/v1/health", world.url()?))
        .await?;
    back.wait_until_leases_run_out().await?;
    back.go_to(&world.url()?).await?;
    wait_for_all(&[&first, &back], "the same chain and mempool", |page| {
        page.height() == 4 && page.is_synced() && page.pending("shape", "round").is_some()
    })
    .await?;
    let after = back.look().await?;
    assert_eq!(after.id(), before.id());
    assert_eq!(after.key(), before.key());
    assert_eq!(back.look_up("colour").await?.as_deref(), Some("blue"));
    Ok(())
}

async fn the_relay_killed_and_started_again_loses_nothing_acknowledged(
    world: &mut World,
) -> Result<()> {
    world.start_relay(Network::Fast).await?;
    let browser = world.open_browser().await?;
    let [first, second] = world.open_members(&browser).await?;
    let tabs = [&first, &second];
    let ids_before = ids(&tabs).await?;
    first.put("colour", "green").await?;
    first.mine_one().await?;
    first.put("shape", "round").await?;
    world.relay()?.kill_9();

    first
        .wait_for("the connection is lost", |page| {
            page.connection() == Some("waiting") || page.connection() == Some("connecting")
        })
        .await?;
    first.submit("entered", "while the relay was away").await?;
    first
        .wait_for("its own transaction, not stored by the relay", |page| {
            page.pending("entered", "while the relay was away")
                .is_some_and(|pending| !pending.is_acknowledged)
        })
        .await?;

    world.relay()?.restart().await?;
    wait_for_group(&tabs, RECONNECT_DEADLINE, "both back, with all", |pages| {
        pages.iter().all(|page| {
            page.is_joined()
                && page.height() == 1
                && page.pending("shape", "round").is_some()
                && page
                    .pending("entered", "while the relay was away")
                    .is_some_and(|pending| pending.is_acknowledged)
        })
    })
    .await?;
    assert_eq!(ids(&tabs).await?, ids_before);

    // Nobody is there to tell the relay again what it forgot.
    second.put("size", "large").await?;
    world.relay()?.kill_9();
    browser.quit().await;
    world.relay()?.restart().await?;
    let stranger = world.open_browser().await?;
    let [newcomer] = world.open_members(&stranger).await?;
    newcomer
        .wait_for("all that was acknowledged", |page| {
            page.height() == 1
                && page.pending("shape", "round").is_some()
                && page.pending("size", "large").is_some()
                && page
                    .pending("entered", "while the relay was away")
                    .is_some()
        })
        .await?;
    assert_eq!(newcomer.look_up("colour").await?.as_deref(), Some("green"));
    let newest = newcomer.look().await?.id().context("a number")?;
    assert!(
        !ids_before.contains(&newest),
        "no number is given out twice"
    );
    Ok(())
}

/// Waits until all name the same leader, which must be `leader`; returns it with its term.
async fn assert_all_follow(leader: &Tab, others: &[&Tab]) -> Result<(u64, u64)> {
    let tabs = [&[leader], others].concat();
    let pages = wait_for_group(&tabs, SOON, "one leader", |pages| {
        all_agree(pages, Page::leader)
    })
    .await?;
    let named = pages.first().and_then(Page::leader).context("a leader")?;
    assert_eq!(Some(named.0), leader.look().await?.id());
    Ok(named)
}

async fn wait_for_new_leader(tabs: &[&Tab], old: (u64, u64)) -> Result<Vec<Page>> {
    wait_for_group(tabs, EVICTION_DEADLINE, "the same new leader", |pages| {
        all_agree(pages, Page::leader)
            && pages.iter().all(|page| !page.members().contains(&old.0))
            && pages
                .iter()
                .filter_map(Page::leader)
                .all(|(id, term)| id != old.0 && term > old.1)
    })
    .await
}

async fn ids(tabs: &[&Tab]) -> Result<Vec<u64>> {
    let mut ids = Vec::new();
    for tab in tabs {
        ids.push(tab.wait_until_joined().await?);
    }
    Ok(ids)
}
