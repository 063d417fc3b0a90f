//! A tab with the page under test: what a user can do in it.

pub mod page;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};
use thirtyfour::components::SelectElement;
use thirtyfour::error::WebDriverResult;
use thirtyfour::{By, Key, TypingData, WebDriver, WebElement, WindowHandle};

use crate::browser::Browser;
use crate::wait::{self, Look};

pub use page::Page;

/// Reads [`Page`].
const LOOK: &str = include_str!("look.js");

/// Milliseconds until the last lease runs out; a lease ends with its time, a u64.
const LEASE_LEFT: &str = include_str!("lease_left.js");

/// Puts its argument in the place of all that the focused field holds.
const PASTE: &str = "
    document.activeElement.select();
    const done = arguments[0] === ''
        ? document.execCommand('delete')
        : document.execCommand('insertText', false, arguments[0]);
    if (!done && document.activeElement.value !== arguments[0]) throw Error('nothing was pasted');";

/// Within this time whatever a user sets off must have shown itself, where the test is not about
/// time. Generous: the machine may be busy.
pub const SOON: Duration = Duration::from_secs(20);

/// A tab of a [`Browser`]. Any command to it makes it the visible one.
#[derive(Clone, Debug)]
pub struct Tab {
    name: String,
    browser: Arc<Browser>,
    window: WindowHandle,
}

impl Tab {
    pub(crate) fn new(name: String, browser: Arc<Browser>, window: WindowHandle) -> Self {
        Self {
            name,
            browser,
            window,
        }
    }

    /// Its name in messages and files.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The browser that it belongs to.
    #[must_use]
    pub fn browser(&self) -> &Arc<Browser> {
        &self.browser
    }

    pub(crate) async fn run<T>(
        &self,
        command: impl AsyncFnOnce(&WebDriver) -> WebDriverResult<T>,
    ) -> Result<T> {
        self.browser
            .run_in(&self.window, command)
            .await
            .map_err(|error| anyhow!("{}: {}", self.name, without_stack(&error)))
    }

    /// Goes to an address.
    pub async fn go_to(&self, url: &str) -> Result<()> {
        self.run(async |driver| driver.goto(url).await).await
    }

    /// Loads the page again, as a user does.
    pub async fn reload(&self) -> Result<()> {
        self.run(async |driver| driver.refresh().await).await
    }

    /// Closes the tab.
    pub async fn close(self) -> Result<()> {
        self.browser.close_tab(&self.window).await
    }

    /// Brings the tab to the front.
    pub async fn show(&self) -> Result<()> {
        self.run(async |driver| driver.execute("return 0", vec![]).await)
            .await?;
        Ok(())
    }

    /// Sends a command of the Chrome DevTools Protocol.
    pub async fn devtools(&self, method: &str, parameters: Value) -> Result<Value> {
        self.run(async |driver| driver.cdp().send_raw(method, parameters).await)
            .await
    }

    /// Stops the page and its workers as the browser does with hidden tabs to save energy. What the
    /// page is told first may reach its workers or not.
    pub async fn freeze(&self) -> Result<()> {
        self.devtools("Page.setWebLifecycleState", json!({ "state": "frozen" }))
            .await?;
        Ok(())
    }

    /// Ends a [`Self::freeze`].
    pub async fn thaw(&self) -> Result<()> {
        self.devtools("Page.setWebLifecycleState", json!({ "state": "active" }))
            .await?;
        Ok(())
    }

    /// Writes a picture of what the tab shows.
    pub async fn screenshot(&self, path: &Path) -> Result<()> {
        self.run(async |driver| driver.screenshot(path).await).await
    }

    /// The page as it is now.
    pub async fn look(&self) -> Result<Page> {
        let seen: String = self
            .run(async |driver| driver.execute(LOOK, vec![]).await?.convert())
            .await?;
        serde_json::from_str(&seen).with_context(|| format!("{}: {seen}", self.name))
    }

    /// Waits until the page satisfies `holds`, [`SOON`].
    pub async fn wait_for(&self, condition: &str, holds: impl Fn(&Page) -> bool) -> Result<Page> {
        self.wait_within(SOON, condition, holds).await
    }

    /// Waits until the page satisfies `holds`, at most for `deadline`.
    pub async fn wait_within(
        &self,
        deadline: Duration,
        condition: &str,
        holds: impl Fn(&Page) -> bool,
    ) -> Result<Page> {
        let condition = format!("{}: {condition}", self.name);
        wait::until(&condition, deadline, async || {
            let page = self.look().await?;
            Ok(if holds(&page) {
                Look::Holds(page)
            } else {
                Look::NotYet(page.to_string())
            })
        })
        .await
    }

    /// Waits until the node is a member with all blocks, and returns its number.
    pub async fn wait_until_joined(&self) -> Result<u64> {
        let page = self
            .wait_for("joined with a number and synced", |page| {
                page.is_joined() && page.id().is_some() && page.is_synced()
            })
            .await?;
        page.id().context("a joined node has a number")
    }

    /// Clicks an element once it is there and enabled.
    pub async fn click(&self, test_id: &str) -> Result<()> {
        let condition = format!("{}: {test_id} can be clicked", self.name);
        wait::until(&condition, SOON, async || {
            self.run(async |driver| {
                let element = find(driver, test_id).await?;
                if element.is_enabled().await? {
                    element.click().await?;
                    Ok(Look::Holds(()))
                } else {
                    Ok(Look::NotYet("it is disabled".to_owned()))
                }
            })
            .await
        })
        .await
    }

    /// Replaces the content of a field, as pasting does.
    pub async fn fill(&self, test_id: &str, text: &str) -> Result<()> {
        self.click(test_id).await?;
        self.run(async |driver| driver.execute(PASTE, vec![json!(text)]).await)
            .await?;
        Ok(())
    }

    /// Presses the tabulator key until the element has the focus.
    pub async fn tab_to(&self, test_id: &str) -> Result<()> {
        let condition = format!("{}: {test_id} is reached by keyboard", self.name);
        wait::until(&condition, SOON, async || {
            self.type_keys(Key::Tab).await?;
            let focused = self
                .evaluate("return document.activeElement?.dataset.testid ?? ''")
                .await?;
            Ok(Look::from_bool(focused == json!(test_id), focused))
        })
        .await
    }

    /// Types on the keyboard, into whatever has the focus.
    pub async fn type_keys(&self, keys: impl Into<TypingData>) -> Result<()> {
        self.run(async |driver| driver.active_element().await?.send_keys(keys).await)
            .await
    }

    /// Chooses a file in a field for files.
    pub async fn choose_file(&self, test_id: &str, file: &Path) -> Result<()> {
        let file = file.to_str().context("a path in UTF-8")?;
        self.run(async |driver| find(driver, test_id).await?.send_keys(file).await)
            .await
    }

    /// Has the browser keep what it downloads in this folder, from now on.
    pub async fn download_to(&self, folder: &Path) -> Result<()> {
        self.devtools(
            "Browser.setDownloadBehavior",
            json!({ "behavior": "allow", "downloadPath": folder }),
        )
        .await?;
        Ok(())
    }

    /// Chooses an option of a select element by its value.
    pub async fn choose(&self, test_id: &str, value: &str) -> Result<()> {
        self.run(async |driver| {
            let select = SelectElement::new(&find(driver, test_id).await?).await?;
            select.select_by_value(value).await
        })
        .await
    }

    /// The value of a script's `return`.
    pub async fn evaluate(&self, script: &str) -> Result<Value> {
        self.run(async |driver| driver.execute(script, vec![]).await)
            .await
            .map(|returned| returned.json().clone())
    }

    /// What a script hands to the function that is its last argument.
    pub async fn evaluate_async(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.run(async |driver| driver.execute_async(script, arguments).await)
            .await
            .map(|returned| returned.json().clone())
    }

    /// Waits until no lease on a slot is left in this browser, as there is for some seconds after
    /// a tab without Web Locks has ended. Only for documents without a node.
    pub async fn wait_until_leases_run_out(&self) -> Result<()> {
        let condition = format!("{}: no lease on a slot", self.name);
        wait::until(&condition, SOON, async || {
            let left_ms = self
                .evaluate_async(LEASE_LEFT, vec![])
                .await?
                .as_f64()
                .context("milliseconds")?;
            Ok(Look::from_bool(
                left_ms <= 0.0,
                format!("{left_ms} ms left"),
            ))
        })
        .await
    }

    /// Tells the page that the system prefers `light` or `dark`.
    pub async fn prefer_colour_scheme(&self, scheme: &str) -> Result<()> {
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        )
        .await?;
        Ok(())
    }

    /// Gives the page a screen of this size in CSS pixels; narrow ones are a phone's.
    pub async fn set_size(&self, width: u32, height: u32) -> Result<()> {
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({
                "width": width,
                "height": height,
                "deviceScaleFactor": 1,
                "mobile": width < 600,
            }),
        )
        .await?;
        Ok(())
    }

    /// Sets a range input, as dragging it does.
    pub async fn slide(&self, test_id: &str, value: u32) -> Result<()> {
        self.run(async |driver| {
            driver
                .execute(
                    "const slider = document.querySelector(`[data-testid='${arguments[0]}']`);
                     slider.value = arguments[1];
                     slider.dispatchEvent(new Event('input', { bubbles: true }));
                     slider.dispatchEvent(new Event('change', { bubbles: true }));",
                    vec![json!(test_id), json!(value)],
                )
                .await
        })
        .await?;
        Ok(())
    }

    /// Enters a transaction and waits until the node has it among its pending ones and the relay
    /// has acknowledged it. Returns its id in hex.
    pub async fn put(&self, key: &str, value: &str) -> Result<String> {
        self.submit(key, value).await?;
        let page = self
            .wait_for(&format!("{key} is pending and stored"), |page| {
                page.pending(key, value)
                    .is_some_and(|pending| pending.is_acknowledged)
            })
            .await?;
        Ok(page
            .pending(key, value)
            .context("seen a moment ago")?
            .id
            .clone())
    }

    /// Enters a transaction, and waits for nothing.
    pub async fn submit(&self, key: &str, value: &str) -> Result<()> {
        self.fill("tx-key", key).await?;
        self.fill("tx-value", value).await?;
        self.click("tx-submit").await
    }

    /// Mines one block and waits until this replica has appended it. Returns its height.
    pub async fn mine_one(&self) -> Result<u64> {
        let found = self.look().await?.found();
        self.click("mine-once").await?;
        let page = self
            .wait_within(Duration::from_secs(60), "one more block found", |page| {
                page.found() > found
            })
            .await?;
        Ok(page.height())
    }

    /// Looks a key up and returns its present value, or nothing where it was never written.
    pub async fn look_up(&self, key: &str) -> Result<Option<String>> {
        self.fill("lookup-key", key).await?;
        self.click("lookup-submit").await?;
        let page = self
            .wait_for(&format!("an answer about {key}"), |page| {
                page.element("lookup-value").is_some() || page.element("lookup-none").is_some()
            })
            .await?;
        Ok(page
            .element("lookup-value")
            .map(|element| element.text.clone()))
    }
}

/// chromedriver adds its own stack, in addresses, to what it says.
fn without_stack(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let told = text.split("Stacktrace").next().unwrap_or_default();
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn find(driver: &WebDriver, test_id: &str) -> WebDriverResult<WebElement> {
    driver
        .find(By::Css(format!("[data-testid='{test_id}']")))
        .await
}

/// Waits until all pages satisfy `holds` at the same look, [`SOON`].
pub async fn wait_for_all(
    tabs: &[&Tab],
    condition: &str,
    holds: impl Fn(&Page) -> bool,
) -> Result<Vec<Page>> {
    wait_for_group(tabs, SOON, condition, |pages| pages.iter().all(&holds)).await
}

/// Waits until the pages of all tabs together satisfy `holds`, at most for `deadline`.
pub async fn wait_for_group(
    tabs: &[&Tab],
    deadline: Duration,
    condition: &str,
    holds: impl Fn(&[Page]) -> bool,
) -> Result<Vec<Page>> {
    wait::until(condition, deadline, async || {
        let mut pages = Vec::with_capacity(tabs.len());
        for tab in tabs {
            pages.push(tab.look().await?);
        }
        Ok(if holds(&pages) {
            Look::Holds(pages)
        } else {
            let seen = tabs.iter().zip(&pages);
            let seen: Vec<_> = seen
                .map(|(tab, page)| format!("\n  {}: {page}", tab.name()))
                .collect();
            Look::NotYet(seen.concat())
        })
    })
    .await
}

/// Whether `part` is there and the same on all pages.
pub fn all_agree<T: PartialEq>(pages: &[Page], part: impl Fn(&Page) -> Option<T>) -> bool {
    let mut parts = pages.iter().map(part);
    let first = parts.next().flatten();
    first.is_some() && parts.all(|other| other == first)
}
