//! The connection to the relay: at most one at a time.

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::future::{Either, select};
use futures_util::{SinkExt, StreamExt};
use gloo_net::websocket::futures::WebSocket;
use gloo_net::websocket::{Message, State};
use gloo_timers::future::TimeoutFuture;
use shared::node::interface::Event;
use wasm_bindgen_futures::spawn_local;

use super::inbox::{Inbox, Input};
use crate::js::{global, log_error};

const PATH: &str = "/api/v1/socket";
/// An attempt that takes longer has failed.
const OPEN_DEADLINE_MS: u32 = 10_000;
/// More bytes than these waiting to be sent mean that the relay takes nothing any more.
const BUFFERED_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// The present connection, if there is one.
pub(super) struct Socket {
    inbox: Inbox,
    connection: u64,
    outgoing: Option<UnboundedSender<Vec<u8>>>,
}

impl Socket {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self {
            inbox,
            connection: 0,
            outgoing: None,
        }
    }

    /// Opens a connection, in place of the one before.
    pub(super) fn connect(&mut self) {
        self.connection += 1;
        let (outgoing, frames) = unbounded();
        self.outgoing = Some(outgoing);
        let reporter = Reporter {
            inbox: self.inbox.clone(),
            connection: self.connection,
        };
        spawn_local(converse(reporter, frames));
    }

    /// Closes the connection, after what was given to be sent.
    pub(super) fn disconnect(&mut self) {
        if self.outgoing.take().is_none() {
            Reporter {
                inbox: self.inbox.clone(),
                connection: self.connection,
            }
            .closed();
        }
    }

    /// Sends a frame; without a connection it is lost, as it would be on the way.
    pub(super) fn send(&self, frame: Vec<u8>) {
        if let Some(outgoing) = &self.outgoing {
            // A conversation that has just ended reports so itself.
            let _ = outgoing.unbounded_send(frame);
        }
    }

    /// Whether this number is the present connection's.
    pub(super) fn is_present(&self, connection: u64) -> bool {
        self.connection == connection
    }
}

struct Reporter {
    inbox: Inbox,
    connection: u64,
}

impl Reporter {
    fn report(&self, event: Event) {
        self.inbox.put(Input::Socket {
            connection: self.connection,
            event,
        });
    }

    fn closed(&self) {
        // For jitter only: without randomness everyone waits equally long.
        let chance = getrandom::u64().unwrap_or_default();
        self.report(Event::Disconnected { chance });
    }
}

/// Opens a connection, and goes on until either side ends it.
async fn converse(reporter: Reporter, mut frames: UnboundedReceiver<Vec<u8>>) {
    if let Some(mut socket) = open().await {
        let mut nonce = [0; 32];
        match getrandom::fill(&mut nonce) {
            Ok(()) => {
                reporter.report(Event::Connected { nonce });
                exchange(&mut socket, &mut frames, &reporter).await;
            }
            // Without a fresh nonce a relay could replay an earlier proof of itself.
            Err(error) => log_error(&format!("the browser gives no randomness: {error}")),
        }
    }
    reporter.closed();
}

async fn open() -> Option<WebSocket> {
    // No subprotocol is offered: the binary one is the default, and the proxy of `trunk serve`
    // would not pass the relay's choice on.
    let mut socket = WebSocket::open(&relay_url()?).ok()?;
    let ready = std::future::poll_fn(|context| socket.poll_ready_unpin(context));
    let is_in_time = matches!(
        select(ready, TimeoutFuture::new(OPEN_DEADLINE_MS)).await,
        Either::Left((Ok(()), _))
    );
    (is_in_time && matches!(socket.state(), State::Open)).then_some(socket)
}

async fn exchange(
    socket: &mut WebSocket,
    frames: &mut UnboundedReceiver<Vec<u8>>,
    reporter: &Reporter,
) {
    loop {
        match select(socket.next(), frames.next()).await {
            Either::Left((Some(Ok(Message::Bytes(frame))), _)) => {
                reporter.report(Event::Frame(frame));
            }
            Either::Right((Some(frame), _)) => {
                let is_sent = socket.send(Message::Bytes(frame)).await.is_ok();
                if !is_sent || socket.buffered_amount() > BUFFERED_BYTES_MAX {
                    return;
                }
            }
            // Closed, failed, ended by the node, or text, which this protocol does not have.
            _ => return,
        }
    }
}

/// The relay that served this program.
fn relay_url() -> Option<String> {
    let part = |name| global(&["location", name])?.as_string();
    let scheme = match part("protocol")?.as_str() {
        "https:" => "wss:",
        _ => "ws:",
    };
    Some(format!("{scheme}//{}{PATH}", part("host")?))
}
