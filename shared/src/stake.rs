//! Proof of stake: slots, whose turn a slot is, and what a block weighs.
//!
//! Everything here follows from the keys of earlier producers and from stake that was frozen
//! before those keys were known. No hash and no signature that a producer could vary enters it.
//! `docs/protocol.md`, section 10.2, has the rules; `docs/adr/0070-proof-of-stake.md` says why.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::difficulty::{ChainWork, U320};
use crate::encoding::List;
use crate::hash::{BlockHash, Hash, NetworkId, Tag};
use crate::keys::PublicKey;
use crate::limits::{
    STAKE_ACTIVE_SLOTS_LOG2, STAKE_DOUBLINGS_MAX, STAKE_EMPTY_SLOTS, STAKE_HOLDERS_MAX,
};
use crate::network::{Holder, Stake as Rules};

/// Those whose stake counts in an epoch, the greatest first, of equal ones the smaller key first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holders(Arc<[Holder]>);

impl Holders {
    /// The greatest [`STAKE_HOLDERS_MAX`] of these that hold anything.
    #[must_use]
    pub fn of(holders: impl IntoIterator<Item = Holder>) -> Self {
        let mut holders: Vec<_> = holders
            .into_iter()
            .filter(|holder| holder.stake > 0)
            .collect();
        holders.sort_unstable_by_key(|holder| (core::cmp::Reverse(holder.stake), holder.key));
        holders.truncate(STAKE_HOLDERS_MAX);
        Self(holders.into())
    }

    /// The holders, the greatest first.
    #[must_use]
    pub fn as_slice(&self) -> &[Holder] {
        &self.0
    }

    /// The stake of a key; 0 where none of it counts.
    #[must_use]
    pub fn stake_of(&self, key: &PublicKey) -> u64 {
        let found = self.0.iter().find(|holder| holder.key == *key);
        found.map_or(0, |holder| holder.stake)
    }

    /// All stake that counts.
    #[must_use]
    pub fn total(&self) -> u128 {
        self.0.iter().map(|holder| u128::from(holder.stake)).sum()
    }
}

impl BorshSerialize for Holders {
    fn serialize<W: std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        self.as_slice().serialize(writer)
    }
}

impl BorshDeserialize for Holders {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let holders = List::<Holder, STAKE_HOLDERS_MAX>::deserialize_reader(reader)?;
        Ok(Self(holders.into_vec().into()))
    }
}

/// Whose stake counts in a block's epoch and in the next one: an entry of the state.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Stakes {
    /// In the block's epoch.
    pub current: Holders,
    /// In the epoch after it.
    pub next: Holders,
}

/// What a block leaves to its successors for the draw: an entry of the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Lottery {
    /// The block's slot.
    pub slot: u64,
    /// The seed of its epoch.
    pub seed: Hash,
    /// The keys of the epoch's producers up to this block, folded: becomes the next epoch's seed.
    pub fold: Hash,
}

/// Why a key may not produce in a slot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StakeError {
    /// The slot is not after the parent's.
    #[error("the slot must be above the parent's, {parent}; the header is for slot {came}")]
    PastSlot {
        /// The parent's slot.
        parent: u64,
        /// The header's.
        came: u64,
    },
    /// The producer holds nothing that counts.
    #[error("{0} holds no stake that counts in this epoch")]
    NoStake(PublicKey),
    /// The slot is another holder's.
    #[error("slot {slot} was not drawn by {producer}")]
    NotDrawn {
        /// The slot.
        slot: u64,
        /// Who wanted it.
        producer: PublicKey,
    },
}

impl Rules {
    /// The slot that begins at a time, for a network created at `created_at_ms`.
    #[must_use]
    pub fn slot_beginning_at(&self, created_at_ms: u64, time_ms: u64) -> Option<u64> {
        let since_ms = time_ms.checked_sub(created_at_ms)?;
        (since_ms % self.slot_ms == 0).then_some(since_ms / self.slot_ms)
    }

    /// The epoch of a slot.
    #[must_use]
    pub fn epoch(&self, slot: u64) -> u64 {
        slot / self.epoch_slots
    }

    /// The first holders, who count in the first two epochs.
    #[must_use]
    pub fn first_holders(&self) -> Holders {
        Holders::of(self.holders.iter().copied())
    }
}

impl Lottery {
    /// That of the genesis block.
    #[must_use]
    pub fn genesis(network: &NetworkId) -> Self {
        let seed = seed(&Hash(network.0), 0);
        Self {
            slot: 0,
            seed,
            fold: seed,
        }
    }

    /// The lottery of a successor in this slot by this producer.
    #[must_use]
    pub fn after(&self, rules: &Rules, slot: u64, producer: &PublicKey) -> Self {
        let seed = self.seed_of(rules, slot);
        let before = if self.seed == seed { self.fold } else { seed };
        Self {
            slot,
            seed,
            fold: Tag::STAKE_FOLD.hash(&[&before.0, &producer.0]),
        }
    }

    /// Whether the draw gives a slot that follows this block's to a producer, with the stake that
    /// counts there.
    pub fn draw(
        &self,
        rules: &Rules,
        holders: &Holders,
        slot: u64,
        producer: &PublicKey,
    ) -> Result<(), StakeError> {
        let (ticket, doublings) = self.ticket(rules, slot, producer)?;
        let stake = holders.stake_of(producer);
        if stake == 0 {
            return Err(StakeError::NoStake(*producer));
        }
        if is_drawn(&ticket, stake, holders.total(), doublings) {
            Ok(())
        } else {
            let producer = *producer;
            Err(StakeError::NotDrawn { slot, producer })
        }
    }

    /// What a key draws in a slot that follows this block's, the lower the better, and how often its chance is doubled
    /// there because of empty slots.
    pub fn ticket(
        &self,
        rules: &Rules,
        slot: u64,
        producer: &PublicKey,
    ) -> Result<(BlockHash, usize), StakeError> {
        let Some(after) = slot.checked_sub(self.slot).filter(|after| *after > 0) else {
            return Err(StakeError::PastSlot {
                parent: self.slot,
                came: slot,
            });
        };
        let doublings = (after - 1)
            .saturating_sub(STAKE_EMPTY_SLOTS)
            .min(STAKE_DOUBLINGS_MAX);
        Ok((
            ticket(&self.seed_of(rules, slot), slot, producer),
            usize::try_from(doublings).unwrap_or(usize::MAX),
        ))
    }

    /// The seed of the epoch in which a successor's slot lies.
    fn seed_of(&self, rules: &Rules, slot: u64) -> Hash {
        let epoch = rules.epoch(slot);
        if epoch == rules.epoch(self.slot) {
            self.seed
        } else {
            seed(&self.fold, epoch)
        }
    }
}

/// The seed of an epoch, from the folded keys of the producers before it.
fn seed(fold: &Hash, epoch: u64) -> Hash {
    Tag::STAKE_SEED.hash(&[&fold.0, &epoch.to_le_bytes()])
}

/// The number that a key draws for a slot, little-endian.
#[must_use]
pub fn ticket(seed: &Hash, slot: u64, key: &PublicKey) -> BlockHash {
    BlockHash(
        Tag::STAKE_TICKET
            .hash(&[&seed.0, &slot.to_le_bytes(), &key.0])
            .0,
    )
}

/// Whether a ticket is below stake / total / 2^[`STAKE_ACTIVE_SLOTS_LOG2`] of 2^256, doubled so
/// many times.
#[must_use]
pub fn is_drawn(ticket: &BlockHash, stake: u64, total: u128, doublings: usize) -> bool {
    let share = (U320::from(stake) << (256 - STAKE_ACTIVE_SLOTS_LOG2)) / U320::from(total.max(1));
    share.bits() + doublings > 256
        || U320::from_little_endian(ticket.as_bytes()) < share << doublings
}

/// What a block weighs whose threshold was doubled so many times: as much less as its producer had
/// more chance, so that waiting for an easy slot gains nothing.
#[must_use]
pub fn weight(doublings: usize) -> ChainWork {
    ChainWork(
        (U320::one() << usize::try_from(STAKE_DOUBLINGS_MAX).unwrap_or_default()) >> doublings,
    )
}
