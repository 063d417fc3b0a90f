//! The JSON subprotocol, by a client that knows nothing but JSON, hexadecimal and Ed25519.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use shared::keys::SecretKey;
use shared::message::RegistrationStatement;
use shared::transaction::{Action, Expect, Key, Transaction};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::member::Member;
use crate::program::{Local, PATIENCE};
use crate::wire::{self, Socket};

async fn connect(relay: &Local) -> Socket {
    let headers = [("sec-websocket-protocol", relay::JSON_SUBPROTOCOL)];
    wire::connect_with(relay.port(), &headers).await.unwrap()
}

async fn send(socket: &mut Socket, message: &Value) {
    socket
        .send(Message::text(message.to_string()))
        .await
        .unwrap();
}

/// The content of the next message of this name.
async fn receive(socket: &mut Socket, name: &str) -> Value {
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Text(text))) => {
                let mut message: Value = serde_json::from_str(&text).unwrap();
                if message[name] != Value::Null {
                    return message[name].take();
                }
            }
            Some(Ok(Message::Ping(_))) => {}
            other => panic!("{name} should come, not {other:?}"),
        }
    }
}

fn bytes(hexadecimal: &Value) -> [u8; 32] {
    let bytes = hex::decode(hexadecimal.as_str().unwrap()).unwrap();
    bytes.try_into().unwrap()
}

#[tokio::test]
async fn a_client_in_json_registers_writes_and_hears_of_blocks() {
    let relay = Local::start().await;
    let secret = SecretKey::from_seed(&[1; 32]);
    let key = secret.public_key();
    let network: Value = reqwest::get(relay.url("/api/v1/network"))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();

    let mut socket = connect(&relay).await;
    let hello = json!({ "hello": {
        "agent": "script", "key": key.to_string(), "nonce": "07".repeat(32), "protocol_version": 1,
    }});
    send(&mut socket, &hello).await;
    let challenge = receive(&mut socket, "challenge").await;
    assert_eq!(challenge["network"]["name"], network["name"]);
    let statement = RegistrationStatement {
        network: network["id"].as_str().unwrap().parse().unwrap(),
        relay: challenge["network"]["relay"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap(),
        node: key,
        relay_nonce: bytes(&challenge["nonce"]),
        node_nonce: [7; 32],
    };
    let signature = hex::encode(secret.sign(&statement.by_node()).0);
    send(
        &mut socket,
        &json!({ "register": { "signature": signature, "remembered": { "term": 0 } } }),
    )
    .await;
    let welcome = receive(&mut socket, "welcome").await;
    assert_eq!(welcome["id"], 1);
    assert_eq!(welcome["presence"]["present"][0]["key"], key.to_string());

    let transaction = Transaction {
        network: statement.network,
        sender: key,
        sequence: 0,
        valid_until: None,
        action: Action::Put {
            key: Key::new("a").unwrap(),
            value: shared::transaction::Value::new("1").unwrap(),
            expect: Expect::Anything,
        },
        work: 0,
    }
    .with_work(10);
    let signature = hex::encode(secret.sign(&transaction.statement()).0);
    let written = json!({ "transaction": {
        "network": network["id"], "sender": key.to_string(), "sequence": 0,
        "action": { "put": { "key": "a", "value": "1", "expect": "anything" } },
        "work": transaction.work,
    }, "signature": signature });
    send(&mut socket, &json!({ "transactions": [written] })).await;
    let admitted = receive(&mut socket, "admitted").await;
    assert_eq!(admitted, json!([[transaction.id().to_string(), "pending"]]));

    let miner = Member::start(2, relay.port());
    miner
        .until("it has the transaction", |view| view.pending == 1)
        .await;
    miner.mine_one().await;
    let block = receive(&mut socket, "block").await;
    assert_eq!(block["sealed"]["header"]["height"], 1);
    assert_eq!(block["body"]["compact"]["outcomes"], json!(["applied"]));
    send(&mut socket, &json!("leave")).await;
    let (code, _) = wire::closing(&mut socket).await;
    assert_eq!(code, 1000);
}

#[tokio::test]
async fn what_is_no_message_in_json_ends_the_connection() {
    let relay = Local::start().await;
    for frame in [
        Message::text("hello"),
        Message::text("{\"hello\": {}}"),
        Message::text("{\"shout\": 1}"),
        Message::text(json!("leave").to_string() + "!"),
        Message::binary(vec![1, 8]),
    ] {
        let mut socket = connect(&relay).await;
        socket.send(frame).await.unwrap();
        let (code, reason) = wire::closing(&mut socket).await;
        assert_eq!(code, 4001, "{reason}");
        assert!(!reason.is_empty());
    }
    // Out of turn: the core says so, in JSON.
    let mut socket = connect(&relay).await;
    send(&mut socket, &json!("leave")).await;
    assert_eq!(receive(&mut socket, "error").await["code"], "malformed");
}
