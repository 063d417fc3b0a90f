//! The rules of execution as one would write them with maps, and nothing to take back.

use std::collections::BTreeMap;

use shared::difficulty::Schedule;
use shared::keys::PublicKey;
use shared::network::NetworkParameters;
use shared::state::{Account, BlockContext, Entry, KeyEntry, Progress, State};
use shared::transaction::{Action, Expect, Outcome, Transaction};

pub(super) struct Model {
    reward: u64,
    quota_bytes: u64,
    pub(super) keys: BTreeMap<String, KeyEntry>,
    accounts: BTreeMap<PublicKey, (u64, u64)>,
    schedule: Option<Schedule>,
}

impl Model {
    pub(super) fn new(network: &NetworkParameters) -> Self {
        Self {
            reward: network.block_reward,
            quota_bytes: network.state_bytes_per_account_max,
            keys: BTreeMap::new(),
            accounts: BTreeMap::new(),
            schedule: None,
        }
    }

    pub(super) fn execute(&mut self, transaction: &Transaction, height: u64) -> Outcome {
        let sender = transaction.sender;
        self.accounts.entry(sender).or_default().1 += 1;
        match &transaction.action {
            Action::Transfer { to, amount } => {
                let balance = &mut self.accounts.entry(sender).or_default().0;
                if *balance < *amount {
                    return Outcome::BalanceTooSmall;
                }
                *balance -= amount;
                if *amount > 0 {
                    self.accounts.entry(*to).or_default().0 += amount;
                }
            }
            Action::Put { key, value, expect } => {
                let before = self.keys.get(key.as_str());
                let is_expected = match expect {
                    Expect::Anything => true,
                    Expect::Absent => before.is_none(),
                    Expect::WrittenBy(id) => before.map(|entry| entry.written_by) == Some(*id),
                };
                if !is_expected {
                    return Outcome::ExpectFailed;
                }
                let entry = KeyEntry {
                    key: key.clone(),
                    value: value.clone(),
                    written_by: transaction.id(),
                    writer: sender,
                    height,
                };
                let mut after = self.keys.clone();
                after.insert(key.as_str().to_owned(), entry);
                if state_bytes(&after, &sender) > self.quota_bytes {
                    return Outcome::QuotaExceeded;
                }
                self.keys = after;
            }
        }
        Outcome::Applied
    }

    pub(super) fn reward(&mut self, block: &BlockContext) {
        self.accounts.entry(block.producer).or_default().0 += self.reward;
        self.schedule = match block.progress {
            Progress::Work(schedule) => Some(schedule),
            Progress::Stake(_) => None,
        };
    }

    pub(super) fn account(&self, key: &PublicKey) -> Account {
        let (balance, next_sequence) = self.accounts.get(key).copied().unwrap_or_default();
        Account {
            balance,
            next_sequence,
            state_bytes: state_bytes(&self.keys, key),
        }
    }

    pub(super) fn total_balance(&self) -> u64 {
        self.accounts.values().map(|(balance, _)| balance).sum()
    }

    /// Every entry of the state is one of the model's, and the other way round.
    pub(super) fn assert_equals(&self, state: &State) {
        for entry in self.keys.values() {
            assert_eq!(state.key(&entry.key), Some(entry));
        }
        for key in self.accounts.keys() {
            assert_eq!(state.account(key), self.account(key));
        }
        let entries = self.keys.len() + self.accounts.len() + usize::from(self.schedule.is_some());
        assert_eq!(state.len(), entries);
        let schedule = state.entry(&shared::state::difficulty_path());
        assert_eq!(schedule.cloned(), self.schedule.map(Entry::Difficulty));
    }
}

/// Counted anew, from what stands there.
fn state_bytes(keys: &BTreeMap<String, KeyEntry>, writer: &PublicKey) -> u64 {
    keys.values()
        .filter(|entry| entry.writer == *writer)
        .map(|entry| (entry.key.as_str().len() + entry.value.as_str().len()) as u64)
        .sum()
}
