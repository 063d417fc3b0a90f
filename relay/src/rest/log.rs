//! The decision log: what members have decided and the relay has signed.

use axum::Json;
use serde::{Deserialize, Serialize};
use shared::encoding::{decode, encode};
use shared::finality::{LogEntry, LogEvent, Roster};
use shared::store::{Query, Table, number_key};
use utoipa::{IntoParams, ToSchema};

use super::caching::{Known, Version, Versioned};
use super::heavy::Reads;
use super::problem::{PROBLEM_JSON, Problem};
use super::query::{Network, NetworkPath, Parameters};
use super::stored::{damaged, rows};
use crate::limits::LOG_ENTRIES_PER_PAGE_MAX;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// Index of the first entry wanted.
    #[serde(default)]
    from: u64,
    /// How many at most.
    count: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Log)]
pub(crate) struct LogJson {
    /// Lowest index first.
    entries: Vec<LogEntryJson>,
    /// The `from` of the next page, where there is one.
    next: Option<u64>,
    /// Entries of the whole log.
    length: u64,
    /// The log's fingerprint, for comparison with what others were shown.
    head: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LogEntry)]
struct LogEntryJson {
    index: u64,
    hash: String,
    previous: String,
    timestamp_ms: u64,
    event: LogEventJson,
    /// Record and signature, encoded: what a verifier hashes.
    encoded: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LogEvent)]
#[serde(rename_all = "snake_case")]
enum LogEventJson {
    /// A block, and all before it, is final.
    Decided {
        instance: u64,
        height: u64,
        block: String,
        history_root: String,
        forced_changes: u64,
        next_roster: Vec<String>,
        round: u64,
        /// How many members signed.
        signatures: usize,
    },
    /// The relay has replaced the roster.
    Forced {
        instance: u64,
        old_roster: String,
        new_roster: Vec<String>,
        base_height: u64,
        base: String,
    },
}

/// `GET …/log?from=&count=`: signed entries of the decision log.
#[utoipa::path(
    get,
    path = "/log",
    tag = "proofs",
    operation_id = "log",
    params(NetworkPath, Page),
    responses(
        (status = 200, description = "Entries upwards from an index, each with its encoding and the relay's signature in it", body = LogJson),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn list(
    Network(network): Network,
    Parameters(page): Parameters<Page>,
    reads: Reads,
    known: Known,
) -> Result<Versioned<Json<LogJson>>, Problem> {
    let (length, head) = network
        .look(|core| (core.log().length(), core.log().head()))
        .await?;
    let version = Version::of(head);
    if known.has(&version) {
        return Ok(Versioned::Unchanged(version));
    }
    let count = page.count.unwrap_or(LOG_ENTRIES_PER_PAGE_MAX);
    let count = count.clamp(1, LOG_ENTRIES_PER_PAGE_MAX);
    reads.count(length.saturating_sub(page.from).min(u64::from(count)))?;
    let query = Query::Range {
        table: Table::Log,
        from: number_key(page.from),
        to: number_key(length),
        rows_max: count,
        newest_first: false,
    };
    let entries: Vec<_> = rows(&network, query)
        .await?
        .iter()
        .map(|row| decode("log entry", &row.value).map_err(damaged))
        .collect::<Result<_, _>>()?;
    let next = entries
        .last()
        .map(|entry: &LogEntry| entry.record.index + 1);
    let page = LogJson {
        entries: entries.iter().map(LogEntryJson::from).collect(),
        next: next.filter(|next| *next < length),
        length,
        head: head.to_string(),
    };
    Ok(Versioned::Of(version, Json(page)))
}

impl From<&LogEntry> for LogEntryJson {
    fn from(entry: &LogEntry) -> Self {
        let record = &entry.record;
        Self {
            index: record.index,
            hash: record.hash().to_string(),
            previous: record.previous.to_string(),
            timestamp_ms: record.timestamp_ms,
            event: LogEventJson::from(&record.event),
            encoded: hex::encode(encode(entry)),
        }
    }
}

impl From<&LogEvent> for LogEventJson {
    fn from(event: &LogEvent) -> Self {
        match event {
            LogEvent::Decided {
                decision,
                certificate,
            } => Self::Decided {
                instance: decision.instance,
                height: decision.height,
                block: decision.block.to_string(),
                history_root: decision.history_root.to_string(),
                forced_changes: decision.forced_changes,
                next_roster: members(&decision.next_roster),
                round: certificate.round,
                signatures: certificate.signatures.len(),
            },
            LogEvent::Forced {
                instance,
                old_roster,
                new_roster,
                base_height,
                base,
            } => Self::Forced {
                instance: *instance,
                old_roster: old_roster.to_string(),
                new_roster: members(new_roster),
                base_height: *base_height,
                base: base.to_string(),
            },
        }
    }
}

fn members(roster: &Roster) -> Vec<String> {
    roster.members.iter().map(ToString::to_string).collect()
}
