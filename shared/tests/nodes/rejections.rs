//! What members send and the relay refuses is counted for whoever sent it, by kind; it changes
//! nothing, and too much of it ends a connection.

mod by_nodes;
mod wrong;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::encoding::{List, Text};
use shared::limits::{FORCED_CHANGE_MS, PEER_ERRORS_PER_MINUTE_MAX};
use shared::message::{CheckQuery, CheckReport, ErrorCode, Hello, Message, PROTOCOL_VERSION};
use shared::node::interface::Connection;
use shared::rejection::{RejectionCounts, RejectionKind};
use shared::relay::interface as relay;

use crate::world::World;
use wrong::{FORGED, counted, decided_world, forged_vote, wrong_of_members};

#[test]
fn what_a_member_sends_that_does_not_hold_is_counted_for_it_and_changes_nothing() {
    for (kind, message) in wrong_of_members(&decided_world()) {
        let mut world = decided_world();
        let before = world.relay.view();
        let id = world.view(0).id.unwrap();
        world.send(0, message.to_frame());
        world.settle();
        let relay = world.relay.view();
        assert_eq!(relay.rejected_by_member.keys().collect::<Vec<_>>(), [&id]);
        assert_eq!(counted(&relay.rejected_by_member[&id]), [(kind, 1)]);
        assert_eq!(counted(&relay.rejected), [(kind, 1)]);
        assert_eq!(relay.chain, before.chain, "{kind:?}");
        assert_eq!(relay.pending, before.pending, "{kind:?}");
        assert!(relay.convicted.is_empty());
        let sender = world.view(0);
        assert_eq!(sender.connection, Connection::Joined);
        let answer = &sender.rejections.last().unwrap();
        assert_eq!(answer.kind, RejectionKind::Own, "it is told");
        let others = world.view(1);
        assert!(others.rejections.is_empty(), "nothing of it is passed on");
    }
}

#[test]
fn bytes_that_are_no_message_and_registrations_that_prove_nothing_end_the_connection() {
    let mut world = decided_world();
    world.send(2, vec![1, 255]);
    world.settle();
    let refused = |world: &World, index: usize| match world.view(index).connection {
        Connection::Refused(error) => error.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&world, 2), ErrorCode::Malformed);
    let relay = world.relay.view();
    assert_eq!(counted(&relay.rejected), [(RejectionKind::Frame, 1)]);
    assert_eq!(relay.members.len(), 2);

    let mut world = decided_world();
    let register = Message::Register {
        signature: FORGED,
        invitation: None,
        remembered: Box::default(),
    };
    world.send(2, register.to_frame());
    world.settle();
    assert_eq!(refused(&world, 2), ErrorCode::Malformed);
    let rejected = world.relay.view().rejected;
    assert_eq!(counted(&rejected), [(RejectionKind::OutOfTurn, 1)]);

    let mut world = decided_world();
    let (connection, nonce) = (1_000, [3; 32]);
    let hello = Message::Hello(Hello {
        protocol_version: PROTOCOL_VERSION,
        network: None,
        key: world.view(0).key,
        nonce,
        agent: Text::truncated("a stranger"),
    });
    world.tell_relay(relay::Event::Opened { connection, nonce });
    for message in [hello, register] {
        let frame = message.to_frame();
        world.tell_relay(relay::Event::Frame { connection, frame });
    }
    let relay = world.relay.view();
    assert_eq!(counted(&relay.rejected), [(RejectionKind::Registration, 1)]);
    assert!(
        relay.rejected_by_member.is_empty(),
        "not whose key it shows"
    );
    assert_eq!(world.view(0).connection, Connection::Joined);
}

#[test]
fn a_member_over_its_error_budget_is_dropped_with_a_reason_and_begins_anew() {
    let mut world = decided_world();
    let id = world.view(0).id.unwrap();
    let wrong = Message::Vote(forged_vote(&world)).to_frame();
    for _ in 0..PEER_ERRORS_PER_MINUTE_MAX {
        world.send(0, wrong.clone());
    }
    world.settle();
    let relay = world.relay.view();
    let borne = u64::from(PEER_ERRORS_PER_MINUTE_MAX);
    let votes = |counts: &RejectionCounts| counts.of(RejectionKind::Vote);
    assert_eq!(votes(&relay.rejected_by_member[&id]), borne);
    assert_eq!(world.view(0).connection, Connection::Joined);
    world.send(0, wrong.clone());
    world.settle();
    assert!(matches!(
        world.view(0).connection,
        Connection::Waiting { .. }
    ));
    let told = world.view(0).rejections.last().unwrap().reason.clone();
    assert!(told.contains("within a minute"), "{told}");
    assert!(told.contains("signature"), "{told}");
    world.pass(10_000);
    assert_eq!(world.view(0).connection, Connection::Joined);
    let relay = world.relay.view();
    assert_eq!(votes(&relay.rejected), borne + 1);
    assert!(!relay.rejected_by_member.contains_key(&id));
    for _ in 0..2 {
        for _ in 0..PEER_ERRORS_PER_MINUTE_MAX {
            world.send(0, wrong.clone());
        }
        world.settle();
        world.pass(60_000);
    }
    assert_eq!(world.view(0).connection, Connection::Joined);
}

#[test]
fn of_the_entries_that_it_has_lost_a_relay_takes_none_that_it_has_not_signed() {
    let mut world = decided_world();
    let backup = world.relay_store.clone();
    world.mine(0);
    world.pass(1_000);
    let entry = world.nodes[0].node.log().unwrap().last_entry();
    let entry = entry.unwrap().clone();
    world.kill_relay();
    world.relay_store = backup;
    world.start_relay();
    for node in &mut world.nodes {
        node.withholds = |message| matches!(message, Message::Log(_));
    }
    world.pass(20_000);
    let before = world.relay.view();
    assert_eq!(before.lacking_entries, 1);
    let mut forged = entry.clone();
    forged.signature = FORGED;
    world.send(0, Message::Log(List::truncated([forged])).to_frame());
    world.settle();
    let relay = world.relay.view();
    let id = world.view(0).id.unwrap();
    assert_eq!(
        counted(&relay.rejected_by_member[&id]),
        [(RejectionKind::LogEntry, 1)]
    );
    assert_eq!((relay.lacking_entries, relay.chain), (1, before.chain));
    world.send(0, Message::Log(List::truncated([entry])).to_frame());
    world.settle();
    assert_eq!(world.relay.view().lacking_entries, 0);
}

#[test]
fn what_crosses_a_new_leader_or_entry_on_its_way_is_no_offence() {
    let mut world = decided_world();
    let check = (1, 1);
    let query = CheckQuery {
        check,
        member: None,
        start: 0,
        end: 1,
    };
    let report = CheckReport {
        check,
        height: 1,
        agree: List::default(),
        differ: List::default(),
        silent: List::default(),
    };
    let entry = world.nodes[1].node.log().unwrap().last_entry();
    let entries = List::truncated(entry.cloned());
    for message in [
        Message::Check(query),
        Message::CheckReport(report),
        Message::Log(entries),
    ] {
        world.send(1, message.to_frame());
    }
    world.settle();
    assert_eq!(world.relay.view().rejected, RejectionCounts::default());
    assert_eq!(world.relay.last_check(), None, "it is not passed on either");

    let certified = wrong_of_members(&world)
        .into_iter()
        .find(|(kind, _)| *kind == RejectionKind::Decision);
    let before_the_change = certified.unwrap().1.to_frame();
    world.stop_node(1);
    world.stop_node(2);
    world.mine(0);
    world.pass(2 * FORCED_CHANGE_MS);
    assert_eq!(world.view(0).chain.forced_changes, 1);
    world.send(0, before_the_change);
    world.settle();
    assert_eq!(world.relay.view().rejected, RejectionCounts::default());
}
