//! What the decision log accepts and what it refuses.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{block, certificate, decision, network, roster_of, secret, secrets, signed};
use crate::encoding::List;
use crate::finality::certificate::CertificateError;
use crate::finality::evidence::Evidence;
use crate::finality::log::{Appended, DecisionLog, LogError};
use crate::finality::{Decision, LogEntry, LogEvent, Roster, Step};
use crate::hash::Hash;
use crate::keys::SecretKey;
use crate::limits::LOG_TAIL_ENTRIES_MAX;
use crate::message::Certified;

fn log_with(roster: Roster) -> DecisionLog {
    let mut log = DecisionLog::new(&network());
    let first = signed(log.record_forced(roster, 1).unwrap());
    log.append(&first).unwrap();
    log
}

fn certified(log: &DecisionLog, decision: Decision, signers: &[SecretKey]) -> Certified {
    Certified {
        certificate: certificate(&decision, log.roster(), 1, Step::Precommit, signers),
        decision,
    }
}

fn decide(log: &mut DecisionLog, height: u64, members: &[SecretKey]) -> LogEntry {
    let decision = Decision {
        forced_changes: log.forced_changes(),
        ..decision(
            log.next_instance(),
            height,
            block(height),
            log.roster().clone(),
        )
    };
    let record = log.record_decided(certified(log, decision, members), height);
    let entry = signed(record.unwrap());
    log.append(&entry).unwrap();
    entry
}

#[test]
fn follows_decisions_and_restores() {
    let members = secrets(4);
    let mut log = log_with(roster_of(&members));
    assert_eq!(log.forced_changes(), 0);
    let first = log.entry(0).cloned();
    let entries: Vec<_> = (1..=3)
        .map(|height| decide(&mut log, height, &members[..3]))
        .collect();
    assert_eq!((log.length(), log.next_instance()), (4, 4));
    assert_eq!((log.last().height, log.last().block), (3, block(3)));
    assert_eq!((log.last().signers, log.last().members), (3, 4));

    let stored = first.into_iter().chain(entries);
    let restored = DecisionLog::restore(&network(), stored).unwrap();
    assert_eq!(restored.head(), log.head());
    assert_eq!(restored.last(), log.last());
    assert_eq!(restored.roster_hash(), log.roster_hash());
    assert_eq!(restored.entry(2), log.entry(2));
}

#[test]
fn refuses_what_does_not_continue_it() {
    let members = secrets(3);
    let roster = roster_of(&members);
    let empty = DecisionLog::new(&network());
    let early = certified(
        &log_with(roster.clone()),
        decision(1, 1, block(1), roster.clone()),
        &members,
    );
    assert_eq!(empty.record_decided(early, 1), Err(LogError::NoRoster));

    let mut log = log_with(roster.clone());
    decide(&mut log, 5, &members);
    let refused = |decision| {
        log.record_decided(certified(&log, decision, &members), 1)
            .unwrap_err()
    };
    assert_eq!(
        refused(decision(1, 6, block(6), roster.clone())),
        LogError::Instance {
            expected: 2,
            came: 1
        }
    );
    assert_eq!(
        refused(decision(2, 5, block(6), roster.clone())),
        LogError::Height { last: 5, came: 5 }
    );
    assert_eq!(
        refused(decision(2, 6, block(6), Roster::default())),
        LogError::Roster
    );

    let good = log.record_forced(roster.clone(), 1).unwrap();
    let with = |change: fn(&mut LogEvent)| {
        let mut record = good.clone();
        change(&mut record.event);
        log.clone().append(&signed(record)).unwrap_err()
    };
    let dropped_base = with(|event| {
        if let LogEvent::Forced { base_height, .. } = event {
            *base_height = 0;
        }
    });
    assert!(matches!(
        dropped_base,
        LogError::Base {
            expected_height: 5,
            came_height: 0,
            ..
        }
    ));
    let other_roster = with(|event| {
        if let LogEvent::Forced { old_roster, .. } = event {
            *old_roster = Hash::ZERO;
        }
    });
    assert!(matches!(other_roster, LogError::OldRoster { .. }));
    let later = with(|event| {
        if let LogEvent::Forced { instance, .. } = event {
            *instance = 3;
        }
    });
    assert_eq!(
        later,
        LogError::Instance {
            expected: 2,
            came: 3
        }
    );

    let mut gap = good.clone();
    gap.index = 7;
    assert_eq!(
        log.clone().append(&signed(gap)),
        Err(LogError::Gap {
            expected: 2,
            came: 7
        })
    );
    let mut unsigned = signed(good.clone());
    unsigned.signature = secret(9).sign(&good.statement());
    assert!(matches!(
        log.clone().append(&unsigned),
        Err(LogError::Relay { index: 2, .. })
    ));
}

#[test]
fn forbids_forced_changes_where_the_network_does() {
    let mut parameters = network();
    parameters.forced_changes_allowed = false;
    let mut log = DecisionLog::new(&parameters);
    let first = signed(log.record_forced(roster_of(&secrets(2)), 1).unwrap());
    log.append(&first).unwrap();
    assert_eq!(
        log.record_forced(roster_of(&secrets(1)), 2),
        Err(LogError::ForcedChange)
    );
}

#[test]
fn counts_forced_changes_and_keeps_the_instance() {
    let members = secrets(3);
    let mut log = log_with(roster_of(&members));
    decide(&mut log, 1, &members);
    let survivors = roster_of(&members[..1]);
    let forced = signed(log.record_forced(survivors.clone(), 2).unwrap());
    assert_eq!(
        log.append(&forced),
        Ok(Appended::Forced { roster: survivors })
    );
    assert_eq!((log.forced_changes(), log.next_instance()), (1, 2));
    let unaware = decision(2, 2, block(2), log.roster().clone());
    assert_eq!(
        log.record_decided(certified(&log, unaware, &members[..1]), 2),
        Err(LogError::ForcedChanges {
            expected: 1,
            came: 0
        })
    );
    decide(&mut log, 2, &members[..1]);
    assert_eq!((log.last().signers, log.last().members), (1, 1));
}

#[test]
fn refuses_forged_certificates() {
    let members = secrets(6);
    let roster = roster_of(&members);
    let log = log_with(roster.clone());
    let value = decision(1, 1, block(1), roster.clone());
    let refusal = |certified: Certified| log.record_decided(certified, 1).unwrap_err();

    let exactly_two_thirds = certified(&log, value.clone(), &members[..4]);
    assert_eq!(
        refusal(exactly_two_thirds.clone()),
        LogError::Certificate(CertificateError::Quorum {
            expected: 5,
            members: 6,
            came: 4
        })
    );

    let mut twice = exactly_two_thirds;
    let mut signatures = twice.certificate.signatures.into_vec();
    signatures.push(signatures[3]);
    twice.certificate.signatures = List::new(signatures).unwrap();
    assert_eq!(
        refusal(twice),
        LogError::Certificate(CertificateError::Order {
            previous: 3,
            came: 3
        })
    );

    let others: Vec<_> = (20..26).map(secret).collect();
    let mut foreign = certified(&log_with(roster_of(&others)), value.clone(), &others);
    assert!(matches!(
        refusal(foreign.clone()),
        LogError::Certificate(CertificateError::Signature(_))
    ));
    let mut signatures = foreign.certificate.signatures.into_vec();
    signatures[5].0 = 6;
    foreign.certificate.signatures = List::new(signatures).unwrap();
    assert_eq!(
        refusal(foreign),
        LogError::Certificate(CertificateError::Signer {
            members: 6,
            came: 6
        })
    );

    let prevotes = Certified {
        certificate: certificate(&value, &roster, 1, Step::Prevote, &members),
        decision: value.clone(),
    };
    assert!(matches!(
        refusal(prevotes),
        LogError::Certificate(CertificateError::Signature(_))
    ));

    let mut other_round = certified(&log, value, &members[..5]);
    assert!(log.record_decided(other_round.clone(), 1).is_ok());
    other_round.certificate.round = 2;
    assert!(matches!(
        refusal(other_round),
        LogError::Certificate(CertificateError::Signature(_))
    ));
}

#[test]
fn needs_more_than_two_thirds_of_small_rosters() {
    for (members, quorum) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5)] {
        let secrets = secrets(members);
        let log = log_with(roster_of(&secrets));
        let value = decision(1, 1, block(1), roster_of(&secrets));
        let enough = certified(&log, value.clone(), &secrets[..quorum]);
        assert!(log.record_decided(enough, 1).is_ok());
        let few = certified(&log, value, &secrets[..quorum - 1]);
        assert!(log.record_decided(few, 1).is_err());
    }
}

#[test]
fn proves_a_relay_that_signs_two_logs() {
    let members = secrets(1);
    let mut log = log_with(roster_of(&members));
    let mut other = log.clone();
    let ours = decide(&mut log, 1, &members);
    let theirs = decide(&mut other, 2, &members);
    let error = LogError::Equivocation {
        index: 1,
        ours: ours.record.hash(),
        theirs: Box::new(theirs.clone()),
    };
    assert_eq!(log.append(&theirs), Err(error.clone()));
    let proof = log.contradiction(&error).unwrap();
    assert_eq!(proof, Evidence::Log(Box::new((ours.clone(), theirs))));
    assert!(proof.verify(&network()).is_ok());
    assert_eq!(log.append(&ours), Ok(Appended::Held));
    let later = decide(&mut other, 3, &members);
    let error = log.append(&later).unwrap_err();
    assert!(matches!(error, LogError::Fork { index: 2, .. }));
    let proof = log.contradiction(&error).unwrap();
    assert!(proof.verify(&network()).is_ok());
}

#[test]
fn notices_edited_rows() {
    let members = secrets(2);
    let mut log = log_with(roster_of(&members));
    for height in 1..4 {
        decide(&mut log, height, &members);
    }
    let mut stored: Vec<_> = (0..4)
        .filter_map(|index| log.entry(index).cloned())
        .collect();
    if let LogEvent::Decided { decision, .. } = &mut stored[1].record.event {
        decision.block = block(99);
    }
    assert!(matches!(
        DecisionLog::restore(&network(), stored.clone()),
        Err(LogError::Fork { index: 2, .. })
    ));
    stored.truncate(2);
    assert!(matches!(
        DecisionLog::restore(&network(), stored),
        Err(LogError::Relay { index: 1, .. })
    ));
}

#[test]
fn keeps_a_bounded_tail() {
    let members = secrets(1);
    let mut log = log_with(roster_of(&members));
    let kept = u64::try_from(LOG_TAIL_ENTRIES_MAX).unwrap();
    for height in 1..=kept + 9 {
        decide(&mut log, height, &members);
    }
    assert_eq!(log.entry(9), None);
    assert_eq!(log.entry(10).unwrap().record.index, 10);
    assert_eq!(log.entry(log.length()), None);
}
