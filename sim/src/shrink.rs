//! Makes a failing plan small: leaves deeds out as long as the same promise is broken.

use crate::invariants::Violation;
use crate::run::{Watch, run};
use crate::scenario::Plan;

/// Runs that shrinking may take.
const RUNS_MAX: usize = 600;

/// A plan with fewer deeds that breaks the same promise, and how it does. This is ddmin (Zeller,
/// Hildebrandt 2002) without its second half: only complements are tried, since a run with few
/// deeds hardly ever fails.
#[must_use]
pub fn shrink(plan: &Plan, violation: Violation) -> (Plan, Violation) {
    let mut smallest = (plan.clone(), violation);
    let failed_at_ms = smallest.1.at_ms;
    smallest.0.steps.retain(|step| step.at_ms <= failed_at_ms);
    let mut runs = 0;
    let mut pieces = 2;
    while runs < RUNS_MAX && smallest.0.steps.len() > 1 {
        let size = smallest.0.steps.len().div_ceil(pieces);
        let mut has_shrunk = false;
        let mut start = 0;
        while start < smallest.0.steps.len() && runs < RUNS_MAX {
            let mut candidate = smallest.0.clone();
            let end = candidate.steps.len().min(start + size);
            candidate.steps.drain(start..end);
            runs += 1;
            match run(&candidate, Watch::default()).violation {
                Some(violation) if violation.promise == smallest.1.promise => {
                    smallest = (candidate, violation);
                    has_shrunk = true;
                }
                _ => start += size,
            }
        }
        if size == 1 && !has_shrunk {
            break;
        }
        pieces = (pieces * 2).min(smallest.0.steps.len().max(2));
    }
    smallest
}
