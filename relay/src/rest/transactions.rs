//! Transactions that programs submit, signed by themselves; and what became of them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use shared::encoding::decode;
use shared::hash::TransactionId;
use shared::message::Admission;
use shared::node::interface::{Answer, Command};
use shared::store::{Place, Query, Table};
use shared::transaction::SignedTransaction;
use utoipa::{IntoParams, ToSchema};

use super::blocks::unexpected;
use super::encoding::{OutcomeJson, TransactionJson};
use super::problem::{Kind, PROBLEM_JSON, Problem};
use super::query::{Network, NetworkPath, Segment, parsed};
use super::stored::{damaged, rows};
use crate::network::NetworkHandle;

const BORSH: &str = "application/octet-stream";
const JSON: &str = "application/json";

#[derive(Serialize, ToSchema)]
#[schema(as = Admitted)]
pub(crate) struct AdmittedJson {
    id: String,
    /// `pending`: durably stored. `mined`: already in a block.
    status: &'static str,
}

/// `POST /api/v1/transactions`: a signed transaction as borsh or JSON. Answered 202 once it is
/// durably stored.
#[utoipa::path(
    post,
    path = "/transactions",
    tag = "transactions",
    params(NetworkPath),
    request_body(content((TransactionJson = "application/json"), (Vec<u8> = "application/octet-stream")), description = "A transaction that its sender has signed. `expect` makes a `put` conditional: it takes effect only if the key is absent, or was last written by the named transaction"),
    responses(
        (status = 202, description = "It is durably stored and will be included", body = AdmittedJson),
        (status = 200, description = "It is in a block already", body = AdmittedJson),
        (status = 400, description = "`bad-transaction`", body = Problem, content_type = PROBLEM_JSON),
        (status = 413, description = "`body-too-large`", body = Problem, content_type = PROBLEM_JSON),
        (status = 415, description = "`unsupported-media-type`", body = Problem, content_type = PROBLEM_JSON),
        (status = 422, description = "`refused-transaction`: valid bytes that the network does not take, such as a used sequence", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn submit(
    Network(network): Network,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<AdmittedJson>), Problem> {
    let signed = parse(&headers, &body?)?;
    let id = signed.transaction.id().to_string();
    match network.submit(signed).await? {
        Admission::Pending => {
            let status = "pending";
            Ok((StatusCode::ACCEPTED, Json(AdmittedJson { id, status })))
        }
        Admission::Mined => {
            let status = "mined";
            Ok((StatusCode::OK, Json(AdmittedJson { id, status })))
        }
        Admission::Refused(reason) => {
            Err(Problem::new(Kind::RefusedTransaction, reason.to_string()))
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = FoundTransaction)]
pub(crate) struct FoundJson {
    id: String,
    status: StatusJson,
    #[serde(flatten)]
    transaction: TransactionJson,
    /// Where it stands, and what it did; nothing while it is pending.
    included: Option<PlaceJson>,
}

/// How far a transaction has come.
#[derive(Serialize, ToSchema)]
#[schema(as = TransactionStatus)]
#[serde(rename_all = "snake_case")]
enum StatusJson {
    /// Durably stored; it waits for a block.
    Pending,
    /// In a block of the best chain, which may still be left for a better one.
    Mined,
    /// In a block that a logged decision stands on.
    Final,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Place)]
struct PlaceJson {
    height: u64,
    block: String,
    /// The position among the block's transactions, from 0.
    index: u32,
    timestamp_ms: u64,
    outcome: OutcomeJson,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct TransactionPath {
    /// The transaction's id, 64 hexadecimal digits.
    pub(super) id: String,
}

/// `GET …/transactions/{id}`: a transaction, pending or in a block.
#[utoipa::path(
    get,
    path = "/transactions/{id}",
    tag = "transactions",
    operation_id = "transaction",
    params(NetworkPath, TransactionPath),
    responses(
        (status = 200, description = "The transaction, and what became of it", body = FoundJson),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
        (status = 404, description = "`no-such-transaction`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn one(
    Network(network): Network,
    Segment(TransactionPath { id }): Segment<TransactionPath>,
) -> Result<Json<FoundJson>, Problem> {
    let id: TransactionId = parsed("id", &id)?;
    let pending = network
        .look(move |core| {
            let mempool = core.replica().mempool();
            let pending = mempool.get(&mempool.hash_of(&id)?)?;
            Some(TransactionJson::from(pending.verified.signed()))
        })
        .await?;
    if let Some(transaction) = pending {
        return Ok(Json(FoundJson {
            id: id.to_string(),
            status: StatusJson::Pending,
            transaction,
            included: None,
        }));
    }
    let query = Query::Keys {
        table: Table::Transactions,
        keys: vec![id.0.to_vec()],
    };
    let rows = rows(&network, query).await?;
    let Some(row) = rows.first() else {
        let detail = format!("no transaction {id} is pending or in a block of the chain");
        return Err(Problem::new(Kind::NoSuchTransaction, detail));
    };
    let place: Place = decode("place", &row.value).map_err(damaged)?;
    included(&network, id, place).await.map(Json)
}

/// The transaction at a place of the chain.
async fn included(
    network: &NetworkHandle,
    id: TransactionId,
    place: Place,
) -> Result<FoundJson, Problem> {
    match network
        .ask(Command::Block {
            height: place.height,
        })
        .await?
    {
        Answer::Block(Some(block)) => {
            let index = usize::try_from(place.index).unwrap_or(usize::MAX);
            let found = block.transactions.get(index);
            let found = found.filter(|(found, _, _)| *found == id);
            let (_, signed, outcome) = found.ok_or_else(left)?;
            Ok(FoundJson {
                id: id.to_string(),
                status: if block.summary.is_final {
                    StatusJson::Final
                } else {
                    StatusJson::Mined
                },
                transaction: TransactionJson::from(signed),
                included: Some(PlaceJson {
                    height: place.height,
                    block: block.summary.hash.to_string(),
                    index: place.index,
                    timestamp_ms: block.summary.header.timestamp_ms,
                    outcome: OutcomeJson::from(*outcome),
                }),
            })
        }
        Answer::Block(None) => Err(left()),
        other => Err(unexpected(other)),
    }
}

fn left() -> Problem {
    let detail = "the chain has just left the transaction's block for a better one: ask again";
    Problem::new(Kind::Unavailable, detail)
}

fn parse(headers: &HeaderMap, body: &[u8]) -> Result<SignedTransaction, Problem> {
    let bad = |reason: String| Problem::new(Kind::BadTransaction, reason);
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (essence, _) = content_type.split_once(';').unwrap_or((content_type, ""));
    match essence.trim().to_ascii_lowercase().as_str() {
        BORSH => decode("signed transaction", body).map_err(|error| bad(error.to_string())),
        JSON => {
            let json: TransactionJson =
                serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
            SignedTransaction::try_from(json).map_err(|error| bad(error.to_string()))
        }
        other => Err(Problem::new(
            Kind::UnsupportedMediaType,
            format!("send a transaction as {JSON} or, in borsh, as {BORSH}; {other:?} came"),
        )),
    }
}
