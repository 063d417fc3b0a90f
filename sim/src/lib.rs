//! A simulator that can refute the node and the relay's core: many of them in one thread, on
//! virtual time, under faults, all drawn from one seed. The same seed fails again at the same step.
#![forbid(unsafe_code)]

mod disk;
mod invariants;
mod scenario;
mod world;

pub use invariants::Violation;
pub use scenario::run;

/// What a run met, to show that it was worth running.
#[derive(Clone, Debug, Default)]
pub struct Met {
    /// Events handled.
    pub steps: u64,
    /// Blocks mined.
    pub blocks: u64,
    /// Reorganisations, over all nodes.
    pub reorganisations: u64,
    /// Decisions logged.
    pub decisions: u64,
    /// Rosters replaced by the relay.
    pub forced_changes: u64,
    /// Nodes crashed with the loss of what was not durable.
    pub crashes: u64,
    /// Relays crashed likewise.
    pub relay_crashes: u64,
    /// Connections cut.
    pub cuts: u64,
    /// Tabs frozen.
    pub freezes: u64,
    /// Transactions acknowledged by the relay.
    pub acknowledged: u64,
}

impl Met {
    /// Adds what another run met.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.blocks += other.blocks;
        self.reorganisations += other.reorganisations;
        self.decisions += other.decisions;
        self.forced_changes += other.forced_changes;
        self.crashes += other.crashes;
        self.relay_crashes += other.relay_crashes;
        self.cuts += other.cuts;
        self.freezes += other.freezes;
        self.acknowledged += other.acknowledged;
    }
}

impl core::fmt::Display for Met {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "{} steps, {} blocks, {} reorganisations, {} decisions, {} forced changes, {} crashes, \
             {} relay crashes, {} cuts, {} freezes, {} transactions acknowledged",
            self.steps,
            self.blocks,
            self.reorganisations,
            self.decisions,
            self.forced_changes,
            self.crashes,
            self.relay_crashes,
            self.cuts,
            self.freezes,
            self.acknowledged
        )
    }
}
