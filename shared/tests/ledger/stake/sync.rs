//! Proof of stake while a replica catches up, comes back from its rows, or changes branches.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::block::{Block, Body};
use shared::chain::{BlockError, Chain, Checkpoint, HeaderError};
use shared::stake::StakeError;
use shared::store::MemoryStore;

use super::{EPOCH_SLOTS, Producers, sealed_by, stake_network, start_ms, transfer};
use crate::common::{LATE_MS, advance, deliver, hash_of, public, state_of};

/// Six epochs in which stake moves.
fn long() -> Producers {
    let mut producers = Producers::new();
    producers.produce(&[1, 2, 3], &[transfer(1, 0, 9, 300)]);
    producers.produce_until_epoch(6, &[1, 2, 3, 9]);
    producers
}

fn checkpoint(block: &Block) -> Checkpoint {
    Checkpoint {
        height: block.sealed.header.height,
        hash: hash_of(block),
    }
}

/// Headers of epochs whose stake follows from blocks that are not here yet.
#[test]
fn headers_come_first_also_where_stake_is_not_known_yet() {
    let long = long();
    let mut chain = Chain::new(stake_network());
    for block in &long.blocks {
        assert_eq!(chain.insert_header(&block.sealed, LATE_MS), Ok(true));
    }
    assert_eq!(chain.best_header().hash, long.chain.tip().hash);
    for block in &long.blocks {
        let body = block.body.clone();
        chain.insert_body(&hash_of(block), body).unwrap();
    }
    let changes = advance(&mut chain);
    assert!(changes.condemned.is_empty(), "{:?}", changes.condemned);
    assert_eq!(chain.tip(), long.chain.tip());
    assert_eq!(state_of(&chain).root(), state_of(&long.chain).root());
}

/// A header on trust is judged when the blocks below are executed, before its own block counts.
#[test]
fn a_stranger_who_was_trusted_is_found_out_at_execution() {
    let mut long = long();
    let tip = long.chain.tip();
    let mut fresh = Chain::new(stake_network());
    for block in &long.blocks {
        fresh.insert_header(&block.sealed, LATE_MS).unwrap();
    }
    // By a key that holds nothing; an executed chain knows better.
    let slot = long.slot() + 1;
    let stranger = long.draft(slot, 99, &[]);
    let no_stake = StakeError::NoStake(public(99));
    assert_eq!(
        long.chain.insert_header(&stranger.sealed, LATE_MS),
        Err(HeaderError::Stake(no_stake.clone()))
    );
    assert_eq!(fresh.insert_header(&stranger.sealed, LATE_MS), Ok(true));
    for block in long.blocks.iter().chain([&stranger]) {
        let body = block.body.clone();
        fresh.insert_body(&hash_of(block), body).unwrap();
    }
    let changes = advance(&mut fresh);
    let condemned = [(hash_of(&stranger), BlockError::Stake(no_stake))];
    assert_eq!(changes.condemned, condemned);
    assert_eq!(fresh.tip(), tip);
    assert_eq!(state_of(&fresh).root(), state_of(&long.chain).root());

    // The signature is never taken on trust.
    let mut unsigned = Chain::new(stake_network());
    for block in &long.blocks {
        unsigned.insert_header(&block.sealed, LATE_MS).unwrap();
    }
    let forged = sealed_by(98, stranger.sealed.header);
    assert!(matches!(
        unsigned.insert_header(&forged, LATE_MS),
        Err(HeaderError::Signature(_))
    ));
}

/// Somebody with a little stake forks off long ago and then invents producers.
#[test]
fn a_light_branch_is_not_trusted_beyond_what_can_be_judged() {
    let mut long = long();
    let mut light = Producers::new();
    // One block late in the first epoch, by who holds least.
    light.produce_from(EPOCH_SLOTS - 1, &[3], &[]);
    let sealed = &light.blocks[0].sealed.clone();
    assert_eq!(long.chain.insert_header(sealed, LATE_MS), Ok(true));
    let slot = light.slot() + 3 * EPOCH_SLOTS;
    let invented = light.draft(slot, 99, &[]);
    let epoch = slot / EPOCH_SLOTS;
    let refused = long.chain.insert_header(&invented.sealed, LATE_MS);
    assert_eq!(refused, Err(HeaderError::StakeAhead(epoch)));
    assert!(!refused.unwrap_err().is_forged());

    // It is followed all the same where a decision stands on it, or a quorum's word.
    let next = light.draft(slot, 3, &[]);
    let mut bound = self::long();
    bound.chain.insert_header(sealed, LATE_MS).unwrap();
    bound.chain.justify(Some(checkpoint(&next)));
    assert_eq!(bound.chain.insert_header(&next.sealed, LATE_MS), Ok(true));
    long.chain.decide(checkpoint(&next));
    assert_eq!(long.chain.insert_header(&next.sealed, LATE_MS), Ok(true));
}

/// Two who were apart for epochs, each on its own: the heavier branch wins for both.
#[test]
fn branches_that_grew_apart_for_epochs_are_compared() {
    let mut ours = Producers::new();
    ours.produce(&[1], &[transfer(1, 0, 9, 100)]);
    let mut theirs = Producers::on(&ours.blocks);
    ours.produce_until_epoch(6, &[2]);
    theirs.produce_until_epoch(6, &[1, 9]);
    let (heavy, light) = (&theirs.blocks, &ours.blocks);
    assert!(theirs.chain.tip().work > ours.chain.tip().work);
    let mut chain = Chain::new(stake_network());
    for block in light {
        deliver(&mut chain, block);
    }
    for block in heavy {
        chain.insert_header(&block.sealed, LATE_MS).unwrap();
    }
    assert_eq!(chain.best_header().hash, theirs.chain.tip().hash);
    for block in heavy {
        chain
            .insert_body(&hash_of(block), block.body.clone())
            .unwrap();
    }
    let changes = advance(&mut chain);
    assert!(changes.condemned.is_empty(), "{:?}", changes.condemned);
    assert_eq!(chain.tip(), theirs.chain.tip());
    assert_eq!(state_of(&chain).root(), state_of(&theirs.chain).root());
}

/// A branch may leave the chain in the middle of an epoch and begin the next one from there.
#[test]
fn stake_is_frozen_anew_on_each_branch() {
    let mut trunk = Producers::new();
    trunk.produce(&[1, 2, 3], &[]);
    let mut moved = Producers::on(&trunk.blocks);
    moved.produce(&[2, 3], &[transfer(1, 0, 9, 600)]);
    moved.produce_until_epoch(2, &[2, 3]);
    trunk.produce_from(EPOCH_SLOTS, &[1], &[]);
    trunk.produce_until_epoch(2, &[1]);
    assert_eq!(trunk.stake_in(trunk.slot() + 1, 9), 0);
    assert_eq!(moved.stake_in(moved.slot() + 1, 9), 600);

    // One chain knows both: on the branch that it executed last, and on the other.
    let mut chain = Chain::new(stake_network());
    for block in &moved.blocks {
        deliver(&mut chain, block);
    }
    for block in &trunk.blocks {
        chain.insert_header(&block.sealed, LATE_MS).unwrap();
    }
    let slot = trunk.turn(trunk.slot() + 1, &[1]).0;
    let by_newcomer = trunk.draft(slot, 9, &[]);
    assert_eq!(
        chain.insert_header(&by_newcomer.sealed, LATE_MS),
        Err(HeaderError::Stake(StakeError::NoStake(public(9))))
    );
    let slot = moved.turn(moved.slot() + 1, &[9]).0;
    let by_newcomer = moved.draft(slot, 9, &[]);
    assert_eq!(chain.insert_header(&by_newcomer.sealed, LATE_MS), Ok(true));
}

#[test]
fn a_chain_comes_back_from_its_rows_and_judges_as_before() {
    let mut before = Producers::new();
    let mut chain = Chain::new(stake_network());
    let mut store = MemoryStore::default();
    let mut rival = None;
    before.produce(&[1, 2, 3], &[transfer(1, 0, 9, 300)]);
    for _ in 0..40 {
        if before.slot() / EPOCH_SLOTS == 3 && rival.is_none() {
            // Beside the chain, one block below what follows.
            let mut other = Producers::on(&before.blocks);
            rival = Some(other.produce(&[2], &[]));
        }
        before.produce(&[1, 3, 9], &[]);
    }
    for block in &before.blocks {
        store.write(&deliver(&mut chain, block).writes);
    }
    let decided = checkpoint(&before.blocks[4]);
    chain.decide(decided);
    store.write(&advance(&mut chain).writes);
    let mut restored = Chain::restore(stake_network(), &store.rows(), Some(decided)).unwrap();
    assert_eq!(restored.tip(), chain.tip());

    let rival = rival.unwrap();
    assert_eq!(restored.insert_header(&rival.sealed, LATE_MS), Ok(true));
    let slot = before.slot();
    for slot in slot + 1..slot + 3 * EPOCH_SLOTS {
        assert_eq!(restored.holders_in(slot), chain.holders_in(slot), "{slot}");
        assert_eq!(
            restored.may_produce(&public(1), slot),
            chain.may_produce(&public(1), slot)
        );
    }
    let next = before.produce(&[1, 3, 9], &[]);
    assert_eq!(restored.insert_header(&next.sealed, LATE_MS), Ok(true));
    assert_eq!(chain.insert_header(&next.sealed, LATE_MS), Ok(true));
    assert_eq!(restored.best_header(), chain.best_header());
}

#[test]
fn an_empty_store_is_the_genesis() {
    let restored = Chain::restore(stake_network(), &MemoryStore::default().rows(), None).unwrap();
    assert_eq!(restored.tip(), Chain::new(stake_network()).tip());
    assert_eq!(restored.holders_in(1), Producers::new().chain.holders_in(1));
    let genesis = stake_network().genesis();
    assert_eq!((genesis.bits, genesis.timestamp_ms), (0, start_ms(0)));
    assert_eq!(genesis.tx_root, Body::default().root());
}
