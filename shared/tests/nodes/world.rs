//! A relay and nodes in one thread, on virtual time, with stores in memory.

use std::collections::{BTreeMap, VecDeque};

use shared::block::Header;
use shared::difficulty::Target;
use shared::encoding::Text;
use shared::finality::{Ballot, Proposal, Vote};
use shared::keys::SecretKey;
use shared::message::Message;
use shared::network::{Admission, Consensus, NetworkParameters, Work};
use shared::node::Node;
use shared::node::interface::{self as node, Answer, Command, MiningWork, Profile, View};
use shared::relay::Relay;
use shared::relay::interface as relay;
use shared::store::{MemoryStore, Rows, Table};

pub(crate) struct TestNode {
    pub(crate) node: Node,
    pub(crate) store: MemoryStore,
    /// Of its secret key.
    seed: u8,
    /// Whether it means to stay, from its next start on.
    pub(crate) stays: bool,
    secret: SecretKey,
    pub(crate) connection: Option<u64>,
    pub(crate) work: Option<MiningWork>,
    wake_ms: Option<u64>,
    pub(crate) answers: BTreeMap<u64, Answer>,
    pub(crate) is_running: bool,
    /// What its connection does not carry to the relay.
    pub(crate) withholds: fn(&Message) -> bool,
    /// How often its store was read.
    pub(crate) reads: usize,
}

enum Event {
    ToRelay(relay::Event),
    ToNode(usize, node::Event),
}

pub(crate) struct World {
    /// Every vote that a node has handed to its connection.
    pub(crate) votes: Vec<Vote>,
    pub(crate) now_ms: u64,
    pub(crate) relay: Relay,
    pub(crate) relay_store: MemoryStore,
    relay_wake_ms: Option<u64>,
    relay_is_up: bool,
    pub(crate) nodes: Vec<TestNode>,
    queue: VecDeque<Event>,
    connections: u64,
    commands: u64,
    /// What became of acts of the administrator, and of transactions over REST.
    pub(crate) administered: BTreeMap<u64, Result<(), relay::InvitationError>>,
    pub(crate) admitted: BTreeMap<u64, shared::message::Admission>,
    /// What the relay's operator would be told.
    pub(crate) reports: Vec<relay::Report>,
}

pub(crate) fn network() -> NetworkParameters {
    let easy = Target::of_expected_hashes(4).to_compact();
    NetworkParameters {
        name: Text::new("test").unwrap(),
        consensus: Consensus::Work(Work {
            spacing_ms: 10_000,
            first_bits: easy,
            easiest_bits: easy,
        }),
        admission: Admission::Open,
        created_at_ms: 1_000_000,
        salt: [7; 16],
        relay: relay_secret().public_key(),
        block_reward: 50,
        transaction_work_bits: 0,
        state_bytes_per_account_max: 1 << 20,
        forced_changes_allowed: true,
    }
}

pub(crate) fn relay_secret() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

impl World {
    pub(crate) fn new(nodes: usize) -> Self {
        Self::of(network(), nodes)
    }

    pub(crate) fn of(network: NetworkParameters, nodes: usize) -> Self {
        let now_ms = 1_000_000;
        let (relay, effects) =
            Relay::new(relay_secret(), network, &Rows::default(), now_ms).unwrap();
        let mut world = Self {
            votes: Vec::new(),
            now_ms,
            relay,
            relay_store: MemoryStore::default(),
            relay_wake_ms: None,
            relay_is_up: true,
            nodes: Vec::new(),
            queue: VecDeque::new(),
            connections: 0,
            commands: 0,
            administered: BTreeMap::new(),
            admitted: BTreeMap::new(),
            reports: Vec::new(),
        };
        world.relay_effects(effects);
        for _ in 0..nodes {
            world.add_node();
        }
        world
    }

    pub(crate) fn add_node(&mut self) -> usize {
        let seed = u8::try_from(self.nodes.len()).unwrap() + 10;
        self.add(seed, MemoryStore::default(), true)
    }

    /// A node that does not mean to stay.
    pub(crate) fn add_visitor(&mut self) -> usize {
        let seed = u8::try_from(self.nodes.len()).unwrap() + 10;
        self.add(seed, MemoryStore::default(), false)
    }

    /// Another node with the key of this one, and a copy of what it has stored.
    pub(crate) fn clone_node(&mut self, index: usize) -> usize {
        let original = &self.nodes[index];
        self.add(original.seed, original.store.clone(), true)
    }

    fn add(&mut self, seed: u8, store: MemoryStore, stays: bool) -> usize {
        let index = self.nodes.len();
        let secret = SecretKey::from_seed(&[seed; 32]);
        let profile = profile(&secret, stays);
        let (node, effects) = Node::new(profile, &store.rows(), self.now_ms);
        self.nodes.push(TestNode {
            node,
            store,
            seed,
            stays,
            secret,
            connection: None,
            work: None,
            wake_ms: None,
            answers: BTreeMap::new(),
            is_running: true,
            withholds: |_| false,
            reads: 0,
        });
        self.node_effects(index, effects);
        index
    }

    /// The tab is closed: its memory is gone, its store stays.
    pub(crate) fn stop_node(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.is_running = false;
        node.wake_ms = None;
        node.work = None;
        if let Some(connection) = node.connection.take() {
            self.queue
                .push_back(Event::ToRelay(relay::Event::Closed { connection }));
        }
    }

    pub(crate) fn start_node(&mut self, index: usize) {
        let now_ms = self.now_ms;
        let node = &mut self.nodes[index];
        let profile = profile(&node.secret, node.stays);
        let (restarted, effects) = Node::new(profile, &node.store.rows(), now_ms);
        node.node = restarted;
        node.is_running = true;
        self.node_effects(index, effects);
    }

    /// The network eats what is sent to the relay, and nobody has noticed yet.
    pub(crate) fn lose_relay(&mut self) {
        self.relay_is_up = false;
        self.relay_wake_ms = None;
    }

    /// The relay's process dies: connections break, its store stays.
    pub(crate) fn kill_relay(&mut self) {
        self.relay_is_up = false;
        self.relay_wake_ms = None;
        self.queue
            .retain(|event| matches!(event, Event::ToNode(..)));
        for index in 0..self.nodes.len() {
            if self.nodes[index].connection.take().is_some() {
                self.queue.push_back(Event::ToNode(
                    index,
                    node::Event::Disconnected { chance: 1 },
                ));
            }
        }
    }

    pub(crate) fn start_relay(&mut self) {
        let rows = self.relay_store.rows();
        let network = self.relay.network().clone();
        let (relay, effects) = Relay::new(relay_secret(), network, &rows, self.now_ms).unwrap();
        self.relay = relay;
        self.relay_is_up = true;
        self.relay_effects(effects);
    }

    pub(crate) fn command(&mut self, index: usize, command: Command) -> u64 {
        self.commands += 1;
        let id = self.commands;
        self.queue
            .push_back(Event::ToNode(index, node::Event::Command(id, command)));
        id
    }

    /// Tells the relay of something that happened, and lets everything come to rest.
    pub(crate) fn tell_relay(&mut self, event: relay::Event) {
        self.queue.push_back(Event::ToRelay(event));
        self.settle();
    }

    /// Sends a frame over a node's connection that the node has not made.
    pub(crate) fn send(&mut self, index: usize, frame: Vec<u8>) {
        let connection = self.nodes[index].connection.expect("it is connected");
        self.queue
            .push_back(Event::ToRelay(relay::Event::Frame { connection, frame }));
    }

    /// The answer to a command, once everything has come to rest.
    pub(crate) fn ask(&mut self, index: usize, command: Command) -> Answer {
        let id = self.command(index, command);
        self.settle();
        self.nodes[index]
            .answers
            .remove(&id)
            .unwrap_or_else(|| panic!("no answer to command {id}"))
    }

    /// Delivers everything that is on its way, without any time passing.
    pub(crate) fn settle(&mut self) {
        let mut steps = 0;
        while let Some(event) = self.queue.pop_front() {
            steps += 1;
            assert!(steps < 200_000, "no rest");
            match event {
                Event::ToRelay(event) if self.relay_is_up => {
                    let effects = self.relay.handle(self.now_ms, event);
                    self.relay_effects(effects);
                }
                Event::ToNode(index, event) if self.nodes[index].is_running => {
                    let effects = self.nodes[index].node.handle(self.now_ms, event);
                    self.node_effects(index, effects);
                }
                _ => {}
            }
        }
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn pass(&mut self, span_ms: u64) {
        let end_ms = self.now_ms + span_ms;
        loop {
            self.settle();
            let next_node = (0..self.nodes.len())
                .filter_map(|index| Some((self.nodes[index].wake_ms?, Some(index))))
                .min();
            let next = next_node
                .into_iter()
                .chain(self.relay_wake_ms.map(|at_ms| (at_ms, None)))
                .min();
            let Some((at_ms, who)) = next.filter(|(at_ms, _)| *at_ms <= end_ms) else {
                self.now_ms = end_ms;
                return;
            };
            self.now_ms = self.now_ms.max(at_ms);
            match who {
                Some(index) => {
                    self.nodes[index].wake_ms = None;
                    self.queue
                        .push_back(Event::ToNode(index, node::Event::Wake));
                }
                None => {
                    self.relay_wake_ms = None;
                    self.queue.push_back(Event::ToRelay(relay::Event::Wake));
                }
            }
        }
    }

    /// Sets the clocks of all devices back. Timers that run do not care.
    pub(crate) fn set_clocks_back(&mut self, span_ms: u64) {
        self.now_ms -= span_ms;
        let nodes = self.nodes.iter_mut().map(|node| &mut node.wake_ms);
        for wake_ms in nodes.chain([&mut self.relay_wake_ms]).flatten() {
            *wake_ms -= span_ms;
        }
    }

    /// Finds a nonce for what a node mines now.
    pub(crate) fn find_block(&mut self, index: usize) {
        let work = self.work(index);
        let nonce = search(&work);
        let found = node::Event::NonceFound {
            work: work.work,
            version: work.header.version,
            nonce,
        };
        self.queue.push_back(Event::ToNode(index, found));
    }

    /// What a node mines.
    pub(crate) fn work(&self, index: usize) -> MiningWork {
        self.nodes[index].work.clone().expect("it mines")
    }

    /// A message to a node, behind the relay's back.
    pub(crate) fn tell(&mut self, index: usize, message: &Message) {
        self.tell_frame(index, message.to_frame());
    }

    /// Bytes to a node, behind the relay's back.
    pub(crate) fn tell_frame(&mut self, index: usize, frame: Vec<u8>) {
        let event = node::Event::Frame(frame);
        self.queue.push_back(Event::ToNode(index, event));
    }

    /// A node's page is no longer to be seen.
    pub(crate) fn hide(&mut self, index: usize) {
        let event = node::Event::Visible(false);
        self.queue.push_back(Event::ToNode(index, event));
        self.settle();
    }

    /// A vote with a node's key over its connection, behind the node's back.
    pub(crate) fn vote(&mut self, index: usize, ballot: Ballot) {
        let node = &self.nodes[index];
        let vote = Vote {
            ballot,
            voter: node.secret.public_key(),
            signature: node.secret.sign(&ballot.statement()),
        };
        self.send(index, Message::Vote(vote).to_frame());
    }

    /// A proposal with a node's key over its connection, behind the node's back.
    pub(crate) fn propose(&mut self, index: usize, mut proposal: Proposal) {
        let secret = &self.nodes[index].secret;
        proposal.proposer = secret.public_key();
        proposal.signature = secret.sign(&proposal.statement());
        self.send(index, Message::Proposal(Box::new(proposal)).to_frame());
    }

    /// When the relay wants to be woken.
    pub(crate) fn relay_wake_ms(&self) -> Option<u64> {
        self.relay_wake_ms
    }

    pub(crate) fn view(&self, index: usize) -> View {
        self.nodes[index].node.view()
    }

    /// Mines one block on a node and lets it spread.
    pub(crate) fn mine(&mut self, index: usize) {
        self.command(index, Command::StartMining { once: true });
        self.settle();
        self.pass(10_000);
        self.find_block(index);
        self.settle();
    }

    fn node_effects(&mut self, index: usize, effects: Vec<node::Effect>) {
        for effect in effects {
            let now_ms = self.now_ms;
            let node = &mut self.nodes[index];
            let event = match effect {
                node::Effect::Connect if self.relay_is_up => {
                    self.connections += 1;
                    let connection = self.connections;
                    node.connection = Some(connection);
                    let nonce = [u8::try_from(connection % 251).unwrap(); 32];
                    self.queue
                        .push_back(Event::ToRelay(relay::Event::Opened { connection, nonce }));
                    Some(node::Event::Connected { nonce })
                }
                node::Effect::Connect => Some(node::Event::Disconnected { chance: now_ms }),
                node::Effect::Disconnect => {
                    if let Some(connection) = node.connection.take() {
                        self.queue
                            .push_back(Event::ToRelay(relay::Event::Closed { connection }));
                    }
                    Some(node::Event::Disconnected { chance: now_ms })
                }
                node::Effect::Send(frame) => {
                    let message = Message::from_frame(&frame).unwrap();
                    let is_withheld = (node.withholds)(&message);
                    if let Message::Vote(vote) = message {
                        self.votes.push(vote);
                    }
                    if let Some(connection) = node.connection.filter(|_| !is_withheld) {
                        let event = relay::Event::Frame { connection, frame };
                        self.queue.push_back(Event::ToRelay(event));
                    }
                    None
                }
                node::Effect::Write(id, writes) => {
                    node.store.write(&writes);
                    Some(node::Event::Written(id))
                }
                node::Effect::Clear(id) => {
                    node.store.clear();
                    Some(node::Event::Written(id))
                }
                node::Effect::Load(id, query) => {
                    node.reads += 1;
                    Some(node::Event::Loaded(id, node.store.read(&query)))
                }
                node::Effect::Sign(id, statement) => {
                    Some(node::Event::Signed(id, node.secret.sign(&statement)))
                }
                node::Effect::Mine(work) => {
                    node.work = Some(work);
                    None
                }
                node::Effect::StopMining => {
                    node.work = None;
                    None
                }
                node::Effect::WakeAt(at_ms) => {
                    node.wake_ms = Some(at_ms);
                    None
                }
                node::Effect::Answer(id, answer) => {
                    node.answers.insert(id, answer);
                    None
                }
                node::Effect::ViewChanged => None,
            };
            if let Some(event) = event {
                self.queue.push_back(Event::ToNode(index, event));
            }
        }
    }

    fn relay_effects(&mut self, effects: Vec<relay::Effect>) {
        for effect in effects {
            match effect {
                relay::Effect::Send {
                    connections, frame, ..
                } => {
                    for connection in connections {
                        if let Some(index) = self.node_of(connection) {
                            let event = node::Event::Frame(frame.to_vec());
                            self.queue.push_back(Event::ToNode(index, event));
                        }
                    }
                }
                relay::Effect::Close { connection, .. } => {
                    if let Some(index) = self.node_of(connection) {
                        self.nodes[index].connection = None;
                        let event = node::Event::Disconnected { chance: 3 };
                        self.queue.push_back(Event::ToNode(index, event));
                    }
                    let event = relay::Event::Closed { connection };
                    self.queue.push_back(Event::ToRelay(event));
                }
                relay::Effect::Write(id, writes) => {
                    let durable = self.relay_store.table(Table::Log).count();
                    let shown = self.relay.view().chain.log_length;
                    assert!(shown <= durable as u64, "shown before it is durable");
                    self.relay_store.write(&writes);
                    self.queue
                        .push_back(Event::ToRelay(relay::Event::Written(id)));
                }
                relay::Effect::Load(id, query) => {
                    let rows = self.relay_store.read(&query);
                    self.queue
                        .push_back(Event::ToRelay(relay::Event::Loaded(id, rows)));
                }
                relay::Effect::WakeAt(at_ms) => self.relay_wake_ms = Some(at_ms),
                relay::Effect::Administered(id, result) => {
                    self.administered.insert(id, result);
                }
                relay::Effect::Admitted(id, admission) => {
                    self.admitted.insert(id, admission);
                }
                relay::Effect::Report(report) => self.reports.push(report),
                relay::Effect::Answer(..) => {}
            }
        }
    }

    fn node_of(&self, connection: u64) -> Option<usize> {
        self.nodes
            .iter()
            .position(|node| node.connection == Some(connection))
    }
}

fn profile(secret: &SecretKey, stays: bool) -> Profile<'static> {
    Profile {
        key: secret.public_key(),
        agent: "test",
        stays,
    }
}

pub(crate) fn search(work: &MiningWork) -> u64 {
    let target = Target::from_compact(work.header.bits).unwrap();
    (0..)
        .find(|&nonce| {
            let header = Header {
                nonce,
                ..work.header.clone()
            };
            target.is_met_by(&header.hash())
        })
        .unwrap()
}
