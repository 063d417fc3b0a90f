//! The WebDriver server of one scenario.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::environment;
use crate::service::Service;

const START_DEADLINE: Duration = Duration::from_secs(20);

/// A chromedriver on a free port; it ends when this is dropped.
#[derive(Debug)]
pub struct ChromeDriver {
    url: String,
    _service: Service,
}

impl ChromeDriver {
    /// Starts one that logs into `folder`.
    pub async fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new(environment::chromedriver()?);
        command.arg("--port=0");
        let mut service =
            Service::start("chromedriver", command, &folder.join("chromedriver.log"))?;
        let line = service
            .line_with("started successfully on port", START_DEADLINE)
            .await?;
        let port: u16 = line
            .trim_end_matches('.')
            .rsplit(' ')
            .next()
            .and_then(|port| port.parse().ok())
            .with_context(|| format!("chromedriver names no port in `{line}`"))?;
        Ok(Self {
            url: format!("http://127.0.0.1:{port}"),
            _service: service,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}
