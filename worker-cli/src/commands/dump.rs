//! `dump_data`, `stop_dump_data` and `dump_status`: the chain as PostgreSQL tables, for as long as
//! is wanted.

use std::fs;

use borsh::{BorshDeserialize, BorshSerialize};
use dump::{Dumper, Handle, Target};
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
    let url = url(database)?;
    // Before anything else is touched.
    Target::parse(&url).map_err(dump::DumpError::from)?;
    let place = Place::remembered(global)?;
    if let Some(mut client) = Client::connect(&place.folder.socket()).await? {
        return Ok(Some(client.start_dump(url).await?.report()));
    }
    run::serve(global, output, Purpose::Dump(url)).await?;
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
pub(crate) async fn begin(node: &OwnNode, url: &str) -> Result<Handle, Failure> {
    let target = Target::parse(url).map_err(dump::DumpError::from)?;
    let Some(source) = node.dump_source().await? else {
        return Err(Failure::new(
            Class::Unreachable,
            "no network is known yet: wait until the relay is reached",
        ));
    };
    Ok(Dumper::start(target, source).await?)
}

/// The URL of the command line, of the environment, or of a file.
pub(super) fn url(database: &Database) -> Result<String, Failure> {
    if let Some(path) = &database.db_url_file {
        let text = fs::read_to_string(path).map_err(FolderError::io(path))?;
        return Ok(text.trim().to_owned());
    }
    let typed = database.db_url.as_ref();
    typed.map(|url| url.text().to_owned()).ok_or_else(|| {
        Failure::new(
            Class::DatabaseUrl,
            "no database is named: give --db-url or --db-url-file, or set DATABASE_URL",
        )
    })
}
