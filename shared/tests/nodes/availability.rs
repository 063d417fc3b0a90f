//! What is final can be had: no decision is logged for a block that nobody has. What was
//! acknowledged can be mined: whoever mines has it. Who keeps bodies back holds up nobody.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::encoding::List;
use shared::limits::{DEADLOCK_MS, LEADER_STALL_MS};
use shared::message::Message;
use shared::node::interface::{Answer, Command};
use shared::transaction::{Expect, Key, Value};

use crate::world::World;

/// A lone member mines a block and certifies it, and nothing of that arrives.
fn certified_alone() -> World {
    let mut world = World::new(1);
    world.pass(1_000);
    world.mine(0);
    assert_eq!(world.relay.log().last().height, 1);
    world.lose_relay();
    world.mine(0);
    let voter = world.nodes[0].node.voter().unwrap();
    assert_eq!(voter.certified().unwrap().decision.height, 2);
    world.kill_relay();
    world
}

#[test]
fn a_block_that_its_only_member_gave_up_does_not_become_final() {
    let mut world = certified_alone();
    assert_eq!(world.ask(0, Command::StartAfresh), Answer::Done);
    world.start_relay();
    world.pass(30_000);
    assert_eq!(world.view(0).chain.height, 1, "the second block is lost");
    // It has the log again, and repeats its votes.
    world.kill_relay();
    world.start_relay();
    world.pass(30_000);
    assert_eq!(world.relay.log().last().height, 1);
    world.mine(0);
    world.pass(2 * DEADLOCK_MS);
    let chain = world.view(0).chain;
    assert_eq!((chain.height, chain.final_height), (2, 2), "another one is");
}

#[test]
fn members_that_say_they_can_be_seen_do_not_keep_the_lead_among_them() {
    let mut world = World::new(4);
    world.pass(1_000);
    world.mine(0);
    for index in [2, 3] {
        world.hide(index);
    }
    for index in [0, 1] {
        world.nodes[index].withholds = |message| matches!(message, Message::Proposal(_));
    }
    world.mine(0);
    assert_eq!(world.relay.log().last().height, 1);
    world.pass(3 * LEADER_STALL_MS);
    assert_eq!(world.relay.log().last().height, 2);
    assert_eq!(world.view(2).chain.forced_changes, 0);
}

#[test]
fn a_decision_is_logged_once_its_block_is_here() {
    let mut world = certified_alone();
    let voter = world.nodes[0].node.voter().unwrap();
    let certified = voter.certified().unwrap().clone();
    world.add_node();
    world.start_relay();
    world.pass(1_000);
    // Whoever hears of the certificate first may tell the relay, and need not have the block.
    world.send(1, Message::Certified(Box::new(certified)).to_frame());
    world.pass(40_000);
    assert_eq!(world.relay.log().last().height, 2);
    assert_eq!(world.view(1).chain.final_height, 2);
}

#[test]
fn who_brings_a_better_branch_is_told_what_it_takes_back() {
    let mut world = World::new(2);
    world.pass(1_000);
    world.mine(0);
    world.ask(1, Command::Disconnect);
    let put = Command::Put {
        key: Key::truncated("key"),
        value: Value::truncated("value"),
        expect: Expect::Anything,
    };
    assert!(matches!(world.ask(0, put), Answer::Submitted(_)));
    world.mine(0);
    assert_eq!(world.view(0).pending, 0, "it is mined");
    world.stop_node(0);
    world.mine(1);
    world.mine(1);
    world.command(1, Command::Reconnect);
    world.pass(5_000);
    assert_eq!(world.relay.replica().chain().height(), 3);
    assert_eq!(world.view(1).pending, 1);
}

/// One block is decided. The last member has mined three upon it by itself, and nobody else any.
fn three_blocks_apart(nodes: usize) -> World {
    let mut world = World::new(nodes);
    world.pass(1_000);
    world.mine(0);
    assert_eq!(world.relay.log().roster().members.len(), nodes);
    let last = nodes - 1;
    world.ask(last, Command::Disconnect);
    for _ in 0..3 {
        world.mine(last);
    }
    for node in &mut world.nodes {
        node.withholds = |message| decides(message) || matches!(message, Message::Bodies(_));
    }
    world
}

fn decides(message: &Message) -> bool {
    matches!(message, Message::Vote(_) | Message::Certified(_))
}

#[test]
fn a_member_that_keeps_the_bodies_of_a_heavier_branch_back_holds_up_nobody() {
    let mut world = three_blocks_apart(3);
    world.command(2, Command::Reconnect);
    world.pass(5_000);
    let withheld = world.view(2).chain.tip;
    assert_eq!(world.relay.replica().chain().best_header().hash, withheld);

    for height in 2..4 {
        world.mine(0);
        let heights = [0, 1].map(|node| world.view(node).chain.height);
        assert_eq!(heights, [height; 2]);
        let tip = world.relay.replica().chain().tip();
        assert_eq!(tip.hash, world.view(0).chain.tip);
    }
    world.nodes[2].withholds = decides;
    world.pass(30_000);
    for node in 0..3 {
        assert_eq!(
            world.view(node).chain.tip,
            withheld,
            "it has come after all"
        );
    }
}

#[test]
fn a_member_is_asked_for_the_bodies_of_its_own_branch_also_beside_a_heavier_one() {
    let mut world = three_blocks_apart(3);
    world.command(2, Command::Reconnect);
    world.pass(5_000);
    world.ask(1, Command::Disconnect);
    for _ in 0..2 {
        world.mine(1);
    }
    let own = world.view(1).chain.tip;
    world.nodes[1].withholds = decides;
    world.command(1, Command::Reconnect);
    world.pass(10_000);
    assert_eq!(world.relay.replica().chain().tip().hash, own);
    assert_eq!(world.view(0).chain.tip, own);
}

#[test]
fn bodies_that_the_relay_lacks_keep_nobody_from_mining() {
    let mut world = three_blocks_apart(2);
    let chain = world.nodes[1].node.replica().unwrap().chain();
    let headers = chain.headers_after(&[chain.hash_at(1).unwrap()], 3);
    world.tell(0, &Message::Headers(List::truncated(headers)));
    world.settle();
    assert_eq!(world.view(0).chain.best_header_height, 4);
    world.mine(0);
    assert_eq!(world.view(0).chain.height, 2);
    assert_eq!(world.relay.replica().chain().height(), 2);
}

#[test]
fn an_announced_block_is_fetched_also_beside_a_branch_that_the_relay_lacks() {
    let mut world = three_blocks_apart(3);
    let chain = world.nodes[2].node.replica().unwrap().chain();
    let headers = chain.headers_after(&[chain.hash_at(1).unwrap()], 3);
    world.tell(0, &Message::Headers(List::truncated(headers)));
    world.settle();
    // Its transaction nobody else has.
    world.ask(1, Command::Disconnect);
    let put = Command::Put {
        key: Key::truncated("key"),
        value: Value::truncated("value"),
        expect: Expect::Anything,
    };
    assert!(matches!(world.ask(1, put), Answer::Submitted(_)));
    world.mine(1);
    world.nodes[1].withholds = decides;
    world.command(1, Command::Reconnect);
    world.pass(30_000);
    let tip = world.view(1).chain.tip;
    assert_eq!(world.relay.replica().chain().tip().hash, tip);
    assert_eq!(world.view(0).chain.tip, tip);
}
