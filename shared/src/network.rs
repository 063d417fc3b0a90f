//! What makes a network: the parameters from which its genesis follows.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::block::{Body, Header};
use crate::difficulty::{Target, TargetError};
use crate::encoding::{List, Text};
use crate::hash::{BlockHash, NetworkId, Tag};
use crate::keys::PublicKey;
use crate::limits::{
    FIRST_HOLDERS_MAX, NETWORK_NAME_BYTES_MAX, STAKE_ACTIVE_SLOTS_LOG2, TRANSACTION_WORK_BITS_MAX,
};

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
    /// Whoever holds stake, when a slot is theirs.
    Stake(Stake),
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

/// Parameters of proof of stake.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Stake {
    /// Length of a slot, in milliseconds.
    pub slot_ms: u64,
    /// Slots of an epoch: stake that moves counts one to two epochs later.
    pub epoch_slots: u64,
    /// Who holds what before the first block.
    pub holders: List<Holder, FIRST_HOLDERS_MAX>,
}

/// A key and its stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Holder {
    /// Who holds it.
    pub key: PublicKey,
    /// How much.
    pub stake: u64,
}

/// A text that should be a holder is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a holder is a public key and a number, as tab1…=100000: this text is not")]
pub struct ParseHolderError;

impl core::str::FromStr for Holder {
    type Err = ParseHolderError;

    /// `KEY=STAKE`, as people type it.
    fn from_str(text: &str) -> Result<Self, ParseHolderError> {
        let (key, stake) = text.split_once('=').ok_or(ParseHolderError)?;
        Ok(Self {
            key: key.parse().map_err(|_| ParseHolderError)?,
            stake: stake.parse().map_err(|_| ParseHolderError)?,
        })
    }
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
    #[error(
        "the time between blocks, or the length of a slot, must be 100 ms to 1 hour, {0} ms came"
    )]
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
    /// The length of an epoch is out of range.
    #[error("an epoch must have 10 to 100,000 slots, {0} came")]
    Epoch(u64),
    /// There are no holders, or not such as there can be.
    #[error(
        "a network of proof of stake begins with 1 to {FIRST_HOLDERS_MAX} holders, by ascending keys, each with a stake above 0, and all together with less than 2^63"
    )]
    Holders,
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
        Header {
            version: Header::VERSION,
            height: 0,
            timestamp_ms: self.created_at_ms,
            previous: BlockHash(self.id().0),
            tx_root: Body::default().root(),
            state_root: crate::state::EMPTY_ROOT,
            producer: self.relay,
            bits: match &self.consensus {
                Consensus::Work(work) => work.first_bits,
                Consensus::Stake(_) => 0,
            },
            nonce: 0,
        }
    }

    /// Time between blocks that consensus aims at, in milliseconds.
    #[must_use]
    pub fn spacing_ms(&self) -> u64 {
        match &self.consensus {
            Consensus::Work(work) => work.spacing_ms,
            Consensus::Stake(stake) => stake.slot_ms << STAKE_ACTIVE_SLOTS_LOG2,
        }
    }

    /// The rules of proof of stake, in a network that has them.
    #[must_use]
    pub fn stake(&self) -> Option<&Stake> {
        match &self.consensus {
            Consensus::Work(_) => None,
            Consensus::Stake(stake) => Some(stake),
        }
    }

    /// Whether a chain can be run with these parameters.
    pub fn check(&self) -> Result<(), ParametersError> {
        if self.name.as_str().is_empty() {
            return Err(ParametersError::Name);
        }
        if self.transaction_work_bits > TRANSACTION_WORK_BITS_MAX {
            return Err(ParametersError::TransactionWork(self.transaction_work_bits));
        }
        match &self.consensus {
            Consensus::Work(work) => work.check(),
            Consensus::Stake(stake) => stake.check(),
        }
    }
}

impl Work {
    fn check(&self) -> Result<(), ParametersError> {
        check_spacing(self.spacing_ms)?;
        let first = Target::from_compact(self.first_bits)?;
        let easiest = Target::from_compact(self.easiest_bits)?;
        if first > easiest {
            return Err(ParametersError::FirstTarget {
                first: self.first_bits,
                easiest: self.easiest_bits,
            });
        }
        Ok(())
    }
}

impl Stake {
    fn check(&self) -> Result<(), ParametersError> {
        check_spacing(self.slot_ms)?;
        if !(10..=100_000).contains(&self.epoch_slots) {
            return Err(ParametersError::Epoch(self.epoch_slots));
        }
        let total: u128 = self
            .holders
            .iter()
            .map(|holder| u128::from(holder.stake))
            .sum();
        let is_sound = self.holders.is_sorted_by(|one, next| one.key < next.key)
            && self.holders.iter().all(|holder| holder.stake > 0)
            && (1..1 << 63).contains(&total);
        is_sound.then_some(()).ok_or(ParametersError::Holders)
    }
}

fn check_spacing(spacing_ms: u64) -> Result<(), ParametersError> {
    if (100..=3_600_000).contains(&spacing_ms) {
        Ok(())
    } else {
        Err(ParametersError::Spacing(spacing_ms))
    }
}
