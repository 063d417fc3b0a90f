//! A chain comes back from its rows as it was, and damaged rows are named.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::block::{Body, SealedHeader};
use shared::chain::{Chain, Checkpoint, RestoreError};
use shared::encoding::{decode, encode};
use shared::hash::BlockHash;
use shared::state::Entry;
use shared::store::{MemoryStore, Table, key_number, number_key};

use crate::common::{Builder, LATE_MS, advance, hash_of, network, public, put, state_of};

/// Five blocks after a reorganisation, the first two of them decided, and the rows of it all.
struct Stored {
    chain: Chain,
    store: MemoryStore,
    decided: Checkpoint,
    /// A heavier branch that leaves the chain after its third block.
    rivals: Builder,
}

impl Stored {
    fn new() -> Self {
        let mut first = Builder::new();
        let mut best = Builder::new();
        first.mine(3, &[put(3, 0, "gone", "after the reorganisation")]);
        for height in 0..5 {
            best.mine(1, &[put(1, height, "k", &format!("at {height}"))]);
        }
        let mut rivals = Builder::on(&best.blocks[..3]);
        for _ in 0..3 {
            rivals.mine(2, &[]);
        }
        let mut chain = Chain::new(network());
        let mut store = MemoryStore::default();
        for block in first.blocks.iter().chain(&best.blocks) {
            chain.insert_header(&block.sealed, LATE_MS).unwrap();
            let body = block.body.clone();
            chain.insert_body(&hash_of(block), body).unwrap();
            store.write(&advance(&mut chain).writes);
        }
        let decided = Checkpoint {
            height: 2,
            hash: hash_of(&best.blocks[1]),
        };
        chain.decide(decided);
        store.write(&advance(&mut chain).writes);
        assert_eq!(chain.tip().hash, best.chain.tip().hash);
        Self {
            chain,
            store,
            decided,
            rivals,
        }
    }

    fn restored(&self) -> Result<Chain, RestoreError> {
        Chain::restore(network(), &self.store.rows(), Some(self.decided))
    }

    fn body(&self, height: u64) -> Body {
        let bytes = &self.store.0[&(Table::Bodies, number_key(height))];
        decode("body", bytes).unwrap()
    }

    fn row(&mut self, table: Table, key: Vec<u8>) -> &mut Vec<u8> {
        self.store.0.get_mut(&(table, key)).unwrap()
    }
}

#[test]
fn a_chain_comes_back_from_its_rows() {
    let stored = Stored::new();
    let restored = stored.restored().unwrap();
    let before = &stored.chain;
    assert_eq!(restored.tip(), before.tip());
    assert_eq!(restored.best_header(), before.best_header());
    assert_eq!(restored.history().root(), before.history().root());
    assert_eq!(restored.decided(), before.decided());
    assert_eq!(restored.final_height(), before.final_height());
    assert_eq!(restored.locator(), before.locator());
    assert_eq!(
        restored.difficulty_parent().schedule,
        before.difficulty_parent().schedule
    );
    assert_eq!(restored.timestamp_min_ms(), before.timestamp_min_ms());
    let entries = |chain: &Chain| chain.state().entries().cloned().collect::<Vec<_>>();
    assert_eq!(entries(&restored), entries(before));
    assert_eq!(state_of(&restored).root(), state_of(before).root());
}

#[test]
fn an_empty_store_is_the_genesis() {
    let chain = Chain::restore(network(), &MemoryStore::default().rows(), None).unwrap();
    assert_eq!(chain.tip(), Chain::new(network()).tip());
}

#[test]
fn only_what_is_not_final_has_a_way_back_in_the_store() {
    let stored = Stored::new();
    let heights: Vec<_> = stored
        .store
        .table(Table::Undo)
        .filter_map(|row| key_number(&row.key))
        .collect();
    assert_eq!(heights, [3, 4, 5]);
    assert_eq!(stored.store.table(Table::Headers).count(), 5);
    assert_eq!(stored.store.table(Table::Bodies).count(), 5);
    assert_eq!(stored.store.table(Table::Transactions).count(), 5);
    assert_eq!(stored.store.table(Table::KeyHistory).count(), 5);
}

#[test]
fn a_restored_chain_can_take_back_what_is_not_final() {
    let mut stored = Stored::new();
    let mut restored = stored.restored().unwrap();
    for height in 3..=5 {
        restored.restore_body(height, stored.body(height));
    }
    for block in &stored.rivals.blocks[3..] {
        restored.insert_header(&block.sealed, LATE_MS).unwrap();
        let body = block.body.clone();
        restored.insert_body(&hash_of(block), body).unwrap();
    }
    let changes = advance(&mut restored);
    assert_eq!(changes.reverted, 2);
    assert_eq!(changes.returned.len(), 2);
    let expected = &stored.rivals.chain;
    assert_eq!(restored.tip(), expected.tip());
    assert_eq!(state_of(&restored).root(), state_of(expected).root());

    stored.store.write(&changes.writes);
    let again = stored.restored().unwrap();
    assert_eq!(again.tip(), expected.tip());
}

/// Half a reorganisation would leave a chain that stands on neither branch.
#[test]
fn a_chain_whose_bodies_are_lacking_takes_nothing_back() {
    let stored = Stored::new();
    let mut restored = stored.restored().unwrap();
    restored.restore_body(5, stored.body(5));
    for block in &stored.rivals.blocks[3..] {
        restored.insert_header(&block.sealed, LATE_MS).unwrap();
        let body = block.body.clone();
        restored.insert_body(&hash_of(block), body).unwrap();
    }
    assert!(!advance(&mut restored).moved_tip());
    assert_eq!(restored.tip(), stored.chain.tip());
    restored.restore_body(4, stored.body(4));
    assert_eq!(advance(&mut restored).reverted, 2);
    assert_eq!(restored.tip(), stored.rivals.chain.tip());
}

/// The decision was logged, and the process ended before the chain had followed.
#[test]
fn a_chain_that_lags_behind_the_log_is_taken_as_it_is() {
    let mut stored = Stored::new();
    stored.decided = Checkpoint {
        height: 6,
        hash: BlockHash([6; 32]),
    };
    let restored = stored.restored().unwrap();
    assert_eq!(restored.tip(), stored.chain.tip());
    assert_eq!(restored.decided(), stored.decided);
}

#[test]
fn a_row_that_does_not_decode_is_named_by_its_table() {
    for (table, key) in [
        (Table::Headers, number_key(2)),
        (Table::Undo, number_key(4)),
        (
            Table::State,
            shared::state::account_path(&public(1)).0.to_vec(),
        ),
    ] {
        let mut stored = Stored::new();
        stored.row(table, key).push(0);
        let Err(RestoreError::Row { table: came, .. }) = stored.restored() else {
            panic!("a damaged row of {} was taken", table.name());
        };
        assert_eq!(came, table.name());
    }
}

#[test]
fn a_header_that_is_missing_or_another_is_named_by_its_height() {
    let mut stored = Stored::new();
    stored.store.0.remove(&(Table::Headers, number_key(3)));
    assert_eq!(stored.restored().unwrap_err(), RestoreError::Header(3));

    let mut stored = Stored::new();
    let fifth = stored.row(Table::Headers, number_key(5)).clone();
    *stored.row(Table::Headers, number_key(4)) = fifth;
    assert_eq!(stored.restored().unwrap_err(), RestoreError::Header(4));

    let mut stored = Stored::new();
    let row = stored.row(Table::Headers, number_key(4));
    let mut sealed: SealedHeader = decode("header", row).unwrap();
    sealed.header.producer = public(9);
    *row = encode(&sealed);
    // Either its work is not done any more, or the next one does not follow it.
    let Err(RestoreError::Header(4 | 5)) = stored.restored() else {
        panic!("an edited header was taken");
    };
}

#[test]
fn a_state_that_is_not_that_of_the_last_block_is_refused() {
    let is_refused = |stored: &Stored| matches!(stored.restored(), Err(RestoreError::State { .. }));
    let path = shared::state::account_path(&public(1)).0.to_vec();

    let mut stored = Stored::new();
    stored.store.0.remove(&(Table::State, path.clone()));
    assert!(is_refused(&stored));

    let mut stored = Stored::new();
    let row = stored.row(Table::State, path);
    let mut entry: Entry = decode("entry", row).unwrap();
    if let Entry::Account(_, account) = &mut entry {
        account.balance += 1;
    }
    *row = encode(&entry);
    assert!(is_refused(&stored));

    let mut stored = Stored::new();
    stored.store.0.remove(&(Table::Headers, number_key(5)));
    assert!(is_refused(&stored));
}

#[test]
fn a_chain_without_the_decided_block_is_refused() {
    let mut stored = Stored::new();
    stored.decided.hash = BlockHash([9; 32]);
    assert_eq!(stored.restored().unwrap_err(), RestoreError::Decision(2));
}
