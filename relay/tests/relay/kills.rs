//! Sudden ends under load: whatever the relay has told somebody of is there when it starts again.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde_json::Value;
use shared::encoding::List;
use shared::finality::LogEvent;
use shared::hash::{BlockHash, NetworkId, TransactionId};
use shared::keys::SecretKey;
use shared::message::{Admission, Message};
use shared::store::MemoryStore;
use shared::transaction::{Action, Expect, Key, SignedTransaction, Transaction};
use tempfile::TempDir;

use crate::member::Member;
use crate::program::Program;
use crate::wire::{self, Socket};

/// The seed of the member that mines and votes. Those that write have others.
const MINER: u8 = 255;
const SENT_PER_ROUND: u64 = 40;

#[tokio::test]
async fn what_was_told_under_load_survives_each_of_twelve_kills() {
    survives_kills(12).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn what_was_told_under_load_survives_each_of_a_hundred_kills() {
    survives_kills(100).await;
}

async fn survives_kills(rounds: u8) {
    let data = TempDir::new().unwrap();
    let mut told = Told::default();
    let mut storage = MemoryStore::default();
    for number in 0..rounds {
        storage = round(number, data.path(), storage, &mut told).await;
    }
    let relay = Program::start(data.path(), 0);
    told.expect_all_at(relay.port).await;
    relay.kill();
    assert!(told.final_height > 0 && !told.blocks.is_empty());
    relay::verify(data.path()).await.unwrap();
}

/// Starts the relay upon what the kill before has left, and kills it at work, each time at another
/// moment.
async fn round(number: u8, data: &Path, storage: MemoryStore, told: &mut Told) -> MemoryStore {
    let relay = Program::start(data, 0);
    // Nobody is there yet who could bring back what is lost.
    told.expect_all_at(relay.port).await;
    let network = network(relay.port).await;
    let miner = Member::resume(MINER, relay.port, storage);
    miner.joined().await;

    let secret = SecretKey::from_seed(&[number; 32]);
    let mut socket = wire::connect(relay.port).await.unwrap();
    wire::register(&mut socket, &secret).await;
    for sequence in 0..SENT_PER_ROUND {
        let signed = put(&secret, network, sequence);
        let message = Message::Transactions(List::truncated([signed]));
        wire::send(&mut socket, &message).await;
    }
    let admitted = told.admitted.len() + 1 + usize::from(number) % 20;
    told.listen(&mut socket, |told| told.admitted.len() >= admitted)
        .await;
    let (blocks, final_height) = (told.blocks_heard, told.final_height);
    match number % 4 {
        // While it admits transactions.
        0 => {}
        // While it takes in a block,
        1 => miner.mine_one().await,
        // has passed it on,
        2 => {
            miner.mine_one().await;
            told.listen(&mut socket, |told| told.blocks_heard > blocks)
                .await;
        }
        // has logged the decision on it.
        _ => {
            miner.mine_one().await;
            told.listen(&mut socket, |told| told.final_height > final_height)
                .await;
        }
    }
    relay.kill();
    // What still comes from a relay that is gone.
    while let Some(message) = wire::receive(&mut socket).await {
        told.hear(&message);
    }
    miner.vanish().await
}

/// What somebody was told of.
#[derive(Default)]
struct Told {
    admitted: HashSet<TransactionId>,
    /// By height, those that it can have stored. One member mines, so that none is left for another.
    blocks: BTreeMap<u64, BlockHash>,
    /// Up to which it is known to have all.
    height: u64,
    blocks_heard: usize,
    final_height: u64,
}

impl Told {
    async fn listen(&mut self, socket: &mut Socket, is_enough: impl Fn(&Self) -> bool) {
        while !is_enough(self) {
            let message = wire::receive(socket).await;
            self.hear(&message.unwrap());
        }
    }

    fn hear(&mut self, message: &Message) {
        match message {
            Message::Admitted(admissions) => {
                for (id, admission) in admissions.iter() {
                    assert_eq!(*admission, Admission::Pending);
                    self.admitted.insert(*id);
                }
            }
            Message::Block(announcement) => {
                let header = &announcement.sealed.header;
                self.blocks_heard += 1;
                // One whose predecessor it lacks is passed on before it can be executed and stored.
                if header.height <= self.height + 1 {
                    self.height = self.height.max(header.height);
                    self.blocks.insert(header.height, header.hash());
                }
            }
            Message::Log(entries) => {
                for entry in entries.iter() {
                    if let LogEvent::Decided { decision, .. } = &entry.record.event {
                        self.final_height = self.final_height.max(decision.height);
                    }
                }
            }
            _ => {}
        }
    }

    async fn expect_all_at(&mut self, port: u16) {
        let health = get(port, "health").await;
        let height = health["height"].as_u64().unwrap();
        assert!(height >= self.height, "{} was there: {health}", self.height);
        self.height = height;
        let final_height = health["final_height"].as_u64().unwrap();
        assert!(final_height >= self.final_height, "a decision is lost");

        let mut held = pending_ids(port).await;
        for height in 1..=height {
            let block = get(port, &format!("blocks/{height}")).await;
            if let Some(told) = self.blocks.get(&height) {
                assert_eq!(block["hash"], told.to_string(), "at height {height}");
            }
            assert!(block["is_final"] == true || height > self.final_height);
            held.extend(ids(&block));
        }
        let lost: Vec<_> = self.admitted.difference(&held).collect();
        assert!(lost.is_empty(), "neither pending nor mined: {lost:?}");
    }
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
    let mut found = HashSet::new();
    loop {
        let page = get(port, &format!("mempool?skip={}", found.len())).await;
        let before = found.len();
        found.extend(ids(&page));
        if found.len() == before {
            return found;
        }
    }
}

/// The ids of what a block or a page of the mempool lists.
fn ids(listed: &Value) -> Vec<TransactionId> {
    let transactions = listed["transactions"].as_array().unwrap().iter();
    let ids = transactions.map(|transaction| transaction["id"].as_str().unwrap());
    ids.map(|id| id.parse().unwrap()).collect()
}

async fn get(port: u16, path: &str) -> Value {
    let url = format!("http://127.0.0.1:{port}/api/v1/{path}");
    reqwest::get(url).await.unwrap().json().await.unwrap()
}
