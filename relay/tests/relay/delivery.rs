//! What sockets get: everything once, in the order of its sender; and numbers of their own.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::join_all;
use shared::encoding::List;
use shared::hash::NetworkId;
use shared::keys::{PublicKey, SecretKey};
use shared::message::Message;
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

/// The sequences that come in from each sender, up to so many in all, and what is behind them.
async fn heard(socket: &mut Socket, total: u64) -> BTreeMap<PublicKey, Vec<u64>> {
    let mut heard: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut is_asked = false;
    loop {
        let count: usize = heard.values().map(Vec::len).sum();
        if count as u64 >= total && !is_asked {
            // The answer comes behind whatever is still queued for this socket.
            is_asked = true;
            wire::send(socket, &Message::GetLog { from: 0 }).await;
        }
        match wire::receive(socket).await.unwrap() {
            Message::Submitted(all) => {
                for submission in all.iter() {
                    let transaction = &submission.signed.transaction;
                    let of_sender = heard.entry(transaction.sender).or_default();
                    of_sender.push(transaction.sequence);
                }
            }
            Message::Log(_) if is_asked => return heard,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_hears_everything_once_and_in_the_order_of_its_sender() {
    let relay = &Local::start().await;
    let network = reqwest::get(relay.url("/api/v1/network")).await.unwrap();
    let network: serde_json::Value = network.json().await.unwrap();
    let network: NetworkId = network["id"].as_str().unwrap().parse().unwrap();
    // Their work takes a while, in which whoever has joined would miss pings.
    let of_each = (1..=WRITERS).map(|seed| {
        let secret = SecretKey::from_seed(&[seed; 32]);
        let sequences = 0..TRANSACTIONS_OF_EACH;
        let all = sequences.map(|sequence| put(&secret, network, sequence));
        (seed, all.collect::<Vec<_>>())
    });
    let of_each: Vec<_> = of_each.collect();
    // Enough for the relay to write by several threads.
    let mut listeners = join_all((100..230).map(|seed| join(relay, seed))).await;
    let writers = of_each.into_iter().map(|(seed, all)| async move {
        let (mut socket, secret) = join(relay, seed).await;
        for signed in all {
            let one = List::new(vec![signed]).unwrap();
            wire::send(&mut socket, &Message::Transactions(one)).await;
        }
        (socket, secret.public_key())
    });
    let total = u64::from(WRITERS) * TRANSACTIONS_OF_EACH;
    let listening = listeners.iter_mut().map(|(socket, _)| heard(socket, total));
    let (writers, all) = tokio::join!(join_all(writers), join_all(listening));
    let in_order: Vec<_> = (0..TRANSACTIONS_OF_EACH).collect();
    for heard in all {
        assert_eq!(heard.len(), writers.len());
        for (_, writer) in &writers {
            assert_eq!(heard[writer], in_order);
        }
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
