//! Clusters decide while all is well, never disagree under faults, and recover.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::cluster::{Cluster, Faults};

const FAULTY: Faults = Faults {
    lost: 150,
    repeated: 100,
    crash: 5,
    new_term: 3,
    forgetful: false,
};

/// Unoptimised wasm is slow, and what differs there needs few runs to show.
const SHARE: u64 = if cfg!(target_arch = "wasm32") { 4 } else { 1 };

#[test]
fn decides_in_the_first_term_when_all_is_well() {
    for members in [1, 2, 3, 4, 7] {
        for seed in 0..3 {
            let mut cluster = Cluster::new(members, 0, seed, Faults::default());
            assert!(cluster.decides(12), "{members} members, seed {seed}");
            assert_eq!(cluster.violation, None, "{members} members, seed {seed}");
            assert_eq!((cluster.term, cluster.forced_changes), (2, 0));
        }
    }
}

#[test]
fn agrees_under_faults_and_recovers() {
    let mut crashes = 0;
    let mut decisions = 0;
    for (members, seeds) in [(1, 4), (2, 4), (3, 4), (4, 12), (7, 4)] {
        for seed in 0..seeds / SHARE {
            let mut cluster = Cluster::new(members, 0, seed, FAULTY);
            run(&mut cluster, members, seed);
            crashes += cluster.crashes;
            decisions += cluster.log.last().instance;
        }
    }
    assert!(
        crashes > 100 / SHARE && decisions > 100 / SHARE,
        "{crashes} crashes, {decisions} decisions"
    );
}

#[test]
fn agrees_with_a_third_of_liars() {
    for (members, liars) in [(4, 1), (7, 2)] {
        for seed in 0..4 / SHARE {
            let faults = Faults {
                crash: 0,
                lost: 50,
                ..FAULTY
            };
            run(
                &mut Cluster::new(members, liars, seed, faults),
                members,
                seed,
            );
        }
    }
}

fn run(cluster: &mut Cluster, members: u8, seed: u64) {
    for _ in 0..3000 {
        cluster.step();
    }
    cluster.heal();
    let recovered = cluster.decides(4);
    assert_eq!(cluster.violation, None, "{members} members, seed {seed}");
    assert!(recovered, "{members} members, seed {seed}");
}

#[test]
fn a_roster_that_lost_too_many_is_replaced() {
    let mut cluster = Cluster::new(4, 0, 1, Faults::default());
    assert!(cluster.decides(3));
    cluster.remove(0);
    cluster.remove(2);
    assert!(cluster.decides(3));
    assert_eq!(
        (cluster.violation.take(), cluster.forced_changes),
        (None, 1)
    );
    assert_eq!(cluster.log.roster().members.len(), 2);
}

#[test]
fn a_forgotten_vote_is_noticed() {
    let faults = Faults {
        forgetful: true,
        crash: 20,
        ..FAULTY
    };
    let noticed = (0..20).any(|seed| {
        let mut cluster = Cluster::new(4, 0, seed, faults);
        (0..3000).any(|_| {
            cluster.step();
            cluster.violation.is_some()
        })
    });
    assert!(noticed);
}
