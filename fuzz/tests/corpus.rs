//! Seeds, and inputs that once broke a promise, played once each.
#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be"
)]

use std::path::Path;

use fuzz::{Target, seeds};

#[track_caller]
fn play(target: Target) {
    for seed in seeds::of(target) {
        target.run(&seed);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("regressions")
        .join(target.name());
    let Ok(files) = std::fs::read_dir(folder) else {
        return;
    };
    for file in files {
        let input = std::fs::read(file.unwrap().path()).unwrap();
        target.run(&input);
    }
}

#[test]
fn decoders_keep_their_promises() {
    play(Target::Decode);
}

#[test]
fn imported_blocks_keep_their_promises() {
    play(Target::BlockImport);
}

#[test]
fn imported_blocks_of_stake_keep_their_promises() {
    play(Target::StakeImport);
}

#[test]
fn a_node_keeps_its_promises_whatever_its_relay_says() {
    play(Target::NodeEvents);
}

#[test]
fn a_relay_keeps_its_promises_whatever_its_members_say() {
    play(Target::RelayEvents);
}

#[test]
fn receipts_keep_their_promises() {
    play(Target::Receipt);
}

#[test]
fn chain_files_keep_their_promises() {
    play(Target::ChainFile);
}

#[test]
fn there_are_seeds_for_each_target() {
    for target in Target::ALL {
        assert!(!seeds::of(target).is_empty(), "{target:?}");
    }
}
