//! What lies between nodes and relay: connections as WebSockets over TCP give them.
//!
//! A connection delivers in order and once, or breaks; what was under way when it broke may be
//! lost. What an old connection still delivers may arrive after a new one has begun. A link can be
//! made *unruly*: it then repeats and reorders frames within a connection, which TCP does not do.
//! Only messages that state facts are treated so, those for which the protocol relies on no order;
//! and every connection is renewed before the nodes are expected to agree.

use shared::message::PROTOCOL_VERSION;
use shared::node::interface as node;
use shared::relay::interface as relay;

use super::{Action, Observation, World};

/// The messages that an unruly link repeats and reorders, by their number in the protocol:
/// `Transactions`, `Block`, `Headers`, `Bodies`, `Proposal`, `Vote`, `Certified`, `Log`.
const FACTS: [u8; 8] = [10, 12, 14, 16, 17, 18, 19, 20];

impl World {
    pub(super) fn connect(&mut self, index: usize) {
        let now_ms = self.now_ms;
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        let is_reachable = self
            .relays
            .get(sim.relay)
            .is_some_and(|relay| relay.core.is_some());
        if !is_reachable || sim.cut_until_ms > now_ms {
            let chance = sim.rng.u64(..);
            return self.tell_node(index, 20, node::Event::Disconnected { chance });
        }
        self.connections += 1;
        let connection = self.connections;
        sim.connection = Some(connection);
        let (mut nonce, mut own_nonce) = ([0; 32], [0; 32]);
        sim.rng.fill(&mut nonce);
        sim.rng.fill(&mut own_nonce);
        self.up(index, relay::Event::Opened { connection, nonce });
        self.tell_node(index, 1, node::Event::Connected { nonce: own_nonce });
    }

    /// The node hangs up.
    pub(super) fn disconnect(&mut self, index: usize) {
        self.hang_up(index);
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        let chance = sim.rng.u64(..);
        self.tell_node(index, 1, node::Event::Disconnected { chance });
    }

    /// The connection is no more. True where there was one.
    pub(super) fn hang_up(&mut self, index: usize) -> bool {
        let Some(sim) = self.nodes.get_mut(index) else {
            return false;
        };
        let relay = sim.relay;
        let Some(connection) = sim.connection.take() else {
            return false;
        };
        self.tell_relay(relay, 60, relay::Event::Closed { connection });
        true
    }

    /// A frame from a node to its relay.
    pub(crate) fn send_up(&mut self, index: usize, frame: Vec<u8>) {
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        let Some(connection) = sim.connection else {
            return;
        };
        if frame.len() > shared::limits::FRAME_BYTES_MAX && sim.liar.is_none() {
            self.observed.push(Observation::Oversized(frame.len()));
        }
        if sim.liar.is_none() {
            self.observe_report(&frame);
        }
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        let is_unruly = sim.unruly_until_ms > self.now_ms && states_a_fact(&frame);
        if is_unruly {
            let event = relay::Event::Frame { connection, frame };
            let (relay, life) = (sim.relay, self.relays.get(sim.relay).map_or(0, |r| r.life));
            let copies = 1 + sim.rng.u64(0..4) / 3;
            let delays: Vec<_> = (0..copies).map(|_| sim.rng.u64(1..3_000)).collect();
            for delay_ms in delays {
                self.schedule(delay_ms, Action::Up(relay, life, event.clone()));
            }
            self.met.note("unruly frames");
            return;
        }
        self.up(index, relay::Event::Frame { connection, frame });
    }

    /// From a node to its relay, in the order of sending.
    fn up(&mut self, index: usize, event: relay::Event) {
        let now_ms = self.now_ms;
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        let delay_ms = sim.rng.u64(1..=sim.delay_max_ms);
        sim.last_up_ms = sim.last_up_ms.max(now_ms + delay_ms);
        let (at_ms, relay) = (sim.last_up_ms, sim.relay);
        let life = self.relays.get(relay).map_or(0, |relay| relay.life);
        self.schedule(at_ms - now_ms, Action::Up(relay, life, event));
    }

    /// From a relay to a node, in the order of sending.
    pub(super) fn down(&mut self, connection: u64, frame: &[u8]) {
        let Some(index) = self.node_of(connection) else {
            return;
        };
        if frame.len() > shared::limits::FRAME_BYTES_MAX {
            self.observed.push(Observation::Oversized(frame.len()));
        }
        let now_ms = self.now_ms;
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        if sim.unruly_until_ms > now_ms && states_a_fact(frame) {
            let copies = 1 + sim.rng.u64(0..4) / 3;
            let delays: Vec<_> = (0..copies).map(|_| sim.rng.u64(1..3_000)).collect();
            for delay_ms in delays {
                let action = Action::Frame(index, connection, frame.to_vec());
                self.schedule(delay_ms, action);
            }
            self.met.note("unruly frames");
            return;
        }
        let delay_ms = sim.rng.u64(1..=sim.delay_max_ms);
        sim.last_down_ms = sim
            .last_down_ms
            .max(now_ms + delay_ms)
            .max(sim.frozen_until_ms);
        let at_ms = sim.last_down_ms;
        let action = Action::Frame(index, connection, frame.to_vec());
        self.schedule(at_ms - now_ms, action);
    }

    /// The relay ends a connection, after what it sent on it.
    pub(super) fn close_from_relay(&mut self, relay: usize, connection: u64) {
        if let Some(index) = self.node_of(connection) {
            let now_ms = self.now_ms;
            let Some(sim) = self.nodes.get_mut(index) else {
                return;
            };
            let chance = sim.rng.u64(..);
            // The last frames are read before the end is noticed.
            let delay_ms = sim.last_down_ms.saturating_sub(now_ms) + 1;
            let life = sim.life;
            let closed = Action::Closed(index, life, connection, chance);
            self.schedule(delay_ms, closed);
        }
        self.tell_relay(relay, 60, relay::Event::Closed { connection });
    }

    pub(super) fn node_of(&self, connection: u64) -> Option<usize> {
        self.nodes
            .iter()
            .position(|sim| sim.connection == Some(connection))
    }
}

fn states_a_fact(frame: &[u8]) -> bool {
    matches!(frame, [PROTOCOL_VERSION, number, ..] if FACTS.contains(number))
}
