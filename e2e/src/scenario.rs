//! One test: a world of its own, an ending in good order, and evidence when it fails.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use futures_util::FutureExt as _;
use tempfile::TempDir;

use crate::browser::{Browser, LAN_NAME, Options};
use crate::driver::ChromeDriver;
use crate::evidence;
use crate::proxy::Proxy;
use crate::relay::{Host, Network, Relay};
use crate::tab::Tab;

/// No scenario takes longer, unless something hangs.
const SCENARIO_DEADLINE: Duration = Duration::from_secs(180);

/// Several browsers and a miner are more than enough for one machine.
static TURN: Mutex<()> = Mutex::new(());

/// By which address tabs reach the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// `http://localhost`, a secure context.
    Localhost,
    /// Plain http under a name that is not loopback, as on a LAN: no secure context, so no
    /// WebCrypto, Web Locks or storage persistence.
    Lan,
    /// `https://localhost`, for a relay started with `--tls`.
    Tls,
}

impl Address {
    pub(crate) fn url(self, port: u16) -> String {
        match self {
            Self::Localhost => format!("http://localhost:{port}/"),
            Self::Lan => format!("http://{LAN_NAME}:{port}/"),
            Self::Tls => format!("https://localhost:{port}/"),
        }
    }
}

/// What a scenario plays in.
#[derive(Debug)]
pub struct World {
    address: Address,
    // Dropped in this order: nobody outlives what it talks to.
    browsers: Vec<Arc<Browser>>,
    driver: Option<ChromeDriver>,
    proxies: Vec<Proxy>,
    relay: Option<Relay>,
    folder: TempDir,
}

/// Plays a scenario from the start to the end of all its processes.
///
/// # Errors
/// What went wrong, and where screenshots and logs of it lie.
pub fn run(
    name: &str,
    address: Address,
    play: impl AsyncFnOnce(&mut World) -> Result<()>,
) -> Result<()> {
    run_within(SCENARIO_DEADLINE, name, address, play)
}

/// As [`run`], for one that takes longer than others.
///
/// # Errors
/// As those of [`run`].
pub fn run_within(
    deadline: Duration,
    name: &str,
    address: Address,
    play: impl AsyncFnOnce(&mut World) -> Result<()>,
) -> Result<()> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(async {
            let mut world = World::new(address)?;
            let outcome = play_and_check(deadline, &mut world, play).await;
            let outcome = match outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(match evidence::collect(name, &world).await {
                    Ok(folder) => error.context(format!("see {}", folder.display())),
                    Err(lost) => error.context(format!("no evidence could be kept: {lost:#}")),
                }),
            };
            world.end().await;
            outcome
        })
}

async fn play_and_check(
    deadline: Duration,
    world: &mut World,
    play: impl AsyncFnOnce(&mut World) -> Result<()>,
) -> Result<()> {
    let played = AssertUnwindSafe(play(world)).catch_unwind();
    match tokio::time::timeout(deadline, played).await {
        Ok(Ok(outcome)) => outcome?,
        Ok(Err(panic)) => bail!(message_of(panic.as_ref())),
        Err(_) => bail!("still not over after {} s", deadline.as_secs()),
    }
    world.check_for_faults().await
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without words".to_owned())
}

impl World {
    fn new(address: Address) -> Result<Self> {
        Ok(Self {
            address,
            browsers: Vec::new(),
            driver: None,
            proxies: Vec::new(),
            relay: None,
            folder: tempfile::Builder::new().prefix("tabchain-e2e-").tempdir()?,
        })
    }

    /// A folder that goes when the scenario ends. Logs, `*.log`, are kept where it fails.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// By which address tabs reach the relay.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// Starts the scenario's relay.
    pub async fn start_relay(&mut self, network: Network) -> Result<&mut Relay> {
        self.start_relay_with(network, &[]).await
    }

    /// Starts the scenario's relay on another host, as far as its CPU time goes.
    pub async fn start_relay_elsewhere(&mut self, network: Network) -> Result<&mut Relay> {
        let relay = Relay::start(self.folder.path(), network, Host::Elsewhere, &[]).await?;
        Ok(self.relay.insert(relay))
    }

    /// Starts the scenario's relay with further flags.
    pub async fn start_relay_with(
        &mut self,
        network: Network,
        flags: &[&str],
    ) -> Result<&mut Relay> {
        let by_name = format!("--allowed-host={LAN_NAME}");
        let flags = match self.address {
            Address::Lan => [flags, &[by_name.as_str()]].concat(),
            Address::Localhost | Address::Tls => flags.to_vec(),
        };
        let relay = Relay::start(self.folder.path(), network, Host::Shared, &flags).await?;
        Ok(self.relay.insert(relay))
    }

    /// The scenario's relay.
    pub fn relay(&mut self) -> Result<&mut Relay> {
        self.relay.as_mut().context("no relay was started")
    }

    /// The address of the page.
    pub fn url(&self) -> Result<String> {
        let relay = self.relay.as_ref().context("no relay was started")?;
        Ok(self.address.url(relay.port()))
    }

    /// Has a proxy last as long as the scenario.
    pub fn keep(&mut self, proxy: Proxy) {
        self.proxies.push(proxy);
    }

    /// Starts a browser with a fresh profile.
    pub async fn open_browser(&mut self) -> Result<Arc<Browser>> {
        let options = Options {
            takes_any_certificate: self.address == Address::Tls,
            ..Options::default()
        };
        self.open_browser_with(&options).await
    }

    /// Starts a browser with a fresh profile and further options.
    pub async fn open_browser_with(&mut self, options: &Options) -> Result<Arc<Browser>> {
        let profile = self.new_profile();
        self.open_profile(&profile, options).await
    }

    /// A place for a profile, to be opened more than once.
    #[must_use]
    pub fn new_profile(&self) -> PathBuf {
        let number = self.browsers.len() + 1;
        self.folder.path().join(format!("profile-{number}"))
    }

    /// Starts a browser with this profile. No other may have it open.
    pub async fn open_profile(
        &mut self,
        profile: &Path,
        options: &Options,
    ) -> Result<Arc<Browser>> {
        let driver = match &self.driver {
            Some(driver) => driver,
            None => self
                .driver
                .insert(ChromeDriver::start(self.folder.path()).await?),
        };
        let name = format!("browser {}", self.browsers.len() + 1);
        let browser = Browser::start(name, driver.url(), profile, options).await?;
        self.browsers.push(browser.clone());
        Ok(browser)
    }

    /// Opens a tab with the page, and waits for nothing.
    pub async fn open_tab(&self, browser: &Arc<Browser>) -> Result<Tab> {
        browser.open_tab(&self.url()?).await
    }

    /// Opens `N` tabs of one browser, one after another, each a synced member before the next.
    pub async fn open_members<const N: usize>(
        &mut self,
        browser: &Arc<Browser>,
    ) -> Result<[Tab; N]> {
        let mut tabs = Vec::with_capacity(N);
        for _ in 0..N {
            let tab = self.open_tab(browser).await?;
            tab.wait_until_joined().await?;
            tabs.push(tab);
        }
        tabs.try_into()
            .map_err(|_| anyhow!("as many tabs as were opened"))
    }

    pub(crate) fn browsers(&self) -> &[Arc<Browser>] {
        &self.browsers
    }

    /// No page threw an error or broke its own policy, and no thread of the relay panicked.
    async fn check_for_faults(&self) -> Result<()> {
        if let Some(relay) = &self.relay {
            let log = relay.log()?;
            if let Some(line) = log.lines().find(|line| line.contains("panicked")) {
                bail!("the relay panicked: {line}");
            }
        }
        for browser in &self.browsers {
            for (name, window) in browser.tabs().await {
                let page = Tab::new(name.clone(), browser.clone(), window)
                    .look()
                    .await?;
                let recorder = page
                    .recorder()
                    .with_context(|| format!("{name}: no recorder"))?;
                if !recorder.faults.is_empty() {
                    bail!("{name}: the page had faults: {:#?}", recorder.faults);
                }
            }
        }
        Ok(())
    }

    async fn end(self) {
        for browser in &self.browsers {
            browser.quit().await;
        }
    }
}

/// Makes a test of each scenario for each address: `on_localhost::NAME`, where the page is a
/// secure context, and `on_a_lan::NAME`, where it is none.
#[macro_export]
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        $crate::scenarios!(on_localhost, $crate::Address::Localhost, $($name),+);
        $crate::scenarios!(on_a_lan, $crate::Address::Lan, $($name),+);
    };
    ($module:ident, $address:expr, $($name:ident),+) => {
        mod $module {
            $(
                #[test]
                fn $name() -> anyhow::Result<()> {
                    let name = concat!(stringify!($module), "-", stringify!($name));
                    $crate::scenario::run(name, $address, super::$name)
                }
            )+
        }
    };
}
