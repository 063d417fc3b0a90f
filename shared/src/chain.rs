//! The block tree of one network, the best chain through it, and the state at its tip.
//!
//! Headers come first and are judged alone; a body counts once it matches its header's root
//! and has been executed. Held in memory: every header of the best chain, all that stands above
//! the last final block (at most [`UNDECIDED_BLOCKS_MAX`] high), the state. On disk: the rest.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, OnceLock};

use litemap::LiteMap;

use crate::block::{Body, SealedHeader};
use crate::difficulty::{ChainWork, Parent, Schedule, Target};
use crate::finality::evidence::Evidence;
use crate::finality::voter::BlockStanding;
use crate::hash::{BlockHash, Hash, NetworkId, Tag};
use crate::limits::{LOCATOR_HASHES_MAX, MEDIAN_TIME_BLOCKS, POINTS_MAX, UNDECIDED_BLOCKS_MAX};
use crate::merkle;
use crate::message::Tip;
use crate::network::{Consensus, NetworkParameters};
use crate::stake::{Holders, Lottery};
use crate::state::{Progress, State, Undo};
use crate::transaction::Verifier;

mod advance;
mod choice;
mod headers;
mod held;
mod restore;
mod staking;
mod way;

pub use advance::{BlockError, Changes, history_key};
pub use headers::{BodyError, HeaderError};
pub use restore::RestoreError;
pub(crate) use restore::row_value;
use staking::Frozen;

/// A block that a decision stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, borsh::BorshSerialize, borsh::BorshDeserialize)]
pub struct Checkpoint {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: BlockHash,
}

#[derive(Clone, Debug)]
struct Known {
    sealed: SealedHeader,
    work: ChainWork,
    /// Of chains with the same work the one whose last ticket is lower wins.
    ticket: BlockHash,
    progress: Progress,
    /// Whose stake counts, where the proof is stake and the block is not final.
    frozen: Option<Frozen>,
    /// What everyone held after it, once that was asked for, as long as the block is not final.
    held: OnceLock<Holders>,
    is_invalid: bool,
    /// It was executed once, and so is valid, whether or not it stands on the best chain now.
    was_executed: bool,
}

/// The block tree, the best chain and its state.
#[derive(Debug)]
pub struct Chain {
    network: NetworkParameters,
    id: NetworkId,
    headers: HashMap<BlockHash, Known>,
    /// The executed chain: the hash at each height.
    best: Vec<BlockHash>,
    /// The RFC 6962 tree over the executed chain.
    history: merkle::Tree,
    state: State,
    /// How to take back the executed blocks that are not final.
    undo: LiteMap<u64, Undo>,
    /// Bodies of blocks that are not final: executed, on side branches, or waiting.
    bodies: HashMap<BlockHash, Arc<Body>>,
    /// The newest logged decision. The best chain leads to it or contains it.
    decided: Checkpoint,
    /// A block whose branch is better than all others, whether or not it has come.
    justified: Option<Checkpoint>,
    /// Up to this height the executed chain is final.
    final_height: u64,
    /// Accepted headers above the final height, by height.
    unsettled: BTreeMap<u64, Vec<BlockHash>>,
    /// The best header, executed or not.
    target: BlockHash,
    /// The way from the executed chain to the target, target last.
    plan: VecDeque<BlockHash>,
    reorganisations: u64,
    verifier: Verifier,
    /// Proofs that a holder signed two blocks for one slot, which nobody has taken yet.
    evidence: Vec<Evidence>,
}

impl Chain {
    /// The chain that has only its genesis block.
    #[must_use]
    pub fn new(network: NetworkParameters) -> Self {
        let genesis = network.genesis();
        let hash = genesis.hash();
        let id = network.id();
        let known = Known {
            sealed: SealedHeader {
                header: genesis,
                seal: crate::block::Seal::Work,
            },
            work: ChainWork::default(),
            ticket: hash,
            progress: match &network.consensus {
                Consensus::Work(_) => Progress::Work(Schedule::default()),
                Consensus::Stake(_) => Progress::Stake(Lottery::genesis(&id)),
            },
            frozen: network.stake().map(Frozen::first),
            held: OnceLock::new(),
            is_invalid: false,
            was_executed: true,
        };
        let mut history = merkle::Tree::default();
        history.push(history_leaf(&hash));
        Self {
            verifier: Verifier::new(&network, POINTS_MAX),
            network,
            id,
            headers: HashMap::from([(hash, known)]),
            best: vec![hash],
            history,
            state: State::default(),
            undo: LiteMap::new(),
            bodies: HashMap::new(),
            decided: Checkpoint { height: 0, hash },
            justified: None,
            final_height: 0,
            unsettled: BTreeMap::new(),
            target: hash,
            plan: VecDeque::new(),
            reorganisations: 0,
            evidence: Vec::new(),
        }
    }

    /// The network's parameters.
    #[must_use]
    pub fn network(&self) -> &NetworkParameters {
        &self.network
    }

    /// Verifies transactions for this network, and knows whose stand in the last blocks.
    pub(crate) fn verifier(&mut self) -> &mut Verifier {
        &mut self.verifier
    }

    /// The network's id.
    #[must_use]
    pub fn network_id(&self) -> NetworkId {
        self.id
    }

    /// The height of the best executed block.
    #[must_use]
    pub fn height(&self) -> u64 {
        height_of(self.best.len().saturating_sub(1))
    }

    /// The best executed block.
    #[must_use]
    pub fn tip(&self) -> Tip {
        let hash = self.tip_hash();
        Tip {
            height: self.height(),
            hash,
            work: self.work_of(&hash),
        }
    }

    /// The best header, executed or not.
    #[must_use]
    pub fn best_header(&self) -> Tip {
        Tip {
            height: self
                .header_by_hash(&self.target)
                .map_or(0, |sealed| sealed.header.height),
            hash: self.target,
            work: self.work_of(&self.target),
        }
    }

    /// The state at the tip.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The tree over the best chain's hashes.
    #[must_use]
    pub fn history(&self) -> &merkle::Tree {
        &self.history
    }

    /// The newest logged decision; it may be above the tip while bodies are being fetched.
    #[must_use]
    pub fn decided(&self) -> Checkpoint {
        self.decided
    }

    /// The height up to which the executed chain is final.
    #[must_use]
    pub fn final_height(&self) -> u64 {
        self.final_height
    }

    /// Reorganisations since the start.
    #[must_use]
    pub fn reorganisations(&self) -> u64 {
        self.reorganisations
    }

    /// The header at a height of the best chain.
    #[must_use]
    pub fn header(&self, height: u64) -> Option<&SealedHeader> {
        self.header_by_hash(&self.hash_at(height)?)
    }

    /// The hash at a height of the best chain.
    #[must_use]
    pub fn hash_at(&self, height: u64) -> Option<BlockHash> {
        self.best.get(index_of(height)).copied()
    }

    /// The height of a block of the best chain.
    #[must_use]
    pub fn height_of(&self, hash: &BlockHash) -> Option<u64> {
        let height = self.header_by_hash(hash)?.header.height;
        (self.hash_at(height) == Some(*hash)).then_some(height)
    }

    /// Any accepted header.
    #[must_use]
    pub fn header_by_hash(&self, hash: &BlockHash) -> Option<&SealedHeader> {
        self.headers.get(hash).map(|known| &known.sealed)
    }

    /// The body of a block that is not final, if it is here.
    #[must_use]
    pub fn body(&self, hash: &BlockHash) -> Option<&Body> {
        self.bodies.get(hash).map(Arc::as_ref)
    }

    /// Blocks on the way to the best header whose bodies are lacking, lowest first.
    pub fn missing_bodies(&self) -> impl Iterator<Item = BlockHash> + '_ {
        self.plan
            .iter()
            .filter(|hash| !self.bodies.contains_key(*hash))
            .copied()
    }

    /// Blocks between the executed chain and a block, this one included, whose bodies are lacking,
    /// highest first. Nothing where a header on the way is lacking.
    pub(crate) fn lacking_bodies(&self, hash: &BlockHash) -> Option<Vec<BlockHash>> {
        let mut lacking = Vec::new();
        let mut at = *hash;
        while self.height_of(&at).is_none() {
            let header = &self.headers.get(&at)?.sealed.header;
            if !self.bodies.contains_key(&at) {
                lacking.push(at);
            }
            at = header.previous;
        }
        Some(lacking)
    }

    /// Hashes by which another node finds the last block that it shares with this one: the best
    /// header, then the best chain downwards, densely at first, then at doubling distances.
    #[must_use]
    pub fn locator(&self) -> Vec<BlockHash> {
        let mut locator = vec![self.target];
        let (mut height, mut step) = (self.height(), 1);
        while locator.len() + 1 < LOCATOR_HASHES_MAX {
            locator.extend(self.hash_at(height));
            if height == 0 {
                return locator;
            }
            if locator.len() > 10 {
                step *= 2;
            }
            height = height.saturating_sub(step);
        }
        locator.extend(self.hash_at(0));
        locator
    }

    /// Headers of the best chain after the first block of the locator that is on it.
    #[must_use]
    pub fn headers_after(&self, locator: &[BlockHash], count_max: usize) -> Vec<SealedHeader> {
        let Some(shared) = locator.iter().find_map(|hash| self.height_of(hash)) else {
            return Vec::new();
        };
        self.best
            .iter()
            .skip(index_of(shared) + 1)
            .take(count_max)
            .filter_map(|hash| self.header_by_hash(hash).cloned())
            .collect()
    }

    /// How this chain stands to a block that somebody names.
    #[must_use]
    pub fn standing(&self, height: u64, hash: &BlockHash) -> BlockStanding {
        let Some(known) = self.headers.get(hash) else {
            return BlockStanding::Unknown;
        };
        if known.is_invalid || known.sealed.header.height != height || height < self.decided.height
        {
            return BlockStanding::Conflicting;
        }
        // Until the executed chain contains the decided block, nothing on it extends that one.
        if self.hash_at(self.decided.height) != Some(self.decided.hash) {
            return BlockStanding::Unknown;
        }
        if self.hash_at(height) == Some(*hash) {
            return BlockStanding::Executed;
        }
        // On a side branch: valid if all of it was executed before.
        let mut at = *hash;
        while let Some(known) = self.headers.get(&at) {
            if self.height_of(&at).is_some() {
                let shared = known.sealed.header.height;
                return if shared >= self.decided.height {
                    BlockStanding::Left
                } else {
                    BlockStanding::Conflicting
                };
            }
            if !known.was_executed {
                return BlockStanding::Unknown;
            }
            at = known.sealed.header.previous;
        }
        BlockStanding::Unknown
    }

    /// The root of the history tree over the blocks 0 to the named one.
    #[must_use]
    pub fn history_root_to(&self, height: u64, hash: &BlockHash) -> Option<Hash> {
        if self.hash_at(height) == Some(*hash) {
            return self.history.root_at(index_of(height) + 1);
        }
        let branch = self.branch_to(hash)?;
        let shared = index_of(height)
            .saturating_add(1)
            .checked_sub(branch.len())?;
        let mut history = self.history.clone();
        history.truncate(shared);
        for hash in &branch {
            history.push(history_leaf(hash));
        }
        Some(history.root())
    }

    /// Whether no further block may be put above the tip until the next decision.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.height() >= self.decided.height.saturating_add(UNDECIDED_BLOCKS_MAX)
    }

    /// What the difficulty of a successor of the tip depends on.
    #[must_use]
    pub fn difficulty_parent(&self) -> Parent {
        self.parent_of_successor(&self.tip_hash())
    }

    /// The smallest timestamp that a successor of the tip may carry.
    #[must_use]
    pub fn timestamp_min_ms(&self) -> u64 {
        match self.network.consensus {
            Consensus::Work(_) => self.median_time_ms(&self.tip_hash()) + 1,
            Consensus::Stake(_) => 0,
        }
    }

    /// Expected hashes for a block of this compact target.
    #[must_use]
    pub fn expected_hashes(bits: u32) -> f64 {
        Target::from_compact(bits).map_or(0.0, |target| target.work().to_f64())
    }

    fn tip_hash(&self) -> BlockHash {
        self.best.last().copied().unwrap_or_default()
    }

    fn work_of(&self, hash: &BlockHash) -> ChainWork {
        self.headers
            .get(hash)
            .map(|known| known.work)
            .unwrap_or_default()
    }

    fn parent_of_successor(&self, hash: &BlockHash) -> Parent {
        let known = self.headers.get(hash);
        let header = known.map(|known| &known.sealed.header);
        Parent {
            height: header.map_or(0, |header| header.height),
            timestamp_ms: header.map_or(0, |header| header.timestamp_ms),
            schedule: match known.map(|known| known.progress) {
                Some(Progress::Work(schedule)) => schedule,
                _ => Schedule::default(),
            },
        }
    }

    /// The median timestamp of the last blocks up to this one: of 11, or of all where there are
    /// fewer; of an even number the lower of the middle two.
    fn median_time_ms(&self, hash: &BlockHash) -> u64 {
        let mut times = Vec::with_capacity(MEDIAN_TIME_BLOCKS);
        let mut at = *hash;
        while let Some(known) = self.headers.get(&at) {
            let time_ms = known.sealed.header.timestamp_ms;
            times.insert(times.partition_point(|earlier| *earlier < time_ms), time_ms);
            if times.len() == MEDIAN_TIME_BLOCKS {
                break;
            }
            at = known.sealed.header.previous;
        }
        let middle = times.len().saturating_sub(1) / 2;
        times.get(middle).copied().unwrap_or_default()
    }

    /// The blocks from above the executed chain up to the named one; nothing where the way down
    /// from it does not reach that chain.
    fn branch_to(&self, hash: &BlockHash) -> Option<VecDeque<BlockHash>> {
        let mut branch = VecDeque::new();
        let mut at = *hash;
        while self.height_of(&at).is_none() {
            branch.push_front(at);
            at = self.headers.get(&at)?.sealed.header.previous;
        }
        Some(branch)
    }
}

/// The hash of a block as a leaf of the history tree.
#[must_use]
pub fn history_leaf(hash: &BlockHash) -> Hash {
    merkle::leaf_hash_of(&[Tag::HISTORY.bytes(), &hash.0])
}

pub(crate) fn index_of(height: u64) -> usize {
    usize::try_from(height).unwrap_or(usize::MAX - 1)
}

pub(crate) fn height_of(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX)
}
