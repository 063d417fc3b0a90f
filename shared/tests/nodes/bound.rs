//! Members that are bound to a block: nobody leaves it for more work, and who never had it gets it.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::encoding::List;
use shared::finality::{Certificate, Proposal, Step};
use shared::hash::BlockHash;
use shared::keys::Signature;
use shared::limits::LEADER_STALL_MS;
use shared::message::Message;
use shared::network::NetworkParameters;
use shared::node::interface::{Answer, Command};
use shared::rejection::RejectionKind;

use crate::world::{World, network};

/// All but the last member have prevoted a block and are bound to it, and nobody has heard of their
/// precommits, nor of anything that a leader has proposed since. The last one is away, and has mined
/// two blocks beside it.
fn bound_world(members: usize) -> (World, BlockHash) {
    let network = NetworkParameters {
        forced_changes_allowed: false,
        ..network()
    };
    let mut world = World::of(network, members);
    world.pass(1_000);
    world.mine(0);
    world.mine(0);
    assert_eq!(world.relay.log().roster().members.len(), members);
    assert_eq!(world.relay.log().last().height, 2);
    let last = members - 1;
    world.ask(last, Command::Disconnect);
    for node in &mut world.nodes {
        node.withholds = decides;
    }
    world.mine(0);
    let block = world.view(0).chain.tip;
    for index in 0..last {
        assert_eq!(bound_to(&world, index), Some(block));
        world.nodes[index].withholds = |message| decides(message) || proposes(message);
    }
    for _ in 0..2 {
        world.mine(last);
    }
    (world, block)
}

fn decides(message: &Message) -> bool {
    match message {
        Message::Vote(vote) => vote.ballot.step == Step::Precommit,
        Message::Certified(_) => true,
        _ => false,
    }
}

fn proposes(message: &Message) -> bool {
    matches!(message, Message::Proposal(_))
}

fn bound_to(world: &World, index: usize) -> Option<BlockHash> {
    let voter = world.nodes[index].node.voter().unwrap();
    let locked = voter.state().locked.as_ref();
    locked.map(|(_, decision)| decision.block)
}

#[test]
fn a_heavier_branch_is_left_for_the_block_that_members_are_bound_to() {
    let (mut world, block) = bound_world(4);
    world.command(3, Command::Reconnect);
    world.pass(5_000);
    for index in 0..3 {
        assert_eq!(world.view(index).chain.tip, block);
    }
    let chain = world.relay.replica().chain();
    assert_eq!(
        (chain.height(), chain.tip().hash),
        (4, world.view(3).chain.tip)
    );

    // The next leader shows what they are bound to.
    for node in &mut world.nodes {
        node.withholds = decides;
    }
    world.pass(LEADER_STALL_MS);
    assert_eq!(world.relay.replica().chain().tip().hash, block);
    assert_eq!(world.view(3).chain.tip, block);
    assert_eq!(world.relay.log().last().height, 2);

    for node in &mut world.nodes {
        node.withholds = |_| false;
    }
    world.pass(LEADER_STALL_MS);
    let last = world.relay.log().last();
    assert_eq!((last.height, last.block), (3, block));
    for index in 0..4 {
        assert_eq!(world.view(index).chain.final_height, 3);
    }
}

#[test]
fn a_block_that_the_relay_and_others_have_lost_comes_back_from_who_is_bound_to_it() {
    let (mut world, block) = bound_world(5);
    for index in 0..3 {
        world.stop_node(index);
    }
    world.kill_relay();
    assert_eq!(world.ask(3, Command::StartAfresh), Answer::Done);
    world.stop_node(3);
    world.start_relay();
    world.command(4, Command::Reconnect);
    world.pass(30_000);
    world.kill_relay();
    world.stop_node(4);
    world.start_relay();
    world.start_node(4);
    world.start_node(3);
    world.pass(30_000);
    let chains = || [3, 4].map(|index| world.nodes[index].node.replica().unwrap().chain());
    for chain in chains().into_iter().chain([world.relay.replica().chain()]) {
        assert_eq!(chain.height(), 4);
        assert!(chain.header_by_hash(&block).is_none());
    }
    assert_eq!(bound_to(&world, 3), Some(block), "votes outlive replicas");

    for node in &mut world.nodes {
        node.withholds = |_| false;
    }
    for index in 0..3 {
        world.start_node(index);
    }
    world.pass(2_000);
    for index in 0..3 {
        assert_eq!(world.view(index).chain.tip, block, "it is kept");
    }
    world.pass(5 * LEADER_STALL_MS);
    let log = world.relay.log();
    assert_eq!((log.last().height, log.last().block), (3, block));
    assert_eq!(log.forced_changes(), 0);
    for index in 0..5 {
        let chain = world.view(index).chain;
        assert_eq!((chain.final_height, chain.tip), (3, block));
    }
}

#[test]
fn a_proposal_moves_the_chain_once_in_a_term_and_only_by_prevotes_that_hold() {
    let (mut world, block) = bound_world(4);
    world.command(3, Command::Reconnect);
    world.pass(LEADER_STALL_MS);
    let leader = world.view(0).leader.unwrap();
    let index = (0..4).find(|&index| world.view(index).key == leader.key);
    let index = index.filter(|&index| index < 3).unwrap();
    let voter = world.nodes[0].node.voter().unwrap();
    let (decision, valid) = voter
        .state()
        .valid
        .clone()
        .map(|valid| (valid.decision, valid.certificate))
        .unwrap();
    let mut few = valid.signatures.clone().into_vec();
    few.pop();
    let forged = Certificate {
        round: valid.round,
        signatures: List::truncated(few),
    };
    let mut proposal = Proposal {
        decision,
        roster: world.relay.log().roster_hash(),
        round: leader.term,
        valid: Some(forged),
        proposer: leader.key,
        signature: Signature([0; 64]),
    };
    world.propose(index, proposal.clone());
    proposal.valid = Some(Certificate {
        round: leader.term,
        signatures: List::default(),
    });
    world.propose(index, proposal.clone());
    world.settle();
    let rejected = world.relay.view().rejected;
    assert_eq!(rejected.of(RejectionKind::Proposal), 2);
    assert_ne!(world.relay.replica().chain().tip().hash, block);
    assert_ne!(world.view(3).chain.tip, block);

    // The first that holds counts, and no other of its term.
    for valid in [Some(valid), None] {
        proposal.valid = valid;
        world.propose(index, proposal.clone());
        world.settle();
        assert_eq!(world.relay.replica().chain().tip().hash, block);
        assert_eq!(world.view(3).chain.tip, block);
    }
}
