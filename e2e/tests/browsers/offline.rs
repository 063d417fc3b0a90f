//! Without the relay: the page opens, the replica is read and verified, and what one writes waits.

use anyhow::Result;
use e2e::tab::{SOON, Tab};
use e2e::wait::{self, Look};
use e2e::{Address, Network, scenario};
use serde_json::json;

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
