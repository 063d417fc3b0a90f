//! When the relay replaces a roster, and when it appoints another leader.
//!
//! The relay writes what [`Verdict::ReplaceRoster`] names as a forced change and begins a new term
//! with it: members whose votes a change has made void vote again only in a later round.

use super::Roster;
use super::log::DecisionLog;
use super::voter::PresentMember;
use crate::limits::{
    DEADLOCK_MS, DECISION_INTERVAL_BLOCKS, FORCED_CHANGE_MS, LEADER_STALL_MS, REFUSED_TERM_MS,
};
use crate::message::Term;

/// What the relay knows now.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its log.
    pub log: &'a DecisionLog,
    /// Height of its best block.
    pub tip_height: u64,
    /// The present term, once there is one.
    pub term: Option<Term>,
    /// Who is present.
    pub present: &'a [PresentMember],
    /// How many of the roster have precommitted nil in the present term.
    pub nil_precommits: usize,
}

/// What the relay does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing, and asks again when a fact changes or at this time, by the same clock.
    Wait {
        /// Nothing where only facts can change the verdict.
        until_ms: Option<u64>,
    },
    /// It logs this roster as a forced change and begins a new term: the first roster, or the
    /// present one has lost so many that it cannot decide.
    ReplaceRoster(Roster),
    /// It appoints another leader: a quorum is here, there is something to decide, and nothing
    /// is decided.
    NewTerm,
}

/// The relay's patience, by a clock that is never set back.
#[derive(Clone, Debug)]
pub struct FinalityPolicy {
    log_length: u64,
    term: Option<Term>,
    undecided: bool,
    quorum_present: bool,
    log_grew_at_ms: u64,
    term_began_at_ms: u64,
    undecided_since_ms: u64,
    quorum_changed_at_ms: u64,
}

impl FinalityPolicy {
    /// The policy of a relay that starts now. It knows nothing yet about how long anything has
    /// lasted, and so begins to wait anew.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self {
            log_length: 0,
            term: None,
            undecided: false,
            quorum_present: false,
            log_grew_at_ms: now_ms,
            term_began_at_ms: now_ms,
            undecided_since_ms: now_ms,
            quorum_changed_at_ms: now_ms,
        }
    }

    /// The verdict on these facts. Ask at each change of one of them.
    pub fn judge(&mut self, now_ms: u64, facts: &Facts<'_>) -> Verdict {
        self.note(now_ms, facts);
        if facts.log.length() == 0 {
            return match next_roster(facts.present) {
                Some(roster) => Verdict::ReplaceRoster(roster),
                None => Verdict::Wait { until_ms: None },
            };
        }
        if !self.undecided {
            return Verdict::Wait { until_ms: None };
        }
        let stuck_since_ms = self.log_grew_at_ms.max(self.undecided_since_ms);
        // Who leaves or comes back is waited for anew, but never beyond this.
        let deadlock_ms = stuck_since_ms.saturating_add(DEADLOCK_MS);
        let waiting_since_ms = stuck_since_ms.max(self.quorum_changed_at_ms);
        let replacement = next_roster(facts.present).filter(|_| facts.log.forced_changes_allowed());
        if self.quorum_present {
            // Locks are on a block that was lost: only a roster without them decides another one.
            if now_ms >= deadlock_ms
                && let Some(roster) = replacement
            {
                return Verdict::ReplaceRoster(roster);
            }
            let term_began_at_ms = self.term_began_at_ms;
            // More than two thirds have said that this term decides nothing.
            let due_ms = if facts.nil_precommits >= facts.log.roster().quorum() {
                term_began_at_ms.saturating_add(REFUSED_TERM_MS)
            } else {
                let latest_ms = stuck_since_ms.max(term_began_at_ms);
                waiting_since_ms
                    .max(term_began_at_ms)
                    .saturating_add(LEADER_STALL_MS)
                    .min(latest_ms.saturating_add(DEADLOCK_MS))
            };
            return due(now_ms, due_ms, Verdict::NewTerm);
        }
        match replacement {
            Some(roster) => due(
                now_ms,
                waiting_since_ms
                    .saturating_add(FORCED_CHANGE_MS)
                    .min(deadlock_ms),
                Verdict::ReplaceRoster(roster),
            ),
            None => Verdict::Wait { until_ms: None },
        }
    }

    fn note(&mut self, now_ms: u64, facts: &Facts<'_>) {
        let last = facts.log.last().height;
        let undecided = facts.tip_height >= last.saturating_add(DECISION_INTERVAL_BLOCKS);
        let roster = facts.log.roster();
        let present = facts.present.iter();
        let voters = present
            .filter(|member| !member.abstains && roster.index_of(&member.key).is_some())
            .count();
        note_change(
            &mut self.log_length,
            facts.log.length(),
            &mut self.log_grew_at_ms,
            now_ms,
        );
        note_change(
            &mut self.term,
            facts.term,
            &mut self.term_began_at_ms,
            now_ms,
        );
        note_change(
            &mut self.undecided,
            undecided,
            &mut self.undecided_since_ms,
            now_ms,
        );
        note_change(
            &mut self.quorum_present,
            voters >= roster.quorum(),
            &mut self.quorum_changed_at_ms,
            now_ms,
        );
    }
}

/// Keeps a fact and when it last changed.
fn note_change<T: PartialEq>(known: &mut T, now: T, changed_at_ms: &mut u64, now_ms: u64) {
    if *known != now {
        *known = now;
        *changed_at_ms = now_ms;
    }
}

/// Everyone who follows the chain and means to stay.
fn next_roster(present: &[PresentMember]) -> Option<Roster> {
    let able = present
        .iter()
        .filter(|member| member.synced && member.stays);
    Some(Roster::of(able.map(|member| member.key))).filter(Roster::is_well_formed)
}

fn due(now_ms: u64, due_ms: u64, verdict: Verdict) -> Verdict {
    if now_ms >= due_ms {
        verdict
    } else {
        Verdict::Wait {
            until_ms: Some(due_ms),
        }
    }
}
