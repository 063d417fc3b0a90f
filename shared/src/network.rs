//! What makes a network: the parameters from which its genesis follows.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::block::{Body, Header};
use crate::difficulty::{Target, TargetError};
use crate::encoding::Text;
use crate::hash::{BlockHash, NetworkId, Tag};
use crate::keys::PublicKey;
use crate::limits::{NETWORK_NAME_BYTES_MAX, TRANSACTION_WORK_BITS_MAX};

/// Everything that members of a network agree on before its first block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NetworkParameters {
    /// The name that people use.
    pub name: Text<NETWORK_NAME_BYTES_MAX>,
    /// Who may produce blocks, and how fast.
    pub consensus: Consensus,
    /// Who may join.
    pub admission: Admission,
    /// Time of creation, milliseconds since 1970 UTC; the genesis block's timestamp.
    pub created_at_ms: u64,
    /// Random bytes, so that no two networks share transactions.
    pub salt: [u8; 16],
    /// The key of the relay, which signs the decision log.
    pub relay: PublicKey,
    /// What a block's producer is credited.
    pub block_reward: u64,
    /// Leading zero bits that a transaction's id must have: a price for floods in open networks.
    pub transaction_work_bits: u8,
    /// Bytes of keys and values that one account may occupy in the state.
    pub state_bytes_per_account_max: u64,
    /// Whether the relay may replace a roster of which a third has vanished.
    pub forced_changes_allowed: bool,
}

/// Who may produce blocks.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Consensus {
    /// Whoever finds a nonce.
    Work(Work),
}

/// Parameters of proof of work.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Work {
    /// Time between blocks that the difficulty aims at, in milliseconds.
    pub spacing_ms: u64,
    /// Compact target of block 1.
    pub first_bits: u32,
    /// Compact target that is never exceeded.
    pub easiest_bits: u32,
}

/// Who may join a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Admission {
    /// Anyone. No bound on faulty members is claimed.
    Open,
    /// Whoever shows an invitation to the relay.
    InviteOnly,
}

/// Parameters with which no chain can be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    /// The name is empty.
    #[error("a network needs a name")]
    Name,
    /// The spacing is out of range.
    #[error("the time between blocks must be 100 ms to 1 hour, {0} ms came")]
    Spacing(u64),
    /// A target is malformed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The first target is easier than the easiest.
    #[error("the first target {first:#010x} is easier than the easiest, {easiest:#010x}")]
    FirstTarget {
        /// Compact target of block 1.
        first: u32,
        /// Compact target that is never exceeded.
        easiest: u32,
    },
    /// The price of a transaction is too high for a browser.
    #[error(
        "a transaction may ask for at most {TRANSACTION_WORK_BITS_MAX} leading zero bits, {0} came"
    )]
    TransactionWork(u8),
}

impl NetworkParameters {
    /// The network's name for machines: the hash of all its parameters.
    #[must_use]
    pub fn id(&self) -> NetworkId {
        NetworkId(Tag::NETWORK.hash_encoded(self).0)
    }

    /// Block 0, which follows from the parameters alone and commits to them by its `previous`.
    #[must_use]
    pub fn genesis(&self) -> Header {
        let Consensus::Work(work) = &self.consensus;
        Header {
            version: Header::VERSION,
            height: 0,
            timestamp_ms: self.created_at_ms,
            previous: BlockHash(self.id().0),
            tx_root: Body::default().root(),
            state_root: crate::state::EMPTY_ROOT,
            producer: self.relay,
            bits: work.first_bits,
            nonce: 0,
        }
    }

    /// Time between blocks that consensus aims at, in milliseconds.
    #[must_use]
    pub fn spacing_ms(&self) -> u64 {
        let Consensus::Work(work) = &self.consensus;
        work.spacing_ms
    }

    /// Whether a chain can be run with these parameters.
    pub fn check(&self) -> Result<(), ParametersError> {
        if self.name.as_str().is_empty() {
            return Err(ParametersError::Name);
        }
        if self.transaction_work_bits > TRANSACTION_WORK_BITS_MAX {
            return Err(ParametersError::TransactionWork(self.transaction_work_bits));
        }
        let Consensus::Work(work) = &self.consensus;
        if !(100..=3_600_000).contains(&work.spacing_ms) {
            return Err(ParametersError::Spacing(work.spacing_ms));
        }
        let first = Target::from_compact(work.first_bits)?;
        let easiest = Target::from_compact(work.easiest_bits)?;
        if first > easiest {
            return Err(ParametersError::FirstTarget {
                first: work.first_bits,
                easiest: work.easiest_bits,
            });
        }
        Ok(())
    }
}
