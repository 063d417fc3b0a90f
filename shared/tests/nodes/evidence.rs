//! Who signs what contradicts itself is convicted, and a relay that has lost entries of its log
//! gets them back, or stops.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::encoding::List;
use shared::finality::evidence::{Conviction, Evidence, EvidenceError, EvidenceKind, Offence};
use shared::finality::{Ballot, LogEntry, Step};
use shared::hash::Hash;
use shared::message::{ErrorCode, Message};
use shared::node::interface::{Command, Connection};

use crate::world::{World, network, relay_secret};

#[test]
fn a_member_that_votes_twice_is_convicted_before_everyone_for_good() {
    let mut world = World::new(3);
    world.pass(1_000);
    decide(&mut world);
    let log = world.nodes[1].node.log().unwrap();
    let prevote = |value| Ballot {
        network: log.network(),
        roster: log.roster_hash(),
        instance: log.next_instance(),
        forced_changes: log.forced_changes(),
        round: 1,
        step: Step::Prevote,
        value,
    };
    let (one, other) = (prevote(None), prevote(Some(Hash::ZERO)));
    world.vote(1, one);
    world.vote(1, other);
    world.settle();
    world.kill_relay();
    world.start_relay();
    world.pass(40_000);
    world.stop_node(2);
    world.start_node(2);
    let newcomer = world.add_node();
    world.pass(10_000);
    let conviction = Conviction {
        key: world.view(1).key,
        offence: Offence::Votes {
            instance: one.instance,
            round: 1,
            step: Step::Prevote,
            values: [one.value, other.value],
        },
    };
    assert_eq!(world.relay.view().convicted, [conviction]);
    for index in [0, 1, 2, newcomer] {
        assert_eq!(world.view(index).convicted, [conviction], "seen by {index}");
    }
    decide(&mut world);
}

#[test]
fn a_relay_that_signs_two_logs_is_not_trusted_again() {
    let mut world = World::new(3);
    world.pass(1_000);
    decide(&mut world);
    let own = last_entry(&world, 2);
    let mut record = own.record.clone();
    record.timestamp_ms += 1;
    let other = LogEntry {
        signature: relay_secret().sign(&record.statement()),
        record,
    };
    let proof = Evidence::Log(Box::new((own.clone(), other.clone())));
    let convicted = proof.verify(&network()).unwrap();
    assert_eq!(convicted.key, relay_secret().public_key());
    let agreeing = Evidence::Log(Box::new((own.clone(), own)));
    assert_eq!(agreeing.verify(&network()), Err(EvidenceError::Agreeing));

    world.tell(2, &Message::Log(List::truncated([other])));
    world.settle();
    assert_refused(&world, 2);
    assert_eq!(world.view(2).convicted, [convicted]);
    world.stop_node(2);
    world.start_node(2);
    world.pass(60_000);
    assert_refused(&world, 2);
    world.ask(2, Command::StartAfresh);
    world.pass(10_000);
    assert_eq!(world.view(2).connection, Connection::Joined);
    assert_eq!(world.view(0).connection, Connection::Joined);
}

#[test]
fn a_relay_restored_from_an_older_copy_takes_what_it_lost_from_its_members() {
    let mut world = World::new(3);
    world.pass(1_000);
    decide(&mut world);
    let backup = world.relay_store.clone();
    let late = world.add_node();
    world.pass(1_000);
    for _ in 0..3 {
        decide(&mut world);
    }
    let before = world.view(0);
    world.kill_relay();
    world.relay_store = backup;
    world.start_relay();
    world.pass(60_000);
    let relay = world.relay.view();
    assert_eq!(relay.lacking_entries, 0);
    assert_eq!(relay.chain.log_head, before.chain.log_head);
    assert_eq!(relay.chain.height, before.chain.height);
    for (index, id) in [(0, 1), (1, 2), (2, 3), (late, 4)] {
        let view = world.view(index);
        assert_eq!(view.id, Some(id));
        assert_eq!(view.leader, relay.leader);
        assert!(view.convicted.is_empty());
    }
    assert!(relay.leader.unwrap().term > before.leader.unwrap().term);
    decide(&mut world);
    let newcomer = world.add_node();
    world.pass(1_000);
    assert_eq!(world.view(newcomer).id, Some(5), "no number is given twice");
}

#[test]
fn a_relay_that_lost_entries_issues_nothing_until_it_has_them() {
    let mut world = World::new(3);
    world.pass(1_000);
    decide(&mut world);
    let backup = world.relay_store.clone();
    decide(&mut world);
    let term = world.view(0).leader.unwrap().term;
    let log_length = world.view(0).chain.log_length;
    world.kill_relay();
    world.relay_store = backup;
    world.start_relay();
    for index in 0..3 {
        world.nodes[index].withholds = |message| matches!(message, Message::Log(_));
    }
    world.pass(300_000);
    let relay = world.relay.view();
    assert_eq!(relay.lacking_entries, 1);
    assert_eq!(relay.chain.log_length, log_length - 1);
    assert_eq!(relay.leader, None);
    world.kill_relay();
    world.start_relay();
    world.pass(60_000);
    assert_eq!(world.relay.view().lacking_entries, 1);
    world.nodes[1].withholds = |_| false;
    world.pass(60_000);
    assert_eq!(world.relay.view().lacking_entries, 0);
    assert!(world.view(0).leader.unwrap().term > term);
    decide(&mut world);
}

#[test]
fn a_relay_that_went_on_without_what_it_lost_stops_when_a_member_shows_it() {
    for lost in [1, 4] {
        let mut world = World::new(3);
        world.pass(1_000);
        decide(&mut world);
        let backup = world.relay_store.clone();
        for _ in 0..lost {
            decide(&mut world);
        }
        for index in 0..3 {
            world.stop_node(index);
        }
        world.kill_relay();
        world.relay_store = backup;
        world.start_relay();
        let newcomer = world.add_node();
        world.pass(1_000);
        world.mine(newcomer);
        world.pass(180_000);
        assert!(world.relay.view().chain.log_length > 2, "it went on");
        world.start_node(0);
        world.pass(60_000);
        let convicted = world.relay.view().convicted;
        assert_eq!(convicted.len(), 1, "{lost} lost");
        assert_eq!(convicted[0].key, relay_secret().public_key());
        assert_eq!(convicted[0].offence.kind(), EvidenceKind::Log);
        assert_refused(&world, 0);
        assert_refused(&world, newcomer);
        world.kill_relay();
        world.start_relay();
        world.start_node(1);
        world.pass(10_000);
        assert_refused(&world, 1);
    }
}

/// Mines a block and sees it become final everywhere.
fn decide(world: &mut World) {
    world.mine(0);
    world.pass(120_000);
    let view = world.view(0);
    assert_eq!(
        view.chain.final_height, view.chain.height,
        "{:?}",
        view.rejections
    );
}

fn last_entry(world: &World, index: usize) -> LogEntry {
    let log = world.nodes[index].node.log().unwrap();
    log.last_entry().unwrap().clone()
}

fn assert_refused(world: &World, index: usize) {
    let connection = world.view(index).connection;
    assert!(
        matches!(&connection, Connection::Refused(error) if error.code == ErrorCode::Forked),
        "node {index}: {connection:?}"
    );
}
