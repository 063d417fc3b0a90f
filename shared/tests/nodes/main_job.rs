//! The main job of the node, without browsers: real nodes, the real relay core, virtual time.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::block::Header;
use shared::difficulty::Target;
use shared::encoding::{List, Text};
use shared::finality::{Ballot, Step};
use shared::hash::TransactionId;
use shared::message::{Member, Message};
use shared::node::Node;
use shared::node::interface::{
    Answer, Command, CommandError, Connection, Effect, Event, FileFault, ImportStep, MiningWork,
    Profile,
};
use shared::receipt::Receipt;
use shared::transaction::Expect;

use crate::world::World;

#[test]
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

#[test]
fn a_block_that_is_found_while_registering_is_not_sent_before_the_welcome() {
    let mut world = World::new(1);
    world.pass(1_000);
    let (key, rows, now_ms) = (world.view(0).key, world.nodes[0].store.rows(), world.now_ms);
    let profile = Profile {
        key,
        agent: "test",
        stays: true,
    };
    let (mut node, _) = Node::new(profile, &rows, now_ms);
    let nonce = [1; 32];
    let mut effects = node.handle(now_ms, Event::Connected { nonce });
    let once = Command::StartMining { once: true };
    effects.extend(node.handle(now_ms, Event::Command(1, once)));
    let work = effects.iter().find_map(|effect| match effect {
        Effect::Mine(work) => Some(work.clone()),
        _ => None,
    });
    let MiningWork {
        work, mut header, ..
    } = work.expect("it mines");
    let target = Target::from_compact(header.bits).unwrap();
    header.version |= 7 << Header::VERSION_BITS;
    while !target.is_met_by(&header.hash()) {
        header.nonce += 1;
    }
    let found = Event::NonceFound {
        work,
        version: header.version,
        nonce: header.nonce,
    };
    effects.extend(node.handle(now_ms, found));
    let writes = effects.iter().filter_map(|effect| match effect {
        Effect::Write(id, _) => Some(*id),
        _ => None,
    });
    for id in writes.collect::<Vec<_>>() {
        effects.extend(node.handle(now_ms, Event::Written(id)));
    }
    assert_eq!(node.view().chain.height, 1, "the block is kept");
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send(frame) => Some(Message::from_frame(frame).unwrap()),
        _ => None,
    });
    let sent: Vec<_> = sent.collect();
    assert!(matches!(sent.as_slice(), [Message::Hello(_)]), "{sent:?}");
}

#[test]
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

#[test]
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

#[test]
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

#[test]
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

#[test]
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

#[test]
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

#[test]
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

#[test]
fn receipts_hold_across_rosters_that_change_and_are_replaced() {
    let mut world = World::new(3);
    world.pass(1_000);
    let mut written = Vec::new();
    for round in 0..4_u8 {
        written.push(put(&mut world, 0, "greeting", &format!("hello {round}")));
        match round {
            // A member joins; then all but one leave.
            1 => drop(world.add_node()),
            2 => (1..4).for_each(|index| world.stop_node(index)),
            _ => {}
        }
        world.pass(1_000);
        world.mine(0);
        world.pass(120_000);
    }
    assert_eq!(world.view(0).chain.forced_changes, 1);
    world.start_node(1);
    world.pass(30_000);
    for (round, id) in written.into_iter().enumerate() {
        let Answer::Receipt(file) = world.ask(0, Command::Receipt { id }) else {
            panic!("no receipt of round {round}");
        };
        let receipt = Receipt::from_file(&file).unwrap().verify().unwrap();
        assert_eq!(receipt.id, id);
        assert_eq!(receipt.network, crate::world::network().id());
        assert_eq!(receipt.forced_changes, u64::from(round >= 2));
        // Another replica makes the same one, and its node verifies it.
        let same = world.ask(1, Command::Receipt { id });
        assert_eq!(same, Answer::Receipt(file.clone()));
        let verified = world.ask(1, Command::VerifyReceipt { file });
        assert_eq!(verified, Answer::VerifiedReceipt(Box::new(receipt)));
    }
}

#[test]
fn a_chain_file_carries_a_replica_to_a_node_without_a_relay() {
    let (mut world, file) = exported();
    let tip = world.view(0).chain.tip;
    world.kill_relay();
    world.settle();
    let newcomer = world.add_node();
    world.settle();
    for begin in [ImportStep::Verify, ImportStep::Write] {
        assert_eq!(import(&mut world, newcomer, begin), Answer::Done);
        for piece in file.chunks(1_000) {
            let piece = ImportStep::Bytes(piece.to_vec());
            assert_eq!(import(&mut world, newcomer, piece), Answer::Done);
        }
        let Answer::ChainFile(verified) = import(&mut world, newcomer, ImportStep::End) else {
            panic!("the file was refused");
        };
        assert_eq!(verified.tip, tip);
    }
    let before = world.view(newcomer).chain;
    assert_eq!(
        (before.height, before.tip, before.final_height),
        (3, tip, 3)
    );
    world.stop_node(newcomer);
    world.start_node(newcomer);
    world.settle();
    let after = world.view(newcomer).chain;
    assert_eq!((after.tip, after.final_height), (tip, 3));
    assert_eq!(after.log_head, world.view(0).chain.log_head);

    world.start_relay();
    world.pass(60_000);
    world.mine(newcomer);
    world.pass(10_000);
    assert_eq!(world.view(0).chain.final_height, 4);
}

#[test]
fn a_chain_file_that_is_wrong_somewhere_changes_nothing() {
    let (mut world, file) = exported();
    world.kill_relay();
    let newcomer = world.add_node();
    world.settle();
    let stored = world.nodes[newcomer].store.0.clone();
    let mut altered = file.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    let cut = file[..file.len() - 1].to_vec();
    for (wrong, as_what) in [
        (altered, FileFault::Invalid),
        (cut, FileFault::Truncated),
        (b"something else".to_vec(), FileFault::Kind),
    ] {
        assert_eq!(
            import(&mut world, newcomer, ImportStep::Verify),
            Answer::Done
        );
        let read = import(&mut world, newcomer, ImportStep::Bytes(wrong));
        let end = import(&mut world, newcomer, ImportStep::End);
        let refused = |answer: &Answer| match answer {
            Answer::Failed(CommandError::File { fault, .. }) => Some(*fault),
            _ => None,
        };
        assert_eq!(
            refused(&read).or(refused(&end)),
            Some(as_what),
            "{read:?}, {end:?}"
        );
        let write = import(&mut world, newcomer, ImportStep::Write);
        assert_eq!(write, Answer::Failed(CommandError::NotBegun));
        assert_eq!(world.nodes[newcomer].store.0, stored);
        assert_eq!(world.view(newcomer).network, None);
    }
}

#[test]
fn every_node_knows_through_whom_a_transaction_came() {
    let mut world = World::new(3);
    world.pass(1_000);
    put(&mut world, 1, "greeting", "hello");
    let gateway = world.view(2).key;
    let signed = world.nodes[0].node.replica().unwrap().mempool();
    let signed = signed.iter().next().unwrap().verified.signed().clone();
    let submitter = |world: &World, index: usize| {
        let replica = world.nodes[index].node.replica().unwrap();
        let pending = replica.mempool().iter().next().unwrap();
        pending.submitter
    };
    assert_eq!(submitter(&world, 0), world.view(1).key);

    // The same transaction, but node 2 brings it to a relay that has not seen it.
    let mut other = World::new(3);
    other.pass(1_000);
    let frame = Message::Transactions(List::truncated([signed])).to_frame();
    other.send(2, frame);
    other.settle();
    assert_eq!(submitter(&other, 0), gateway);
    let late = other.add_node();
    other.pass(1_000);
    assert_eq!(submitter(&other, late), gateway, "also for who comes later");
}

/// Three nodes with three final blocks, and these as a chain file.
fn exported() -> (World, Vec<u8>) {
    let mut world = World::new(3);
    world.pass(1_000);
    for round in 0..3 {
        put(&mut world, round, "greeting", "hello");
        world.mine(round);
        world.pass(1_000);
    }
    let mut file = Vec::new();
    let mut begin = true;
    loop {
        match world.ask(0, Command::Export { begin }) {
            Answer::Part(part) if part.is_empty() => return (world, file),
            Answer::Part(part) => file.extend(part),
            other => panic!("no part: {other:?}"),
        }
        begin = false;
    }
}

fn import(world: &mut World, index: usize, step: ImportStep) -> Answer {
    world.ask(index, Command::Import(step))
}

#[test]
fn a_network_without_members_costs_no_timers() {
    let mut world = World::new(3);
    world.pass(1_000);
    assert!(world.relay_wake_ms().is_some());
    put(&mut world, 0, "greeting", "hello");
    world.mine(1);
    world.pass(10_000);
    for index in 0..3 {
        world.stop_node(index);
    }
    world.pass(10 * 60_000);
    assert_eq!(world.relay_wake_ms(), None);

    world.kill_relay();
    world.start_relay();
    world.pass(1_000);
    assert_eq!(world.relay_wake_ms(), None);
}

fn put(world: &mut World, index: usize, key: &str, value: &str) -> TransactionId {
    let answer = world.ask(
        index,
        Command::Put {
            key: Text::new(key).unwrap(),
            value: Text::new(value).unwrap(),
            expect: Expect::Anything,
        },
    );
    match answer {
        Answer::Submitted(id) => id,
        other => panic!("not submitted: {other:?}"),
    }
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

#[test]
fn a_term_that_a_quorum_refuses_ends_at_once() {
    let mut world = World::new(3);
    world.pass(1_000);
    world.mine(0);
    world.pass(1_000);
    let log = world.nodes[0].node.log().unwrap();
    let term = world.view(0).leader.unwrap().term;
    let ballot = Ballot {
        network: log.network(),
        roster: log.roster_hash(),
        instance: log.next_instance(),
        forced_changes: log.forced_changes(),
        round: term,
        step: Step::Precommit,
        value: None,
    };
    assert_eq!(log.roster().members.len(), 3);
    for index in 0..3 {
        world.vote(index, ballot);
    }
    world.settle();
    world.mine(0);
    world.pass(1_000);
    assert_eq!(world.view(0).leader.unwrap().term, term + 1);
    assert_eq!(world.view(0).chain.final_height, 2);
}
