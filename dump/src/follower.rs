//! The replica that a dump is: a chain that stands where the tables stand, and the batches by
//! which it moves them on.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use shared::block::{Block, Body, SealedHeader};
use shared::chain::{BodyError, Chain, Changes, Checkpoint, HeaderError};
use shared::finality::{LogEntry, LogEvent};
use shared::hash::{BlockHash, Hash};
use shared::keys::PublicKey;
use shared::state::{Entry, Path};
use shared::store::{Table, Write, key_number};
use shared::transaction::{Action, Key, SignedTransaction};

use crate::error::DumpError;
use crate::limits::{BATCH_BLOCKS_MAX, BATCH_TRANSACTIONS_MAX};
use crate::rows;
use crate::tuple::{Rows, saturated};

/// Where the tables stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) height: u64,
    pub(crate) hash: BlockHash,
    pub(crate) final_height: u64,
    pub(crate) log_length: u64,
    pub(crate) log_head: Hash,
}

/// What one transaction of the database changes, from one head to the next.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) from: Head,
    pub(crate) to: Head,
    /// Blocks above this height leave the tables.
    pub(crate) kept_height: u64,
    pub(crate) blocks: Rows,
    pub(crate) transactions: Rows,
    /// Keys whose rows are replaced by `keys`, or only removed; likewise the next ones.
    pub(crate) replaced_keys: Vec<String>,
    pub(crate) keys: Rows,
    pub(crate) replaced_accounts: Vec<Vec<u8>>,
    pub(crate) accounts: Rows,
    pub(crate) replaced_consensus_state: Vec<Vec<u8>>,
    pub(crate) consensus_state: Rows,
    pub(crate) replaced_undo: Vec<i64>,
    pub(crate) undo: Rows,
    pub(crate) decisions: Rows,
}

/// A chain that stands where the tables stand, or ahead of them by what was taken from it as
/// batches and is being written.
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
    pending: Pending,
}

/// What has happened since the last batch was taken.
#[derive(Debug)]
struct Pending {
    from: Head,
    kept_height: u64,
    blocks: BTreeMap<u64, (SealedHeader, Arc<Body>)>,
    transactions: usize,
    /// Places in the state that were changed.
    touched: HashSet<Path>,
    /// What blocks that were taken back may have brought into the state. Where it is not there any
    /// more, no entry tells its name.
    gone_keys: BTreeSet<Key>,
    gone_accounts: BTreeSet<PublicKey>,
    undo: BTreeMap<u64, Option<Vec<u8>>>,
    entries: Vec<LogEntry>,
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
            pending: Pending::new(head),
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

    /// Whether enough has come for one transaction of the database.
    pub(crate) fn is_batch_full(&self) -> bool {
        self.pending.transactions >= BATCH_TRANSACTIONS_MAX
            || self.pending.blocks.len() >= BATCH_BLOCKS_MAX
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
            self.pending.entries.push(entry);
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
            HeaderError::TooFar { .. } | HeaderError::TooManySides => {
                DumpError::Crowded(error.to_string())
            }
            other => invalid(other.to_string()),
        })?;
        let inserted = self.chain.insert_body(hash, body.clone());
        inserted.map_err(|error| match error {
            BodyError::TooManySides => DumpError::Crowded(error.to_string()),
            other => invalid(other.to_string()),
        })?;
        self.bodies.insert(*hash, Arc::new(body));
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
        let changes = self.chain.advance(&|_| true);
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

    /// Adds what an advance changed to what the next batch writes. `before` are the producers of
    /// the blocks that it may have taken back.
    fn note(&mut self, before: &BTreeMap<u64, PublicKey>, changes: Changes) {
        let pending = &mut self.pending;
        if changes.reverted > 0 {
            let kept = match changes.applied.first() {
                Some((lowest, _, _)) => lowest - 1,
                None => self.chain.height(),
            };
            pending.kept_height = pending.kept_height.min(kept);
            pending.blocks.split_off(&(kept + 1));
            pending
                .gone_accounts
                .extend(before.range(kept + 1..).map(|(_, producer)| *producer));
            changes
                .returned
                .iter()
                .for_each(|signed| pending.note_gone(signed));
        }
        for (height, hash, transactions) in &changes.applied {
            let whole = self.chain.header_by_hash(hash).zip(self.bodies.get(hash));
            let whole = whole.map(|(sealed, body)| (sealed.clone(), Arc::clone(body)));
            pending.blocks.extend(whole.map(|whole| (*height, whole)));
            pending.transactions += transactions;
        }
        changes
            .writes
            .into_iter()
            .for_each(|write| pending.note_write(write));
    }

    /// What has to be written so that the tables stand where the chain stands; nothing where they
    /// do already.
    pub(crate) fn take_batch(&mut self) -> Option<Batch> {
        let to = self.head();
        if to == self.pending.from {
            return None;
        }
        let pending = core::mem::replace(&mut self.pending, Pending::new(to));
        Some(pending.into_batch(to, &self.chain))
    }
}

impl Pending {
    fn new(from: Head) -> Self {
        Self {
            from,
            kept_height: from.height,
            blocks: BTreeMap::new(),
            transactions: 0,
            touched: HashSet::new(),
            gone_keys: BTreeSet::new(),
            gone_accounts: BTreeSet::new(),
            undo: BTreeMap::new(),
            entries: Vec::new(),
        }
    }

    fn note_gone(&mut self, signed: &SignedTransaction) {
        let transaction = &signed.transaction;
        self.gone_accounts.insert(transaction.sender);
        match &transaction.action {
            Action::Put { key, .. } => {
                self.gone_keys.insert(key.clone());
            }
            Action::Transfer { to, .. } => {
                self.gone_accounts.insert(*to);
            }
        }
    }

    fn note_write(&mut self, write: Write) {
        match write.table {
            Table::State => {
                if let Ok(path) = <[u8; 32]>::try_from(write.key) {
                    self.touched.insert(Hash(path));
                }
            }
            Table::Undo => {
                if let Some(height) = key_number(&write.key) {
                    self.undo.insert(height, write.value);
                }
            }
            // The other rows are made of the blocks.
            _ => {}
        }
    }

    fn into_batch(self, to: Head, chain: &Chain) -> Batch {
        let mut batch = Batch {
            from: self.from,
            to,
            kept_height: self.kept_height,
            blocks: Rows::default(),
            transactions: Rows::default(),
            replaced_keys: self.gone_keys.iter().map(Key::to_string).collect(),
            keys: Rows::default(),
            replaced_accounts: self
                .gone_accounts
                .iter()
                .map(|key| key.0.to_vec())
                .collect(),
            accounts: Rows::default(),
            replaced_consensus_state: Vec::new(),
            consensus_state: Rows::default(),
            replaced_undo: self.undo.keys().copied().map(saturated).collect(),
            undo: Rows::default(),
            decisions: Rows::default(),
        };
        for (sealed, body) in self.blocks.values() {
            rows::push_block(&mut batch.blocks, &mut batch.transactions, sealed, body);
        }
        for path in self.touched {
            batch.add_state(&path, chain.state().entry(&path));
        }
        for (height, undo) in &self.undo {
            if let Some(undo) = undo {
                batch.undo.push_row(&rows::undo(*height, undo));
            }
        }
        for entry in &self.entries {
            batch.decisions.push_row(&rows::decision(entry));
        }
        batch
    }
}

impl Batch {
    /// Blocks, transactions and log entries of the batch.
    pub(crate) fn rows(&self) -> u64 {
        self.blocks.count() + self.transactions.count() + self.decisions.count()
    }

    /// Replaces the row of an entry of the state.
    fn add_state(&mut self, path: &Path, entry: Option<&Entry>) {
        let Some(entry) = entry else {
            return self.replaced_consensus_state.push(path.0.to_vec());
        };
        let (_, row) = rows::state_row(path, entry);
        match entry {
            Entry::Key(entry) => {
                self.replaced_keys.push(entry.key.to_string());
                self.keys.push_row(&row);
            }
            Entry::Account(owner, _) => {
                self.replaced_accounts.push(owner.0.to_vec());
                self.accounts.push_row(&row);
            }
            Entry::Difficulty(_) => {
                self.replaced_consensus_state.push(path.0.to_vec());
                self.consensus_state.push_row(&row);
            }
        }
    }
}
