//! The key in an encrypted file: it brings a member back, and only with its passphrase.

use anyhow::{Context as _, Result};
use e2e::{Address, Network, downloads, scenario};

const PASSPHRASE: &str = "correct horse battery";

#[test]
fn a_key_is_backed_up_and_restored() -> Result<()> {
    scenario::run("key-backup", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;
        let folder = world.folder().join("downloads");
        std::fs::create_dir_all(&folder)?;
        tab.download_to(&folder).await?;
        let first_key = tab.look().await?.key().context("a key")?.to_owned();

        tab.click("key-backup").await?;
        tab.fill("key-passphrase", "short").await?;
        tab.click("key-make").await?;
        tab.wait_for("a demand for a longer passphrase", |page| {
            page.element("key-error").is_some()
        })
        .await?;
        tab.fill("key-passphrase", PASSPHRASE).await?;
        tab.click("key-make").await?;
        let backup = downloads::file(&folder, "key").await?;
        tab.click("key-reload").await?;
        let page = tab
            .wait_for("a member with another key", |page| {
                page.is_joined() && page.key().is_some_and(|key| key != first_key)
            })
            .await?;
        let (key, id) = (page.key().context("a key")?.to_owned(), page.id());
        tab.close().await?;

        // Another profile has nothing but the file.
        let elsewhere = world.open_browser().await?;
        let [tab] = world.open_members(&elsewhere).await?;
        assert_ne!(tab.look().await?.key(), Some(key.as_str()));
        tab.click("key-backup").await?;
        tab.choose_file("key-file", &backup).await?;
        tab.fill("key-passphrase", "correct horse batters").await?;
        tab.click("key-restore").await?;
        tab.wait_for("that the passphrase is wrong", |page| {
            page.element("key-error")
                .is_some_and(|error| error.text.contains("passphrase"))
        })
        .await?;
        tab.fill("key-passphrase", PASSPHRASE).await?;
        tab.click("key-restore").await?;
        tab.click("key-reload").await?;
        let page = tab
            .wait_for("the same member again", |page| {
                page.is_joined() && page.key() == Some(key.as_str())
            })
            .await?;
        assert_eq!(page.id(), id, "the same key has the same number");
        Ok(())
    })
}
