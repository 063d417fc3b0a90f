//! One voter, step by step.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::bench::{Bench, ballots};
use super::{block, certificate, network, roster_of, secret, signed, vote};
use crate::finality::certificate::CertificateError;
use crate::finality::voter::{Action, ProposalError, VoteError, Voter};
use crate::finality::{Ballot, Decision, Roster, Step};
use crate::hash::Hash;
use crate::message::{Certified, Message};

#[test]
fn writes_before_it_signs_and_signs_before_it_sends() {
    let mut bench = Bench::new();
    bench.enter(1, 1);
    let value = bench.value(1);
    let proposal = bench.proposal(1, 1, &value, None);
    let actions = bench.voter.on_proposal(proposal, &bench.sight).unwrap();
    let [Action::Persist { number, state }] = &actions[..] else {
        panic!("{actions:?}")
    };
    let ballot = Ballot {
        network: network().id(),
        roster: bench.roster.hash(),
        instance: 1,
        forced_changes: 0,
        round: 1,
        step: Step::Prevote,
        value: Some(value.hash()),
    };
    assert_eq!(state.prevote, Some(ballot));
    assert!(bench.voter.on_persisted(number - 1).is_empty());
    let actions = bench.voter.on_persisted(*number);
    let [Action::Sign { number, statement }] = &actions[..] else {
        panic!("{actions:?}")
    };
    assert_eq!(*statement, ballot.statement());
    let signature = bench.members[0].sign(statement);
    let actions = bench.voter.on_signed(*number, signature, &bench.sight);
    let [Action::Send(message)] = &actions[..] else {
        panic!("{actions:?}")
    };
    let Message::Vote(vote) = **message else {
        panic!("{message:?}")
    };
    assert_eq!((vote.ballot, vote.verify()), (ballot, Ok(())));
    assert!(
        bench
            .voter
            .on_signed(*number, signature, &bench.sight)
            .is_empty()
    );
}

#[test]
fn a_leader_proposes_the_tip_once_a_term_and_certifies_it() {
    let mut bench = Bench::new();
    assert!(
        bench.enter(1, 0).is_empty(),
        "there is nothing to decide yet"
    );
    bench.sight.tip = (1, block(1));
    let value = bench.value(1);
    let sent = bench.look();
    assert_eq!(sent.len(), 2);
    assert_eq!(
        sent[0],
        Message::Proposal(Box::new(bench.proposal(0, 1, &value, None)))
    );
    assert_eq!(ballots(&sent), [(Step::Prevote, 1, Some(value.hash()))]);
    bench.sight.tip = (2, block(2));
    assert!(bench.look().is_empty());

    bench.two_vote(1, Step::Prevote, Some(&value));
    let sent = bench.two_vote(1, Step::Precommit, Some(&value));
    let certificate = certificate(
        &value,
        &bench.roster,
        1,
        Step::Precommit,
        &bench.members[..3],
    );
    let certified = Certified {
        decision: value,
        certificate,
    };
    assert_eq!(sent, [Message::Certified(Box::new(certified.clone()))]);

    let entry = signed(bench.log.record_decided(certified, 2).unwrap());
    bench.log.append(&entry).unwrap();
    let actions = bench.voter.on_log_appended(&bench.log, &bench.sight);
    let sent = bench.settle(actions);
    assert!(
        matches!(&sent[0], Message::Proposal(next) if next.decision.instance == 2 && next.decision.height == 2)
    );
}

#[test]
fn a_leader_takes_along_who_has_joined_and_leaves_out_who_has_left() {
    let mut bench = Bench::new();
    let newcomer = secret(50).public_key();
    bench
        .sight
        .present
        .retain(|member| *member != bench.members[3].public_key());
    bench.sight.present.push(newcomer);
    bench.sight.tip = (1, block(1));
    let sent = bench.enter(1, 0);
    let expected = Roster::of(bench.sight.present.clone());
    assert!(
        matches!(&sent[0], Message::Proposal(proposal) if proposal.decision.next_roster == expected)
    );
}

#[test]
fn waits_for_a_block_and_for_members_that_it_does_not_know_yet() {
    let mut bench = Bench::new();
    let value = bench.value(1);
    bench.sight.unknown.insert(block(1));
    let absent = bench.sight.present.pop().unwrap();
    bench.enter(1, 1);
    assert!(bench.propose(1, 1, &value).is_empty());
    bench.sight.unknown.clear();
    assert!(bench.look().is_empty());
    bench.sight.present.push(absent);
    assert_eq!(
        ballots(&bench.look()),
        [(Step::Prevote, 1, Some(value.hash()))]
    );
}

#[test]
fn agrees_to_a_roster_that_leaves_out_who_has_left() {
    let mut bench = Bench::new();
    bench.sight.present.pop();
    let shrunk = Decision {
        next_roster: roster_of(&bench.members[..3]),
        ..bench.value(1)
    };
    bench.enter(1, 1);
    assert_eq!(
        ballots(&bench.propose(1, 1, &shrunk)),
        [(Step::Prevote, 1, Some(shrunk.hash()))]
    );
}

#[test]
fn votes_nil_on_what_is_wrong() {
    let without = |bench: &Bench, left_out: usize| {
        let mut members = bench.roster.members.to_vec();
        members.remove(left_out);
        Decision {
            next_roster: Roster::of(members),
            ..bench.value(1)
        }
    };
    let cases: [fn(&Bench) -> Decision; 5] = [
        |bench| Decision {
            forced_changes: 1,
            ..bench.value(1)
        },
        |bench| bench.value(13),
        |bench| Decision {
            history_root: Hash::ZERO,
            ..bench.value(1)
        },
        |bench| Decision {
            height: 0,
            ..bench.value(1)
        },
        |bench| Decision {
            next_roster: Roster::default(),
            ..bench.value(1)
        },
    ];
    let built = cases.map(|case| case(&Bench::new()));
    let itself_or_another = [0, 3].map(|left_out| without(&Bench::new(), left_out));
    for wrong in built.into_iter().chain(itself_or_another) {
        let mut bench = Bench::new();
        bench.sight.conflicting.insert(block(13));
        bench.enter(1, 1);
        assert_eq!(
            ballots(&bench.propose(1, 1, &wrong)),
            [(Step::Prevote, 1, None)],
            "{wrong:?}"
        );
        assert_eq!(
            ballots(&bench.two_vote(1, Step::Prevote, None)),
            [(Step::Precommit, 1, None)]
        );
    }
}

#[test]
fn a_new_leader_gets_no_other_value_past_a_lock() {
    let mut bench = Bench::new();
    let locked = bench.value(1);
    let other = bench.value(2);
    bench.lock(&locked);
    bench.restart();

    bench.enter(2, 2);
    assert_eq!(
        ballots(&bench.propose(2, 2, &other)),
        [(Step::Prevote, 2, None)]
    );
    bench.enter(3, 3);
    assert_eq!(
        ballots(&bench.propose(3, 3, &locked)),
        [(Step::Prevote, 3, Some(locked.hash()))],
        "what it is locked on it votes for"
    );

    let unlocking = certificate(&other, &bench.roster, 4, Step::Prevote, &bench.members[1..]);
    bench.enter(5, 1);
    let proposal = bench.proposal(1, 5, &other, Some(unlocking));
    assert_eq!(
        ballots(&bench.receive(proposal).unwrap()),
        [(Step::Prevote, 5, Some(other.hash()))],
        "later prevotes of more than two thirds release it"
    );
}

#[test]
fn a_locked_leader_proposes_its_lock_with_the_prevotes() {
    let mut bench = Bench::new();
    let locked = bench.value(1);
    bench.lock(&locked);
    bench.restart();
    bench.sight.tip = (2, block(2));
    let sent = bench.enter(2, 0);
    let Message::Proposal(proposal) = &sent[0] else {
        panic!("{sent:?}")
    };
    assert_eq!(proposal.decision, locked);
    let valid = proposal.valid.as_ref().unwrap();
    assert_eq!(valid.verify(&locked, &bench.roster, Step::Prevote), Ok(()));
    assert_eq!(valid.round, 1);
}

#[test]
fn is_bound_only_to_what_its_executed_chain_contains() {
    let mut bench = Bench::new();
    let value = bench.value(1);
    bench.sight.left.insert(block(1));
    bench.enter(1, 1);
    let prevote = [(Step::Prevote, 1, Some(value.hash()))];
    assert_eq!(
        ballots(&bench.propose(1, 1, &value)),
        prevote,
        "it is valid"
    );
    assert!(bench.two_vote(1, Step::Prevote, Some(&value)).is_empty());
    assert_eq!(bench.voter.state().valid, None);
    let justified = bench.voter.justified().unwrap();
    assert_eq!((justified.height, justified.hash), (1, block(1)));

    bench.sight.left.clear();
    assert_eq!(
        ballots(&bench.look()),
        [(Step::Precommit, 1, Some(value.hash()))]
    );
    bench.restart();
    assert_eq!(
        bench.voter.justified(),
        Some(justified),
        "it is still bound"
    );
    bench.force(roster_of(&bench.members[..3]));
    assert_eq!(bench.voter.justified(), None, "nobody is");
}

#[test]
fn what_a_quorum_prevoted_is_known_from_a_proposal_and_proposed_in_turn() {
    let mut bench = Bench::new();
    let [older, newer] = [1, 2].map(|name| bench.value(name));
    bench.sight.unknown.insert(block(2));
    bench.sight.tip = (2, block(3));
    bench.enter(5, 1);
    let others = &bench.members[1..];
    let prevotes = |value, round| {
        let roster = &bench.roster;
        certificate(value, roster, round, Step::Prevote, others)
    };
    let [of_newer, of_older] = [prevotes(&newer, 4), prevotes(&older, 3)];
    let proposal = bench.proposal(1, 5, &newer, Some(of_newer.clone()));
    assert!(
        bench.receive(proposal).unwrap().is_empty(),
        "it is not here"
    );
    assert_eq!(bench.voter.justified().unwrap().hash, block(2));

    bench.enter(6, 2);
    let proposal = bench.proposal(2, 6, &older, Some(of_older));
    bench.receive(proposal).unwrap();
    assert_eq!(bench.voter.justified().unwrap().hash, block(2));

    bench.sight.unknown.clear();
    let sent = bench.enter(7, 0);
    let Message::Proposal(proposal) = &sent[0] else {
        panic!("{sent:?}")
    };
    assert_eq!(proposal.decision, newer);
    assert_eq!(proposal.valid, Some(of_newer));
}

#[test]
fn refuses_proposals_that_nobody_may_make() {
    let mut bench = Bench::new();
    let value = bench.value(1);
    bench.enter(5, 1);
    assert!(matches!(
        bench.receive(bench.proposal(2, 5, &value, None)),
        Err(ProposalError::NotLeader { round: 5, .. })
    ));
    let few = certificate(&value, &bench.roster, 4, Step::Prevote, &bench.members[..2]);
    assert_eq!(
        bench.receive(bench.proposal(1, 5, &value, Some(few))),
        Err(ProposalError::Valid(CertificateError::Quorum {
            expected: 3,
            members: 4,
            came: 2
        }))
    );
    let late = certificate(&value, &bench.roster, 5, Step::Prevote, &bench.members);
    assert_eq!(
        bench.receive(bench.proposal(1, 5, &value, Some(late))),
        Err(ProposalError::ValidRound { round: 5, came: 5 })
    );
    let mut forged = bench.proposal(1, 5, &value, None);
    forged.decision = bench.value(2);
    assert!(matches!(
        bench.receive(forged),
        Err(ProposalError::Signature(_))
    ));
    bench.propose(1, 5, &value);
    let second = bench.proposal(1, 5, &bench.value(2), None);
    assert!(matches!(
        bench.receive(second),
        Err(ProposalError::Second { round: 5, .. })
    ));
}

#[test]
fn refuses_votes_that_do_not_count_and_keeps_proof_of_double_ones() {
    let mut bench = Bench::new();
    let value = bench.value(1);
    bench.enter(1, 1);
    let stranger = vote(&secret(60), &bench.roster, 1, 1, Step::Prevote, None);
    assert!(matches!(
        bench.count(stranger),
        Err(VoteError::NotMember { .. })
    ));
    let mut forged = bench.vote(2, 1, Step::Prevote, None);
    forged.voter = bench.members[1].public_key();
    assert!(matches!(bench.count(forged), Err(VoteError::Signature(_))));

    let first = bench.vote(2, 1, Step::Prevote, None);
    let second = bench.vote(2, 1, Step::Prevote, Some(&value));
    bench.count(first).unwrap();
    bench.count(first).unwrap();
    assert!(bench.voter.take_evidence().is_empty());
    for _ in 0..2 {
        assert!(matches!(
            bench.count(second),
            Err(VoteError::Equivocation { round: 1, .. })
        ));
    }
    let proofs = bench.voter.take_evidence();
    assert_eq!(proofs.len(), 1);
    assert!(proofs[0].verify(&network()).is_ok());
}

#[test]
fn a_voter_counts_once_towards_a_quorum() {
    let mut bench = Bench::new();
    let value = bench.value(1);
    bench.enter(1, 1);
    bench.propose(1, 1, &value);
    for _ in 0..3 {
        let prevote = bench.vote(1, 1, Step::Prevote, Some(&value));
        assert!(bench.count(prevote).unwrap().is_empty());
    }
}

#[test]
fn keeps_what_comes_before_its_term_or_log_entry() {
    let mut bench = Bench::new();
    let value = bench.value(1);
    bench.enter(1, 3);
    assert!(bench.propose(1, 2, &value).is_empty());
    bench.two_vote(2, Step::Prevote, Some(&value));
    assert_eq!(
        ballots(&bench.enter(2, 1)),
        [
            (Step::Prevote, 2, Some(value.hash())),
            (Step::Precommit, 2, Some(value.hash()))
        ]
    );

    let next = Decision {
        instance: 2,
        height: 2,
        ..bench.value(2)
    };
    let early = vote(
        &bench.members[1],
        &bench.roster,
        2,
        2,
        Step::Prevote,
        Some(next.hash()),
    );
    bench.count(early).unwrap();
    assert!(bench.propose(1, 2, &next).is_empty());
    let certified = Certified {
        certificate: certificate(&value, &bench.roster, 2, Step::Precommit, &bench.members),
        decision: value,
    };
    let entry = signed(bench.log.record_decided(certified, 2).unwrap());
    bench.log.append(&entry).unwrap();
    let actions = bench.voter.on_log_appended(&bench.log, &bench.sight);
    let sent = bench.settle(actions);
    assert_eq!(ballots(&sent), [(Step::Prevote, 2, Some(next.hash()))]);
    let last = vote(
        &bench.members[2],
        &bench.roster,
        2,
        2,
        Step::Prevote,
        Some(next.hash()),
    );
    assert_eq!(
        ballots(&bench.count(last).unwrap()),
        [(Step::Precommit, 2, Some(next.hash()))]
    );
}

#[test]
fn precommits_of_an_earlier_round_still_certify_and_a_new_leader_sends_them() {
    let mut bench = Bench::new();
    let value = bench.value(1);
    bench.lock(&value);
    bench.enter(2, 2);
    assert!(bench.two_vote(1, Step::Precommit, Some(&value)).is_empty());
    assert_eq!(bench.voter.certified().unwrap().certificate.round, 1);
    let sent = bench.enter(3, 0);
    assert!(matches!(&sent[..], [Message::Certified(certified)] if certified.decision == value));
}

#[test]
fn after_a_crash_it_sends_the_same_ballots_again_and_no_others() {
    let mut bench = Bench::new();
    let value = bench.value(1);
    bench.lock(&value);
    let both = [
        (Step::Prevote, 1, Some(value.hash())),
        (Step::Precommit, 1, Some(value.hash())),
    ];
    assert_eq!(ballots(&bench.connect()), both, "from memory");
    bench.restart();
    bench.enter(1, 1);
    assert_eq!(ballots(&bench.connect()), both, "signed again");
    assert!(bench.propose(1, 1, &bench.value(2)).is_empty());
    let joined = bench.members[3].public_key();
    let actions = bench.voter.on_member_joined(&joined);
    assert_eq!(ballots(&bench.settle(actions)), both);
    let stranger = secret(60).public_key();
    assert!(bench.voter.on_member_joined(&stranger).is_empty());
}

#[test]
fn a_forced_change_releases_locks_and_begins_rounds_anew_also_of_a_roster_that_returns() {
    let mut bench = Bench::new();
    let value = bench.value(1);
    bench.lock(&value);
    let before = bench.voter.state().clone();
    let all = bench.roster.clone();
    bench.force(roster_of(&bench.members[..3]));
    assert_eq!(bench.voter.state().locked, None);
    assert!(bench.connect().is_empty());
    let other = bench.value(2);
    assert_eq!(
        ballots(&bench.propose(1, 1, &other)),
        [(Step::Prevote, 1, Some(other.hash()))]
    );

    bench.force(all);
    let other = bench.value(2);
    let prevote = [(Step::Prevote, 1, Some(other.hash()))];
    assert_eq!(ballots(&bench.propose(1, 1, &other)), prevote);
    let ahead = bench.voter.state().clone();
    // What was voted before is no vote of this end of the log, and need not be remembered.
    bench.voter = Voter::new(bench.members[0].public_key(), &bench.log, Some(before));
    bench.enter(1, 1);
    assert_eq!(ballots(&bench.propose(1, 1, &other)), prevote);
    let third = bench.value(3);
    bench.voter = Voter::new(
        bench.members[0].public_key(),
        &bench.log,
        Some(ahead.clone()),
    );
    bench.enter(1, 1);
    assert!(bench.propose(1, 1, &third).is_empty(), "voted already");
    bench.enter(2, 2);
    assert_eq!(
        ballots(&bench.propose(2, 2, &third)),
        [(Step::Prevote, 2, Some(third.hash()))]
    );

    let mut shorter = Bench::new();
    shorter.voter = Voter::new(shorter.members[0].public_key(), &shorter.log, Some(ahead));
    shorter.enter(9, 1);
    assert!(
        shorter.propose(1, 9, &value).is_empty(),
        "a log that lost entries is not voted under"
    );
}
