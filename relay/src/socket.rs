//! WebSockets: one task each, which moves frames between the browser and the network's core.

mod origin;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use shared::limits::FRAME_BYTES_MAX;
use shared::message::ErrorCode;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::addresses::{Client, SocketShare};
use crate::context::Context;
use crate::limits::{
    CLOSE_TIMEOUT, SOCKET_READ_BUFFER_BYTES, SOCKET_WRITE_BUFFER_BYTES,
    SOCKET_WRITE_BUFFER_BYTES_MAX, SOCKETS_MAX,
};
use crate::metrics;
use crate::network::NetworkHandle;
use crate::outbox::{Closing, OutboxReader, outbox};
use crate::rest::problem::{Kind, Problem};
use crate::rest::query::Network;

/// The subprotocol of binary frames.
pub const SUBPROTOCOL: &str = "tabchain.v1";
/// Bytes of a close frame's reason (RFC 6455, section 5.5, less the code).
const REASON_BYTES_MAX: usize = 123;

/// `GET /api/v1/socket`: upgrades to a WebSocket.
pub(crate) async fn upgrade(
    State(context): State<Context>,
    Network(network): Network,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    origin::check(&headers, context.allowed_origins())?;
    let upgrade = upgrade.map_err(|rejection| {
        Problem::with_status(
            Kind::NotAWebSocket,
            rejection.status(),
            rejection.body_text(),
        )
    })?;
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.requested_protocols().next().is_some() && upgrade.selected_protocol().is_none() {
        return Err(Problem::new(
            Kind::NotAWebSocket,
            format!("this relay speaks the subprotocol {SUBPROTOCOL}: offer it"),
        ));
    }
    let share = context.addresses().claim_socket(client).ok_or_else(|| {
        Problem::new(
            Kind::TooFast,
            "as many connections as one address may have come from yours already: close some",
        )
    })?;
    let permit = context.claim_socket().ok_or_else(|| {
        Problem::with_status(
            Kind::Overloaded,
            StatusCode::SERVICE_UNAVAILABLE,
            format!("this relay holds its {SOCKETS_MAX} connections already: try again later"),
        )
    })?;
    Ok(upgrade
        .read_buffer_size(SOCKET_READ_BUFFER_BYTES)
        .write_buffer_size(SOCKET_WRITE_BUFFER_BYTES)
        .max_write_buffer_size(SOCKET_WRITE_BUFFER_BYTES_MAX)
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .on_upgrade(move |socket| serve(socket, network, (permit, share))))
}

/// Serves one socket until either side closes it.
async fn serve(
    socket: WebSocket,
    network: NetworkHandle,
    places: (OwnedSemaphorePermit, SocketShare),
) {
    let (outbox, mut reader) = outbox();
    let Ok(connection) = network.open(outbox).await else {
        return;
    };
    let (mut sink, mut stream) = socket.split();
    let closing = tokio::select! {
        refusal = receive(&mut stream, &network, connection) => refusal,
        closing = send(&mut sink, &mut reader) => closing,
    };
    // The core need not wait for a browser that takes its time to close.
    network.closed(connection).await;
    if let Some(closing) = closing {
        // One that does not answer in time is cut off.
        let _ = timeout(CLOSE_TIMEOUT, close(sink, stream, closing)).await;
    }
    drop(places);
}

/// Passes frames to the core. Returns why the socket is to be closed; nothing if it is closed.
async fn receive(
    stream: &mut SplitStream<WebSocket>,
    network: &NetworkHandle,
    connection: u64,
) -> Option<Closing> {
    while let Some(message) = stream.next().await {
        match message {
            Ok(Message::Binary(frame)) => {
                if network.frame(connection, frame).await.is_err() {
                    return Some(Closing::shutting_down());
                }
            }
            // Answered by the WebSocket layer, pings and closes alike, while it is read on.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_)) => {}
            Ok(Message::Text(_)) => {
                return Some(malformed("this subprotocol has binary frames only"));
            }
            Err(error) => return Some(malformed(&error.to_string())),
        }
    }
    None
}

/// Sends what the core queues. Returns why the socket is to be closed; nothing if it is closed.
async fn send(
    sink: &mut SplitSink<WebSocket, Message>,
    outbox: &mut OutboxReader,
) -> Option<Closing> {
    let mut batch = Vec::new();
    loop {
        match outbox.next(&mut batch).await {
            Ok(waited) => metrics::delivered_after(waited),
            Err(closing) => return Some(closing),
        }
        // Whatever waits goes out together.
        let write = async {
            for frame in batch.drain(..) {
                sink.feed(Message::Binary(frame)).await?;
            }
            sink.flush().await
        };
        tokio::select! {
            biased;
            written = write => written.ok()?,
            closing = outbox.cut() => return Some(closing),
        }
    }
}

/// Sends a close frame behind what is under way, and waits for the answer.
async fn close(
    mut sink: SplitSink<WebSocket, Message>,
    mut stream: SplitStream<WebSocket>,
    closing: Closing,
) {
    let mut reason = closing.reason;
    reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
    let frame = CloseFrame {
        code: closing.code.close_code(),
        reason: Utf8Bytes::from(reason),
    };
    if sink.send(Message::Close(Some(frame))).await.is_ok() {
        while let Some(Ok(_)) = stream.next().await {}
    }
}

fn malformed(reason: &str) -> Closing {
    Closing {
        code: ErrorCode::Malformed,
        reason: reason.to_owned(),
    }
}
