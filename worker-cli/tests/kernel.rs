//! The native kernel against `shared`'s header hash.
#![allow(clippy::unwrap_used, reason = "tests may")]

use proptest::prelude::*;
use shared::block::Header;
use shared::difficulty::Target;
use shared::hash::{BlockHash, Hash};
use shared::keys::PublicKey;
use shared::node::interface::MiningWork;
use worker::mining::Job;

fn header() -> impl Strategy<Value = Header> {
    let hashes = any::<[[u8; 32]; 4]>();
    (any::<(u64, u64, u32)>(), hashes).prop_map(|((height, timestamp_ms, bits), hashes)| {
        let [previous, tx_root, state_root, producer] = hashes;
        Header {
            version: Header::VERSION,
            height,
            timestamp_ms,
            previous: BlockHash(previous),
            tx_root: Hash(tx_root),
            state_root: Hash(state_root),
            producer: PublicKey(producer),
            bits,
            nonce: 0,
        }
    })
}

/// Whether the header with this nonce meets the target, by the hash that all nodes use.
fn is_met(work: &MiningWork, nonce: u64) -> bool {
    let mut header = work.header.clone();
    header.nonce = nonce;
    let mut hash = header.hash().0;
    let mut target = work.target;
    hash.reverse();
    target.reverse();
    hash <= target
}

proptest! {
    #[test]
    fn the_first_nonce_that_is_met_is_found(
        header in header(),
        bits in 0_u8..10,
        low: u32,
        first in prop_oneof![any::<u32>(), (u32::MAX - 100)..=u32::MAX],
        count in 0_u32..300,
    ) {
        let target = Target::of_expected_hashes(bits).to_bytes();
        let work = MiningWork { work: 1, header, target };
        let job = Job::new(&work, low);
        let mut highs = (0..count).map(|offset| first.wrapping_add(offset));
        let expected = highs.find(|&high| is_met(&work, job.nonce(high)));
        prop_assert_eq!(job.search(first, count), expected);
        prop_assert_eq!(job.search_by_sha2(first, count), expected);
    }
}

#[test]
fn a_target_that_nothing_meets_is_searched_in_vain() {
    let header = Header {
        version: Header::VERSION,
        height: 1,
        timestamp_ms: 1,
        previous: BlockHash::ZERO,
        tx_root: Hash::ZERO,
        state_root: Hash::ZERO,
        producer: PublicKey::default(),
        bits: 0,
        nonce: 0,
    };
    let target = [0; 32];
    let work = MiningWork {
        work: 1,
        header,
        target,
    };
    assert_eq!(Job::new(&work, 7).search(0, 10_000), None);
}
