//! REST under `/api/v1`, and the WebSocket beside it.

mod authority;
mod blocks;
mod dumps;
mod encoding;
mod invitations;
mod keys;
mod mempool;
mod network;
mod networks;
pub(crate) mod problem;
pub(crate) mod query;
mod share;
mod transactions;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::routing::{any, delete, get, post};
use problem::{Kind, Problem};

use crate::context::Context;
use crate::limits::REQUEST_BODY_BYTES_MAX;
use crate::socket;

/// `/api` and everything below it. What stands below a network stands below `/api/v1` too, and
/// means the default one there.
pub(crate) fn router() -> Router<Context> {
    let v1 = Router::new()
        .route("/networks", get(networks::list).post(networks::make))
        .route("/networks/{network}", get(network::parameters))
        .nest("/networks/{network}", of_network())
        .route("/network", get(network::parameters))
        .merge(of_network())
        .route("/share", get(share::links));
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

/// What each network has.
fn of_network() -> Router<Context> {
    Router::new()
        .route("/health", get(network::health))
        .route("/ready", get(network::ready))
        .route("/members", get(network::members))
        .route("/leader", get(network::leader))
        .route("/blocks", get(blocks::list))
        .route("/blocks/{height}", get(blocks::one))
        .route("/transactions", post(transactions::submit))
        .route("/keys/{*key}", get(keys::lookup))
        .route("/mempool", get(mempool::list))
        .route(
            "/invitations",
            get(invitations::list).post(invitations::issue),
        )
        .route("/invitations/{id}", delete(invitations::revoke))
        .route("/dumps", get(dumps::list))
        .route(
            "/dumps/{target}",
            get(dumps::one).post(dumps::start).delete(dumps::stop),
        )
        .route("/socket", any(socket::upgrade))
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
