//! Remakes the pictures of the documentation from a real session:
//! `cargo xtask screenshots`, or by hand with `TABCHAIN_SCREENSHOTS` naming the folder.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use e2e::tab::{Tab, wait_for_all};
use e2e::{Address, Network, World, environment, scenario};
use serde_json::json;

/// A desk's and a phone's.
const WIDTHS_PX: [u32; 2] = [1280, 390];
/// A picture is as high as the page, but a phone's page is a long one.
const HEIGHT_PX_MAX: u32 = 1600;
const SCHEMES: [&str; 2] = ["light", "dark"];

#[test]
#[ignore = "remakes docs/images: run `cargo xtask screenshots`"]
fn screenshots_of_the_page() -> Result<()> {
    scenario::run("screenshots", Address::Localhost, async |world| {
        let folder =
            environment::screenshots().unwrap_or_else(|| world.folder().join("screenshots"));
        fs::create_dir_all(&folder)?;
        let tab = play_a_session(world).await?;
        for width in WIDTHS_PX {
            for scheme in SCHEMES {
                let file = folder.join(format!("page-{width}-{scheme}.png"));
                photograph(&tab, width, scheme, &file).await?;
            }
        }
        Ok(())
    })
}

/// Three tabs that have written, mined and decided some blocks; returns the second.
async fn play_a_session(world: &mut World) -> Result<Tab> {
    world
        .start_relay_with(Network::Fast, &["--network-name=workshop"])
        .await?;
    let browser = world.open_browser().await?;
    let [first, second, third] = world.open_members(&browser).await?;
    for (tab, key, value) in [
        (&first, "colour", "green"),
        (&second, "meeting/room", "Library, second floor"),
        (&third, "colour", "blue"),
        (&first, "loan/17", "Ana → Bruno: Rust in Action"),
    ] {
        tab.put(key, value).await?;
        tab.mine_one().await?;
    }
    third.put("loan/17", "returned").await?;
    first.put("meeting/time", "14:30").await?;
    let tabs = [&first, &second, &third];
    wait_for_all(&tabs, "four blocks decided, two pending", |page| {
        page.height() == 4 && page.final_height() == 4 && page.pending_count() == Some(2)
    })
    .await?;
    second.look_up("colour").await?;
    second.click("block-toggle-4").await?;
    Ok(second)
}

async fn photograph(tab: &Tab, width: u32, scheme: &str, file: &Path) -> Result<()> {
    tab.prefer_colour_scheme(scheme).await?;
    tab.wait_for("the colour scheme", |page| {
        page.data("app", "theme") == Some(scheme)
    })
    .await?;
    tab.devtools("Emulation.setScrollbarsHidden", json!({ "hidden": true }))
        .await?;
    tab.set_size(width, 0).await?;
    let height = tab
        .evaluate("return document.documentElement.scrollHeight")
        .await?
        .as_u64()
        .and_then(|height| u32::try_from(height).ok())
        .context("a height in pixels")?;
    tab.set_size(width, height.min(HEIGHT_PX_MAX)).await?;
    tab.evaluate("scrollTo(0, 0); document.activeElement.blur()")
        .await?;
    tab.screenshot(file).await
}
