//! The configurations that are explored, and the fault in the rules that each of them shows.

use crate::configuration::{Configuration, Decision, DecisionId, Members};
use crate::mutation::Mutation;
use crate::properties as p;
use crate::state::{Faults, Round};

/// All configurations.
#[must_use]
pub fn all() -> Vec<Configuration> {
    vec![
        restored_key(),
        restored_lock(),
        a_third_faulty(),
        forced_change(),
        relay_restart(),
        relay_rollback(),
        succession(),
        agreement(3),
        kept_roster(),
        returning_roster(),
    ]
}

/// The configuration that must refute a mutation, and the property by which.
#[must_use]
pub fn refuting(mutation: Mutation) -> (Configuration, &'static str) {
    match mutation {
        Mutation::QuorumOfTwoThirds => (a_third_faulty(), p::CERTIFICATES_AGREE),
        Mutation::SignerCountedTwice => (agreement(2), p::CERTIFICATES_AGREE),
        Mutation::LockLostInRestart => (agreement(2), p::CERTIFICATES_AGREE),
        Mutation::LockReleasedByOlderProof => (agreement(3), p::CERTIFICATES_AGREE),
        Mutation::VoteSentBeforeDurable => (agreement(2), p::VOTES_ARE_SINGLE),
        Mutation::ForcedChangeDropsBase => (forced_change(), p::FORCED_KEEPS_DECISIONS),
        Mutation::OtherRostersCertificate => (forced_change(), p::LOGGED_IS_SIGNED),
        Mutation::UnloggedIsFinal => (forced_change(), p::FINAL_IS_LOGGED),
        Mutation::ToldBeforeDurable => (relay_restart(), p::FINAL_IS_LOGGED),
        Mutation::VotesOutliveForcedChanges => (kept_roster(), p::VOTES_ARE_SINGLE),
        Mutation::RestoredKeyVotes => (restored_key(), p::VOTES_ARE_SINGLE),
    }
}

/// Tendermint itself: one instance, and a quarter of the voters faulty.
#[must_use]
pub fn agreement(rounds: Round) -> Configuration {
    let everyone = Members::of(&[0, 1, 2, 3]);
    Configuration {
        faulty: 1,
        decisions: rivals(everyone),
        rounds,
        logs: false,
        reaches: if rounds > 2 {
            vec![p::RELEASES_LOCK]
        } else {
            Vec::new()
        },
        ..world("agreement, 1 of 4 faulty", everyone, 3)
    }
}

/// Exactly a third is faulty: nothing is decided without it, nor against the others.
#[must_use]
pub fn a_third_faulty() -> Configuration {
    let everyone = Members::of(&[0, 1, 2]);
    Configuration {
        faulty: 1,
        decisions: rivals(everyone),
        rounds: 3,
        logs: false,
        ..world("agreement, 1 of 3 faulty", everyone, 2)
    }
}

/// Rosters that decide their successors, over two instances; a voter loses its log, the relay
/// restarts.
#[must_use]
pub fn succession() -> Configuration {
    let first = Members::of(&[0, 1, 2, 3]);
    let second = Members::of(&[1, 2, 3]);
    Configuration {
        faulty: 1,
        decisions: vec![
            decision(None, second),
            decision(None, first),
            decision(Some(0), first),
            decision(Some(0), second),
        ],
        faults: Faults {
            logs_lost: 1,
            relay_restarts: 1,
            ..Faults::default()
        },
        reaches: vec![p::DECIDES, p::DECIDES_TWICE, p::LOGS_AFTER_RESTART],
        rounds: 1,
        ..world("succession of rosters", first, 3)
    }
}

/// More than a third of the roster vanishes, the relay replaces it, and the certificate that
/// those who vanished had made comes after all. One decision may be in the log before.
#[must_use]
pub fn forced_change() -> Configuration {
    let first = Members::of(&[0, 1, 2]);
    Configuration {
        forced_rosters: vec![Members::of(&[0])],
        decisions: vec![
            decision(None, first),
            decision(Some(0), first),
            decision(Some(0), first),
        ],
        faults: Faults {
            forced_changes: 1,
            ..Faults::default()
        },
        reaches: vec![
            p::DECIDES,
            p::DECIDES_TWICE,
            p::FORCES,
            p::VOIDS_CERTIFICATE,
        ],
        rounds: 1,
        ..world("forced change, late certificate", first, 3)
    }
}

/// A forced change that keeps its roster, with the votes of before it under way.
#[must_use]
pub fn kept_roster() -> Configuration {
    let first = Members::of(&[0, 1, 2]);
    Configuration {
        faulty: 1,
        forced_rosters: vec![first],
        decisions: rivals(first),
        faults: Faults {
            forced_changes: 1,
            ..Faults::default()
        },
        reaches: vec![p::DECIDES, p::FORCES, p::VOIDS_CERTIFICATE],
        rounds: 1,
        ..world("a forced change that keeps its roster", first, 2)
    }
}

/// A forced change, and another one that brings the first roster back, with its old votes under
/// way.
#[must_use]
pub fn returning_roster() -> Configuration {
    let first = Members::of(&[0, 1]);
    Configuration {
        faulty: 1,
        forced_rosters: vec![Members::of(&[0]), first],
        decisions: rivals(first),
        faults: Faults {
            forced_changes: 2,
            ..Faults::default()
        },
        reaches: vec![p::FORCES, p::VOIDS_CERTIFICATE, p::ROSTER_RETURNS],
        ..world("a roster that comes back", first, 1)
    }
}

/// The relay restarts between a certificate and its durable entry, or between a forced change
/// and its durable entry.
#[must_use]
pub fn relay_restart() -> Configuration {
    let first = Members::of(&[0, 1, 2]);
    Configuration {
        faulty: 1,
        forced_rosters: vec![Members::of(&[0])],
        decisions: rivals(first),
        faults: Faults {
            relay_restarts: 1,
            forced_changes: 1,
            ..Faults::default()
        },
        reaches: vec![p::DECIDES, p::FORCES, p::LOGS_AFTER_RESTART],
        rounds: 1,
        ..world("relay restart between certificate and log", first, 2)
    }
}

/// A key whose storage is restored from a copy, and back again, with a forced change between.
#[must_use]
pub fn restored_key() -> Configuration {
    let first = Members::of(&[0, 1]);
    Configuration {
        faulty: 1,
        forced_rosters: vec![Members::of(&[0]), first],
        decisions: rivals(first),
        faults: Faults {
            copies_swapped: 2,
            forced_changes: 1,
            ..Faults::default()
        },
        reaches: vec![p::ABSTAINS, p::VOTES_AGAIN, p::DECIDES],
        ..world("a key restored from a copy", first, 1)
    }
}

/// A key whose storage is restored from a copy that lacks a lock, among voters that rely on it.
#[must_use]
pub fn restored_lock() -> Configuration {
    let everyone = Members::of(&[0, 1, 2, 3]);
    Configuration {
        faulty: 1,
        decisions: rivals(everyone),
        logs: false,
        faults: Faults {
            copies_swapped: 1,
            ..Faults::default()
        },
        reaches: vec![p::ABSTAINS],
        ..world("a lock that a restored key lacks", everyone, 3)
    }
}

/// The relay comes back without the last entries of its log. Nodes keep theirs; no forced change.
#[must_use]
pub fn relay_rollback() -> Configuration {
    let first = Members::of(&[0, 1, 2]);
    Configuration {
        faulty: 1,
        decisions: rivals(first),
        faults: Faults {
            relay_rollbacks: 1,
            ..Faults::default()
        },
        reaches: vec![p::DECIDES, p::LOG_FALLS_BEHIND],
        ..world("relay restored from a backup", first, 2)
    }
}

/// What the rules do not promise: a relay that forgets an entry, and may force changes, can have
/// two decisions of one instance logged one after the other.
#[must_use]
pub fn forgetful_relay_that_forces() -> Configuration {
    let first = Members::of(&[0, 1]);
    Configuration {
        forced_rosters: vec![Members::of(&[0])],
        faults: Faults {
            relay_rollbacks: 1,
            forced_changes: 1,
            ..Faults::default()
        },
        decisions: rivals(first),
        rounds: 1,
        ..world(
            "relay restored from a backup, then a forced change",
            first,
            2,
        )
    }
}

/// Honest voters only, two rounds, everything certified can be logged, and nothing breaks.
fn world(name: &'static str, first_roster: Members, honest: usize) -> Configuration {
    Configuration {
        name,
        honest,
        faulty: 0,
        first_roster,
        forced_rosters: Vec::new(),
        decisions: Vec::new(),
        rounds: 2,
        logs: true,
        faults: Faults::default(),
        reaches: Vec::new(),
    }
}

/// Two decisions of the first instance.
fn rivals(next_roster: Members) -> Vec<Decision> {
    vec![decision(None, next_roster); 2]
}

fn decision(after: Option<DecisionId>, next_roster: Members) -> Decision {
    Decision { after, next_roster }
}
