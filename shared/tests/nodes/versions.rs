//! A node and a relay that speak different versions of the protocol.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::encoding::Text;
use shared::message::{ErrorCode, ErrorMessage, Message, PROTOCOL_VERSION};
use shared::node::interface::Connection;

use crate::world::World;

/// Time in which a node that was not refused would be back many times.
const LONG_MS: u64 = 600_000;

#[test]
fn a_node_that_is_older_or_newer_than_its_relay_says_so_and_does_not_come_back() {
    let error = Message::Error(ErrorMessage {
        code: ErrorCode::Version,
        explanation: Text::truncated("this relay speaks another version"),
    });
    // The relay understands the node's version and refuses it; or it knows only its own.
    let mut foreign = Message::RequestCheck.to_frame();
    foreign[0] = PROTOCOL_VERSION + 1;
    for frame in [error.to_frame(), foreign] {
        let mut world = World::new(1);
        world.settle();
        assert_eq!(world.view(0).connection, Connection::Joined);
        world.tell_frame(0, frame);
        world.pass(LONG_MS);
        match world.view(0).connection {
            Connection::Refused(error) => assert_eq!(error.code, ErrorCode::Version),
            other => panic!("it should be refused, it is {other:?}"),
        }
    }
}
