//! What was acknowledged is never lost: across reorganisations, each transaction is exactly one of
//! mined, pending, expired, superseded.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use shared::block::Block;
use shared::hash::TransactionId;
use shared::limits::MEMPOOL_PER_SENDER_MAX;
use shared::replica::Replica;
use shared::store::Table;
use shared::transaction::{Action, Expect, SignedTransaction};

use crate::common::{Builder, LATE_MS, cases, hash_of, network, public, sign, text, transaction};
use crate::recorder::Recorder;

/// What becomes of one of a sender's transactions on the two branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// On the first branch only.
    Left,
    /// On both.
    OnBoth,
    /// On the first; the second has another one of the same sequence.
    Overtaken,
    /// On neither.
    Waiting,
}

const SENDERS: [u8; 3] = [1, 2, 3];
/// The last height of the first branch.
const SHORT: u64 = 1;

fn fate() -> impl Strategy<Value = (Fate, bool)> {
    let fate = prop_oneof![
        Just(Fate::Left),
        Just(Fate::OnBoth),
        Just(Fate::Overtaken),
        Just(Fate::Waiting)
    ];
    (fate, any::<bool>())
}

fn put(sender: u8, sequence: u64, value: &str, expires: bool) -> SignedTransaction {
    let action = Action::Put {
        key: text(&format!("{sender}/{sequence}")),
        value: text(value),
        expect: Expect::Anything,
    };
    let mut written = transaction(network().id(), sender, sequence, action);
    written.valid_until = expires.then_some(SHORT);
    sign(sender, written)
}

/// The transactions of a branch: each sender's, up to the first that is not on it.
fn branch(
    plan: &[Vec<(Fate, bool)>],
    chosen: impl Fn(Fate) -> Option<&'static str>,
) -> Vec<SignedTransaction> {
    let mut branch = Vec::new();
    for (&sender, fates) in SENDERS.iter().zip(plan) {
        let fates = (0..).zip(fates);
        branch.extend(fates.map_while(|(sequence, &(fate, expires))| {
            Some(put(sender, sequence, chosen(fate)?, expires))
        }));
    }
    branch
}

fn take(recorder: &mut Recorder, blocks: &[Block]) {
    for block in blocks {
        let replica = &mut recorder.replica;
        replica.insert_header(&block.sealed, LATE_MS).unwrap();
        let body = block.body.clone();
        replica.insert_body(&hash_of(block), body).unwrap();
    }
    recorder.advance();
}

fn check(recorder: &Recorder, acknowledged: &[SignedTransaction], blocks: &[Block]) {
    let replica = &recorder.replica;
    let (pool, state) = (replica.mempool(), replica.chain().state());
    let next_height = replica.chain().height() + 1;
    let mined: BTreeSet<TransactionId> = blocks
        .iter()
        .flat_map(|block| block.body.transactions.iter())
        .map(|signed| signed.transaction.id())
        .collect();
    for signed in acknowledged {
        let transaction = &signed.transaction;
        let id = transaction.id();
        let is_mined = mined.contains(&id);
        let is_pending = pool.hash_of(&id).is_some();
        let is_used = transaction.sequence < state.account(&transaction.sender).next_sequence;
        let is_expired = transaction
            .valid_until
            .is_some_and(|last| last < next_height);
        // A sequence that another transaction has used is superseded, expired or not.
        let states = [
            is_mined,
            is_pending,
            is_used && !is_mined,
            is_expired && !is_used,
        ];
        let held = states.iter().filter(|&&held| held).count();
        assert_eq!(held, 1, "mined, pending, superseded, expired: {states:?}");
    }
    let stored = recorder.store.table(Table::Pending).count();
    assert_eq!(stored, pool.len(), "the store has what memory has");
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn an_acknowledged_transaction_is_mined_pending_expired_or_superseded(
        plan in vec(vec(fate(), 0..4), SENDERS.len()),
    ) {
        let mut recorder = Recorder::new();
        let everything = branch(&plan, |_| Some("own"));
        for signed in &everything {
            let sender = signed.transaction.sender;
            let (_, writes) = recorder.replica.admit(signed.clone(), sender).unwrap();
            recorder.store.write(&writes);
            let acknowledged = recorder.replica.acknowledge(&signed.hash());
            recorder.store.write(&Vec::from_iter(acknowledged));
        }
        check(&recorder, &everything, &[]);

        let mut first = Builder::new();
        let on_first = branch(&plan, |fate| (fate != Fate::Waiting).then_some("own"));
        first.mine(8, &on_first);
        take(&mut recorder, &first.blocks);
        prop_assert_eq!(recorder.replica.chain().height(), SHORT);
        check(&recorder, &everything, &first.blocks);

        // A heavier branch takes its place, and is left again for more work still.
        let mut second = Builder::new();
        second.mine(9, &branch(&plan, |fate| match fate {
            Fate::OnBoth => Some("own"),
            Fate::Overtaken => Some("another"),
            Fate::Left | Fate::Waiting => None,
        }));
        second.mine(9, &[]);
        take(&mut recorder, &second.blocks);
        prop_assert_eq!(recorder.replica.chain().tip().hash, second.chain.tip().hash);
        check(&recorder, &everything, &second.blocks);

        for _ in 0..3 {
            first.mine(8, &[]);
        }
        take(&mut recorder, &first.blocks[1..]);
        prop_assert_eq!(recorder.replica.chain().tip().hash, first.chain.tip().hash);
        check(&recorder, &everything, &first.blocks);
    }
}

#[test]
fn what_a_reorganisation_returns_is_pending_again_and_can_be_mined() {
    let mut recorder = Recorder::new();
    let written = put(1, 0, "own", false);
    let sender = public(1);
    recorder.replica.admit(written.clone(), sender).unwrap();
    let mut first = Builder::new();
    first.mine(8, std::slice::from_ref(&written));
    take(&mut recorder, &first.blocks);
    assert!(recorder.replica.mempool().is_empty());
    let mut second = Builder::new();
    second.mine(9, &[]);
    second.mine(9, &[]);
    take(&mut recorder, &second.blocks);
    assert!(recorder.replica.mempool().get(&written.hash()).is_some());
    recorder.mine(&[]);
    assert!(recorder.replica.mempool().is_empty());
    assert_eq!(recorder.replica.chain().height(), 3);
    assert_eq!(
        recorder
            .replica
            .chain()
            .state()
            .account(&sender)
            .next_sequence,
        1
    );
}

#[test]
fn what_a_reorganisation_returns_is_still_pending_after_a_restart() {
    let mut recorder = Recorder::new();
    let mined = 5;
    let pending = MEMPOOL_PER_SENDER_MAX as u64;
    let written: Vec<_> = (0..mined + pending)
        .map(|sequence| put(1, sequence, "own", false))
        .collect();
    let (early, late) = written.split_at(5);
    let mut first = Builder::new();
    first.mine(8, early);
    take(&mut recorder, &first.blocks);
    for signed in late {
        let (_, writes) = recorder.replica.admit(signed.clone(), public(1)).unwrap();
        recorder.store.write(&writes);
    }
    let mut second = Builder::new();
    second.mine(9, &[]);
    second.mine(9, &[]);
    take(&mut recorder, &second.blocks);

    let restored = Replica::restore(network(), &recorder.store.rows(), None).unwrap();
    for signed in &written {
        let sequence = signed.transaction.sequence;
        let id = signed.transaction.id();
        assert!(recorder.replica.mempool().hash_of(&id).is_some());
        assert!(restored.mempool().hash_of(&id).is_some(), "{sequence}");
    }
}
