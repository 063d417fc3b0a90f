//! Storages that fail: a node does not go on without what it could not read.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::message::ErrorCode;
use shared::node::Node;
use shared::node::interface::{Command, Connection, Effect, Event, Profile};

use crate::world::World;

#[test]
fn a_node_that_cannot_read_its_undecided_blocks_says_so_and_stays_away() {
    let mut world = World::new(1);
    world.pass(1_000);
    world.mine(0);
    world.lose_relay();
    world.mine(0);
    let chain = world.view(0).chain;
    assert_eq!((chain.height, chain.final_height), (2, 1));

    let profile = Profile {
        key: world.nodes[0].node.key(),
        agent: "test",
        stays: true,
    };
    let now_ms = world.now_ms;
    let (mut node, effects) = Node::new(profile, &world.nodes[0].store.rows(), now_ms);
    let load = effects.iter().find_map(|effect| match effect {
        Effect::Load(id, _) => Some(*id),
        _ => None,
    });
    let failed = Event::LoadFailed(load.expect("it reads bodies"), "a bad sector".to_owned());
    for event in [failed, Event::Command(1, Command::Reconnect), Event::Woken] {
        let effects = node.handle(now_ms, event);
        let connects = |effect: &Effect| matches!(effect, Effect::Connect);
        assert!(!effects.iter().any(connects), "{effects:?}");
    }
    let Connection::Refused(error) = node.view().connection else {
        panic!("{:?}", node.view().connection);
    };
    assert_eq!(error.code, ErrorCode::Unavailable);
    assert!(
        error.explanation.as_str().contains("a bad sector"),
        "{error:?}"
    );
}
