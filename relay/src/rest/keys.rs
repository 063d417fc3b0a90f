//! Keys of the ledger.

use axum::Json;
use serde::{Deserialize, Serialize};
use shared::chain::history_key;
use shared::state::{KeyEntry, key_path};
use shared::store::{Place, Query, Row, Table};
use shared::transaction::{Action, Key};
use utoipa::{IntoParams, ToSchema};

use super::caching::{Known, Versioned};
use super::encoding::OutcomeJson;
use super::heavy::Reads;
use super::problem::{Kind, PROBLEM_JSON, Problem};
use super::query::{At, Network, NetworkPath, Parameters, Segment, parsed};
use super::stored::{bodies, damaged, rows, timestamps_ms};
use crate::limits::WRITES_PER_PAGE_MAX;
use crate::network::NetworkHandle;

#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyJson {
    key: String,
    /// What it is now; nothing where no write of it took effect.
    current: Option<EntryJson>,
    /// Writes of it, newest first.
    history: Vec<WriteJson>,
    /// The `before` of the next page, where there is one.
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Entry)]
pub(super) struct EntryJson {
    value: String,
    written_by: String,
    writer: String,
    height: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Write)]
struct WriteJson {
    height: u64,
    /// The position among the block's transactions, from 0.
    index: u32,
    timestamp_ms: u64,
    id: String,
    writer: String,
    value: String,
    outcome: OutcomeJson,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct KeyPath {
    pub(super) key: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// Only writes before this place, written HEIGHT.INDEX.
    before: Option<String>,
    /// How many writes at most.
    count: Option<u32>,
}

/// `GET /api/v1/keys/{key}`: a key's value and history. The key may have slashes.
#[utoipa::path(
    get,
    path = "/keys/{*key}",
    tag = "keys",
    operation_id = "key",
    params(NetworkPath, KeyPath, Page),
    responses(
        (status = 200, description = "The value of the key, and its history", body = KeyJson),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
        (status = 404, description = "`no-such-key`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn lookup(
    Network(network): Network,
    Segment(KeyPath { key: text }): Segment<KeyPath>,
    Parameters(page): Parameters<Page>,
    reads: Reads,
    known: Known,
) -> Result<Versioned<Json<KeyJson>>, Problem> {
    let key = ledger_key(&text)?;
    let before = page.before.map(|before| parsed("before", &before));
    let At(before) = before.unwrap_or(Ok(At::END))?;
    let count = page.count.unwrap_or(WRITES_PER_PAGE_MAX);
    let count = count.clamp(1, WRITES_PER_PAGE_MAX);
    let answer = async {
        let answer = look_up(&network, &reads, text, key, before, count);
        answer.await.map(Json)
    };
    Versioned::by_chain(&network, &known, answer).await
}

async fn look_up(
    network: &NetworkHandle,
    reads: &Reads,
    text: String,
    key: Key,
    before: Place,
    count: u32,
) -> Result<KeyJson, Problem> {
    let places = places(network, &key, before, count).await?;
    let next = (places.len() == usize::try_from(count).unwrap_or(usize::MAX))
        .then(|| {
            places
                .last()
                .map(|at| format!("{}.{}", at.height, at.index))
        })
        .flatten();
    let history = writes(network, reads, &places).await?;
    let current = network
        .look(move |core| {
            let entry = core.replica().chain().state().key(&key);
            entry.map(EntryJson::from)
        })
        .await?;
    if current.is_none() && history.is_empty() {
        let detail = format!("no transaction of the chain writes the key {text:?} there");
        return Err(Problem::new(Kind::NoSuchKey, detail));
    }
    Ok(KeyJson {
        key: text,
        current,
        history,
        next,
    })
}

/// A key as the path names it.
pub(super) fn ledger_key(text: &str) -> Result<Key, Problem> {
    Key::new(text).map_err(|error| Problem::new(Kind::BadParameter, error.to_string()))
}

/// Where a key was written before a place, newest first.
async fn places(
    network: &NetworkHandle,
    key: &Key,
    before: Place,
    count: u32,
) -> Result<Vec<Place>, Problem> {
    let path = key_path(key);
    let query = Query::Range {
        table: Table::KeyHistory,
        from: path.0.to_vec(),
        to: history_key(&path, before),
        rows_max: count,
        newest_first: true,
    };
    let rows = rows(network, query).await?;
    Ok(rows.iter().filter_map(place).collect())
}

fn place(row: &Row) -> Option<Place> {
    let (height, index) = row.key.get(32..)?.split_first_chunk()?;
    Some(Place {
        height: u64::from_be_bytes(*height),
        index: u32::from_be_bytes(index.try_into().ok()?),
    })
}

/// What was written there.
async fn writes(
    network: &NetworkHandle,
    reads: &Reads,
    places: &[Place],
) -> Result<Vec<WriteJson>, Problem> {
    let mut heights: Vec<_> = places.iter().map(|place| place.height).collect();
    heights.dedup();
    let _read = reads.blocks(heights.len()).await?;
    let bodies = bodies(network, heights.iter().copied()).await?;
    let timestamps = timestamps_ms(network, heights).await?;
    let write = |place: &Place| {
        let body = bodies.get(&place.height)?;
        let index = usize::try_from(place.index).ok()?;
        let signed = body.transactions.get(index)?;
        let Action::Put { value, .. } = &signed.transaction.action else {
            return None;
        };
        Some(WriteJson {
            height: place.height,
            index: place.index,
            timestamp_ms: *timestamps.get(&place.height)?,
            id: signed.transaction.id().to_string(),
            writer: signed.transaction.sender.to_string(),
            value: value.to_string(),
            outcome: OutcomeJson::from(*body.outcomes.get(index)?),
        })
    };
    places
        .iter()
        .map(|place| write(place).ok_or_else(|| damaged("a write is not where its index says")))
        .collect()
}

impl From<&KeyEntry> for EntryJson {
    fn from(entry: &KeyEntry) -> Self {
        Self {
            value: entry.value.to_string(),
            written_by: entry.written_by.to_string(),
            writer: entry.writer.to_string(),
            height: entry.height,
        }
    }
}
