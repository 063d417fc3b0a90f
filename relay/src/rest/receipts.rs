//! Receipts of transactions: files that anyone can verify offline.

use axum::http::HeaderName;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use shared::hash::TransactionId;
use shared::node::interface::{Answer, Command, CommandError};
use shared::receipt::NoReceipt;

use super::blocks::unexpected;
use super::heavy::Reads;
use super::problem::{Kind, PROBLEM_JSON, Problem};
use super::query::{Network, NetworkPath, Segment, parsed};
use super::transactions::TransactionPath;

/// A receipt's file with the headers that name it.
type ReceiptFile = ([(HeaderName, String); 2], Vec<u8>);

/// `GET …/transactions/{id}/receipt`: the file. It is not verified here: who trusts the relay
/// needs no receipt.
#[utoipa::path(
    get,
    path = "/transactions/{id}/receipt",
    tag = "proofs",
    operation_id = "receipt",
    params(NetworkPath, TransactionPath),
    responses(
        (status = 200, description = "The receipt as a file, to be verified offline: in the page, by `block-chain-worker verify`, or by the protocol's section 17", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
        (status = 404, description = "`no-such-transaction`", body = Problem, content_type = PROBLEM_JSON),
        (status = 409, description = "`not-final`: it is not mined yet, or its block is not decided", body = Problem, content_type = PROBLEM_JSON),
        (status = 422, description = "`no-receipt`: it would be too long", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn file(
    Network(network): Network,
    Segment(TransactionPath { id }): Segment<TransactionPath>,
    reads: Reads,
) -> Result<ReceiptFile, Problem> {
    let id: TransactionId = parsed("id", &id)?;
    let _read = reads.blocks(1u32).await?;
    match network.ask(Command::Receipt { id }).await? {
        Answer::Receipt(file) => {
            let name = format!("attachment; filename=\"{id}.tabreceipt\"");
            let octets = "application/octet-stream".to_owned();
            Ok(([(CONTENT_TYPE, octets), (CONTENT_DISPOSITION, name)], file))
        }
        Answer::Failed(CommandError::NoReceipt(reason)) => {
            let is_pending = network
                .look(move |core| core.replica().mempool().hash_of(&id).is_some())
                .await?;
            let kind = match reason {
                NoReceipt::NotMined(_) if !is_pending => Kind::NoSuchTransaction,
                NoReceipt::NotMined(_) | NoReceipt::NotFinal { .. } | NoReceipt::Fetching(_) => {
                    Kind::NotFinal
                }
                NoReceipt::TooLong => Kind::NoReceipt,
                NoReceipt::Damaged => Kind::Unavailable,
            };
            Err(Problem::new(kind, reason.to_string()))
        }
        other => Err(unexpected(other)),
    }
}
