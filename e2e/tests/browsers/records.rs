//! Receipts and copies of the chain: given out as files, verified before anything is believed.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use e2e::tab::Tab;
use e2e::{Address, Network, Page, World, downloads, scenario};

/// A tab with one final block, and the folder where its downloads go.
async fn tab_with_a_final_entry(world: &mut World) -> Result<(Tab, PathBuf, String)> {
    world
        .start_relay_with(Network::Fast, &["--create-networks=anyone"])
        .await?;
    let browser = world.open_browser().await?;
    let [tab] = world.open_members(&browser).await?;
    let folder = world.folder().join("downloads");
    std::fs::create_dir_all(&folder)?;
    tab.download_to(&folder).await?;
    let id = tab.put("loan/17", "Ana").await?;
    tab.mine_one().await?;
    tab.wait_for("block 1 is final", |page| page.final_height() == 1)
        .await?;
    Ok((tab, folder, id))
}

/// Opens the same tab in a network of its own, made in the dialog of networks.
async fn go_to_another_network(world: &World, tab: &Tab) -> Result<()> {
    tab.click("network-name").await?;
    tab.click("network-new").await?;
    tab.fill("network-name-new", "elsewhere").await?;
    tab.click("network-make").await?;
    let page = tab
        .wait_for("the new network in the list", |page| {
            page.element("network-elsewhere").is_some()
        })
        .await?;
    let id = page.data("network-elsewhere", "id").context("its id")?;
    tab.go_to(&format!("{}?network={id}", world.url()?)).await?;
    tab.wait_until_joined().await?;
    Ok(())
}

async fn outcome(tab: &Tab, state: &str) -> Result<Page> {
    tab.wait_for(&format!("the outcome `{state}`"), |page| {
        page.data("records-outcome", "state") == Some(state)
    })
    .await
}

/// A refusal in words; what stands there before it is another outcome.
async fn refusal(tab: &Tab, word: &str) -> Result<()> {
    tab.wait_for(&format!("a refusal with the word `{word}`"), |page| {
        page.data("records-outcome", "state") == Some("failed")
            && page
                .element("records-outcome")
                .is_some_and(|outcome| outcome.text.contains(word))
    })
    .await?;
    Ok(())
}

#[test]
fn a_receipt_is_downloaded_and_says_what_it_proves() -> Result<()> {
    scenario::run("receipt", Address::Localhost, async |world| {
        let (tab, folder, id) = tab_with_a_final_entry(world).await?;
        tab.click(&format!("receipt-{id}")).await?;
        let receipt = downloads::file(&folder, "receipt-").await?;

        tab.choose_file("receipt-file", &receipt).await?;
        let page = outcome(&tab, "receipt").await?;
        assert_eq!(page.data("receipt-proof", "foreign"), Some("false"));
        assert_eq!(page.data("receipt-proof", "height"), Some("1"));
        let proof = &page.element("receipt-proof").context("the proof")?.text;
        assert!(
            proof.contains("loan/17") && proof.contains("Ana"),
            "{proof}"
        );

        let altered = downloads::altered(&receipt, 1)?;
        tab.choose_file("receipt-file", &altered).await?;
        refusal(&tab, "refused").await?;

        go_to_another_network(world, &tab).await?;
        tab.choose_file("receipt-file", &receipt).await?;
        let page = outcome(&tab, "receipt").await?;
        assert_eq!(page.data("receipt-proof", "foreign"), Some("true"));
        Ok(())
    })
}

#[test]
fn a_chain_file_is_verified_before_it_is_taken_in() -> Result<()> {
    scenario::run("chain-file", Address::Localhost, async |world| {
        let (tab, folder, _) = tab_with_a_final_entry(world).await?;
        tab.click("chain-export").await?;
        let chain = downloads::file(&folder, "chain").await?;
        outcome(&tab, "exported").await?;

        for damaged in [
            downloads::altered(&chain, 40)?,
            downloads::truncated(&chain)?,
        ] {
            tab.choose_file("chain-file", &damaged).await?;
            refusal(&tab, "refused").await?;
            let page = tab.look().await?;
            assert_eq!((page.height(), page.final_height()), (1, 1));
            tab.choose_file("chain-file", &chain).await?;
            outcome(&tab, "imported").await?;
        }

        go_to_another_network(world, &tab).await?;
        tab.choose_file("chain-file", &chain).await?;
        refusal(&tab, "of another network").await?;
        assert_eq!(tab.look().await?.height(), 0);
        tab.choose("language", "pt-BR").await?;
        refusal(&tab, "é de outra rede").await?;
        Ok(())
    })
}
