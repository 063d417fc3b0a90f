//! How much members may ask of the relay in a time: a bucket for each key, which fills steadily and
//! is emptied by what the key sends.
//!
//! A key's bucket outlasts its connection, so that coming back does not fill it.

use std::collections::BTreeMap;

use super::Relay;
use super::interface::ConnectionId;
use crate::keys::PublicKey;
use crate::limits::{MEMBER_RATE_BURST_SECONDS, MEMBER_RATE_PER_SECOND, MEMBER_RATES_KEPT_MAX};
use crate::message::{ErrorCode, Message};
use crate::rejection::RejectionKind;

/// What a question costs that may be answered by as much as a frame holds.
const QUESTION_COST: u64 = 8;

/// The buckets of all keys that have sent something lately.
#[derive(Debug)]
pub(super) struct Rates {
    per_second: u64,
    buckets: BTreeMap<PublicKey, Bucket>,
}

/// Counted in thousandths, so that a millisecond's worth is a whole number.
#[derive(Debug)]
struct Bucket {
    thousandths: u64,
    at_ms: u64,
}

impl Relay {
    /// Whether a member may send now what costs so much. One who may not is closed: what it sent is
    /// not lost, it sends it again when it is back.
    pub(super) fn is_within_rate(&mut self, now_ms: u64, from: ConnectionId, cost: u64) -> bool {
        let Some(key) = self.key_of(from) else {
            return false;
        };
        let is_within = self.rates.admit(now_ms, &key, cost);
        if !is_within {
            let reason = format!(
                "a member may send {} messages and transactions a second, you sent more: send them more slowly",
                self.rates.per_second()
            );
            let too_fast = (RejectionKind::Rate, ErrorCode::Misbehaved);
            self.turn_away(now_ms, from, too_fast, &reason);
        }
        is_within
    }
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            per_second: u64::from(MEMBER_RATE_PER_SECOND),
            buckets: BTreeMap::new(),
        }
    }
}

impl Rates {
    pub(super) fn set(&mut self, per_second: u32) {
        self.per_second = u64::from(per_second.max(1));
    }

    pub(super) fn per_second(&self) -> u64 {
        self.per_second
    }

    /// Whether a key may send now what costs so much. If so, it is counted.
    pub(super) fn admit(&mut self, now_ms: u64, key: &PublicKey, cost: u64) -> bool {
        if !self.buckets.contains_key(key) {
            self.make_room(now_ms);
        }
        let full = self.full();
        let bucket = self.buckets.entry(*key).or_insert(Bucket {
            thousandths: full,
            at_ms: now_ms,
        });
        bucket.thousandths = bucket.filled(now_ms, self.per_second).min(full);
        bucket.at_ms = now_ms;
        match bucket.thousandths.checked_sub(cost.saturating_mul(1000)) {
            Some(rest) => {
                bucket.thousandths = rest;
                true
            }
            None => false,
        }
    }

    /// Forgets full buckets, and where that is not enough the fullest.
    fn make_room(&mut self, now_ms: u64) {
        if self.buckets.len() < MEMBER_RATES_KEPT_MAX {
            return;
        }
        let (full, per_second) = (self.full(), self.per_second);
        self.buckets
            .retain(|_, bucket| bucket.filled(now_ms, per_second) < full);
        if self.buckets.len() < MEMBER_RATES_KEPT_MAX {
            return;
        }
        let fullest = self.buckets.iter();
        let fullest = fullest.max_by_key(|(_, bucket)| bucket.filled(now_ms, per_second));
        if let Some(key) = fullest.map(|(key, _)| *key) {
            self.buckets.remove(&key);
        }
    }

    fn full(&self) -> u64 {
        self.per_second * MEMBER_RATE_BURST_SECONDS * 1000
    }
}

impl Bucket {
    /// What would be in it now, if it had no brim.
    fn filled(&self, now_ms: u64, per_second: u64) -> u64 {
        let passed_ms = now_ms.saturating_sub(self.at_ms);
        let gained = passed_ms.saturating_mul(per_second);
        self.thousandths.saturating_add(gained)
    }
}

/// A message, each transaction and each question for what it costs the relay.
pub(super) fn cost(message: &Message) -> u64 {
    match message {
        Message::Transactions(transactions) => cost_of_transactions(transactions.len()),
        Message::GetHeaders(_) | Message::GetBodies(_) | Message::GetLog { .. } => QUESTION_COST,
        _ => 1,
    }
}

/// What so many transactions in one message cost.
pub(super) fn cost_of_transactions(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: PublicKey = PublicKey([1; 32]);

    fn rates() -> Rates {
        let mut rates = Rates::default();
        rates.set(10);
        rates
    }

    fn sent(rates: &mut Rates, now_ms: u64, key: &PublicKey, message: &Message) -> usize {
        (0..1000)
            .take_while(|_| rates.admit(now_ms, key, cost(message)))
            .count()
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let mut rates = rates();
        assert_eq!(sent(&mut rates, 5_000, &KEY, &Message::Leave), 100);
        assert_eq!(sent(&mut rates, 5_050, &KEY, &Message::Leave), 0);
        assert_eq!(sent(&mut rates, 5_150, &KEY, &Message::Leave), 1);
        assert_eq!(sent(&mut rates, 1_000_000, &KEY, &Message::Leave), 100);
        // A clock that goes back fills nothing and breaks nothing.
        assert_eq!(sent(&mut rates, 1_000, &KEY, &Message::Leave), 0);
    }

    #[test]
    fn each_key_has_its_own() {
        let mut rates = rates();
        let other = PublicKey([2; 32]);
        assert_eq!(sent(&mut rates, 0, &KEY, &Message::Leave), 100);
        assert_eq!(sent(&mut rates, 0, &other, &Message::Leave), 100);
    }

    #[test]
    fn questions_cost_more_than_statements() {
        let mut rates = rates();
        let question = Message::GetLog { from: 0 };
        assert_eq!(sent(&mut rates, 0, &KEY, &question), 12);
    }

    #[test]
    fn no_more_keys_are_kept_than_there_is_room_for() {
        let mut rates = rates();
        // The first has sent most, and is not forgotten for any of the others.
        assert_eq!(sent(&mut rates, 0, &KEY, &Message::Leave), 100);
        for number in 0..MEMBER_RATES_KEPT_MAX + 10 {
            let mut key = PublicKey([9; 32]);
            let bytes = u64::try_from(number).unwrap().to_be_bytes();
            key.0
                .iter_mut()
                .zip(bytes)
                .for_each(|(to, from)| *to = from);
            assert!(rates.admit(0, &key, 1));
            assert!(rates.buckets.len() <= MEMBER_RATES_KEPT_MAX);
        }
        assert!(!rates.admit(0, &KEY, 1));
        // What is full again is forgotten first.
        assert!(rates.admit(100_000, &PublicKey([8; 32]), 1));
        assert_eq!(rates.buckets.len(), 1);
    }
}
