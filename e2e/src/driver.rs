//! The WebDriver server of one scenario.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::environment;
use crate::service::Service;

const START_DEADLINE: Duration = Duration::from_secs(20);
/// It takes a free port of IPv6 and then wants the same one of IPv4, which may be in use.
const STARTS_MAX: usize = 5;
const PORT_IN_USE: &str = "port not available";

/// A chromedriver on a free port; it ends when this is dropped.
#[derive(Debug)]
pub struct ChromeDriver {
    url: String,
    _service: Service,
}

impl ChromeDriver {
    /// Starts one that logs into `folder`.
    pub async fn start(folder: &Path) -> Result<Self> {
        let mut started = launch(folder).await;
        for _ in 1..STARTS_MAX {
            if !started.as_ref().is_err_and(is_port_in_use) {
                break;
            }
            started = launch(folder).await;
        }
        started
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn launch(folder: &Path) -> Result<ChromeDriver> {
    let mut command = Command::new(environment::chromedriver()?);
    command.arg("--port=0");
    let mut service = Service::start("chromedriver", command, &folder.join("chromedriver.log"))?;
    let line = service
        .line_with("started successfully on port", START_DEADLINE)
        .await?;
    let port: u16 = line
        .trim_end_matches('.')
        .rsplit(' ')
        .next()
        .and_then(|port| port.parse().ok())
        .with_context(|| format!("chromedriver names no port in `{line}`"))?;
    Ok(ChromeDriver {
        url: format!("http://127.0.0.1:{port}"),
        _service: service,
    })
}

fn is_port_in_use(error: &anyhow::Error) -> bool {
    error.to_string().contains(PORT_IN_USE)
}
