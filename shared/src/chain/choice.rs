//! Which branch is the best.
//!
//! The most work decides, above the last decision. But a block that a quorum of the roster has
//! prevoted may have bound some of them, who vote for no other one then: as long as it may, its
//! branch is better than all others, as a justified checkpoint's is in Casper FFG (arXiv
//! 1710.09437). Were it left for a heavier one, the bound could go on voting for what the others no
//! longer have.

use core::cmp::Reverse;

use super::{Chain, Checkpoint};
use crate::difficulty::ChainWork;
use crate::hash::BlockHash;

/// What makes a block better than others where nobody is bound: work, then the lower ticket, then
/// the lower hash.
type Weight = (ChainWork, Reverse<(BlockHash, BlockHash)>);

impl Chain {
    /// The block whose branch is better than all others, if there is one.
    #[must_use]
    pub fn justified(&self) -> Option<Checkpoint> {
        self.justified
    }

    /// Makes the branch of a block that a quorum has prevoted better than all others, in place of
    /// the one before. Its header need not be known yet. True where it is another one than before.
    pub fn justify(&mut self, justified: Option<Checkpoint>) -> bool {
        if self.justified == justified {
            return false;
        }
        let before = core::mem::replace(&mut self.justified, justified);
        // The best of all stays the best where it is one of those that count now.
        if before.is_some() || !self.is_justified(&self.target) {
            self.choose_target();
        }
        true
    }

    /// The better of two blocks to stand on has the greater rank.
    pub(super) fn rank(&self, hash: &BlockHash) -> (bool, Weight) {
        (self.is_justified(hash), self.weight(hash))
    }

    pub(super) fn weight(&self, hash: &BlockHash) -> Weight {
        let ticket = self.headers.get(hash).map(|known| known.ticket);
        (
            self.work_of(hash),
            Reverse((ticket.unwrap_or_default(), *hash)),
        )
    }

    /// Whether a header may be aimed at: it descends from the last decision, as far as that one
    /// is known here.
    pub(super) fn leads_from_decision(&self, hash: &BlockHash) -> bool {
        !self.headers.contains_key(&self.decided.hash) || self.descends_from(hash, &self.decided)
    }

    /// Whether the last decided block or the justified one has not come yet. A header that would
    /// be refused otherwise may lead to it.
    pub(super) fn awaits_bound_block(&self) -> bool {
        let justified = self.justified.iter().map(|justified| justified.hash);
        let mut bound = justified.chain([self.decided.hash]);
        bound.any(|hash| !self.headers.contains_key(&hash))
    }

    /// Looks for the best header anew: among those above the final height, and the tip, which may
    /// be all there is.
    pub(super) fn choose_target(&mut self) {
        let unsettled = self.unsettled.values().flatten().copied();
        let best = unsettled
            .chain([self.tip_hash()])
            .filter(|hash| {
                let known = self.headers.get(hash);
                known.is_some_and(|known| !known.is_invalid) && self.leads_from_decision(hash)
            })
            .max_by_key(|hash| self.rank(hash));
        if let Some(best) = best {
            self.aim_at(best);
        }
    }

    pub(super) fn aim_at(&mut self, target: BlockHash) {
        let extends_plan = self
            .headers
            .get(&target)
            .is_some_and(|known| known.sealed.header.previous == self.target);
        self.target = target;
        if extends_plan {
            self.plan.push_back(target);
        } else {
            self.plan = self.branch_to(&target).unwrap_or_default();
        }
    }

    fn is_justified(&self, hash: &BlockHash) -> bool {
        self.justified
            .is_some_and(|justified| self.descends_from(hash, &justified))
    }

    /// Whether a block is this one or stands above it.
    fn descends_from(&self, hash: &BlockHash, from: &Checkpoint) -> bool {
        let mut at = *hash;
        while let Some(known) = self.headers.get(&at) {
            let height = known.sealed.header.height;
            if height <= from.height {
                return at == from.hash;
            }
            if self.height_of(&at).is_some() {
                return self.hash_at(from.height) == Some(from.hash);
            }
            at = known.sealed.header.previous;
        }
        false
    }
}
