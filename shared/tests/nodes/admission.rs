//! How many members a network takes.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::encoding::Text;
use shared::keys::SecretKey;
use shared::limits::MEMBERS_MAX;
use shared::message::{ErrorCode, Hello, Message, PROTOCOL_VERSION, RegistrationStatement};
use shared::relay::Relay;
use shared::relay::interface::{ConnectionId, Effect, Event, RequestId};
use shared::store::Rows;

use crate::world::{network, relay_secret};

const NOW_MS: u64 = 1_000_000;

/// What a relay does about a registration.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// It looks for the key's row.
    Reads(RequestId),
    Closes(ErrorCode),
}

#[test]
fn a_registration_under_way_takes_a_place() {
    let (mut relay, _) = Relay::new(relay_secret(), network(), &Rows::default(), NOW_MS).unwrap();
    let members = u64::try_from(MEMBERS_MAX).unwrap();
    let reads: Vec<_> = (0..members).map(|key| register(&mut relay, key)).collect();
    assert!(
        reads
            .iter()
            .all(|answer| matches!(answer, Answer::Reads(_)))
    );
    assert!(relay.held().iter().all(|held| held.is_within()));
    assert_eq!(
        register(&mut relay, members),
        Answer::Closes(ErrorCode::Full)
    );
    // The first one goes before its row was found, and leaves its place.
    let Answer::Reads(load) = reads[0] else {
        unreachable!("it was one of all")
    };
    relay.handle(NOW_MS, Event::Closed { connection: 0 });
    relay.handle(NOW_MS, Event::Loaded(load, Vec::new()));
    assert!(matches!(register(&mut relay, members), Answer::Reads(_)));
    assert!(relay.held().iter().all(|held| held.is_within()));
}

/// A node connects, and proves to have the key of this number.
fn register(relay: &mut Relay, number: u64) -> Answer {
    let connection: ConnectionId = number;
    let mut seed = [9; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let secret = SecretKey::from_seed(&seed);
    let statement = RegistrationStatement {
        network: network().id(),
        relay: relay_secret().public_key(),
        node: secret.public_key(),
        relay_nonce: [3; 32],
        node_nonce: [4; 32],
    };
    let hello = Message::Hello(Hello {
        protocol_version: PROTOCOL_VERSION,
        network: None,
        key: statement.node,
        nonce: statement.node_nonce,
        agent: Text::truncated("one of many"),
    });
    let register = Message::Register {
        signature: secret.sign(&statement.by_node()),
        invitation: None,
        remembered: Box::default(),
    };
    let nonce = statement.relay_nonce;
    relay.handle(NOW_MS, Event::Opened { connection, nonce });
    let frame = hello.to_frame();
    relay.handle(NOW_MS, Event::Frame { connection, frame });
    let frame = register.to_frame();
    let effects = relay.handle(NOW_MS, Event::Frame { connection, frame });
    let answer = effects.into_iter().find_map(|effect| match effect {
        Effect::Load(id, _) => Some(Answer::Reads(id)),
        Effect::Close { code, .. } => Some(Answer::Closes(code)),
        _ => None,
    });
    answer.expect("the relay does something about it")
}
