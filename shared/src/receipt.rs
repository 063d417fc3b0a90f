//! Receipts: what shows anyone, offline, that a transaction stands in a network's final history.
//!
//! A receipt needs nothing beside it but the id of the network that its reader trusts. It proves
//! inclusion, and an order; it proves no time: timestamps are what producers and the relay said.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::block::{Body, Seal, SealedHeader};
use crate::chain::history_leaf;
use crate::difficulty::{Target, TargetError};
use crate::encoding::{DecodeError, List, decode, encode};
use crate::finality::LogEvent;
use crate::hash::{BlockHash, Hash, NetworkId, Tag, TransactionId};
use crate::limits::{
    RECEIPT_BYTES_MAX, RECEIPT_HISTORY_HASHES_MAX, RECEIPT_LINKS_MAX, RECEIPT_PATH_HASHES_MAX,
};
use crate::merkle::{self, ProofError};
use crate::network::{Consensus, NetworkParameters, ParametersError};
use crate::transaction::{Outcome, SignedTransaction, TransactionError};

mod maker;
mod roster_chain;

pub use maker::NoReceipt;
pub(crate) use maker::{Maker, Step};
use roster_chain::RosterChain;
pub use roster_chain::{Link, LinkError};

/// What a receipt's file begins with.
const MAGIC: &[u8; 16] = b"tabchain-receipt";
/// The version of the format, the byte after it.
const VERSION: u8 = 1;

/// The proof that a transaction stands in a final history. Not verified.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Receipt {
    /// The parameters whose hash is the network's id.
    pub network: NetworkParameters,
    /// What was written, and by whom.
    pub transaction: SignedTransaction,
    /// What it did.
    pub outcome: Outcome,
    /// Its position among the block's transactions, from 0.
    pub index: u32,
    /// How many transactions the block has.
    pub transactions: u32,
    /// From the block record, leaf 0, which holds that number, to the header's `tx_root`.
    pub record_path: List<Hash, RECEIPT_PATH_HASHES_MAX>,
    /// From the transaction's leaf to the header's `tx_root`.
    pub transaction_path: List<Hash, RECEIPT_PATH_HASHES_MAX>,
    /// The block's header, with its seal.
    pub sealed: SealedHeader,
    /// From the block to the history root that the decision names.
    pub history_path: List<Hash, RECEIPT_HISTORY_HASHES_MAX>,
    /// Entries of the decision log, from the first roster to the decision, which is the last.
    pub links: List<Link, RECEIPT_LINKS_MAX>,
}

/// What a receipt proves.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct VerifiedReceipt {
    /// The network. Whoever reads the receipt compares this with the one that they trust.
    pub network: NetworkId,
    /// The network's name, which anybody may have given to theirs.
    pub name: String,
    /// What was written, and by whom.
    pub transaction: SignedTransaction,
    /// The transaction's name.
    pub id: TransactionId,
    /// What it did.
    pub outcome: Outcome,
    /// Height of its block.
    pub height: u64,
    /// Its block.
    pub block: BlockHash,
    /// Its position among the block's transactions, from 0.
    pub index: u32,
    /// When the block's producer said that it was, milliseconds since 1970 UTC.
    pub timestamp_ms: u64,
    /// Height of the block that was decided: this one, or one above it.
    pub decided_height: u64,
    /// How many members signed the decision.
    pub signers: u32,
    /// Of how many.
    pub members: u32,
    /// How often the relay had replaced the roster after the first. The more, the more this rests
    /// on the relay's honesty.
    pub forced_changes: u64,
    /// Entries of the log up to the decision.
    pub log_length: u64,
    /// The log's fingerprint there. An honest relay has shown everyone the same.
    pub log_head: Hash,
}

/// A receipt that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The bytes are something else.
    #[error("this is no receipt: it does not begin with `tabchain-receipt`")]
    Magic,
    /// It is of another version.
    #[error("receipts of version {VERSION} are understood here, this one has version {0}")]
    Version(u8),
    /// It is too long.
    #[error("a receipt has at most {RECEIPT_BYTES_MAX} bytes, {0} came")]
    TooLong(usize),
    /// It does not decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its network cannot exist.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    /// Its transaction is not valid in its network.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// The block does not have that many transactions.
    #[error("the number of transactions is not the block's: {0}")]
    Record(ProofError),
    /// The transaction does not stand in the block there, or did something else.
    #[error("the transaction and its outcome do not stand in the block: {0}")]
    Inclusion(ProofError),
    /// The header's target is none.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The header has not done its work, or its producer did not sign it.
    #[error("block {0} is not sealed as the network asks")]
    Seal(BlockHash),
    /// The block does not stand in the decided history.
    #[error("the block does not stand in the decided history: {0}")]
    History(ProofError),
    /// A log entry does not follow from those before it.
    #[error("log entry {index}: {error}")]
    Link {
        /// The entry's index in the log.
        index: u64,
        /// What is wrong.
        error: LinkError,
    },
    /// The last log entry is no decision.
    #[error("the last log entry must be a decision, there is none")]
    NoDecision,
}

impl Receipt {
    /// The receipt of a file's bytes, not verified.
    pub fn from_file(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(ReceiptError::TooLong(bytes.len()));
        }
        match bytes.strip_prefix(MAGIC).and_then(<[u8]>::split_first) {
            Some((&VERSION, content)) => Ok(decode("receipt", content)?),
            Some((version, _)) => Err(ReceiptError::Version(*version)),
            None => Err(ReceiptError::Magic),
        }
    }

    /// The bytes of a file, by custom with the extension `.tabreceipt`.
    #[must_use]
    pub fn to_file(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.extend_from_slice(&encode(self));
        bytes
    }

    /// Whether the transaction stands in the final history of the network with these parameters:
    /// if fewer than a third of each of its rosters is faulty, and the relay's forced changes,
    /// which are counted, were honest.
    pub fn verify(&self) -> Result<VerifiedReceipt, ReceiptError> {
        self.network.check()?;
        let verified = self.transaction.clone().verify(&self.network);
        let id = verified.map_err(|invalid| invalid.error)?.id();
        self.verify_inclusion()?;
        let header = &self.sealed.header;
        let block = header.hash();
        let holds = match (&self.network.consensus, &self.sealed.seal) {
            (Consensus::Work(_), Seal::Work) => {
                Target::from_compact(header.bits)?.is_met_by(&block)
            }
            (Consensus::Stake(_), _) => self.sealed.verify_signature(&self.network.id()).is_ok(),
            _ => false,
        };
        if !holds {
            return Err(ReceiptError::Seal(block));
        }
        let mut chain = RosterChain::new(&self.network);
        for link in self.links.iter() {
            chain.follow(link).map_err(|error| ReceiptError::Link {
                index: link.entry.record.index,
                error,
            })?;
        }
        let Some(LogEvent::Decided {
            decision,
            certificate,
        }) = self.links.last().map(|link| &link.entry.record.event)
        else {
            return Err(ReceiptError::NoDecision);
        };
        merkle::verify_inclusion(
            &history_leaf(&block),
            header.height,
            decision.height.saturating_add(1),
            &self.history_path,
            &decision.history_root,
        )
        .map_err(ReceiptError::History)?;
        Ok(VerifiedReceipt {
            network: chain.network(),
            name: self.network.name.to_string(),
            transaction: self.transaction.clone(),
            id,
            outcome: self.outcome,
            height: header.height,
            block,
            index: self.index,
            timestamp_ms: header.timestamp_ms,
            decided_height: decision.height,
            signers: u32::try_from(certificate.signatures.len()).unwrap_or(u32::MAX),
            members: chain.members(),
            forced_changes: decision.forced_changes,
            log_length: chain.length(),
            log_head: chain.head(),
        })
    }

    fn verify_inclusion(&self) -> Result<(), ReceiptError> {
        let root = &self.sealed.header.tx_root;
        let leaves = u64::from(self.transactions) + 1;
        let record = merkle::leaf_hash(&Tag::BLOCK_RECORD.statement(&self.transactions));
        merkle::verify_inclusion(&record, 0, leaves, &self.record_path, root)
            .map_err(ReceiptError::Record)?;
        let leaf = merkle::leaf_hash(&Body::leaf((&self.transaction, &self.outcome)));
        let index = u64::from(self.index) + 1;
        merkle::verify_inclusion(&leaf, index, leaves, &self.transaction_path, root)
            .map_err(ReceiptError::Inclusion)
    }
}
