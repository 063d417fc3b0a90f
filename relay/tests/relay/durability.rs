//! What was acknowledged survives the relay's sudden end.

use std::collections::HashSet;
use std::fs::{self, File};

use serde_json::Value;
use shared::encoding::List;
use shared::hash::{NetworkId, TransactionId};
use shared::keys::SecretKey;
use shared::message::{Admission, Message};
use shared::node::interface::Answer;
use shared::transaction::{Action, Expect, Key, SignedTransaction, Transaction};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use crate::member::Member;
use crate::program::Program;
use crate::wire::{self, Socket};

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let data = TempDir::new().unwrap();
    let relay = Program::start(data.path(), 0);
    let port = relay.port;
    let writer = Member::start(1, port);
    let number = writer.joined().await.id;

    assert!(matches!(
        writer.put("mined", "1").await,
        Answer::Submitted(_)
    ));
    writer.mine_one().await;
    writer
        .until("the block is there", |view| view.chain.height == 1)
        .await;
    for round in 0..20 {
        let answer = writer.put(&format!("pending {round}"), "2").await;
        assert!(matches!(answer, Answer::Submitted(_)), "{answer:?}");
    }
    let before = writer
        .until("all is acknowledged", |view| {
            view.unacknowledged == 0 && view.pending == 20
        })
        .await;
    relay.kill();
    // The writer's own copies must not be what brings them back.
    writer.vanish().await;

    let relay = Program::start(data.path(), port);
    let stranger = Member::start(2, port);
    let after = stranger
        .until("block and pending transactions are back", |view| {
            view.chain.height == 1 && view.pending == 20
        })
        .await;
    assert_eq!(after.chain.tip, before.chain.tip);
    assert_ne!(after.id, number, "numbers are never reused");
    relay.kill();
}

#[tokio::test]
async fn what_was_acknowledged_under_load_survives_each_of_ten_kills() {
    survives_kills(10).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn what_was_acknowledged_under_load_survives_each_of_a_hundred_kills() {
    survives_kills(100).await;
}

async fn survives_kills(rounds: u8) {
    /// A hundred rounds of these fit into a mempool.
    const SENT_PER_ROUND: u64 = 40;
    let data = TempDir::new().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..rounds {
        let relay = Program::start(data.path(), 0);
        let pending = pending_ids(relay.port).await;
        for id in &acknowledged {
            assert!(pending.contains(id), "{id} is lost in round {round}");
        }
        let secret = SecretKey::from_seed(&[round; 32]);
        let mut socket = wire::connect(relay.port).await.unwrap();
        wire::register(&mut socket, &secret).await;
        let network = network(relay.port).await;
        for sequence in 0..SENT_PER_ROUND {
            let signed = put(&secret, network, sequence);
            let message = Message::Transactions(List::truncated([signed]));
            wire::send(&mut socket, &message).await;
        }
        // Killed while it is at it, each time a little later.
        let enough = 1 + usize::from(round) % 20;
        let mut admitted = Vec::new();
        while admitted.len() < enough {
            let message = wire::receive(&mut socket).await;
            admitted.extend(admissions(&message.unwrap()));
        }
        relay.kill();
        admitted.extend(rest(&mut socket).await);
        acknowledged.extend(admitted);
    }
}

/// What still comes from a relay that is gone.
async fn rest(socket: &mut Socket) -> Vec<TransactionId> {
    let mut ids = Vec::new();
    while let Some(message) = wire::receive(socket).await {
        ids.extend(admissions(&message));
    }
    ids
}

fn admissions(message: &Message) -> Vec<TransactionId> {
    let Message::Admitted(admissions) = message else {
        return Vec::new();
    };
    admissions
        .iter()
        .map(|(id, admission)| {
            assert_eq!(*admission, Admission::Pending);
            *id
        })
        .collect()
}

fn put(secret: &SecretKey, network: NetworkId, sequence: u64) -> SignedTransaction {
    let transaction = Transaction {
        network,
        sender: secret.public_key(),
        sequence,
        valid_until: None,
        action: Action::Put {
            key: Key::new(format!("key {sequence}")).unwrap(),
            value: shared::transaction::Value::new("value").unwrap(),
            expect: Expect::Anything,
        },
        work: 0,
    }
    .with_work(10);
    SignedTransaction {
        signature: secret.sign(&transaction.statement()),
        transaction,
    }
}

async fn network(port: u16) -> NetworkId {
    let network = get(port, "network").await;
    network["id"].as_str().unwrap().parse().unwrap()
}

async fn pending_ids(port: u16) -> HashSet<TransactionId> {
    let mut ids = HashSet::new();
    loop {
        let page = get(port, &format!("mempool?skip={}", ids.len())).await;
        let page = page["transactions"].as_array().unwrap().clone();
        if page.is_empty() {
            return ids;
        }
        let page = page.iter().map(|pending| pending["id"].as_str().unwrap());
        ids.extend(page.map(|id| id.parse::<TransactionId>().unwrap()));
    }
}

async fn get(port: u16, path: &str) -> Value {
    let url = format!("http://127.0.0.1:{port}/api/v1/{path}");
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn members_return_by_themselves_after_kill_9() {
    let data = TempDir::new().unwrap();
    let relay = Program::start(data.path(), 0);
    let port = relay.port;
    let members = [1, 2].map(|seed| Member::start(seed, port));
    for member in &members {
        member.joined().await;
    }
    relay.kill();
    let relay = Program::start(data.path(), port);
    for member in &members {
        member
            .until("both are back", |view| {
                view.connection == shared::node::interface::Connection::Joined
                    && view.members.len() == 2
            })
            .await;
    }
    members[0].mine_one().await;
    members[1]
        .until("the block came over", |view| view.chain.height == 1)
        .await;
    relay.kill();
}

#[tokio::test]
async fn a_relay_that_cannot_write_acknowledges_nothing_and_stops() {
    let data = TempDir::new().unwrap();
    let log = data.path().join("relay.log");
    let errors = File::create(&log).unwrap();
    let relay = Program::start_with_errors_to(data.path(), 0, errors.into());
    let writer = Member::start(1, relay.port);
    writer.joined().await;

    let mut other = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(data.path().join("relay.sqlite"))
        .connect()
        .await
        .unwrap();
    let transaction = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    writer.put("key", "value").await;
    let status = tokio::task::spawn_blocking(|| relay.wait()).await.unwrap();
    drop(transaction);

    assert_eq!(status.code(), Some(1));
    let said = fs::read_to_string(log).unwrap();
    assert!(said.contains("database is locked"), "{said}");
    assert!(said.contains("start again"), "{said}");
    assert_eq!(writer.view().await.unacknowledged, 1);
}
