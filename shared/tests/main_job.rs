//! The main job of the node, without browsers: real nodes, the real relay core, virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is wrong"
)]

mod world;

use shared::encoding::Text;
use shared::finality::Ballot;
use shared::message::Member;
use shared::node::interface::{Abstention, Answer, Command, Connection};
use shared::transaction::Expect;
use world::World;

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn everyone_sees_everyone_and_the_same_leader() {
    let mut world = World::new(3);
    world.pass(1_000);
    for index in 0..3 {
        let view = world.view(index);
        assert_eq!(view.connection, Connection::Joined);
        assert_eq!(ids(&view.members), [1, 2, 3]);
        assert!(view.leader.is_some(), "node {index} knows no leader");
        assert_eq!(view.leader, world.view(0).leader);
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_transaction_is_pending_everywhere_then_mined_and_final() {
    let mut world = World::new(3);
    world.pass(1_000);
    put(&mut world, 0, "greeting", "hello");
    world.pass(100);
    for index in 0..3 {
        assert_eq!(world.view(index).pending, 1);
    }
    world.mine(1);
    world.pass(1_000);
    for index in 0..3 {
        let view = world.view(index);
        assert_eq!(view.chain.height, 1);
        assert_eq!(view.pending, 0);
        assert_eq!(
            view.chain.final_height, 1,
            "node {index} {:?}",
            view.rejections
        );
        let Answer::Lookup(lookup) = world.ask(index, lookup("greeting")) else {
            panic!("no look-up");
        };
        assert_eq!(lookup.entry.unwrap().value.as_str(), "hello");
        assert_eq!(lookup.history.len(), 1);
    }
    assert_eq!(world.relay.view().chain.final_height, 1);
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn two_that_mine_at_once_end_on_the_same_chain() {
    let mut world = World::new(3);
    world.pass(1_000);
    for index in [0, 1] {
        world.command(index, Command::StartMining { once: false });
    }
    world.settle();
    for _ in 0..10 {
        world.pass(10_000);
        world.find_block(0);
        world.find_block(1);
        world.settle();
    }
    world.pass(60_000);
    let tip = world.view(0).chain.tip;
    for index in 0..3 {
        let view = world.view(index);
        assert_eq!(view.chain.tip, tip);
        assert_eq!(
            view.chain.final_height, view.chain.height,
            "{:?}",
            view.rejections
        );
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_node_that_was_away_keeps_its_number_and_catches_up() {
    let mut world = World::new(3);
    world.pass(1_000);
    put(&mut world, 2, "a", "1");
    world.mine(0);
    world.stop_node(2);
    world.settle();
    for _ in 0..5 {
        world.mine(0);
    }
    world.start_node(2);
    world.pass(1_000);
    let view = world.view(2);
    assert_eq!(view.id, Some(3));
    assert_eq!(view.chain.height, 6);
    assert_eq!(view.chain.tip, world.view(0).chain.tip);
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_lost_leader_is_replaced_by_the_same_one_everywhere() {
    let mut world = World::new(3);
    world.pass(1_000);
    let old = world.view(1).leader.unwrap();
    let index = usize::try_from(old.id - 1).unwrap();
    world.stop_node(index);
    world.pass(1_000);
    let others: Vec<_> = (0..3).filter(|other| *other != index).collect();
    let new = world.view(others[0]).leader.unwrap();
    assert_ne!(new.id, old.id);
    assert!(new.term > old.term);
    assert_eq!(world.view(others[1]).leader, Some(new));
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_relay_that_dies_loses_nothing_acknowledged() {
    let mut world = World::new(3);
    world.pass(1_000);
    put(&mut world, 0, "a", "1");
    world.mine(1);
    put(&mut world, 0, "b", "2");
    world.pass(100);
    assert_eq!(world.view(0).unacknowledged, 0);
    world.kill_relay();
    put(&mut world, 0, "c", "3");
    world.pass(30_000);
    world.start_relay();
    world.pass(60_000);
    for index in 0..3 {
        let view = world.view(index);
        assert_eq!(view.connection, Connection::Joined);
        assert_eq!(view.id, Some(u64::try_from(index).unwrap() + 1));
        assert_eq!(view.pending, 2);
        assert_eq!(view.unacknowledged, 0);
    }
    world.mine(2);
    world.pass(1_000);
    assert_eq!(
        world.view(0).chain.final_height,
        2,
        "{:?}",
        world.view(0).rejections
    );
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn a_check_names_the_edited_replica_and_repair_mends_it() {
    for tampered in 0..3 {
        let mut world = World::new(3);
        world.pass(1_000);
        for block in 0..6 {
            put(&mut world, 0, "k", &format!("{block}"));
            world.mine(1);
            world.pass(1_000);
        }
        assert_eq!(world.view(0).chain.final_height, 6);
        check(&mut world);
        assert_eq!(world.view(0).check.unwrap().agree.len(), 3);
        assert_eq!(
            world.ask(tampered, Command::Tamper { height: 4 }),
            Answer::Done
        );
        check(&mut world);
        for index in 0..3 {
            let report = world.view(index).check.unwrap();
            let number = u64::try_from(tampered).unwrap() + 1;
            assert_eq!(report.differ.to_vec(), [(number, 4)], "seen by {index}");
            assert_eq!(report.agree.len(), 2);
        }
        assert_eq!(world.view(tampered).damaged, [4]);
        assert_eq!(world.ask(tampered, Command::Repair), Answer::Done);
        assert!(world.view(tampered).damaged.is_empty());
        check(&mut world);
        assert_eq!(world.view(0).check.unwrap().agree.len(), 3);
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn finality_goes_on_after_more_than_a_third_has_left() {
    let mut world = World::new(3);
    world.pass(1_000);
    world.mine(0);
    world.pass(1_000);
    assert_eq!(world.view(0).chain.final_height, 1);
    world.stop_node(1);
    world.stop_node(2);
    world.mine(0);
    world.pass(120_000);
    let view = world.view(0);
    assert_eq!(view.chain.forced_changes, 1);
    assert_eq!(view.chain.final_height, 2);
    assert_eq!(view.chain.final_by, Some((1, 1)));
}

fn put(world: &mut World, index: usize, key: &str, value: &str) {
    let answer = world.ask(
        index,
        Command::Put {
            key: Text::new(key).unwrap(),
            value: Text::new(value).unwrap(),
            expect: Expect::Anything,
        },
    );
    assert!(matches!(answer, Answer::Submitted(_)), "{answer:?}");
}

fn lookup(key: &str) -> Command {
    Command::Lookup {
        key: Text::new(key).unwrap(),
    }
}

fn check(world: &mut World) {
    assert_eq!(world.ask(0, Command::CheckConsistency), Answer::Done);
    world.pass(2_000);
}

fn ids(members: &[Member]) -> Vec<u64> {
    members.iter().map(|member| member.id).collect()
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
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

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
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
