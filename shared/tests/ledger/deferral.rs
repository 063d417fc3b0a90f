//! Blocks whose time has not come: put off, bounded, and tried again.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::block::Block;
use shared::limits::DEFERRED_BLOCKS_MAX;
use shared::message::BlockAnnouncement;
use shared::replica::{Announced, Replica};

use crate::common::{Builder, CREATED_AT_MS, SPACING_MS, hash_of};
use crate::recorder::Recorder;

const NOW_MS: u64 = CREATED_AT_MS;
const YEAR_MS: u64 = 365 * 24 * 3_600_000;

/// An empty block upon genesis.
fn dated(timestamp_ms: u64) -> Block {
    Builder::new().draft(1, timestamp_ms, &[])
}

fn announce(replica: &mut Replica, block: &Block) {
    let announced = replica.announced(Replica::compact(block), NOW_MS);
    assert!(matches!(announced, Announced::Deferred), "{announced:?}");
}

fn timestamps_ms(due: &[BlockAnnouncement]) -> Vec<u64> {
    let headers = due.iter().map(|announcement| &announcement.sealed.header);
    headers.map(|header| header.timestamp_ms).collect()
}

#[test]
fn blocks_dated_far_ahead_keep_out_nobody_who_is_a_little_early() {
    let mut replica = Recorder::new().replica;
    for after_ms in 0..DEFERRED_BLOCKS_MAX as u64 + 10 {
        announce(&mut replica, &dated(NOW_MS + YEAR_MS + after_ms));
    }
    let later = dated(NOW_MS + 20 * SPACING_MS);
    let early = dated(NOW_MS + 10 * SPACING_MS);
    announce(&mut replica, &later);
    announce(&mut replica, &early);
    // A header may be two spacings ahead.
    let early_ms = NOW_MS + 8 * SPACING_MS;
    assert_eq!(replica.next_due_ms(), Some(early_ms));
    assert!(replica.due(early_ms - 1).is_empty());
    let due = replica.due(NOW_MS + 18 * SPACING_MS);
    let expected = [&early, &later].map(|block| block.sealed.header.timestamp_ms);
    assert_eq!(timestamps_ms(&due), expected, "in their order");
    let rest = replica.due(u64::MAX);
    assert_eq!(rest.len(), DEFERRED_BLOCKS_MAX - 2);
    let announced = replica.announced(due[0].clone(), early_ms);
    assert!(matches!(announced, Announced::Complete), "{announced:?}");
    replica.advance();
    assert_eq!(replica.chain().tip().hash, hash_of(&early));
}

#[test]
fn a_block_that_is_announced_again_is_put_off_once() {
    let mut replica = Recorder::new().replica;
    let block = dated(NOW_MS + YEAR_MS);
    announce(&mut replica, &block);
    announce(&mut replica, &block);
    assert_eq!(replica.due(u64::MAX).len(), 1);
}
