//! What is done to the world: the smallest parts of a run's plan, each complete in itself, so that
//! any of them can be left out when a failure is shrunk.

use shared::block::Body;
use shared::encoding::decode;
use shared::keys::PublicKey;
use shared::node::Node;
use shared::node::interface::{Command, Connection};
use shared::store::{Table, number_key};
use shared::transaction::{Action, Expect, Key, Value};

use crate::adversary::Lie;
use crate::invariants::Invariants;
use crate::world::World;

/// Of so many final blocks, the newest, receipts are asked for.
const RECEIPT_BLOCKS: u64 = 40;

/// One deed. Nodes are numbers; one that is not there, or does not run, is left alone.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "names and docs of the variants say it")]
pub enum Deed {
    /// A user writes a key.
    Put {
        node: usize,
        key: u32,
        value: u32,
        expect: Expected,
    },
    /// A user gives some of what the node has to another.
    Transfer {
        node: usize,
        to: usize,
        amount: u64,
    },
    /// Somebody outside writes over REST, valid for so many blocks.
    Submit {
        key: u32,
        valid_for: Option<u64>,
    },
    Mine {
        node: usize,
    },
    StopMining {
        node: usize,
    },
    /// All miners search at this rate, in virtual hashes a second.
    HashRate {
        hashes_per_second: u32,
    },
    /// One node's network fails.
    Cut {
        node: usize,
        span_ms: u64,
    },
    /// These nodes' networks fail together, and come back together.
    Partition {
        nodes: Vec<usize>,
        span_ms: u64,
    },
    /// A link repeats and reorders.
    Unruly {
        node: usize,
        span_ms: u64,
    },
    /// A link is slow.
    Slow {
        node: usize,
        delay_max_ms: u64,
    },
    /// A tab is frozen, its socket open.
    Freeze {
        node: usize,
        span_ms: u64,
    },
    /// A clock jumps.
    Clock {
        node: usize,
        ahead_ms: i64,
    },
    /// The relay's clock is set.
    RelayClock {
        ahead_ms: i64,
    },
    Crash {
        node: usize,
    },
    Start {
        node: usize,
    },
    /// These tabs are closed together, and opened again together.
    Leave {
        nodes: Vec<usize>,
        span_ms: u64,
    },
    /// A node's disk is full: no further batch is written until it starts again.
    FillDisk {
        node: usize,
    },
    BackUp {
        node: usize,
    },
    /// A node dies and is started from its last backup.
    Restore {
        node: usize,
    },
    /// Somebody new opens a tab.
    Join,
    /// A second machine gets a copy of key and disk.
    Clone {
        node: usize,
    },
    /// A user presses the button of a node that was refused.
    Reconnect {
        node: usize,
    },
    /// A user gives the replica up.
    StartAfresh {
        node: usize,
    },
    CrashRelay {
        relay: usize,
    },
    StartRelay {
        relay: usize,
    },
    /// It is killed and at once started again.
    RestartRelay {
        relay: usize,
    },
    BackUpRelay,
    RestoreRelay,
    /// The relay shows two views from now on, to these nodes the second.
    SplitRelay {
        nodes: Vec<usize>,
    },
    /// A node is shown the other view.
    ShowOtherView {
        node: usize,
    },
    Lie {
        node: usize,
        lie: Lie,
        chance: u64,
    },
    /// Somebody edits a stored block of a node.
    Tamper {
        node: usize,
        below_tip: u64,
    },
    /// A user asks for a consistency check.
    Check {
        node: usize,
    },
    /// A user asks for the receipt of one of the newest final transactions.
    Receipt {
        node: usize,
        chance: u64,
    },
    /// A user has the damaged blocks fetched anew.
    Repair {
        node: usize,
    },
    /// The administrator issues an invitation for so many keys.
    Invite {
        uses_max: u32,
    },
    /// The administrator revokes the newest invitation.
    Revoke,
    /// A user who is not let in shows the newest invitation, or the one that always holds.
    ShowInvitation {
        node: usize,
        is_standing: bool,
    },
}

/// What a write expects of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "names say it")]
pub enum Expected {
    Anything,
    Absent,
    /// What the node sees there.
    AsSeen,
}

impl Deed {
    /// Does it.
    pub(crate) fn perform(&self, world: &mut World, invariants: &mut Invariants) {
        world.trace(|| format!("deed: {self:?}"));
        match self {
            Self::Put {
                node,
                key,
                value,
                expect,
            } => put(world, *node, *key, *value, *expect),
            Self::Transfer { node, to, amount } => {
                if let Some(to) = key_of(world, *to) {
                    let amount = *amount;
                    world.command(*node, Command::Transfer { to, amount });
                }
            }
            Self::Submit { key, valid_for } => {
                let action = Action::Put {
                    key: Key::truncated(&format!("key {key}")),
                    value: Value::truncated("from outside"),
                    expect: Expect::Anything,
                };
                world.submit(action, *valid_for);
            }
            Self::Mine { node } => world.command(*node, Command::StartMining { once: false }),
            Self::StopMining { node } => world.command(*node, Command::StopMining),
            Self::HashRate { hashes_per_second } => {
                world.met.note("swings of hash power");
                for sim in &mut world.nodes {
                    sim.hashes_per_second = f64::from(*hashes_per_second);
                }
            }
            Self::Cut { node, span_ms } => world.cut(*node, *span_ms),
            Self::Partition { nodes, span_ms } => {
                world.met.note("partitions");
                for node in nodes {
                    world.cut(*node, *span_ms);
                }
            }
            Self::Freeze { node, span_ms } => world.freeze(*node, *span_ms),
            Self::RelayClock { ahead_ms } => world.set_relay_clocks(*ahead_ms),
            Self::Crash { node } => world.crash_node(*node),
            Self::Start { node } => world.start_node(*node),
            Self::Leave { nodes, span_ms } => {
                world.met.note("departures of many");
                for node in nodes {
                    world.crash_node(*node);
                    world.return_node(*node, *span_ms);
                }
            }
            Self::Join => {
                world.met.note("newcomers");
                world.add_node();
            }
            Self::Clone { node } => world.clone_node(*node),
            Self::Reconnect { node } => world.command(*node, Command::Reconnect),
            Self::StartAfresh { node } => {
                world.met.note("replicas given up");
                world.command(*node, Command::StartAfresh);
            }
            Self::CrashRelay { relay } => world.crash_relay(*relay),
            Self::StartRelay { relay } => world.start_relay(*relay),
            Self::RestartRelay { relay } => {
                world.crash_relay(*relay);
                world.start_relay(*relay);
            }
            Self::RestoreRelay => restore_relay(world, invariants),
            Self::SplitRelay { nodes } => {
                world.split_relay();
                invariants.relay_lies();
                for node in nodes {
                    world.move_node(*node, 1);
                }
            }
            Self::ShowOtherView { node } => {
                let relay = world.nodes.get(*node).map_or(0, |sim| sim.relay);
                world.move_node(*node, 1 - relay.min(1));
            }
            Self::Lie { node, lie, chance } => world.lie(*node, *lie, *chance),
            Self::Tamper { node, below_tip } => tamper(world, *node, *below_tip),
            Self::Check { node } => {
                world.met.note("consistency checks");
                world.command(*node, Command::CheckConsistency);
            }
            Self::Receipt { node, chance } => ask_receipt(world, *node, *chance),
            Self::Repair { node } => world.command(*node, Command::Repair),
            Self::Invite { uses_max } => world.invite(*uses_max),
            Self::Revoke => world.revoke(),
            Self::ShowInvitation { node, is_standing } => {
                world.show_invitation(*node, *is_standing);
            }
            other => other.perform_on_one(world),
        }
    }

    /// Deeds that change only how a node or its surroundings are.
    fn perform_on_one(&self, world: &mut World) {
        let now_ms = world.now_ms;
        if let Self::BackUpRelay = self {
            if let Some(sim) = world.relays.first_mut() {
                sim.disk.back_up();
            }
            return;
        }
        let (Self::Unruly { node, .. }
        | Self::Slow { node, .. }
        | Self::Clock { node, .. }
        | Self::FillDisk { node }
        | Self::BackUp { node }
        | Self::Restore { node }) = self
        else {
            return;
        };
        if let Self::Restore { .. } = self {
            return restore(world, *node);
        }
        let Some(sim) = world.nodes.get_mut(*node) else {
            return;
        };
        match self {
            Self::Unruly { span_ms, .. } => sim.unruly_until_ms = now_ms + span_ms,
            Self::Slow { delay_max_ms, .. } => sim.delay_max_ms = *delay_max_ms,
            Self::Clock { ahead_ms, .. } => sim.clock_ahead_ms = *ahead_ms,
            Self::FillDisk { .. } => {
                sim.is_disk_full = true;
                world.met.note("full disks");
            }
            _ => sim.disk.back_up(),
        }
    }
}

fn put(world: &mut World, node: usize, key: u32, value: u32, expect: Expected) {
    let key = Key::truncated(&format!("key {key}"));
    let seen = world.nodes.get(node).and_then(|sim| {
        sim.node
            .as_ref()?
            .replica()?
            .chain()
            .state()
            .key(&key)
            .cloned()
    });
    let expect = match (expect, seen) {
        (Expected::Anything, _) => Expect::Anything,
        (Expected::Absent, _) | (Expected::AsSeen, None) => Expect::Absent,
        (Expected::AsSeen, Some(entry)) => Expect::WrittenBy(entry.written_by),
    };
    let value = Value::truncated(&format!("value {value}"));
    world.command(node, Command::Put { key, value, expect });
}

fn restore(world: &mut World, node: usize) {
    world.crash_node(node);
    let is_restored = world.nodes.get_mut(node).is_some_and(|sim| {
        sim.has_older_self = true;
        sim.disk.restore()
    });
    if is_restored {
        world.met.note("restored nodes");
    }
    world.start_node(node);
}

/// The node is asked for what it has stored as final: so it must know a receipt.
fn ask_receipt(world: &mut World, node: usize, chance: u64) {
    let Some(replica) = world.honest(node).and_then(Node::replica) else {
        return;
    };
    let newest = replica.chain().final_height();
    let heights = (newest.saturating_sub(RECEIPT_BLOCKS)..=newest).rev();
    let Some(sim) = world.nodes.get(node) else {
        return;
    };
    let stored = heights.filter_map(|height| {
        let row = sim.disk.row(Table::Bodies, &number_key(height))?;
        decode::<Body>("body", row).ok()
    });
    let ids: Vec<_> = stored
        .flat_map(|body| body.transactions.into_vec())
        .map(|signed| signed.transaction.id())
        .collect();
    let place = usize::try_from(chance).unwrap_or(0) % ids.len().max(1);
    if let Some(id) = ids.get(place) {
        world.command(node, Command::Receipt { id: *id });
    }
}

fn restore_relay(world: &mut World, invariants: &mut Invariants) {
    world.crash_relay(0);
    let is_restored = world
        .relays
        .first_mut()
        .is_some_and(|sim| sim.disk.restore());
    if is_restored {
        world.met.note("restored relays");
        invariants.relay_set_back(world, 0);
    }
    world.start_relay(0);
}

/// Only what is final and stored is edited: that is what a check looks at.
fn tamper(world: &mut World, node: usize, below_tip: u64) {
    let Some(running) = world.honest(node) else {
        return;
    };
    let final_height = running
        .replica()
        .map_or(0, |replica| replica.chain().final_height());
    let is_joined = running.view().connection == Connection::Joined;
    let height = final_height.saturating_sub(below_tip);
    if height == 0 || !is_joined {
        return;
    }
    world.met.note("edited blocks");
    let now_ms = world.now_ms;
    if let Some(sim) = world.nodes.get_mut(node) {
        sim.tampered.insert(height, now_ms);
    }
    world.command(node, Command::Tamper { height });
}

fn key_of(world: &World, node: usize) -> Option<PublicKey> {
    world.nodes.get(node).map(|sim| sim.key)
}
