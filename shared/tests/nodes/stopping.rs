//! A relay that is stopped tells its members when to come back: real nodes, virtual time.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::limits::{BACKOFF_MAX_MS, COME_BACK_AFTER_MS, COME_BACK_SPREAD_MS_PER_MEMBER};
use shared::message::Message;
use shared::node::interface::{Connection, Event};
use shared::relay::interface as relay;

use crate::world::World;

fn waits_ms(connection: &Connection, now_ms: u64) -> u64 {
    match connection {
        Connection::Waiting { until_ms, .. } => until_ms - now_ms,
        other => panic!("it should wait, it is {other:?}"),
    }
}

#[test]
fn members_of_a_relay_that_is_stopped_come_back_when_it_said() {
    let mut world = World::new(3);
    world.settle();
    world.tell_relay(relay::Event::Stopping);
    world.settle();
    let spread_ms = u64::from(3 * COME_BACK_SPREAD_MS_PER_MEMBER);
    let earliest_ms = u64::from(COME_BACK_AFTER_MS);
    for index in 0..3 {
        let waits_ms = waits_ms(&world.view(index).connection, world.now_ms);
        assert!(
            (earliest_ms..=earliest_ms + spread_ms).contains(&waits_ms),
            "{waits_ms}"
        );
    }
    // The world's relay was only told that it would be stopped.
    world.pass(earliest_ms + spread_ms);
    for index in 0..3 {
        assert_eq!(world.view(index).connection, Connection::Joined);
    }
}

#[test]
fn a_relay_cannot_keep_a_node_away_for_long() {
    for (after_ms, within_ms) in [(u32::MAX, u32::MAX), (0, u32::MAX), (5_000, 0)] {
        for chance in [0, 1, u64::MAX] {
            let mut world = World::new(1);
            world.settle();
            let now_ms = world.now_ms;
            let node = &mut world.nodes[0].node;
            let come_back = Message::ComeBack {
                after_ms,
                within_ms,
            };
            node.handle(now_ms, Event::Frame(come_back.to_frame()));
            node.handle(now_ms, Event::Disconnected { chance });
            let waits_ms = waits_ms(&node.view().connection, now_ms);
            let earliest_ms = u64::from(after_ms).min(BACKOFF_MAX_MS);
            assert!(
                (earliest_ms..=BACKOFF_MAX_MS).contains(&waits_ms),
                "{waits_ms}"
            );
        }
    }
}
