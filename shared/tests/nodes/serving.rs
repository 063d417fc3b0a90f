//! Questions for bodies: a relay reads for few of them at a time, and answers all members.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::encoding::List;
use shared::hash::BlockHash;
use shared::limits::BODIES_QUESTIONS_READ_MAX;
use shared::message::Message;
use shared::relay::interface::{Effect, Event};
use shared::store::{Query, Table};

use crate::world::World;

/// What the relay wants to read when this connection asks for bodies, and to whom it sends.
fn ask(world: &mut World, connection: u64, hashes: Vec<BlockHash>) -> (Vec<u64>, Vec<u64>) {
    let frame = Message::GetBodies(List::new(hashes).unwrap()).to_frame();
    handle(world, Event::Frame { connection, frame })
}

fn handle(world: &mut World, event: Event) -> (Vec<u64>, Vec<u64>) {
    let (mut reads, mut answered) = (Vec::new(), Vec::new());
    for effect in world.relay.handle(world.now_ms, event) {
        match effect {
            Effect::Load(id, query) if is_of_bodies(&query) => reads.push(id),
            Effect::Send { connections, .. } => answered.extend(connections),
            _ => {}
        }
    }
    (reads, answered)
}

fn is_of_bodies(query: &Query) -> bool {
    query.table() == Table::Bodies
}

const NOTHING: [u64; 0] = [];

#[test]
fn of_a_members_questions_for_bodies_one_is_read_for_at_a_time() {
    let mut world = World::new(1);
    world.pass(1_000);
    let (first, _) = ask(&mut world, 1, Vec::new());
    assert_eq!(first.len(), 1);
    for _ in 0..100 {
        assert_eq!(ask(&mut world, 1, vec![BlockHash::ZERO]).0, NOTHING);
    }
    let (next, answered) = handle(&mut world, Event::Loaded(first[0], Vec::new()));
    assert_eq!(next.len(), 1, "the last one");
    assert_eq!(answered, [1]);
    let failed = Event::LoadFailed(next[0], "a bad sector".to_owned());
    assert_eq!(
        handle(&mut world, failed).0,
        NOTHING,
        "the others are dropped"
    );
    assert_eq!(ask(&mut world, 1, Vec::new()).0.len(), 1);
}

#[test]
fn a_few_questions_for_bodies_are_read_for_at_a_time() {
    let count = BODIES_QUESTIONS_READ_MAX as u64;
    let mut world = World::new(BODIES_QUESTIONS_READ_MAX + 2);
    world.pass(1_000);
    let mut reads = Vec::new();
    for connection in 1..=count + 2 {
        reads.extend(ask(&mut world, connection, Vec::new()).0);
    }
    assert_eq!(reads.len(), BODIES_QUESTIONS_READ_MAX);
    let closed = Event::Closed {
        connection: count + 1,
    };
    assert_eq!(handle(&mut world, closed).0, NOTHING);
    let (next, _) = handle(&mut world, Event::Loaded(reads[0], Vec::new()));
    let (none, answered) = handle(&mut world, Event::Loaded(next[0], Vec::new()));
    assert_eq!(answered, [count + 2], "who has left is not read for");
    assert_eq!(none, NOTHING);
}
