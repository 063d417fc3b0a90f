//! Proof of stake in the block tree: headers are judged by stake that was frozen one to two
//! epochs before, so that inventing headers takes stake.
//!
//! Beyond that, whose stake counts is not known before the blocks below are executed. Such headers
//! are taken on trust by a node that is behind, and judged when they are executed; their seals are
//! checked at once.

use super::headers::{HeaderError, Judged};
use super::{Chain, Known, index_of};
use crate::block::{Header, Seal, SealedHeader};
use crate::finality::evidence::Evidence;
use crate::hash::BlockHash;
use crate::keys::PublicKey;
use crate::limits::EVIDENCE_MAX;
use crate::network::Stake;
use crate::stake::{self, Holders, Lottery, StakeError, Stakes};
use crate::state::{Entry, Progress, stakes_path};

/// What is known at a block of whose stake counts.
#[derive(Clone, Debug)]
pub(super) struct Frozen {
    /// In the block's epoch.
    current: Holders,
    /// In the epoch after it; nothing while the block that began this epoch is not executed.
    next: Option<Holders>,
}

impl Frozen {
    pub(super) fn first(rules: &Stake) -> Self {
        Self {
            current: rules.first_holders(),
            next: Some(rules.first_holders()),
        }
    }
}

impl From<&Stakes> for Frozen {
    fn from(stakes: &Stakes) -> Self {
        Self {
            current: stakes.current.clone(),
            next: Some(stakes.next.clone()),
        }
    }
}

impl Chain {
    /// The slot at a time, in a network of proof of stake.
    #[must_use]
    pub fn slot_at(&self, time_ms: u64) -> Option<u64> {
        let rules = self.network.stake()?;
        Some(time_ms.saturating_sub(self.network.created_at_ms) / rules.slot_ms)
    }

    /// When a slot begins, milliseconds since 1970 UTC; 0 in a network of proof of work.
    #[must_use]
    pub fn slot_start_ms(&self, slot: u64) -> u64 {
        let slot_ms = self.network.stake().map_or(0, |rules| rules.slot_ms);
        let since_ms = slot.saturating_mul(slot_ms);
        self.network.created_at_ms.saturating_add(since_ms)
    }

    /// Whose stake counts in a slot after the tip.
    #[must_use]
    pub fn holders_in(&self, slot: u64) -> Option<Holders> {
        let rules = self.network.stake()?;
        self.counting(rules, self.headers.get(&self.tip_hash())?, slot)
    }

    /// Whether a key may put a block upon the tip in a slot.
    #[must_use]
    pub fn may_produce(&self, key: &PublicKey, slot: u64) -> bool {
        let holders = self.holders_in(slot);
        holders.is_some_and(|holders| self.is_turn(&holders, key, slot))
    }

    /// The first slot from this one on, among as many, that the draw gives to one of these keys:
    /// as long as no block comes before it.
    #[must_use]
    pub fn next_turn(&self, from: u64, slots: u64, keys: &[PublicKey]) -> Option<(u64, PublicKey)> {
        let rules = self.network.stake()?;
        let mut holders = self.holders_in(from)?;
        for slot in from..from.saturating_add(slots) {
            if slot % rules.epoch_slots == 0 {
                holders = self.holders_in(slot)?;
            }
            let winner = keys.iter().find(|key| self.is_turn(&holders, key, slot));
            if let Some(winner) = winner {
                return Some((slot, *winner));
            }
        }
        None
    }

    /// Whether stake of this key counts at the tip or in the epoch after it.
    #[must_use]
    pub fn holds_stake(&self, key: &PublicKey) -> bool {
        let known = self.headers.get(&self.tip_hash());
        let frozen = known.and_then(|known| known.frozen.as_ref());
        frozen.is_some_and(|frozen| {
            let next = frozen.next.as_ref();
            frozen.current.stake_of(key) > 0 || next.is_some_and(|next| next.stake_of(key) > 0)
        })
    }

    /// A block of a producer for the slot that begins at a time: of the executed chain, or another
    /// accepted one above the last final height.
    #[must_use]
    pub fn produced_at(&self, producer: &PublicKey, slot_start_ms: u64) -> Option<BlockHash> {
        let header = |hash: &BlockHash| self.headers.get(hash).map(|known| &known.sealed.header);
        // Along a chain slots increase.
        let before = |hash: &BlockHash| {
            header(hash).is_some_and(|header| header.timestamp_ms < slot_start_ms)
        };
        let executed = self.best.get(self.best.partition_point(before));
        let known = self.unsettled.values().flatten().chain(executed);
        known.copied().find(|hash| {
            header(hash).is_some_and(|header| {
                header.timestamp_ms == slot_start_ms && header.producer == *producer
            })
        })
    }

    /// Proofs that a holder signed two blocks for one slot, which have come up since they were last
    /// taken.
    pub fn take_evidence(&mut self) -> Vec<Evidence> {
        core::mem::take(&mut self.evidence)
    }

    /// Keeps the proof where a refused header, whatever it was refused for, is its producer's second
    /// one for a slot.
    pub(super) fn note_evidence(&mut self, sealed: &SealedHeader) {
        if self.network.stake().is_none() || self.evidence.len() >= EVIDENCE_MAX {
            return;
        }
        let header = &sealed.header;
        let known = self.produced_at(&header.producer, header.timestamp_ms);
        if let Some(known) = known.and_then(|known| self.headers.get(&known))
            && sealed.verify_signature(&self.id).is_ok()
        {
            let both = (known.sealed.clone(), sealed.clone());
            self.evidence.push(Evidence::Blocks(Box::new(both)));
        }
    }

    pub(super) fn judge_stake(
        &self,
        rules: &Stake,
        sealed: &SealedHeader,
        parent: &Known,
    ) -> Result<Judged, HeaderError> {
        let header = &sealed.header;
        if !matches!(sealed.seal, Seal::Stake(_)) {
            return Err(HeaderError::Seal);
        }
        let slot = self.slot_of(rules, header)?;
        let lottery = lottery_of(parent);
        let (ticket, doublings) = lottery.ticket(rules, slot, &header.producer)?;
        let current = self.counting(rules, parent, slot);
        match &current {
            Some(current) => lottery.draw(rules, current, slot, &header.producer)?,
            None if self.may_be_trusted(parent) => {}
            None => return Err(HeaderError::StakeAhead(rules.epoch(slot))),
        }
        sealed.verify_signature(&self.id)?;
        self.check_alone(header)?;
        let frozen = current.map(|current| Frozen {
            next: match rules.epoch(slot) - rules.epoch(lottery.slot) {
                0 => parent
                    .frozen
                    .as_ref()
                    .and_then(|frozen| frozen.next.clone()),
                1 => self.held_after(&header.previous),
                _ => Some(current.clone()),
            },
            current,
        });
        Ok(Judged {
            work: stake::weight(doublings),
            ticket,
            progress: Progress::Stake(lottery.after(rules, slot, &header.producer)),
            frozen,
        })
    }

    /// A header that was judged before: its stake counted, and its seal held.
    pub(super) fn stored_stake(&self, rules: &Stake, sealed: &SealedHeader) -> Option<Judged> {
        let header = &sealed.header;
        let slot = self.slot_of(rules, header).ok()?;
        let lottery = lottery_of(self.headers.get(&self.tip_hash())?);
        let (ticket, doublings) = lottery.ticket(rules, slot, &header.producer).ok()?;
        matches!(sealed.seal, Seal::Stake(_)).then_some(Judged {
            work: stake::weight(doublings),
            ticket,
            progress: Progress::Stake(lottery.after(rules, slot, &header.producer)),
            frozen: None,
        })
    }

    /// Whether the producer of a block upon the tip, which has just been executed, had the stake
    /// that its header was trusted to have.
    pub(super) fn check_turn(&self, known: &Known) -> Result<(), StakeError> {
        let tip = self.headers.get(&self.tip_hash());
        let (Some(rules), Some(stakes), Some(tip)) =
            (self.network.stake(), self.state.stakes(), tip)
        else {
            return Ok(());
        };
        let slot = lottery_of(known).slot;
        let producer = &known.sealed.header.producer;
        lottery_of(tip).draw(rules, &stakes.current, slot, producer)
    }

    /// Whose stake counts at blocks that may be built on, from the state and what takes it back.
    pub(super) fn restore_frozen(&mut self) {
        let path = stakes_path();
        let mut frozen = self.state.stakes().map(Frozen::from);
        for hash in self.best.iter().rev() {
            let Some(known) = self.headers.get_mut(hash) else {
                return;
            };
            // The genesis block has its own.
            if frozen.is_some() {
                known.frozen.clone_from(&frozen);
            }
            let Some(undo) = self.undo.get(&known.sealed.header.height) else {
                return;
            };
            match undo.0.iter().find(|(changed, _)| *changed == path) {
                Some((_, Some(Entry::Stakes(before)))) => frozen = Some(Frozen::from(before)),
                Some(_) => frozen = None,
                None => {}
            }
        }
    }

    pub(super) fn lottery_after_tip(
        &self,
        rules: &Stake,
        timestamp_ms: u64,
        producer: &PublicKey,
    ) -> Progress {
        let slot = self.slot_at(timestamp_ms).unwrap_or_default();
        let lottery = self.headers.get(&self.tip_hash()).map(lottery_of);
        Progress::Stake(lottery.unwrap_or_default().after(rules, slot, producer))
    }

    fn is_turn(&self, holders: &Holders, key: &PublicKey, slot: u64) -> bool {
        let tip = self.headers.get(&self.tip_hash());
        self.network
            .stake()
            .zip(tip)
            .is_some_and(|(rules, tip)| lottery_of(tip).draw(rules, holders, slot, key).is_ok())
    }

    fn slot_of(&self, rules: &Stake, header: &Header) -> Result<u64, HeaderError> {
        if header.bits != 0 {
            return Err(HeaderError::Bits {
                expected: 0,
                came: header.bits,
            });
        }
        if header.nonce != 0 {
            return Err(HeaderError::Nonce(header.nonce));
        }
        rules
            .slot_beginning_at(self.network.created_at_ms, header.timestamp_ms)
            .ok_or(HeaderError::Slot(header.timestamp_ms))
    }

    /// Whose stake counts in the slot of a successor: what everyone held after the last block of
    /// the epoch before the one before. Nothing where that one is not executed yet.
    fn counting(&self, rules: &Stake, parent: &Known, slot: u64) -> Option<Holders> {
        let epoch = rules.epoch(lottery_of(parent).slot);
        match rules.epoch(slot).saturating_sub(epoch) {
            0 => parent.frozen.as_ref().map(|frozen| frozen.current.clone()),
            1 => {
                // Executed blocks know it, and so does any other of the same epoch.
                let mut at = parent;
                while rules.epoch(lottery_of(at).slot) == epoch {
                    if let Some(next) = at.frozen.as_ref()?.next.as_ref() {
                        return Some(next.clone());
                    }
                    at = self.headers.get(&at.sealed.header.previous)?;
                }
                None
            }
            _ => self.held_after(&parent.sealed.header.hash()),
        }
    }

    /// Whether a successor of this block is kept although nobody here can say yet whose stake
    /// counts in it: on the way to a decided or justified block that is lacking, and on a branch
    /// that did not fall far behind the executed chain while it could still be judged.
    fn may_be_trusted(&self, parent: &Known) -> bool {
        if parent.frozen.is_none() || self.awaits_bound_block() {
            return true;
        }
        let mut shared = parent;
        while self.height_of(&shared.sealed.header.hash()).is_none() {
            match self.headers.get(&shared.sealed.header.previous) {
                Some(below) => shared = below,
                None => return false,
            }
        }
        let own = self.best.iter().skip(index_of(shared.sealed.header.height));
        let own = own
            .filter_map(|hash| self.headers.get(hash))
            .take_while(|own| own.sealed.header.timestamp_ms <= parent.sealed.header.timestamp_ms)
            .last();
        let since = |known: &Known| known.work.0.saturating_sub(shared.work.0);
        own.is_none_or(|own| since(parent) << 2 >= since(own))
    }

    /// What everyone held after a block of the executed chain that may still be built on. It takes
    /// as long as there are accounts, and headers of strangers ask for it: it is counted once.
    fn held_after(&self, hash: &BlockHash) -> Option<Holders> {
        let height = self.height_of(hash)?;
        if height == 0 {
            return self.network.stake().map(Stake::first_holders);
        }
        let held = self.headers.get(hash)?.held.get_or_init(|| {
            let above = self.undo.iter().rev();
            let above = above.take_while(|(above, _)| **above > height);
            self.state.held_before(above.map(|(_, undo)| undo))
        });
        Some(held.clone())
    }

    /// One block for one slot: a second one is refused, unless it could be what leads to a decided
    /// or justified block that is not known here.
    fn check_alone(&self, header: &Header) -> Result<(), HeaderError> {
        if self.awaits_bound_block() {
            return Ok(());
        }
        match self.produced_at(&header.producer, header.timestamp_ms) {
            Some(known) => Err(HeaderError::Equivocation {
                producer: header.producer,
                slot_start_ms: header.timestamp_ms,
                known,
            }),
            None => Ok(()),
        }
    }
}

fn lottery_of(known: &Known) -> Lottery {
    match known.progress {
        Progress::Stake(lottery) => lottery,
        Progress::Work(_) => Lottery::default(),
    }
}
