//! The simulated world: nodes, relays, clocks, and the queue of what happens when.
//!
//! Virtual time passes from one event to the next. Chance comes from one generator for each
//! node and relay, all of them drawn from the run's seed, so that what is left out of one node's
//! life moves as little as possible in the others'.

mod effects;
mod faults;
mod invitations;
mod links;
mod miners;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use fastrand::Rng;
use shared::difficulty::Target;
use shared::encoding::{List, Text};
use shared::finality::{Ballot, LogEntry, Vote};
use shared::hash::TransactionId;
use shared::keys::{PublicKey, SecretKey};
use shared::limits::STAKE_ACTIVE_SLOTS_LOG2;
use shared::message::CheckReport;
use shared::network::{Admission, Consensus, Holder, NetworkParameters, Stake, Work};
use shared::node::Node;
use shared::node::interface::{self as node, Answer, MiningWork};
use shared::relay::Relay;
use shared::relay::interface as relay;

use crate::adversary::Liar;
use crate::digest::Digest;
use crate::disk::Disk;
use crate::met::Met;
use crate::scenario::{Plan, Proof, Scenario};
use invitations::Invitations;

/// Time between blocks that the simulated network aims at.
pub(crate) const SPACING_MS: u64 = 10_000;
/// Slots of an epoch, where the proof is stake: many epochs pass in every run.
const EPOCH_SLOTS: u64 = 16;
/// When virtual time begins.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// One node with everything around it.
#[derive(Debug)]
pub(crate) struct SimNode {
    pub(crate) node: Option<Node>,
    pub(crate) disk: Disk,
    pub(crate) secret: SecretKey,
    pub(crate) key: PublicKey,
    /// What a lying member does beside what the node in it does; nothing in an honest one.
    pub(crate) liar: Option<Liar>,
    /// Which relay answers at the address that it knows.
    pub(crate) relay: usize,
    /// Its user has closed it for good.
    pub(crate) is_closed: bool,
    /// Counts lives, so that what belongs to an earlier one is not delivered.
    life: u64,
    pub(crate) connection: Option<u64>,
    /// Its clock, less the true one.
    pub(crate) clock_ahead_ms: i64,
    /// Nothing reaches it before this time: its tab is frozen.
    pub(crate) frozen_until_ms: u64,
    /// It cannot connect before this time.
    pub(crate) cut_until_ms: u64,
    /// Until this time its link repeats and reorders frames.
    pub(crate) unruly_until_ms: u64,
    /// What it sends and receives is this slow at most.
    pub(crate) delay_max_ms: u64,
    last_up_ms: u64,
    last_down_ms: u64,
    /// The number of the wake-up that counts: a later one replaces it.
    wake: u64,
    /// The work that counts, likewise.
    work: Option<u64>,
    /// Virtual hashes a second.
    pub(crate) hashes_per_second: f64,
    /// Whether its storage refuses every batch from now on, until it starts again.
    pub(crate) is_disk_full: bool,
    /// Whether another node or another disk may know more of its key's votes.
    pub(crate) has_older_self: bool,
    /// Heights of stored blocks that were edited behind its back, and when.
    pub(crate) tampered: BTreeMap<u64, u64>,
    rng: Rng,
}

/// A relay with everything around it.
#[derive(Debug)]
pub(crate) struct SimRelay {
    pub(crate) core: Option<Relay>,
    pub(crate) disk: Disk,
    life: u64,
    wake: u64,
    /// Its clock, less the true one.
    clock_ahead_ms: i64,
    pub(crate) started_ms: u64,
}

/// Something that the invariants want to know and that no state shows.
#[derive(Clone, Debug)]
pub(crate) enum Observation {
    /// An honest node has asked for its signature under a ballot.
    Signs {
        node: usize,
        ballot: Ballot,
        /// Whether a crash at this moment would leave it in the node's memory.
        is_durable: bool,
    },
    /// A relay has passed a vote on: others may count it now.
    PassedOn { vote: Box<Vote> },
    /// A relay has got a lying member's vote for the decision that is due.
    Received {
        relay: usize,
        log_length: u64,
        vote: Box<Vote>,
    },
    /// A relay has got a second block of a key for a slot.
    SecondBlock { relay: usize, key: PublicKey },
    /// Evidence against a key is durable in a relay's store.
    Convicted { key: PublicKey },
    /// A log entry is durable in a relay's store.
    Logged { relay: usize, entry: Box<LogEntry> },
    /// A member joined.
    Joined { key: PublicKey },
    /// A member was removed by a relay that had started this long before.
    Evicted { up_ms: u64 },
    /// A relay told an honest node that what it sent does not hold.
    Accused { node: usize, why: String },
    /// A node began a life.
    Started { node: usize },
    /// A relay could not begin one.
    RelayRefused { why: String },
    /// A transaction from outside was admitted.
    Admitted {
        id: TransactionId,
        sender: PublicKey,
        sequence: u64,
        valid_until: Option<u64>,
    },
    /// The leader of a check has reported.
    Checked { report: CheckReport },
    /// A node was asked for the receipt of a final transaction, and answered.
    Receipt {
        node: usize,
        id: TransactionId,
        answer: Answer,
    },
    /// A frame of this many bytes was sent.
    Oversized(usize),
}

#[derive(Clone, Debug)]
enum Action {
    ToRelay(usize, u64, relay::Event),
    /// From a node over a connection: what is under way is lost with a cut.
    Up(usize, u64, relay::Event),
    ToNode(usize, u64, node::Event),
    /// Over a connection: only as long as it is this one.
    Frame(usize, u64, Vec<u8>),
    RelayFlush(usize, u64, u64),
    NodeFlush(usize, u64, u64),
    RelayWake(usize, u64, u64),
    NodeWake(usize, u64, u64),
    Found(usize, u64, MiningWork),
    /// A relay has ended this connection, and the node notices.
    Closed(usize, u64, u64, u64),
    /// A tab is opened again.
    Return(usize, u64),
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

/// Whom a step concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Concerned {
    Node(usize),
    Relay(usize),
    Nobody,
}

/// Nodes, relays, and what lies between them.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) network: NetworkParameters,
    /// Keys of nodes that are still to come, where they had to be known before; the next one last.
    members: Vec<SecretKey>,
    pub(crate) now_ms: u64,
    pub(crate) relays: Vec<SimRelay>,
    pub(crate) nodes: Vec<SimNode>,
    pub(crate) observed: Vec<Observation>,
    pub(crate) met: Met,
    /// Somebody outside, who writes over REST.
    pub(crate) outsider: SecretKey,
    submissions: Vec<(u64, Observation)>,
    pub(crate) invitations: Invitations,
    /// Receipts that nodes were asked for, by the number of the command.
    receipts: BTreeMap<u64, TransactionId>,
    queue: BinaryHeap<Reverse<Timed>>,
    /// Connections whose frames under way are lost.
    severed: BTreeSet<u64>,
    number: u64,
    connections: u64,
    rng: Rng,
    pub(crate) digest: Option<Digest>,
    is_traced: bool,
}

/// The network that is simulated.
fn network(consensus: Consensus, scenario: Scenario) -> NetworkParameters {
    NetworkParameters {
        name: Text::truncated("simulated"),
        consensus,
        admission: match scenario {
            Scenario::Invited => Admission::InviteOnly,
            _ => Admission::Open,
        },
        created_at_ms: START_MS,
        salt: [5; 16],
        relay: relay_secret().public_key(),
        block_reward: 50,
        transaction_work_bits: 0,
        state_bytes_per_account_max: 200,
        forced_changes_allowed: scenario != Scenario::Unforced,
    }
}

fn work() -> Consensus {
    Consensus::Work(Work {
        spacing_ms: SPACING_MS,
        first_bits: Target::of_expected_hashes(4).to_compact(),
        easiest_bits: Target::of_expected_hashes(2).to_compact(),
    })
}

/// Proof of stake in which these keys hold the first stake, the last one the most.
fn stake(holders: &[SecretKey]) -> Consensus {
    let stakes = (3..).map(|share| share * 100);
    let mut holders: Vec<_> = holders
        .iter()
        .map(SecretKey::public_key)
        .zip(stakes)
        .map(|(key, stake)| Holder { key, stake })
        .collect();
    holders.sort_by_key(|holder| holder.key);
    Consensus::Stake(Stake {
        slot_ms: SPACING_MS >> STAKE_ACTIVE_SLOTS_LOG2,
        epoch_slots: EPOCH_SLOTS,
        holders: List::truncated(holders),
    })
}

pub(crate) fn relay_secret() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

impl World {
    pub(crate) fn new(plan: &Plan, is_traced: bool) -> Self {
        let mut rng = Rng::with_seed(plan.seed);
        let mut outsider = [0; 32];
        rng.fill(&mut outsider);
        let (consensus, members) = match plan.proof {
            Proof::Work => (work(), Vec::new()),
            Proof::Stake => {
                let members: Vec<_> = (0..plan.nodes).map(|_| secret(&mut rng)).collect();
                (stake(&members), members)
            }
        };
        let mut world = Self {
            network: network(consensus, plan.scenario),
            members: members.into_iter().rev().collect(),
            now_ms: START_MS,
            relays: Vec::new(),
            nodes: Vec::new(),
            observed: Vec::new(),
            met: Met::default(),
            outsider: SecretKey::from_seed(&outsider),
            submissions: Vec::new(),
            invitations: Invitations::default(),
            receipts: BTreeMap::new(),
            queue: BinaryHeap::new(),
            severed: BTreeSet::new(),
            number: 0,
            connections: 0,
            rng,
            digest: None,
            is_traced,
        };
        world.add_relay(Disk::default());
        if plan.scenario == Scenario::Invited {
            world.invite(u32::MAX);
        }
        world
    }

    /// Handles what happens next, if it happens before `end_ms`.
    pub(crate) fn step(&mut self, end_ms: u64) -> Option<Concerned> {
        let next = self.queue.peek()?;
        if next.0.at_ms > end_ms {
            return None;
        }
        let Reverse(Timed { at_ms, action, .. }) = self.queue.pop()?;
        self.now_ms = self.now_ms.max(at_ms);
        self.met.note("steps");
        if let Some(digest) = &mut self.digest {
            digest.add(at_ms, &action);
        }
        Some(self.act(action).unwrap_or(Concerned::Nobody))
    }

    pub(crate) fn trace(&self, what: impl FnOnce() -> String) {
        if self.is_traced {
            println!("{:>9} ms  {}", self.now_ms - START_MS, what());
        }
    }

    /// What every node has voted, to see why nothing is decided.
    pub(crate) fn trace_votes(&self) {
        for (index, sim) in self.nodes.iter().enumerate() {
            let voter = sim.node.as_ref().and_then(|node| node.voter());
            self.trace(|| format!("node {index}: {:?}", voter.map(|voter| voter.state())));
        }
    }

    /// A node of a new key.
    pub(crate) fn add_node(&mut self) -> usize {
        let member = self.members.pop();
        let secret = member.unwrap_or_else(|| secret(&mut self.rng));
        self.push_node(secret, Disk::default())
    }

    /// The user of a node does something.
    pub(crate) fn command(&mut self, index: usize, command: node::Command) {
        self.number += 1;
        let id = self.number;
        if let node::Command::Receipt { id: transaction } = &command {
            self.receipts.insert(id, *transaction);
        }
        self.tell_node(index, 0, node::Event::Command(id, command));
    }

    /// Whether a node is running, and honest.
    pub(crate) fn honest(&self, index: usize) -> Option<&Node> {
        let sim = self.nodes.get(index)?;
        sim.node.as_ref().filter(|_| sim.liar.is_none())
    }

    /// The keys of lying members.
    pub(crate) fn liars(&self) -> BTreeSet<PublicKey> {
        let lying = self.nodes.iter().filter(|sim| sim.liar.is_some());
        lying.map(|sim| sim.key).collect()
    }

    fn push_node(&mut self, secret: SecretKey, disk: Disk) -> usize {
        let index = self.nodes.len();
        self.nodes.push(SimNode {
            node: None,
            disk,
            key: secret.public_key(),
            secret,
            liar: None,
            relay: 0,
            is_closed: false,
            life: 0,
            connection: None,
            clock_ahead_ms: 0,
            frozen_until_ms: 0,
            cut_until_ms: 0,
            unruly_until_ms: 0,
            delay_max_ms: 50,
            last_up_ms: 0,
            last_down_ms: 0,
            wake: 0,
            work: None,
            hashes_per_second: 1.0,
            is_disk_full: false,
            has_older_self: false,
            tampered: BTreeMap::new(),
            rng: Rng::with_seed(self.rng.u64(..)),
        });
        self.start_node(index);
        index
    }

    fn add_relay(&mut self, disk: Disk) -> usize {
        let index = self.relays.len();
        self.relays.push(SimRelay {
            core: None,
            disk,
            life: 0,
            wake: 0,
            clock_ahead_ms: 0,
            started_ms: self.now_ms,
        });
        self.start_relay(index);
        index
    }

    fn act(&mut self, action: Action) -> Option<Concerned> {
        match action {
            Action::ToRelay(relay, life, event) if life == self.relays.get(relay)?.life => {
                return self.relay_event(relay, event);
            }
            Action::Up(relay, life, event) if life == self.relays.get(relay)?.life => {
                let is_lost = matches!(&event, relay::Event::Frame { connection, .. }
                    if self.severed.contains(connection));
                if !is_lost {
                    self.observe_received(relay, &event);
                    return self.relay_event(relay, event);
                }
            }
            Action::RelayFlush(relay, life, id) => return self.flush_relay(relay, life, id),
            Action::RelayWake(relay, life, wake) => {
                let sim = self.relays.get(relay)?;
                if sim.life == life && sim.wake == wake {
                    return self.relay_event(relay, relay::Event::Wake);
                }
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
                if sim.life == life && sim.disk.flush(id).is_some() {
                    return self.node_event(index, life, node::Event::Written(id));
                }
            }
            Action::NodeWake(index, life, wake) if self.nodes.get(index)?.wake == wake => {
                return self.node_event(index, life, node::Event::Wake);
            }
            Action::Found(index, life, work) if self.nodes.get(index)?.work == Some(work.work) => {
                let found = node::Event::NonceFound {
                    work: work.work,
                    version: work.header.version,
                    nonce: miners::search(work.header),
                };
                return self.node_event(index, life, found);
            }
            Action::Closed(index, life, connection, chance) => {
                let sim = self.nodes.get_mut(index)?;
                if sim.connection == Some(connection) {
                    sim.connection = None;
                    return self.node_event(index, life, node::Event::Disconnected { chance });
                }
            }
            Action::Return(index, life) if self.nodes.get(index)?.life == life => {
                self.start_node(index);
                return Some(Concerned::Node(index));
            }
            _ => {}
        }
        None
    }

    fn relay_event(&mut self, relay: usize, event: relay::Event) -> Option<Concerned> {
        let now_ms = self.relay_clock(relay);
        let core = self.relays.get_mut(relay)?.core.as_mut()?;
        let effects = core.handle(now_ms, event);
        self.relay_effects(relay, effects);
        Some(Concerned::Relay(relay))
    }

    fn node_event(&mut self, index: usize, life: u64, event: node::Event) -> Option<Concerned> {
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
        Some(Concerned::Node(index))
    }

    fn tell_node(&mut self, index: usize, delay_ms: u64, event: node::Event) {
        if let Some(sim) = self.nodes.get(index) {
            let action = Action::ToNode(index, sim.life, event);
            self.schedule(delay_ms, action);
        }
    }

    fn tell_relay(&mut self, relay: usize, delay_ms: u64, event: relay::Event) {
        if let Some(sim) = self.relays.get(relay) {
            let action = Action::ToRelay(relay, sim.life, event);
            self.schedule(delay_ms, action);
        }
    }

    fn schedule(&mut self, delay_ms: u64, action: Action) {
        self.number += 1;
        self.queue.push(Reverse(Timed {
            at_ms: self.now_ms + delay_ms,
            number: self.number,
            action,
        }));
    }

    fn relay_clock(&self, relay: usize) -> u64 {
        let ahead_ms = self.relays.get(relay).map_or(0, |sim| sim.clock_ahead_ms);
        self.now_ms.saturating_add_signed(ahead_ms)
    }

    fn clock(&self, index: usize) -> u64 {
        let ahead_ms = self.nodes.get(index).map_or(0, |sim| sim.clock_ahead_ms);
        self.now_ms.saturating_add_signed(ahead_ms)
    }
}

fn secret(rng: &mut Rng) -> SecretKey {
    let mut seed = [0; 32];
    rng.fill(&mut seed);
    SecretKey::from_seed(&seed)
}
