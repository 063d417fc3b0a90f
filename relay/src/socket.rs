//! WebSockets: one task each, which moves frames between the browser and the network's core.

mod origin;

use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use shared::limits::FRAME_BYTES_MAX;
use shared::message::ErrorCode;
use shared::rejection::RejectionKind;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tracing::error;

use crate::addresses::{Client, Place};
use crate::context::Context;
use crate::json::{frame_of_text, text_of_frame};
use crate::limits::{
    CLOSE_TIMEOUT, JSON_FRAME_BYTES_MAX, SOCKET_READ_BUFFER_BYTES, SOCKET_WRITE_BUFFER_BYTES,
    SOCKET_WRITE_BUFFER_BYTES_MAX, SOCKETS_MAX, WRITE_TIMEOUT,
};
use crate::metrics;
use crate::network::{Line, NetworkHandle};
use crate::outbox::{Closing, Frame, OutboxReader, outbox};
use crate::rest::problem::{Kind, Problem};
use crate::rest::query::Network;
use crate::wire::Wire;

/// The subprotocol of binary frames.
pub const SUBPROTOCOL: &str = "tabchain.v1";
/// The subprotocol of the same messages in JSON.
pub const JSON_SUBPROTOCOL: &str = "tabchain.v1.json";
/// Bytes of a close frame's reason (RFC 6455, section 5.5, less the code).
const REASON_BYTES_MAX: usize = 123;

/// `GET /api/v1/socket`: upgrades to a WebSocket.
pub(crate) async fn upgrade(
    State(context): State<Context>,
    Network(network): Network,
    Extension(client): Extension<Client>,
    wire: Option<Extension<Wire>>,
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
    let upgrade = upgrade.protocols([SUBPROTOCOL, JSON_SUBPROTOCOL]);
    let form = match upgrade.selected_protocol() {
        Some(selected) if selected == JSON_SUBPROTOCOL => Form::Json,
        None if upgrade.requested_protocols().next().is_some() => {
            return Err(Problem::new(
                Kind::OtherSubprotocol,
                format!(
                    "this relay speaks the subprotocols {SUBPROTOCOL} and {JSON_SUBPROTOCOL}: offer one, or where that is of another version, update the older side"
                ),
            ));
        }
        _ => Form::Binary,
    };
    // What is to be put into JSON takes its time.
    let wire = match form {
        Form::Binary => wire.map(|Extension(wire)| wire),
        Form::Json => None,
    };
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
        .max_message_size(form.frame_bytes_max())
        .max_frame_size(form.frame_bytes_max())
        .on_upgrade(move |socket| serve(socket, form, wire, network, (permit, share))))
}

/// How a socket writes messages.
#[derive(Clone, Copy, Debug)]
enum Form {
    Binary,
    Json,
}

impl Form {
    fn frame_bytes_max(self) -> usize {
        match self {
            Self::Binary => FRAME_BYTES_MAX,
            Self::Json => JSON_FRAME_BYTES_MAX,
        }
    }

    /// What is sent for a frame of the core's.
    fn message(self, frame: &Frame) -> Result<Message, axum::Error> {
        match self {
            Self::Binary => Ok(Message::Binary(frame.message())),
            Self::Json => match text_of_frame(&frame.message()) {
                Ok(text) => Ok(Message::text(text)),
                Err(defect) => {
                    error!("a message of the relay's own cannot be written: {defect}");
                    Err(axum::Error::new(defect))
                }
            },
        }
    }
}

/// Serves one socket until either side closes it.
async fn serve(
    socket: WebSocket,
    form: Form,
    wire: Option<Wire>,
    network: NetworkHandle,
    places: (OwnedSemaphorePermit, Place),
) {
    if let Some(wire) = &wire {
        wire.begin_frames();
    }
    let (outbox, mut reader) = outbox(wire.clone());
    let Ok(mut line) = network.open(outbox).await else {
        return;
    };
    let (mut sink, mut stream) = socket.split();
    let (closing, is_refused) = tokio::select! {
        refusal = receive(&mut stream, form, &mut line) => (refusal, true),
        closing = async {
            match &wire {
                Some(wire) => catch_up(wire, &mut reader, WRITE_TIMEOUT).await,
                None => send(&mut sink, form, &mut reader).await,
            }
        } => (closing, false),
    };
    // The core need not wait for a browser that takes its time to close.
    line.close().await;
    if let Some(closing) = closing {
        let name = network.parameters().name.as_str();
        metrics::closed(name, closing.code);
        // What the core refuses it counts itself.
        if is_refused && closing.code == ErrorCode::Malformed {
            metrics::rejected(name, RejectionKind::Frame.name());
        }
        // One that does not answer in time is cut off.
        let _ = timeout(CLOSE_TIMEOUT, close(sink, stream, closing)).await;
    }
    drop(places);
}

/// Passes frames to the core. Returns why the socket is to be closed; nothing if it is closed.
async fn receive(
    stream: &mut SplitStream<WebSocket>,
    form: Form,
    line: &mut Line,
) -> Option<Closing> {
    while let Some(message) = stream.next().await {
        let frame = match (message, form) {
            (Ok(Message::Binary(frame)), Form::Binary) => frame,
            (Ok(Message::Text(text)), Form::Json) => match frame_of_text(&text) {
                Ok(frame) => frame.into(),
                Err(error) => return Some(malformed(&error.to_string())),
            },
            // Answered by the WebSocket layer, pings and closes alike, while it is read on.
            (Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_)), _) => continue,
            (Ok(Message::Text(_)), Form::Binary) => {
                return Some(malformed("this subprotocol has binary frames only"));
            }
            (Ok(Message::Binary(_)), Form::Json) => {
                return Some(malformed("this subprotocol has text frames only"));
            }
            (Err(error), _) => return Some(malformed(&error.to_string())),
        };
        if line.frame(frame).await.is_err() {
            return Some(Closing::shutting_down());
        }
    }
    None
}

/// Writes what the network's task could not. Returns why the socket is to be closed; nothing if it
/// is closed. One that takes nothing for too long may have been told its end already, behind what
/// it does not take.
async fn catch_up(
    wire: &Wire,
    outbox: &mut OutboxReader,
    write_timeout: Duration,
) -> Option<Closing> {
    loop {
        if let Err(closing) = outbox.behind().await {
            return Some(closing);
        }
        tokio::select! {
            biased;
            writable = timeout(write_timeout, wire.writable()) => match writable {
                Ok(writable) => writable.ok()?,
                Err(_) => return Some(Closing::too_slow()),
            },
            closing = outbox.cut() => return Some(closing),
        }
        metrics::delivered_after(outbox.catch_up());
    }
}

/// Sends what the core queues. Returns why the socket is to be closed; nothing if it is closed.
async fn send(
    sink: &mut SplitSink<WebSocket, Message>,
    form: Form,
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
                sink.feed(form.message(&frame)?).await?;
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::wire::tests::connection;

    #[tokio::test]
    async fn a_socket_that_takes_nothing_is_given_up_also_where_its_end_waits_behind() {
        let (_stream, wire, _client) = connection().await;
        wire.begin_frames();
        let (outbox, mut reader) = outbox(Some(wire.clone()));
        let frame = Frame::new(&vec![0; FRAME_BYTES_MAX]);
        while outbox.queued() == (0, 0) {
            outbox.send(&frame, Instant::now()).unwrap();
        }
        outbox.close(Closing::shutting_down());
        let end = catch_up(&wire, &mut reader, Duration::from_millis(20)).await;
        assert_eq!(end, Some(Closing::too_slow()));
    }
}
