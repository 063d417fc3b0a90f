//! Keys that were restored or copied do not vote twice; others are never kept from voting.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::finality::Ballot;
use shared::limits::DEADLOCK_MS;
use shared::message::Message;
use shared::node::interface::{Abstention, Command, Connection};

use crate::world::World;

#[test]
fn a_vote_that_comes_after_a_forced_change_does_not_silence_its_voter() {
    let mut world = World::new(3);
    world.pass(1_000);
    world.mine(0);
    world.pass(1_000);
    world.votes.clear();
    // Nobody hears of anybody's vote, until the relay brings the same roster in anew.
    for node in &mut world.nodes {
        node.withholds = |message| matches!(message, Message::Vote(_));
    }
    world.mine(0);
    let key = world.view(1).key;
    let vote = world.votes.iter().rfind(|vote| vote.voter == key);
    let late = Message::Vote(*vote.unwrap()).to_frame();
    let roster = world.nodes[1].node.log().unwrap().roster_hash();
    while world.view(1).chain.forced_changes == 0 {
        world.pass(1_000);
        assert!(world.now_ms < 1_100_000 + DEADLOCK_MS, "no forced change");
    }
    assert_eq!(world.nodes[1].node.log().unwrap().roster_hash(), roster);
    world.send(1, late);
    world.settle();
    world.stop_node(1);
    world.start_node(1);
    world.pass(1_000);
    assert_eq!(world.view(1).connection, Connection::Joined);
    assert_eq!(world.view(1).abstention, None);
    for node in &mut world.nodes {
        node.withholds = |_| false;
    }
    world.pass(60_000);
    let chain = world.view(1).chain;
    assert_eq!((chain.final_height, chain.final_by), (2, Some((3, 3))));
    assert_nobody_voted_twice(&world);
}

#[test]
fn a_member_restored_from_an_older_copy_votes_only_after_the_log_has_moved_on() {
    let mut world = undecided_world();
    let backup = world.nodes[1].store.clone();
    world.mine(0);
    assert_eq!(world.votes.len(), 2, "the two members here have prevoted");
    world.stop_node(1);
    world.nodes[1].store = backup;
    world.kill_relay();
    world.start_relay();
    world.start_node(1);
    world.pass(10_000);
    assert_eq!(
        world.view(1).abstention,
        Some(Abstention::OldStorage),
        "{:?}",
        world.view(1).rejections
    );
    assert_eq!(world.view(1).chain.height, 3);
    let of_restored = |world: &World| {
        let key = world.view(1).key;
        let votes = world.votes.iter();
        votes.filter(|vote| vote.voter == key).count()
    };
    assert_eq!(of_restored(&world), 1, "only that of before");
    world.pass(180_000);
    let view = world.view(1);
    assert_eq!(view.chain.final_height, 3, "{:?}", view.rejections);
    assert_eq!(view.chain.final_by, Some((2, 2)));
    assert_eq!(view.abstention, None);
    assert_nobody_voted_twice(&world);
}

#[test]
fn of_two_copies_of_a_key_the_one_that_has_not_voted_abstains() {
    let mut world = undecided_world();
    let copy = world.clone_node(1);
    world.settle();
    assert_eq!(world.view(copy).abstention, None, "nobody has voted yet");
    world.mine(0);
    let key = world.view(1).key;
    assert!(world.votes.iter().any(|vote| vote.voter == key));
    world.stop_node(copy);
    world.kill_relay();
    world.start_relay();
    world.ask(1, Command::Reconnect);
    world.pass(10_000);
    assert_eq!(world.view(1).connection, Connection::Joined);
    assert_eq!(world.view(1).abstention, Some(Abstention::OldStorage));
    world.start_node(copy);
    world.pass(1_000);
    assert_eq!(
        world.view(copy).abstention,
        None,
        "it knows all its key's votes"
    );
    world.pass(120_000);
    assert_eq!(world.view(copy).chain.final_height, 3);
    assert_nobody_voted_twice(&world);
}

/// Three members have decided a block, then one has left: nothing is decided until the relay
/// replaces the roster.
fn undecided_world() -> World {
    let mut world = World::new(3);
    world.pass(1_000);
    world.mine(0);
    world.pass(1_000);
    assert_eq!(world.view(0).chain.final_by, Some((1, 1)));
    world.mine(0);
    world.pass(1_000);
    assert_eq!(world.view(0).chain.final_by, Some((3, 3)));
    world.stop_node(2);
    world.settle();
    world.votes.clear();
    world
}

fn assert_nobody_voted_twice(world: &World) {
    for (index, one) in world.votes.iter().enumerate() {
        for other in world.votes.iter().skip(index) {
            let is_same_place = one.voter == other.voter
                && Ballot {
                    value: other.ballot.value,
                    ..one.ballot
                } == other.ballot;
            assert!(
                !is_same_place || one.ballot == other.ballot,
                "{one:?} {other:?}"
            );
        }
    }
}
