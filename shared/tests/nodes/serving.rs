//! Questions whose answers are read from the store: a relay reads for few of them at a time, and
//! answers all members; a node reads for one.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::encoding::List;
use shared::hash::BlockHash;
use shared::limits::{BODIES_QUESTIONS_READ_MAX, LOG_QUESTIONS_READ_MAX};
use shared::message::Message;
use shared::node::interface as node;
use shared::relay::interface::{Effect, Event};
use shared::store::Table;

use crate::world::World;

/// Two kinds of questions, and the table from which each is answered.
fn kinds() -> [(Message, Message, Table, usize); 2] {
    let bodies = |hashes| Message::GetBodies(List::new(hashes).unwrap());
    [
        (
            bodies(Vec::new()),
            bodies(vec![BlockHash::ZERO]),
            Table::Bodies,
            BODIES_QUESTIONS_READ_MAX,
        ),
        (
            Message::GetLog { from: 0 },
            Message::GetLog { from: 1 },
            Table::Log,
            LOG_QUESTIONS_READ_MAX,
        ),
    ]
}

/// What the relay wants to read from this table when this connection asks, and to whom it sends.
fn ask(
    world: &mut World,
    table: Table,
    connection: u64,
    question: &Message,
) -> (Vec<u64>, Vec<u64>) {
    let frame = question.to_frame();
    handle(world, table, Event::Frame { connection, frame })
}

fn handle(world: &mut World, table: Table, event: Event) -> (Vec<u64>, Vec<u64>) {
    let (mut reads, mut answered) = (Vec::new(), Vec::new());
    for effect in world.relay.handle(world.now_ms, event) {
        match effect {
            Effect::Load(id, query) if query.table() == table => reads.push(id),
            Effect::Send { connections, .. } => answered.extend(connections),
            _ => {}
        }
    }
    (reads, answered)
}

const NOTHING: [u64; 0] = [];

#[test]
fn of_a_members_questions_one_of_each_kind_is_read_for_at_a_time() {
    let mut world = World::new(1);
    world.pass(1_000);
    for (question, another, table, _) in kinds() {
        let (first, _) = ask(&mut world, table, 1, &question);
        assert_eq!(first.len(), 1);
        for _ in 0..100 {
            assert_eq!(ask(&mut world, table, 1, &another).0, NOTHING);
        }
        let loaded = Event::Loaded(first[0], Vec::new());
        let (next, answered) = handle(&mut world, table, loaded);
        assert_eq!(next.len(), 1, "the last one");
        assert_eq!(answered, [1]);
        let failed = Event::LoadFailed(next[0], "a bad sector".to_owned());
        assert_eq!(
            handle(&mut world, table, failed).0,
            NOTHING,
            "the others are dropped"
        );
        let (again, _) = ask(&mut world, table, 1, &question);
        assert_eq!(again.len(), 1);
    }
}

#[test]
fn a_few_questions_of_a_kind_are_read_for_at_a_time() {
    for (question, _, table, max) in kinds() {
        let count = max as u64;
        let mut world = World::new(max + 2);
        world.pass(1_000);
        let mut reads = Vec::new();
        for connection in 1..=count + 2 {
            reads.extend(ask(&mut world, table, connection, &question).0);
        }
        assert_eq!(reads.len(), max);
        let closed = Event::Closed {
            connection: count + 1,
        };
        assert_eq!(handle(&mut world, table, closed).0, NOTHING);
        let loaded = Event::Loaded(reads[0], Vec::new());
        let (next, _) = handle(&mut world, table, loaded);
        let loaded = Event::Loaded(next[0], Vec::new());
        let (none, answered) = handle(&mut world, table, loaded);
        assert_eq!(answered, [count + 2], "who has left is not read for");
        assert_eq!(none, NOTHING);
    }
}

#[test]
fn a_node_reads_for_one_question_of_a_kind_at_a_time() {
    let mut world = World::new(1);
    world.settle();
    for (question, another, table, _) in kinds() {
        let now_ms = world.now_ms;
        let node = &mut world.nodes[0].node;
        let mut happens = |event| {
            let effects = node.handle(now_ms, event);
            let reads = effects.into_iter().filter_map(|effect| match effect {
                node::Effect::Load(id, query) if query.table() == table => Some(id),
                _ => None,
            });
            reads.collect::<Vec<_>>()
        };
        let first = happens(node::Event::Frame(question.to_frame()));
        assert_eq!(first.len(), 1);
        for _ in 0..100 {
            assert_eq!(happens(node::Event::Frame(another.to_frame())), NOTHING);
        }
        let next = happens(node::Event::Loaded(first[0], Vec::new()));
        assert_eq!(next.len(), 1, "the last one");
        let failed = node::Event::LoadFailed(next[0], "a bad sector".to_owned());
        assert_eq!(happens(failed), NOTHING, "the others are dropped");
        let again = happens(node::Event::Frame(question.to_frame()));
        assert_eq!(again.len(), 1);
        happens(node::Event::Loaded(again[0], Vec::new()));
    }
}
