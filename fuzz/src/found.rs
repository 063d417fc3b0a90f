//! What fuzzing has found, each as the message that did it.

use shared::encoding::List;
use shared::finality::{LogEntry, LogEvent, LogRecord, Roster};
use shared::hash::{BlockHash, Hash};
use shared::keys::Signature;
use shared::message::{CheckReport, Message};
use shared::node::interface::Event;

use crate::world::{Party, World, network, secret};

#[test]
fn a_log_entry_with_the_greatest_index_is_only_a_gap() {
    let mut world = World::new();
    world.settle();
    let record = LogRecord {
        network: network().id(),
        index: u64::MAX,
        previous: Hash::ZERO,
        timestamp_ms: 0,
        event: LogEvent::Forced {
            instance: 1,
            old_roster: Roster::default().hash(),
            new_roster: Roster::of([secret(1).public_key()]),
            base_height: 0,
            base: BlockHash::default(),
        },
    };
    let entry = LogEntry {
        record,
        signature: Signature([0; 64]),
    };
    let message = Message::Log(List::truncated([entry]));
    world.tell_node(0, Event::Frame(message.to_frame()));
    assert!(world.nodes[0].node.log().is_some());
}

#[test]
fn a_report_of_more_blocks_than_there_are_is_not_searched_for_ever() {
    let mut world = World::new();
    world.settle();
    let id = world.nodes[0].node.view().id.expect("it has joined");
    let report = CheckReport {
        check: (1, 1),
        height: u64::MAX,
        agree: List::default(),
        differ: List::truncated([(id, 0)]),
        silent: List::default(),
    };
    world.tell_node(0, Event::Frame(Message::CheckReport(report).to_frame()));
    world.settle();
    assert_eq!(world.inbox_len(Party::Node(0)), 0);
}
