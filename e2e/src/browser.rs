//! A browser with a profile of its own, and its tabs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use thirtyfour::common::log::LoggingPrefsLogLevel;
use thirtyfour::error::WebDriverResult;
use thirtyfour::{
    CapabilitiesHelper as _, ChromiumLikeCapabilities as _, DesiredCapabilities, WebDriver,
    WindowHandle,
};
use tokio::sync::Mutex;

use crate::environment;
use crate::tab::Tab;

/// The name under which an insecure context reaches the relay: a name that is not loopback.
pub const LAN_NAME: &str = "chain.test";

/// A single command to the browser; a tab that does not answer in time hangs.
const COMMAND_DEADLINE: Duration = Duration::from_secs(30);

/// Watches each document from before its first script.
const RECORDER: &str = include_str!("recorder.js");

/// What a browser is started with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Further command line switches.
    pub switches: Vec<String>,
    /// Further preferences of the profile, by their names with dots.
    pub preferences: Value,
    /// Switches of chromedriver's own that are left out.
    pub left_out: Vec<String>,
    /// Whether certificates that nobody vouches for are taken.
    pub takes_any_certificate: bool,
}

/// A Chromium with its own profile. Tabs of one browser share storage and locks.
#[derive(Debug)]
pub struct Browser {
    name: String,
    driver: WebDriver,
    session: Mutex<Session>,
}

#[derive(Debug, Default)]
struct Session {
    /// The window that commands go to.
    current: Option<WindowHandle>,
    /// Tabs opened so far and not closed, in order.
    tabs: Vec<(String, WindowHandle)>,
    opened: usize,
    ended: bool,
}

impl Browser {
    pub(crate) async fn start(
        name: String,
        driver_url: &str,
        profile: &Path,
        options: &Options,
    ) -> Result<Arc<Self>> {
        let mut capabilities = DesiredCapabilities::chrome();
        let binary = environment::chrome()?;
        capabilities.set_binary(utf8(&binary)?)?;
        capabilities.add_arg(&format!("--user-data-dir={}", utf8(profile)?))?;
        for switch in SWITCHES {
            capabilities.add_arg(switch)?;
        }
        for switch in &options.switches {
            capabilities.add_arg(switch)?;
        }
        for switch in &options.left_out {
            capabilities.add_exclude_switch(switch)?;
        }
        capabilities.add_arg(&format!("--host-resolver-rules=MAP {LAN_NAME} 127.0.0.1"))?;
        if rustix::process::geteuid().is_root() {
            // Chromium's sandbox refuses root.
            capabilities.add_arg("--no-sandbox")?;
        }
        capabilities.accept_insecure_certs(options.takes_any_certificate)?;
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        capabilities.add_experimental_option("prefs", preferences(options))?;
        let driver = WebDriver::builder(driver_url, capabilities)
            .request_timeout(COMMAND_DEADLINE)
            .connect()
            .await
            .with_context(|| format!("{} could not be started", binary.display()))?;
        Ok(Arc::new(Self {
            name,
            driver,
            session: Mutex::default(),
        }))
    }

    /// Its name in messages and files.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens a tab and goes to `url`.
    pub async fn open_tab(self: &Arc<Self>, url: &str) -> Result<Tab> {
        let (name, window) = self.add_tab().await?;
        let tab = Tab::new(name, self.clone(), window);
        tab.run(async |driver| {
            driver
                .cdp()
                .send_raw(
                    "Page.addScriptToEvaluateOnNewDocument",
                    json!({ "source": RECORDER }),
                )
                .await
        })
        .await?;
        tab.go_to(url).await?;
        Ok(tab)
    }

    async fn add_tab(&self) -> Result<(String, WindowHandle)> {
        let mut session = self.session.lock().await;
        // A new session comes with one window.
        let window = if session.opened == 0 {
            self.driver.window().await?
        } else {
            self.driver.new_tab().await?
        };
        session.opened += 1;
        let name = format!("{} tab {}", self.name, session.opened);
        session.tabs.push((name.clone(), window.clone()));
        Ok((name, window))
    }

    /// Runs a command in a tab, which becomes the visible one. Commands run one after another.
    pub(crate) async fn run_in<T>(
        &self,
        window: &WindowHandle,
        command: impl AsyncFnOnce(&WebDriver) -> WebDriverResult<T>,
    ) -> Result<T> {
        let mut session = self.session.lock().await;
        if session.current.as_ref() != Some(window) {
            self.driver.switch_to_window(window.clone()).await?;
            session.current = Some(window.clone());
        }
        Ok(command(&self.driver).await?)
    }

    pub(crate) async fn close_tab(&self, window: &WindowHandle) -> Result<()> {
        self.run_in(window, async |driver| driver.close_window().await)
            .await?;
        self.forget(window).await;
        Ok(())
    }

    /// Drops a tab whose renderer is gone from the books.
    pub(crate) async fn forget(&self, window: &WindowHandle) {
        let mut session = self.session.lock().await;
        session.current = None;
        session.tabs.retain(|(_, tab)| tab != window);
    }

    pub(crate) async fn tabs(&self) -> Vec<(String, WindowHandle)> {
        self.session.lock().await.tabs.clone()
    }

    pub(crate) async fn console(&self) -> Vec<String> {
        match self.driver.browser_log().await {
            Ok(entries) => entries
                .into_iter()
                .map(|entry| format!("{entry:?}"))
                .collect(),
            Err(error) => vec![format!("no console log: {error}")],
        }
    }

    /// Ends the browser in good order; its profile stays.
    pub async fn quit(&self) {
        let mut session = self.session.lock().await;
        if !std::mem::replace(&mut session.ended, true) {
            session.tabs.clear();
            // A browser that was killed cannot be told to end any more.
            let _ = self.driver.clone().quit().await;
        }
    }

    /// Ends the browser at once, as `kill -9` does.
    pub async fn kill(&self) -> Result<()> {
        let pid = self
            .driver
            .capabilities()
            .get("goog:processID")
            .and_then(Value::as_i64)
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw)
            .context("chromedriver does not tell the browser's process id")?;
        kill_process(pid, Signal::KILL)?;
        self.quit().await;
        Ok(())
    }
}

/// Switches of every browser under test.
const SWITCHES: &[&str] = &[
    "--headless=new",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--window-size=1280,1000",
    // The page scrolls at once then; a driver clicks where an element was when it looked.
    "--force-prefers-reduced-motion",
];

/// The same language whatever the machine speaks, and what the options say.
fn preferences(options: &Options) -> Value {
    let mut preferences = json!({ "intl.accept_languages": "en-US" });
    if let (Some(all), Some(further)) =
        (preferences.as_object_mut(), options.preferences.as_object())
    {
        all.extend(further.clone());
    }
    preferences
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}

/// The folder of a profile, which may be opened again after its browser has ended.
pub type Profile = PathBuf;
