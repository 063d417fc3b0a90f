//! REST under `/api/v1`, and the WebSocket beside it.

mod accounts;
mod authority;
mod blocks;
mod caching;
mod consistency;
mod document;
mod dumps;
mod encoding;
pub(crate) mod heavy;
mod integrity;
mod invitations;
mod keys;
mod log;
mod mempool;
mod network;
mod networks;
pub(crate) mod problem;
mod proofs;
pub(crate) mod query;
mod receipts;
mod sent;
mod share;
mod stored;
mod transactions;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use problem::{Kind, Problem};
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::Context;
use crate::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_TIMEOUT};
use crate::socket;

/// `/api` and everything below it. What stands below a network stands below `/api/v1` too, and
/// means the default one there.
pub(crate) fn router() -> Router<Context> {
    let (v1, document) = OpenApiRouter::with_openapi(document::outline())
        .routes(routes!(networks::list, networks::make))
        .routes(routes!(network::parameters, networks::remove))
        .nest("/networks/{network}", of_network())
        .routes(routes!(share::links))
        .split_for_parts();
    let of_default = Router::from(of_network()).route("/network", get(network::parameters));
    let api = Router::new()
        .nest("/v1", v1.merge(of_default))
        .fallback(no_such_resource)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn(caching::answer_changes_only))
        .layer(from_fn(in_time))
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX));
    Router::new()
        .nest("/api", api)
        .merge(document::router(document::with_common_answers(document)))
        // Which `nest` leaves to the page.
        .route("/api/", any(no_such_resource))
        // Where monitors look for them, beside `/metrics`.
        .route("/health", get(network::health))
        .route("/ready", get(network::ready))
}

/// What each network has.
fn of_network() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(network::health))
        .routes(routes!(network::ready))
        .routes(routes!(network::members))
        .routes(routes!(network::leader))
        .routes(routes!(blocks::list))
        .routes(routes!(blocks::one))
        .routes(routes!(integrity::check))
        .routes(routes!(transactions::submit))
        .routes(routes!(transactions::one))
        .routes(routes!(receipts::file))
        .routes(routes!(accounts::one))
        .routes(routes!(sent::list))
        .routes(routes!(keys::lookup))
        .routes(routes!(proofs::key))
        .routes(routes!(proofs::history))
        .routes(routes!(log::list))
        .routes(routes!(consistency::last, consistency::check))
        .routes(routes!(mempool::list))
        .routes(routes!(invitations::list, invitations::issue))
        .routes(routes!(invitations::revoke))
        .routes(routes!(dumps::list))
        .routes(routes!(dumps::one, dumps::start, dumps::stop))
        .route("/socket", any(socket::upgrade))
}

/// Ends requests that come in too slowly; a WebSocket's handshake is answered at once.
async fn in_time(request: Request, next: Next) -> Response {
    timeout(REQUEST_TIMEOUT, next.run(request))
        .await
        .unwrap_or_else(|_| {
            let seconds = REQUEST_TIMEOUT.as_secs();
            let detail = format!(
                "it did not come in, or was not answered, within {seconds} s: send it faster, or ask for less"
            );
            Problem::new(Kind::TooSlow, detail).into_response()
        })
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
