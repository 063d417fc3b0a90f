//! What befalls a node in its browser: its worker dies, its files are of another build, its clock
//! is wrong, it is reloaded in mid-write, it is hidden for long, and it has many neighbours.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use e2e::browser::Options;
use e2e::tab::{Tab, all_agree, wait_for_all, wait_for_group};
use e2e::wait::{self, Look};
use e2e::{Address, Browser, Network, Page, Proxy, World, scenario};
use serde_json::json;

/// Remembers the page's workers.
const KEEP_WORKERS: &str = "
    globalThis.keptWorkers = [];
    globalThis.Worker = class extends Worker {
        constructor(...parts) { super(...parts); keptWorkers.push(this); }
    };";
/// Ends the last of them in the middle of what it does, as a browser does that has no memory left,
/// and waits for the banner that says so: it may be gone before anybody looks.
const KILL_WORKER: &str = "
    const [done] = arguments;
    new MutationObserver((_, observer) => {
        const banner = document.querySelector('[data-testid=banner][data-kind=crashed]');
        if (banner) {
            observer.disconnect();
            done(banner.textContent);
        }
    }).observe(document, { subtree: true, childList: true });
    const worker = keptWorkers.at(-1);
    worker.terminate();
    worker.dispatchEvent(new ErrorEvent('error', { message: 'out of memory', cancelable: true }));";

/// Opens the page in a tab in which a script runs before all others.
async fn open_with_script(browser: &Arc<Browser>, script: &str, url: &str) -> Result<Tab> {
    let tab = browser.open_tab("about:blank").await?;
    tab.devtools(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({ "source": script }),
    )
    .await?;
    tab.go_to(url).await?;
    Ok(tab)
}

#[test]
fn a_node_worker_that_dies_is_shown_and_started_again() -> Result<()> {
    scenario::run("killed-worker", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let browser = world.open_browser().await?;
        let tab = open_with_script(&browser, KEEP_WORKERS, &world.url()?).await?;
        tab.wait_until_joined().await?;
        tab.put("colour", "green").await?;
        tab.mine_one().await?;
        tab.put("colour", "blue").await?;
        let before = tab.look().await?;
        tab.click("mine-start").await?;

        let banner = tab.evaluate_async(KILL_WORKER, vec![]).await?;
        let banner = banner.as_str().context("a banner about the worker")?;
        assert!(banner.contains("out of memory"), "{banner}");
        let after = tab
            .wait_for("the same member again, without a banner", |page| {
                page.is_joined() && page.is_synced() && page.banner("crashed").is_none()
            })
            .await?;
        assert_eq!((after.id(), after.key()), (before.id(), before.key()));
        assert!(after.height() >= 1, "what was mined is kept");
        tab.mine_one().await?;
        assert_eq!(tab.look_up("colour").await?.as_deref(), Some("blue"));
        Ok(())
    })
}

#[test]
fn workers_of_another_build_are_named_and_gone_after_a_reload() -> Result<()> {
    // Where no service worker keeps the files of before.
    scenario::run("old-worker", Address::Lan, async |world| {
        let relay_port = world.start_relay(Network::Fast).await?.port();
        let proxy = Proxy::start(relay_port).await?;
        let browser = world.open_browser().await?;
        let tab = browser.open_tab(&proxy.url(world.address())).await?;
        tab.wait_until_joined().await?;

        let build = build_of(&tab).await?;
        let other: String = build.chars().rev().collect();
        assert_ne!(build, other);
        proxy.alter("/node_bg.wasm", move |wasm| {
            replaced(wasm, build.as_bytes(), other.as_bytes())
        });
        tab.reload().await?;
        tab.wait_for("that page and worker do not belong together", |page| {
            page.banner("build").is_some()
        })
        .await?;

        proxy.alter_nothing();
        tab.click("reload").await?;
        tab.wait_for("joined, without a banner", |page| {
            page.is_joined() && page.banner("build").is_none()
        })
        .await?;
        Ok(())
    })
}

/// The page names its build where it asks for a worker's file.
async fn build_of(tab: &Tab) -> Result<String> {
    let build = tab
        .evaluate(
            "return performance.getEntriesByType('resource')
                .map(({ name }) => new URL(name).searchParams.get('build'))
                .find((build) => build)",
        )
        .await?;
    Ok(build.as_str().context("the name of a build")?.to_owned())
}

/// With `other`, which is as long, wherever `old` stands.
fn replaced(mut bytes: Vec<u8>, old: &[u8], other: &[u8]) -> Vec<u8> {
    let mut from = 0;
    while let Some(place) = bytes
        .get(from..)
        .and_then(|rest| rest.windows(old.len()).position(|window| window == old))
    {
        let start = from + place;
        from = start + old.len();
        bytes.splice(start..from, other.iter().copied());
    }
    bytes
}

#[test]
fn clocks_that_are_wrong_by_an_hour_keep_nobody_out() -> Result<()> {
    scenario::run("wrong-clocks", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let ahead = open_with_clock(world, 3_600_000).await?;
        let behind = open_with_clock(world, -3_600_000).await?;
        let browser = world.open_browser().await?;
        let [right] = world.open_members(&browser).await?;
        let tabs = [&ahead, &behind, &right];

        for (height, tab) in (1..).zip(tabs) {
            tab.put("last", tab.name()).await?;
            tab.mine_one().await?;
            wait_for_all(&tabs, "the same final block", |page| {
                page.height() == height && page.final_height() == height
            })
            .await?;
        }
        assert_eq!(behind.look_up("last").await?.as_deref(), Some(right.name()));
        Ok(())
    })
}

/// A member in a browser of its own, whose clock goes so much ahead of the relay's.
async fn open_with_clock(world: &mut World, ahead_ms: i64) -> Result<Tab> {
    let clock = format!("Date.now = ((now) => () => now() + {ahead_ms})(Date.now);\n");
    let proxy = Proxy::start(world.relay()?.port()).await?;
    let browser = world.open_browser().await?;
    let worker = clock.clone();
    proxy.alter("/node_loader.js", move |script| {
        [worker.as_bytes(), &script].concat()
    });
    let tab = open_with_script(&browser, &clock, &proxy.url(world.address())).await?;
    tab.wait_until_joined().await?;
    world.keep(proxy);
    Ok(tab)
}

#[test]
fn eight_tabs_of_four_browsers_are_eight_members() -> Result<()> {
    scenario::run("eight-tabs", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let shared = world.open_browser().await?;
        let mut tabs = world.open_members::<5>(&shared).await?.to_vec();
        for _ in 0..3 {
            let browser = world.open_browser().await?;
            tabs.extend(world.open_members::<1>(&browser).await?);
        }
        let everyone: Vec<_> = tabs.iter().collect();
        let pages =
            wait_for_all(&everyone, "eight members", |page| page.members().len() == 8).await?;
        let keys: BTreeSet<_> = pages.iter().filter_map(Page::key).collect();
        assert_eq!(keys.len(), 8, "each tab has a key of its own");

        let first = everyone.first().context("eight tabs")?;
        first.put("colour", "green").await?;
        first.mine_one().await?;
        let deadline = Duration::from_secs(60);
        wait_for_group(&everyone, deadline, "the same final block", |pages| {
            all_agree(pages, |page| page.tip().map(str::to_owned))
                && pages.iter().all(|page| page.final_height() == 1)
        })
        .await?;
        Ok(())
    })
}

const RELOADS: u32 = 50;

#[test]
#[ignore = "takes minutes: `cargo xtask e2e --long` runs it"]
fn fifty_reloads_in_mid_write_lose_nothing() -> Result<()> {
    let deadline = Duration::from_secs(1_200);
    scenario::run_within(
        deadline,
        "fifty-reloads",
        Address::Localhost,
        async |world| {
            world.start_relay(Network::Fast).await?;
            let browser = world.open_browser().await?;
            let [tab] = world.open_members(&browser).await?;
            let first = tab.look().await?;
            let mut acknowledged = BTreeSet::new();
            let mut height = 0;
            for round in 0..RELOADS {
                tab.click("mine-start").await?;
                for number in 0..5 {
                    tab.submit(&format!("key {round} {number}"), "value")
                        .await?;
                }
                let before = tab.look().await?;
                tab.reload().await?;
                tab.wait_until_joined().await?;
                let after = tab.look().await?;
                assert_eq!((after.id(), after.key()), (first.id(), first.key()));
                assert!(
                    after.height() >= before.height().max(height),
                    "round {round}"
                );
                for kind in ["damaged", "storage", "abstention", "crashed"] {
                    assert_eq!(after.banner(kind), None, "round {round}");
                }
                height = after.height();
                let seen = before.mempool().into_iter();
                acknowledged.extend(
                    seen.filter(|seen| seen.is_acknowledged)
                        .map(|seen| seen.key),
                );
            }

            tab.click("mine-start").await?;
            tab.wait_within(Duration::from_secs(120), "all is mined", |page| {
                page.pending_count() == Some(0)
            })
            .await?;
            assert!(!acknowledged.is_empty());
            for key in acknowledged {
                assert_eq!(tab.look_up(&key).await?.as_deref(), Some("value"), "{key}");
            }
            Ok(())
        },
    )
}

/// Chromium lets timers of a page that is hidden for 5 minutes run once a minute.
const HIDDEN: Duration = Duration::from_secs(7 * 60);

#[test]
#[ignore = "takes minutes: `cargo xtask e2e --long` runs it"]
fn a_tab_hidden_for_seven_minutes_stays_a_member() -> Result<()> {
    let deadline = HIDDEN + Duration::from_secs(180);
    scenario::run_within(deadline, "hidden", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        // chromedriver switches throttling off.
        let options = Options {
            left_out: vec![
                "disable-background-timer-throttling".to_owned(),
                "disable-backgrounding-occluded-windows".to_owned(),
                "disable-renderer-backgrounding".to_owned(),
            ],
            ..Options::default()
        };
        let browser = world.open_browser_with(&options).await?;
        let [hidden] = world.open_members(&browser).await?;
        let id = hidden.look().await?.id().context("a number")?;
        let row = format!("member-{id}");
        browser.open_tab("about:blank").await?;
        let elsewhere = world.open_browser().await?;
        let [observer] = world.open_members(&elsewhere).await?;
        observer
            .wait_for("a member that is hidden", |page| {
                page.data(&row, "visible") == Some("false")
            })
            .await?;

        let since = Instant::now();
        let patience = HIDDEN + Duration::from_secs(30);
        wait::until("hidden for seven minutes", patience, async || {
            let page = observer.look().await?;
            assert_eq!(page.data(&row, "visible"), Some("false"), "{page}");
            let elapsed = since.elapsed();
            Ok(Look::from_bool(elapsed >= HIDDEN, format!("{elapsed:?}")))
        })
        .await?;

        // It takes its part still: nothing is final without its vote.
        observer.put("colour", "green").await?;
        observer.mine_one().await?;
        let page = observer
            .wait_for("block 1 is final", |page| page.final_height() == 1)
            .await?;
        assert_eq!(page.data(&row, "visible"), Some("false"));
        assert_eq!(hidden.look().await?.id(), Some(id));
        Ok(())
    })
}
