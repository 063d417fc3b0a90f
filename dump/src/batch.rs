//! What one transaction of the database changes.
//!
//! Blocks go to the tables in portions, as they come. The state goes last, each entry once,
//! however often it was changed: that is what makes a long transaction worth its while where there
//! is much to catch up with.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use shared::block::{Body, SealedHeader};
use shared::finality::LogEntry;
use shared::hash::{BlockHash, Hash};
use shared::keys::PublicKey;
use shared::state::{Entry, Path, State};
use shared::store::{Table, Write, key_number};
use shared::transaction::{Action, Key, SignedTransaction};

use crate::limits::{BATCH_PLACES_MAX, PORTION_BLOCKS_MAX, PORTION_TRANSACTIONS_MAX};
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

/// What leads from one head to the next.
#[derive(Debug)]
pub(crate) struct Portion {
    pub(crate) from: Head,
    pub(crate) to: Head,
    /// Blocks above this height leave the tables.
    pub(crate) kept_height: u64,
    /// Those that come into the tables, lowest first.
    pub(crate) blocks: Vec<(SealedHeader, Arc<Body>)>,
    /// Entries that come into the log.
    pub(crate) entries: Vec<LogEntry>,
    /// The end of the batch: without it the tables are no chain.
    pub(crate) state: Option<StateRows>,
}

/// The rows of a portion's blocks and log entries.
#[derive(Debug, Default)]
pub(crate) struct PortionRows {
    pub(crate) blocks: Rows,
    pub(crate) transactions: Rows,
    pub(crate) decisions: Rows,
}

/// What a batch changes in the state of the chain.
#[derive(Debug, Default)]
pub(crate) struct StateRows {
    /// Keys whose rows are replaced by `keys`, or only removed; likewise the next ones.
    pub(crate) replaced_keys: Vec<String>,
    pub(crate) keys: Rows,
    pub(crate) replaced_accounts: Vec<Vec<u8>>,
    pub(crate) accounts: Rows,
    pub(crate) replaced_consensus_state: Vec<Vec<u8>>,
    pub(crate) consensus_state: Rows,
    pub(crate) replaced_undo: Vec<i64>,
    pub(crate) undo: Rows,
}

/// The blocks and log entries since the last portion.
#[derive(Debug, Default)]
pub(crate) struct News {
    blocks: BTreeMap<u64, (SealedHeader, Arc<Body>)>,
    transactions: usize,
    entries: Vec<LogEntry>,
    /// The lowest height below which no block was taken back.
    kept_height: Option<u64>,
}

/// What has changed in the state since the last batch.
#[derive(Debug, Default)]
pub(crate) struct StateChanges {
    touched: HashSet<Path>,
    /// What blocks that were taken back may have brought into the state. Where it is not there any
    /// more, no entry tells its name.
    gone_keys: BTreeSet<Key>,
    gone_accounts: BTreeSet<PublicKey>,
    undo: BTreeMap<u64, Option<Vec<u8>>>,
}

impl Portion {
    /// Makes the rows of its blocks and log entries.
    pub(crate) fn rows(&self) -> PortionRows {
        let mut rows = PortionRows::default();
        for (sealed, body) in &self.blocks {
            rows::push_block(&mut rows.blocks, &mut rows.transactions, sealed, body);
        }
        for entry in &self.entries {
            rows.decisions.push_row(&rows::decision(entry));
        }
        rows
    }
}

impl PortionRows {
    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.blocks.count() + self.transactions.count() + self.decisions.count()
    }
}

impl News {
    /// Whether there is enough of it for a portion.
    pub(crate) fn is_portion(&self) -> bool {
        self.transactions >= PORTION_TRANSACTIONS_MAX || self.blocks.len() >= PORTION_BLOCKS_MAX
    }

    pub(crate) fn add_block(&mut self, height: u64, sealed: SealedHeader, body: Arc<Body>) {
        self.transactions += body.transactions.len();
        self.blocks.insert(height, (sealed, body));
    }

    pub(crate) fn add_entry(&mut self, entry: LogEntry) {
        self.entries.push(entry);
    }

    /// Takes back the blocks above a height, those of former portions too.
    pub(crate) fn take_back(&mut self, kept_height: u64) {
        self.kept_height = Some(self.kept_height.unwrap_or(u64::MAX).min(kept_height));
        self.blocks.split_off(&(kept_height + 1));
    }

    pub(crate) fn into_portion(self, from: Head, to: Head, state: Option<StateRows>) -> Portion {
        Portion {
            from,
            to,
            kept_height: self.kept_height.unwrap_or(from.height).min(from.height),
            blocks: self.blocks.into_values().collect(),
            entries: self.entries,
            state,
        }
    }
}

impl StateChanges {
    /// Whether there are so many that they should be written.
    pub(crate) fn is_batch(&self) -> bool {
        self.touched.len() >= BATCH_PLACES_MAX
    }

    /// Notes a transaction of a block that was taken back.
    pub(crate) fn add_gone(&mut self, signed: &SignedTransaction) {
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

    /// Notes the producer of a block that was taken back.
    pub(crate) fn add_gone_producer(&mut self, producer: PublicKey) {
        self.gone_accounts.insert(producer);
    }

    /// Notes a place that was changed.
    pub(crate) fn add_place(&mut self, path: Path) {
        self.touched.insert(path);
    }

    pub(crate) fn add_write(&mut self, write: Write) {
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

    /// The rows of all that has changed, as it is now. `from` is where the tables stand.
    pub(crate) fn into_rows(self, from: &Head, state: &State) -> StateRows {
        let gone_accounts = self.gone_accounts.iter().map(|key| key.0.to_vec());
        let mut rows = StateRows {
            replaced_keys: self.gone_keys.iter().map(Key::to_string).collect(),
            replaced_accounts: gone_accounts.collect(),
            // Blocks above were not in the tables.
            replaced_undo: self
                .undo
                .range(..=from.height)
                .map(|(height, _)| saturated(*height))
                .collect(),
            ..StateRows::default()
        };
        // In the order of the state tree: neighbours are found by the same way down.
        let mut paths: Vec<_> = self.touched.into_iter().collect();
        paths.sort_unstable();
        // In the order of the tables' keys: neighbours go into the same pages of their indexes.
        let entry = |path| (path, state.entry(path));
        let mut touched: Vec<_> = paths.iter().map(entry).collect();
        touched.sort_unstable_by_key(|(_, entry)| key_in_table(*entry));
        for (path, entry) in touched {
            rows.replace(path, entry);
        }
        for (height, undo) in &self.undo {
            if let Some(undo) = undo {
                rows.undo.push_row(&rows::undo(*height, undo));
            }
        }
        rows
    }
}

/// By what an entry is found in its table; those of one table stand together.
fn key_in_table(entry: Option<&Entry>) -> (u8, &[u8]) {
    match entry {
        Some(Entry::Key(entry)) => (0, entry.key.as_str().as_bytes()),
        Some(Entry::Account(owner, _)) => (1, &owner.0),
        Some(Entry::Difficulty(_) | Entry::Lottery(_) | Entry::Stakes(_)) | None => (2, &[]),
    }
}

impl StateRows {
    fn replace(&mut self, path: &Path, entry: Option<&Entry>) {
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
            Entry::Difficulty(_) | Entry::Lottery(_) | Entry::Stakes(_) => {
                self.replaced_consensus_state.push(path.0.to_vec());
                self.consensus_state.push_row(&row);
            }
        }
    }
}
