//! What goes into a node and what comes out: the whole contract between the pure node and the
//! four adapters (browser, command line, relay, simulator) that give it a world.

mod command_error;

use borsh::{BorshDeserialize, BorshSerialize};

pub use command_error::{CommandError, FileFault};

use crate::block::Header;
use crate::chain_file::VerifiedChain;
use crate::finality::evidence::Conviction;
use crate::hash::{BlockHash, Hash, NetworkId, TransactionId};
use crate::invitation::Invitation;
use crate::keys::{PublicKey, Signature};
use crate::message::{CheckReport, ErrorMessage, Leader, Member, MemberId};
use crate::network::Holder;
use crate::receipt::VerifiedReceipt;
use crate::rejection::{Rejection, RejectionCounts};
use crate::replica::KeyProof;
use crate::state::KeyEntry;
use crate::store::{Query, Row, Write};
use crate::transaction::{Expect, Key, Outcome, SignedTransaction, Value};

/// Pairs an effect with the event that reports on it.
pub type RequestId = u64;

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

/// What a user can ask of a node.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Command {
    /// Write a key. Answered by [`Answer::Submitted`] once it is signed and stored.
    Put {
        /// The key.
        key: Key,
        /// Its new value.
        value: Value,
        /// What it must be before.
        expect: Expect,
    },
    /// Move balance. Answered by [`Answer::Submitted`].
    Transfer {
        /// Who receives.
        to: PublicKey,
        /// How much.
        amount: u64,
    },
    /// Mine until told otherwise, or until a block of one's own is found.
    StartMining {
        /// Whether to stop after one block.
        once: bool,
    },
    /// Mine no more.
    StopMining,
    /// Blocks from this height downwards. Answered by [`Answer::Blocks`].
    Blocks {
        /// The highest wanted; higher than the tip means the tip.
        from: u64,
        /// How many at most.
        count: u32,
    },
    /// One block. Answered by [`Answer::Block`].
    Block {
        /// Its height.
        height: u64,
    },
    /// Pending transactions. Answered by [`Answer::Pending`].
    Pending {
        /// How many to skip.
        skip: u32,
        /// How many at most.
        count: u32,
    },
    /// A key's value and history. Answered by [`Answer::Lookup`].
    Lookup {
        /// The key.
        key: Key,
    },
    /// The receipt of a transaction. Answered by [`Answer::Receipt`] once its block is final.
    Receipt {
        /// Which one.
        id: TransactionId,
    },
    /// Verify a receipt, of whatever network. Answered by [`Answer::VerifiedReceipt`].
    VerifyReceipt {
        /// The receipt's file.
        file: Vec<u8>,
    },
    /// What the state at the tip holds under a key, with its proof. Answered by
    /// [`Answer::KeyProof`].
    KeyProof {
        /// The key.
        key: Key,
    },
    /// Write the replica as a chain file, in parts. Answered by [`Answer::Part`].
    Export {
        /// Whether to begin anew, at the present tip; otherwise the next part is wanted.
        begin: bool,
    },
    /// Read a chain file into the replica: its bytes twice, first to verify all of it. Answered by
    /// [`Answer::Done`], at the end of the file by [`Answer::ChainFile`].
    Import(ImportStep),
    /// Compare all replicas. The report arrives in the view.
    CheckConsistency,
    /// For demonstrations: change a stored block behind the node's back.
    Tamper {
        /// Which one.
        height: u64,
    },
    /// Fetch the blocks that the last check found damaged.
    Repair,
    /// Forget the replica, but not the key, and fetch everything anew: where the replica is
    /// damaged, or the relay runs another network.
    StartAfresh,
    /// Show this invitation when registering with a network by invitation; connects again where
    /// the relay refused for want of one. It is needed until the first registration only.
    UseInvitation(Invitation),
    /// Connect again after a final refusal or a [`Command::Disconnect`].
    Reconnect,
    /// Leave the network and stay away.
    Disconnect,
}

/// A step of an import. `Verify`, all bytes, `End`, then `Write`, all bytes again, `End`. Where
/// one fails, the import has ended, and before `Write` nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ImportStep {
    /// Begins the first reading, and gives up an import that was under way.
    Verify,
    /// The next bytes of the file.
    Bytes(Vec<u8>),
    /// Begins the second reading: what it finds in order joins the replica.
    Write,
    /// The file has ended.
    End,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Answer {
    /// It is done.
    Done,
    /// A transaction is signed, stored here and on its way.
    Submitted(TransactionId),
    /// Blocks, highest first.
    Blocks(Vec<BlockSummary>),
    /// A block, if there is one at that height.
    Block(Option<Box<BlockDetail>>),
    /// Pending transactions, in the order in which they would be included.
    Pending(Vec<PendingTransaction>),
    /// A key's value and history.
    Lookup(Lookup),
    /// A receipt's file: [`crate::receipt::Receipt::from_file`].
    Receipt(Vec<u8>),
    /// What a receipt proves.
    VerifiedReceipt(Box<VerifiedReceipt>),
    /// Bytes to be appended to a chain file; none where the file has ended.
    Part(Vec<u8>),
    /// What a chain file holds. After the second reading it is in the replica, durably.
    ChainFile(Box<VerifiedChain>),
    /// A key's presence or absence, with its proof.
    KeyProof(Box<KeyProof>),
    /// It was not done.
    Failed(CommandError),
}

/// A block in a list.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockSummary {
    /// Its header.
    pub header: Header,
    /// Its hash.
    pub hash: BlockHash,
    /// Number of transactions.
    pub transactions: u32,
    /// Whether a logged decision stands on it.
    pub is_final: bool,
    /// Whether a check found that the stored bytes are not those of the certified history.
    pub is_damaged: bool,
}

/// A block with its transactions, as stored.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockDetail {
    /// As in a list.
    pub summary: BlockSummary,
    /// Root over the stored transactions; differs from the header's where they were edited.
    pub tx_root: Hash,
    /// Transactions with their ids and outcomes.
    pub transactions: Vec<(TransactionId, SignedTransaction, Outcome)>,
}

/// A pending transaction in a list.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PendingTransaction {
    /// Its id.
    pub id: TransactionId,
    /// What it is.
    pub signed: SignedTransaction,
    /// The sender's number, if it is present.
    pub sender: Option<MemberId>,
    /// Whether the relay has stored it; only its sender needs to care.
    pub is_acknowledged: bool,
}

/// A key's value and history.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Lookup {
    /// Its present value, if it was ever written.
    pub entry: Option<KeyEntry>,
    /// Writes of it in blocks of the best chain, newest first, at most 100.
    pub history: Vec<HistoryItem>,
}

/// One write of a key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct HistoryItem {
    /// Height of the block.
    pub height: u64,
    /// The block's timestamp, milliseconds since 1970 UTC.
    pub timestamp_ms: u64,
    /// The transaction.
    pub id: TransactionId,
    /// Who wrote.
    pub writer: PublicKey,
    /// What was written.
    pub value: Value,
    /// Whether it took effect.
    pub outcome: Outcome,
}

/// What a page shows of a node.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct View {
    /// The node's key.
    pub key: PublicKey,
    /// The network, once it is known.
    pub network: Option<NetworkView>,
    /// The connection.
    pub connection: Connection,
    /// Whether it has everything that it knows the relay to have.
    pub is_synced: bool,
    /// The node's number, once it has one.
    pub id: Option<MemberId>,
    /// Who leads.
    pub leader: Option<Leader>,
    /// Everyone present, by number.
    pub members: Vec<Member>,
    /// The replica.
    pub chain: ChainView,
    /// Pending transactions in the mempool.
    pub pending: u32,
    /// Of these, own ones that the relay has not stored yet.
    pub unacknowledged: u32,
    /// Mining; where the proof is stake, producing.
    pub mining: MiningView,
    /// Who may produce, where the proof is stake.
    pub stake: Option<StakeView>,
    /// The last consistency check.
    pub check: Option<CheckReport>,
    /// Heights at which this replica's stored bytes are known to be damaged.
    pub damaged: Vec<u64>,
    /// Who is proved to have signed what contradicts itself: members, and the relay.
    pub convicted: Vec<Conviction>,
    /// Why this node does not vote although it could, if it does not.
    pub abstention: Option<Abstention>,
    /// How far the relay's clock is ahead of this one, in milliseconds.
    pub clock_offset_ms: i64,
    /// What was rejected lately, newest last, at most 20.
    pub rejections: Vec<Rejection>,
    /// How much was rejected since the start, by kind.
    pub rejected: RejectionCounts,
}

/// What a page shows of a network.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NetworkView {
    /// Its id.
    pub id: NetworkId,
    /// Its name.
    pub name: String,
    /// Time between blocks that it aims at.
    pub spacing_ms: u64,
    /// What a block's producer is credited.
    pub block_reward: u64,
}

/// The state of the connection to the relay.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Connection {
    /// Trying.
    Connecting,
    /// Waiting until the next attempt.
    Waiting {
        /// When it is, milliseconds since 1970 UTC.
        until_ms: u64,
        /// Failed attempts in a row.
        attempts: u32,
    },
    /// Proving who we are.
    Registering,
    /// A member.
    Joined,
    /// Refused for good, until the user acts.
    Refused(ErrorMessage),
    /// Left by the user's wish.
    Left,
}

/// What a page shows of the replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChainView {
    /// Height of the best block.
    pub height: u64,
    /// Its hash.
    pub tip: BlockHash,
    /// Its timestamp.
    pub tip_timestamp_ms: u64,
    /// Height of the best header; above `height` while bodies are being fetched.
    pub best_header_height: u64,
    /// Height of the last final block.
    pub final_height: u64,
    /// How many members signed its decision, of how many.
    pub final_by: Option<(u32, u32)>,
    /// How often the relay replaced a roster after the first.
    pub forced_changes: u64,
    /// Entries of the decision log.
    pub log_length: u64,
    /// The log's fingerprint, for comparison with that of others.
    pub log_head: Hash,
    /// Reorganisations since the start.
    pub reorganisations: u64,
    /// The node's own balance.
    pub balance: u64,
}

/// What a page shows of mining.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MiningView {
    /// Whether the user wants to mine.
    pub wanted: bool,
    /// Why it pauses although it is wanted, if it does.
    pub paused: Option<MiningPause>,
    /// The miners' rate.
    pub hashes_per_second: u64,
    /// Expected hashes for a block now.
    pub expected_hashes: u64,
    /// Blocks found since the start.
    pub found: u64,
}

/// What a page shows of proof of stake.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StakeView {
    /// The present slot.
    pub slot: u64,
    /// Its epoch.
    pub epoch: u64,
    /// When the next epoch begins, milliseconds since 1970 UTC by the relay's clock.
    pub next_epoch_at_ms: u64,
    /// All stake that counts now.
    pub total: u64,
    /// The stake of the node's own key that counts now.
    pub own: u64,
    /// What of it will count in the next epoch.
    pub own_next: u64,
    /// Whose stake counts now, the greatest first, at most 100.
    pub holders: Vec<Holder>,
    /// How many of all whose stake counts now are present. If none is, no block can come before
    /// one of them is back.
    pub holders_present: u32,
    /// Who of them is drawn next if no block comes before, and when; nothing where nobody is
    /// drawn soon.
    pub next: Option<(u64, PublicKey)>,
}

/// Why a node does not vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Abstention {
    /// Its storage was restored from a backup, or is a copy: its key has voted since. It votes
    /// again once the next decision, or another roster, is in the log.
    OldStorage,
}

/// Why mining pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum MiningPause {
    /// The chain is still being fetched.
    Syncing,
    /// Too many blocks stand above the last decision.
    Undecided,
    /// No network is known yet.
    NoNetwork,
    /// The proof is stake, and none of this key's counts now.
    NoStake,
    /// The proof is stake, and the relay is away, or has not been heard since this device slept or
    /// its clock was set.
    NoRelay,
}
