//! The messages between a node and its relay. `docs/protocol.md` is their normative description.
//!
//! A frame is one version byte and one borsh-encoded message. The relay passes nothing on that it
//! has not verified: votes and proposals as they came, transactions and blocks encoded anew.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::block::{Body, SealedHeader};
use crate::difficulty::ChainWork;
use crate::encoding::{DecodeError, List, Text, append, decode};
use crate::finality::evidence::Evidence;
use crate::finality::mark::VoteMark;
use crate::finality::{Certificate, Decision, LogEntry, Proposal, Vote};
use crate::hash::{BlockHash, Hash, NetworkId, Tag, TransactionId};
use crate::invitation::Invitation;
use crate::keys::{PublicKey, Signature, SignatureError};
use crate::limits::{
    AGENT_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, BODIES_PER_REQUEST_MAX, EXPLANATION_BYTES_MAX,
    FRAME_BYTES_MAX, HEADERS_PER_MESSAGE_MAX, LOCATOR_HASHES_MAX, LOG_ENTRIES_PER_MESSAGE_MAX,
    MEMBERS_MAX, TRANSACTIONS_PER_MESSAGE_MAX,
};
use crate::network::NetworkParameters;
use crate::transaction::{Outcome, SignedTransaction};

/// The version of the protocol, and the first byte of each frame.
pub const PROTOCOL_VERSION: u8 = 1;

/// A member's number in its network: given out by the relay, never reused.
pub type MemberId = u64;

/// The relay's count of leaders; also the round of votes. It never goes back.
pub type Term = u64;

/// By which the encoding tells [`Message::Transactions`] from other messages.
const TRANSACTIONS: u8 = 10;

/// Most frames fit into so many bytes at once.
const USUAL_FRAME_BYTES: usize = 2048;

/// Everything that travels over a connection, in either direction.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Message {
    /// Node to relay, first: who I am and what I speak.
    Hello(Hello),
    /// Relay to node: prove it; and here is the network that you join.
    Challenge(Box<Challenge>),
    /// Node to relay: the signature over [`RegistrationStatement`].
    Register {
        /// By the key of the [`Hello`].
        signature: Signature,
        /// For a network by invitation, where the node has one.
        invitation: Option<Invitation>,
        /// What the node knows of the relay's past, should the relay have lost it.
        remembered: Box<Remembered>,
    },
    /// Relay to node: you are a member.
    Welcome(Box<Welcome>),
    /// Relay to node: something that you sent was refused. Fatal ones end the connection.
    Error(ErrorMessage),

    /// Relay to node: are you awake?
    Ping {
        /// To be repeated in the answer.
        sequence: u64,
        /// The relay's clock, milliseconds since 1970 UTC.
        relay_time_ms: u64,
    },
    /// Node to relay: yes, and this is where I stand.
    Pong {
        /// From the ping.
        sequence: u64,
        /// Where the node stands.
        status: NodeStatus,
    },
    /// Node to relay, unasked: my status has changed.
    Status(NodeStatus),
    /// Node to relay: I am leaving.
    Leave,
    /// Relay to nodes: who joined, changed, left; and who leads.
    Presence(Presence),

    /// Node to relay: include these. Answered by [`Message::Admitted`].
    Transactions(List<SignedTransaction, TRANSACTIONS_PER_MESSAGE_MAX>),
    /// Relay to node: what became of transactions that it sent. Admitted means durably stored.
    Admitted(List<(TransactionId, Admission), TRANSACTIONS_PER_MESSAGE_MAX>),

    /// A new block: in full where the receiver lacks its transactions, otherwise by their hashes.
    Block(Box<BlockAnnouncement>),
    /// Either way: which headers follow the last that we share?
    GetHeaders(List<BlockHash, LOCATOR_HASHES_MAX>),
    /// The answer: consecutive headers, lowest first; none where there is nothing to add.
    Headers(List<SealedHeader, HEADERS_PER_MESSAGE_MAX>),
    /// Either way: give me the bodies of these blocks.
    GetBodies(List<BlockHash, BODIES_PER_REQUEST_MAX>),
    /// The answer: as many as fit, in the order asked for; those that are lacking are left out.
    Bodies(List<(BlockHash, Body), BODIES_PER_REQUEST_MAX>),

    /// Leader to all: what to decide.
    Proposal(Box<Proposal>),
    /// A member of the roster to all.
    Vote(Vote),
    /// Leader to relay: log this.
    Certified(Box<Certified>),
    /// Relay to nodes: what was logged.
    Log(List<LogEntry, LOG_ENTRIES_PER_MESSAGE_MAX>),
    /// Either way: give me the entries from this index on.
    GetLog {
        /// Index of the first entry wanted.
        from: u64,
    },

    /// Node to relay to leader: compare the replicas.
    RequestCheck,
    /// Leader to all: what does your stored chain hash to?
    Check(CheckQuery),
    /// Each member to the leader: this.
    CheckAnswer(CheckAnswer),
    /// Leader to all: who differs, and where first.
    CheckReport(CheckReport),

    /// Relay to node: these were stored, and this is who sent them.
    Submitted(List<Submission, TRANSACTIONS_PER_MESSAGE_MAX>),

    /// Either way: this convicts somebody.
    Evidence(Box<Evidence>),
    /// Relay to nodes: the connection is about to end. Come back at a time between these two,
    /// drawn by chance, so that not all come at once.
    ComeBack {
        /// The earliest, in milliseconds from the end of the connection.
        after_ms: u32,
        /// The latest, likewise.
        within_ms: u32,
    },
}

/// A transaction and the member through whom it came: members take turns in blocks.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Submission {
    /// The member's key; the sender's own where it came over REST.
    pub submitter: PublicKey,
    /// The transaction.
    pub signed: SignedTransaction,
}

/// Who a node is and what it speaks.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Hello {
    /// The newest version that the node speaks.
    pub protocol_version: u8,
    /// The network that it has a replica of; nothing where it takes what the address names.
    pub network: Option<NetworkId>,
    /// Its key.
    pub key: PublicKey,
    /// Its random bytes for this connection.
    pub nonce: [u8; 32],
    /// The program, for people who look at the member list.
    pub agent: Text<AGENT_BYTES_MAX>,
}

/// What the relay answers to a [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Challenge {
    /// The network.
    pub network: NetworkParameters,
    /// The relay's random bytes for this connection.
    pub nonce: [u8; 32],
    /// The relay's signature over the same statement, under its own tag.
    pub signature: Signature,
}

/// What both sides sign: this connection, and no other.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RegistrationStatement {
    /// The network.
    pub network: NetworkId,
    /// The relay's key.
    pub relay: PublicKey,
    /// The node's key.
    pub node: PublicKey,
    /// The nonce of the [`Challenge`].
    pub relay_nonce: [u8; 32],
    /// The nonce of the [`Hello`].
    pub node_nonce: [u8; 32],
}

impl RegistrationStatement {
    /// The bytes that the node signs.
    #[must_use]
    pub fn by_node(&self) -> Vec<u8> {
        Tag::REGISTRATION.statement(self)
    }

    /// The bytes that the relay signs.
    #[must_use]
    pub fn by_relay(&self) -> Vec<u8> {
        Tag::RELAY_CHALLENGE.statement(self)
    }
}

/// What a member remembers of a relay: a relay that was restored from an older copy of its store
/// has forgotten it.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Remembered {
    /// The last entry of the member's log, with the relay's own signature on it.
    pub head: Option<Box<LogEntry>>,
    /// The member's number.
    pub id: Option<MemberId>,
    /// The greatest term that it knows.
    pub term: Term,
}

/// What a new member gets to know.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Welcome {
    /// Its number, the same at each return.
    pub id: MemberId,
    /// The number of this session; a newer one of the same key ends it.
    pub session: u64,
    /// The relay's clock, milliseconds since 1970 UTC.
    pub relay_time_ms: u64,
    /// Everyone present, itself included, and the leader.
    pub presence: Presence,
    /// The relay's best block.
    pub tip: Tip,
    /// The number of entries in the relay's log.
    pub log_length: u64,
    /// How far the member's key has voted, if it ever did.
    pub mark: Option<VoteMark>,
}

/// A best block, as it is told to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tip {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: BlockHash,
    /// The work of its chain.
    pub work: ChainWork,
}

/// Where a node stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NodeStatus {
    /// Its best block.
    pub tip: Tip,
    /// Entries of the decision log that it has verified.
    pub log_length: u64,
    /// Hash of the last of them; zero where there is none.
    pub log_head: Hash,
    /// Whether it has all bodies up to the best header that it knows.
    pub synced: bool,
    /// Whether its page can be seen; true where there is no page.
    pub visible: bool,
    /// Whether it abstains, since its storage is older than its key's last votes.
    pub abstains: bool,
    /// Whether it means to stay. One that does not, such as a program that does one thing and
    /// leaves, is in no roster and does not lead.
    pub stays: bool,
    /// Its hash rate in hashes a second; 0 when it does not mine.
    pub hashes_per_second: u64,
}

/// A change of who is here, or all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Presence {
    /// Whether `present` is everyone; otherwise it is who joined or changed.
    pub complete: bool,
    /// Members as they are now.
    pub present: List<Member, MEMBERS_MAX>,
    /// Members who left.
    pub left: List<MemberId, MEMBERS_MAX>,
    /// Who leads, if anyone does.
    pub leader: Option<Leader>,
}

/// A member as everyone sees it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Member {
    /// Its number.
    pub id: MemberId,
    /// Its key.
    pub key: PublicKey,
    /// Its program.
    pub agent: Text<AGENT_BYTES_MAX>,
    /// When it registered, by the relay's clock, milliseconds since 1970 UTC.
    pub since_ms: u64,
    /// Where it stands.
    pub status: NodeStatus,
}

/// Who leads, and since which term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Leader {
    /// The member.
    pub id: MemberId,
    /// Its key.
    pub key: PublicKey,
    /// Its term.
    pub term: Term,
}

/// What became of a submitted transaction.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Admission {
    /// It is durably stored and will be included.
    Pending,
    /// It is already in a block of the best chain.
    Mined,
    /// It was refused, and why.
    Refused(Text<EXPLANATION_BYTES_MAX>),
}

/// A new block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockAnnouncement {
    /// Header and seal.
    pub sealed: SealedHeader,
    /// The body, in one of two forms.
    pub body: AnnouncedBody,
}

/// The body of an announced block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum AnnouncedBody {
    /// All of it.
    Full(Body),
    /// The hashes of its signed transactions, to be taken from the receiver's mempool.
    Compact {
        /// In order.
        transactions: List<Hash, BLOCK_TRANSACTIONS_MAX>,
        /// In the same order.
        outcomes: List<Outcome, BLOCK_TRANSACTIONS_MAX>,
    },
}

/// A decision with the precommits that certify it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Certified {
    /// The decision.
    pub decision: Decision,
    /// The precommits.
    pub certificate: Certificate,
}

/// A question about stored bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CheckQuery {
    /// Names the check: the term and a count within it.
    pub check: (Term, u64),
    /// The member who is asked; nothing asks all.
    pub member: Option<MemberId>,
    /// First height of the range.
    pub start: u64,
    /// First height after the range.
    pub end: u64,
}

/// What a member's stored blocks of a range hash to: the root over one leaf a block, recomputed
/// from the stored bytes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CheckAnswer {
    /// The question.
    pub query: CheckQuery,
    /// Who answers.
    pub key: PublicKey,
    /// The root; a block that is lacking or unreadable counts as a leaf of zeros.
    pub root: Hash,
    /// The signature of `key` over the network and the rest.
    pub signature: Signature,
}

impl CheckAnswer {
    /// The bytes that the member signs.
    #[must_use]
    pub fn statement(
        network: &NetworkId,
        key: &PublicKey,
        query: &CheckQuery,
        root: &Hash,
    ) -> Vec<u8> {
        Tag::CONSISTENCY_ANSWER.statement(&(network, key, query, root))
    }

    /// Whether the signature is the member's.
    pub fn verify(&self, network: &NetworkId) -> Result<(), SignatureError> {
        let statement = Self::statement(network, &self.key, &self.query, &self.root);
        self.key.verify(&statement, &self.signature)
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CheckReport {
    /// The check.
    pub check: (Term, u64),
    /// The decided height up to which replicas were compared.
    pub height: u64,
    /// Members whose replica is the certified one.
    pub agree: List<MemberId, MEMBERS_MAX>,
    /// Members whose replica differs, with the first height at which it does.
    pub differ: List<(MemberId, u64), MEMBERS_MAX>,
    /// Members who did not answer.
    pub silent: List<MemberId, MEMBERS_MAX>,
}

/// Something was refused.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ErrorMessage {
    /// Which kind of error.
    pub code: ErrorCode,
    /// What was expected, what came, what to do.
    pub explanation: Text<EXPLANATION_BYTES_MAX>,
}

/// The kinds of errors that a relay reports. Fatal ones end the connection with the given
/// WebSocket close code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ErrorCode {
    /// A frame that does not decode, or a message out of turn. Fatal.
    Malformed = 1,
    /// A protocol version that the relay does not speak. Fatal.
    Version = 2,
    /// Another network than the relay's, or none. Fatal.
    Network = 3,
    /// The registration's signature does not hold. Fatal.
    Registration = 4,
    /// A newer session of the same key has begun. Fatal.
    Superseded = 5,
    /// The network has as many members as it may have. Fatal, but worth another try later.
    Full = 6,
    /// Three pings without an answer. Fatal, but worth another try.
    Unresponsive = 7,
    /// Too many errors, or messages too fast. Fatal, but worth another try later.
    Misbehaved = 8,
    /// The receiver was too slow to read. Fatal, but worth another try.
    TooSlow = 9,
    /// The relay is being stopped. Fatal, but worth another try.
    ShuttingDown = 10,
    /// A transaction, block, vote or answer that does not verify. Not fatal, but counted.
    Invalid = 11,
    /// A dump, backup or other service that is not available now. Not fatal.
    Unavailable = 12,
    /// The answer to [`Message::Leave`]. Ends the connection.
    Left = 13,
    /// The network is for invited members, and the node showed no invitation that is valid. Fatal.
    Invitation = 14,
    /// The relay has signed two different logs. Fatal.
    Forked = 15,
}

impl ErrorCode {
    /// Whether the connection ends.
    #[must_use]
    pub fn is_fatal(self) -> bool {
        !matches!(self, Self::Invalid | Self::Unavailable)
    }

    /// Whether trying again by itself is of no use: only the user can change something.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Malformed
                | Self::Version
                | Self::Network
                | Self::Registration
                | Self::Superseded
                | Self::Invitation
                | Self::Forked
        )
    }

    /// The WebSocket close code: 4000 and the error code, but 1000, 1012 and 1013 where
    /// RFC 6455's registry has a word for it.
    #[must_use]
    pub fn close_code(self) -> u16 {
        match self {
            Self::Left => 1000,
            Self::ShuttingDown => 1012,
            Self::TooSlow | Self::Full => 1013,
            other => 4000 + u16::from(other as u8),
        }
    }
}

/// Bytes that are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The frame is too long.
    #[error("a frame has at most {FRAME_BYTES_MAX} bytes, {0} came")]
    TooLong(usize),
    /// The frame is empty.
    #[error("a frame has at least its version byte, an empty one came")]
    Empty,
    /// The other side speaks another version.
    #[error(
        "this side speaks protocol version {PROTOCOL_VERSION}, version {0} came: update the older side"
    )]
    Version(u8),
    /// The rest is no message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Message {
    /// The message as a frame.
    #[must_use]
    pub fn to_frame(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(USUAL_FRAME_BYTES);
        frame.push(PROTOCOL_VERSION);
        append(&mut frame, self);
        frame
    }

    /// The message of a frame.
    pub fn from_frame(frame: &[u8]) -> Result<Self, FrameError> {
        if frame.len() > FRAME_BYTES_MAX {
            return Err(FrameError::TooLong(frame.len()));
        }
        match frame.split_first() {
            None => Err(FrameError::Empty),
            Some((&PROTOCOL_VERSION, message)) => Ok(decode("message", message)?),
            Some((&version, _)) => Err(FrameError::Version(version)),
        }
    }

    /// What a frame of [`Message::Transactions`] hands in; nothing where the frame is of another
    /// message, which is not decoded, or does not decode.
    #[must_use]
    pub fn transactions_of(frame: &[u8]) -> Option<Vec<SignedTransaction>> {
        match frame {
            [PROTOCOL_VERSION, TRANSACTIONS, ..] => match Self::from_frame(frame).ok()? {
                Self::Transactions(transactions) => Some(transactions.into_vec()),
                _ => None,
            },
            _ => None,
        }
    }
}
