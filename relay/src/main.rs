//! The relay as a program: settings, logs, signals.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use mimalloc::MiMalloc;
use relay::settings::{Effective, Job, LogFormat, Settings, SettingsError};
use relay::{
    BackupError, PruneError, RunError, Server, StartError, VerifyError, backup, new_operator_token,
    prune, verify,
};
use tokio::signal;
use tracing::info;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Why the program ends with an error.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("--log: {0}")]
    LogFilter(#[from] tracing_subscriber::filter::ParseError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Prune(#[from] PruneError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error("neither signals nor the terminal can be used: {0}")]
    Terminal(#[from] io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    let loaded = match Settings::load(std::env::args_os()) {
        Ok(loaded) => Ok(loaded),
        // Help is no failure, and has its own way of ending.
        Err(SettingsError::Arguments(error)) => error.exit(),
        Err(error) => Err(Failure::from(error)),
    };
    let ended = match loaded {
        Ok((settings, effective)) => run(settings, &effective).await,
        Err(failure) => Err(failure),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody may be listening: then the exit code has to say it alone.
            let _ = writeln!(io::stderr(), "relay: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings, effective: &[Effective]) -> Result<(), Failure> {
    start_logs(&settings)?;
    if let Some(job) = &settings.job {
        return perform(job, &settings.data, effective).await;
    }
    #[cfg(unix)]
    relay::descriptors::raise_limit();
    let mut signals = StopSignals::new()?;
    let mut server = Server::start(&settings).await?;
    announce(&server);

    let failure = tokio::select! {
        () = signals.next() => None,
        failure = server.failure() => Some(failure),
    };
    info!("stopping");
    let stopped = server.stop().await;
    // What failed first is what the operator has to know.
    match failure {
        Some(failure) => Err(failure.into()),
        None => Ok(stopped?),
    }
}

async fn perform(job: &Job, data: &Path, effective: &[Effective]) -> Result<(), Failure> {
    let said = match job {
        Job::Backup { file } => {
            backup(data, file).await?;
            format!("copied to {}", file.display())
        }
        Job::Verify => {
            let chains = verify(data).await?;
            let lines = chains.iter().map(|chain| {
                format!(
                    "{}: {} blocks with {} transactions are sound, {} of them final; log {}",
                    chain.name,
                    chain.height,
                    chain.transactions,
                    chain.final_height,
                    chain.log_head
                )
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        Job::Prune { idle_members } => {
            let pruned = prune(data, *idle_members).await?;
            format!(
                "removed {} pending transactions, {} undo rows, {} rows of no network, {} idle keys; the file is {} bytes smaller",
                pruned.pending, pruned.undo, pruned.strays, pruned.members, pruned.bytes
            )
        }
        Job::Settings => {
            let lines = effective.iter().map(ToString::to_string);
            lines.collect::<Vec<_>>().join("\n")
        }
        Job::Token => {
            let token = new_operator_token(data).await?;
            format!("operator token, shown this once: {}", token.as_str())
        }
    };
    Ok(writeln!(io::stdout(), "{said}")?)
}

fn start_logs(settings: &Settings) -> Result<(), Failure> {
    let logs = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&settings.log)?)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    match settings.log_format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
    Ok(())
}

/// Says on standard output where the relay is reached; programs wait for the line.
fn announce(server: &Server) {
    let listening = server.listening();
    for url in listening.lan_urls() {
        info!("on the local network: {url}");
    }
    let mut out = io::stdout().lock();
    // Whoever started the relay may not want to read.
    if let Some(fingerprint) = server.fingerprint() {
        let _ = writeln!(out, "certificate fingerprint (SHA-256) {fingerprint}");
    }
    let _ = writeln!(out, "listening on {}", listening.local_url());
    if let Some(token) = server.new_operator_token() {
        let _ = writeln!(
            out,
            "operator token, shown this once: {}\n  It makes networks and invitations over REST. Keep it from others.",
            token.as_str()
        );
    }
    let _ = out.flush();
}

#[cfg(unix)]
struct StopSignals {
    interrupt: signal::unix::Signal,
    terminate: signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignals {
    fn new() -> io::Result<Self> {
        use signal::unix::SignalKind;
        Ok(Self {
            interrupt: signal::unix::signal(SignalKind::interrupt())?,
            terminate: signal::unix::signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct StopSignals;

#[cfg(not(unix))]
impl StopSignals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Without Ctrl-C the process is ended from outside.
        if signal::ctrl_c().await.is_err() {
            core::future::pending::<()>().await;
        }
    }
}
