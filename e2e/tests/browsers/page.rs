//! The page for everyone: by keyboard, in two languages, light and dark, on a phone, and the
//! link for the others in the room.

use anyhow::{Context as _, Result};
use e2e::browser::Options;
use e2e::tab::SOON;
use e2e::wait::{self, Look};
use e2e::{Address, Network, scenario};
use serde_json::json;
use thirtyfour::Key;

#[test]
fn a_transaction_is_entered_and_a_key_looked_up_by_keyboard_alone() -> Result<()> {
    scenario::run("keyboard", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;

        tab.tab_to("tx-key").await?;
        tab.type_keys("colour").await?;
        tab.tab_to("tx-value").await?;
        tab.type_keys("green").await?;
        tab.tab_to("tx-submit").await?;
        tab.type_keys(Key::Enter).await?;
        tab.wait_for("the transaction", |page| {
            page.pending("colour", "green").is_some()
        })
        .await?;

        tab.tab_to("lookup-key").await?;
        tab.type_keys("colour" + Key::Enter).await?;
        tab.wait_for("the answer that it was never written", |page| {
            page.element("lookup-none").is_some()
        })
        .await?;
        Ok(())
    })
}

#[test]
fn nothing_is_in_sync_before_the_node_is_a_member() -> Result<()> {
    scenario::run("starting", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;
        tab.mine_one().await?;
        tab.reload().await?;
        tab.wait_until_joined().await?;
        let page = tab.look().await?;
        let states = &page.recorder().context("the recorder")?.states;
        let first = states.first().context("a state")?;
        assert_eq!(first.sync, "starting", "{states:#?}");
        for state in states.iter().filter(|state| state.sync == "synced") {
            assert_eq!(state.connection, "joined", "{states:#?}");
        }
        Ok(())
    })
}

#[test]
fn the_page_speaks_portuguese_to_a_portuguese_browser_and_keeps_a_choice() -> Result<()> {
    scenario::run("languages", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let options = Options {
            preferences: json!({ "intl.accept_languages": "pt-BR" }),
            ..Options::default()
        };
        let browser = world.open_browser_with(&options).await?;
        let [tab] = world.open_members(&browser).await?;
        let page = tab.look().await?;
        assert_eq!(page.data("app", "lang"), Some("pt-BR"));
        let portuguese = page.element("mine-once").context("a button")?.text.clone();

        tab.choose("language", "en").await?;
        let is_english = |page: &e2e::Page| {
            page.data("app", "lang") == Some("en")
                && page
                    .element("mine-once")
                    .is_some_and(|button| button.text != portuguese)
        };
        tab.wait_for("English", is_english).await?;
        tab.reload().await?;
        tab.wait_for("English after a reload", is_english).await?;
        Ok(())
    })
}

/// Keeps back the answer to what the page asks for next, until `release` is called: that resolves
/// once the page has done with it what it does.
const HOLD_NEXT_ANSWER: &str = "
    const ask = globalThis.fetch;
    globalThis.fetch = (...question) => {
        globalThis.fetch = ask;
        return new Promise((answer) => {
            globalThis.release = async () => {
                const response = await ask(...question);
                const text = await response.text();
                // Read in a microtask: what follows is over before the next task begins.
                response.text = async () => text;
                answer(response);
                await new Promise((done) => setTimeout(done));
            };
        });
    };";
const RELEASE: &str = "const [done] = arguments; release().then(done);";
const KEPT_LANGUAGE: &str = "return localStorage.getItem('tabchain.language')";

#[test]
fn the_language_chosen_last_counts_though_another_comes_later() -> Result<()> {
    scenario::run("languages-race", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;
        tab.evaluate(HOLD_NEXT_ANSWER).await?;
        tab.choose("language", "pt-BR").await?;
        tab.choose("language", "en").await?;
        wait::until("English is kept", SOON, async || {
            let kept = tab.evaluate(KEPT_LANGUAGE).await?;
            Ok(Look::from_bool(kept == json!("en"), kept))
        })
        .await?;

        tab.evaluate_async(RELEASE, vec![]).await?;
        let page = tab.look().await?;
        assert_eq!(page.data("app", "lang"), Some("en"));
        assert_eq!(page.element("language").context("a choice")?.text, "en");
        Ok(())
    })
}

#[test]
fn dark_and_light_follow_the_system_until_the_user_chooses() -> Result<()> {
    scenario::run("themes", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;
        for scheme in ["dark", "light"] {
            tab.prefer_colour_scheme(scheme).await?;
            tab.wait_for("the system's colours", |page| {
                page.data("app", "theme") == Some(scheme)
            })
            .await?;
        }

        tab.click("theme").await?;
        tab.wait_for("dark by choice", |page| {
            page.data("app", "theme") == Some("dark")
        })
        .await?;
        tab.reload().await?;
        tab.wait_for("dark after a reload", |page| {
            page.data("app", "theme") == Some("dark")
        })
        .await?;
        Ok(())
    })
}

#[test]
fn on_a_phone_nothing_is_wider_than_the_screen() -> Result<()> {
    scenario::run("phone", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;
        tab.put(
            "a-key-without-a-single-space-that-is-long",
            &"x".repeat(300),
        )
        .await?;
        let height = tab.mine_one().await?;
        tab.click(&format!("block-toggle-{height}")).await?;

        tab.set_size(390, 844).await?;
        let content_width = tab
            .evaluate("return document.documentElement.scrollWidth")
            .await?;
        assert_eq!(content_width, json!(390));
        Ok(())
    })
}

#[test]
fn the_share_link_leads_here() -> Result<()> {
    scenario::run("share", Address::Lan, async |world| {
        world.start_relay(Network::Fast).await?;
        let port = world.relay()?.port();
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;
        tab.click("share").await?;
        let page = tab
            .wait_for("a link and its QR code", |page| {
                page.element("share-qr").is_some()
                    && page
                        .element("share-link")
                        .is_some_and(|link| !link.text.is_empty())
            })
            .await?;
        let link = &page.element("share-link").context("a link")?.text;
        assert!(link.starts_with("http://"), "{link}");
        assert!(link.contains(&format!(":{port}")), "{link}");
        tab.click("share-close").await?;
        tab.wait_for("the dialog is closed", |page| {
            page.element("share-qr").is_none()
        })
        .await?;
        Ok(())
    })
}

#[test]
fn on_this_computer_alone_the_share_dialog_says_how_to_let_others_in() -> Result<()> {
    scenario::run("share-loopback", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;
        tab.click("share").await?;
        tab.wait_for("what to type", |page| {
            page.element("share-qr").is_none()
                && page
                    .element("share-dialog")
                    .is_some_and(|dialog| dialog.text.contains("--bind 0.0.0.0"))
        })
        .await?;
        Ok(())
    })
}

#[test]
fn balance_is_transferred_to_a_member_by_its_number() -> Result<()> {
    scenario::run("transfer", Address::Localhost, async |world| {
        world
            .start_relay_with(Network::Fast, &["--block-reward=50"])
            .await?;
        let browser = world.open_browser().await?;
        let [payer, payee] = world.open_members(&browser).await?;
        payer.mine_one().await?;
        payer
            .wait_for("the reward", |page| {
                page.data("balance", "value") == Some("50")
            })
            .await?;

        payer.click("transfer").await?;
        payer.fill("transfer-to", "#99").await?;
        payer.fill("transfer-amount", "20").await?;
        payer.click("transfer-submit").await?;
        payer
            .wait_for("that nobody has this number", |page| {
                page.element("transfer-error").is_some()
            })
            .await?;
        payer.fill("transfer-to", "#2").await?;
        payer.click("transfer-submit").await?;
        payer
            .wait_for("the transfer is sent", |page| {
                page.element("transfer-sent").is_some() && page.pending_count() == Some(1)
            })
            .await?;
        payee.mine_one().await?;
        payee
            .wait_for("the amount and the reward", |page| {
                page.data("balance", "value") == Some("70")
            })
            .await?;
        Ok(())
    })
}
