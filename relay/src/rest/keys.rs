//! Keys of the ledger.

use axum::Json;
use serde::{Deserialize, Serialize};
use shared::node::interface::{Answer, Command, HistoryItem, Lookup};
use shared::transaction::Key;
use utoipa::{IntoParams, ToSchema};

use super::blocks::unexpected;
use super::encoding::OutcomeJson;
use super::problem::{Kind, PROBLEM_JSON, Problem};
use super::query::{Network, NetworkPath, Segment};

#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyJson {
    key: String,
    /// What it is now; nothing where no write of it took effect.
    current: Option<CurrentJson>,
    /// Writes of it, newest first.
    history: Vec<WriteJson>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Current)]
struct CurrentJson {
    value: String,
    written_by: String,
    writer: String,
    height: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Write)]
struct WriteJson {
    height: u64,
    timestamp_ms: u64,
    id: String,
    writer: String,
    value: String,
    outcome: OutcomeJson,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct KeyPath {
    key: String,
}

/// `GET /api/v1/keys/{key}`: a key's value and history. The key may have slashes.
#[utoipa::path(
    get,
    path = "/keys/{*key}",
    tag = "keys",
    operation_id = "key",
    params(NetworkPath, KeyPath),
    responses(
        (status = 200, description = "The value of the key, and its history", body = KeyJson),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
        (status = 404, description = "`no-such-key`, `no-such-network`", body = Problem, content_type = PROBLEM_JSON),
        (status = 503, description = "`unavailable`: the network did not answer in time", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn lookup(
    Network(network): Network,
    Segment(KeyPath { key: text }): Segment<KeyPath>,
) -> Result<Json<KeyJson>, Problem> {
    let key = Key::new(text.as_str())
        .map_err(|error| Problem::new(Kind::BadParameter, error.to_string()))?;
    match network.ask(Command::Lookup { key }).await? {
        Answer::Lookup(found) if found == Lookup::default() => Err(Problem::new(
            Kind::NoSuchKey,
            format!("no transaction of the chain writes the key {text:?}"),
        )),
        Answer::Lookup(found) => Ok(Json(KeyJson {
            key: text,
            current: found.entry.as_ref().map(|entry| CurrentJson {
                value: entry.value.to_string(),
                written_by: entry.written_by.to_string(),
                writer: entry.writer.to_string(),
                height: entry.height,
            }),
            history: found.history.iter().map(WriteJson::from).collect(),
        })),
        other => Err(unexpected(other)),
    }
}

impl From<&HistoryItem> for WriteJson {
    fn from(item: &HistoryItem) -> Self {
        Self {
            height: item.height,
            timestamp_ms: item.timestamp_ms,
            id: item.id.to_string(),
            writer: item.writer.to_string(),
            value: item.value.to_string(),
            outcome: OutcomeJson::from(item.outcome),
        }
    }
}
