//! The replica that a dump is: a chain that stands where the tables stand, and moves them on.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use shared::block::{Block, Body, SealedHeader};
use shared::chain::{BodyError, Chain, Changes, Checkpoint, HeaderError};
use shared::finality::{LogEntry, LogEvent};
use shared::hash::{BlockHash, Hash};
use shared::keys::PublicKey;

use crate::batch::{Head, News, Portion, StateChanges};
use crate::error::DumpError;

/// A chain that stands where the tables stand, or ahead of them by what was taken from it as
/// portions and is being written.
#[derive(Debug)]
pub(crate) struct Follower {
    chain: Chain,
    /// Bodies of blocks that may still be taken back, and of those that may take their place.
    bodies: HashMap<BlockHash, Arc<Body>>,
    log_length: u64,
    log_head: Hash,
    /// Decisions whose blocks have not come yet, lowest first.
    decisions: VecDeque<Checkpoint>,
    /// The last block that came, while it is not on the best chain: the rest of its branch follows.
    last_on_side: Option<BlockHash>,
    /// Where the last portion ended.
    taken: Head,
    news: News,
    /// Where the last batch ended.
    batch_from: Head,
    state_changes: StateChanges,
}

impl Follower {
    /// A follower of a chain that was restored from the tables. `decisions` are those of the log
    /// above the decided height of the chain, `bodies` those of blocks that are not final.
    pub(crate) fn new(
        chain: Chain,
        bodies: HashMap<BlockHash, Arc<Body>>,
        log: (u64, Hash),
        decisions: VecDeque<Checkpoint>,
    ) -> Self {
        let (log_length, log_head) = log;
        let tip = chain.tip();
        let head = Head {
            height: tip.height,
            hash: tip.hash,
            final_height: chain.final_height(),
            log_length,
            log_head,
        };
        Self {
            chain,
            bodies,
            log_length,
            log_head,
            decisions,
            last_on_side: None,
            taken: head,
            news: News::default(),
            batch_from: head,
            state_changes: StateChanges::default(),
        }
    }

    /// Where the chain stands.
    pub(crate) fn head(&self) -> Head {
        let tip = self.chain.tip();
        Head {
            height: tip.height,
            hash: tip.hash,
            final_height: self.chain.final_height(),
            log_length: self.log_length,
            log_head: self.log_head,
        }
    }

    /// By what a source finds the blocks that come next.
    pub(crate) fn locator(&self) -> Vec<BlockHash> {
        let best = self.chain.locator();
        self.last_on_side.into_iter().chain(best).collect()
    }

    /// Whether enough has come for a portion.
    pub(crate) fn has_portion(&self) -> bool {
        self.news.is_portion()
    }

    /// Whether the decisions that are known reach beyond this many more blocks. Blocks are taken
    /// only where they do, or where there are no more decisions: a chain grows a bounded number of
    /// blocks past the last decision that it knows.
    pub(crate) fn knows_decisions_for(&self, blocks: u64) -> bool {
        let needed = self.chain.height().saturating_add(blocks);
        self.decisions
            .back()
            .is_some_and(|last| last.height >= needed)
    }

    /// Takes the next entries of the decision log.
    pub(crate) fn take_log(&mut self, entries: Vec<LogEntry>) -> Result<(), DumpError> {
        for entry in entries {
            let record = &entry.record;
            if record.index != self.log_length || record.previous != self.log_head {
                return Err(DumpError::LogConflict {
                    index: record.index,
                    expected: self.log_head,
                    came: record.previous,
                });
            }
            if let LogEvent::Decided { decision, .. } = &record.event {
                self.decisions.push_back(Checkpoint {
                    height: decision.height,
                    hash: decision.block,
                });
            }
            self.log_length += 1;
            self.log_head = record.hash();
            self.news.add_entry(entry);
        }
        Ok(())
    }

    /// Takes blocks of the source's best chain and follows them. True where there was something
    /// new in them.
    pub(crate) fn take_blocks(&mut self, blocks: Vec<Block>) -> Result<bool, DumpError> {
        let mut is_new = false;
        for block in blocks {
            let Block { sealed, body } = block;
            let hash = sealed.header.hash();
            if self.chain.height_of(&hash).is_some() {
                continue;
            }
            is_new |= self.take_block(&sealed, &hash, body)?;
        }
        self.bind();
        self.advance()?;
        Ok(is_new)
    }

    fn take_block(
        &mut self,
        sealed: &SealedHeader,
        hash: &BlockHash,
        body: Body,
    ) -> Result<bool, DumpError> {
        let height = sealed.header.height;
        if height <= self.chain.final_height() {
            return Err(DumpError::Conflict {
                height,
                dumped: self.chain.hash_at(height).unwrap_or_default(),
                came: *hash,
            });
        }
        let invalid = |reason: String| DumpError::Invalid { height, reason };
        // The source has judged the time by its clock.
        let inserted = self.chain.insert_header(sealed, sealed.header.timestamp_ms);
        let is_new = inserted.map_err(|error| match error {
            HeaderError::TooFar { .. } => DumpError::Crowded(error.to_string()),
            other => invalid(other.to_string()),
        })?;
        let body = Arc::new(body);
        let inserted = self.chain.insert_body(hash, Arc::clone(&body));
        inserted.map_err(|error| match error {
            BodyError::TooManySides => DumpError::Crowded(error.to_string()),
            other => invalid(other.to_string()),
        })?;
        self.bodies.insert(*hash, body);
        self.last_on_side = Some(*hash);
        self.bind();
        Ok(is_new)
    }

    /// Binds the chain to the decisions whose blocks are known.
    fn bind(&mut self) {
        while let Some(decided) = self.decisions.front().copied() {
            if self.chain.header_by_hash(&decided.hash).is_none() {
                break;
            }
            self.chain.decide(decided);
            self.decisions.pop_front();
        }
    }

    fn advance(&mut self) -> Result<(), DumpError> {
        let before = self.not_final();
        // The source has verified the signatures.
        let changes = self.chain.follow();
        if let Some((hash, error)) = changes.condemned.first() {
            return Err(DumpError::Invalid {
                height: self
                    .chain
                    .header_by_hash(hash)
                    .map_or(0, |sealed| sealed.header.height),
                reason: error.to_string(),
            });
        }
        self.note(&before, changes);
        let final_height = self.chain.final_height();
        let chain = &self.chain;
        self.bodies.retain(|hash, _| {
            chain
                .header_by_hash(hash)
                .is_some_and(|sealed| sealed.header.height > final_height)
        });
        if let Some(hash) = self.last_on_side
            && self.chain.height_of(&hash).is_some()
        {
            self.last_on_side = None;
        }
        Ok(())
    }

    /// The producers of the blocks that may be taken back, by height.
    fn not_final(&self) -> BTreeMap<u64, PublicKey> {
        (self.chain.final_height() + 1..=self.chain.height())
            .filter_map(|height| Some((height, self.chain.header(height)?.header.producer)))
            .collect()
    }

    /// Adds what an advance changed to what is to be written. `before` are the producers of
    /// the blocks that it may have taken back.
    fn note(&mut self, before: &BTreeMap<u64, PublicKey>, changes: Changes) {
        if changes.reverted > 0 {
            let kept_height = match changes.applied.first() {
                Some((lowest, _, _)) => lowest - 1,
                None => self.chain.height(),
            };
            self.news.take_back(kept_height);
            let state = &mut self.state_changes;
            let producers = before.range(kept_height + 1..);
            producers.for_each(|(_, producer)| state.add_gone_producer(*producer));
            changes
                .returned
                .iter()
                .for_each(|signed| state.add_gone(signed));
        }
        for (height, hash, _) in &changes.applied {
            if let Some(sealed) = self.chain.header_by_hash(hash)
                && let Some(body) = self.bodies.get(hash)
            {
                self.news
                    .add_block(*height, sealed.clone(), Arc::clone(body));
            }
        }
        for path in changes.places {
            self.state_changes.add_place(path);
        }
        for write in changes.writes {
            self.state_changes.add_write(write);
        }
    }

    /// What has come since the last portion. It is the last one of its batch where `is_last` says
    /// so, or where the batch has grown large; then it brings the state.
    pub(crate) fn take_portion(&mut self, is_last: bool) -> Portion {
        let to = self.head();
        let state = (is_last || self.state_changes.is_batch()).then(|| {
            let from = core::mem::replace(&mut self.batch_from, to);
            core::mem::take(&mut self.state_changes).into_rows(&from, self.chain.state())
        });
        let from = core::mem::replace(&mut self.taken, to);
        core::mem::take(&mut self.news).into_portion(from, to, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestReplica, network};

    #[test]
    fn a_reorganisation_within_a_batch_takes_back_what_former_portions_brought() {
        let replica = TestReplica::new(network("test"));
        let chain = Chain::new(network("test"));
        let mut follower = Follower::new(chain, HashMap::new(), (0, Hash::ZERO), VecDeque::new());
        replica.mine(60, &[replica.put(61, 0, "only/here", "x")]);
        follower.take_blocks(replica.blocks(1, 1)).unwrap();
        let first = follower.take_portion(false);
        assert_eq!((first.to.height, first.blocks.len()), (1, 1));
        assert!(first.state.is_none(), "the batch goes on");

        replica.reorganise(1, |at| vec![at.put(62, 0, "only/there", "y")]);
        follower.take_blocks(replica.blocks(1, 2)).unwrap();
        let last = follower.take_portion(true);
        assert_eq!((last.from, last.to), (first.to, follower.head()));
        assert_eq!(last.kept_height, 0, "block 1 is replaced");
        assert_eq!(last.rows().count(), 3, "two blocks and a transaction");
        let state = last.state.unwrap();
        assert_eq!(state.replaced_keys, ["only/here", "only/there"]);
        assert_eq!(state.keys.count(), 1, "what is gone is only removed");
    }

    #[test]
    fn an_entry_that_changes_in_each_block_of_a_batch_is_written_once() {
        let replica = TestReplica::new(network("test"));
        let chain = Chain::new(network("test"));
        let mut follower = Follower::new(chain, HashMap::new(), (0, Hash::ZERO), VecDeque::new());
        for value in ["1", "2", "3"] {
            replica.mine(60, &[replica.put(61, 0, "k", value)]);
            let height = replica.height();
            follower
                .take_blocks(replica.blocks(height, height))
                .unwrap();
            assert!(follower.take_portion(false).state.is_none());
        }
        let state = follower.take_portion(true).state.unwrap();
        assert_eq!((state.keys.count(), state.accounts.count()), (1, 2));
        let nothing = follower.take_portion(true);
        assert_eq!(nothing.from, nothing.to);
    }
}
