//! Members who do not answer: removed after the third ping in a row, and not before.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::keys::PublicKey;
use shared::limits::{PING_INTERVAL_MS, PING_MISSES_MAX, STARTUP_GRACE_MS};
use shared::node::interface::Command;
use shared::relay::interface::Report;

use crate::world::World;

/// Two nodes, long after the relay's start.
fn world() -> World {
    let mut world = World::new(2);
    world.settle();
    world.pass(STARTUP_GRACE_MS + PING_INTERVAL_MS);
    assert_eq!(members(&world), 2);
    world
}

fn members(world: &World) -> usize {
    world.relay.view().members.len()
}

/// Who has left, and whether the relay removed them.
fn left(world: &World) -> Vec<(PublicKey, bool)> {
    let reports = world.reports.iter();
    reports
        .filter_map(|report| match report {
            Report::Left { key, evicted } => Some((*key, *evicted)),
            _ => None,
        })
        .collect()
}

/// As a frozen tab, or one whose network eats what it sends.
fn fall_silent(world: &mut World) {
    world.nodes[1].withholds = |_| true;
}

fn answer_again(world: &mut World) {
    world.nodes[1].withholds = |_| false;
}

#[test]
fn a_silent_member_is_removed_at_its_third_miss() {
    let mut world = world();
    fall_silent(&mut world);
    // The first ping comes within an interval, and is missed at the next.
    world.pass(u64::from(PING_MISSES_MAX - 1) * PING_INTERVAL_MS);
    assert_eq!(members(&world), 2);
    world.pass(PING_INTERVAL_MS);
    assert_eq!(members(&world), 2);
    assert!(left(&world).is_empty());
    world.pass(PING_INTERVAL_MS);
    assert_eq!(members(&world), 1);
    // What the operator's log and metrics are made of.
    let evicted = (world.view(1).key, true);
    assert_eq!(left(&world), [evicted]);
}

#[test]
fn a_member_that_leaves_is_not_reported_as_removed() {
    let mut world = world();
    world.ask(1, Command::Disconnect);
    world.settle();
    assert_eq!(left(&world), [(world.view(1).key, false)]);
}

#[test]
fn an_answer_in_between_begins_the_count_anew() {
    let mut world = world();
    fall_silent(&mut world);
    world.pass(u64::from(PING_MISSES_MAX - 1) * PING_INTERVAL_MS);
    answer_again(&mut world);
    world.pass(PING_INTERVAL_MS);
    fall_silent(&mut world);
    // More misses in all than remove a member, but not in a row.
    world.pass(u64::from(PING_MISSES_MAX) * PING_INTERVAL_MS);
    assert_eq!(members(&world), 2);
    world.pass(PING_INTERVAL_MS);
    assert_eq!(members(&world), 1);
}
