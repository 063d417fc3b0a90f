//! Which blocks are executed next: those on the way to the best header, as far as their bodies are
//! here; or else those of the best branch whose bodies are.
//!
//! Headers are cheap, and nobody can be made to deliver a body. If the way to the best header were
//! waited for, whoever announces a heavy branch and keeps its bodies back would stop the chain.

use std::collections::HashSet;

use super::Chain;
use crate::hash::BlockHash;
use crate::limits::BODIES_PER_REQUEST_MAX;

/// Blocks whose bodies are all here.
pub(super) struct Way {
    /// Lowest first, at least one; the last is better than the tip.
    pub(super) blocks: Vec<BlockHash>,
    /// The height of the first one's parent, which is on the executed chain.
    pub(super) shared: u64,
    /// Whether it leads to the best header.
    pub(super) is_planned: bool,
    /// Whether it leads to the decided block, or through it.
    pub(super) is_bound: bool,
}

impl Chain {
    pub(super) fn next_way(&self) -> Option<Way> {
        if self.plan.is_empty() {
            return None;
        }
        self.planned_way().or_else(|| self.complete_way())
    }

    /// Whether the tip would be left for a block if all bodies on the way to it were here.
    pub(crate) fn is_worth_leaving_for(&self, hash: &BlockHash) -> bool {
        let known = self.headers.get(hash);
        known.is_some_and(|known| !known.is_invalid)
            && self.is_better_than_tip(hash)
            && self.leads_from_decision(hash)
    }

    /// Bodies for one question, each branch's lowest first: those of a branch that was shown, if the
    /// tip would be left for it, since others may be kept back; then these others; then those on the
    /// way to the best header.
    pub(crate) fn wanted_bodies(
        &self,
        shown: Option<&BlockHash>,
        others: impl IntoIterator<Item = BlockHash>,
    ) -> Vec<BlockHash> {
        let shown = shown.filter(|hash| self.is_worth_leaving_for(hash));
        let shown = shown.and_then(|hash| self.lacking_bodies(hash));
        let mut wanted = HashSet::new();
        (shown.into_iter().flatten().rev())
            .chain(others)
            .chain(self.missing_bodies())
            .filter(|hash| wanted.insert(*hash))
            .take(BODIES_PER_REQUEST_MAX)
            .collect()
    }

    /// The way to the best header, as far as the bodies are here.
    fn planned_way(&self) -> Option<Way> {
        let planned = self.plan.iter();
        let planned = planned.take_while(|hash| self.bodies.contains_key(*hash));
        self.way(planned.copied().collect(), true)
    }

    /// The way to the best block whose bodies are here, its own and those of all before it.
    fn complete_way(&self) -> Option<Way> {
        let bodies = self.bodies.keys();
        let mut waiting: Vec<_> = bodies
            .filter(|hash| self.height_of(hash).is_none())
            .filter_map(|hash| Some((&self.headers.get(hash)?.sealed.header, hash)))
            .collect();
        waiting.sort_unstable_by_key(|(header, _)| header.height);
        let mut complete = HashSet::new();
        for (header, hash) in waiting {
            let parent = &header.previous;
            if complete.contains(parent) || self.height_of(parent).is_some() {
                complete.insert(*hash);
            }
        }
        let best = complete
            .into_iter()
            .filter(|hash| self.is_worth_leaving_for(hash))
            .max_by_key(|hash| self.rank(hash))?;
        self.way(self.branch_to(&best)?.into(), false)
    }

    fn is_better_than_tip(&self, hash: &BlockHash) -> bool {
        let tip = self.tip_hash();
        self.rank(hash) > self.rank(&tip) || !self.leads_from_decision(&tip)
    }

    fn way(&self, blocks: Vec<BlockHash>, is_planned: bool) -> Option<Way> {
        let (first, last) = (blocks.first()?, blocks.last()?);
        let shared = self.height_of(&self.headers.get(first)?.sealed.header.previous)?;
        if shared < self.final_height || !self.is_better_than_tip(last) {
            return None;
        }
        let is_bound = if is_planned {
            self.plan.contains(&self.decided.hash)
        } else {
            blocks.contains(&self.decided.hash)
        };
        Some(Way {
            blocks,
            shared,
            is_planned,
            is_bound,
        })
    }
}
