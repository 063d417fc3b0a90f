//! Transactions that were verified on the way into the relay's core are taken like those of a
//! frame, which the core verifies.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::encoding::List;
use shared::keys::{SecretKey, Signature};
use shared::message::Message;
use shared::network::NetworkParameters;
use shared::relay::interface::{Effect, Event};
use shared::transaction::{Action, Expect, Key, SignedTransaction, Transaction, Value};

use crate::world::{World, network};

/// A world in which a transaction is pending already.
fn world() -> World {
    let mut world = World::new(2);
    world.pass(1_000);
    world.send(0, in_a_frame(&[put(&network(), 0, "first")]));
    world.settle();
    assert_eq!(world.relay.view().pending, 1);
    world
}

fn put(network: &NetworkParameters, sequence: u64, value: &str) -> SignedTransaction {
    let secret = SecretKey::from_seed(&[50; 32]);
    let transaction = Transaction {
        network: network.id(),
        sender: secret.public_key(),
        sequence,
        valid_until: None,
        action: Action::Put {
            key: Key::new("key").unwrap(),
            value: Value::new(value).unwrap(),
            expect: Expect::Anything,
        },
        work: 0,
    };
    SignedTransaction {
        signature: secret.sign(&transaction.statement()),
        transaction,
    }
}

fn another_network() -> NetworkParameters {
    NetworkParameters {
        salt: [99; 16],
        ..network()
    }
}

fn in_a_frame(transactions: &[SignedTransaction]) -> Vec<u8> {
    let transactions = List::new(transactions.to_vec()).unwrap();
    Message::Transactions(transactions).to_frame()
}

fn verified(
    connection: u64,
    transactions: &[SignedTransaction],
    network: &NetworkParameters,
) -> Event {
    let transactions = transactions.iter().cloned();
    Event::Transactions {
        connection,
        transactions: transactions.map(|signed| signed.verify(network)).collect(),
    }
}

/// What the relay does about it. Like any frame, it says that the member is awake.
fn effects(world: &mut World, event: Event) -> String {
    let effects = world.relay.handle(world.now_ms, event);
    format!("{effects:?}")
}

#[test]
fn they_are_taken_like_those_of_a_frame() {
    let network = network();
    let valid = |sequence| put(&network, sequence, "value");
    let forged = SignedTransaction {
        signature: Signature([7; 64]),
        ..valid(1)
    };
    let elsewhere = put(&another_network(), 1, "value");
    let cases = [
        vec![valid(1)],
        vec![valid(3), valid(2), valid(1)],
        vec![put(&network, 0, "first")],
        vec![put(&network, 0, "replaced")],
        vec![valid(1), forged.clone(), valid(2)],
        vec![elsewhere],
        vec![forged; 500],
        vec![],
    ];
    for transactions in cases {
        let (mut by_frame, mut by_event) = (world(), world());
        let connection = by_frame.nodes[0].connection.unwrap();
        let frame = in_a_frame(&transactions);
        let expected = effects(&mut by_frame, Event::Frame { connection, frame });
        let event = verified(connection, &transactions, &network);
        assert_eq!(effects(&mut by_event, event), expected);
        let pending = |world: &World| world.relay.view().pending;
        assert_eq!(pending(&by_event), pending(&by_frame));
    }
}

#[test]
fn what_was_verified_for_another_network_is_refused() {
    let mut world = world();
    let connection = world.nodes[0].connection.unwrap();
    let network = another_network();
    let transactions = [put(&network, 1, "value")];
    let said = effects(&mut world, verified(connection, &transactions, &network));
    assert!(said.contains("the transaction is for network"), "{said}");
    assert_eq!(world.relay.view().pending, 1);
}

#[test]
fn nobody_but_members_hands_any_in() {
    let mut world = world();
    let (connection, nonce) = (1_000, [3; 32]);
    world.tell_relay(Event::Opened { connection, nonce });
    let network = network();
    for connection in [connection, 2_000] {
        let event = verified(connection, &[put(&network, 1, "value")], &network);
        let effects = world.relay.handle(world.now_ms, event);
        let is_silent = |effect: &Effect| matches!(effect, Effect::WakeAt(_));
        assert!(effects.iter().all(is_silent), "{effects:?}");
    }
    assert_eq!(world.relay.view().pending, 1);
}

#[test]
fn they_count_to_the_rate_of_their_member() {
    let mut world = world();
    world.relay.set_member_rate(1);
    let connection = world.nodes[0].connection.unwrap();
    let network = network();
    // Ten seconds' worth may come at once.
    let too_many: Vec<_> = (1..=11)
        .map(|sequence| put(&network, sequence, "value"))
        .collect();
    let said = effects(&mut world, verified(connection, &too_many, &network));
    assert!(said.contains("a member may send"), "{said}");
    assert_eq!(world.relay.view().pending, 1);
}
