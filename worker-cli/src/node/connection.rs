//! The WebSocket to the relay: one task for each connection.

use std::sync::Arc;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use shared::limits::FRAME_BYTES_MAX;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, spawn};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::dial::{Problem, Stream, dial, no_relay, unreachable};
use crate::failure::{Class, Trouble};
use crate::limits::{
    CLOSE_TIMEOUT, CONNECT_TIMEOUT, INCOMING_FRAMES_MAX, OUTGOING_FRAMES_MAX,
    WRITE_BUFFER_BYTES_MAX,
};
use crate::relay_url::RelayUrl;

/// The subprotocol of binary frames.
const SUBPROTOCOL: HeaderValue = HeaderValue::from_static("tabchain.v1");

/// The relay and network that a node connects to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The relay.
    pub server: RelayUrl,
    /// Whose certificates are trusted there.
    pub tls: Arc<ClientConfig>,
    /// The network; the relay's default one where none is named.
    pub network: Option<String>,
}

/// What happens to connections, with the number of the one.
#[derive(Debug)]
pub(super) enum Happening {
    Opened,
    Frame(Vec<u8>),
    /// It could not be opened.
    Failed(Trouble),
    Closed,
}

pub(super) type Happenings = mpsc::Receiver<(u64, Happening)>;

type Socket = WebSocketStream<Box<dyn Stream>>;

/// Opens connections, one at a time.
#[derive(Debug)]
pub(super) struct Connections {
    endpoint: Arc<Endpoint>,
    happenings: mpsc::Sender<(u64, Happening)>,
    last_number: u64,
    /// Where frames of the open one are queued; none once it is to be closed.
    outgoing: Option<mpsc::Sender<Vec<u8>>>,
    task: Option<AbortHandle>,
}

impl Connections {
    pub(super) fn new(endpoint: Arc<Endpoint>) -> (Self, Happenings) {
        let (sender, happenings) = mpsc::channel(INCOMING_FRAMES_MAX);
        let connections = Self {
            endpoint,
            happenings: sender,
            last_number: 0,
            outgoing: None,
            task: None,
        };
        (connections, happenings)
    }

    /// Whether what was reported belongs to the present connection.
    pub(super) fn is_present(&self, number: u64) -> bool {
        number == self.last_number && self.task.is_some()
    }

    /// Opens a connection in place of the one before.
    pub(super) fn open(&mut self) {
        self.cut();
        self.last_number += 1;
        let (outgoing, queue) = mpsc::channel(OUTGOING_FRAMES_MAX);
        let task = spawn(serve(
            self.last_number,
            Arc::clone(&self.endpoint),
            queue,
            self.happenings.clone(),
        ));
        self.outgoing = Some(outgoing);
        self.task = Some(task.abort_handle());
    }

    /// Queues a frame. Returns whether there was room for it.
    #[must_use]
    pub(super) fn send(&self, frame: Vec<u8>) -> bool {
        let Some(outgoing) = &self.outgoing else {
            return true;
        };
        !matches!(
            outgoing.try_send(frame),
            Err(mpsc::error::TrySendError::Full(_))
        )
    }

    /// Closes the connection once what is queued is sent. Returns whether there was one; its end
    /// is reported.
    #[must_use]
    pub(super) fn close(&mut self) -> bool {
        self.outgoing = None;
        self.task.is_some()
    }

    /// Ends the connection on the spot; nothing more is reported of it.
    pub(super) fn cut(&mut self) {
        self.outgoing = None;
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    /// Notes that the connection has ended.
    pub(super) fn ended(&mut self) {
        self.outgoing = None;
        self.task = None;
    }
}

async fn serve(
    number: u64,
    endpoint: Arc<Endpoint>,
    outgoing: mpsc::Receiver<Vec<u8>>,
    happenings: mpsc::Sender<(u64, Happening)>,
) {
    let opened = timeout(CONNECT_TIMEOUT, connect(&endpoint)).await;
    let end = match opened {
        Ok(Ok(socket)) => {
            // A node that is gone wants to know nothing any more.
            let _ = happenings.send((number, Happening::Opened)).await;
            exchange(number, socket, outgoing, &happenings).await;
            Happening::Closed
        }
        Ok(Err(trouble)) => Happening::Failed(trouble),
        Err(_) => Happening::Failed(unreachable(&endpoint.server, "it did not answer in time")),
    };
    let _ = happenings.send((number, end)).await;
}

/// Moves frames until either side closes.
async fn exchange(
    number: u64,
    socket: Socket,
    outgoing: mpsc::Receiver<Vec<u8>>,
    happenings: &mpsc::Sender<(u64, Happening)>,
) {
    let (sink, mut stream) = socket.split();
    tokio::select! {
        () = receive(number, &mut stream, happenings) => return,
        sent = send(sink, outgoing) => if sent.is_err() {
            return;
        },
    }
    // The relay has taken everything when it answers the close frame.
    let answered = receive(number, &mut stream, happenings);
    let _ = timeout(CLOSE_TIMEOUT, answered).await;
}

async fn receive(
    number: u64,
    stream: &mut SplitStream<Socket>,
    happenings: &mpsc::Sender<(u64, Happening)>,
) {
    while let Some(Ok(message)) = stream.next().await {
        if let Message::Binary(frame) = message {
            let frame = Happening::Frame(frame.into());
            if happenings.send((number, frame)).await.is_err() {
                return;
            }
        }
    }
}

/// Sends what is queued; at the end of the queue, a close frame.
async fn send(
    mut sink: SplitSink<Socket, Message>,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
) -> tungstenite::Result<()> {
    while let Some(frame) = outgoing.recv().await {
        sink.feed(Message::binary(frame)).await?;
        while let Ok(frame) = outgoing.try_recv() {
            sink.feed(Message::binary(frame)).await?;
        }
        sink.flush().await?;
    }
    sink.send(Message::Close(None)).await
}

async fn connect(endpoint: &Endpoint) -> Result<Socket, Trouble> {
    let server = &endpoint.server;
    let stream = dial(server, &endpoint.tls).await?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX);
    let url = server.socket(endpoint.network.as_deref());
    let request = url.as_str().into_client_request().map(|mut request| {
        let headers = request.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
        request
    });
    let request = request.map_err(|error| no_relay(server, &error.to_string()))?;
    let opened = client_async_with_config(request, stream, Some(config)).await;
    let (socket, _) = opened.map_err(|error| not_upgraded(endpoint, &error))?;
    Ok(socket)
}

fn not_upgraded(endpoint: &Endpoint, error: &tungstenite::Error) -> Trouble {
    let server = &endpoint.server;
    let tungstenite::Error::Http(response) = error else {
        return match error {
            tungstenite::Error::Io(error) => unreachable(server, &error.to_string()),
            error => no_relay(server, &error.to_string()),
        };
    };
    let body = response.body().as_deref().unwrap_or_default();
    match (Problem::read(body), &endpoint.network) {
        (Some(problem), Some(network)) if response.status() == StatusCode::NOT_FOUND => Trouble {
            class: Class::Network,
            message: format!(
                "{server} says: {}; `block-chain-worker network list` shows those that it serves, and {network:?} is not among them",
                problem.detail
            ),
        },
        (Some(problem), _) => problem.refusal(server),
        (None, _) => no_relay(server, &format!("it answers {}", response.status())),
    }
}
