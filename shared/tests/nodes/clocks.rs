//! Clocks that are set back, by people or by network time: whoever waits does not wait for longer.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::keys::SecretKey;
use shared::node::Node;
use shared::node::interface::{Connection, Effect, Event, Profile};
use shared::store::Rows;

use crate::world::World;

const SET_BACK_MS: u64 = 300_000;

#[test]
fn a_node_that_waits_to_connect_again_does_not_wait_for_longer() {
    let now_ms = 1_700_000_000_000;
    let profile = Profile {
        key: SecretKey::from_seed(&[1; 32]).public_key(),
        agent: "test",
        stays: true,
    };
    let (mut node, _) = Node::new(profile, &Rows::default(), now_ms);
    let effects = node.handle(now_ms, Event::Disconnected { chance: 0 });
    let wait_ms = wake_ms(&effects).expect("it wants to be woken") - now_ms;

    let now_ms = now_ms - SET_BACK_MS;
    let effects = node.handle(now_ms, Event::Visible(true));
    assert_eq!(wake_ms(&effects), Some(now_ms + wait_ms));
    let Connection::Waiting { until_ms, .. } = node.view().connection else {
        panic!("{:?}", node.view().connection);
    };
    assert_eq!(until_ms, now_ms + wait_ms, "what the page counts down to");

    let effects = node.handle(now_ms + wait_ms, Event::Wake);
    let is_connecting = effects
        .iter()
        .any(|effect| matches!(effect, Effect::Connect));
    assert!(is_connecting, "{effects:?}");
}

#[test]
fn a_relay_tells_of_newcomers_at_once_although_its_clock_was_set_back() {
    let mut world = World::new(2);
    world.pass(1_000);
    world.add_node();
    world.settle();
    assert_eq!(world.view(0).members.len(), 2, "it is told a little later");
    world.set_clocks_back(SET_BACK_MS);
    world.pass(1_000);
    assert_eq!(world.view(0).members.len(), 3);
}

#[test]
fn a_node_shows_how_wrong_its_clock_is_and_dates_blocks_by_the_relays() {
    let mut world = World::new(1);
    world.pass(1_000);
    assert_eq!(world.view(0).clock_offset_ms, 0);
    let true_ms = world.now_ms;
    let wrong_ms = true_ms - SET_BACK_MS;
    let node = &mut world.nodes[0].node;
    node.handle(true_ms, Event::Visible(false));
    node.handle(wrong_ms, Event::Visible(true));
    let offset_ms = world.view(0).clock_offset_ms;
    assert_eq!(offset_ms, i64::try_from(SET_BACK_MS).unwrap());
    let mine = shared::node::interface::Command::StartMining { once: true };
    let effects = world.nodes[0]
        .node
        .handle(wrong_ms, Event::Command(99, mine));
    let work = effects.iter().find_map(|effect| match effect {
        Effect::Mine(work) => Some(work),
        _ => None,
    });
    assert_eq!(work.expect("it mines").header.timestamp_ms, true_ms);
}

fn wake_ms(effects: &[Effect]) -> Option<u64> {
    effects.iter().find_map(|effect| match effect {
        Effect::WakeAt(at_ms) => Some(*at_ms),
        _ => None,
    })
}
