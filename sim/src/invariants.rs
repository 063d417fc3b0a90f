//! What must hold after every step, whatever happens, and what must hold once faults are over.
//!
//! Each promise is named by its sentence. What has not changed is not checked again. Promises that
//! need an honest relay (docs/threat-model.md) are not claimed while it lies, or after it has been
//! set back to an older backup; then others take their place: see [`RelayStanding`].

mod admission;
mod end;
mod evidence;
mod finality;
mod ledger;
mod progress;
mod receipts;
mod succession;
mod transactions;

use std::collections::BTreeMap;

use shared::finality::log::DecisionLog;
use shared::hash::BlockHash;
use shared::held::Held;
use shared::limits::{CHECK_TIMEOUT_MS, STARTUP_GRACE_MS};
use shared::message::CheckReport;
use shared::network::NetworkParameters;
use shared::node::interface::Connection;
use shared::replica::Replica;

use crate::world::{Concerned, Observation, World};
use admission::Admissions;
pub(crate) use end::not_settled;
use evidence::{Equivocators, produces_twice};
use finality::Finality;
use ledger::Ledger;
use progress::the_best_that_is_here_is_executed;
use receipts::Receipts;
use succession::Succession;
use transactions::Transactions;

/// Something that must never happen has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// After how many steps.
    pub step: u64,
    /// When, in milliseconds from the start.
    pub at_ms: u64,
    /// The promise that was broken.
    pub promise: &'static str,
    /// How.
    pub what: String,
}

impl core::fmt::Display for Violation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            step,
            at_ms,
            promise,
            what,
        } = self;
        write!(f, "step {step}, {at_ms} ms: broken: {promise}\n    {what}")
    }
}

const BOUNDS: &str = "memory and queues stay within docs/limits.md";

/// A broken promise and how.
pub(crate) type Broken = (&'static str, String);

/// Whose replica is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Node(usize),
    Relay(usize),
}

/// What can be expected of the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum RelayStanding {
    /// One log, kept on a durable store.
    #[default]
    Honest,
    /// It has been set back to an older backup: what only it keeps, the numbers of members and
    /// what it acknowledged, is lost.
    SetBack,
    /// It shows two views. Nodes need not agree, but fingerprints of their logs tell.
    Lying,
}

/// What has been seen so far.
#[derive(Debug)]
pub(crate) struct Invariants {
    pub(crate) relay: RelayStanding,
    ledger: Ledger,
    finality: Finality,
    transactions: Transactions,
    receipts: Receipts,
    succession: Succession,
    equivocators: Equivocators,
    admissions: Admissions,
    /// What was checked of each replica last, so that only news is checked.
    checked: BTreeMap<Who, News>,
}

type News = (u64, u64, BlockHash);

impl Invariants {
    pub(crate) fn new(network: &NetworkParameters) -> Self {
        Self {
            relay: RelayStanding::default(),
            ledger: Ledger::new(network),
            finality: Finality::new(network),
            transactions: Transactions::default(),
            receipts: Receipts::default(),
            succession: Succession::default(),
            equivocators: Equivocators::default(),
            admissions: Admissions::default(),
            checked: BTreeMap::new(),
        }
    }

    /// Checks what a step has changed.
    pub(crate) fn after_step(
        &mut self,
        world: &mut World,
        concerned: Concerned,
    ) -> Result<(), Broken> {
        for observation in core::mem::take(&mut world.observed) {
            self.observe(world, observation)?;
        }
        match concerned {
            Concerned::Node(index) => self.check_node(world, index),
            Concerned::Relay(relay) => self.check_relay(world, relay),
            Concerned::Nobody => Ok(()),
        }
    }

    /// The relay's store was set back: its log may be shorter now.
    pub(crate) fn relay_set_back(&mut self, world: &World, relay: usize) {
        if self.relay == RelayStanding::Honest {
            self.relay = RelayStanding::SetBack;
        }
        self.finality.truncate(world, relay);
        self.checked.remove(&Who::Relay(relay));
    }

    /// The relay shows two views from now on.
    pub(crate) fn relay_lies(&mut self) {
        self.relay = RelayStanding::Lying;
        self.finality.split();
    }

    /// How many transactions were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.transactions.acknowledged()
    }

    fn observe(&mut self, world: &mut World, observation: Observation) -> Result<(), Broken> {
        match observation {
            Observation::Signs {
                node,
                ballot,
                is_durable,
            } => {
                self.succession.signs(world, &ballot);
                self.finality.signs(world, node, &ballot, is_durable)
            }
            Observation::PassedOn { vote } => self.finality.passed_on(world, &vote),
            Observation::Received {
                relay,
                log_length,
                vote,
            } => self.equivocators.received(world, relay, log_length, &vote),
            Observation::SecondBlock { relay, key } => produces_twice(world, relay, &key),
            Observation::Convicted { key } => {
                self.equivocators.convicted(key);
                Ok(())
            }
            Observation::Joined { key } => {
                self.succession.joined(world, key);
                self.admissions.joined(world, key)
            }
            Observation::Logged { relay, entry } => {
                self.finality.logged(relay, &entry, self.relay)?;
                match self.relay {
                    RelayStanding::Honest => self.succession.logged(world, &entry),
                    RelayStanding::SetBack | RelayStanding::Lying => Ok(()),
                }
            }
            Observation::Evicted { up_ms } => nobody_is_evicted_while_finding_back(up_ms),
            Observation::Accused { node, why } => no_honest_node_is_accused(self.relay, node, &why),
            Observation::Started { node } => {
                self.checked.remove(&Who::Node(node));
                every_store_starts_again(world, node)
            }
            Observation::RelayRefused { why } => Err((
                "a store that a crash or a backup left starts again",
                format!("the relay's does not: {why}"),
            )),
            Observation::Admitted {
                id,
                sender,
                sequence,
                valid_until,
            } => {
                self.transactions.note(id, sender, sequence, valid_until);
                self.admissions.admitted(world, &sender)
            }
            Observation::Checked { report } => a_check_names_what_was_edited(world, &report),
            Observation::Receipt { node, id, answer } => {
                world.met.note("receipts");
                self.receipts.verify(world, node, id, &answer, self.relay)
            }
            Observation::Oversized(bytes) => {
                Err((BOUNDS, format!("a frame of {bytes} bytes was sent")))
            }
        }
    }

    fn check_node(&mut self, world: &World, index: usize) -> Result<(), Broken> {
        let Some(node) = world.honest(index) else {
            return Ok(());
        };
        let who = Who::Node(index);
        bounds_hold(who, node.held())?;
        let (Some(replica), Some(log)) = (node.replica(), node.log()) else {
            return Ok(());
        };
        self.transactions.note_acknowledged(node);
        the_best_that_is_here_is_executed(world, who, replica.chain())?;
        if !self.is_news(who, replica, log) {
            return Ok(());
        }
        self.check_replica(world, who, replica, log)?;
        Finality::no_honest_member_is_convicted(world, &node.view().convicted)?;
        if self.relay == RelayStanding::Honest {
            let members = node.view().members;
            self.transactions.numbers_are_never_reused(&members)?;
        }
        Ok(())
    }

    fn check_relay(&mut self, world: &World, relay: usize) -> Result<(), Broken> {
        let Some(core) = world.relays.get(relay).and_then(|sim| sim.core.as_ref()) else {
            return Ok(());
        };
        let (replica, log) = (core.replica(), core.log());
        let who = Who::Relay(relay);
        bounds_hold(who, core.held())?;
        the_best_that_is_here_is_executed(world, who, replica.chain())?;
        if !self.is_news(who, replica, log) {
            return Ok(());
        }
        self.check_replica(world, who, replica, log)?;
        Finality::no_honest_member_is_convicted(world, &core.view().convicted)?;
        if self.relay == RelayStanding::Honest {
            self.transactions
                .each_has_one_fate(replica, self.ledger.naive())?;
        }
        Ok(())
    }

    fn is_news(&mut self, who: Who, replica: &Replica, log: &DecisionLog) -> bool {
        let chain = replica.chain();
        let news = (chain.final_height(), log.length(), chain.tip().hash);
        self.checked.insert(who, news) != Some(news)
    }

    fn check_replica(
        &mut self,
        world: &World,
        who: Who,
        replica: &Replica,
        log: &DecisionLog,
    ) -> Result<(), Broken> {
        self.finality
            .only_the_logged_is_final(who, replica.chain(), log)?;
        self.finality
            .what_is_final_stays(who, replica.chain(), self.relay)?;
        self.finality
            .logs_are_prefixes(world, who, log, self.relay)?;
        self.ledger.is_that_of_a_naive_replay(world, who, replica)?;
        ledger::balances_are_rewards(who, replica.chain())?;
        ledger::blocks_and_bytes_are_bounded(who, replica)
    }
}

/// Memory and queues within docs/limits.md.
fn bounds_hold(who: Who, held: Vec<Held>) -> Result<(), Broken> {
    match held.into_iter().find(|held| !held.is_within()) {
        Some(held) => Err((BOUNDS, format!("{who:?} keeps {held:?}"))),
        None => Ok(()),
    }
}

/// After a relay's start its members are still finding their way back.
fn nobody_is_evicted_while_finding_back(up_ms: u64) -> Result<(), Broken> {
    if up_ms >= STARTUP_GRACE_MS {
        return Ok(());
    }
    Err((
        "nobody is evicted while members find back to a restarted relay",
        format!("a member was evicted {up_ms} ms after the relay's start"),
    ))
}

/// What honest nodes send holds, or crossed what made it old on its way: no relay says otherwise.
/// One that keeps two logs, or has lost part of its own, disagrees with what is decided.
fn no_honest_node_is_accused(relay: RelayStanding, node: usize, why: &str) -> Result<(), Broken> {
    let disagreements = [
        "a decision was refused",
        "the certified block contradicts",
        "a log entry was refused",
    ];
    let disagrees = disagreements
        .iter()
        .any(|beginning| why.starts_with(beginning));
    if disagrees && relay != RelayStanding::Honest {
        return Ok(());
    }
    Err((
        "no honest node is accused",
        format!("node {node} was told: {why}"),
    ))
}

fn every_store_starts_again(world: &World, index: usize) -> Result<(), Broken> {
    let is_tampered = world
        .nodes
        .get(index)
        .is_none_or(|sim| !sim.tampered.is_empty());
    let Some(node) = world.honest(index).filter(|_| !is_tampered) else {
        return Ok(());
    };
    match node.view().connection {
        Connection::Refused(error) => Err((
            "a store that a crash or a backup left starts again",
            format!("node {index}'s does not: {}", error.explanation),
        )),
        _ => Ok(()),
    }
}

/// A consistency check looks at stored bytes: whose were edited is named, or silent, and nobody
/// else is named.
fn a_check_names_what_was_edited(world: &World, report: &CheckReport) -> Result<(), Broken> {
    let Some(core) = world.relays.first().and_then(|sim| sim.core.as_ref()) else {
        return Ok(());
    };
    let before_ms = world.now_ms.saturating_sub(CHECK_TIMEOUT_MS);
    for member in core.view().members {
        let mut nodes = world.nodes.iter().enumerate();
        let Some((index, sim)) = nodes.find(|(_, sim)| sim.key == member.key) else {
            continue;
        };
        let edited = sim
            .tampered
            .range(..=report.height)
            .find(|(height, at_ms)| **at_ms < before_ms && ledger::is_damaged(sim, **height));
        let agrees = report.agree.contains(&member.id);
        let named = report.differ.iter().find(|(id, _)| *id == member.id);
        let wrong = match (edited, named) {
            (Some((height, _)), _) if agrees => {
                format!("node {index}'s block {height} was edited, and the check agrees with it")
            }
            (_, Some((_, height))) if !sim.tampered.contains_key(height) => {
                format!("node {index}'s block {height} was not edited, and the check names it")
            }
            _ => continue,
        };
        return Err(("a consistency check names what was edited", wrong));
    }
    Ok(())
}
