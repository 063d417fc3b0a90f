//! Proof of stake in whole nodes: real nodes, the real relay core, virtual time.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::encoding::{List, Text};
use shared::keys::{PublicKey, SecretKey};
use shared::network::{Consensus, Holder, NetworkParameters, Stake};
use shared::node::Node;
use shared::node::interface::{
    Answer, Command, Effect, Event, ImportStep, MiningPause, Profile, StakeView,
};
use shared::receipt::Receipt;
use shared::store::Table;
use shared::transaction::Expect;

use crate::world::{MemoryStore, World};

const SLOT_MS: u64 = 1_000;
const EPOCH_MS: u64 = 20 * SLOT_MS;

/// The key of the world's node with this index.
fn key(index: u8) -> PublicKey {
    SecretKey::from_seed(&[10 + index; 32]).public_key()
}

/// A network in which the first node holds everything.
fn network() -> NetworkParameters {
    let holder = Holder {
        key: key(0),
        stake: 1_000,
    };
    NetworkParameters {
        consensus: Consensus::Stake(Stake {
            slot_ms: SLOT_MS,
            epoch_slots: 20,
            holders: List::truncated([holder]),
        }),
        ..crate::world::network()
    }
}

/// Three nodes that all want to produce.
fn producing() -> World {
    let mut world = World::of(network(), 3);
    for index in 0..3 {
        world.command(index, Command::StartMining { once: false });
    }
    world.pass(1_000);
    world
}

fn stake(world: &World, index: usize) -> StakeView {
    world.view(index).stake.expect("the proof is stake")
}

#[test]
fn a_holder_produces_and_everyone_decides() {
    let mut world = producing();
    assert_eq!(world.view(1).mining.paused, Some(MiningPause::NoStake));
    assert_eq!(world.view(0).mining.paused, None);
    let (at_ms, next) = stake(&world, 1).next.expect("somebody is drawn soon");
    assert_eq!(next, key(0));
    world.pass(at_ms - world.now_ms - 1);
    assert_eq!(world.view(0).chain.height, 0);
    world.pass(1);
    assert_eq!(world.view(0).chain.height, 1, "at the slot's beginning");
    world.pass(60_000);
    for index in 0..3 {
        let view = world.view(index);
        assert!(view.chain.height > 10, "{}", view.chain.height);
        assert_eq!(view.chain.final_height, view.chain.height, "node {index}");
        assert_eq!(view.chain.tip, world.view(0).chain.tip);
        assert!(view.rejections.is_empty(), "{:?}", view.rejections);
        assert!(world.nodes[index].work.is_none(), "nothing is searched");
    }
    let made = world.view(0).mining.found;
    assert_eq!(made, world.view(0).chain.height);
    assert_eq!(world.view(0).chain.balance, 1_000 + 50 * made);
}

#[test]
fn once_is_one_block() {
    let mut world = World::of(network(), 1);
    world.command(0, Command::StartMining { once: true });
    world.pass(60_000);
    let view = world.view(0);
    assert_eq!((view.chain.height, view.mining.found), (1, 1));
    assert!(!view.mining.wanted);
}

#[test]
fn a_transfer_makes_a_newcomer_a_producer_an_epoch_later() {
    let mut world = producing();
    let transfer = Command::Transfer {
        to: key(1),
        amount: 600,
    };
    let answer = world.ask(0, transfer);
    assert!(matches!(answer, Answer::Submitted(_)), "{answer:?}");
    let epoch = |world: &World| stake(world, 1).epoch;
    while world.view(1).chain.balance == 0 {
        world.pass(SLOT_MS);
    }
    assert_eq!(epoch(&world), 0);
    assert_eq!(stake(&world, 1).own, 0);
    while epoch(&world) == 0 {
        world.pass(SLOT_MS);
    }
    assert_eq!(stake(&world, 1).own, 0, "frozen before it moved");
    while stake(&world, 1).own_next == 0 {
        world.pass(SLOT_MS);
        assert!(epoch(&world) < 2);
    }
    assert_eq!(world.view(1).mining.found, 0);
    world.pass(2 * EPOCH_MS);
    assert_eq!(stake(&world, 1).own, 600);
    assert!(world.view(1).mining.found > 0);
    let height = world.view(0).chain.height;
    assert_eq!(world.view(1).chain.final_height, height);
    assert_eq!(stake(&world, 2).holders.len(), 2);
}

#[test]
fn without_its_only_holder_a_network_waits_and_says_why() {
    let mut world = producing();
    world.pass(20_000);
    world.stop_node(0);
    world.pass(1_000);
    let height = world.view(1).chain.height;
    // For longer than epochs and all doubling of chances.
    world.pass(10 * EPOCH_MS);
    let seen = stake(&world, 1);
    assert_eq!(world.view(1).chain.height, height);
    assert_eq!((seen.holders_present, seen.next), (0, None));
    assert_eq!(seen.holders[0].key, key(0), "it is named");

    world.start_node(0);
    world.command(0, Command::StartMining { once: false });
    world.pass(30_000);
    assert!(world.view(1).chain.height > height + 3);
    assert_eq!(stake(&world, 1).holders_present, 1);
    let view = world.view(2);
    assert_eq!(view.chain.final_height, view.chain.height);
}

/// Its block was lost with the tab, but others may have seen it: a second one would be a proof of
/// misbehaviour.
#[test]
fn a_node_that_lost_its_block_does_not_sign_another_for_its_slot() {
    let mut world = producing();
    while world.view(0).chain.height == 0 {
        world.pass(SLOT_MS);
    }
    let now_ms = world.now_ms;
    let mut store = world.nodes[0].store.clone();
    store.0.retain(|(table, _), _| *table == Table::Meta);
    let signs = |store: &MemoryStore, now_ms| {
        let profile = Profile {
            key: key(0),
            agent: "test",
            stays: true,
        };
        let (mut node, _) = Node::new(profile, &store.rows(), now_ms);
        let start = Event::Command(1, Command::StartMining { once: false });
        let mut effects = node.handle(now_ms, start);
        let written = effects.iter().find_map(|effect| match effect {
            Effect::Write(id, _) => Some(*id),
            _ => None,
        });
        if let Some(id) = written {
            effects.extend(node.handle(now_ms, Event::Written(id)));
        }
        let is_sign = |effect: &Effect| matches!(effect, Effect::Sign(..));
        effects.iter().any(is_sign)
    };
    assert!(!signs(&store, now_ms));
    let mut forgotten = store.clone();
    forgotten.0.retain(|(_, key), _| key != b"signed-slot");
    assert!(signs(&forgotten, now_ms), "the slot is its own");
    let later = (1..100).find(|slots| signs(&store, now_ms + slots * SLOT_MS));
    assert!(later.is_some(), "it signs for a later slot");
}

#[test]
fn receipts_chain_files_and_checks_are_as_with_work() {
    let mut world = producing();
    let put = Command::Put {
        key: Text::new("greeting").unwrap(),
        value: Text::new("hello").unwrap(),
        expect: Expect::Anything,
    };
    let Answer::Submitted(id) = world.ask(1, put) else {
        panic!("not submitted");
    };
    world.pass(4 * EPOCH_MS);
    world.ask(0, Command::StopMining);
    let Answer::Receipt(file) = world.ask(2, Command::Receipt { id }) else {
        panic!("no receipt");
    };
    let mut receipt = Receipt::from_file(&file).unwrap();
    let proven = receipt.verify().unwrap();
    assert_eq!((proven.id, proven.network), (id, network().id()));
    receipt.sealed.header.producer = key(1);
    assert!(receipt.verify().is_err());

    assert_eq!(world.ask(1, Command::CheckConsistency), Answer::Done);
    world.pass(10_000);
    let report = world.view(0).check.expect("a report");
    assert_eq!((report.agree.len(), report.differ.len()), (3, 0));

    let mut file = Vec::new();
    let mut begin = true;
    loop {
        match world.ask(0, Command::Export { begin }) {
            Answer::Part(part) if part.is_empty() => break,
            Answer::Part(part) => file.extend(part),
            other => panic!("no part: {other:?}"),
        }
        begin = false;
    }
    let tip = world.view(0).chain.tip;
    let mut elsewhere = World::of(network(), 1);
    elsewhere.kill_relay();
    elsewhere.now_ms = world.now_ms;
    let steps = [ImportStep::Verify, ImportStep::Bytes(file.clone())];
    let again = [ImportStep::Write, ImportStep::Bytes(file)];
    for step in steps.into_iter().chain([ImportStep::End]).chain(again) {
        let answer = elsewhere.ask(0, Command::Import(step));
        assert!(!matches!(answer, Answer::Failed(_)), "{answer:?}");
    }
    assert_eq!(elsewhere.view(0).chain.tip, tip);
}

/// A newcomer gets the headers of many epochs at once.
#[test]
fn a_newcomer_catches_up_over_many_epochs_and_a_restart_finds_its_way_back() {
    let mut world = producing();
    world.ask(
        0,
        Command::Transfer {
            to: key(1),
            amount: 400,
        },
    );
    world.pass(8 * EPOCH_MS);
    let newcomer = world.add_node();
    world.pass(2_000);
    assert_eq!(world.view(newcomer).chain.tip, world.view(0).chain.tip);
    for index in 0..2 {
        world.stop_node(index);
        world.start_node(index);
        world.command(index, Command::StartMining { once: false });
    }
    world.kill_relay();
    world.start_relay();
    let height = world.view(0).chain.height;
    world.pass(2 * EPOCH_MS);
    let tip = world.view(newcomer).chain;
    assert!(tip.height > height + 5);
    assert_eq!(tip.tip, world.view(0).chain.tip);
    assert_eq!(tip.final_height, tip.height);
}
