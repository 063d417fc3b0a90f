//! The harness itself: a scenario that fails says where its evidence lies, and ends everything
//! that it started.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::wait::{self, Look};
use e2e::{Address, scenario};

const A_PAGE: &str = "data:text/html,<p data-testid='app'>not the page under test";

#[test]
fn a_failing_scenario_leaves_evidence_and_no_process() -> Result<()> {
    let folder = Mutex::new(PathBuf::new());
    let outcome = scenario::run("harness-fails", Address::Localhost, async |world| {
        world.folder().clone_into(&mut folder.lock().unwrap());
        let browser = world.open_browser().await?;
        let tab = browser.open_tab(A_PAGE).await?;
        tab.wait_within(Duration::from_millis(300), "a node", |page| {
            page.is_joined()
        })
        .await?;
        Ok(())
    });

    let message = format!("{:#}", outcome.unwrap_err());
    assert!(
        message.contains("expected within 300 ms: browser 1 tab 1: a node"),
        "{message}"
    );
    let evidence = message
        .strip_prefix("see ")
        .and_then(|rest| rest.split_once(": "))
        .map(|(folder, _)| Path::new(folder))
        .context("the message names the folder of the evidence")?;
    assert!(evidence.join("browser-1-tab-1.png").metadata()?.len() > 1000);
    assert!(evidence.join("browser-1-tab-1.txt").is_file());
    assert!(evidence.join("browser-1-console.txt").is_file());
    assert!(evidence.join("chromedriver.log").is_file());
    fs::remove_dir_all(evidence)?;
    assert_nobody_uses(&folder.into_inner()?)
}

#[test]
fn a_panicking_scenario_ends_its_browsers() -> Result<()> {
    let folder = Mutex::new(PathBuf::new());
    let outcome = scenario::run("harness-panics", Address::Localhost, async |world| {
        world.folder().clone_into(&mut folder.lock().unwrap());
        let browser = world.open_browser().await?;
        browser.open_tab(A_PAGE).await?;
        browser.open_tab(A_PAGE).await?;
        panic!("on purpose");
    });

    let message = format!("{:#}", outcome.unwrap_err());
    assert!(message.ends_with("on purpose"), "{message}");
    fs::remove_dir_all(e2e::environment::failures().join("harness-panics"))?;
    assert_nobody_uses(&folder.into_inner()?)
}

/// Every process of a scenario has its folder in its command line: profile, data or log.
fn assert_nobody_uses(folder: &Path) -> Result<()> {
    let folder = folder.to_str().context("temporary folders are UTF-8")?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(wait::until(
            "no process of the scenario is left",
            Duration::from_secs(10),
            async || {
                let users = command_lines_with(folder)?;
                Ok(Look::from_bool(users.is_empty(), users.join("\n")))
            },
        ))
}

fn command_lines_with(text: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for process in fs::read_dir("/proc")? {
        // Processes may end while they are looked at.
        if let Ok(line) = fs::read(process?.path().join("cmdline")) {
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(text) {
                found.push(line);
            }
        }
    }
    Ok(found)
}
