//! REST under `/api/v1`, and the WebSocket beside it.

mod blocks;
mod encoding;
mod keys;
mod mempool;
mod network;
pub(crate) mod problem;
pub(crate) mod query;
mod share;
mod transactions;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::routing::{any, get, post};
use problem::{Kind, Problem};

use crate::context::Context;
use crate::limits::REQUEST_BODY_BYTES_MAX;
use crate::socket;

/// `/api` and everything below it.
pub(crate) fn router() -> Router<Context> {
    let v1 = Router::new()
        .route("/health", get(network::health))
        .route("/ready", get(network::ready))
        .route("/network", get(network::parameters))
        .route("/members", get(network::members))
        .route("/leader", get(network::leader))
        .route("/blocks", get(blocks::list))
        .route("/blocks/{height}", get(blocks::one))
        .route("/transactions", post(transactions::submit))
        .route("/keys/{*key}", get(keys::lookup))
        .route("/mempool", get(mempool::list))
        .route("/share", get(share::links))
        .route("/socket", any(socket::upgrade));
    let api = Router::new()
        .nest("/v1", v1)
        .fallback(no_such_resource)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX));
    Router::new()
        .nest("/api", api)
        // Which `nest` leaves to the page.
        .route("/api/", any(no_such_resource))
}

async fn no_such_resource(request: Request) -> Problem {
    Problem::new(
        Kind::NotFound,
        format!("there is no {}", request.uri().path()),
    )
}

async fn no_such_method(request: Request) -> Problem {
    Problem::new(
        Kind::MethodNotAllowed,
        format!(
            "{} is not allowed here: see the Allow header for what is",
            request.method()
        ),
    )
}
