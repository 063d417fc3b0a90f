//! Without the relay: the page opens, the replica is read and verified, and what one writes waits.

use anyhow::Result;
use e2e::tab::{SOON, Tab};
use e2e::wait::{self, Look};
use e2e::{Address, Network, scenario};
use serde_json::json;

/// Puts another file in the place of a kept one, so that it can be told where a file comes from.
const REPLACE_KEPT: &str = "
    const [done] = arguments;
    (async () => {
        const [build] = await caches.keys();
        const cache = await caches.open(build);
        await cache.put('/pt-BR.ftl', new Response('of the kept build'));
        done();
    })();";
const FETCH: &str = "
    const [done] = arguments;
    fetch('/pt-BR.ftl').then((response) => response.text()).then(done);";

#[test]
fn without_the_relay_the_page_opens_and_what_is_written_waits() -> Result<()> {
    scenario::run("offline", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;
        tab.put("colour", "green").await?;
        tab.mine_one().await?;
        wait_until_kept(&tab).await?;

        world.relay()?.kill_9();
        tab.reload().await?;
        tab.wait_for("the replica, without a relay", |page| {
            page.height() == 1 && page.connection() == Some("waiting")
        })
        .await?;
        assert_eq!(tab.look_up("colour").await?.as_deref(), Some("green"));
        tab.submit("colour", "blue").await?;
        tab.wait_for("a transaction that waits", |page| {
            page.pending("colour", "blue")
                .is_some_and(|pending| !pending.is_acknowledged)
        })
        .await?;
        // What waits survives another start without the relay.
        tab.reload().await?;
        tab.wait_for("the transaction after a reload", |page| {
            page.pending("colour", "blue").is_some()
        })
        .await?;

        world.relay()?.restart().await?;
        tab.wait_for("the transaction is stored by the relay", |page| {
            page.pending("colour", "blue")
                .is_some_and(|pending| pending.is_acknowledged)
        })
        .await?;
        Ok(())
    })
}

#[test]
fn an_ended_service_worker_still_knows_which_pages_it_opened() -> Result<()> {
    scenario::run("ended-service-worker", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;
        wait_until_kept(&tab).await?;
        tab.evaluate_async(REPLACE_KEPT, vec![]).await?;

        world.relay()?.kill_9();
        tab.reload().await?;
        tab.wait_for("the page, without a relay", |page| {
            page.connection() == Some("waiting")
        })
        .await?;
        world.relay()?.restart().await?;
        tab.wait_until_joined().await?;
        tab.devtools("ServiceWorker.enable", json!({})).await?;
        tab.devtools("ServiceWorker.stopAllWorkers", json!({}))
            .await?;
        let file = tab.evaluate_async(FETCH, vec![]).await?;
        assert_eq!(file, json!("of the kept build"));

        // A page that the relay opened takes all of it from the relay.
        tab.reload().await?;
        tab.wait_until_joined().await?;
        let file = tab.evaluate_async(FETCH, vec![]).await?;
        assert_ne!(file, json!("of the kept build"));
        Ok(())
    })
}

/// Waits until the service worker has all of this build.
async fn wait_until_kept(tab: &Tab) -> Result<()> {
    let condition = format!("{}: the page is kept for offline", tab.name());
    wait::until(&condition, SOON, async || {
        let kept = tab
            .evaluate("return document.documentElement.dataset.kept ?? ''")
            .await?;
        Ok(Look::from_bool(kept == json!("true"), kept))
    })
    .await
}
