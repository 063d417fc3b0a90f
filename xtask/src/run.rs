//! `cargo xtask run`: from a bare machine to the page.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Failure, page, process, relay, setup, supervisor::Supervisor, workspace::Workspace};

/// How long the relay may take until the browser is no longer opened for it.
const UP_TIMEOUT: Duration = Duration::from_secs(60);
/// A relay that cannot listen (port taken) has ended by then, and the browser stays closed.
const SETTLE: Duration = Duration::from_millis(500);

/// Where the relay listens and what it is told.
#[derive(Debug, clap::Args)]
pub(crate) struct RunOptions {
    /// Port to listen on
    #[arg(long, default_value_t = 18000)]
    port: u16,
    /// Folder of the relay's database; made when it is not there
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Address to listen on; 0.0.0.0 lets other machines on the LAN in
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// Serve https, by a certificate of the relay's own making (`self-signed`) or by yours (CERT KEY)
    #[arg(long, num_args = 1..=2, value_names = ["self-signed|CERT", "KEY"])]
    tls: Vec<OsString>,
    /// Do not open the browser
    #[arg(long)]
    no_open: bool,
    /// Further options, passed to the relay as they are
    #[arg(last = true, value_name = "RELAY OPTION")]
    relay_options: Vec<OsString>,
}

/// Sets up, builds, and runs the relay until it ends or a signal comes.
pub(crate) fn run(workspace: &Workspace, options: &RunOptions) -> Result<ExitCode, Failure> {
    let tools = setup::for_page(workspace)?;
    page::build(workspace, &tools)?;
    let program = relay::build_with_page(workspace)?;

    let mut relay = process::command(program);
    relay
        .arg("--bind")
        .arg(options.bind.to_string())
        .arg("--port")
        .arg(options.port.to_string());
    relay.arg("--data").arg(&options.data);
    if !options.tls.is_empty() {
        relay.arg("--tls").args(&options.tls);
    }
    relay.args(&options.relay_options);

    let supervisor = Supervisor::start([relay])?;
    if !options.no_open {
        let address = options.local_address();
        let url = options.local_url();
        thread::spawn(move || open_when_up(address, &url));
    }
    Ok(supervisor.wait()?)
}

impl RunOptions {
    /// Where the relay is reached from this machine.
    fn local_address(&self) -> SocketAddr {
        let ip = if self.bind.is_unspecified() {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else {
            self.bind
        };
        SocketAddr::new(ip, self.port)
    }

    fn local_url(&self) -> String {
        let is_plain = self.tls.first().is_none_or(|mode| mode == "off");
        let scheme = if is_plain { "http" } else { "https" };
        let address = self.local_address();
        // A secure context by name: browsers treat localhost so even on http.
        let host = if address.ip().is_loopback() {
            format!("localhost:{}", self.port)
        } else {
            address.to_string()
        };
        format!("{scheme}://{host}/")
    }
}

/// Opens the user's browser as soon as the relay answers; a machine without one is no error.
fn open_when_up(address: SocketAddr, url: &str) {
    let started = Instant::now();
    thread::sleep(SETTLE);
    while TcpStream::connect_timeout(&address, SETTLE).is_err() {
        if started.elapsed() > UP_TIMEOUT {
            return;
        }
        thread::sleep(SETTLE);
    }
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let mut command: Command = process::command(opener);
    let _ = command
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(bind: &str, tls: &[&str]) -> RunOptions {
        RunOptions {
            port: 18000,
            data: PathBuf::from("data"),
            bind: bind.parse().unwrap(),
            tls: tls.iter().map(OsString::from).collect(),
            no_open: false,
            relay_options: Vec::new(),
        }
    }

    #[test]
    fn browser_is_sent_where_the_relay_listens() {
        assert_eq!(
            options("127.0.0.1", &[]).local_url(),
            "http://localhost:18000/"
        );
        assert_eq!(
            options("0.0.0.0", &["self-signed"]).local_url(),
            "https://localhost:18000/"
        );
        assert_eq!(
            options("192.0.2.7", &[]).local_url(),
            "http://192.0.2.7:18000/"
        );
    }
}
