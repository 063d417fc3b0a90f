//! A seed of every scenario, and plans that failed once; `cargo xtask sim` runs many more.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is wrong"
)]

use sim::{Met, Plan, Proof, Scenario, Watch, run, shrink};

/// What each of these found is in the history of this file.
const FAILED_ONCE: [(Scenario, u64); 6] = [
    (Scenario::Finality, 67),
    (Scenario::Small, 521),
    (Scenario::Small, 1016),
    (Scenario::Clocks, 536),
    (Scenario::Clocks, 1790),
    (Scenario::Unforced, 1558),
];

/// With proof of stake.
const FAILED_ONCE_STAKED: [(Scenario, u64); 3] = [
    (Scenario::Clocks, 20),
    (Scenario::Restores, 257),
    (Scenario::Finality, 613),
];

#[test]
fn plans_that_failed_once_pass() {
    let worked = FAILED_ONCE.map(|failed| (failed, Proof::Work));
    let staked = FAILED_ONCE_STAKED.map(|failed| (failed, Proof::Stake));
    for ((scenario, seed), proof) in worked.into_iter().chain(staked) {
        let plan = Plan::in_scenario(scenario, seed).with(proof);
        let outcome = run(&plan, Watch::default());
        assert_eq!(
            outcome.violation, None,
            "{scenario:?}, seed {seed}, {proof:?}"
        );
    }
}

#[test]
fn the_first_seeds_pass_and_meet_every_kind_of_trouble() {
    let mut met = Met::default();
    for seed in 0..Scenario::COUNT {
        let outcome = run(&Plan::of(seed), Watch::default());
        if let Some(violation) = outcome.violation {
            panic!("seed {seed}: {violation}");
        }
        met.add(&outcome.met);
    }
    for trouble in [
        "reorganisations",
        "forced changes",
        "crashes",
        "relay crashes",
        "cuts",
        "partitions",
        "unruly frames",
        "freezes",
        "departures of many",
        "newcomers",
        "swings of hash power",
        "restored nodes",
        "restored relays",
        "split relays",
        "votes in others' names",
        "forged blocks",
        "members that vote twice",
        "members that withhold",
        "edited blocks",
        "consistency checks",
        "receipts",
        "relay clocks set",
        "floods of headers",
        "branches without bodies",
        "floods of future blocks",
        "invitations shown",
        "revoked invitations",
    ] {
        assert!(met.count(trouble) > 0, "no {trouble} in: {met}");
    }
}

/// A promise that cannot hold stands for one that was broken: that all is settled in no time.
fn failing(seed: u64) -> Plan {
    let mut plan = Plan::of(seed);
    plan.faults_ms = 30_000;
    plan.steps.retain(|step| step.at_ms < 30_000);
    plan.peace_max_ms = 0;
    plan
}

#[test]
fn the_same_seed_fails_again_at_the_same_step() {
    let mut seeds = (0..).map(failing);
    let (plan, violation) = seeds
        .find_map(|plan| Some((plan.clone(), run(&plan, Watch::default()).violation?)))
        .unwrap();
    let again = run(&plan, Watch::default()).violation;
    assert_eq!(again, Some(violation));
}

#[test]
fn a_failing_plan_is_shrunk_to_what_it_takes() {
    let mut seeds = (0..).map(failing).filter(|plan| plan.steps.len() > 2);
    let (plan, violation) = seeds
        .find_map(|plan| Some((plan.clone(), run(&plan, Watch::default()).violation?)))
        .unwrap();
    let (smallest, shrunk) = shrink(&plan, violation.clone());
    assert!(smallest.steps.len() < plan.steps.len());
    assert_eq!(shrunk.promise, violation.promise);
    let again = run(&smallest, Watch::default()).violation;
    assert_eq!(again, Some(shrunk));
}

#[test]
fn the_first_seeds_pass_with_proof_of_stake() {
    let mut met = Met::default();
    for seed in 0..Scenario::COUNT {
        let plan = Plan::of(seed).with(Proof::Stake);
        let outcome = run(&plan, Watch::default());
        if let Some(violation) = outcome.violation {
            panic!("seed {seed}: {violation}");
        }
        met.add(&outcome.met);
    }
    assert!(met.count("reorganisations") > 0, "{met}");
}
