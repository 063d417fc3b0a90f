//! One run is the same, event by event, natively and as WebAssembly.
//!
//! The file beside this one has the hash of everything that happens in it. Where the node or the
//! protocol was changed on purpose it changes too: the test says what to write there.
#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use sim::{Plan, Scenario, Watch, run};

const COMMITTED: &str = include_str!("trace.sha256");

#[test]
fn a_trace_is_the_same_natively_and_as_wasm() {
    let mut plan = Plan::in_scenario(Scenario::General, 5);
    plan.faults_ms = 60_000;
    plan.steps.retain(|step| step.at_ms < 60_000);
    let watch = Watch {
        is_hashed: true,
        ..Watch::default()
    };
    let outcome = run(&plan, watch);
    assert_eq!(outcome.violation, None);
    let hash = outcome.trace_hash.unwrap();
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        COMMITTED.trim(),
        hash,
        "if node or protocol were changed on purpose, write this hash into sim/tests/trace.sha256; \
         otherwise something depends on the platform or on chance"
    );
}
