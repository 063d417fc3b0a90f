//! `dump_data`, `stop_dump_data` and `dump_status`: the chain as PostgreSQL tables, for as long as
//! is wanted.

use std::fs;

use borsh::{BorshDeserialize, BorshSerialize};
use dump::{DumpError, Dumper, Handle, Target};
use serde_json::json;

use super::run::{self, Purpose};
use crate::access::Place;
use crate::arguments::{Database, Global};
use crate::control::Client;
use crate::failure::{Class, Failure};
use crate::folder::FolderError;
use crate::node::OwnNode;
use crate::output::{BAD, GOOD, Output, Report};

/// How far a dump is.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Progress {
    /// Where it goes, without the password.
    pub target: String,
    /// What it is doing, in one word.
    pub state: String,
    /// Height of the last block in the tables.
    pub height: Option<u64>,
    /// Blocks that the replica has beyond that.
    pub lag_blocks: Option<u64>,
    /// Rows written since the start.
    pub rows: u64,
    /// The same per second, lately.
    pub rows_per_second: u64,
    /// What failed last.
    pub last_error: Option<String>,
}

impl Progress {
    pub(crate) fn of(dump: &Handle) -> Self {
        let status = dump.status();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate for display; the conversion saturates"
        )]
        let rows_per_second = status.rows_per_second as u64;
        Self {
            target: dump.target().to_string(),
            state: status.state.name().to_owned(),
            height: status.height,
            lag_blocks: status.lag_blocks,
            rows: status.rows,
            rows_per_second,
            last_error: status.last_error.map(|error| error.to_string()),
        }
    }

    pub(crate) fn report(&self) -> Report {
        let json = json!({
            "target": self.target,
            "state": self.state,
            "height": self.height,
            "lag_blocks": self.lag_blocks,
            "rows": self.rows,
            "rows_per_second": self.rows_per_second,
            "last_error": self.last_error,
        });
        let mut text = format!(
            "{GOOD}{}{GOOD:#}  block {}, {} behind, {} rows, {} rows/s  {}",
            self.state,
            self.height.unwrap_or(0),
            self.lag_blocks.unwrap_or(0),
            self.rows,
            self.rows_per_second,
            self.target
        );
        if let Some(error) = &self.last_error {
            text = format!("{text}\n{BAD}{error}{BAD:#}");
        }
        Report::new(json, text)
    }
}

/// Has the running worker dump; where none is running, dumps until it is stopped.
pub(super) async fn start(
    global: &Global,
    output: Output,
    database: &Database,
) -> Result<Option<Report>, Failure> {
    // Before anything else is touched.
    let target = target(database)?;
    let place = Place::remembered(global)?;
    if let Some(mut client) = Client::connect(&place.folder.socket()).await? {
        let begun = client.start_dump(target.complete_url()).await?;
        return Ok(Some(begun.report()));
    }
    run::serve(global, output, Purpose::Dump(Box::new(target))).await?;
    Ok(None)
}

/// Stops the dump of the running worker. When this returns, nothing more is written.
pub(super) async fn stop(global: &Global) -> Result<Report, Failure> {
    Ok(dumping(global).await?.stop_dump().await?.report())
}

/// How far the dump of the running worker is.
pub(super) async fn status(global: &Global) -> Result<Report, Failure> {
    Ok(dumping(global).await?.dump_status().await?.report())
}

/// The worker that runs in the data folder, which may dump.
async fn dumping(global: &Global) -> Result<Client, Failure> {
    let place = Place::remembered(global)?;
    let running = Client::connect(&place.folder.socket()).await?;
    running.ok_or_else(not_dumping)
}

pub(crate) fn not_dumping() -> Failure {
    Failure::new(
        Class::NotRunning,
        "no dump is running in this data folder: start one with `dump_data --db-url URL`",
    )
}

/// Begins to dump a node's replica.
pub(crate) async fn begin(node: &OwnNode, target: Target) -> Result<Handle, Failure> {
    let Some(source) = node.dump_source().await? else {
        return Err(Failure::new(
            Class::Unreachable,
            "no network is known yet: wait until the relay is reached",
        ));
    };
    Ok(Dumper::start(target, source).await?)
}

/// The database that the command line, the environment or a file names.
pub(super) fn target(database: &Database) -> Result<Target, Failure> {
    if let Some(path) = &database.db_url_file {
        let text = fs::read_to_string(path).map_err(FolderError::io(path))?;
        return parse(&text);
    }
    match &database.db_url {
        Some(url) => parse(url.text()),
        None => Err(Failure::new(
            Class::DatabaseUrl,
            "no database is named: give --db-url or --db-url-file, or set DATABASE_URL",
        )),
    }
}

pub(super) fn parse(url: &str) -> Result<Target, Failure> {
    Ok(Target::parse(url).map_err(DumpError::from)?)
}
