//! What keeps a copy of a key, or a restored one, from voting twice.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::bench::{Bench, ballots};
use super::{block, vote};
use crate::finality::mark::{Standing, VoteMark};
use crate::finality::voter::{VoteState, Voter};
use crate::finality::{Step, Vote};

/// The mark of the bench's voter after these votes.
fn mark(votes: impl IntoIterator<Item = Vote>) -> VoteMark {
    let mut mark = VoteMark::new(1);
    for vote in votes {
        assert_eq!(mark.advance(1, vote), Standing::Newer);
    }
    mark
}

#[test]
fn a_mark_follows_the_votes_and_tells_those_that_contradict_it() {
    let bench = Bench::new();
    let value = bench.value(1);
    let prevote = |round, value| bench.vote(0, round, Step::Prevote, value);
    let precommit = bench.vote(0, 2, Step::Precommit, None);
    let first = prevote(2, Some(&value));
    let mut mark = mark([first, precommit]);
    assert_eq!(mark.advance(1, first), Standing::Same);
    assert_eq!(mark.advance(1, prevote(1, None)), Standing::Older);
    assert_eq!(
        mark.advance(1, prevote(2, None)),
        Standing::Conflicting(Box::new(first))
    );
    assert_eq!(mark.advance(1, prevote(3, None)), Standing::Newer);
    assert_eq!(mark.precommit, Some(precommit));
    assert_eq!(mark.advance(2, prevote(3, None)), Standing::Newer);
    assert_eq!((mark.log_length, mark.precommit), (2, None));
    assert_eq!(mark.advance(1, prevote(9, None)), Standing::Older);
}

#[test]
fn whoever_lacks_a_vote_of_its_key_abstains() {
    let bench = Bench::new();
    let value = bench.value(1);
    let prevote = bench.vote(0, 2, Step::Prevote, Some(&value));
    let precommit = bench.vote(0, 2, Step::Precommit, Some(&value));
    let state = |prevote: Option<Vote>, precommit: Option<Vote>| VoteState {
        log_length: 1,
        instance: 1,
        prevote: prevote.map(|vote| vote.ballot),
        precommit: precommit.map(|vote| vote.ballot),
        ..VoteState::default()
    };
    let marked = mark([prevote, precommit]);
    let later = bench.vote(0, 3, Step::Prevote, None);
    let other = bench.vote(0, 2, Step::Precommit, None);
    for (own, allowed) in [
        (state(None, None), false),
        (state(Some(prevote), None), false),
        (state(Some(prevote), Some(other)), false),
        (state(Some(later), None), false),
        (state(Some(prevote), Some(precommit)), true),
        (state(Some(later), Some(precommit)), true),
    ] {
        assert_eq!(marked.allows(&own), allowed, "{own:?}");
    }
}

#[test]
fn a_restored_key_votes_again_after_the_log_has_moved_on() {
    let bench = Bench::new();
    let marked = mark([bench.vote(0, 7, Step::Prevote, None)]);
    let at = |log_length, instance| VoteState {
        log_length,
        instance,
        ..VoteState::default()
    };
    assert!(!marked.allows(&at(0, 1)), "its log is older yet");
    assert!(!marked.allows(&at(1, 1)));
    assert!(marked.allows(&at(2, 2)), "the next decision");
    assert!(marked.allows(&at(2, 1)), "a forced change");
}

#[test]
fn a_voter_behind_its_mark_neither_votes_nor_repeats_what_it_voted() {
    let mut bench = Bench::new();
    bench.sight.tip = (1, block(1));
    let value = bench.value(1);
    bench.enter(1, 1);
    assert_eq!(ballots(&bench.propose(1, 1, &value)).len(), 1);
    let elsewhere = bench.vote(0, 1, Step::Prevote, None);
    bench.voter.on_marked(Some(mark([elsewhere]))).unwrap();
    assert!(bench.voter.abstains());
    assert!(bench.connect().is_empty());
    bench.enter(2, 2);
    assert!(bench.propose(2, 2, &value).is_empty());

    let own = bench.vote(0, 1, Step::Prevote, Some(&value));
    bench.voter.on_marked(Some(mark([own]))).unwrap();
    assert_eq!(ballots(&bench.look()).len(), 1);
}

#[test]
fn a_mark_of_votes_that_the_key_never_signed_is_refused() {
    let bench = Bench::new();
    let mut voter = Voter::new(bench.members[0].public_key(), &bench.log, None);
    let forged = vote(&bench.members[1], &bench.roster, 1, 1, Step::Prevote, None);
    assert!(voter.on_marked(Some(mark([forged]))).is_err());
    assert!(!voter.abstains());
}
