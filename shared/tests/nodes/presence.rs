//! Members who do not answer: removed after the third ping in a row, and not before.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::limits::{PING_INTERVAL_MS, PING_MISSES_MAX, STARTUP_GRACE_MS};

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
    world.pass(PING_INTERVAL_MS);
    assert_eq!(members(&world), 1);
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
