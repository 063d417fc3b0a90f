//! The executed chain follows the best header: forward, and back where another branch is better.

use std::sync::{Arc, OnceLock};

use super::way::Way;
use super::{Chain, Frozen, Known, history_leaf, index_of};
use crate::block::{Body, Header, Outcomes};
use crate::difficulty;
use crate::encoding::{List, encode};
use crate::hash::{BlockHash, Hash, TransactionId};
use crate::keys::PublicKey;
use crate::limits::BLOCK_BODY_BYTES_MAX;
use crate::network::Consensus;
use crate::stake::StakeError;
use crate::state::{BlockContext, Entry, ExecutionError, Path, Progress, State, Undo, key_path};
use crate::store::{Place, Table, Write, number_key};
use crate::transaction::{Action, SignedTransaction, TransactionError, Verified, Verifier};

/// Why a block is invalid although its body matches its header. It stays condemned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The body is too long.
    #[error("a body has at most {BLOCK_BODY_BYTES_MAX} bytes, this one has {0}")]
    BodyBytes(usize),
    /// A transaction is not valid at all.
    #[error("transaction {index}: {error}")]
    Transaction {
        /// Its position, from 0.
        index: usize,
        /// What is wrong with it.
        error: TransactionError,
    },
    /// A transaction may not stand at this point.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// The producer had no turn, which was not known before the blocks below were executed.
    #[error(transparent)]
    Stake(#[from] StakeError),
    /// An outcome is not the one that execution yields.
    #[error("execution yields other outcomes than the block says")]
    Outcomes,
    /// The state root is not the one that execution yields.
    #[error("execution yields state root {expected}, the header has {came}")]
    StateRoot {
        /// By execution.
        expected: Hash,
        /// The header's.
        came: Hash,
    },
}

/// What an advance changed.
#[derive(Debug, Default)]
pub struct Changes {
    /// For the store; to be written as one batch.
    pub writes: Vec<Write>,
    /// After [`Chain::follow`]: places in the state that blocks changed, some of them repeatedly.
    pub places: Vec<Path>,
    /// Blocks that joined the best chain: height, hash, number of transactions.
    pub applied: Vec<(u64, BlockHash, usize)>,
    /// Number of blocks that left it.
    pub reverted: usize,
    /// Transactions of blocks that left; some of them may stand in those that joined.
    pub returned: Vec<SignedTransaction>,
    /// Blocks that were found invalid.
    pub condemned: Vec<(BlockHash, BlockError)>,
}

impl Changes {
    /// Whether the best chain is another one than before.
    #[must_use]
    pub fn moved_tip(&self) -> bool {
        !self.applied.is_empty() || self.reverted > 0
    }
}

/// What an advance does beside executing.
#[derive(Clone, Copy)]
enum Manner<'a> {
    /// It verifies what is not known to be verified, and makes all rows of the store.
    Verifying(&'a dyn Fn(&SignedTransaction) -> bool),
    /// It does neither.
    Following,
}

impl Chain {
    /// Executes what can be executed on the way to the best header. `is_verified` tells whether a
    /// signed transaction was verified before.
    pub fn advance(&mut self, is_verified: &dyn Fn(&SignedTransaction) -> bool) -> Changes {
        self.advance_as(Manner::Verifying(is_verified))
    }

    /// The same after a replica that is trusted to have verified all signatures, for who keeps
    /// rows of another kind: places are noted instead of the rows of blocks that joined, except
    /// how to take them back. Roots, outcomes and work are checked all the same.
    pub fn follow(&mut self) -> Changes {
        self.advance_as(Manner::Following)
    }

    fn advance_as(&mut self, manner: Manner<'_>) -> Changes {
        let mut changes = Changes::default();
        while let Some(way) = self.next_way() {
            if !self.make_way(&way, &mut changes) {
                break;
            }
            self.go(&way, manner, &mut changes);
        }
        if changes.reverted > 0 {
            self.reorganisations += 1;
        }
        self.settle(&mut changes.writes);
        changes
    }

    /// Executes the blocks of a way upon the tip, up to the first that proves invalid.
    fn go(&mut self, way: &Way, manner: Manner<'_>, changes: &mut Changes) {
        for hash in &way.blocks {
            // On the way to a decided block nothing will ever be taken back.
            let is_final = way.is_bound
                && self
                    .headers
                    .get(hash)
                    .is_some_and(|known| known.sealed.header.height <= self.decided.height);
            if let Err(error) = self.apply(hash, is_final, manner, changes) {
                self.condemn(hash);
                changes.condemned.push((*hash, error));
                return self.choose_target();
            }
            if self.plan.front() == Some(hash) {
                self.plan.pop_front();
            }
        }
        if !way.is_planned {
            self.plan = self.branch_to(&self.target).unwrap_or_default();
        }
    }

    /// A block to be mined upon the tip: header without nonce, and body.
    pub fn template(
        &mut self,
        producer: PublicKey,
        timestamp_ms: u64,
        transactions: &[Verified],
    ) -> Result<(Header, Body), ExecutionError> {
        let (bits, progress) = match &self.network.consensus {
            Consensus::Work(rules) => {
                let parent = self.difficulty_parent();
                let (bits, schedule) = difficulty::next(rules, &parent, timestamp_ms);
                (bits, Progress::Work(schedule))
            }
            Consensus::Stake(rules) => (0, self.lottery_after_tip(rules, timestamp_ms, &producer)),
        };
        let context = BlockContext {
            height: self.height() + 1,
            producer,
            progress,
        };
        let executed = transactions
            .iter()
            .map(|verified| (verified.id(), verified.transaction()));
        let (outcomes, undo) = self.state.execute(&self.network, &context, executed)?;
        let state_root = self.state.root();
        self.state.revert(&undo);
        let body = Body {
            transactions: List::truncated(
                transactions
                    .iter()
                    .map(|verified| verified.signed().clone()),
            ),
            outcomes: Outcomes::truncated(outcomes),
        };
        let header = Header {
            version: Header::VERSION,
            height: context.height,
            timestamp_ms,
            previous: self.tip_hash(),
            tx_root: body.root(),
            state_root,
            producer,
            bits,
            nonce: 0,
        };
        Ok((header, body))
    }

    /// Takes blocks back until the way's first block extends the tip: all of them or none. After a
    /// restart bodies are lacking until they are given back; then it is false.
    fn make_way(&mut self, way: &Way, changes: &mut Changes) -> bool {
        let mut leaving = self.best.iter().skip(index_of(way.shared) + 1);
        if !leaving.all(|hash| self.bodies.contains_key(hash)) {
            return false;
        }
        while self.height() > way.shared {
            if !self.revert_tip(changes) {
                return false;
            }
        }
        true
    }

    fn apply(
        &mut self,
        hash: &BlockHash,
        is_final: bool,
        manner: Manner<'_>,
        changes: &mut Changes,
    ) -> Result<(), BlockError> {
        let (Some(known), Some(body)) = (self.headers.get(hash), self.bodies.get(hash)) else {
            return Ok(());
        };
        let header = &known.sealed.header;
        let encoded = encode(body.as_ref());
        if encoded.len() > BLOCK_BODY_BYTES_MAX {
            return Err(BlockError::BodyBytes(encoded.len()));
        }
        let ids = match manner {
            Manner::Verifying(is_verified) => verify_body(body, is_verified, &mut self.verifier)?,
            Manner::Following => ids(body),
        };
        let context = BlockContext {
            height: header.height,
            producer: header.producer,
            progress: known.progress,
        };
        let undo = execute(&mut self.state, &self.network, &context, known, body, &ids)?;
        if known.frozen.is_none()
            && let Err(error) = self.check_turn(known)
        {
            self.state.revert(&undo);
            return Err(error.into());
        }

        let writes = &mut changes.writes;
        let key = number_key(header.height);
        match manner {
            Manner::Verifying(_) => {
                writes.push(Write::put(Table::Headers, key.clone(), &known.sealed));
                writes.push(Write {
                    table: Table::Bodies,
                    key: key.clone(),
                    value: Some(encoded),
                });
                write_state(&self.state, &undo, writes);
                write_index(header.height, body, &ids, writes, true);
            }
            Manner::Following => changes.places.extend(undo.0.iter().map(|(path, _)| *path)),
        }
        if !is_final {
            writes.push(Write::put(Table::Undo, key, &undo));
            self.undo.insert(header.height, undo);
        }
        changes.applied.push((header.height, *hash, ids.len()));
        self.best.push(*hash);
        self.history.push(history_leaf(hash));
        let frozen = self.state.stakes().map(Frozen::from);
        if let Some(known) = self.headers.get_mut(hash) {
            known.was_executed = true;
            known.frozen = frozen;
        }
        Ok(())
    }

    fn revert_tip(&mut self, changes: &mut Changes) -> bool {
        let height = self.height();
        let hash = self.tip_hash();
        let (Some(undo), Some(body)) = (self.undo.remove(&height), self.bodies.get(&hash)) else {
            return false;
        };
        self.state.revert(&undo);
        let writes = &mut changes.writes;
        for table in [Table::Headers, Table::Bodies, Table::Undo] {
            writes.push(Write::remove(table, number_key(height)));
        }
        write_state(&self.state, &undo, writes);
        write_index(height, body, &ids(body), writes, false);
        changes.applied.retain(|(applied, _, _)| *applied != height);
        changes.returned.extend(body.transactions.iter().cloned());
        changes.reverted += 1;
        self.best.pop();
        self.history.truncate(self.best.len());
        true
    }

    fn condemn(&mut self, hash: &BlockHash) {
        if let Some(known) = self.headers.get_mut(hash) {
            known.is_invalid = true;
        }
        self.bodies.remove(hash);
        let first = self
            .headers
            .get(hash)
            .map_or(0, |known| known.sealed.header.height);
        let above: Vec<_> = self
            .unsettled
            .range(first.saturating_add(1)..)
            .flat_map(|(_, hashes)| hashes.iter().copied())
            .collect();
        for descendant in above {
            let extends_invalid = self
                .headers
                .get(&descendant)
                .and_then(|known| self.headers.get(&known.sealed.header.previous))
                .is_some_and(|parent| parent.is_invalid);
            if extends_invalid {
                self.bodies.remove(&descendant);
                if let Some(known) = self.headers.get_mut(&descendant) {
                    known.is_invalid = true;
                }
            }
        }
    }

    /// Raises the final height to the last decision, as far as the executed chain has come, and
    /// forgets how to take back what is final.
    fn settle(&mut self, writes: &mut Vec<Write>) {
        let is_on_chain = self.hash_at(self.decided.height) == Some(self.decided.hash);
        let is_ahead = self.decided.height > self.height()
            && self.headers.contains_key(&self.decided.hash)
            && self.leads_to_decision_from_tip();
        if is_on_chain || is_ahead {
            self.raise_final_height(self.decided.height.min(self.height()));
        }
        let final_height = self.final_height;
        self.undo.retain(|&height, _| {
            let is_kept = height > final_height;
            if !is_kept {
                writes.push(Write::remove(Table::Undo, number_key(height)));
            }
            is_kept
        });
    }

    pub(super) fn raise_final_height(&mut self, settled: u64) {
        for height in self.final_height + 1..=settled {
            let kept = self.hash_at(height);
            for hash in self.unsettled.remove(&height).unwrap_or_default() {
                self.bodies.remove(&hash);
                if Some(hash) != kept {
                    self.headers.remove(&hash);
                }
            }
            // Nothing will stand on the block below any more beside this one.
            let below = height.checked_sub(1).and_then(|below| self.hash_at(below));
            if let Some(known) = below.and_then(|below| self.headers.get_mut(&below)) {
                known.frozen = None;
                known.held = OnceLock::new();
            }
        }
        self.final_height = self.final_height.max(settled);
    }

    fn leads_to_decision_from_tip(&self) -> bool {
        let first = self.plan.front().and_then(|hash| self.headers.get(hash));
        first.is_some_and(|known| known.sealed.header.previous == self.tip_hash())
            && self.plan.contains(&self.decided.hash)
    }

    pub(super) fn put_back(&mut self, height: u64, body: Body) {
        if let Some(hash) = self.hash_at(height).filter(|_| height > self.final_height) {
            self.bodies.insert(hash, Arc::new(body));
        }
    }
}

fn verify_body(
    body: &Body,
    is_verified: &dyn Fn(&SignedTransaction) -> bool,
    verifier: &mut Verifier,
) -> Result<Vec<TransactionId>, BlockError> {
    let transactions = body.transactions.iter().enumerate();
    transactions
        .map(|(index, signed)| {
            let (id, result) = verifier.check(signed, !is_verified(signed));
            match result {
                Ok(()) => Ok(id),
                Err(error) => Err(BlockError::Transaction { index, error }),
            }
        })
        .collect()
}

fn ids(body: &Body) -> Vec<TransactionId> {
    let transactions = body.transactions.iter();
    transactions.map(|signed| signed.transaction.id()).collect()
}

fn execute(
    state: &mut State,
    network: &crate::network::NetworkParameters,
    context: &BlockContext,
    known: &Known,
    body: &Body,
    ids: &[TransactionId],
) -> Result<Undo, BlockError> {
    let transactions = body.transactions.iter().map(|signed| &signed.transaction);
    let transactions = ids.iter().copied().zip(transactions);
    let (outcomes, undo) = state.execute(network, context, transactions)?;
    let expected = state.root();
    let came = known.sealed.header.state_root;
    let error = if outcomes.as_slice() != &*body.outcomes {
        BlockError::Outcomes
    } else if expected != came {
        BlockError::StateRoot { expected, came }
    } else {
        return Ok(undo);
    };
    state.revert(&undo);
    Err(error)
}

fn write_state(state: &State, undo: &Undo, writes: &mut Vec<Write>) {
    for (path, _) in &undo.0 {
        writes.push(state_row(state.entry(path), path));
    }
}

fn state_row(entry: Option<&Entry>, path: &Path) -> Write {
    match entry {
        Some(entry) => Write::put(Table::State, path.0, entry),
        None => Write::remove(Table::State, path.0),
    }
}

fn write_index(
    height: u64,
    body: &Body,
    ids: &[TransactionId],
    writes: &mut Vec<Write>,
    is_applied: bool,
) {
    for (index, (signed, id)) in body.transactions.iter().zip(ids).enumerate() {
        let place = Place {
            height,
            index: u32::try_from(index).unwrap_or(u32::MAX),
        };
        let mut row = |table, key, value| {
            writes.push(Write {
                table,
                key,
                value: is_applied.then_some(value),
            });
        };
        row(Table::Transactions, id.0.to_vec(), encode(&place));
        if let Action::Put { key, .. } = &signed.transaction.action {
            let key = history_key(&key_path(key), place);
            row(Table::KeyHistory, key, encode(id));
        }
    }
}

/// The key of a row in [`Table::KeyHistory`].
#[must_use]
pub fn history_key(path: &Path, place: Place) -> Vec<u8> {
    let mut key = path.0.to_vec();
    key.extend_from_slice(&place.key_bytes());
    key
}
