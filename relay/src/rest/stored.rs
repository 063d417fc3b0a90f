//! Rows of a network's store, for resources that are not answered from memory.

use std::collections::HashMap;

use shared::block::Body;
use shared::encoding::decode;
use shared::relay::Relay;
use shared::replica::query_rows;
use shared::store::{Query, Row, Table, key_number};

use super::problem::{Kind, Problem};
use crate::network::{NetworkHandle, Unanswered};

/// Rows, all of them durable.
pub(super) async fn rows(network: &NetworkHandle, query: Query) -> Result<Vec<Row>, Problem> {
    network.read(query).await?.map_err(|reason| {
        let detail = format!("the store could not be read: {reason}");
        Problem::new(Kind::Unavailable, detail)
    })
}

/// The bodies at these heights, those that there are.
pub(super) async fn bodies(
    network: &NetworkHandle,
    heights: impl IntoIterator<Item = u64>,
) -> Result<HashMap<u64, Body>, Problem> {
    let rows = rows(network, query_rows(Table::Bodies, heights)).await?;
    rows.iter()
        .filter_map(|row| Some((key_number(&row.key)?, row)))
        .map(|(height, row)| Ok((height, decode("body", &row.value).map_err(damaged)?)))
        .collect()
}

/// When the blocks at these heights were made, in milliseconds since 1970 UTC.
pub(super) async fn timestamps_ms(
    network: &NetworkHandle,
    heights: Vec<u64>,
) -> Result<HashMap<u64, u64>, Unanswered> {
    let look = move |core: &Relay| {
        let chain = core.replica().chain();
        let headers = heights.iter().filter_map(|height| chain.header(*height));
        let times = headers.map(|sealed| (sealed.header.height, sealed.header.timestamp_ms));
        times.collect()
    };
    network.look(look).await
}

/// A stored row is not what was stored.
pub(super) fn damaged(error: impl core::fmt::Display) -> Problem {
    let detail =
        format!("what is stored is damaged ({error}): the operator should run relay verify");
    Problem::new(Kind::Unavailable, detail)
}
