//! What users ask of a node, programs of the relay over REST, and what they are told.

mod error;

use borsh::{BorshDeserialize, BorshSerialize};

pub use error::{CommandError, FileFault};

use crate::block::Header;
use crate::chain_file::VerifiedChain;
use crate::hash::{BlockHash, Hash, TransactionId};
use crate::invitation::Invitation;
use crate::keys::PublicKey;
use crate::message::MemberId;
use crate::receipt::VerifiedReceipt;
use crate::replica::KeyProof;
use crate::state::KeyEntry;
use crate::transaction::{Expect, Key, Outcome, SignedTransaction, Value};

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
