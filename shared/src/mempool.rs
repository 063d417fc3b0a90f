//! Pending transactions: bounded, fair without fees, in each sender's order.

use std::collections::{BTreeMap, HashMap, VecDeque};

use borsh::{BorshDeserialize, BorshSerialize};

use crate::hash::{Hash, TransactionId};
use crate::keys::PublicKey;
use crate::limits::{
    MEMPOOL_BYTES_MAX, MEMPOOL_PER_SENDER_MAX, MEMPOOL_RETURNED_BYTES_MAX,
    MEMPOOL_RETURNED_TRANSACTIONS_MAX, MEMPOOL_TRANSACTIONS_MAX, SEQUENCE_GAP_MAX,
};
use crate::state::State;
use crate::transaction::{SignedTransaction, Verified};

/// A pending transaction and how it came here.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The transaction.
    pub verified: Verified,
    /// The member through whom it came: fairness is between members first.
    pub submitter: PublicKey,
    /// Whether the relay has stored it, as far as this node knows.
    pub is_acknowledged: bool,
}

/// A pending transaction as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PendingRow {
    /// The transaction.
    pub signed: SignedTransaction,
    /// The member through whom it came.
    pub submitter: PublicKey,
    /// Whether the relay has stored it.
    pub is_acknowledged: bool,
}

/// Why a transaction was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// It is here already.
    #[error("the transaction is pending already")]
    Known,
    /// Its sequence was used before.
    #[error("the sender's next sequence is {next}, {came} was used before")]
    Used {
        /// The account's next sequence.
        next: u64,
        /// The transaction's.
        came: u64,
    },
    /// Its sequence is too far ahead.
    #[error("the sender's next sequence is {next}, {came} is more than {SEQUENCE_GAP_MAX} ahead")]
    Gap {
        /// The account's next sequence.
        next: u64,
        /// The transaction's.
        came: u64,
    },
    /// It can be included no more.
    #[error("the transaction was valid up to height {valid_until}, the next block has {next}")]
    Expired {
        /// Last height that may include it.
        valid_until: u64,
        /// Height of the next block.
        next: u64,
    },
    /// The sender has too many pending.
    #[error(
        "a sender may have {MEMPOOL_PER_SENDER_MAX} pending transactions, and it has: wait for the next block"
    )]
    SenderFull,
    /// The pool is full.
    #[error("the pool of pending transactions is full: wait for the next block")]
    Full,
}

/// The pending transactions of one replica.
#[derive(Debug, Default)]
pub struct Mempool {
    /// Each by itself, so that a table that grows moves none of them.
    pending: HashMap<Hash, Box<Pending>>,
    /// An id has one hash at most: what replaces a transaction has its sequence.
    ids: HashMap<TransactionId, Hash>,
    senders: BTreeMap<PublicKey, BTreeMap<u64, Hash>>,
    bytes: usize,
}

impl Mempool {
    /// Number of pending transactions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// A pending transaction by the hash of its signed form.
    #[must_use]
    pub fn get(&self, hash: &Hash) -> Option<&Pending> {
        self.pending.get(hash).map(Box::as_ref)
    }

    /// Whether this very transaction is pending, with this signature. Hashes nothing.
    #[must_use]
    pub fn holds(&self, signed: &SignedTransaction) -> bool {
        let transaction = &signed.transaction;
        self.senders
            .get(&transaction.sender)
            .and_then(|sequences| sequences.get(&transaction.sequence))
            .and_then(|hash| self.pending.get(hash))
            .is_some_and(|pending| pending.verified.signed() == signed)
    }

    /// The hash of the signed form of the pending transaction with this id.
    #[must_use]
    pub fn hash_of(&self, id: &TransactionId) -> Option<Hash> {
        self.ids.get(id).copied()
    }

    /// All pending transactions, by sender and sequence.
    pub fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.senders
            .values()
            .flat_map(BTreeMap::values)
            .filter_map(|hash| self.get(hash))
    }

    /// The sequence that a sender's next transaction should carry, after those pending.
    #[must_use]
    pub fn next_sequence(&self, sender: &PublicKey, state: &State) -> u64 {
        let next = state.account(sender).next_sequence;
        let after_pending = self
            .senders
            .get(sender)
            .and_then(|sequences| sequences.keys().next_back())
            .map_or(0, |last| last.saturating_add(1));
        next.max(after_pending)
    }

    /// Admits a verified transaction. The hash of one with the same sender and sequence that it
    /// replaces is returned: the sender's last word counts.
    pub fn admit(
        &mut self,
        pending: Pending,
        state: &State,
        next_height: u64,
    ) -> Result<Option<Hash>, AdmissionError> {
        let verified = &pending.verified;
        let hash = verified.hash();
        if self.pending.contains_key(&hash) {
            return Err(AdmissionError::Known);
        }
        let transaction = verified.transaction();
        let (sender, came) = (transaction.sender, transaction.sequence);
        let next = state.account(&sender).next_sequence;
        if came < next {
            return Err(AdmissionError::Used { next, came });
        }
        if came - next > SEQUENCE_GAP_MAX {
            return Err(AdmissionError::Gap { next, came });
        }
        if let Some(valid_until) = transaction.valid_until.filter(|&last| last < next_height) {
            return Err(AdmissionError::Expired {
                valid_until,
                next: next_height,
            });
        }
        let sequences = self.senders.get(&sender);
        let replaced = sequences
            .and_then(|sequences| sequences.get(&came))
            .copied();
        let freed = replaced
            .and_then(|replaced| self.pending.get(&replaced))
            .map_or(0, |replaced| replaced.verified.bytes());
        if self.bytes.saturating_sub(freed) + verified.bytes() > MEMPOOL_BYTES_MAX {
            return Err(AdmissionError::Full);
        }
        if replaced.is_none() {
            if sequences.map_or(0, BTreeMap::len) >= MEMPOOL_PER_SENDER_MAX {
                return Err(AdmissionError::SenderFull);
            }
            if self.pending.len() >= MEMPOOL_TRANSACTIONS_MAX {
                return Err(AdmissionError::Full);
            }
        }
        if let Some(replaced) = replaced {
            self.remove(&replaced);
        }
        self.insert(pending);
        Ok(replaced)
    }

    /// Takes back a transaction of a block that has left the best chain, or one that was pending
    /// before a restart, also where the pool is full: it was acknowledged. Beyond what the pool
    /// admits there is room for all that the undecided blocks hold. False where it stands in the new
    /// branch as well, or has been overtaken there, or where several reorganisations have returned
    /// more than that.
    pub fn take_back(&mut self, pending: Pending, state: &State) -> bool {
        let transaction = pending.verified.transaction();
        let is_due = transaction.sequence >= state.account(&transaction.sender).next_sequence;
        let is_free = self
            .senders
            .get(&transaction.sender)
            .is_none_or(|sequences| !sequences.contains_key(&transaction.sequence));
        let count_max = MEMPOOL_TRANSACTIONS_MAX + MEMPOOL_RETURNED_TRANSACTIONS_MAX;
        let bytes_max = MEMPOOL_BYTES_MAX + MEMPOOL_RETURNED_BYTES_MAX;
        let is_room =
            self.pending.len() < count_max && self.bytes + pending.verified.bytes() <= bytes_max;
        let is_taken = is_due && is_free && is_room;
        if is_taken {
            self.insert(pending);
        }
        is_taken
    }

    fn insert(&mut self, pending: Pending) {
        let hash = pending.verified.hash();
        let transaction = pending.verified.transaction();
        self.bytes += pending.verified.bytes();
        self.senders
            .entry(transaction.sender)
            .or_default()
            .insert(transaction.sequence, hash);
        self.ids.insert(pending.verified.id(), hash);
        self.pending.insert(hash, Box::new(pending));
    }

    /// Notes that the relay has stored a transaction. True where that is news.
    pub fn acknowledge(&mut self, hash: &Hash) -> bool {
        self.pending.get_mut(hash).is_some_and(|pending| {
            let is_news = !pending.is_acknowledged;
            pending.is_acknowledged = true;
            is_news
        })
    }

    /// Forgets that the relay has stored a sender's transaction. True where that is news.
    pub fn doubt(&mut self, hash: &Hash) -> bool {
        self.pending
            .get_mut(hash)
            .is_some_and(|pending| core::mem::take(&mut pending.is_acknowledged))
    }

    /// Removes a transaction.
    pub fn remove(&mut self, hash: &Hash) -> Option<Pending> {
        let removed = self.pending.remove(hash)?;
        self.ids.remove(&removed.verified.id());
        let transaction = removed.verified.transaction();
        if let Some(sequences) = self.senders.get_mut(&transaction.sender) {
            sequences.remove(&transaction.sequence);
            if sequences.is_empty() {
                self.senders.remove(&transaction.sender);
            }
        }
        self.bytes = self.bytes.saturating_sub(removed.verified.bytes());
        Some(*removed)
    }

    /// Removes what can be included no more: mined, superseded or expired. Their hashes.
    pub fn refresh(&mut self, state: &State, next_height: u64) -> Vec<Hash> {
        let gone: Vec<_> = self
            .pending
            .iter()
            .filter(|(_, pending)| {
                let transaction = pending.verified.transaction();
                transaction.sequence < state.account(&transaction.sender).next_sequence
                    || transaction
                        .valid_until
                        .is_some_and(|last| last < next_height)
            })
            .map(|(hash, _)| *hash)
            .collect();
        for hash in &gone {
            self.remove(hash);
        }
        gone
    }

    /// What the block at `next_height` should include: submitting members take turns, within a
    /// member its senders do, and each sender's transactions come in order without a gap. Who
    /// begins rotates with the height.
    #[must_use]
    pub fn select(
        &self,
        state: &State,
        next_height: u64,
        count_max: usize,
        bytes_max: usize,
    ) -> Vec<Verified> {
        let mut members = self.queues(state, next_height);
        let members_count = members.len();
        if members_count > 0 {
            let first = usize::try_from(next_height).unwrap_or(0) % members_count;
            members.rotate_left(first);
        }
        let mut selected = Vec::new();
        let mut bytes = 0;
        while let Some(mut senders) = members.pop_front() {
            let Some(mut queue) = senders.pop_front() else {
                continue;
            };
            if let Some(next) = queue.pop_front() {
                bytes += next.bytes();
                if selected.len() == count_max || bytes > bytes_max {
                    break;
                }
                selected.push(next.clone());
                senders.push_back(queue);
            }
            members.push_back(senders);
        }
        selected
    }

    fn queues<'a>(
        &'a self,
        state: &State,
        next_height: u64,
    ) -> VecDeque<VecDeque<VecDeque<&'a Verified>>> {
        let mut by_member: BTreeMap<PublicKey, VecDeque<VecDeque<&Verified>>> = BTreeMap::new();
        for (sender, sequences) in &self.senders {
            let first = state.account(sender).next_sequence;
            let ready: VecDeque<_> = sequences
                .range(first..)
                .zip(first..)
                .take_while(|((sequence, _), due)| **sequence == *due)
                .filter_map(|((_, hash), _)| self.pending.get(hash))
                .take_while(|pending| {
                    let valid_until = pending.verified.transaction().valid_until;
                    valid_until.is_none_or(|last| last >= next_height)
                })
                .collect();
            if let Some(submitter) = ready.front().map(|pending| pending.submitter) {
                let queue = ready.iter().map(|pending| &pending.verified).collect();
                by_member.entry(submitter).or_default().push_back(queue);
            }
        }
        by_member.into_values().collect()
    }
}
