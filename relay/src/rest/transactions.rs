//! Transactions that programs submit; they sign them themselves.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use shared::encoding::decode;
use shared::message::Admission;
use shared::transaction::SignedTransaction;
use utoipa::ToSchema;

use super::encoding::TransactionJson;
use super::problem::{Kind, PROBLEM_JSON, Problem};
use super::query::{Network, NetworkPath};

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
        (status = 404, description = "`no-such-network`", body = Problem, content_type = PROBLEM_JSON),
        (status = 413, description = "`body-too-large`", body = Problem, content_type = PROBLEM_JSON),
        (status = 415, description = "`unsupported-media-type`", body = Problem, content_type = PROBLEM_JSON),
        (status = 422, description = "`refused-transaction`: valid bytes that the network does not take, such as a used sequence", body = Problem, content_type = PROBLEM_JSON),
        (status = 503, description = "`unavailable`: the network did not answer in time", body = Problem, content_type = PROBLEM_JSON),
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
