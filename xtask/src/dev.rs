//! `cargo xtask dev`: the page rebuilt and reloaded on change, with a relay behind Trunk's proxy.

use std::{path::PathBuf, process::ExitCode};

use crate::{Failure, page, process, relay, setup, supervisor::Supervisor, workspace::Workspace};

/// Trunk.toml's proxies point here.
const RELAY_PORT: u16 = 18001;

/// Where the page is served while it is worked on.
#[derive(Debug, clap::Args)]
pub(crate) struct DevOptions {
    /// Port of the page; its API calls are proxied to a relay on port 18001
    #[arg(long, default_value_t = 18000)]
    port: u16,
    /// Folder of the relay's database [default: dev-data in cargo's target folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Runs Trunk's server and a relay until one of them ends or a signal comes.
pub(crate) fn run(workspace: &Workspace, options: &DevOptions) -> Result<ExitCode, Failure> {
    let tools = setup::for_page(workspace)?;
    page::fetch(workspace, &tools.wasm)?;

    let default_data = || workspace.target().join("dev-data");
    let data = options.data.clone().unwrap_or_else(default_data);
    let port = RELAY_PORT.to_string();
    let mut relay = process::command(relay::build_without_page(workspace)?);
    relay
        .args(["--bind", "127.0.0.1", "--port", &port, "--data"])
        .arg(data);
    // The page's origin is Trunk's server, not the relay behind it.
    for host in ["localhost", "127.0.0.1"] {
        relay
            .arg("--allowed-origin")
            .arg(format!("http://{host}:{}", options.port));
    }

    let mut trunk = page::trunk(workspace, &tools.wasm);
    trunk
        .args(["serve", "--offline", "--address", "127.0.0.1", "--port"])
        .arg(options.port.to_string());
    // dist/ keeps the release build that the relay embeds.
    trunk.arg("--dist").arg(workspace.target().join("dev-dist"));

    Ok(Supervisor::start([relay, trunk])?.wait()?)
}
