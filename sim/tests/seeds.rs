//! Seeds that failed once stay here, beside a few that never did; `cargo xtask sim` runs many more.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is wrong"
)]

/// What each of these found is in the history of this file.
const FAILED_ONCE: [u64; 10] = [7, 82, 94, 127, 1018, 1022, 1030, 3050, 3077, 3112];

#[test]
fn seeds_that_failed_once_pass() {
    for seed in FAILED_ONCE {
        let result = sim::run(seed, false);
        assert!(result.is_ok(), "seed {seed}: {result:?}");
    }
}

#[test]
fn the_first_seeds_pass_and_meet_every_kind_of_fault() {
    let mut met = sim::Met::default();
    for seed in 0..12 {
        match sim::run(seed, false) {
            Ok(one) => met.add(&one),
            Err(violation) => panic!("seed {seed}: {violation}"),
        }
    }
    let faults = [
        met.reorganisations,
        met.forced_changes,
        met.crashes,
        met.relay_crashes,
        met.cuts,
        met.freezes,
    ];
    assert!(faults.iter().all(|&count| count > 0), "{met}");
}

#[test]
fn a_seed_always_takes_the_same_steps() {
    let steps = |seed| sim::run(seed, false).map(|met| met.steps);
    assert_eq!(steps(3), steps(3));
}
