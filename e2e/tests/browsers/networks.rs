//! Several networks on one relay: made, joined by invitation, administered, all from the page.

use anyhow::{Context as _, Result};
use e2e::{Address, Network, scenario};

/// Otherwise it takes the operator's token.
const ANYONE: &str = "--create-networks=anyone";

#[test]
fn a_network_by_invitation_is_made_and_joined_by_its_link() -> Result<()> {
    scenario::run("networks", Address::Localhost, async |world| {
        world.start_relay_with(Network::Fast, &[ANYONE]).await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;

        tab.click("network-name").await?;
        tab.click("network-new").await?;
        tab.fill("network-name-new", "lab").await?;
        tab.click("network-invited").await?;
        tab.click("network-make").await?;
        let page = tab
            .wait_for("the network, and its token", |page| {
                page.element("network-lab").is_some()
                    && page
                        .element("network-administrator")
                        .is_some_and(|token| !token.text.is_empty())
            })
            .await?;
        let id = page.data("network-lab", "id").context("an id")?.to_owned();

        tab.click("administer").await?;
        tab.click("invite").await?;
        let page = tab
            .wait_for("an invitation", |page| {
                page.element("invitation")
                    .is_some_and(|link| link.text.contains("invite="))
            })
            .await?;
        let link = page.element("invitation").context("a link")?.text.clone();
        let (_, invitation) = link.split_once("invite=").context("an invitation")?;

        let guest = world.open_tab(&browser).await?;
        guest
            .go_to(&format!("{}?network={id}", world.url()?))
            .await?;
        guest
            .wait_for("a refusal for want of an invitation", |page| {
                page.banner("invitation").is_some()
            })
            .await?;
        guest.click("network-name").await?;
        guest.fill("join-link", "tabinvite1wrong").await?;
        guest.click("join-submit").await?;
        guest
            .wait_for("that this is none", |page| {
                page.element("join-error").is_some()
            })
            .await?;
        guest.fill("join-link", invitation).await?;
        guest.click("join-submit").await?;
        guest.wait_until_joined().await?;
        let page = guest.look().await?;
        assert_eq!(
            page.element("network-name").map(|name| name.text.as_str()),
            Some("lab")
        );

        // Used up: the link is for one.
        let late = world.open_tab(&browser).await?;
        late.go_to(&link).await?;
        late.wait_for("a refusal of a used invitation", |page| {
            page.banner("invitation").is_some()
        })
        .await?;

        // Its maker removes it, with the token that making it gave.
        tab.click("network-remove-open").await?;
        tab.click("network-remove").await?;
        tab.wait_until_joined().await?;
        tab.click("network-name").await?;
        tab.wait_for("a list without the network", |page| {
            page.element("networks")
                .is_some_and(|list| !list.text.is_empty())
                && page.element("network-lab").is_none()
        })
        .await?;
        Ok(())
    })
}

#[test]
fn the_relay_says_why_it_makes_no_network() -> Result<()> {
    scenario::run("network-refused", Address::Localhost, async |world| {
        world
            .start_relay_with(Network::Fast, &[ANYONE, "--network-name=class"])
            .await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;
        tab.click("network-name").await?;
        tab.click("network-new").await?;
        tab.fill("network-name-new", "class").await?;
        tab.click("network-make").await?;
        let page = tab
            .wait_for("the relay's reason", |page| {
                page.element("relay-refused").is_some()
            })
            .await?;
        let reason = &page.element("relay-refused").context("a reason")?.text;
        assert!(reason.contains("class"), "{reason}");
        Ok(())
    })
}
