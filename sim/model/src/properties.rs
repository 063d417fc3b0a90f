//! What must hold in every state, and what must be possible. What is logged is counted anew, so
//! that a broken rule cannot vouch for itself.

use stateright::Property;

use crate::configuration::{Configuration, DecisionId, Members};
use crate::state::{Ballot, Entry, Position, State, Step};
use crate::system::System;

/// No two certificates of one roster, under one end of the log, name different decisions.
pub const CERTIFICATES_AGREE: &str = "certificates of one roster agree";
/// No two decisions of one instance are in the relay's log, in nodes' logs, or held for final.
pub const DECISIONS_AGREE: &str = "no two decisions conflict";
/// What a node holds for final is in the durable log.
pub const FINAL_IS_LOGGED: &str = "what a node holds for final is in the log";
/// More than two thirds of the roster of its time have signed each decision in the log.
pub const LOGGED_IS_SIGNED: &str = "a logged decision has its roster's quorum";
/// No honest voter's votes of one step of one round differ.
pub const VOTES_ARE_SINGLE: &str = "no honest voter votes twice in one step";
/// Nobody abstains whose storage never was replaced by a copy.
pub const ONLY_COPIES_ABSTAIN: &str = "only a key that was restored abstains";
/// A forced change builds on the last decision before it.
pub const FORCED_KEEPS_DECISIONS: &str = "a forced change keeps all decisions";

/// The world gets somewhere.
pub const DECIDES: &str = "a decision is logged";
/// Two instances are decided.
pub const DECIDES_TWICE: &str = "a second decision is logged";
/// A voter votes for another decision than the one that it was bound to.
pub const RELEASES_LOCK: &str = "a lock is released by a later proof";
/// The relay replaces the roster.
pub const FORCES: &str = "a forced change is logged";
/// A certificate comes to be that a forced change has made void.
pub const VOIDS_CERTIFICATE: &str = "a certificate comes after its roster";
/// A decision is logged after a roster came back.
pub const ROSTER_RETURNS: &str = "a roster that came back decides";
/// The relay lost a certified decision, and logs one again.
pub const LOGS_AFTER_RESTART: &str = "a decision is logged after the relay's restart";
/// The relay's log is shorter than a node's.
pub const LOG_FALLS_BEHIND: &str = "the relay's log falls behind a node's";
/// A voter finds its storage old.
pub const ABSTAINS: &str = "a restored key abstains";
/// A voter whose storage was old votes again.
pub const VOTES_AGAIN: &str = "a restored key votes again after the log has moved on";

type Condition = fn(&System, &State) -> bool;

/// The properties of a configuration.
pub(crate) fn of(world: &Configuration) -> Vec<Property<System>> {
    let mut properties = vec![
        Property::always(CERTIFICATES_AGREE, certificates_agree),
        Property::always(DECISIONS_AGREE, decisions_agree),
        Property::always(LOGGED_IS_SIGNED, logged_is_signed),
        Property::always(VOTES_ARE_SINGLE, votes_are_single),
        Property::always(FORCED_KEEPS_DECISIONS, forced_keeps_decisions),
        Property::always(ONLY_COPIES_ABSTAIN, only_copies_abstain),
    ];
    if world.faults.relay_rollbacks == 0 {
        properties.push(Property::always(FINAL_IS_LOGGED, final_is_logged));
    }
    let possible: [(&'static str, Condition); 10] = [
        (DECIDES, |_, state| {
            decisions(&state.relay.log).next().is_some()
        }),
        (DECIDES_TWICE, |_, state| {
            decisions(&state.relay.log).nth(1).is_some()
        }),
        (RELEASES_LOCK, releases_lock),
        (FORCES, |_, state| state.spent.forced_changes > 0),
        (VOIDS_CERTIFICATE, voids_certificate),
        (ROSTER_RETURNS, roster_returns),
        (LOGS_AFTER_RESTART, |_, state| {
            state.spent.relay_restarts > 0 && decisions(&state.relay.log).next().is_some()
        }),
        (LOG_FALLS_BEHIND, |_, state| {
            let mut voters = state.voters.iter();
            voters.any(|voter| voter.storage.log.len() > state.relay.log.len())
        }),
        (ABSTAINS, |system, state| system.abstains(state, 0)),
        (VOTES_AGAIN, votes_again),
    ];
    properties.extend(
        possible
            .into_iter()
            .filter(|(name, _)| world.reaches.contains(name))
            .map(|(name, condition)| Property::sometimes(name, condition)),
    );
    properties
}

fn decisions(log: &[Entry]) -> impl Iterator<Item = DecisionId> {
    log.iter().filter_map(|entry| match entry {
        Entry::Decided(decision) => Some(*decision),
        Entry::Forced(..) => None,
    })
}

/// Whether more than two thirds of the ballot's roster have cast it, faulty members among them.
fn is_quorum(system: &System, state: &State, ballot: &Ballot) -> bool {
    let honest = system.world.honest_voters().filter(|&voter| {
        let mut votes = state.votes.iter();
        ballot.roster.contain(voter)
            && votes.any(|vote| vote.voter == voter && vote.ballot == *ballot)
    });
    3 * (honest.count() + system.faulty_in(ballot.roster)) > 2 * ballot.roster.count()
}

fn precommitted(state: &State) -> impl Iterator<Item = &Ballot> {
    let precommits = state.votes.iter().map(|vote| &vote.ballot);
    precommits.filter(|ballot| ballot.step == Step::Precommit)
}

fn certificates_agree(system: &System, state: &State) -> bool {
    precommitted(state).enumerate().all(|(place, one)| {
        let others = precommitted(state).skip(place + 1).filter(|other| {
            (other.instance, other.roster, other.forced_changes)
                == (one.instance, one.roster, one.forced_changes)
                && other.value != one.value
        });
        let mut others = others.peekable();
        others.peek().is_none()
            || !system.is_certified(state, one)
            || !others.any(|other| system.is_certified(state, other))
    })
}

fn decisions_agree(system: &System, state: &State) -> bool {
    let relay = &state.relay.log[..state.relay.durable];
    let nodes = state.voters.iter().flat_map(|voter| {
        let copy = voter.copy.iter().flat_map(|copy| decisions(&copy.log));
        decisions(&voter.storage.log)
            .chain(copy)
            .chain(voter.claimed)
    });
    let mut decided = [None; 8];
    decisions(relay).chain(nodes).all(|decision| {
        let before = system.world.decision(decision).after;
        let instance = system.world.instance_after(before);
        let first = decided[usize::from(instance)].get_or_insert(decision);
        *first == decision
    })
}

fn final_is_logged(_: &System, state: &State) -> bool {
    let logged = &state.relay.log[..state.relay.durable];
    let is_logged = |decision| decisions(logged).any(|logged| logged == decision);
    state.voters.iter().all(|voter| {
        let mut held = decisions(&voter.storage.log).chain(voter.claimed);
        held.all(is_logged)
    })
}

fn logged_is_signed(system: &System, state: &State) -> bool {
    state.relay.log.iter().enumerate().all(|(index, entry)| {
        let Entry::Decided(decision) = *entry else {
            return true;
        };
        let before = Position::of(&state.relay.log[..index], &system.world);
        (1..=system.world.rounds).any(|round| {
            let ballot = system.ballot(&before, round, Step::Precommit, Some(decision));
            is_quorum(system, state, &ballot)
        })
    })
}

fn votes_are_single(_: &System, state: &State) -> bool {
    let place = |ballot: &Ballot| Ballot {
        value: None,
        ..*ballot
    };
    state.votes.iter().enumerate().all(|(index, one)| {
        let mut others = state.votes.iter().skip(index + 1);
        !others.any(|other| one.voter == other.voter && place(&one.ballot) == place(&other.ballot))
    })
}

/// The first voter is the one that may have a copy.
fn only_copies_abstain(system: &System, state: &State) -> bool {
    state.spent.copies_swapped > 0 || !system.abstains(state, 0)
}

fn forced_keeps_decisions(_: &System, state: &State) -> bool {
    let log = &state.relay.log;
    log.iter().enumerate().all(|(index, entry)| match *entry {
        Entry::Decided(_) => true,
        Entry::Forced(_, base) => base == decisions(&log[..index]).last(),
    })
}

fn releases_lock(_: &System, state: &State) -> bool {
    let precommits = state
        .votes
        .iter()
        .filter(|vote| vote.ballot.step == Step::Precommit);
    precommits.into_iter().any(|one| {
        state.votes.iter().any(|other| {
            other.voter == one.voter
                && Ballot {
                    round: other.ballot.round,
                    step: other.ballot.step,
                    value: other.ballot.value,
                    ..one.ballot
                } == other.ballot
                && other.ballot.round > one.ballot.round
                && other.ballot.step == Step::Prevote
                && other.ballot.value.is_some()
                && other.ballot.value != one.ballot.value
        })
    })
}

fn voids_certificate(system: &System, state: &State) -> bool {
    let now = Position::of(&state.relay.log, &system.world);
    precommitted(state).any(|ballot| {
        ballot.instance == now.instance
            && ballot.forced_changes < now.forced_changes
            && is_quorum(system, state, ballot)
    })
}

fn roster_returns(_: &System, state: &State) -> bool {
    let log = &state.relay.log;
    let forced: Vec<Members> = log
        .iter()
        .filter_map(|entry| match entry {
            Entry::Forced(roster, _) => Some(*roster),
            Entry::Decided(_) => None,
        })
        .collect();
    forced.len() == 3 && forced.first() == forced.last() && decisions(log).next().is_some()
}

fn votes_again(_: &System, state: &State) -> bool {
    let Some(node) = state.voters.first() else {
        return false;
    };
    state.spent.copies_swapped > 0
        && node.told.log_length > 0
        && state.relay.mark.log_length > node.told.log_length
}
