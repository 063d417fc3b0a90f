//! Chain files: written from a replica, verified as a whole, refused for what is wrong with them.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use proptest::prelude::*;
use shared::block::Block;
use shared::chain::BlockError;
use shared::chain_file::{ChainFileError, Item, Reader, VerifiedChain, Verifier, Writer};
use shared::finality::LogEntry;
use shared::finality::log::LogError;
use shared::hash::{Hash, NetworkId};
use shared::limits::{CHAIN_FILE_RECORD_BYTES_MAX, UNDECIDED_BLOCKS_MAX};
use shared::network::NetworkParameters;
use shared::node::interface::{Answer, Command};
use shared::replica::Lookups;

use crate::common::{Builder, LATE_MS, block, cases, network, put};
use crate::recorder::Recorder;

/// Four blocks, two of them decided, with a forced change in between.
fn recorded() -> Recorder {
    let mut recorder = Recorder::with_roster(&[1, 2, 3]);
    recorder.mine(&[put(1, 0, "key", "value"), put(2, 0, "other", "value")]);
    recorder.mine(&[put(1, 1, "key", "another")]);
    recorder.decide(&[1, 2, 3], &[1, 2, 3]);
    recorder.force(&[2, 3]);
    recorder.mine(&[]);
    recorder.decide(&[2, 3], &[2, 3]);
    recorder.mine(&[put(1, 2, "key", "a third")]);
    recorder
}

pub(crate) fn exported(recorder: &Recorder) -> Vec<u8> {
    let mut lookups = Lookups::default();
    let mut file = Vec::new();
    let mut begin = true;
    loop {
        match recorder.ask_with(&mut lookups, &Command::Export { begin }) {
            Answer::Part(part) if part.is_empty() => return file,
            Answer::Part(part) => file.extend(part),
            other => panic!("no part: {other:?}"),
        }
        begin = false;
    }
}

pub(crate) fn verified(file: &[u8], piece: usize) -> Result<VerifiedChain, ChainFileError> {
    let mut verifier = Verifier::new(Some(network().id()));
    for piece in file.chunks(piece) {
        verifier.feed(piece, LATE_MS)?;
    }
    verifier.finish()
}

fn items(file: &[u8]) -> (Vec<LogEntry>, Vec<Block>) {
    let (mut entries, mut blocks) = (Vec::new(), Vec::new());
    let mut reader = Reader::default();
    reader.feed(file);
    while let Some(item) = reader.next_item().unwrap() {
        match item {
            Item::Network(parameters) => assert_eq!(*parameters, network()),
            Item::Entry(entry) => entries.push(*entry),
            Item::Block(block) => blocks.push(*block),
        }
    }
    assert_eq!(reader.finish(), Ok(()));
    (entries, blocks)
}

/// A file of these parts, all entries first, with a right sum.
fn written(network: &NetworkParameters, entries: &[LogEntry], blocks: &[Block]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(network, &mut file);
    for entry in entries {
        writer.entry(entry, &mut file);
    }
    for block in blocks {
        writer.block(block, &mut file);
    }
    writer.end(&mut file);
    file
}

#[test]
fn what_was_exported_is_verified_in_pieces_of_any_size() {
    let recorder = recorded();
    let file = exported(&recorder);
    let chain = recorder.replica.chain();
    let expected = VerifiedChain {
        network: network().id(),
        name: "test".to_owned(),
        height: 4,
        tip: chain.tip().hash,
        transactions: 4,
        final_height: 3,
        state_root: chain.header(4).unwrap().header.state_root,
        log_length: 4,
        log_head: recorder.log.head(),
        forced_changes: 1,
    };
    for piece in [1, 2, 7, 1_000, file.len()] {
        assert_eq!(verified(&file, piece), Ok(expected.clone()), "in {piece}s");
    }
}

#[test]
fn entries_stand_before_the_blocks_that_they_decide() {
    let file = exported(&recorded());
    let mut kinds = String::new();
    let mut reader = Reader::default();
    reader.feed(&file);
    while let Some(item) = reader.next_item().unwrap() {
        kinds.push(match item {
            Item::Network(_) => 'n',
            Item::Entry(_) => 'e',
            Item::Block(_) => 'b',
        });
    }
    assert_eq!(kinds, "neebbeebb");
}

#[test]
fn an_empty_replica_is_a_file_too() {
    let file = exported(&Recorder::new());
    let verified = verified(&file, 10).unwrap();
    assert_eq!((verified.height, verified.log_length), (0, 0));
}

#[test]
fn a_chain_longer_than_what_may_be_undecided_goes_out_and_in() {
    let mut recorder = Recorder::with_roster(&[1]);
    let blocks = if cfg!(target_arch = "wasm32") {
        270
    } else {
        600
    };
    for height in 1..=blocks {
        recorder.mine(&[]);
        if height % 90 == 0 {
            recorder.decide(&[1], &[1]);
        }
    }
    let file = exported(&recorder);
    let verified = verified(&file, 4_096).unwrap();
    assert_eq!(verified.height, blocks);
    assert_eq!(verified.final_height, blocks / 90 * 90);
    assert!(blocks > UNDECIDED_BLOCKS_MAX);
}

#[test]
fn what_is_no_chain_file_is_named() {
    let file = exported(&recorded());
    assert_eq!(verified(b"", 1), Err(ChainFileError::Magic));
    assert_eq!(verified(b"tabchain", 3), Err(ChainFileError::Magic));
    assert_eq!(verified(b"SQLite format 3", 1), Err(ChainFileError::Magic));
    let mut newer = file.clone();
    newer[14] = 2;
    assert_eq!(verified(&newer, 100), Err(ChainFileError::Version(2)));
    let other = NetworkId([7; 32]);
    let mut verifier = Verifier::new(Some(other));
    assert_eq!(
        verifier.feed(&file, LATE_MS),
        Err(ChainFileError::Network {
            expected: other,
            came: network().id()
        })
    );
    let mut impossible = network();
    impossible.transaction_work_bits = 200;
    let mut verifier = Verifier::new(None);
    let refused = verifier.feed(&written(&impossible, &[], &[]), LATE_MS);
    assert!(matches!(refused, Err(ChainFileError::Parameters(_))));
}

#[test]
fn a_file_that_was_cut_says_after_which_block() {
    let file = exported(&recorded());
    let mut blocks_seen = 0;
    for length in 15..file.len() {
        let Err(ChainFileError::Truncated { blocks }) = verified(&file[..length], length) else {
            panic!("cut to {length} bytes it was not refused as cut");
        };
        assert!(blocks >= blocks_seen);
        blocks_seen = blocks;
    }
    assert_eq!(blocks_seen, 4);
}

#[test]
fn no_flipped_bit_leaves_a_file_valid() {
    let file = exported(&recorded());
    let step = if cfg!(target_arch = "wasm32") { 41 } else { 3 };
    for at in (0..file.len()).step_by(step) {
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(verified(&changed, 512).is_err(), "byte {at}");
    }
    let mut continued = file;
    continued.push(0);
    assert!(matches!(
        verified(&continued, 512),
        Err(ChainFileError::Record { blocks: 4, .. })
    ));
}

#[test]
fn a_length_is_not_believed() {
    let mut file = exported(&Recorder::new());
    let too_long = u32::try_from(CHAIN_FILE_RECORD_BYTES_MAX).unwrap() + 1;
    file.splice(16..20, too_long.to_le_bytes());
    let mut reader = Reader::default();
    reader.feed(&file[..20]);
    assert!(matches!(
        reader.next_item(),
        Err(ChainFileError::Record { .. })
    ));
}

#[test]
fn a_right_sum_does_not_make_a_wrong_chain_right() {
    let (entries, blocks) = items(&exported(&recorded()));
    let refused = |entries: &[LogEntry], blocks: &[Block]| {
        verified(&written(&network(), entries, blocks), 4_096).unwrap_err()
    };
    assert!(verified(&written(&network(), &entries, &blocks), 4_096).is_ok());

    let mut gap = blocks.clone();
    gap.remove(1);
    assert!(matches!(
        refused(&entries, &gap),
        ChainFileError::Header { height: 3, .. }
    ));
    let mut twice = blocks.clone();
    twice.insert(1, blocks[0].clone());
    assert_eq!(refused(&entries, &twice), ChainFileError::Aside(1));
    let mut emptied = blocks.clone();
    emptied[0].body = blocks[2].body.clone();
    assert!(matches!(
        refused(&entries, &emptied),
        ChainFileError::Body { height: 1, .. }
    ));
    let mut inflated = blocks.clone();
    inflated[0].sealed.header.state_root = Hash::ZERO;
    inflated[0] = block(inflated[0].sealed.header.clone(), blocks[0].body.clone());
    assert!(matches!(
        refused(&[], &inflated[..1]),
        ChainFileError::Block {
            height: 1,
            error: BlockError::StateRoot { .. }
        }
    ));
    // Another chain, as good as this one but for the decisions.
    let mut aside = Builder::new();
    for _ in 0..4 {
        aside.mine(9, &[]);
    }
    assert_eq!(refused(&entries, &aside.blocks), ChainFileError::Aside(3));
    // The decided blocks are lacking.
    assert_eq!(refused(&entries, &blocks[..1]), ChainFileError::Aside(3));

    let mut reordered = entries.clone();
    reordered.swap(1, 2);
    assert!(matches!(
        refused(&reordered, &blocks),
        ChainFileError::Log(LogError::Gap { .. })
    ));
    let mut forged = entries;
    forged[1].record.timestamp_ms += 1;
    assert!(matches!(
        refused(&forged, &blocks),
        ChainFileError::Log(LogError::Relay { .. })
    ));
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn no_damage_makes_a_reader_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        piece in 1_usize..2_000,
    ) {
        static FILE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let file = FILE.get_or_init(|| exported(&recorded()));
        let mut changed = file.clone();
        for (at, byte) in damage {
            *at.get_mut(&mut changed) = byte;
        }
        prop_assert_eq!(verified(&changed, piece).is_ok(), changed == *file);
    }
}
