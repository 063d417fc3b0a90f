//! What a node refuses of its relay: it bears what the relay only passes on, and little that is the
//! relay's own work.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::block::{Seal, SealedHeader};
use shared::encoding::List;
use shared::finality::{Ballot, Certificate, Decision, LogEntry, LogRecord, Roster, Step};
use shared::hash::{BlockHash, Hash};
use shared::keys::SecretKey;
use shared::limits::{MEMBERS_MAX, PEER_ERRORS_PER_MINUTE_MAX, REJECTIONS_KEPT_MAX};
use shared::message::{Certified, CheckQuery, ErrorCode, Member, Message, Presence, Submission};
use shared::node::interface::{Command, Connection};
use shared::rejection::RejectionKind;

use super::wrong::{counted, decided_world, wrong_of_members};
use crate::world::{World, relay_secret, search};

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
