//! What happens to a node worker, in the order in which it happened.

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::StreamExt;
use shared::node::interface::Event;

use crate::port::PortError;
use crate::ports::{Fatal, FromMiner, KeyError, ToNode};

/// One thing that happened.
pub(super) enum Input {
    /// The page said something.
    Page(ToNode),
    /// Something that the node has to know.
    Node(Event),
    /// A connection's end, or something that came over it.
    Socket {
        /// The connection's number: what an earlier one still says is not heard.
        connection: u64,
        /// What happened.
        event: Event,
    },
    /// A miner said something, or failed.
    Miner {
        /// The miner's number.
        miner: u64,
        /// What it said.
        event: Result<FromMiner, PortError>,
    },
    /// It is time to start failed miners again.
    RestartMiners,
    /// It is time to sum up the miners' rates.
    MeasureMiners,
    /// It is time to show the page the node.
    ShowView,
    /// It is time to look at the storage's quota.
    LookAtQuota,
    /// What was found about the storage.
    Quota {
        /// Whether the browser promised not to evict it.
        is_persistent: bool,
        /// Bytes used and allowed.
        quota: Option<(u64, u64)>,
    },
    /// Another key was put aside for the next start, or could not be.
    KeyChanged(Result<Option<Vec<u8>>, KeyError>),
    /// The node cannot go on, or not in full.
    Failed(Fatal),
}

/// Where everyone puts what happened. It has no bound of its own: page, storage and miners answer
/// to what they are told, and of frames the socket leaves only so many bytes in here.
#[derive(Clone)]
pub(super) struct Inbox(UnboundedSender<Input>);

/// The other end.
pub(super) struct Inputs(UnboundedReceiver<Input>);

pub(super) fn open() -> (Inbox, Inputs) {
    let (sender, receiver) = unbounded();
    (Inbox(sender), Inputs(receiver))
}

impl Inbox {
    pub(super) fn put(&self, input: Input) {
        // The other end lives as long as the worker does.
        let _ = self.0.unbounded_send(input);
    }
}

impl Inputs {
    pub(super) async fn next(&mut self) -> Option<Input> {
        self.0.next().await
    }
}
