//! A replica in outline: which blocks are there, which is the tip, which is decided.

use std::collections::BTreeMap;

use crate::finality::tests::{history_root, network};
use crate::finality::voter::{BlockStanding, ChainOracle, PresentMember};
use crate::hash::{BlockHash, Hash};
use crate::keys::PublicKey;

#[derive(Clone)]
pub(super) struct Chain {
    pub(super) blocks: BTreeMap<BlockHash, (u64, BlockHash)>,
    pub(super) tip: (u64, BlockHash),
    pub(super) decided: (u64, BlockHash),
}

/// A replica and who is present, as a voter sees them.
pub(super) struct Oracle<'a>(pub(super) &'a Chain, pub(super) &'a [PresentMember]);

impl Chain {
    pub(super) fn new() -> Self {
        let genesis = network().genesis().hash();
        Self {
            blocks: BTreeMap::from([(genesis, (0, BlockHash::ZERO))]),
            tip: (0, genesis),
            decided: (0, genesis),
        }
    }

    pub(super) fn insert(&mut self, hash: BlockHash, height: u64, parent: BlockHash) {
        self.blocks.insert(hash, (height, parent));
        self.choose_tip();
    }

    pub(super) fn decide(&mut self, height: u64, hash: BlockHash) {
        self.decided = (height, hash);
        self.tip = self.decided;
        self.choose_tip();
    }

    fn choose_tip(&mut self) {
        let verified = self
            .blocks
            .iter()
            .map(|(&hash, &(height, _))| (height, hash));
        let best = verified
            .filter(|(height, hash)| self.standing(*height, hash) == BlockStanding::Executed)
            .max_by_key(|&(height, _)| height);
        if let Some(best) = best.filter(|best| best.0 > self.tip.0) {
            self.tip = best;
        }
    }

    pub(super) fn standing(&self, height: u64, hash: &BlockHash) -> BlockStanding {
        let mut at = *hash;
        let mut expected = height;
        loop {
            if (expected, at) == self.decided {
                return BlockStanding::Executed;
            }
            match self.blocks.get(&at) {
                None => return BlockStanding::Unknown,
                Some((found, _)) if *found != expected || expected <= self.decided.0 => {
                    return BlockStanding::Conflicting;
                }
                Some((_, parent)) => at = *parent,
            }
            expected -= 1;
        }
    }
}

impl ChainOracle for Oracle<'_> {
    fn standing(&self, height: u64, block: &BlockHash) -> BlockStanding {
        self.0.standing(height, block)
    }

    fn history_root_to(&self, _: u64, block: &BlockHash) -> Option<Hash> {
        self.0
            .blocks
            .contains_key(block)
            .then(|| history_root(block))
    }

    fn tip(&self) -> (u64, BlockHash) {
        self.0.tip
    }

    fn is_present(&self, member: &PublicKey) -> bool {
        self.1.iter().any(|present| present.key == *member)
    }

    fn means_to_stay(&self) -> bool {
        true
    }

    fn present(&self) -> Vec<PresentMember> {
        self.1.to_vec()
    }
}
