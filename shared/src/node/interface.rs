//! What goes into a node and what comes out: the whole contract between the pure node and the
//! four adapters (browser, command line, relay, simulator) that give it a world.

use borsh::{BorshDeserialize, BorshSerialize};

pub use crate::command::{
    Answer, BlockDetail, BlockSummary, Command, CommandError, FileFault, HistoryItem, ImportStep,
    Lookup, PendingTransaction,
};
pub use crate::store::RequestId;
pub use crate::view::{
    Abstention, ChainView, Connection, MiningPause, MiningView, NetworkView, StakeView, View,
};

use crate::block::Header;
use crate::keys::{PublicKey, Signature};
use crate::store::{Query, Row, Write};

/// Who a node is, and what it means to do.
#[derive(Clone, Copy, Debug)]
pub struct Profile<'a> {
    /// Its public key; the secret one stays with whoever carries out [`Effect::Sign`].
    pub key: PublicKey,
    /// The program, for people who look at the member list.
    pub agent: &'a str,
    /// Whether it means to stay. A node that does one thing and leaves says that it does not: then
    /// nobody counts on its vote, and it never leads.
    pub stays: bool,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The connection asked for by [`Effect::Connect`] is open.
    Connected {
        /// Fresh random bytes for this connection.
        nonce: [u8; 32],
    },
    /// The connection is closed, or could not be opened.
    Disconnected {
        /// Fresh random bits, for the jitter of the next attempt.
        chance: u64,
    },
    /// A frame came in.
    Frame(Vec<u8>),
    /// The browser says that the network is back, or the device woke up: connect now, afresh.
    Woken,
    /// The page became visible or hidden.
    Visible(bool),
    /// The user wants something. Answered by [`Effect::Answer`] with the same number.
    Command(RequestId, Command),
    /// A batch is durable.
    Written(RequestId),
    /// A batch could not be written, and nothing of it was.
    WriteFailed(RequestId, String),
    /// Rows were read.
    Loaded(RequestId, Vec<Row>),
    /// Rows could not be read.
    LoadFailed(RequestId, String),
    /// A statement was signed.
    Signed(RequestId, Signature),
    /// A miner found a nonce for this work.
    NonceFound {
        /// The work's number.
        work: RequestId,
        /// The header's version that it goes with.
        version: u32,
        /// The nonce.
        nonce: u64,
    },
    /// The miners' rate, measured over about a second.
    HashRate(u64),
    /// The time of the last [`Effect::WakeAt`] has come.
    Wake,
}

/// Something to be done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Open a connection to the relay. Answered by `Connected` or `Disconnected`.
    Connect,
    /// Close the connection. Answered by `Disconnected`.
    Disconnect,
    /// Send a frame.
    Send(Vec<u8>),
    /// Write a batch: all of it or nothing, durably. Batches are written in order.
    Write(RequestId, Vec<Write>),
    /// Remove all rows of the tables that belong to the replica. The node's key, which is in no
    /// table, stays. Answered like a batch.
    Clear(RequestId),
    /// Read rows. A read sees all batches before it.
    Load(RequestId, Query),
    /// Sign a statement with the node's key.
    Sign(RequestId, Vec<u8>),
    /// Search a nonce; replaces the work before.
    Mine(MiningWork),
    /// Search no more.
    StopMining,
    /// Send [`Event::Wake`] at this time, milliseconds since 1970 UTC; replaces the time before.
    WakeAt(u64),
    /// The answer to a command.
    Answer(RequestId, Answer),
    /// [`super::Node::view`] has changed.
    ViewChanged,
}

/// Work for the miners.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MiningWork {
    /// Its number, to be given back with a nonce.
    pub work: RequestId,
    /// The header whose nonce is searched.
    pub header: Header,
    /// The greatest hash that will do, as a little-endian number.
    pub target: [u8; 32],
}
