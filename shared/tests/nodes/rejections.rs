//! What is refused is counted for whoever sent it, by kind; it changes nothing, and too much of it
//! ends a connection.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::block::{Body, Outcomes, Seal, SealedHeader};
use shared::encoding::{List, Text};
use shared::finality::evidence::Evidence;
use shared::finality::{
    Ballot, Certificate, Decision, LogEntry, LogRecord, Proposal, Roster, Step, Vote,
};
use shared::hash::{BlockHash, Hash};
use shared::keys::{SecretKey, Signature};
use shared::limits::{
    FORCED_CHANGE_MS, MEMBERS_MAX, PEER_ERRORS_PER_MINUTE_MAX, REJECTIONS_KEPT_MAX,
};
use shared::message::{
    AnnouncedBody, BlockAnnouncement, Certified, CheckAnswer, CheckQuery, CheckReport, ErrorCode,
    Hello, Member, Message, PROTOCOL_VERSION, Presence, Submission,
};
use shared::node::interface::{Command, Connection};
use shared::rejection::{RejectionCounts, RejectionKind};
use shared::relay::interface as relay;
use shared::transaction::{Action, Expect, Outcome, SignedTransaction, Transaction};

use crate::world::{World, relay_secret, search};

/// A signature that is nobody's.
const FORGED: Signature = Signature([7; 64]);

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
fn of_its_relay_a_node_bears_little_that_is_the_relays_own_work() {
    let forged = decided_world();
    let mut entry = forged.nodes[0]
        .node
        .log()
        .unwrap()
        .last_entry()
        .unwrap()
        .clone();
    entry.record.index += 1;
    for (kind, frame) in [
        (RejectionKind::Frame, vec![1, 255]),
        (RejectionKind::OutOfTurn, Message::Leave.to_frame()),
        (
            RejectionKind::LogEntry,
            Message::Log(List::truncated([entry])).to_frame(),
        ),
    ] {
        let mut world = decided_world();
        let before = world.view(0);
        for _ in 0..PEER_ERRORS_PER_MINUTE_MAX {
            world.tell_frame(0, frame.clone());
        }
        world.settle();
        let view = world.view(0);
        assert_eq!(view.connection, Connection::Joined);
        let borne = u64::from(PEER_ERRORS_PER_MINUTE_MAX);
        assert_eq!(counted(&view.rejected), [(kind, borne)]);
        assert_eq!(view.chain, before.chain);
        world.tell_frame(0, frame.clone());
        world.settle();
        let connection = world.view(0).connection;
        assert!(
            matches!(&connection, Connection::Refused(error) if error.code == ErrorCode::Misbehaved),
            "{connection:?}"
        );
        world.ask(0, Command::Reconnect);
        world.pass(1_000);
        assert_eq!(world.view(0).connection, Connection::Joined);
    }
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

#[test]
fn what_a_relay_only_passes_on_is_counted_and_borne() {
    for (kind, message) in wrong_of_members(&decided_world()) {
        let message = match (kind, message) {
            (RejectionKind::Transaction, Message::Transactions(transactions)) => {
                let submissions = transactions.into_iter().map(|signed| Submission {
                    submitter: signed.transaction.sender,
                    signed,
                });
                Message::Submitted(List::truncated(submissions))
            }
            // These the relay judges by itself, or only while a check is led.
            (RejectionKind::OutOfTurn | RejectionKind::Decision | RejectionKind::Check, _) => {
                continue;
            }
            (_, message) => message,
        };
        let mut world = decided_world();
        let before = world.view(0).chain;
        for _ in 0..=PEER_ERRORS_PER_MINUTE_MAX {
            world.tell(0, &message);
        }
        world.settle();
        let view = world.view(0);
        assert_eq!(view.connection, Connection::Joined, "{kind:?}");
        assert_eq!(view.chain, before, "{kind:?}");
        let kinds: Vec<_> = view.rejected.iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [kind]);
        assert!(view.rejections.len() <= REJECTIONS_KEPT_MAX);
    }
}

/// One wrong message of each kind, as the first member, who leads, could send it in any world as
/// [`decided_world`] makes them.
fn wrong_of_members(world: &World) -> Vec<(RejectionKind, Message)> {
    let node = &world.nodes[0].node;
    let log = node.log().unwrap();
    let chain = node.replica().unwrap().chain();
    let announce = |sealed, body| {
        let body = AnnouncedBody::Full(body);
        Message::Block(Box::new(BlockAnnouncement { sealed, body }))
    };
    let mut unworked = SealedHeader {
        header: world.work(0).header,
        seal: Seal::Work,
    };
    unworked.header.bits += 1;
    let not_its_own = Body {
        transactions: List::truncated([transaction(world, FORGED)]),
        outcomes: Outcomes::truncated([Outcome::Applied]),
    };
    let decision = Decision {
        network: log.network(),
        instance: log.next_instance(),
        height: chain.height() + 1,
        block: chain.tip().hash,
        history_root: Hash::ZERO,
        forced_changes: log.forced_changes(),
        next_roster: Roster::of([world.view(0).key]),
    };
    let certificate = Certificate {
        round: 1,
        signatures: List::default(),
    };
    let proposal = Proposal {
        decision: decision.clone(),
        roster: log.roster_hash(),
        round: world.view(0).leader.unwrap().term,
        valid: None,
        proposer: world.view(0).key,
        signature: FORGED,
    };
    let vote = forged_vote(world);
    let answer = CheckAnswer {
        query: CheckQuery {
            check: (1, 1),
            member: None,
            start: 0,
            end: 1,
        },
        key: world.view(0).key,
        root: Hash::ZERO,
        signature: FORGED,
    };
    vec![
        (
            RejectionKind::OutOfTurn,
            Message::Ping {
                sequence: 1,
                relay_time_ms: 1,
            },
        ),
        (
            RejectionKind::Transaction,
            Message::Transactions(List::truncated([transaction(world, FORGED)])),
        ),
        (RejectionKind::Header, announce(unworked, Body::default())),
        (
            RejectionKind::Body,
            Message::Bodies(List::truncated([(chain.tip().hash, not_its_own)])),
        ),
        (
            RejectionKind::Block,
            announce(invalid_block(world), Body::default()),
        ),
        (
            RejectionKind::Proposal,
            Message::Proposal(Box::new(proposal)),
        ),
        (RejectionKind::Vote, Message::Vote(vote)),
        (
            RejectionKind::Decision,
            Message::Certified(Box::new(Certified {
                decision,
                certificate,
            })),
        ),
        (
            RejectionKind::Evidence,
            Message::Evidence(Box::new(Evidence::Votes(Box::new((vote, vote))))),
        ),
        (RejectionKind::Check, Message::CheckAnswer(answer)),
    ]
}

/// Three members, of whom the first mines and leads, and a final block.
fn decided_world() -> World {
    let mut world = World::new(3);
    world.pass(1_000);
    world.mine(0);
    world.command(0, Command::StartMining { once: false });
    world.pass(1_000);
    let view = world.view(0);
    assert_eq!(view.chain.final_height, 1, "{:?}", view.rejections);
    assert_eq!(view.leader.map(|leader| leader.key), Some(view.key));
    assert_eq!(world.relay.view().rejected, RejectionCounts::default());
    world
}

/// A block whose header's work is done, and which executes to another state than it says.
fn invalid_block(world: &World) -> SealedHeader {
    let mut work = world.work(0);
    work.header.state_root = Hash([9; 32]);
    work.header.nonce = search(&work);
    SealedHeader {
        header: work.header,
        seal: Seal::Work,
    }
}

fn transaction(world: &World, signature: Signature) -> SignedTransaction {
    let transaction = Transaction {
        network: world.relay.network().id(),
        sender: world.view(0).key,
        sequence: 0,
        valid_until: None,
        action: Action::Put {
            key: Text::new("k").unwrap(),
            value: Text::new("v").unwrap(),
            expect: Expect::Anything,
        },
        work: 0,
    };
    SignedTransaction {
        transaction,
        signature,
    }
}

fn forged_vote(world: &World) -> Vote {
    let log = world.nodes[0].node.log().unwrap();
    Vote {
        ballot: Ballot {
            network: log.network(),
            roster: log.roster_hash(),
            instance: log.next_instance(),
            forced_changes: log.forced_changes(),
            round: world.view(0).leader.unwrap().term,
            step: Step::Prevote,
            value: None,
        },
        voter: world.view(0).key,
        signature: FORGED,
    }
}

fn counted(counts: &RejectionCounts) -> Vec<(RejectionKind, u64)> {
    counts.iter().collect()
}

#[test]
fn a_relay_that_names_more_members_than_a_network_has_is_not_believed() {
    let mut world = World::new(1);
    world.pass(1_000);
    let member = world.view(0).members[0].clone();
    for first in [1_000, 10_000] {
        let members = (0..MEMBERS_MAX as u64).map(|more| Member {
            id: first + more,
            ..member.clone()
        });
        let presence = Message::Presence(Presence {
            complete: false,
            present: List::truncated(members),
            left: List::truncated([]),
            leader: None,
        });
        world.tell(0, &presence);
    }
    world.settle();
    let view = world.view(0);
    assert_eq!(view.members.len(), MEMBERS_MAX);
    let refused = view.rejections.last().unwrap();
    assert_eq!(refused.kind, RejectionKind::OutOfTurn);
    let held = world.nodes[0].node.held();
    assert!(held.iter().all(|held| held.is_within()), "{held:?}");
}

/// A relay that makes a roster of its own can have anything decided.
#[test]
fn a_decision_at_the_greatest_height_breaks_no_node() {
    let mut world = World::new(1);
    world.pass(1_000);
    world.mine(0);
    let accomplice = SecretKey::from_seed(&[99; 32]);
    let signed = |record: LogRecord| LogEntry {
        signature: relay_secret().sign(&record.statement()),
        record,
    };
    let mut log = world.nodes[0].node.log().unwrap().clone();
    let roster = Roster::of([accomplice.public_key()]);
    let forced = log.record_forced(roster.clone(), world.now_ms).unwrap();
    let forced = signed(forced);
    log.append(&forced).unwrap();
    let decision = Decision {
        network: log.network(),
        instance: log.next_instance(),
        height: u64::MAX,
        block: BlockHash([9; 32]),
        history_root: Hash::ZERO,
        forced_changes: log.forced_changes(),
        next_roster: roster,
    };
    let ballot = Ballot {
        network: log.network(),
        roster: log.roster_hash(),
        instance: log.next_instance(),
        forced_changes: log.forced_changes(),
        round: 1,
        step: Step::Precommit,
        value: Some(decision.hash()),
    };
    let certificate = Certificate {
        round: 1,
        signatures: List::truncated([(0, accomplice.sign(&ballot.statement()))]),
    };
    let certified = Certified {
        decision,
        certificate,
    };
    let decided = signed(log.record_decided(certified, world.now_ms).unwrap());
    world.tell(0, &Message::Log(List::truncated([forced, decided])));
    world.command(0, Command::StartMining { once: true });
    let reads = world.nodes[0].reads;
    let query = CheckQuery {
        check: (1, 1),
        member: None,
        start: 0,
        end: 2,
    };
    world.tell(0, &Message::Check(query));
    world.settle();
    let node = &world.nodes[0];
    assert_eq!(node.node.log().unwrap().last().height, u64::MAX);
    assert!(node.reads > reads, "it answers the check");
}

#[test]
fn a_header_whose_time_has_not_come_is_not_held_against_the_relay() {
    let mut world = World::new(1);
    world.pass(1_000);
    world.command(0, Command::StartMining { once: true });
    world.settle();
    let mut work = world.work(0);
    work.header.timestamp_ms += 3_600_000;
    work.header.nonce = search(&work);
    let early = SealedHeader {
        header: work.header,
        seal: Seal::Work,
    };
    world.tell(0, &Message::Headers(List::truncated([early])));
    world.settle();
    let view = world.view(0);
    assert!(view.rejections.is_empty(), "{:?}", view.rejections);
}
