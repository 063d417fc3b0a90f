//! How others in the room get here: what the page makes its link and QR code of.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::context::Context;

#[derive(Serialize, ToSchema)]
#[schema(as = Share)]
pub(crate) struct ShareJson {
    scheme: &'static str,
    port: u16,
    /// Where it listens.
    #[schema(value_type = String)]
    bind: IpAddr,
    /// Addresses under which other machines of the local network reach this one.
    #[schema(value_type = Vec<String>)]
    lan: Vec<IpAddr>,
    /// What the operator can do where there are none.
    advice: Option<&'static str>,
}

/// `GET /api/v1/share`: the relay's addresses on the local network.
#[utoipa::path(
    get,
    path = "/share",
    tag = "relay",
    operation_id = "share",
    responses(
        (status = 200, description = "Addresses of the relay on the local network", body = ShareJson),
    )
)]
pub(crate) async fn links(State(context): State<Context>) -> Json<ShareJson> {
    let listening = context.listening();
    let lan = listening.lan_addresses();
    let advice = if listening.address.ip().is_loopback() {
        Some(
            "this relay listens to its own machine only: start it with --bind 0.0.0.0 to let others on the local network in",
        )
    } else if lan.is_empty() {
        Some("this machine has no address on a local network: connect it to one")
    } else {
        None
    };
    Json(ShareJson {
        scheme: listening.scheme(),
        port: listening.address.port(),
        bind: listening.address.ip(),
        lan,
        advice,
    })
}
