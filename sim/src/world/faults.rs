//! What can go wrong around nodes and relays.

use shared::node::Node;
use shared::node::interface as node;
use shared::relay::Relay;
use shared::relay::interface as relay;
use shared::store::Rows;
use shared::transaction::{Action as Change, SignedTransaction, Transaction};

use crate::adversary::{Liar, Lie};

use super::{Action, Observation, World, relay_secret};

impl World {
    /// The tab opens, with what its disk holds.
    pub(crate) fn start_node(&mut self, index: usize) {
        let now_ms = self.clock(index);
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        if sim.node.is_some() || sim.is_closed {
            return;
        }
        let rows = sim.disk.rows();
        let profile = node::Profile {
            key: sim.key,
            agent: "sim",
            stays: true,
        };
        let (node, effects) = Node::new(profile, &rows, now_ms);
        sim.node = Some(node);
        sim.life += 1;
        sim.is_disk_full = false;
        self.trace(|| format!("node {index} starts"));
        self.node_effects(index, effects);
        self.observed.push(Observation::Started { node: index });
    }

    /// The tab dies; what was not durable is lost.
    pub(crate) fn crash_node(&mut self, index: usize) {
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        if sim.node.take().is_none() {
            return;
        }
        sim.life += 1;
        sim.work = None;
        sim.disk.crash();
        self.met.note("crashes");
        self.trace(|| format!("node {index} crashes"));
        self.hang_up(index);
    }

    /// The tab is opened again after a while.
    pub(crate) fn return_node(&mut self, index: usize, after_ms: u64) {
        if let Some(sim) = self.nodes.get(index) {
            let action = Action::Return(index, sim.life);
            self.schedule(after_ms, action);
        }
    }

    /// The network of a node fails for a while, and what is under way is lost.
    pub(crate) fn cut(&mut self, index: usize, span_ms: u64) {
        let until_ms = self.now_ms + span_ms;
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        sim.cut_until_ms = sim.cut_until_ms.max(until_ms);
        self.severed.extend(sim.connection);
        let chance = sim.rng.u64(..);
        self.met.note("cuts");
        self.trace(|| format!("node {index} is cut off for {span_ms} ms"));
        if self.hang_up(index) {
            self.tell_node(index, 0, node::Event::Disconnected { chance });
        }
    }

    /// A tab stands still for a while, its socket open.
    pub(crate) fn freeze(&mut self, index: usize, span_ms: u64) {
        if let Some(sim) = self.nodes.get_mut(index) {
            sim.frozen_until_ms = self.now_ms + span_ms;
        }
        self.met.note("freezes");
        self.trace(|| format!("node {index} freezes for {span_ms} ms"));
        self.tell_node(index, span_ms, node::Event::Woken);
    }

    /// A second tab on a second machine, with a copy of the first one's key and disk.
    pub(crate) fn clone_node(&mut self, index: usize) {
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        let secret = shared::keys::SecretKey::from_seed(&sim.secret.to_seed());
        sim.has_older_self = true;
        let mut disk = sim.disk.clone();
        disk.crash();
        let (liar, tampered) = (sim.liar.clone(), sim.tampered.clone());
        self.met.note("clones");
        let copy = self.push_node(secret, disk);
        self.trace(|| format!("node {copy} is a clone of node {index}"));
        if let Some(sim) = self.nodes.get_mut(copy) {
            sim.liar = liar;
            sim.has_older_self = true;
            sim.tampered = tampered;
        }
    }

    /// The relay's clock is set, whichever view it shows.
    pub(crate) fn set_relay_clocks(&mut self, ahead_ms: i64) {
        for sim in &mut self.relays {
            sim.clock_ahead_ms = ahead_ms;
        }
        self.met.note("relay clocks set");
        self.trace(|| format!("the relay's clock is {ahead_ms} ms ahead"));
    }

    pub(crate) fn start_relay(&mut self, relay: usize) {
        let (now_ms, clock_ms) = (self.now_ms, self.relay_clock(relay));
        let Some(sim) = self.relays.get_mut(relay) else {
            return;
        };
        if sim.core.is_some() {
            return;
        }
        let rows: Rows = sim.disk.rows();
        sim.life += 1;
        sim.started_ms = now_ms;
        match Relay::new(relay_secret(), self.network.clone(), &rows, clock_ms) {
            Ok((core, effects)) => {
                sim.core = Some(core);
                self.trace(|| format!("relay {relay} starts"));
                self.relay_effects(relay, effects);
            }
            Err(error) => {
                let why = error.to_string();
                self.observed.push(Observation::RelayRefused { why });
            }
        }
    }

    /// A relay dies with what was not durable. So does one whose disk is full: its shell stops it.
    pub(crate) fn crash_relay(&mut self, relay: usize) {
        let Some(sim) = self.relays.get_mut(relay) else {
            return;
        };
        if sim.core.take().is_none() {
            return;
        }
        sim.life += 1;
        sim.disk.crash();
        self.met.note("relay crashes");
        self.trace(|| format!("relay {relay} crashes"));
        for index in 0..self.nodes.len() {
            let Some(sim) = self.nodes.get_mut(index).filter(|sim| sim.relay == relay) else {
                continue;
            };
            if sim.connection.take().is_some() {
                let chance = sim.rng.u64(..);
                self.tell_node(index, 0, node::Event::Disconnected { chance });
            }
        }
    }

    /// The relay begins to show two views: a second core, with the same key and the same past.
    pub(crate) fn split_relay(&mut self) {
        if self.relays.len() > 1 {
            return;
        }
        let Some(mut disk) = self.relays.first().map(|sim| sim.disk.clone()) else {
            return;
        };
        disk.crash();
        self.met.note("split relays");
        self.trace(|| "the relay shows two views".to_owned());
        self.add_relay(disk);
    }

    /// From now on a node reaches another relay at the address that it knows.
    pub(crate) fn move_node(&mut self, index: usize, relay: usize) {
        if relay >= self.relays.len() {
            return;
        }
        self.cut(index, 0);
        if let Some(sim) = self.nodes.get_mut(index) {
            sim.relay = relay;
        }
        self.trace(|| format!("node {index} is shown view {relay}"));
    }

    /// Somebody outside writes over REST, with a last height.
    pub(crate) fn submit(&mut self, action: Change, valid_for: Option<u64>) {
        let Some(core) = self.relays.first().and_then(|sim| sim.core.as_ref()) else {
            return;
        };
        let chain = core.replica().chain();
        let sender = self.outsider.public_key();
        let sequence = core
            .replica()
            .mempool()
            .next_sequence(&sender, chain.state());
        let transaction = Transaction {
            network: chain.network_id(),
            sender,
            sequence,
            valid_until: valid_for.map(|blocks| chain.height() + blocks),
            action,
            work: 0,
        };
        let signed = SignedTransaction {
            signature: self.outsider.sign(&transaction.statement()),
            transaction,
        };
        self.number += 1;
        let request = self.number;
        let admitted = Observation::Admitted {
            id: signed.transaction.id(),
            sender,
            sequence,
            valid_until: signed.transaction.valid_until,
        };
        self.submissions.push((request, admitted));
        self.tell_relay(0, 1, relay::Event::Submit(request, signed));
    }

    /// From now on a member can be told to lie.
    pub(crate) fn make_liar(&mut self, index: usize) {
        if let Some(sim) = self.nodes.get_mut(index) {
            sim.liar = Some(Liar::default());
        }
    }

    /// A member lies, if it is one that does.
    pub(crate) fn lie(&mut self, index: usize, lie: Lie, chance: u64) {
        let now_ms = self.now_ms;
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        let (Some(liar), Some(node)) = (&mut sim.liar, &sim.node) else {
            return;
        };
        let frames = liar.tell(lie, node, &sim.secret, now_ms, chance);
        self.met.note("lies");
        self.met.note(lie.kind());
        for frame in frames {
            self.send_up(index, frame);
        }
    }

    /// Of several machines with one key only the last goes on.
    pub(crate) fn close_older_clones(&mut self) {
        for index in 0..self.nodes.len() {
            let key = self.nodes.get(index).map(|sim| sim.key);
            let mut later = self.nodes.iter().skip(index + 1);
            if later.any(|sim| Some(sim.key) == key) {
                self.crash_node(index);
                if let Some(sim) = self.nodes.get_mut(index) {
                    sim.is_closed = true;
                }
            }
        }
    }

    /// Nothing stands in a node's way any more. Its connection is renewed, since what an unruly
    /// link has mixed up nobody repeats.
    pub(crate) fn heal_node(&mut self, index: usize) {
        let was_unruly = {
            let Some(sim) = self.nodes.get_mut(index) else {
                return;
            };
            sim.cut_until_ms = 0;
            sim.frozen_until_ms = sim.frozen_until_ms.min(self.now_ms);
            sim.delay_max_ms = 50;
            sim.hashes_per_second = 1.0;
            if let Some(liar) = &mut sim.liar {
                liar.repent();
            }
            core::mem::take(&mut sim.unruly_until_ms) > 0
        };
        if was_unruly {
            self.cut(index, 0);
        }
        self.start_node(index);
    }
}
