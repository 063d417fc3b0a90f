//! The header's layout, which miners rely on, and what its roots commit to.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};
use shared::block::{Body, Header, Outcomes};
use shared::encoding::{List, encode};
use shared::hash::{BlockHash, Hash, Tag};
use shared::merkle::{self, verify_inclusion};
use shared::transaction::Outcome;

use crate::common::{network, public, put, secret};
use crate::samples::transactions;

fn header() -> Header {
    Header {
        version: 0x0102_0304,
        height: 0x1112_1314_1516_1718,
        timestamp_ms: 0x2122_2324_2526_2728,
        previous: BlockHash([0x33; 32]),
        tx_root: Hash([0x44; 32]),
        state_root: Hash([0x55; 32]),
        producer: public(1),
        bits: 0x6162_6364,
        nonce: 0x7172_7374_7576_7778,
    }
}

#[test]
fn a_header_has_160_bytes_in_their_places() {
    let header = header();
    let encoded = encode(&header);
    assert_eq!(encoded.len(), Header::BYTES);
    assert_eq!(Header::BYTES, 160);
    assert_eq!(encoded, header.encoded());
    assert_eq!(encoded[..4], 0x0102_0304_u32.to_le_bytes());
    assert_eq!(encoded[4..12], 0x1112_1314_1516_1718_u64.to_le_bytes());
    assert_eq!(encoded[12..20], 0x2122_2324_2526_2728_u64.to_le_bytes());
    assert_eq!(encoded[20..52], [0x33; 32]);
    assert_eq!(encoded[52..84], [0x44; 32]);
    assert_eq!(encoded[84..116], [0x55; 32]);
    assert_eq!(encoded[116..148], public(1).0);
    assert_eq!(encoded[148..152], 0x6162_6364_u32.to_le_bytes());
    assert_eq!(encoded[152..], 0x7172_7374_7576_7778_u64.to_le_bytes());
}

/// 180 bytes and SHA-256's padding of at least nine fill three blocks of 64, and the nonce is
/// words 11 and 12 of the last.
#[test]
fn with_its_tag_a_header_puts_the_nonce_at_bytes_172_to_180() {
    let header = header();
    let tag = Tag::HEADER.bytes();
    assert_eq!(tag.len(), 20);
    let preimage = [tag, &header.encoded()].concat();
    assert_eq!(preimage.len(), 180);
    assert!(preimage.len() + 9 <= 3 * 64 && preimage.len() > 2 * 64);
    assert_eq!(preimage[172..180], header.nonce.to_le_bytes());
    let hash: [u8; 32] = Sha256::digest(&preimage).into();
    assert_eq!(header.hash(), BlockHash(hash));
}

fn body() -> Body {
    Body {
        transactions: List::truncated(transactions()),
        outcomes: Outcomes::truncated([Outcome::Applied; 4]),
    }
}

#[test]
fn tx_root_changes_with_every_part_of_a_body() {
    let body = body();
    let with = |change: &dyn Fn(&mut Vec<_>, &mut Vec<Outcome>)| {
        let mut transactions = body.transactions.to_vec();
        let mut outcomes = body.outcomes.to_vec();
        change(&mut transactions, &mut outcomes);
        Body {
            transactions: List::truncated(transactions),
            outcomes: Outcomes::truncated(outcomes),
        }
        .root()
    };
    let roots = [
        body.root(),
        Body::default().root(),
        with(&|_, outcomes| outcomes[2] = Outcome::ExpectFailed),
        with(&|_, outcomes| outcomes[2] = Outcome::QuotaExceeded),
        with(&|transactions, _| transactions[1] = put(1, 1, "another", "value")),
        with(&|transactions, _| transactions[1].signature = secret(1).sign(b"")),
        with(&|transactions, _| transactions.swap(0, 1)),
        with(&|transactions, outcomes| {
            transactions.pop();
            outcomes.pop();
        }),
        with(&|transactions, outcomes| {
            transactions.push(transactions[3].clone());
            outcomes.push(outcomes[3]);
        }),
    ];
    assert_eq!(BTreeSet::from(roots).len(), roots.len());
}

/// Leaf 0 holds the number of transactions: without it, one path could be shown for two positions
/// by whoever lies about the size.
#[test]
fn the_first_leaf_is_the_number_of_transactions() {
    let body = body();
    let record = merkle::leaf_hash(&Tag::BLOCK_RECORD.statement(&4_u32));
    let tree = body.tree();
    assert_eq!(tree.len(), 5);
    assert_eq!(tree.leaf(0), Some(record));
    let empty = merkle::leaf_hash(&Tag::BLOCK_RECORD.statement(&0_u32));
    assert_eq!(Body::default().root(), empty);
}

#[test]
fn each_transaction_with_its_outcome_has_a_path_to_tx_root() {
    let body = body();
    let tree = body.tree();
    let entries = body.transactions.iter().zip(body.outcomes.iter());
    for (position, (signed, outcome)) in entries.enumerate() {
        let path = tree.inclusion_proof(position + 1, 5).unwrap();
        let verify = |outcome, index| {
            let leaf = merkle::leaf_hash(&Body::leaf((signed, outcome)));
            verify_inclusion(&leaf, index, 5, &path, &body.root())
        };
        let index = position as u64 + 1;
        assert_eq!(verify(outcome, index), Ok(()));
        assert!(verify(&Outcome::BalanceTooSmall, index).is_err());
        assert!(verify(outcome, index - 1).is_err());
    }
}

#[test]
fn genesis_follows_from_every_parameter() {
    let network = network();
    let genesis = network.genesis();
    assert_eq!(genesis.height, 0);
    assert_eq!(genesis.timestamp_ms, network.created_at_ms);
    assert_eq!(genesis.previous, BlockHash(network.id().0));
    let mut salted = network.clone();
    salted.salt[0] ^= 1;
    let mut of_another_relay = network.clone();
    of_another_relay.relay = public(1);
    let mut later = network.clone();
    later.created_at_ms += 1;
    for other in [salted, of_another_relay, later] {
        assert_ne!(other.genesis().hash(), genesis.hash());
    }
}
