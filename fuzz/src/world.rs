//! A relay and two nodes whose inboxes the input may reorder, spoil and drop, with stores in
//! memory. After each event the promises are checked.

use std::collections::BTreeMap;

use shared::block::Header;
use shared::chain::Chain;
use shared::difficulty::Target;
use shared::encoding::{List, Text};
use shared::hash::BlockHash;
use shared::keys::SecretKey;
use shared::limits::{
    EVIDENCE_MAX, FRAME_BYTES_MAX, MEMPOOL_RETURNED_TRANSACTIONS_MAX, MEMPOOL_TRANSACTIONS_MAX,
    REJECTIONS_KEPT_MAX,
};
use shared::message::Message;
use shared::network::{Admission, Consensus, Holder, NetworkParameters, Stake, Work};
use shared::node::Node;
use shared::node::interface::{self as node, MiningWork, Profile};
use shared::relay::Relay;
use shared::relay::interface as relay;
use shared::store::{MemoryStore, Rows};

/// Time of the network's genesis, milliseconds since 1970 UTC.
pub(crate) const CREATED_AT_MS: u64 = 1_700_000_000_000;
/// Time between blocks, or length of a slot.
pub(crate) const SPACING_MS: u64 = 10_000;
/// Who holds what at first where the proof is stake, by the numbers of their keys.
pub(crate) const HOLDERS: [(u8, u64); 3] = [(1, 600), (2, 300), (3, 100)];
/// Whose key is the relay's.
pub(crate) const RELAY: u8 = 200;
/// Events that wait for one party; the oldest are lost beyond.
const INBOX_EVENTS_MAX: usize = 256;
/// Effects of one event: a restart's and a full answer's are far below.
const EFFECTS_MAX: usize = 4096;

/// Pending transactions, those of blocks that were taken back among them.
const PENDING_MAX: usize = MEMPOOL_TRANSACTIONS_MAX + MEMPOOL_RETURNED_TRANSACTIONS_MAX;

/// The key pair with this number.
pub(crate) fn secret(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

fn profile(secret: &SecretKey) -> Profile<'static> {
    Profile {
        key: secret.public_key(),
        agent: "fuzz",
        stays: true,
    }
}

/// A network in which a block costs two hashes.
pub(crate) fn network() -> NetworkParameters {
    let easy = Target::of_expected_hashes(2).to_compact();
    NetworkParameters {
        name: Text::truncated("fuzz"),
        consensus: Consensus::Work(Work {
            spacing_ms: SPACING_MS,
            first_bits: easy,
            easiest_bits: easy,
        }),
        admission: Admission::Open,
        created_at_ms: CREATED_AT_MS,
        salt: [7; 16],
        relay: secret(RELAY).public_key(),
        block_reward: 50,
        transaction_work_bits: 0,
        state_bytes_per_account_max: 4096,
        forced_changes_allowed: true,
    }
}

/// The same where the proof is stake, with epochs as short as they may be.
pub(crate) fn stake_network() -> NetworkParameters {
    let mut holders = HOLDERS.map(|(number, stake)| Holder {
        key: secret(number).public_key(),
        stake,
    });
    holders.sort_by_key(|holder| holder.key);
    NetworkParameters {
        consensus: Consensus::Stake(Stake {
            slot_ms: SPACING_MS,
            epoch_slots: 10,
            holders: List::truncated(holders),
        }),
        ..network()
    }
}

/// Who receives an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    Relay,
    Node(usize),
}

pub(crate) struct World {
    pub(crate) now_ms: u64,
    pub(crate) relay: Relay,
    pub(crate) relay_inbox: Vec<relay::Event>,
    relay_store: MemoryStore,
    relay_finals: Finals,
    pub(crate) nodes: Vec<Member>,
    connections: u64,
}

pub(crate) struct Member {
    pub(crate) node: Node,
    pub(crate) secret: SecretKey,
    pub(crate) inbox: Vec<node::Event>,
    pub(crate) connection: Option<relay::ConnectionId>,
    pub(crate) work: Option<MiningWork>,
    store: MemoryStore,
    finals: Finals,
}

impl World {
    pub(crate) fn new() -> Self {
        let now_ms = CREATED_AT_MS + 1;
        let (relay, effects) = Relay::new(secret(RELAY), network(), &Rows::default(), now_ms)
            .expect("an empty store is a relay at genesis");
        let mut world = Self {
            now_ms,
            relay,
            relay_inbox: Vec::new(),
            relay_store: MemoryStore::default(),
            relay_finals: Finals::default(),
            nodes: Vec::new(),
            connections: 0,
        };
        world.relay_effects(effects);
        for number in [1, 2] {
            let secret = secret(number);
            let (node, effects) = Node::new(profile(&secret), &Rows::default(), now_ms);
            world.nodes.push(Member {
                node,
                secret,
                inbox: Vec::new(),
                connection: None,
                work: None,
                store: MemoryStore::default(),
                finals: Finals::default(),
            });
            world.node_effects(world.nodes.len() - 1, effects);
        }
        world
    }

    pub(crate) fn inbox_len(&self, party: Party) -> usize {
        match party {
            Party::Relay => self.relay_inbox.len(),
            Party::Node(index) => self.nodes[index].inbox.len(),
        }
    }

    /// Delivers a waiting event.
    pub(crate) fn deliver(&mut self, party: Party, place: usize) {
        match party {
            Party::Relay if place < self.relay_inbox.len() => {
                let event = self.relay_inbox.remove(place);
                self.tell_relay(event);
            }
            Party::Node(index) if place < self.nodes[index].inbox.len() => {
                let event = self.nodes[index].inbox.remove(place);
                self.tell_node(index, event);
            }
            _ => {}
        }
    }

    /// Delivers everything that waits, and what follows from it.
    pub(crate) fn settle(&mut self) {
        for _ in 0..400 {
            let parties = [Party::Relay, Party::Node(0), Party::Node(1)];
            let Some(&party) = parties.iter().find(|&&party| self.inbox_len(party) > 0) else {
                return;
            };
            self.deliver(party, 0);
        }
    }

    pub(crate) fn tell_relay(&mut self, event: relay::Event) {
        let effects = self.relay.handle(self.now_ms, event);
        self.relay_effects(effects);
        let view = self.relay.view();
        assert!(view.pending <= PENDING_MAX);
    }

    pub(crate) fn tell_node(&mut self, index: usize, event: node::Event) {
        let effects = self.nodes[index].node.handle(self.now_ms, event);
        self.node_effects(index, effects);
        self.nodes[index].check();
    }

    /// A new connection for a node, or one of a stranger.
    pub(crate) fn open(&mut self) -> relay::ConnectionId {
        self.connections += 1;
        let connection = self.connections;
        self.enqueue_relay(relay::Event::Opened {
            connection,
            nonce: [u8::try_from(connection % 256).unwrap_or(0); 32],
        });
        connection
    }

    pub(crate) fn disconnect(&mut self, index: usize) {
        if let Some(connection) = self.nodes[index].connection.take() {
            self.enqueue_relay(relay::Event::Closed { connection });
            let chance = self.now_ms;
            self.enqueue_node(index, node::Event::Disconnected { chance });
        }
    }

    /// The node's memory is lost, its store stays.
    pub(crate) fn restart_node(&mut self, index: usize) {
        self.disconnect(index);
        let member = &mut self.nodes[index];
        member.inbox.clear();
        member.work = None;
        let profile = profile(&member.secret);
        let (node, effects) = Node::new(profile, &member.store.rows(), self.now_ms);
        member.node = node;
        self.node_effects(index, effects);
    }

    /// The relay's memory is lost, its store stays.
    pub(crate) fn restart_relay(&mut self) {
        for index in 0..self.nodes.len() {
            self.disconnect(index);
        }
        self.relay_inbox.clear();
        let rows = self.relay_store.rows();
        let (relay, effects) = Relay::new(secret(RELAY), network(), &rows, self.now_ms)
            .expect("what the relay has stored is a relay");
        self.relay = relay;
        self.relay_effects(effects);
    }

    pub(crate) fn enqueue_relay(&mut self, event: relay::Event) {
        if self.relay_inbox.len() < INBOX_EVENTS_MAX {
            self.relay_inbox.push(event);
        }
    }

    pub(crate) fn enqueue_node(&mut self, index: usize, event: node::Event) {
        let inbox = &mut self.nodes[index].inbox;
        if inbox.len() < INBOX_EVENTS_MAX {
            inbox.push(event);
        }
    }

    fn node_effects(&mut self, index: usize, effects: Vec<node::Effect>) {
        assert!(effects.len() <= EFFECTS_MAX, "{} effects", effects.len());
        for effect in effects {
            let member = &mut self.nodes[index];
            let event = match effect {
                node::Effect::Connect => {
                    let connection = self.open();
                    self.nodes[index].connection = Some(connection);
                    Some(node::Event::Connected { nonce: [9; 32] })
                }
                node::Effect::Disconnect => {
                    self.disconnect(index);
                    None
                }
                node::Effect::Send(frame) => {
                    check_frame(&frame);
                    if let Some(connection) = member.connection {
                        self.enqueue_relay(relay::Event::Frame { connection, frame });
                    }
                    None
                }
                node::Effect::Write(id, writes) => {
                    member.store.write(&writes);
                    Some(node::Event::Written(id))
                }
                node::Effect::Clear(id) => {
                    member.store.clear();
                    member.finals = Finals::default();
                    Some(node::Event::Written(id))
                }
                node::Effect::Load(id, query) => {
                    Some(node::Event::Loaded(id, member.store.read(&query)))
                }
                node::Effect::Sign(id, statement) => {
                    Some(node::Event::Signed(id, member.secret.sign(&statement)))
                }
                node::Effect::Mine(work) => {
                    member.work = Some(work);
                    None
                }
                node::Effect::StopMining => {
                    member.work = None;
                    None
                }
                node::Effect::WakeAt(_) | node::Effect::Answer(..) | node::Effect::ViewChanged => {
                    None
                }
            };
            if let Some(event) = event {
                self.enqueue_node(index, event);
            }
        }
    }

    fn relay_effects(&mut self, effects: Vec<relay::Effect>) {
        assert!(effects.len() <= EFFECTS_MAX, "{} effects", effects.len());
        for effect in effects {
            match effect {
                relay::Effect::Send {
                    connections, frame, ..
                } => {
                    check_frame(&frame);
                    for index in 0..self.nodes.len() {
                        let connection = self.nodes[index].connection;
                        if connection.is_some_and(|connection| connections.contains(&connection)) {
                            self.enqueue_node(index, node::Event::Frame(frame.to_vec()));
                        }
                    }
                }
                relay::Effect::Close { connection, .. } => {
                    let of_node = (0..self.nodes.len())
                        .find(|&index| self.nodes[index].connection == Some(connection));
                    match of_node {
                        Some(index) => self.disconnect(index),
                        None => self.enqueue_relay(relay::Event::Closed { connection }),
                    }
                }
                relay::Effect::Write(id, writes) => {
                    self.relay_store.write(&writes);
                    self.enqueue_relay(relay::Event::Written(id));
                }
                relay::Effect::Load(id, query) => {
                    let rows = self.relay_store.read(&query);
                    self.enqueue_relay(relay::Event::Loaded(id, rows));
                }
                relay::Effect::Report(relay::Report::Decided { height }) => {
                    self.relay_finals.decided(height);
                }
                relay::Effect::WakeAt(_)
                | relay::Effect::Administered(..)
                | relay::Effect::Admitted(..)
                | relay::Effect::Answer(..)
                | relay::Effect::Report(_) => {}
            }
        }
    }
}

impl Member {
    /// The nonce of what the node mines now.
    pub(crate) fn nonce(&self) -> Option<node::Event> {
        let work = self.work.as_ref()?;
        let target = Target::from_compact(work.header.bits).ok()?;
        let nonce = (0..10_000).find(|&nonce| {
            let header = Header {
                nonce,
                ..work.header.clone()
            };
            target.is_met_by(&header.hash())
        })?;
        Some(node::Event::NonceFound {
            work: work.work,
            version: work.header.version,
            nonce,
        })
    }

    fn check(&mut self) {
        let view = self.node.view();
        assert!(view.rejections.len() <= REJECTIONS_KEPT_MAX);
        assert!(view.convicted.len() <= EVIDENCE_MAX + 1);
        if let Some(replica) = self.node.replica() {
            assert!(replica.mempool().len() <= PENDING_MAX);
            self.finals.check(replica.chain());
        }
    }
}

/// What was final once.
#[derive(Debug, Default)]
struct Finals {
    height: u64,
    blocks: BTreeMap<u64, BlockHash>,
}

impl Finals {
    fn decided(&mut self, height: u64) {
        assert!(
            height > self.height,
            "decision {height} after {}",
            self.height
        );
        self.height = height;
    }

    fn check(&mut self, chain: &Chain) {
        let height = chain.final_height();
        assert!(
            height >= self.height,
            "final height {height} after {}",
            self.height
        );
        self.height = height;
        for (height, hash) in &self.blocks {
            assert_eq!(
                chain.hash_at(*height),
                Some(*hash),
                "a final block was left"
            );
        }
        if let Some(hash) = chain.hash_at(height) {
            self.blocks.insert(height, hash);
        }
    }
}

/// What is sent is a message, and fits.
fn check_frame(frame: &[u8]) {
    assert!(
        frame.len() <= FRAME_BYTES_MAX,
        "a frame of {} bytes",
        frame.len()
    );
    let message = Message::from_frame(frame);
    assert!(message.is_ok(), "{message:?}");
}
