//! What a request reads: much of it counts as many requests, and where it takes memory, a few reads
//! go on at a time.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::problem::{Kind, Problem};
use crate::addresses::Client;
use crate::context::Context;
use crate::limits::ANSWER_TIMEOUT;

/// What a request reads, on the account of the address from which it comes.
pub(crate) struct Reads {
    context: Context,
    client: Client,
}

/// One of the [`HEAVY_READS_MAX`](crate::limits::HEAVY_READS_MAX) that may go on, until it is
/// dropped.
pub(crate) struct HeavyRead {
    _permit: OwnedSemaphorePermit,
}

impl FromRequestParts<Context> for Reads {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        let client = parts.extensions.get::<Client>().copied();
        let client =
            client.ok_or_else(|| Problem::new(Kind::Unavailable, "the request has no address"));
        Ok(Self {
            context: context.clone(),
            client: client?,
        })
    }
}

impl Reads {
    /// Counts rows that are to be read.
    pub(crate) fn count(&self, rows: impl TryInto<u32>) -> Result<(), Problem> {
        let rows = rows.try_into().unwrap_or(u32::MAX);
        Ok(self.context.addresses().ask_rows(self.client, rows)?)
    }

    /// Counts blocks that are to be read with what is in them, and waits until they may be.
    pub(crate) async fn blocks(&self, count: impl TryInto<u32>) -> Result<HeavyRead, Problem> {
        self.count(count)?;
        let place = timeout(ANSWER_TIMEOUT, self.context.heavy_reads().acquire_owned()).await;
        match place {
            Ok(Ok(permit)) => Ok(HeavyRead { _permit: permit }),
            Ok(Err(_)) | Err(_) => Err(Problem::new(
                Kind::Overloaded,
                "as many others read blocks as may at a time: come back in a moment",
            )),
        }
    }
}
