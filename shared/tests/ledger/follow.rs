//! Following a replica that has verified: the same chain with fewer rows.

use std::collections::BTreeSet;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::block::Block;
use shared::chain::{BlockError, Chain, Changes};
use shared::hash::Hash;
use shared::store::{Table, Write};

use crate::common::{Builder, LATE_MS, block, deliver, hash_of, network, put, state_of};

fn follow(chain: &mut Chain, block: &Block) -> Changes {
    chain.insert_header(&block.sealed, LATE_MS).unwrap();
    let body = block.body.clone();
    chain.insert_body(&hash_of(block), body).unwrap();
    chain.follow()
}

#[test]
fn who_follows_notes_the_places_of_the_state_whose_rows_others_write() {
    let mut builder = Builder::new();
    builder.mine(1, &[put(1, 0, "k", "v"), put(1, 1, "l", "v")]);
    builder.mine(2, &[put(2, 0, "k", "w")]);
    let (mut advanced, mut followed) = (Chain::new(network()), Chain::new(network()));
    for block in &builder.blocks {
        let expected = deliver(&mut advanced, block);
        let changes = follow(&mut followed, block);
        assert_eq!(changes.applied, expected.applied);
        let of_state = |write: &&Write| write.table == Table::State;
        let paths = expected.writes.iter().filter(of_state);
        let paths: BTreeSet<_> = paths.map(|write| write.key.clone()).collect();
        let places: BTreeSet<_> = changes.places.iter().map(|path| path.0.to_vec()).collect();
        assert_eq!(places, paths);
        let mut to_take_back = expected.writes;
        to_take_back.retain(|write| write.table == Table::Undo);
        assert_eq!(changes.writes, to_take_back);
    }
    assert_eq!(followed.tip(), advanced.tip());
    assert_eq!(state_of(&followed).root(), state_of(&advanced).root());
}

#[test]
fn who_follows_condemns_a_block_of_another_state_root() {
    let mut valid = Builder::new().mine(1, &[put(1, 0, "k", "v")]);
    let came = Hash([9; 32]);
    valid.sealed.header.state_root = came;
    let invalid = block(valid.sealed.header, valid.body);
    let mut chain = Chain::new(network());
    let changes = follow(&mut chain, &invalid);
    let [(hash, BlockError::StateRoot { came: told, .. })] = changes.condemned.as_slice() else {
        panic!("{:?}", changes.condemned);
    };
    assert_eq!((hash, told), (&hash_of(&invalid), &came));
    assert_eq!(chain.height(), 0);
}
