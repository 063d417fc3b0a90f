//! Renaming voters and decisions: states that differ by no more are explored once.

use crate::configuration::{Configuration, DecisionId, Members, VoterId};
use crate::state::{Ballot, Entry, Mark, State, Storage, Vote, VoteState, Voter};

/// The renamings that leave a configuration as it is, without the one that renames nothing.
#[derive(Clone, Debug)]
pub(crate) struct Symmetry(Vec<Renaming>);

#[derive(Clone, Debug)]
struct Renaming {
    voters: Vec<VoterId>,
    decisions: Vec<DecisionId>,
}

impl Symmetry {
    /// All of them, found by trying.
    pub(crate) fn of(world: &Configuration) -> Self {
        let of_voters = permutations(world.voters().collect());
        let of_decisions = permutations(world.decision_ids().collect());
        let all = of_voters.iter().flat_map(|voters| {
            of_decisions.iter().map(|decisions| Renaming {
                voters: voters.clone(),
                decisions: decisions.clone(),
            })
        });
        let kept = all.filter(|renaming| renaming.keeps(world) && !renaming.is_identity());
        Self(kept.collect())
    }

    /// None: so that events name the voters that they mean.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// The least of a state and its renamings.
    pub(crate) fn representative(&self, state: State) -> State {
        let renamed = self.0.iter().map(|renaming| renaming.state(&state)).min();
        match renamed {
            Some(least) if least < state => least,
            _ => state,
        }
    }
}

impl Renaming {
    fn is_identity(&self) -> bool {
        self.voters.is_sorted() && self.decisions.is_sorted()
    }

    fn keeps(&self, world: &Configuration) -> bool {
        let kinds = world.voters().all(|voter| {
            let name = self.voters[usize::from(voter)];
            (usize::from(voter) < world.honest) == (usize::from(name) < world.honest)
                && world.has_copy(voter) == world.has_copy(name)
        });
        let decisions = world.decision_ids().all(|id| {
            let (was, is) = (world.decision(id), world.decision(self.decision(id)));
            is.after == was.after.map(|after| self.decision(after))
                && is.next_roster == self.members(was.next_roster)
        });
        let forced = &world.forced_rosters;
        kinds
            && decisions
            && self.members(world.first_roster) == world.first_roster
            && forced
                .iter()
                .all(|&roster| forced.contains(&self.members(roster)))
    }

    fn state(&self, state: &State) -> State {
        let mut renamed = state.clone();
        for (voter, &name) in state.voters.iter().zip(&self.voters) {
            renamed.voters[usize::from(name)] = self.voter(voter);
        }
        renamed.votes = state.votes.iter().map(|vote| self.vote(vote)).collect();
        renamed.votes.sort_unstable();
        renamed.relay.log = self.log(&state.relay.log);
        renamed.relay.mark = self.mark(&state.relay.mark);
        renamed
    }

    fn voter(&self, voter: &Voter) -> Voter {
        Voter {
            storage: self.storage(&voter.storage),
            copy: voter.copy.as_ref().map(|copy| self.storage(copy)),
            told: self.mark(&voter.told),
            claimed: voter.claimed.map(|id| self.decision(id)),
        }
    }

    fn storage(&self, storage: &Storage) -> Storage {
        let bound = &storage.bound;
        Storage {
            log: self.log(&storage.log),
            bound: VoteState {
                log_length: bound.log_length,
                instance: bound.instance,
                prevote: bound.prevote.map(|cast| self.ballot(cast)),
                precommit: bound.precommit.map(|cast| self.ballot(cast)),
                locked: bound
                    .locked
                    .map(|(round, decision)| (round, self.decision(decision))),
            },
        }
    }

    fn log(&self, log: &[Entry]) -> Vec<Entry> {
        let renamed = log.iter().map(|entry| match *entry {
            Entry::Decided(id) => Entry::Decided(self.decision(id)),
            Entry::Forced(roster, base) => {
                Entry::Forced(self.members(roster), base.map(|id| self.decision(id)))
            }
        });
        renamed.collect()
    }

    fn mark(&self, mark: &Mark) -> Mark {
        Mark {
            log_length: mark.log_length,
            prevote: mark.prevote.map(|cast| self.ballot(cast)),
            precommit: mark.precommit.map(|cast| self.ballot(cast)),
        }
    }

    fn vote(&self, vote: &Vote) -> Vote {
        Vote {
            ballot: self.ballot(vote.ballot),
            voter: self.voters[usize::from(vote.voter)],
        }
    }

    fn ballot(&self, ballot: Ballot) -> Ballot {
        Ballot {
            roster: self.members(ballot.roster),
            value: ballot.value.map(|decision| self.decision(decision)),
            ..ballot
        }
    }

    fn members(&self, members: Members) -> Members {
        members.renamed(&self.voters)
    }

    fn decision(&self, id: DecisionId) -> DecisionId {
        self.decisions[usize::from(id)]
    }
}

fn permutations(items: Vec<u8>) -> Vec<Vec<u8>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for place in 0..items.len() {
        let mut rest = items.clone();
        let first = rest.remove(place);
        for mut tail in permutations(rest) {
            tail.insert(0, first);
            all.push(tail);
        }
    }
    all
}
