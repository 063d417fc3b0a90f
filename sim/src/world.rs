//! The simulated world: clocks, links, disks, miners, and the queue of what happens when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;
use shared::block::Header;
use shared::chain::Chain;
use shared::difficulty::Target;
use shared::encoding::Text;
use shared::keys::SecretKey;
use shared::network::{Admission, Consensus, NetworkParameters, Work};
use shared::node::Node;
use shared::node::interface::{self as node, Answer, MiningWork};
use shared::relay::Relay;
use shared::relay::interface as relay;
use shared::store::Rows;

use crate::Met;
use crate::disk::Disk;

/// Simulated hashes a second of one node: blocks need few real ones.
const HASHES_PER_SECOND: f64 = 1.0;
/// Time between blocks that the simulated network aims at.
const SPACING_MS: u64 = 10_000;

/// One node with everything around it.
#[derive(Debug)]
pub(crate) struct SimNode {
    pub(crate) node: Option<Node>,
    pub(crate) disk: Disk,
    secret: SecretKey,
    /// Counts lives and connections, so that what belongs to an earlier one is not delivered.
    life: u64,
    connection: Option<u64>,
    /// Its clock, less the true one.
    pub(crate) clock_ahead_ms: i64,
    /// Nothing reaches it before this time: its tab is frozen.
    pub(crate) frozen_until_ms: u64,
    /// It cannot connect before this time.
    pub(crate) cut_until_ms: u64,
    /// What it sends and receives is this slow at most.
    pub(crate) delay_max_ms: u64,
    last_up_ms: u64,
    last_down_ms: u64,
    /// The number of the wake-up that counts: a later one replaces it.
    wake: u64,
    pub(crate) answers: Vec<(u64, Answer)>,
}

#[derive(Clone, Debug)]
enum Action {
    ToRelay(u64, relay::Event),
    ToNode(usize, u64, node::Event),
    /// Over a connection: only as long as it is this one.
    Frame(usize, u64, Vec<u8>),
    RelayFlush(u64, u64),
    NodeFlush(usize, u64, u64),
    RelayWake(u64, u64),
    NodeWake(usize, u64, u64),
    Found(usize, u64, MiningWork),
}

#[derive(Debug)]
struct Timed {
    at_ms: u64,
    number: u64,
    action: Action,
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Timed {}
impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timed {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at_ms, self.number).cmp(&(other.at_ms, other.number))
    }
}

/// Nodes, the relay, and what lies between them.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) now_ms: u64,
    pub(crate) relay: Option<Relay>,
    relay_disk: Disk,
    relay_life: u64,
    relay_wake: u64,
    pub(crate) nodes: Vec<SimNode>,
    queue: BinaryHeap<Reverse<Timed>>,
    number: u64,
    connections: u64,
    wakes: u64,
    pub(crate) met: Met,
    is_traced: bool,
}

/// The network that is simulated.
pub(crate) fn network() -> NetworkParameters {
    let easy = Target::of_expected_hashes(2).to_compact();
    NetworkParameters {
        name: Text::truncated("simulated"),
        consensus: Consensus::Work(Work {
            spacing_ms: SPACING_MS,
            first_bits: Target::of_expected_hashes(4).to_compact(),
            easiest_bits: easy,
        }),
        admission: Admission::Open,
        created_at_ms: 1_700_000_000_000,
        salt: [5; 16],
        relay: relay_secret().public_key(),
        block_reward: 50,
        transaction_work_bits: 0,
        state_bytes_per_account_max: 1 << 20,
        forced_changes_allowed: true,
    }
}

fn relay_secret() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

impl World {
    pub(crate) fn new(seed: u64, is_traced: bool) -> Self {
        let mut world = Self {
            rng: Rng::with_seed(seed),
            now_ms: network().created_at_ms,
            relay: None,
            relay_disk: Disk::default(),
            relay_life: 0,
            relay_wake: 0,
            nodes: Vec::new(),
            queue: BinaryHeap::new(),
            number: 0,
            connections: 0,
            wakes: 0,
            met: Met::default(),
            is_traced,
        };
        world.start_relay();
        world
    }

    /// Handles what happens next, if it happens before `end_ms`. The node concerned, if one was.
    pub(crate) fn step(&mut self, end_ms: u64) -> Option<Option<usize>> {
        let next = self.queue.peek()?;
        if next.0.at_ms > end_ms {
            return None;
        }
        let Reverse(Timed { at_ms, action, .. }) = self.queue.pop()?;
        self.now_ms = self.now_ms.max(at_ms);
        self.met.steps += 1;
        Some(self.act(action))
    }

    pub(crate) fn trace(&self, what: impl FnOnce() -> String) {
        if self.is_traced {
            println!(
                "{:>9} ms  {}",
                self.now_ms - network().created_at_ms,
                what()
            );
        }
    }

    pub(crate) fn add_node(&mut self) -> usize {
        let index = self.nodes.len();
        let mut seed = [0; 32];
        self.rng.fill(&mut seed);
        self.nodes.push(SimNode {
            node: None,
            disk: Disk::default(),
            secret: SecretKey::from_seed(&seed),
            life: 0,
            connection: None,
            clock_ahead_ms: 0,
            frozen_until_ms: 0,
            cut_until_ms: 0,
            delay_max_ms: 50,
            last_up_ms: 0,
            last_down_ms: 0,
            wake: 0,
            answers: Vec::new(),
        });
        self.start_node(index);
        index
    }

    /// The tab opens, with what its disk holds.
    pub(crate) fn start_node(&mut self, index: usize) {
        let now_ms = self.clock(index);
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        let rows = sim.disk.rows();
        let (node, effects) = Node::new(sim.secret.public_key(), "sim", &rows, now_ms);
        sim.node = Some(node);
        sim.life += 1;
        self.trace(|| format!("node {index} starts"));
        self.node_effects(index, effects);
    }

    /// The tab dies; what was not durable is lost.
    pub(crate) fn crash_node(&mut self, index: usize) {
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        sim.node = None;
        sim.life += 1;
        sim.disk.crash();
        let connection = sim.connection.take();
        self.met.crashes += 1;
        self.trace(|| format!("node {index} crashes"));
        self.close_at_relay(connection);
    }

    /// The network of a node fails for a while.
    pub(crate) fn cut(&mut self, index: usize, span_ms: u64) {
        let until_ms = self.now_ms + span_ms;
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        sim.cut_until_ms = until_ms;
        let connection = sim.connection.take();
        self.met.cuts += 1;
        self.trace(|| format!("node {index} is cut off for {span_ms} ms"));
        self.close_at_relay(connection);
        if connection.is_some() {
            let chance = self.rng.u64(..);
            self.tell_node(index, 0, node::Event::Disconnected { chance });
        }
    }

    /// A tab stands still for a while, its socket open.
    pub(crate) fn freeze(&mut self, index: usize, span_ms: u64) {
        if let Some(sim) = self.nodes.get_mut(index) {
            sim.frozen_until_ms = self.now_ms + span_ms;
        }
        self.met.freezes += 1;
        self.trace(|| format!("node {index} freezes for {span_ms} ms"));
        self.tell_node(index, span_ms, node::Event::Woken);
    }

    pub(crate) fn start_relay(&mut self) {
        let rows = if self.relay_life == 0 {
            Rows::default()
        } else {
            self.relay_disk.rows()
        };
        self.relay_life += 1;
        match Relay::new(relay_secret(), network(), &rows, self.now_ms) {
            Ok((relay, effects)) => {
                self.relay = Some(relay);
                self.trace(|| "the relay starts".to_owned());
                self.relay_effects(effects);
            }
            Err(error) => self.trace(|| format!("the relay does not start: {error}")),
        }
    }

    /// The relay dies with what was not durable.
    pub(crate) fn crash_relay(&mut self) {
        self.relay = None;
        self.relay_life += 1;
        self.relay_disk.crash();
        self.met.relay_crashes += 1;
        self.trace(|| "the relay crashes".to_owned());
        for index in 0..self.nodes.len() {
            let was_connected = self
                .nodes
                .get_mut(index)
                .is_some_and(|sim| sim.connection.take().is_some());
            if was_connected {
                let chance = self.rng.u64(..);
                self.tell_node(index, 0, node::Event::Disconnected { chance });
            }
        }
    }

    /// The user of a node does something.
    pub(crate) fn command(&mut self, index: usize, command: node::Command) {
        self.number += 1;
        let id = self.number;
        self.tell_node(index, 0, node::Event::Command(id, command));
    }

    fn act(&mut self, action: Action) -> Option<usize> {
        match action {
            Action::ToRelay(life, event) if life == self.relay_life => self.relay_event(event),
            Action::RelayFlush(life, id)
                if life == self.relay_life && self.relay_disk.flush(id) =>
            {
                self.relay_event(relay::Event::Written(id));
            }
            Action::RelayWake(life, wake) if life == self.relay_life && wake == self.relay_wake => {
                self.relay_event(relay::Event::Wake);
            }
            Action::ToNode(index, life, event) => return self.node_event(index, life, event),
            Action::Frame(index, connection, frame) => {
                let sim = self.nodes.get(index)?;
                if sim.connection == Some(connection) {
                    return self.node_event(index, sim.life, node::Event::Frame(frame));
                }
            }
            Action::NodeFlush(index, life, id) => {
                let sim = self.nodes.get_mut(index)?;
                if sim.life == life && sim.disk.flush(id) {
                    return self.node_event(index, life, node::Event::Written(id));
                }
            }
            Action::NodeWake(index, life, wake) if self.nodes.get(index)?.wake == wake => {
                return self.node_event(index, life, node::Event::Wake);
            }
            Action::Found(index, life, work) => {
                let nonce = search(&work);
                let found = node::Event::NonceFound {
                    work: work.work,
                    nonce,
                };
                return self.node_event(index, life, found);
            }
            _ => {}
        }
        None
    }

    fn relay_event(&mut self, event: relay::Event) {
        let now_ms = self.now_ms;
        if let Some(relay) = &mut self.relay {
            let effects = relay.handle(now_ms, event);
            self.relay_effects(effects);
        }
    }

    fn node_event(&mut self, index: usize, life: u64, event: node::Event) -> Option<usize> {
        let now_ms = self.clock(index);
        let true_ms = self.now_ms;
        let sim = self.nodes.get_mut(index)?;
        if sim.life != life {
            return None;
        }
        if sim.frozen_until_ms > true_ms {
            let wait_ms = sim.frozen_until_ms - true_ms;
            self.schedule(wait_ms, Action::ToNode(index, life, event));
            return None;
        }
        let effects = sim.node.as_mut()?.handle(now_ms, event);
        self.node_effects(index, effects);
        Some(index)
    }

    fn node_effects(&mut self, index: usize, effects: Vec<node::Effect>) {
        for effect in effects {
            self.node_effect(index, effect);
        }
    }

    fn node_effect(&mut self, index: usize, effect: node::Effect) {
        let now_ms = self.now_ms;
        let is_reachable = self.relay.is_some();
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        let life = sim.life;
        match effect {
            node::Effect::Connect => {
                if !is_reachable || sim.cut_until_ms > now_ms {
                    let chance = self.rng.u64(..);
                    return self.tell_node(index, 20, node::Event::Disconnected { chance });
                }
                self.connections += 1;
                let connection = self.connections;
                sim.connection = Some(connection);
                let mut nonce = [0; 32];
                self.rng.fill(&mut nonce);
                self.up(index, relay::Event::Opened { connection, nonce });
                self.rng.fill(&mut nonce);
                self.tell_node(index, 1, node::Event::Connected { nonce });
            }
            node::Effect::Disconnect => {
                let connection = sim.connection.take();
                self.close_at_relay(connection);
                let chance = self.rng.u64(..);
                self.tell_node(index, 1, node::Event::Disconnected { chance });
            }
            node::Effect::Send(frame) => {
                if let Some(connection) = sim.connection {
                    self.up(index, relay::Event::Frame { connection, frame });
                }
            }
            node::Effect::Write(id, writes) => {
                sim.disk.write(id, writes);
                let delay_ms = self.rng.u64(1..20);
                self.flush_in_order(delay_ms, Action::NodeFlush(index, life, id));
            }
            node::Effect::Clear(id) => {
                sim.disk.clear();
                self.tell_node(index, 5, node::Event::Written(id));
            }
            node::Effect::Load(id, query) => {
                let rows = sim.disk.read(&query);
                let delay_ms = self.rng.u64(0..10);
                self.tell_node(index, delay_ms, node::Event::Loaded(id, rows));
            }
            node::Effect::Sign(id, statement) => {
                let signature = sim.secret.sign(&statement);
                let delay_ms = self.rng.u64(0..5);
                self.tell_node(index, delay_ms, node::Event::Signed(id, signature));
            }
            node::Effect::Mine(work) => {
                let expected_s = Chain::expected_hashes(work.header.bits) / HASHES_PER_SECOND;
                let delay_ms = exponential_ms(self.rng.f64(), expected_s);
                self.schedule(delay_ms, Action::Found(index, life, work));
            }
            node::Effect::WakeAt(at_ms) => {
                let ahead_ms = sim.clock_ahead_ms;
                let delay_ms = at_ms
                    .saturating_add_signed(-ahead_ms)
                    .saturating_sub(now_ms);
                self.wakes += 1;
                sim.wake = self.wakes;
                self.schedule(delay_ms, Action::NodeWake(index, life, self.wakes));
            }
            node::Effect::Answer(id, answer) => sim.answers.push((id, answer)),
            node::Effect::StopMining | node::Effect::ViewChanged => {}
        }
    }

    fn relay_effects(&mut self, effects: Vec<relay::Effect>) {
        for effect in effects {
            let life = self.relay_life;
            match effect {
                relay::Effect::Send { connections, frame } => {
                    for connection in connections {
                        self.down(connection, &frame);
                    }
                }
                relay::Effect::Close { connection, .. } => {
                    if let Some(index) = self.node_of(connection) {
                        if let Some(sim) = self.nodes.get_mut(index) {
                            sim.connection = None;
                        }
                        let chance = self.rng.u64(..);
                        self.tell_node(index, 60, node::Event::Disconnected { chance });
                    }
                    self.close_at_relay(Some(connection));
                }
                relay::Effect::Write(id, writes) => {
                    self.relay_disk.write(id, writes);
                    let delay_ms = self.rng.u64(1..20);
                    self.flush_in_order(delay_ms, Action::RelayFlush(life, id));
                }
                relay::Effect::Load(id, query) => {
                    let rows = self.relay_disk.read(&query);
                    self.schedule(1, Action::ToRelay(life, relay::Event::Loaded(id, rows)));
                }
                relay::Effect::WakeAt(at_ms) => {
                    self.relay_wake += 1;
                    let delay_ms = at_ms.saturating_sub(self.now_ms);
                    self.schedule(delay_ms, Action::RelayWake(life, self.relay_wake));
                }
                relay::Effect::Report(report) => self.reported(&report),
                relay::Effect::Answer(..)
                | relay::Effect::Admitted(..)
                | relay::Effect::Administered(..) => {}
            }
        }
    }

    fn reported(&mut self, report: &relay::Report) {
        match report {
            relay::Report::Block { .. } => self.met.blocks += 1,
            relay::Report::Decided { .. } => self.met.decisions += 1,
            relay::Report::Forced { .. } => self.met.forced_changes += 1,
            _ => {}
        }
        self.trace(|| format!("relay: {report:?}"));
    }

    /// From a node to the relay, in the order of sending.
    fn up(&mut self, index: usize, event: relay::Event) {
        let now_ms = self.now_ms;
        let life = self.relay_life;
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        let delay_ms = self.rng.u64(1..=sim.delay_max_ms);
        sim.last_up_ms = sim.last_up_ms.max(now_ms + delay_ms);
        let at_ms = sim.last_up_ms;
        self.schedule(at_ms - now_ms, Action::ToRelay(life, event));
    }

    /// From the relay to a node, in the order of sending.
    fn down(&mut self, connection: u64, frame: &[u8]) {
        let Some(index) = self.node_of(connection) else {
            return;
        };
        let now_ms = self.now_ms;
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        let delay_ms = self.rng.u64(1..=sim.delay_max_ms);
        sim.last_down_ms = sim
            .last_down_ms
            .max(now_ms + delay_ms)
            .max(sim.frozen_until_ms);
        let at_ms = sim.last_down_ms;
        let action = Action::Frame(index, connection, frame.to_vec());
        self.schedule(at_ms - now_ms, action);
    }

    fn close_at_relay(&mut self, connection: Option<u64>) {
        if let Some(connection) = connection {
            let action = Action::ToRelay(self.relay_life, relay::Event::Closed { connection });
            self.schedule(60, action);
        }
    }

    fn tell_node(&mut self, index: usize, delay_ms: u64, event: node::Event) {
        if let Some(sim) = self.nodes.get(index) {
            let action = Action::ToNode(index, sim.life, event);
            self.schedule(delay_ms, action);
        }
    }

    /// Batches become durable in the order of writing; a late one is tried again after the others.
    fn flush_in_order(&mut self, delay_ms: u64, action: Action) {
        self.schedule(delay_ms.max(20), action);
    }

    fn schedule(&mut self, delay_ms: u64, action: Action) {
        self.number += 1;
        self.queue.push(Reverse(Timed {
            at_ms: self.now_ms + delay_ms,
            number: self.number,
            action,
        }));
    }

    fn node_of(&self, connection: u64) -> Option<usize> {
        self.nodes
            .iter()
            .position(|sim| sim.connection == Some(connection))
    }

    fn clock(&self, index: usize) -> u64 {
        let ahead_ms = self.nodes.get(index).map_or(0, |sim| sim.clock_ahead_ms);
        self.now_ms.saturating_add_signed(ahead_ms)
    }
}

fn search(work: &MiningWork) -> u64 {
    let mut header = work.header.clone();
    let Ok(target) = Target::from_compact(header.bits) else {
        return 0;
    };
    while !target.is_met_by(&Header::hash(&header)) {
        header.nonce = header.nonce.wrapping_add(1);
    }
    header.nonce
}

/// The time until an event of this mean, for a uniform draw.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the product is positive and far below 2^53"
)]
fn exponential_ms(uniform: f64, mean_s: f64) -> u64 {
    (-(1.0 - uniform).ln() * mean_s * 1000.0).clamp(1.0, 1e9) as u64
}
