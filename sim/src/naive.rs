//! The ledger once more, as plainly as it can be written: maps that are copied, trees that are
//! hashed from the leaves up, nothing cached but the state after each block. It is written from
//! docs/protocol.md, sections 5 to 9 and 10.2, and shares with the ledger under test the encodings
//! and the difficulty, which have vectors of their own.

mod stake;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use sha2::{Digest, Sha256};
use shared::block::{Body, SealedHeader};
use shared::difficulty::{self, Parent, Schedule};
use shared::encoding::encode;
use shared::hash::{BlockHash, Hash, TransactionId};
use shared::keys::PublicKey;
use shared::message::Tip;
use shared::network::{Consensus, NetworkParameters};
use shared::state::{Account, Entry, KeyEntry};
use shared::transaction::{Action, Expect, Outcome, Transaction};

use crate::invariants::Broken;

/// The state after a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct NaiveState {
    pub(crate) height: u64,
    pub(crate) timestamp_ms: u64,
    pub(crate) previous: BlockHash,
    pub(crate) keys: BTreeMap<String, KeyEntry>,
    pub(crate) accounts: BTreeMap<PublicKey, Account>,
    pub(crate) schedule: Schedule,
    /// Where the proof is stake, above genesis.
    turn: Option<stake::NaiveTurn>,
    /// Every transaction of the chain that ends here.
    pub(crate) executed: BTreeSet<TransactionId>,
    /// Versions of keys that have a successor.
    superseded: BTreeSet<(String, TransactionId)>,
}

/// The states of all blocks that any replica has executed.
#[derive(Debug, Default)]
pub(crate) struct NaiveLedger(BTreeMap<BlockHash, Rc<NaiveState>>);

impl NaiveLedger {
    pub(crate) fn new(network: &NetworkParameters) -> Self {
        let genesis = network.genesis();
        let state = NaiveState {
            timestamp_ms: genesis.timestamp_ms,
            ..NaiveState::default()
        };
        Self(BTreeMap::from([(genesis.hash(), Rc::new(state))]))
    }

    pub(crate) fn state(&self, block: &BlockHash) -> Option<&Rc<NaiveState>> {
        self.0.get(block)
    }

    /// Executes a block upon its parent, which must have been executed.
    pub(crate) fn execute(
        &mut self,
        network: &NetworkParameters,
        sealed: &SealedHeader,
        body: &Body,
    ) -> Result<(), Broken> {
        let header = &sealed.header;
        let Some(parent) = self.0.get(&header.previous) else {
            return Ok(());
        };
        let mut state = NaiveState::clone(parent);
        match &network.consensus {
            Consensus::Work(rules) => {
                let before = Parent {
                    height: parent.height,
                    timestamp_ms: parent.timestamp_ms,
                    schedule: parent.schedule,
                };
                (_, state.schedule) = difficulty::next(rules, &before, header.timestamp_ms);
            }
            Consensus::Stake(rules) => {
                state.turn = Some(stake::turn(network, rules, parent, sealed)?);
            }
        }
        if parent.height == 0
            && let Some(rules) = network.stake()
        {
            for holder in rules.holders.iter() {
                state.accounts.entry(holder.key).or_default().balance = holder.stake;
            }
        }
        state.height = header.height;
        state.timestamp_ms = header.timestamp_ms;
        state.previous = header.previous;
        let broken = |promise, what: String| (promise, format!("block {}: {what}", header.height));

        let root = tx_root(body);
        if root != header.tx_root {
            let what = format!(
                "the body's root is {root}, the header has {}",
                header.tx_root
            );
            return Err(broken("a block commits to its body and its length", what));
        }
        for (signed, outcome) in body.transactions.iter().zip(body.outcomes.iter()) {
            let transaction = &signed.transaction;
            let id = transaction.id();
            if !state.executed.insert(id) {
                let what = format!("transaction {id} stands in it a second time");
                return Err(broken("no transaction is executed twice", what));
            }
            state
                .check_version(transaction, *outcome)
                .map_err(|what| broken("one successor per version of a key", what))?;
            let expected = state.execute(network, id, transaction);
            if expected != Some(*outcome) {
                let what = format!("transaction {id} has {outcome:?}, naively {expected:?}");
                return Err(broken("outcomes are those of a naive replay", what));
            }
        }
        let producer = state.accounts.entry(header.producer).or_default();
        producer.balance += network.block_reward;
        let root = state.root();
        if root != header.state_root {
            let what = format!(
                "the naive state root is {root}, the header has {}",
                header.state_root
            );
            return Err(broken("state roots are those of a naive replay", what));
        }
        self.0.insert(header.hash(), Rc::new(state));
        Ok(())
    }
}

impl NaiveState {
    /// A block weighs less by as much as empty slots made its slot easier to draw.
    pub(crate) fn weighs(&self, tip: &Tip) -> Result<(), Broken> {
        match &self.turn {
            Some(turn) if turn.weight() != encode(&tip.work) => Err((
                "a branch weighs what stake was behind it",
                format!("block {} has work {:?}", tip.height, tip.work),
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        let keys = self.keys.values().cloned().map(Entry::Key);
        let accounts = self.accounts.iter();
        let accounts = accounts.map(|(key, account)| Entry::Account(*key, *account));
        let system = match &self.turn {
            _ if self.height == 0 => Vec::new(),
            None => vec![Entry::Difficulty(self.schedule)],
            Some(turn) => turn.entries(),
        };
        keys.chain(accounts).chain(system).collect()
    }

    /// A version is named by the transaction that wrote it. What replaces it is its successor, and
    /// it has one at most.
    fn check_version(&mut self, transaction: &Transaction, outcome: Outcome) -> Result<(), String> {
        let Action::Put { key, expect, .. } = &transaction.action else {
            return Ok(());
        };
        let (Expect::WrittenBy(version), Outcome::Applied) = (expect, outcome) else {
            return Ok(());
        };
        let present = self.keys.get(key.as_str()).map(|entry| entry.written_by);
        if present != Some(*version) {
            return Err(format!(
                "version {version} of `{key}` was replaced, which was {present:?}"
            ));
        }
        if !self.superseded.insert((key.as_str().to_owned(), *version)) {
            return Err(format!("version {version} of `{key}` was replaced before"));
        }
        Ok(())
    }

    fn execute(
        &mut self,
        network: &NetworkParameters,
        id: TransactionId,
        transaction: &Transaction,
    ) -> Option<Outcome> {
        let account = self.accounts.entry(transaction.sender).or_default();
        let is_late = transaction
            .valid_until
            .is_some_and(|last| last < self.height);
        if account.next_sequence != transaction.sequence || is_late {
            return None;
        }
        account.next_sequence += 1;
        Some(match &transaction.action {
            Action::Transfer { to, amount } => {
                if account.balance < *amount {
                    return Some(Outcome::BalanceTooSmall);
                }
                account.balance -= amount;
                if *amount > 0 {
                    self.accounts.entry(*to).or_default().balance += amount;
                }
                Outcome::Applied
            }
            Action::Put { key, value, expect } => {
                let old = self.keys.get(key.as_str()).cloned();
                let is_expected = match expect {
                    Expect::Anything => true,
                    Expect::Absent => old.is_none(),
                    Expect::WrittenBy(id) => old.as_ref().is_some_and(|old| old.written_by == *id),
                };
                if !is_expected {
                    return Some(Outcome::ExpectFailed);
                }
                let entry = KeyEntry {
                    key: key.clone(),
                    value: value.clone(),
                    written_by: id,
                    writer: transaction.sender,
                    height: self.height,
                };
                self.keys.insert(key.as_str().to_owned(), entry);
                if self.occupied(&transaction.sender) > network.state_bytes_per_account_max {
                    match old {
                        Some(old) => self.keys.insert(key.as_str().to_owned(), old),
                        None => self.keys.remove(key.as_str()),
                    };
                    return Some(Outcome::QuotaExceeded);
                }
                let loser = old.map(|old| old.writer);
                for writer in [transaction.sender].into_iter().chain(loser) {
                    let occupied = self.occupied(&writer);
                    self.accounts.entry(writer).or_default().state_bytes = occupied;
                }
                Outcome::Applied
            }
        })
    }

    /// Bytes of all keys and values that an account was the last to write.
    fn occupied(&self, writer: &PublicKey) -> u64 {
        let own = self.keys.values().filter(|entry| entry.writer == *writer);
        let bytes = own.map(|entry| entry.key.as_str().len() + entry.value.as_str().len());
        u64::try_from(bytes.sum::<usize>()).unwrap_or(u64::MAX)
    }

    fn root(&self) -> Hash {
        let mut leaves: Vec<_> = self
            .entries()
            .iter()
            .map(|entry| (entry.path(), value_hash(entry)))
            .collect();
        leaves.sort();
        subtree(&leaves, 0)
    }
}

fn value_hash(entry: &Entry) -> Hash {
    sha256(&[b"tabchain/state/value/v1", &encode(entry)])
}

fn subtree(leaves: &[(Hash, Hash)], depth: usize) -> Hash {
    match leaves {
        [] => Hash::ZERO,
        [(path, value)] => sha256(&[b"tabchain/state/leaf/v1", &path.0, &value.0]),
        _ => {
            let is_right = |path: &Hash| {
                let byte = path.0.get(depth / 8).copied().unwrap_or_default();
                byte >> (7 - depth % 8) & 1 == 1
            };
            let (left, right) =
                leaves.split_at(leaves.partition_point(|(path, _)| !is_right(path)));
            let (left, right) = (subtree(left, depth + 1), subtree(right, depth + 1));
            sha256(&[b"tabchain/state/branch/v1", &left.0, &right.0])
        }
    }
}

/// The root that a header of this body must have.
pub(crate) fn tx_root(body: &Body) -> Hash {
    let count = u32::try_from(body.transactions.len()).unwrap_or(u32::MAX);
    let mut leaves = vec![[b"tabchain/block-record/v1".as_slice(), &count.to_le_bytes()].concat()];
    for (signed, outcome) in body.transactions.iter().zip(body.outcomes.iter()) {
        let parts: [&[u8]; 3] = [
            b"tabchain/block-transaction/v1",
            &encode(signed),
            &encode(outcome),
        ];
        leaves.push(parts.concat());
    }
    rfc6962(&leaves)
}

fn rfc6962(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [leaf] => sha256(&[&[0], leaf]),
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            sha256(&[&[1], &rfc6962(left).0, &rfc6962(right).0])
        }
    }
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}
