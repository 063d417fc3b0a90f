//! What sockets get: everything once, all in one order; and numbers of their own.

use std::collections::HashSet;

use futures_util::future::join_all;
use shared::encoding::List;
use shared::hash::{NetworkId, TransactionId};
use shared::keys::{PublicKey, SecretKey};
use shared::message::{Admission, Message};
use shared::transaction::{Action, Expect, Key, SignedTransaction, Transaction, Value};

use crate::program::Local;
use crate::wire::{self, Socket};

/// What a network costs that was made without options.
const WORK_BITS: u8 = 10;
const WRITERS: u8 = 3;
const TRANSACTIONS_OF_EACH: u64 = 30;

fn put(secret: &SecretKey, network: NetworkId, sequence: u64) -> SignedTransaction {
    let transaction = Transaction {
        network,
        sender: secret.public_key(),
        sequence,
        valid_until: None,
        action: Action::Put {
            key: Key::new(format!("key {sequence}")).unwrap(),
            value: Value::new("value").unwrap(),
            expect: Expect::Anything,
        },
        work: 0,
    }
    .with_work(WORK_BITS);
    SignedTransaction {
        signature: secret.sign(&transaction.statement()),
        transaction,
    }
}

async fn join(relay: &Local, seed: u8) -> (Socket, SecretKey) {
    let secret = SecretKey::from_seed(&[seed; 32]);
    let mut socket = wire::connect(relay.port()).await.unwrap();
    wire::register(&mut socket, &secret).await;
    (socket, secret)
}

/// The transactions that come in and one's own as they are admitted, up to so many in all, and what
/// is behind them.
async fn heard(socket: &mut Socket, total: usize) -> Vec<TransactionId> {
    let mut heard = Vec::new();
    let mut is_asked = false;
    loop {
        if heard.len() >= total && !is_asked {
            // The answer comes behind whatever is still queued for this socket.
            is_asked = true;
            wire::send(socket, &Message::GetLog { from: 0 }).await;
        }
        match wire::receive(socket).await.unwrap() {
            Message::Submitted(all) => {
                heard.extend(all.iter().map(|one| one.signed.transaction.id()));
            }
            Message::Admitted(all) => heard.extend(all.iter().map(|(id, admission)| {
                assert_eq!(*admission, Admission::Pending);
                *id
            })),
            Message::Log(_) if is_asked => return heard,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_hears_everything_once_and_in_the_same_order() {
    let relay = &Local::start().await;
    let network = reqwest::get(relay.url("/api/v1/network")).await.unwrap();
    let network: serde_json::Value = network.json().await.unwrap();
    let network: NetworkId = network["id"].as_str().unwrap().parse().unwrap();
    // Their work takes a while, in which whoever has joined would miss pings.
    let of_each = (1..=WRITERS).map(|seed| {
        let secret = SecretKey::from_seed(&[seed; 32]);
        let sequences = 0..TRANSACTIONS_OF_EACH;
        let all = sequences.map(|sequence| put(&secret, network, sequence));
        (seed, all.collect())
    });
    // Enough for the relay to write by several threads.
    let listeners = (100..230).map(|seed| (seed, Vec::new()));
    let members = of_each.chain(listeners).map(|(seed, all)| async move {
        let (socket, secret) = join(relay, seed).await;
        (socket, secret.public_key(), all)
    });
    let members: Vec<(Socket, PublicKey, Vec<SignedTransaction>)> = join_all(members).await;
    let total = usize::from(WRITERS) * usize::try_from(TRANSACTIONS_OF_EACH).unwrap();
    let hearing = members
        .into_iter()
        .map(|(mut socket, key, all)| async move {
            for signed in all {
                let one = List::new(vec![signed]).unwrap();
                wire::send(&mut socket, &Message::Transactions(one)).await;
            }
            (key, heard(&mut socket, total).await)
        });
    let all = join_all(hearing).await;
    let (_, first) = &all[0];
    assert_eq!(first.iter().collect::<HashSet<_>>().len(), total);
    for (key, heard) in &all {
        assert!(heard == first, "{key} heard {heard:?}, others {first:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_at_one_time_get_numbers_of_their_own() {
    const MEMBERS: u8 = 50;
    let relay = Local::start().await;
    let joining = (1..=MEMBERS).map(|seed| {
        let port = relay.port();
        tokio::spawn(async move {
            let mut socket = wire::connect(port).await.unwrap();
            let secret = SecretKey::from_seed(&[seed; 32]);
            let welcome = wire::register(&mut socket, &secret).await;
            (socket, welcome.id)
        })
    });
    let joined = join_all(joining).await;
    let numbers: HashSet<_> = joined.iter().map(|one| one.as_ref().unwrap().1).collect();
    assert_eq!(numbers.len(), usize::from(MEMBERS));
}
