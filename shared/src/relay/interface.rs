//! What goes into the relay's core and what comes out: the contract with sockets, timers,
//! storage and the simulator.

use std::collections::BTreeMap;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

pub use crate::store::RequestId;

use crate::command::{Answer, Command};
use crate::encoding::Text;
use crate::finality::evidence::{Conviction, EvidenceKind};
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::limits::{INVITATION_LABEL_BYTES_MAX, INVITATIONS_MAX};
use crate::message::{Admission, ErrorCode, Leader, Member, MemberId};
use crate::rejection::{Rejection, RejectionCounts};
use crate::store::{Query, Row, Write};
use crate::transaction::{InvalidTransaction, SignedTransaction, Verified};
use crate::view::ChainView;

/// Names a connection for as long as the process runs.
pub type ConnectionId = u64;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A connection was opened.
    Opened {
        /// Its name, never used before.
        connection: ConnectionId,
        /// Fresh random bytes for it.
        nonce: [u8; 32],
    },
    /// A frame came in.
    Frame {
        /// From where.
        connection: ConnectionId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Transactions came in from a member, in this order, that were verified on the way: most of
    /// the time that they take, and nothing of it needs the core. Those of a
    /// [`crate::message::Message::Transactions`] in an [`Event::Frame`] are verified by the core.
    Transactions {
        /// From where.
        connection: ConnectionId,
        /// What [`SignedTransaction::verify`] said of each.
        transactions: Vec<Result<Verified, InvalidTransaction>>,
    },
    /// A connection is closed, by either side.
    Closed {
        /// Which one.
        connection: ConnectionId,
    },
    /// A batch is durable.
    Written(RequestId),
    /// A batch could not be written, and nothing of it was.
    WriteFailed(RequestId, String),
    /// Rows were read.
    Loaded(RequestId, Vec<Row>),
    /// Rows could not be read.
    LoadFailed(RequestId, String),
    /// A read-only command over REST: `Blocks`, `Block`, `Pending` or `Lookup`.
    Command(RequestId, Command),
    /// A signed transaction over REST. Answered by [`Effect::Admitted`].
    Submit(RequestId, SignedTransaction),
    /// The administrator invites. Answered by [`Effect::Administered`].
    Invite(RequestId, NewInvitation),
    /// The administrator revokes the invitation of this id. Answered by
    /// [`Effect::Administered`].
    Revoke(RequestId, Hash),
    /// The administrator wants the members' replicas compared: the leader is asked, if there is
    /// one. What it reports is [`super::Relay::last_check`].
    Check,
    /// The relay is about to stop: tell everyone.
    Stopping,
    /// The time of the last [`Effect::WakeAt`] has come.
    Wake,
}

/// Whether a frame may wait a moment, so that several go out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody does nothing else, or works in vain, until it comes: answers, blocks, proposals,
    /// decisions.
    Now,
    /// Nobody notices a fraction of a second.
    Soon,
}

/// Something to be done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Queue a frame on each of these connections. One that is full is closed by the shell with
    /// [`ErrorCode::TooSlow`] and costs the others nothing.
    Send {
        /// To whom.
        connections: Vec<ConnectionId>,
        /// The frame, encoded once.
        frame: Arc<[u8]>,
        /// Whether it may wait for others.
        urgency: Urgency,
    },
    /// Close a connection once what is queued on it has been sent.
    Close {
        /// Which one.
        connection: ConnectionId,
        /// Why.
        code: ErrorCode,
        /// The same in words.
        reason: String,
    },
    /// Write a batch: all of it or nothing, durably. Batches are written in order.
    Write(RequestId, Vec<Write>),
    /// Read rows. A read sees all batches before it, and is answered once these are durable: what
    /// was read may be passed on.
    Load(RequestId, Query),
    /// The answer to a command.
    Answer(RequestId, Answer),
    /// What became of a submitted transaction.
    Admitted(RequestId, Admission),
    /// An act of the administrator is durable, or was refused.
    Administered(RequestId, Result<(), InvitationError>),
    /// Send [`Event::Wake`] at this time, milliseconds since 1970 UTC; replaces the time before.
    WakeAt(u64),
    /// Something that an operator may want to read in the log.
    Report(Report),
}

/// An invitation to be issued.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// The id of a secret that only the administrator has.
    pub id: Hash,
    /// For people: whom it is for.
    pub label: Text<INVITATION_LABEL_BYTES_MAX>,
    /// How many keys may join with it.
    pub uses_max: u32,
}

/// An invitation that holds.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct IssuedInvitation {
    /// The id of the secret.
    pub id: Hash,
    /// For people: whom it is for.
    pub label: Text<INVITATION_LABEL_BYTES_MAX>,
    /// When it was issued, by the relay's clock, milliseconds since 1970 UTC.
    pub issued_ms: u64,
    /// How many keys may join with it.
    pub uses_max: u32,
    /// How many have.
    pub uses: u32,
}

/// Why an act of the administrator was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// The network is open.
    #[error("anyone may join this network: invitations are for networks that are invite-only")]
    OpenNetwork,
    /// There are too many.
    #[error("{INVITATIONS_MAX} invitations hold already: revoke some first")]
    TooMany,
    /// There is none of this id.
    #[error("there is no invitation {0}: it was never issued, or is revoked")]
    Unknown(Hash),
}

/// What an operator may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A member joined.
    Joined(Member),
    /// A member left, or was removed after three missed pings.
    Left {
        /// Its key.
        key: PublicKey,
        /// Whether it was removed.
        evicted: bool,
    },
    /// Another leader, or none.
    Led(Option<Leader>),
    /// A block joined the best chain.
    Block {
        /// Its height.
        height: u64,
        /// Number of transactions.
        transactions: usize,
    },
    /// A decision was logged.
    Decided {
        /// Height of the block.
        height: u64,
    },
    /// The roster was replaced.
    Forced {
        /// Number of members of the new roster.
        members: usize,
    },
    /// A member has shown that the relay signed log entries that its store lacks: it was restored
    /// from an older copy, and issues nothing until members have given them back.
    Lost {
        /// How many are lacking.
        entries: u64,
    },
    /// Members have given back what was lacking.
    Recovered {
        /// Entries of the log now.
        entries: u64,
    },
    /// The relay is proved to have signed two logs. It has stopped this network for good.
    Forked,
    /// A member is proved to have signed what contradicts itself.
    Convicted(Conviction),
    /// Something was refused.
    Rejected {
        /// Whose it was, where somebody has proved to have that key.
        key: Option<PublicKey>,
        /// What and why.
        rejection: Rejection,
    },
}

/// What REST and metrics show of a network.
#[derive(Clone, Debug)]
pub struct RelayView {
    /// Everyone present, by number.
    pub members: Vec<Member>,
    /// Who leads.
    pub leader: Option<Leader>,
    /// The replica.
    pub chain: ChainView,
    /// Pending transactions.
    pub pending: usize,
    /// Open connections, registered or not.
    pub connections: usize,
    /// Who is proved to have signed what contradicts itself. Where that is the relay, it has
    /// stopped this network.
    pub convicted: Vec<Conviction>,
    /// Log entries that the relay has signed and lost. It issues nothing until it has them again.
    pub lacking_entries: u64,
    /// How much was refused since the start, of whomever.
    pub rejected: RejectionCounts,
    /// How much of it was sent by those who are here, each since it joined, by number.
    pub rejected_by_member: BTreeMap<MemberId, RejectionCounts>,
}

impl RelayView {
    /// Whether the relay is proved to have signed two logs, and has stopped this network.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        let mut offences = self.convicted.iter().map(|conviction| conviction.offence);
        offences.any(|offence| offence.kind() == EvidenceKind::Log)
    }
}
