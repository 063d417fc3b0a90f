//! The mempool: turns without fees, gaps, replacement, expiry, and bounds that refuse.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use proptest::collection::vec;
use proptest::prelude::*;
use shared::difficulty::Schedule;
use shared::hash::Hash;
use shared::keys::{PublicKey, Signature};
use shared::limits::{
    MEMPOOL_BYTES_MAX, MEMPOOL_PER_SENDER_MAX, MEMPOOL_TRANSACTIONS_MAX, SEQUENCE_GAP_MAX,
    VALUE_BYTES_MAX,
};
use shared::mempool::{AdmissionError, Mempool, Pending};
use shared::state::{BlockContext, Progress, State};
use shared::transaction::{Action, Expect, SignedTransaction, Transaction, Verified};

use crate::common::{cases, network, public, text};

const NO_LIMIT: usize = usize::MAX;

/// A sender by number, without the cost of a key pair: the pool is given what was verified.
fn sender(number: u16) -> PublicKey {
    let [low, high] = number.to_le_bytes();
    let mut key = [0; 32];
    (key[0], key[1]) = (high, low);
    PublicKey(key)
}

fn transaction(sender: PublicKey, sequence: u64, value: &str) -> SignedTransaction {
    SignedTransaction {
        transaction: Transaction {
            network: shared::hash::NetworkId([1; 32]),
            sender,
            sequence,
            valid_until: None,
            action: Action::Put {
                key: text("k"),
                value: text(value),
                expect: Expect::Anything,
            },
            work: 0,
        },
        signature: Signature([0; 64]),
    }
}

fn pending(signed: SignedTransaction, submitter: u8) -> Pending {
    Pending {
        verified: Verified::trusted(signed),
        submitter: public(submitter),
        is_acknowledged: false,
    }
}

/// A pool upon an empty state, before block 1.
#[derive(Default)]
struct Pool {
    mempool: Mempool,
    state: State,
}

impl Pool {
    fn admit(
        &mut self,
        signed: SignedTransaction,
        submitter: u8,
    ) -> Result<Option<Hash>, AdmissionError> {
        let pending = pending(signed, submitter);
        self.mempool.admit(pending, &self.state, 1)
    }

    fn fill(&mut self, from: u16, submitter: u8, count: u64) {
        for sequence in 0..count {
            let signed = transaction(sender(from), sequence, "");
            self.admit(signed, submitter).unwrap();
        }
    }

    fn selected(&self, height: u64, count_max: usize) -> Vec<(PublicKey, u64)> {
        let selected = self
            .mempool
            .select(&self.state, height, count_max, NO_LIMIT);
        selected
            .iter()
            .map(|verified| {
                let transaction = verified.transaction();
                (transaction.sender, transaction.sequence)
            })
            .collect()
    }

    /// Executes these transactions as a block.
    fn execute(&mut self, signed: &[SignedTransaction]) {
        let block = BlockContext {
            height: 1,
            producer: public(9),
            progress: Progress::Work(Schedule::default()),
        };
        let executed = signed
            .iter()
            .map(|signed| (signed.transaction.id(), &signed.transaction));
        self.state.execute(&network(), &block, executed).unwrap();
    }
}

#[test]
fn submitting_members_take_turns_and_within_them_their_senders() {
    let mut pool = Pool::default();
    // Member 1 floods from one key, member 2 from three, member 3 has one transaction.
    pool.fill(10, 1, 50);
    for from in [20, 21, 22] {
        pool.fill(from, 2, 20);
    }
    pool.fill(30, 3, 1);
    let turns = pool.selected(0, 41);
    let of = |numbers: &[u16]| {
        let senders: Vec<_> = numbers.iter().copied().map(sender).collect();
        turns
            .iter()
            .filter(|(from, _)| senders.contains(from))
            .count()
    };
    assert_eq!(of(&[30]), 1);
    assert_eq!(of(&[10]), 20);
    assert_eq!(of(&[20, 21, 22]), 20);
    for from in [20, 21, 22] {
        assert!((6..=7).contains(&of(&[from])), "{}", of(&[from]));
    }
}

#[test]
fn who_begins_rotates_with_the_height() {
    let mut pool = Pool::default();
    for member in 1..=3 {
        pool.fill(u16::from(member) * 10, member, 2);
    }
    let first = |height| pool.selected(height, 1)[0].0;
    let beginners = [first(0), first(1), first(2)];
    for member in [10, 20, 30] {
        assert!(beginners.contains(&sender(member)), "{member} never begins");
    }
    assert_eq!(first(3), first(0));
}

proptest! {
    #![proptest_config(cases(128))]

    /// Whoever has something is served before anyone is served twice more than they.
    #[test]
    fn nobody_gets_ahead_by_more_than_one_turn(
        counts in vec(1_u64..30, 1..6),
        height in 0_u64..100,
        count_max in 0_usize..80,
    ) {
        let mut pool = Pool::default();
        for (member, count) in (1_u8..).zip(&counts) {
            pool.fill(u16::from(member), member, *count);
        }
        let selected = pool.selected(height, count_max);
        let all: u64 = counts.iter().sum();
        prop_assert_eq!(selected.len() as u64, all.min(count_max as u64));
        let served: Vec<u64> = (1_u16..)
            .zip(&counts)
            .map(|(member, _)| {
                selected.iter().filter(|(from, _)| *from == sender(member)).count() as u64
            })
            .collect();
        let most = served.iter().max().copied().unwrap_or(0);
        for (got, had) in served.iter().zip(&counts) {
            prop_assert!(got + 1 >= most || got == had, "{served:?} of {counts:?}");
        }
    }

    /// What is selected can be executed, whatever was admitted in whatever order.
    #[test]
    fn what_is_selected_is_each_senders_sequence_without_a_gap(
        admitted in vec((0_u16..4, 0_u64..6, "[a-c]"), 0..40),
    ) {
        let mut pool = Pool::default();
        for (from, sequence, value) in admitted {
            let _ = pool.admit(transaction(sender(from), sequence, &value), 1);
        }
        let mut due = std::collections::BTreeMap::new();
        for (from, sequence) in pool.selected(1, NO_LIMIT) {
            let next = due.entry(from).or_insert(0);
            prop_assert_eq!(sequence, *next);
            *next += 1;
        }
        for pending in pool.mempool.iter() {
            let Transaction { sender, sequence, .. } = pending.verified.transaction();
            let next = due.get(sender).copied().unwrap_or(0);
            prop_assert!(sequence != &next, "{sequence} was left out");
        }
    }
}

#[test]
fn what_follows_a_gap_waits_for_it_to_be_filled() {
    let mut pool = Pool::default();
    let at = |sequence| transaction(sender(1), sequence, "");
    pool.admit(at(0), 1).unwrap();
    pool.admit(at(2), 1).unwrap();
    assert_eq!(pool.selected(1, NO_LIMIT), [(sender(1), 0)]);
    assert_eq!(pool.mempool.next_sequence(&sender(1), &pool.state), 3);
    pool.admit(at(1), 1).unwrap();
    let sequences: Vec<_> = (0..3).map(|sequence| (sender(1), sequence)).collect();
    assert_eq!(pool.selected(1, NO_LIMIT), sequences);

    let far = SEQUENCE_GAP_MAX + 1;
    assert_eq!(
        pool.admit(at(far), 1),
        Err(AdmissionError::Gap { next: 0, came: far })
    );
    assert_eq!(pool.admit(at(far - 1), 1), Ok(None));
}

#[test]
fn the_senders_last_word_counts() {
    let mut pool = Pool::default();
    let first = transaction(sender(1), 0, "first");
    let second = transaction(sender(1), 0, "second");
    assert_eq!(pool.admit(first.clone(), 1), Ok(None));
    assert_eq!(pool.admit(first.clone(), 1), Err(AdmissionError::Known));
    assert_eq!(pool.admit(second.clone(), 1), Ok(Some(first.hash())));
    assert_eq!(pool.mempool.len(), 1);
    assert!(pool.mempool.get(&first.hash()).is_none());
    assert!(pool.mempool.get(&second.hash()).is_some());
}

#[test]
fn what_is_mined_or_superseded_leaves_and_is_not_admitted_again() {
    let mut pool = Pool::default();
    let mined = transaction(sender(1), 0, "mined");
    let superseded = transaction(sender(1), 1, "superseded");
    let waiting = transaction(sender(1), 2, "waiting");
    for signed in [&mined, &superseded, &waiting] {
        pool.admit(signed.clone(), 1).unwrap();
    }
    pool.execute(&[mined.clone(), transaction(sender(1), 1, "another")]);
    let mut gone = pool.mempool.refresh(&pool.state, 2);
    gone.sort();
    let mut expected = [mined.hash(), superseded.hash()];
    expected.sort();
    assert_eq!(gone, expected);
    assert_eq!(pool.mempool.len(), 1);
    assert_eq!(
        pool.admit(superseded, 1),
        Err(AdmissionError::Used { next: 2, came: 1 })
    );
    assert_eq!(pool.selected(2, NO_LIMIT), [(sender(1), 2)]);
}

#[test]
fn what_is_expired_is_refused_left_out_and_removed() {
    let mut pool = Pool::default();
    let mut expiring = transaction(sender(1), 0, "");
    expiring.transaction.valid_until = Some(5);
    pool.admit(expiring.clone(), 1).unwrap();
    assert_eq!(pool.selected(5, NO_LIMIT).len(), 1);
    assert_eq!(pool.selected(6, NO_LIMIT).len(), 0);
    assert_eq!(pool.mempool.refresh(&pool.state, 5), []);
    assert_eq!(pool.mempool.refresh(&pool.state, 6), [expiring.hash()]);
    let late = pending(expiring, 1);
    assert_eq!(
        pool.mempool.admit(late, &pool.state, 6),
        Err(AdmissionError::Expired {
            valid_until: 5,
            next: 6
        })
    );
}

#[test]
fn an_id_leads_to_what_is_pending_and_to_nothing_else() {
    let mut pool = Pool::default();
    let first = transaction(sender(1), 0, "first");
    let second = transaction(sender(1), 0, "second");
    let of =
        |pool: &Pool, signed: &SignedTransaction| pool.mempool.hash_of(&signed.transaction.id());
    pool.admit(first.clone(), 1).unwrap();
    assert_eq!(of(&pool, &first), Some(first.hash()));
    pool.admit(second.clone(), 1).unwrap();
    assert_eq!(of(&pool, &first), None);
    assert_eq!(of(&pool, &second), Some(second.hash()));
    pool.mempool.remove(&second.hash());
    assert_eq!(of(&pool, &second), None);
}

#[test]
fn an_acknowledgement_is_news_once() {
    let mut pool = Pool::default();
    let signed = transaction(sender(1), 0, "");
    assert!(!pool.mempool.acknowledge(&signed.hash()));
    pool.admit(signed.clone(), 1).unwrap();
    assert!(pool.mempool.acknowledge(&signed.hash()));
    assert!(!pool.mempool.acknowledge(&signed.hash()));
}

#[test]
fn a_sender_has_so_many_and_no_more() {
    let mut pool = Pool::default();
    pool.fill(1, 1, MEMPOOL_PER_SENDER_MAX as u64);
    let one_more = transaction(sender(1), MEMPOOL_PER_SENDER_MAX as u64, "");
    assert_eq!(pool.admit(one_more, 1), Err(AdmissionError::SenderFull));
    let replacement = transaction(sender(1), 0, "instead");
    assert!(matches!(pool.admit(replacement, 1), Ok(Some(_))));
    assert_eq!(pool.admit(transaction(sender(2), 0, ""), 1), Ok(None));
}

#[test]
fn a_pool_full_by_count_refuses_and_forgets_nothing() {
    let mut pool = Pool::default();
    let count = u16::try_from(MEMPOOL_TRANSACTIONS_MAX).unwrap();
    for from in 0..count {
        pool.admit(transaction(sender(from), 0, ""), 1).unwrap();
    }
    let refused = transaction(sender(count), 0, "");
    assert_eq!(pool.admit(refused.clone(), 1), Err(AdmissionError::Full));
    assert_eq!(pool.mempool.len(), MEMPOOL_TRANSACTIONS_MAX);
    let removed = transaction(sender(7), 0, "").hash();
    assert!(pool.mempool.remove(&removed).is_some());
    assert_eq!(pool.admit(refused, 1), Ok(None));
}

#[test]
fn a_pool_full_by_bytes_refuses_new_ones_and_longer_replacements() {
    let mut pool = Pool::default();
    let long = "v".repeat(VALUE_BYTES_MAX);
    let one = pending(transaction(sender(0), 0, &long), 1)
        .verified
        .bytes();
    let short = transaction(sender(u16::MAX), 0, "");
    pool.admit(short, 1).unwrap();
    let fitting = u16::try_from(MEMPOOL_BYTES_MAX / one).unwrap();
    let mut refused = 0;
    for from in 0..fitting + 10 {
        match pool.admit(transaction(sender(from), 0, &long), 1) {
            Ok(_) => assert_eq!(refused, 0),
            Err(error) => {
                assert_eq!(error, AdmissionError::Full);
                refused += 1;
            }
        }
    }
    assert!((10..=11).contains(&refused), "{refused} were refused");
    let longer = transaction(sender(u16::MAX), 0, &long);
    assert_eq!(pool.admit(longer, 1), Err(AdmissionError::Full));
    let bytes: usize = pool
        .mempool
        .iter()
        .map(|pending| pending.verified.bytes())
        .sum();
    assert!(bytes <= MEMPOOL_BYTES_MAX);
    assert!(pool.admit(transaction(sender(u16::MAX), 0, "a"), 1).is_ok());
}

#[test]
fn a_full_pool_takes_back_what_a_reorganisation_returns() {
    let mut pool = Pool::default();
    let count = u16::try_from(MEMPOOL_TRANSACTIONS_MAX).unwrap();
    for from in 0..count {
        pool.admit(transaction(sender(from), 0, ""), 1).unwrap();
    }
    let mut take_back = |signed| pool.mempool.take_back(pending(signed, 1), &pool.state);
    assert!(take_back(transaction(sender(count), 0, "")));
    assert!(!take_back(transaction(sender(0), 0, "another")));
    assert_eq!(pool.mempool.len(), MEMPOOL_TRANSACTIONS_MAX + 1);
    let new = transaction(sender(count + 1), 0, "");
    assert_eq!(pool.admit(new, 1), Err(AdmissionError::Full));
}

/// A hundred megabytes, which take wasm without optimisation too long.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn what_reorganisations_return_is_bounded_by_what_undecided_blocks_hold() {
    use shared::limits::{BLOCK_BODY_BYTES_MAX, MEMPOOL_RETURNED_BYTES_MAX, UNDECIDED_BLOCKS_MAX};

    let blocks = usize::try_from(UNDECIDED_BLOCKS_MAX).unwrap();
    assert_eq!(MEMPOOL_RETURNED_BYTES_MAX, blocks * BLOCK_BODY_BYTES_MAX);
    let mut pool = Pool::default();
    let long = "v".repeat(VALUE_BYTES_MAX);
    let mut bytes = 0;
    for from in 0..u16::MAX {
        let returned = pending(transaction(sender(from), 0, &long), 1);
        let more = returned.verified.bytes();
        if !pool.mempool.take_back(returned, &pool.state) {
            assert!(bytes + more > MEMPOOL_BYTES_MAX + MEMPOOL_RETURNED_BYTES_MAX);
            return;
        }
        bytes += more;
    }
    panic!("{bytes} bytes were taken back");
}
