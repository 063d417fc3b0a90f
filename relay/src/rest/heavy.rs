//! Reads that take much of the store, and of memory: a few go on at a time, the others wait.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::sync::OwnedSemaphorePermit;

use super::problem::{Kind, Problem};
use crate::context::Context;

/// One of the [`HEAVY_READS_MAX`](crate::limits::HEAVY_READS_MAX) that may go on, until it is
/// dropped.
pub(crate) struct HeavyRead {
    _permit: OwnedSemaphorePermit,
}

impl FromRequestParts<Context> for HeavyRead {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, context: &Context) -> Result<Self, Problem> {
        let permit = context.heavy_reads().acquire_owned().await;
        let permit =
            permit.map_err(|closed| Problem::new(Kind::Unavailable, closed.to_string()))?;
        Ok(Self { _permit: permit })
    }
}
