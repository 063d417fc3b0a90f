//! One run: the plan's deeds, then peace, then the account.

use shared::node::interface::{Command, Connection};

use crate::deed::Deed;
use crate::invariants::{Broken, Invariants, Violation, not_settled};
use crate::met::Met;
use crate::scenario::Plan;
use crate::world::{START_MS, World};

/// How often it is asked whether peace has come.
const POLL_MS: u64 = 20_000;
/// How long mining goes on at least after the last fault.
const PEACE_MIN_MS: u64 = 60_000;
/// How long it takes at most until everybody has heard of the last block.
const REST_MS: u64 = 60_000;

/// Receipts that every node is asked for in the end: the same of all nodes.
const RECEIPTS_AT_END: u64 = 4;

/// How a run is watched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    /// Print what happens.
    pub is_traced: bool,
    /// Hash everything that happens.
    pub is_hashed: bool,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What it met.
    pub met: Met,
    /// What was broken, if anything was.
    pub violation: Option<Violation>,
    /// The hash of everything that happened, where it was asked for.
    pub trace_hash: Option<[u8; 32]>,
}

/// Runs a plan.
#[must_use]
pub fn run(plan: &Plan, watch: Watch) -> Outcome {
    let mut run = Run::new(plan, watch);
    let violation = run.carry_out(plan).err().map(|(promise, what)| Violation {
        step: run.world.met.count("steps"),
        at_ms: run.world.now_ms - START_MS,
        promise,
        what,
    });
    let acknowledged = run.invariants.acknowledged();
    let mut met = run.world.met;
    met.note_many(
        "transactions acknowledged",
        u64::try_from(acknowledged).unwrap_or(u64::MAX),
    );
    met.note_many("reorganisations", run.reorganisations);
    Outcome {
        met,
        violation,
        trace_hash: run.world.digest.map(crate::digest::Digest::finish),
    }
}

struct Run {
    world: World,
    invariants: Invariants,
    reorganisations: u64,
}

impl Run {
    fn new(plan: &Plan, watch: Watch) -> Self {
        let mut world = World::new(plan, watch.is_traced);
        world.digest = watch.is_hashed.then(Default::default);
        for node in 0..plan.nodes {
            let index = world.add_node();
            if node < plan.liars {
                world.make_liar(index);
            }
        }
        Self {
            invariants: Invariants::new(&world.network),
            world,
            reorganisations: 0,
        }
    }

    fn carry_out(&mut self, plan: &Plan) -> Result<(), Broken> {
        for step in &plan.steps {
            self.pass(START_MS + step.at_ms)?;
            step.deed.perform(&mut self.world, &mut self.invariants);
        }
        self.pass(START_MS + plan.faults_ms)?;
        self.heal();
        let peace_from_ms = self.world.now_ms;
        let decided = self.highest_decision();
        self.pass(peace_from_ms + PEACE_MIN_MS)?;
        while let Some(lacking) = self.invariants.unsettled(&self.world, decided) {
            if self.world.now_ms > peace_from_ms + plan.peace_max_ms {
                self.world.trace_votes();
                return Err(not_settled(lacking));
            }
            self.pass(self.world.now_ms + POLL_MS)?;
            self.press_buttons();
        }
        for node in 0..self.world.nodes.len() {
            self.world.command(node, Command::StopMining);
            for chance in 0..RECEIPTS_AT_END {
                let receipt = Deed::Receipt { node, chance };
                receipt.perform(&mut self.world, &mut self.invariants);
            }
        }
        self.pass(self.world.now_ms + REST_MS)?;
        for index in 0..self.world.nodes.len() {
            if let Some(node) = self.world.honest(index) {
                self.reorganisations += node.view().chain.reorganisations;
            }
        }
        self.invariants.check_end(&self.world)
    }

    /// Lets time pass, and checks after each step.
    fn pass(&mut self, until_ms: u64) -> Result<(), Broken> {
        while let Some(concerned) = self.world.step(until_ms) {
            self.invariants.after_step(&mut self.world, concerned)?;
        }
        self.world.now_ms = self.world.now_ms.max(until_ms);
        Ok(())
    }

    /// Faults are over: links and machines work, and users open what was closed.
    fn heal(&mut self) {
        self.world.trace(|| "faults are over".to_owned());
        for relay in 0..self.world.relays.len() {
            self.world.start_relay(relay);
        }
        self.world.close_older_clones();
        for index in 0..self.world.nodes.len() {
            self.world.heal_node(index);
            Deed::Mine { node: index }.perform(&mut self.world, &mut self.invariants);
        }
        self.press_buttons();
    }

    /// Users do what a page that was refused asks them to do.
    fn press_buttons(&mut self) {
        for index in 0..self.world.nodes.len() {
            let Some(node) = self
                .world
                .nodes
                .get(index)
                .and_then(|sim| sim.node.as_ref())
            else {
                continue;
            };
            let Connection::Refused(error) = node.view().connection else {
                continue;
            };
            let is_damaged = node.replica().is_none();
            let has_failed = error.code == shared::message::ErrorCode::Unavailable;
            if error.code == shared::message::ErrorCode::Invitation {
                self.world.show_invitation(index, true);
            } else if is_damaged && has_failed {
                self.world.command(index, Command::StartAfresh);
            } else if has_failed {
                self.world.crash_node(index);
                self.world.start_node(index);
                self.world
                    .command(index, Command::StartMining { once: false });
            } else {
                self.world.command(index, Command::Reconnect);
            }
        }
    }

    fn highest_decision(&self) -> u64 {
        let relay = self.world.relays.first().and_then(|sim| sim.core.as_ref());
        relay.map_or(0, |core| core.log().last().height)
    }
}
