//! The state against a plain map: outcomes, balances, quotas, roots, proofs, and the way back.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod model;

use proptest::collection::vec;
use proptest::prelude::*;
use shared::difficulty::Schedule;
use shared::hash::{Hash, TransactionId};
use shared::state::tree::{ProofEnd, StateProofError};
use shared::state::{
    BlockContext, EMPTY_ROOT, Entry, ExecutionError, Progress, State, account_path,
    difficulty_path, key_path,
};
use shared::transaction::{Action, Expect, Outcome, Transaction};

use crate::common::{REWARD, cases, network, public, text, transaction};
use model::Model;

/// What a generated transaction tries; the model fills in what makes it meaningful.
#[derive(Clone, Debug)]
enum Attempt {
    Put {
        key: u8,
        value_bytes: usize,
        expect: Expectation,
    },
    Transfer {
        to: u8,
        amount: u64,
    },
}

#[derive(Clone, Copy, Debug)]
enum Expectation {
    Anything,
    Absent,
    Right,
    Wrong,
}

const MEMBERS: std::ops::Range<u8> = 1..5;

fn attempt() -> impl Strategy<Value = Attempt> {
    let expect = prop_oneof![
        Just(Expectation::Anything),
        Just(Expectation::Absent),
        Just(Expectation::Right),
        Just(Expectation::Wrong),
    ];
    prop_oneof![
        3 => (0_u8..6, 0_usize..500, expect).prop_map(|(key, value_bytes, expect)| Attempt::Put {
            key,
            value_bytes,
            expect,
        }),
        1 => (MEMBERS, 0_u64..120).prop_map(|(to, amount)| Attempt::Transfer { to, amount }),
    ]
}

/// Blocks of a producer and attempts of senders.
fn blocks() -> impl Strategy<Value = Vec<(u8, Vec<(u8, Attempt)>)>> {
    vec((MEMBERS, vec((MEMBERS, attempt()), 0..8)), 1..6)
}

fn context(height: u64, producer: u8) -> BlockContext {
    BlockContext {
        height,
        producer: public(producer),
        progress: Progress::Work(Schedule {
            anchor_ms: 1,
            forgiven_ms: height / 2,
        }),
    }
}

fn fill_in(attempt: &Attempt, sender: u8, model: &Model) -> Transaction {
    let action = match attempt {
        Attempt::Transfer { to, amount } => Action::Transfer {
            to: public(*to),
            amount: *amount,
        },
        Attempt::Put {
            key,
            value_bytes,
            expect,
        } => {
            let key = format!("key {key}");
            let written_by = model.keys.get(&key).map(|entry| entry.written_by);
            let expect = match expect {
                Expectation::Anything => Expect::Anything,
                Expectation::Absent => Expect::Absent,
                Expectation::Right => written_by.map_or(Expect::Absent, Expect::WrittenBy),
                Expectation::Wrong => Expect::WrittenBy(TransactionId([9; 32])),
            };
            Action::Put {
                key: text(&key),
                value: text(&"v".repeat(*value_bytes)),
                expect,
            }
        }
    };
    let sequence = model.account(&public(sender)).next_sequence;
    transaction(network().id(), sender, sequence, action)
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn execution_is_that_of_a_plain_map_and_can_be_taken_back(blocks in blocks()) {
        let network = network();
        let (mut state, mut model) = (State::default(), Model::new(&network));
        let mut undos = Vec::new();
        for (height, (producer, attempts)) in (1..).zip(&blocks) {
            let context = context(height, *producer);
            let mut transactions = Vec::new();
            let mut expected = Vec::new();
            for (sender, attempt) in attempts {
                let transaction = fill_in(attempt, *sender, &model);
                expected.push(model.execute(&transaction, height));
                transactions.push((transaction.id(), transaction));
            }
            model.reward(&context);
            let before = (state.root(), entries(&state));
            let executed = transactions.iter().map(|(id, transaction)| (*id, transaction));
            let (outcomes, undo) = state.execute(&network, &context, executed).unwrap();
            prop_assert_eq!(outcomes, expected);
            model.assert_equals(&state);
            prop_assert_eq!(model.total_balance(), REWARD * height);
            undos.push((before, undo));
        }

        let whole = State::from_entries(entries(&state).into_iter().rev()).root();
        prop_assert_eq!(state.root(), whole);
        for ((root, entries_before), undo) in undos.into_iter().rev() {
            state.revert(&undo);
            prop_assert_eq!(state.root(), root);
            prop_assert_eq!(entries(&state), entries_before);
        }
        prop_assert!(state.is_empty());
        prop_assert_eq!(state.root(), EMPTY_ROOT);
    }

    #[test]
    fn the_root_is_that_of_the_entries_in_any_order(
        (accounts, shuffled) in accounts().prop_flat_map(|accounts| {
            (Just(accounts.clone()), Just(accounts).prop_shuffle())
        }),
        removed in vec(any::<u8>(), 0..20),
    ) {
        let mut state = State::from_entries(accounts.clone());
        let mut other = State::from_entries(shuffled);
        prop_assert_eq!(state.root(), other.root());
        prop_assert_eq!(entries(&state), entries(&other));

        // What was there and is gone leaves no trace in the shape.
        let extra = removed.iter().map(|&number| account(number, 7));
        let fresh: Vec<_> = extra.filter(|entry| state.entry(&entry.path()).is_none()).collect();
        let mut tree = shared::state::tree::StateTree::default();
        for entry in accounts.iter().chain(&fresh) {
            tree.set(entry.path(), Some(entry.clone()));
            tree.root();
        }
        for entry in &fresh {
            tree.set(entry.path(), None);
            if fresh.len() % 2 == 0 {
                tree.root();
            }
        }
        prop_assert_eq!(tree.len(), state.len());
        prop_assert_eq!(tree.root(), state.root());
    }

    #[test]
    fn presence_and_absence_are_proved_and_nothing_else(
        accounts in accounts(),
        asked: u8,
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let mut state = State::from_entries(accounts);
        let root = state.root();
        let path = account_path(&public(asked));
        let found = state.entry(&path).cloned();
        let proof = state.prove(&path);
        prop_assert_eq!(proof.verify(&root, &path, found.as_ref()), Ok(()));

        let other = account(asked, u64::MAX);
        prop_assert!(proof.verify(&root, &path, Some(&other)).is_err());
        if found.is_some() {
            prop_assert_eq!(proof.verify(&root, &path, None), Err(StateProofError::Entry));
        }
        prop_assert!(proof.verify(&Hash([1; 32]), &path, found.as_ref()).is_err());

        let mut bytes = shared::encoding::encode(&proof);
        *at.get_mut(&mut bytes) ^= flip;
        let changed = shared::encoding::decode::<shared::state::StateProof>("proof", &bytes);
        if let Ok(changed) = changed {
            prop_assert!(changed.verify(&root, &path, found.as_ref()).is_err());
        }
    }
}

fn account(number: u8, balance: u64) -> Entry {
    let account = shared::state::Account {
        balance,
        ..Default::default()
    };
    Entry::Account(public(number), account)
}

fn accounts() -> impl Strategy<Value = Vec<Entry>> {
    prop::collection::btree_map(any::<u8>(), 0_u64..5, 0..24).prop_map(|accounts| {
        let entries = accounts.into_iter();
        entries
            .map(|(number, balance)| account(number, balance))
            .collect()
    })
}

fn entries(state: &State) -> Vec<Entry> {
    state.entries().cloned().collect()
}

/// A leaf elsewhere proves absence only of paths that lead to it.
#[test]
fn a_leaf_beside_the_way_proves_no_absence() {
    let entries: Vec<_> = (0..16).map(|number| account(number, 1)).collect();
    let mut state = State::from_entries(entries.clone());
    let root = state.root();
    let present = &entries[0];
    for other in &entries[1..] {
        let proof = state.prove(&other.path());
        assert!(matches!(proof.end, ProofEnd::Leaf(..)));
        assert!(proof.verify(&root, &present.path(), None).is_err());
        assert!(proof.verify(&root, &present.path(), Some(present)).is_err());
    }
    let mut cut = state.prove(&present.path());
    let shorter: Vec<_> = cut.siblings.iter().skip(1).copied().collect();
    cut.siblings = shared::encoding::List::truncated(shorter);
    assert!(cut.verify(&root, &present.path(), Some(present)).is_err());
}

#[test]
fn paths_of_different_kinds_never_meet() {
    let key = public(1);
    let as_text = key.to_string();
    let paths = [
        account_path(&key),
        key_path(&text(&as_text)),
        key_path(&text("difficulty")),
        difficulty_path(),
    ];
    for (index, path) in paths.iter().enumerate() {
        assert!(!paths[..index].contains(path));
    }
}

fn put(sender: u8, sequence: u64, key: &str, value: &str) -> Transaction {
    let action = Action::Put {
        key: text(key),
        value: text(value),
        expect: Expect::Anything,
    };
    transaction(network().id(), sender, sequence, action)
}

/// Executes as one block at height 1, produced by member 1.
fn execute(
    state: &mut State,
    transactions: &[Transaction],
) -> Result<Vec<Outcome>, ExecutionError> {
    let executed = transactions
        .iter()
        .map(|transaction| (transaction.id(), transaction));
    let (outcomes, _) = state.execute(&network(), &context(1, 1), executed)?;
    Ok(outcomes)
}

#[test]
fn an_error_leaves_the_state_as_it_was() {
    let mut state = State::default();
    execute(&mut state, &[put(1, 0, "a", "1")]).unwrap();
    let before = (state.root(), entries(&state));

    let skipped = [put(1, 1, "a", "2"), put(1, 3, "a", "3")];
    assert_eq!(
        execute(&mut state, &skipped),
        Err(ExecutionError::Sequence {
            expected: 2,
            came: 3
        })
    );
    assert_eq!((state.root(), entries(&state)), before);

    let repeated = [put(1, 0, "a", "1")];
    assert_eq!(
        execute(&mut state, &repeated),
        Err(ExecutionError::Sequence {
            expected: 1,
            came: 0
        })
    );

    let mut late = put(1, 1, "a", "2");
    late.valid_until = Some(0);
    assert_eq!(
        execute(&mut state, &[late.clone()]),
        Err(ExecutionError::Expired {
            valid_until: 0,
            height: 1
        })
    );
    assert_eq!((state.root(), entries(&state)), before);
    late.valid_until = Some(1);
    assert_eq!(execute(&mut state, &[late]), Ok(vec![Outcome::Applied]));
}

/// The network allows 1,000 bytes an account. Who overwrites a key takes its bytes over.
#[test]
fn a_key_counts_against_the_quota_of_its_last_writer() {
    let mut state = State::default();
    let value = "v".repeat(600);
    let outcomes = execute(
        &mut state,
        &[
            put(1, 0, "a", &value),
            put(1, 1, "b", &value),
            put(1, 2, "a", &"v".repeat(999)),
            put(1, 3, "a", &"v".repeat(1_000)),
            put(2, 0, "a", "mine"),
            put(1, 4, "b", &value),
        ],
    );
    use Outcome::{Applied, QuotaExceeded};
    assert_eq!(
        outcomes.unwrap(),
        [
            Applied,
            QuotaExceeded,
            Applied,
            QuotaExceeded,
            Applied,
            Applied
        ]
    );
    assert_eq!(state.account(&public(1)).state_bytes, 601);
    assert_eq!(state.account(&public(2)).state_bytes, 5);
    assert_eq!(state.account(&public(1)).next_sequence, 5);
}

#[test]
fn a_transfer_to_oneself_changes_no_balance() {
    let mut state = State::default();
    execute(&mut state, &[]).unwrap();
    let transfer = |sequence, amount| {
        let to = public(1);
        transaction(network().id(), 1, sequence, Action::Transfer { to, amount })
    };
    let outcomes = execute(&mut state, &[transfer(0, REWARD), transfer(1, REWARD + 1)]);
    assert_eq!(
        outcomes.unwrap(),
        [Outcome::Applied, Outcome::BalanceTooSmall]
    );
    assert_eq!(state.account(&public(1)).balance, 2 * REWARD);
}
