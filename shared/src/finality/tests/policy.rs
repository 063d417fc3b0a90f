//! When the relay loses its patience.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{network, roster_of, secrets, signed};
use crate::finality::Roster;
use crate::finality::log::DecisionLog;
use crate::finality::policy::{Facts, FinalityPolicy, Verdict};
use crate::finality::voter::PresentMember;
use crate::limits::{DEADLOCK_MS, FORCED_CHANGE_MS, LEADER_STALL_MS, REFUSED_TERM_MS};

const START_MS: u64 = 1_000_000;

fn present(roster: &Roster, synced: bool) -> Vec<PresentMember> {
    let members = roster.members.iter();
    members
        .map(|&key| PresentMember {
            key,
            synced,
            abstains: false,
            stays: true,
        })
        .collect()
}

fn log_with(roster: &Roster, forced_changes_allowed: bool) -> DecisionLog {
    let mut parameters = network();
    parameters.forced_changes_allowed = forced_changes_allowed;
    let mut log = DecisionLog::new(&parameters);
    let first = signed(log.record_forced(roster.clone(), 1).unwrap());
    log.append(&first).unwrap();
    log
}

fn facts<'a>(log: &'a DecisionLog, tip_height: u64, present: &'a [PresentMember]) -> Facts<'a> {
    Facts {
        log,
        tip_height,
        term: Some(1),
        present,
        nil_precommits: 0,
    }
}

#[test]
fn the_first_roster_waits_for_a_synced_member() {
    let roster = roster_of(&secrets(1));
    let log = DecisionLog::new(&network());
    let mut policy = FinalityPolicy::new(START_MS);
    let unsynced = present(&roster, false);
    let waits = Verdict::Wait { until_ms: None };
    assert_eq!(policy.judge(START_MS, &facts(&log, 0, &[])), waits);
    assert_eq!(policy.judge(START_MS, &facts(&log, 0, &unsynced)), waits);
    assert_eq!(
        policy.judge(START_MS, &facts(&log, 0, &present(&roster, true))),
        Verdict::ReplaceRoster(roster)
    );
}

#[test]
fn a_leader_that_decides_nothing_is_replaced() {
    let roster = roster_of(&secrets(4));
    let log = log_with(&roster, true);
    let three = &present(&roster, true)[..3];
    let mut policy = FinalityPolicy::new(START_MS);
    assert_eq!(
        policy.judge(START_MS, &facts(&log, 0, three)),
        Verdict::Wait { until_ms: None }
    );
    let undecided_at = START_MS + 500_000;
    let due = undecided_at + LEADER_STALL_MS;
    assert_eq!(
        policy.judge(undecided_at, &facts(&log, 1, three)),
        Verdict::Wait {
            until_ms: Some(due)
        }
    );
    assert_eq!(policy.judge(due, &facts(&log, 2, three)), Verdict::NewTerm);
    let mut next = facts(&log, 2, three);
    next.term = Some(2);
    assert_eq!(
        policy.judge(due, &next),
        Verdict::Wait {
            until_ms: Some(due + LEADER_STALL_MS)
        }
    );
}

#[test]
fn a_roster_that_lost_a_third_is_replaced() {
    let roster = roster_of(&secrets(3));
    let log = log_with(&roster, true);
    let all = present(&roster, true);
    let mut policy = FinalityPolicy::new(START_MS);
    policy.judge(START_MS, &facts(&log, 1, &all));
    let lost_at = START_MS + 10_000;
    let due = lost_at + FORCED_CHANGE_MS;
    assert_eq!(
        policy.judge(lost_at, &facts(&log, 1, &all[..2])),
        Verdict::Wait {
            until_ms: Some(due)
        }
    );
    assert_eq!(
        policy.judge(due, &facts(&log, 1, &all[..2])),
        Verdict::ReplaceRoster(Roster::of(all[..2].iter().map(|member| member.key)))
    );
    assert_eq!(
        policy.judge(due, &facts(&log, 1, &all)),
        Verdict::Wait {
            until_ms: Some(due + LEADER_STALL_MS)
        },
        "one who came back in time keeps the roster"
    );
}

#[test]
fn no_roster_is_replaced_without_need_or_against_the_parameters() {
    let roster = roster_of(&secrets(3));
    let one = &present(&roster, true)[..1];
    let later = START_MS + 10 * FORCED_CHANGE_MS;
    let waits = Verdict::Wait { until_ms: None };
    for (allowed, tip_height, present) in [(true, 0, one), (false, 1, one), (true, 1, &[])] {
        let log = log_with(&roster, allowed);
        let mut policy = FinalityPolicy::new(START_MS);
        for now_ms in [START_MS, later] {
            assert_eq!(
                policy.judge(now_ms, &facts(&log, tip_height, present)),
                waits
            );
        }
    }
}

#[test]
fn a_term_that_a_quorum_refuses_is_over() {
    let roster = roster_of(&secrets(4));
    let log = log_with(&roster, false);
    let present = present(&roster, true);
    let refused_by = |nil_precommits| Facts {
        nil_precommits,
        ..facts(&log, 1, &present)
    };
    let mut policy = FinalityPolicy::new(START_MS);
    policy.judge(START_MS, &refused_by(0));
    let early = Verdict::Wait {
        until_ms: Some(START_MS + REFUSED_TERM_MS),
    };
    assert_eq!(policy.judge(START_MS, &refused_by(3)), early);
    let now_ms = START_MS + REFUSED_TERM_MS;
    assert_eq!(policy.judge(now_ms, &refused_by(3)), Verdict::NewTerm);
    assert_ne!(policy.judge(now_ms, &refused_by(2)), Verdict::NewTerm);
}

#[test]
fn who_comes_and_goes_cannot_put_off_a_change_for_ever() {
    let roster = roster_of(&secrets(4));
    let three = &present(&roster, true)[..3];
    let flapping = [false, true].map(|abstains| {
        let mut present = three.to_vec();
        present[2].abstains = abstains;
        present
    });
    for (is_allowed, expected) in [
        (
            true,
            Verdict::ReplaceRoster(Roster::of(roster.members[..3].to_vec())),
        ),
        (false, Verdict::NewTerm),
    ] {
        let log = log_with(&roster, is_allowed);
        let mut policy = FinalityPolicy::new(START_MS);
        let interval_ms = LEADER_STALL_MS / 2;
        let mut verdicts = (0..=DEADLOCK_MS / interval_ms + 1).map(|time| {
            let present = &flapping[usize::from(time % 2 == 1)];
            let verdict = policy.judge(START_MS + time * interval_ms, &facts(&log, 1, present));
            (time * interval_ms, verdict)
        });
        let acted = verdicts.find(|(_, verdict)| !matches!(verdict, Verdict::Wait { .. }));
        assert_eq!(acted, Some((DEADLOCK_MS, expected)));
    }
}

#[test]
fn a_roster_that_ten_leaders_could_not_help_is_replaced() {
    let roster = roster_of(&secrets(3));
    let all = &present(&roster, true);
    for is_allowed in [true, false] {
        let log = log_with(&roster, is_allowed);
        let mut policy = FinalityPolicy::new(START_MS);
        let mut judge = |term: u64| {
            let now_ms = START_MS + (term - 1) * LEADER_STALL_MS;
            let facts = Facts {
                term: Some(term),
                ..facts(&log, 1, all)
            };
            policy.judge(now_ms, &facts)
        };
        let terms = DEADLOCK_MS / LEADER_STALL_MS;
        for term in 1..=terms {
            assert!(matches!(judge(term), Verdict::Wait { .. }));
        }
        let replaced = judge(terms + 1) == Verdict::ReplaceRoster(roster.clone());
        assert_eq!(replaced, is_allowed);
    }
}
