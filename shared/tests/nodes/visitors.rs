//! Who does not mean to stay is no part of what the others wait for.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::world::World;

#[test]
fn a_visitor_never_leads_and_is_in_no_roster() {
    let mut world = World::new(0);
    let visitor = world.add_visitor();
    world.pass(60_000);
    assert_eq!(world.view(visitor).leader, None);
    assert_eq!(world.view(visitor).chain.log_length, 0);
    let member = world.add_node();
    world.pass(1_000);
    let leader = world.view(visitor).leader.unwrap();
    assert_eq!(leader.key, world.view(member).key);
    for height in 1..4 {
        world.mine(visitor);
        world.pass(1_000);
        assert_eq!(final_by(&world, member), (height, Some((1, 1))));
    }
    let statuses = world.view(member).members;
    let stays: Vec<_> = statuses.iter().map(|member| member.status.stays).collect();
    assert_eq!(stays, [false, true]);
    world.stop_node(visitor);
    world.mine(member);
    world.pass(1_000);
    assert_eq!(final_by(&world, member), (4, Some((1, 1))));
    world.stop_node(member);
    let again = world.add_visitor();
    world.start_node(visitor);
    world.pass(200_000);
    world.mine(again);
    world.pass(200_000);
    assert_eq!(world.view(again).leader, None);
    assert_eq!(world.view(again).chain.forced_changes, 0);
    assert_eq!(world.view(again).chain.final_height, 4);
}

#[test]
fn a_voter_that_stays_no_more_agrees_to_a_roster_without_it() {
    let mut world = World::new(2);
    world.pass(1_000);
    for _ in 0..2 {
        world.mine(0);
        world.pass(1_000);
    }
    assert_eq!(final_by(&world, 0), (2, Some((2, 2))));
    world.stop_node(1);
    world.nodes[1].stays = false;
    world.start_node(1);
    world.pass(1_000);
    world.mine(0);
    world.pass(1_000);
    assert_eq!(final_by(&world, 0), (3, Some((2, 2))));
    world.stop_node(1);
    world.mine(0);
    world.pass(1_000);
    assert_eq!(final_by(&world, 0), (4, Some((1, 1))));
    assert_eq!(world.view(0).chain.forced_changes, 0);
}

fn final_by(world: &World, index: usize) -> (u64, Option<(u32, u32)>) {
    let chain = world.view(index).chain;
    (chain.final_height, chain.final_by)
}
