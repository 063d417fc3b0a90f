//! Proof of stake in whole nodes: real nodes, the real relay core, virtual time.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::block::{Body, Header, Seal, SealedHeader};
use shared::encoding::{List, Text};
use shared::finality::evidence::{Conviction, Offence};
use shared::hash::Hash;
use shared::keys::{PublicKey, SecretKey};
use shared::message::{AnnouncedBody, BlockAnnouncement, Message};
use shared::network::{Consensus, Holder, NetworkParameters, Stake};
use shared::node::interface::{Answer, Command, ImportStep, MiningPause, StakeView};
use shared::receipt::Receipt;
use shared::store::Table;
use shared::transaction::Expect;

use crate::world::World;

const SLOT_MS: u64 = 1_000;
const EPOCH_MS: u64 = 20 * SLOT_MS;

/// The secret key of the world's node with this index.
fn secret(index: u8) -> SecretKey {
    SecretKey::from_seed(&[10 + index; 32])
}

fn key(index: u8) -> PublicKey {
    secret(index).public_key()
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
    world.pass(2_000);
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

/// The network's time was set back, and its block is lost with the tab and the relay's disk; but
/// others may have seen it: a second one would be a proof of misbehaviour.
#[test]
fn a_node_that_lost_its_block_does_not_sign_another_for_its_slot() {
    for forgets in [false, true] {
        let mut world = World::of(network(), 1);
        world.pass(3_000);
        let before = world.relay_store.clone();
        world.command(0, Command::StartMining { once: false });
        while world.view(0).chain.height == 0 {
            world.pass(SLOT_MS);
        }
        let made_ms = world.now_ms;
        world.stop_node(0);
        world.kill_relay();
        world.relay_store = before;
        let rows = &mut world.nodes[0].store.0;
        rows.retain(|(table, _), _| *table == Table::Meta);
        rows.retain(|(_, key), _| !forgets || key != b"signed-slot");
        world.now_ms -= 10 * SLOT_MS;
        world.start_relay();
        world.start_node(0);
        world.command(0, Command::StartMining { once: false });
        world.pass(made_ms - world.now_ms);
        assert_eq!(world.view(0).mining.paused, None);
        assert_eq!(world.view(0).mining.found > 0, forgets);
        world.pass(60 * SLOT_MS);
        assert!(world.view(0).mining.found > 0, "later slots are its own");
    }
}

#[test]
fn a_holder_whose_clock_was_set_waits_for_the_relays_time() {
    let mut world = producing();
    world.pass(20_000);
    let height = world.view(0).chain.height;
    // The relay's answers get lost; and then it is farther on than all doublings of chances.
    world.lose_relay();
    world.now_ms += 3_600_000;
    world.pass(SLOT_MS);
    assert_eq!(world.view(0).mining.paused, Some(MiningPause::NoRelay));
    assert_eq!(world.view(0).chain.height, height);
    world.kill_relay();
    world.pass(20_000);
    assert_eq!(world.view(0).mining.paused, Some(MiningPause::NoRelay));
    world.stop_node(0);
    world.start_node(0);
    world.command(0, Command::StartMining { once: false });
    world.pass(20_000);
    assert_eq!(world.view(0).mining.paused, Some(MiningPause::NoRelay));
    assert_eq!(world.view(0).chain.height, height);
    world.start_relay();
    world.pass(60_000);
    assert_eq!(world.view(0).mining.paused, None);
    assert!(world.view(0).chain.height > height);
}

#[test]
fn a_holder_that_produces_twice_in_one_slot_is_convicted_before_everyone_for_good() {
    let mut world = producing();
    world.pass(20_000);
    world.command(0, Command::StopMining);
    world.pass(5_000);
    let chain = world.nodes[0].node.replica().unwrap().chain();
    let one = chain.header_by_hash(&chain.tip().hash).unwrap().clone();
    assert_eq!(chain.final_height(), one.header.height);
    let header = Header {
        state_root: Hash([9; 32]),
        ..one.header.clone()
    };
    let statement = SealedHeader::statement(&network().id(), &header.hash());
    let other = SealedHeader {
        seal: Seal::Stake(secret(0).sign(&statement)),
        header,
    };
    let blocks = [&one, &other].map(|sealed| sealed.header.hash());
    let announcement = BlockAnnouncement {
        sealed: other,
        body: AnnouncedBody::Full(Body::default()),
    };
    world.send(0, Message::Block(Box::new(announcement)).to_frame());
    world.settle();
    world.kill_relay();
    world.start_relay();
    world.pass(40_000);
    world.stop_node(2);
    world.start_node(2);
    let newcomer = world.add_node();
    world.pass(10_000);
    let conviction = Conviction {
        key: key(0),
        offence: Offence::Blocks {
            slot_start_ms: one.header.timestamp_ms,
            blocks,
        },
    };
    assert_eq!(world.relay.view().convicted, [conviction]);
    for index in [0, 1, 2, newcomer] {
        assert_eq!(world.view(index).convicted, [conviction], "seen by {index}");
    }
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
