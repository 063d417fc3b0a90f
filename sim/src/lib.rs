//! A simulator that can refute the node and the relay's core: many of them in one thread, on
//! virtual time, under faults, all drawn from one seed. The same seed fails again at the same step.
//!
//! Read [`scenario`](Scenario) for what happens, `world` for how, `invariants` for what must hold,
//! and `adversary` for the lies. `naive` is the ledger once more, as plainly as it can be written.
#![forbid(unsafe_code)]

mod adversary;
mod chance;
mod deed;
mod digest;
mod disk;
mod invariants;
mod met;
mod naive;
mod run;
mod scenario;
mod shrink;
mod world;

pub use adversary::Lie;
pub use deed::{Deed, Expected};
pub use invariants::Violation;
pub use met::Met;
pub use run::{Outcome, Watch, run};
pub use scenario::{Plan, Proof, Scenario, Step, UnknownScenario};
pub use shrink::shrink;
