//! The state that a chain of blocks leads to: keys, accounts, and what consensus itself keeps.
//!
//! Its root commits to all of it; one block changes it at a cost that grows with the number of
//! changes, and the returned [`Undo`] takes them back.

use std::collections::HashMap;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::difficulty::Schedule;
use crate::encoding::encode;
use crate::hash::{Hash, Tag, TransactionId};
use crate::keys::PublicKey;
use crate::network::{Holder, NetworkParameters, Stake};
use crate::stake::{Holders, Lottery, Stakes};
use crate::transaction::{Action, Expect, Key, Outcome, Transaction, Value};

pub mod tree;

use tree::StateTree;
pub use tree::{EMPTY_ROOT, StateProof};

/// One thing that the state holds.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Entry {
    /// A key that was written.
    Key(KeyEntry),
    /// An account that wrote, received or produced.
    Account(PublicKey, Account),
    /// What the difficulty of the next block depends on.
    Difficulty(Schedule),
    /// What the draw of the next producer depends on.
    Lottery(Lottery),
    /// Whose stake counts.
    Stakes(Stakes),
}

/// A key's present value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct KeyEntry {
    /// The key.
    pub key: Key,
    /// Its value.
    pub value: Value,
    /// The transaction that wrote it: its version.
    pub written_by: TransactionId,
    /// Who wrote it, and whose quota it occupies.
    pub writer: PublicKey,
    /// Height of the block that wrote it.
    pub height: u64,
}

/// What the state knows of a public key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Account {
    /// Rewards and transfers received, less those sent.
    pub balance: u64,
    /// The sequence that its next transaction must carry.
    pub next_sequence: u64,
    /// Bytes of keys and values that it was the last to write.
    pub state_bytes: u64,
}

/// Where an entry stands in the state tree.
pub type Path = Hash;

/// What the state was before a block, where the block changed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Undo(pub Vec<(Path, Option<Entry>)>);

/// A transaction that may not stand in a block at this point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecutionError {
    /// It is not the sender's next.
    #[error("the sender's next sequence is {expected}, the transaction has {came}")]
    Sequence {
        /// The sequence that the account is at.
        expected: u64,
        /// The transaction's.
        came: u64,
    },
    /// It came too late.
    #[error("the transaction is valid up to height {valid_until}, the block has {height}")]
    Expired {
        /// Last height that may include it.
        valid_until: u64,
        /// Height of the block.
        height: u64,
    },
}

impl Entry {
    /// Where it stands in the state tree.
    #[must_use]
    pub fn path(&self) -> Path {
        match self {
            Self::Key(entry) => key_path(&entry.key),
            Self::Account(key, _) => account_path(key),
            Self::Difficulty(_) => difficulty_path(),
            Self::Lottery(_) => lottery_path(),
            Self::Stakes(_) => stakes_path(),
        }
    }
}

/// Where a key stands in the state tree.
#[must_use]
pub fn key_path(key: &Key) -> Path {
    Tag::STATE_KEY.hash(&[key.as_str().as_bytes()])
}

/// Where an account stands in the state tree.
#[must_use]
pub fn account_path(key: &PublicKey) -> Path {
    Tag::STATE_ACCOUNT.hash(&[&key.0])
}

/// Where the difficulty's schedule stands in the state tree.
#[must_use]
pub fn difficulty_path() -> Path {
    Tag::STATE_SYSTEM.hash(&[b"difficulty"])
}

/// Where the lottery stands in the state tree.
#[must_use]
pub fn lottery_path() -> Path {
    Tag::STATE_SYSTEM.hash(&[b"lottery"])
}

/// Where the stake that counts stands in the state tree.
#[must_use]
pub fn stakes_path() -> Path {
    Tag::STATE_SYSTEM.hash(&[b"stakes"])
}

/// The state after some block.
#[derive(Debug, Default)]
pub struct State {
    tree: StateTree,
}

impl State {
    /// The state of these entries.
    pub fn from_entries(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut tree = StateTree::default();
        for entry in entries {
            tree.set(entry.path(), Some(entry));
        }
        Self { tree }
    }

    /// The root that commits to every entry. Hashes what changed since the last call.
    pub fn root(&mut self) -> Hash {
        self.tree.root()
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tree.len() == 0
    }

    /// All entries, in the order of their paths.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.tree.entries()
    }

    /// The entry at a path.
    #[must_use]
    pub fn entry(&self, path: &Path) -> Option<&Entry> {
        self.tree.get(path)
    }

    /// What is known of a key.
    #[must_use]
    pub fn key(&self, key: &Key) -> Option<&KeyEntry> {
        match self.tree.get(&key_path(key)) {
            Some(Entry::Key(entry)) => Some(entry),
            _ => None,
        }
    }

    /// What is known of an account; one never seen is empty.
    #[must_use]
    pub fn account(&self, key: &PublicKey) -> Account {
        self.account_at(&account_path(key))
    }

    fn account_at(&self, path: &Path) -> Account {
        match self.tree.get(path) {
            Some(Entry::Account(_, account)) => *account,
            _ => Account::default(),
        }
    }

    /// What everyone holds.
    #[must_use]
    pub fn held(&self) -> Holders {
        self.held_before(core::iter::empty())
    }

    /// What everyone held before the blocks with these undos, the last one first.
    pub fn held_before<'a>(&self, undos: impl Iterator<Item = &'a Undo>) -> Holders {
        // The oldest entry at a path is seen last.
        let before: HashMap<_, _> = undos
            .flat_map(|undo| undo.0.iter().rev())
            .map(|(path, entry)| (path, entry.as_ref()))
            .collect();
        Holders::of(self.entries().filter_map(|entry| {
            let entry = match (!before.is_empty()).then(|| before.get(&entry.path())) {
                Some(Some(before)) => (*before)?,
                _ => entry,
            };
            match entry {
                Entry::Account(key, account) => Some(Holder {
                    key: *key,
                    stake: account.balance,
                }),
                _ => None,
            }
        }))
    }

    /// The lottery after the last block; nothing before the first.
    #[must_use]
    pub fn lottery(&self) -> Option<Lottery> {
        match self.tree.get(&lottery_path()) {
            Some(Entry::Lottery(lottery)) => Some(*lottery),
            _ => None,
        }
    }

    /// Whose stake counts in the last block's epoch and in the next; nothing before the first block.
    #[must_use]
    pub fn stakes(&self) -> Option<&Stakes> {
        match self.tree.get(&stakes_path()) {
            Some(Entry::Stakes(stakes)) => Some(stakes),
            _ => None,
        }
    }

    /// The proof that an entry is present at a path, or that none is.
    pub fn prove(&self, path: &Path) -> StateProof {
        self.tree.prove(path)
    }

    /// Executes a block's transactions in order and rewards its producer. An error leaves the
    /// state as it was.
    pub fn execute<'a>(
        &mut self,
        network: &NetworkParameters,
        block: &BlockContext,
        transactions: impl IntoIterator<Item = (TransactionId, &'a Transaction)>,
    ) -> Result<(Vec<Outcome>, Undo), ExecutionError> {
        let mut undo = Undo::default();
        let mut outcomes = Vec::new();
        if let (Progress::Stake(lottery), Some(rules)) = (block.progress, network.stake()) {
            self.begin_slot(rules, lottery, &mut undo);
        }
        for (id, transaction) in transactions {
            match self.execute_one(network, block.height, id, transaction, &mut undo) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    self.revert(&undo);
                    return Err(error);
                }
            }
        }
        self.credit(&block.producer, network.block_reward, &mut undo);
        if let Progress::Work(schedule) = block.progress {
            self.set(difficulty_path(), Entry::Difficulty(schedule), &mut undo);
        }
        Ok((outcomes, undo))
    }

    /// Takes a block's changes back; the block must be the last that was executed.
    pub fn revert(&mut self, undo: &Undo) {
        for (path, before) in undo.0.iter().rev() {
            self.tree.set(*path, before.clone());
        }
    }

    /// The first block credits the first holders. The first of an epoch freezes what everyone
    /// held before it, for the epoch after.
    fn begin_slot(&mut self, rules: &Stake, lottery: Lottery, undo: &mut Undo) {
        let stakes = match (self.lottery(), self.stakes()) {
            (Some(before), Some(stakes)) => {
                match rules
                    .epoch(lottery.slot)
                    .saturating_sub(rules.epoch(before.slot))
                {
                    0 => None,
                    1 => Some((stakes.next.clone(), self.held())),
                    _ => Some((self.held(), self.held())),
                }
            }
            _ => {
                for holder in rules.holders.iter() {
                    self.credit(&holder.key, holder.stake, undo);
                }
                Some((rules.first_holders(), rules.first_holders()))
            }
        };
        if let Some((current, next)) = stakes {
            let stakes = Stakes { current, next };
            self.set(stakes_path(), Entry::Stakes(stakes), undo);
        }
        self.set(lottery_path(), Entry::Lottery(lottery), undo);
    }

    fn execute_one(
        &mut self,
        network: &NetworkParameters,
        height: u64,
        id: TransactionId,
        transaction: &Transaction,
        undo: &mut Undo,
    ) -> Result<Outcome, ExecutionError> {
        let sender = transaction.sender;
        let path = account_path(&sender);
        let mut account = self.account_at(&path);
        if account.next_sequence != transaction.sequence {
            return Err(ExecutionError::Sequence {
                expected: account.next_sequence,
                came: transaction.sequence,
            });
        }
        if let Some(valid_until) = transaction.valid_until.filter(|&last| last < height) {
            return Err(ExecutionError::Expired {
                valid_until,
                height,
            });
        }
        account.next_sequence = account.next_sequence.saturating_add(1);
        let outcome = match &transaction.action {
            Action::Put { key, value, expect } => {
                let entry = KeyEntry {
                    key: key.clone(),
                    value: value.clone(),
                    written_by: id,
                    writer: sender,
                    height,
                };
                self.put(network, entry, expect, &mut account, undo)
            }
            Action::Transfer { to, amount } if *to == sender => {
                if account.balance < *amount {
                    Outcome::BalanceTooSmall
                } else {
                    Outcome::Applied
                }
            }
            Action::Transfer { to, amount } => self.transfer(&mut account, to, *amount, undo),
        };
        self.set(path, Entry::Account(sender, account), undo);
        Ok(outcome)
    }

    fn put(
        &mut self,
        network: &NetworkParameters,
        entry: KeyEntry,
        expect: &Expect,
        writer: &mut Account,
        undo: &mut Undo,
    ) -> Outcome {
        let path = key_path(&entry.key);
        let before = match self.tree.get(&path) {
            Some(Entry::Key(before)) => Some(before),
            _ => None,
        };
        let is_as_expected = match expect {
            Expect::Anything => true,
            Expect::Absent => before.is_none(),
            Expect::WrittenBy(id) => before.is_some_and(|old| old.written_by == *id),
        };
        if !is_as_expected {
            return Outcome::ExpectFailed;
        }
        let freed = before.map_or(0, state_bytes);
        let loser = before
            .map(|old| old.writer)
            .filter(|loser| *loser != entry.writer);
        let kept = match loser {
            Some(_) => writer.state_bytes,
            None => writer.state_bytes.saturating_sub(freed),
        };
        let occupied = kept.saturating_add(state_bytes(&entry));
        if occupied > network.state_bytes_per_account_max {
            return Outcome::QuotaExceeded;
        }
        writer.state_bytes = occupied;
        if let Some(loser) = loser {
            let path = account_path(&loser);
            let mut account = self.account_at(&path);
            account.state_bytes = account.state_bytes.saturating_sub(freed);
            self.set(path, Entry::Account(loser, account), undo);
        }
        self.set(path, Entry::Key(entry), undo);
        Outcome::Applied
    }

    fn transfer(
        &mut self,
        sender: &mut Account,
        to: &PublicKey,
        amount: u64,
        undo: &mut Undo,
    ) -> Outcome {
        let Some(rest) = sender.balance.checked_sub(amount) else {
            return Outcome::BalanceTooSmall;
        };
        sender.balance = rest;
        self.credit(to, amount, undo);
        Outcome::Applied
    }

    fn credit(&mut self, key: &PublicKey, amount: u64, undo: &mut Undo) {
        if amount == 0 {
            return;
        }
        let path = account_path(key);
        let mut account = self.account_at(&path);
        account.balance = account.balance.saturating_add(amount);
        self.set(path, Entry::Account(*key, account), undo);
    }

    fn set(&mut self, path: Path, entry: Entry, undo: &mut Undo) {
        if self.tree.get(&path) == Some(&entry) {
            return;
        }
        undo.0.push((path, self.tree.set(path, Some(entry))));
    }
}

/// What the execution of a block needs to know of its header and place.
#[derive(Clone, Copy, Debug)]
pub struct BlockContext {
    /// The block's height.
    pub height: u64,
    /// Who is rewarded.
    pub producer: PublicKey,
    /// What it leaves to its successors.
    pub progress: Progress,
}

/// What a block leaves to the consensus on its successors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Its schedule of difficulty.
    Work(Schedule),
    /// Its lottery.
    Stake(Lottery),
}

fn state_bytes(entry: &KeyEntry) -> u64 {
    let bytes = entry.key.as_str().len() + entry.value.as_str().len();
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// The hash of an entry, under its leaf.
fn value_hash(entry: &Entry) -> Hash {
    Tag::STATE_VALUE.hash(&[&encode(entry)])
}
