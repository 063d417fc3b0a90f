//! What goes wrong is said in a sentence that tells what to do: never a blank page, a panic or a
//! silent retry for ever.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use e2e::browser::Options;
use e2e::relay::{self, FailedStart};
use e2e::tab::SOON;
use e2e::{Address, Network, World, scenario};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Puts something else in the place of the first tab's key.
const SPOIL_KEY: &str = "
    const [done] = arguments;
    const opening = indexedDB.open('tabchain-0');
    opening.onsuccess = () => {
        const database = opening.result;
        const transaction = database.transaction('local', 'readwrite');
        transaction.objectStore('local').put('no key', 'key-pair');
        transaction.oncomplete = () => {
            database.close();
            done();
        };
    };";

#[test]
fn a_taken_port_is_named_on_the_terminal() -> Result<()> {
    scenario::run("taken-port", Address::Localhost, async |world| {
        let (_listener, port) = relay::taken_port()?;
        let data = world.folder().join("data");
        let failed = relay::start_in_vain(world.folder(), port, &data).await?;
        assert_sentence(&failed, &[&port.to_string(), "--port"]);
        Ok(())
    })
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named_on_the_terminal() -> Result<()> {
    scenario::run("unwritable-data", Address::Localhost, async |world| {
        let data = relay::folder_below_a_file(world.folder())?;
        let failed = relay::start_in_vain(world.folder(), 0, &data).await?;
        assert_sentence(&failed, &[&data.display().to_string(), "--data"]);
        Ok(())
    })
}

/// It failed, names the culprit and the option to change, and neither panicked nor rambled.
fn assert_sentence(failed: &FailedStart, words: &[&str]) {
    let output = &failed.output;
    assert!(!failed.status.success(), "{output}");
    assert!(!output.contains("panicked"), "{output}");
    for word in words {
        assert!(output.contains(word), "`{word}` is not in: {output}");
    }
    assert!(output.trim().lines().count() <= 5, "{output}");
}

#[test]
fn a_wrong_protocol_version_is_refused_in_words() -> Result<()> {
    scenario::run("wrong-version", Address::Localhost, async |world| {
        let close = refusal(world, vec![99, 0, 0, 0]).await?;
        assert_eq!(u16::from(close.code), 4002, "{close:?}");
        assert!(close.reason.contains("version 99"), "{close:?}");
        Ok(())
    })
}

#[test]
fn bytes_that_are_no_message_are_refused_in_words() -> Result<()> {
    scenario::run("malformed", Address::Localhost, async |world| {
        let close = refusal(world, vec![1, 250, 1, 2, 3]).await?;
        assert_eq!(u16::from(close.code), 4001, "{close:?}");
        assert!(!close.reason.is_empty(), "{close:?}");
        Ok(())
    })
}

/// Sends the relay one frame, and returns with what it closes the connection.
async fn refusal(world: &mut World, frame: Vec<u8>) -> Result<CloseFrame> {
    let port = world.start_relay(Network::Default).await?.port();
    let mut request = format!("ws://127.0.0.1:{port}/api/v1/socket").into_client_request()?;
    request.headers_mut().insert(
        "sec-websocket-protocol",
        HeaderValue::from_static("tabchain.v1"),
    );
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
    socket.send(Message::binary(frame)).await?;
    timeout(SOON, async {
        while let Some(message) = socket.next().await {
            if let Message::Close(close) = message? {
                return close.context("a close frame with a code");
            }
        }
        bail!("the connection ended without a close frame")
    })
    .await?
}

#[test]
fn an_unreachable_relay_is_named_with_the_next_attempt() -> Result<()> {
    scenario::run("unreachable-relay", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;

        let status = world.relay()?.stop().await?;
        assert!(status.success(), "a relay that is asked to stop: {status}");
        let page = tab
            .wait_for("a banner about the relay, and a wait", |page| {
                page.connection() == Some("waiting") && page.banner("relay-unreachable").is_some()
            })
            .await?;
        let banner = page.banner("relay-unreachable").unwrap_or_default();
        assert!(
            banner.chars().any(|c| c.is_ascii_digit()),
            "when it is tried again: {banner}"
        );

        world.relay()?.restart().await?;
        tab.wait_for("joined again, without a banner", |page| {
            page.is_joined() && page.banner("relay-unreachable").is_none()
        })
        .await?;
        Ok(())
    })
}

#[test]
fn a_language_that_cannot_be_loaded_is_named_and_loads_later() -> Result<()> {
    // As on a LAN: nothing is kept there, so the file must come from the relay.
    scenario::run("language-unreachable", Address::Lan, async |world| {
        world.start_relay(Network::Fast).await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;

        world.relay()?.stop().await?;
        tab.wait_for("the relay is gone", |page| {
            page.connection() == Some("waiting")
        })
        .await?;
        tab.choose("language", "pt-BR").await?;
        let page = tab
            .wait_for("a banner about the language", |page| {
                page.banner("language").is_some()
            })
            .await?;
        assert_eq!(page.data("app", "lang"), Some("en"));

        world.relay()?.restart().await?;
        tab.wait_until_joined().await?;
        tab.choose("language", "en").await?;
        tab.choose("language", "pt-BR").await?;
        tab.wait_for("Portuguese, without a banner", |page| {
            page.data("app", "lang") == Some("pt-BR") && page.banner("language").is_none()
        })
        .await?;
        Ok(())
    })
}

#[test]
fn a_browser_that_refuses_storage_still_runs_a_node_and_says_so() -> Result<()> {
    scenario::run("no-storage", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        // As users have it who block all cookies: IndexedDB and locks are refused.
        let options = Options {
            preferences: json!({ "profile.default_content_setting_values.cookies": 2 }),
            ..Options::default()
        };
        let browser = world.open_browser_with(&options).await?;
        let tab = world.open_tab(&browser).await?;
        tab.wait_until_joined().await?;
        let page = tab.look().await?;
        let quiet_line = page.element("environment").context("the quiet line")?;
        assert_eq!(quiet_line.data("storage"), Some("memory"));
        assert!(!quiet_line.text.is_empty());

        tab.put("colour", "green").await?;
        tab.mine_one().await?;
        assert_eq!(tab.look_up("colour").await?.as_deref(), Some("green"));
        Ok(())
    })
}

#[test]
fn a_key_that_the_browser_cannot_use_is_named() -> Result<()> {
    scenario::run("unusable-key", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let browser = world.open_browser().await?;
        let [tab] = world.open_members(&browser).await?;
        tab.choose("language", "pt-BR").await?;
        tab.wait_for("Portuguese", |page| {
            page.data("app", "lang") == Some("pt-BR")
        })
        .await?;
        tab.evaluate_async(SPOIL_KEY, vec![]).await?;
        tab.reload().await?;
        let page = tab
            .wait_for("that the key is of no use", |page| {
                page.banner("key").is_some()
            })
            .await?;
        let banner = page.banner("key").unwrap_or_default();
        assert!(
            banner.starts_with("A chave") && !banner.contains("key"),
            "{banner}"
        );
        Ok(())
    })
}

#[test]
fn a_browser_without_wasm_simd_mines_with_the_scalar_kernel() -> Result<()> {
    scenario::run("no-simd", Address::Localhost, async |world| {
        world.start_relay(Network::Fast).await?;
        let options = Options {
            switches: vec!["--js-flags=--no-enable-ssse3 --no-enable-sse4-1".to_owned()],
            ..Options::default()
        };
        let browser = world.open_browser_with(&options).await?;
        let [tab] = world.open_members(&browser).await?;
        tab.mine_one().await?;
        assert_eq!(
            tab.look().await?.data("environment", "kernel"),
            Some("scalar")
        );
        Ok(())
    })
}

#[test]
fn full_storage_is_named_and_leaves_the_others_alone() -> Result<()> {
    // Where there is no service worker: it keeps the page's files in the same storage, and who
    // finds it full first would be chance.
    scenario::run("full-storage", Address::Lan, async |world| {
        world.start_relay(Network::Fast).await?;
        let one = world.open_browser().await?;
        let other = world.open_browser().await?;
        // Before the page: Chromium looks at a quota once in 30 s.
        let full = one.open_tab("about:blank").await?;
        let origin = world.url()?.trim_end_matches('/').to_owned();
        full.devtools(
            "Storage.overrideQuotaForOrigin",
            json!({ "origin": origin, "quotaSize": 100_000 }),
        )
        .await?;
        full.go_to(&world.url()?).await?;
        full.wait_until_joined().await?;
        let [healthy] = world.open_members(&other).await?;

        let mut written = 0;
        while full.look().await?.banner("storage-full").is_none() {
            written += 1;
            assert!(
                written <= 40,
                "a browser with room for 100 kB took {written} values of 4 kB and said nothing"
            );
            healthy
                .put(&format!("key {written}"), &incompressible(4000, written))
                .await?;
            // The page lists the first eight that are pending.
            if written % 8 == 0 {
                healthy.mine_one().await?;
            }
        }
        let page = full.look().await?;
        assert_ne!(page.banner("storage-full"), Some(""));

        healthy.mine_one().await?;
        assert!(healthy.look_up("key 1").await?.is_some());
        Ok(())
    })
}

/// Text that no storage can make smaller: the output of a linear congruential generator.
fn incompressible(length: usize, seed: u64) -> String {
    std::iter::successors(Some(seed), |state| {
        Some(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407),
        )
    })
    .skip(1)
    .filter_map(|state| char::from_digit(u32::try_from(state >> 59).ok()?, 36))
    .take(length)
    .collect()
}

#[test]
fn over_tls_the_page_is_a_secure_context() -> Result<()> {
    scenario::run("tls", Address::Tls, async |world| {
        world
            .start_relay_with(Network::Fast, &["--tls", "self-signed"])
            .await?;
        let browser = world.open_browser().await?;
        let [first, second] = world.open_members(&browser).await?;
        let page = first.look().await?;
        assert!(page.is_secure_context);
        assert_eq!(page.data("environment", "identity"), Some("webcrypto"));

        first.put("colour", "green").await?;
        first.mine_one().await?;
        second
            .wait_within(Duration::from_secs(5), "block 1", |page| page.height() == 1)
            .await?;
        Ok(())
    })
}
