//! The connection to the relay: at most one at a time.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

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

/// An attempt that takes longer has failed.
const OPEN_DEADLINE_MS: u32 = 10_000;
/// More bytes than these waiting to be sent mean that the relay takes nothing any more.
const BUFFERED_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// More bytes than these waiting to be looked at mean that the relay sends faster than this device
/// works. A browser cannot slow it down; a new connection begins with what is lacking.
const UNREAD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The present connection, if there is one.
pub(super) struct Socket {
    inbox: Inbox,
    /// Where the relay takes connections to the network.
    path: String,
    /// Bytes of frames that are in the inbox.
    unread: Rc<Cell<usize>>,
    connection: u64,
    outgoing: Option<UnboundedSender<Vec<u8>>>,
}

impl Socket {
    /// Without a network, connections go to the relay's default one.
    pub(super) fn new(inbox: Inbox, network: Option<&str>) -> Self {
        let path = match network {
            Some(network) => {
                let network = String::from(js_sys::encode_uri_component(network));
                format!("/api/v1/networks/{network}/socket")
            }
            None => "/api/v1/socket".to_owned(),
        };
        Self {
            inbox,
            path,
            unread: Rc::default(),
            connection: 0,
            outgoing: None,
        }
    }

    /// Opens a connection, in place of the one before.
    pub(super) fn connect(&mut self) {
        self.connection += 1;
        let (outgoing, frames) = unbounded();
        self.outgoing = Some(outgoing);
        spawn_local(converse(self.path.clone(), self.reporter(), frames));
    }

    /// Closes the connection, after what was given to be sent.
    pub(super) fn disconnect(&mut self) {
        if self.outgoing.take().is_none() {
            self.reporter().closed();
        }
    }

    /// Sends a frame; without a connection it is lost, as it would be on the way.
    pub(super) fn send(&self, frame: Vec<u8>) {
        if let Some(outgoing) = &self.outgoing {
            // A conversation that has just ended reports so itself.
            let _ = outgoing.unbounded_send(frame);
        }
    }

    /// What the node has to know of something that came out of the inbox: nothing where it is of
    /// an earlier connection.
    pub(super) fn take(&self, connection: u64, event: Event) -> Option<Event> {
        if let Event::Frame(frame) = &event {
            let unread = self.unread.get().saturating_sub(frame.len());
            self.unread.set(unread);
        }
        (connection == self.connection).then_some(event)
    }

    fn reporter(&self) -> Reporter {
        Reporter {
            inbox: self.inbox.clone(),
            unread: Rc::clone(&self.unread),
            connection: self.connection,
        }
    }
}

/// What a conversation tells.
struct Reporter {
    inbox: Inbox,
    unread: Rc<Cell<usize>>,
    connection: u64,
}

impl Reporter {
    fn report(&self, event: Event) {
        self.inbox.put(Input::Socket {
            connection: self.connection,
            event,
        });
    }

    /// False where too much waits to be read.
    fn frame(&self, frame: Vec<u8>) -> bool {
        let unread = self.unread.get().saturating_add(frame.len());
        self.unread.set(unread);
        self.report(Event::Frame(frame));
        unread <= UNREAD_BYTES_MAX
    }

    fn closed(&self) {
        // For jitter only: without randomness everyone waits equally long.
        let chance = getrandom::u64().unwrap_or_default();
        self.report(Event::Disconnected { chance });
    }
}

/// Opens a connection, and goes on until either side ends it.
async fn converse(path: String, reporter: Reporter, mut frames: UnboundedReceiver<Vec<u8>>) {
    // Nothing is sent before it is open: what comes there is the wish to disconnect.
    let opened = match select(pin!(open(&path)), frames.next()).await {
        Either::Left((opened, _)) => opened,
        Either::Right(_) => None,
    };
    if let Some(mut socket) = opened {
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

async fn open(path: &str) -> Option<WebSocket> {
    // No subprotocol is offered: the binary one is the default, and the proxy of `trunk serve`
    // would not pass the relay's choice on.
    let mut socket = WebSocket::open(&relay_url(path)?).ok()?;
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
                if !reporter.frame(frame) {
                    return;
                }
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
fn relay_url(path: &str) -> Option<String> {
    let part = |name| global(&["location", name])?.as_string();
    let scheme = match part("protocol")?.as_str() {
        "https:" => "wss:",
        _ => "ws:",
    };
    Some(format!("{scheme}//{}{path}", part("host")?))
}
