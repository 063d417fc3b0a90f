//! What convicts a key, what does not, and how much of it is kept.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{RELAY_SEED, block, cast, decision, network, roster_of, secret, secrets, signed, vote};
use crate::block::{Header, Seal, SealedHeader};
use crate::encoding::List;
use crate::finality::evidence::{
    Conviction, Evidence, EvidenceBook, EvidenceError, EvidenceKind, Offence,
};
use crate::finality::log::DecisionLog;
use crate::finality::{Ballot, Decision, LogEntry, Proposal, Step};
use crate::hash::Hash;
use crate::keys::{PublicKey, SecretKey};
use crate::limits::EVIDENCE_MAX;
use crate::network::{Consensus, Holder, NetworkParameters, Stake};
use crate::store::{Rows, Table};

/// A vote for nil, and in the same step one for `value`.
fn two_votes(members: &[SecretKey], voter: usize, value: Option<Hash>) -> Evidence {
    let roster = roster_of(members);
    let vote = |value| vote(&members[voter], &roster, 1, 1, Step::Prevote, value);
    Evidence::Votes(Box::new((vote(None), vote(value))))
}

fn propose(leader: &SecretKey, round: u64, decision: Decision) -> Proposal {
    let mut proposal = Proposal {
        roster: decision.next_roster.hash(),
        decision,
        round,
        valid: None,
        proposer: leader.public_key(),
        signature: leader.sign(b""),
    };
    proposal.signature = leader.sign(&proposal.statement());
    proposal
}

fn proposals(one: Proposal, other: Proposal) -> Evidence {
    Evidence::Proposals(Box::new((one, other)))
}

fn entries(one: &LogEntry, other: &LogEntry) -> Evidence {
    Evidence::Log(Box::new((one.clone(), other.clone())))
}

#[test]
fn votes_convict_only_their_voter_and_only_where_they_differ_in_their_value() {
    let members = secrets(2);
    let roster = roster_of(&members);
    let vote =
        |voter: usize, round, step, value| vote(&members[voter], &roster, 1, round, step, value);
    let value = Some(Hash::ZERO);
    let first = vote(0, 1, Step::Prevote, None);
    let both = |other| Evidence::Votes(Box::new((first, other))).verify(&network());
    assert_eq!(
        both(vote(0, 1, Step::Prevote, value)),
        Ok(Conviction {
            key: members[0].public_key(),
            offence: Offence::Votes {
                instance: 1,
                round: 1,
                step: Step::Prevote,
                values: [None, value],
            },
        })
    );
    let after_a_forced_change = Ballot {
        forced_changes: 1,
        value,
        ..first.ballot
    };
    for innocent in [
        first,
        vote(1, 1, Step::Prevote, value),
        vote(0, 2, Step::Prevote, value),
        vote(0, 1, Step::Precommit, value),
        cast(&members[0], after_a_forced_change),
    ] {
        assert_eq!(both(innocent), Err(EvidenceError::Agreeing));
    }
    let mut forged = vote(0, 1, Step::Prevote, value);
    forged.signature = vote(1, 1, Step::Prevote, value).signature;
    assert!(matches!(both(forged), Err(EvidenceError::Signature(_))));
    let elsewhere = NetworkParameters {
        salt: [8; 16],
        ..network()
    };
    let evidence = two_votes(&members, 0, value);
    assert_eq!(evidence.verify(&elsewhere), Err(EvidenceError::Network));
}

#[test]
fn proposals_convict_a_leader_of_two_decisions_in_one_term() {
    let members = secrets(2);
    let decide = |name| decision(1, 1, block(name), roster_of(&members));
    let first = propose(&members[0], 1, decide(1));
    let second = propose(&members[0], 1, decide(2));
    let convicted = proposals(first.clone(), second.clone()).verify(&network());
    let convicted = convicted.unwrap();
    assert_eq!(convicted.key, members[0].public_key());
    assert_eq!(convicted.offence.kind(), EvidenceKind::Proposals);
    for innocent in [
        first.clone(),
        propose(&members[0], 2, decide(2)),
        propose(&members[1], 1, decide(2)),
    ] {
        let both = proposals(first.clone(), innocent).verify(&network());
        assert_eq!(both, Err(EvidenceError::Agreeing));
    }
    let forged = Proposal {
        signature: first.signature,
        ..second
    };
    assert!(matches!(
        proposals(first, forged).verify(&network()),
        Err(EvidenceError::Signature(_))
    ));
}

#[test]
fn blocks_convict_a_producer_of_two_for_one_slot() {
    let holder = secret(1);
    let network = NetworkParameters {
        consensus: Consensus::Stake(Stake {
            slot_ms: 1_000,
            epoch_slots: 20,
            holders: List::truncated([Holder {
                key: holder.public_key(),
                stake: 1,
            }]),
        }),
        ..network()
    };
    let in_network = |network: &NetworkParameters, timestamp_ms, nonce, signer: &SecretKey| {
        let header = Header {
            producer: holder.public_key(),
            timestamp_ms,
            nonce,
            ..network.genesis()
        };
        let statement = SealedHeader::statement(&network.id(), &header.hash());
        let seal = Seal::Stake(signer.sign(&statement));
        SealedHeader { header, seal }
    };
    let produce = |timestamp_ms, nonce| in_network(&network, timestamp_ms, nonce, &holder);
    let first = produce(5_000, 1);
    let both = |other| Evidence::Blocks(Box::new((first.clone(), other)));
    let second = produce(5_000, 2);
    assert_eq!(
        both(second.clone()).verify(&network),
        Ok(Conviction {
            key: holder.public_key(),
            offence: Offence::Blocks {
                slot_start_ms: 5_000,
                blocks: [first.header.hash(), second.header.hash()],
            },
        })
    );
    let mut by_another = second.clone();
    by_another.header.producer = secret(2).public_key();
    for innocent in [first.clone(), produce(6_000, 1), by_another] {
        let refused = both(innocent).verify(&network);
        assert_eq!(refused, Err(EvidenceError::Agreeing));
    }
    let elsewhere = NetworkParameters {
        salt: [8; 16],
        ..network.clone()
    };
    let unsealed = SealedHeader {
        seal: Seal::Work,
        ..second.clone()
    };
    for forged in [
        in_network(&network, 5_000, 2, &secret(2)),
        in_network(&elsewhere, 5_000, 2, &holder),
        unsealed,
    ] {
        let refused = both(forged).verify(&network);
        assert!(matches!(refused, Err(EvidenceError::Signature(_))));
    }
    let of_work = NetworkParameters {
        consensus: super::network().consensus,
        ..network.clone()
    };
    let refused = both(second).verify(&of_work);
    assert_eq!(refused, Err(EvidenceError::Agreeing));
}

#[test]
fn entries_of_two_logs_convict_the_relay_and_those_of_one_do_not() {
    let members = secrets(3);
    let mut log = DecisionLog::new(&network());
    let first = signed(log.record_forced(roster_of(&members), 1).unwrap());
    let other = signed(log.record_forced(roster_of(&members), 2).unwrap());
    log.append(&first).unwrap();
    let next = signed(log.record_forced(roster_of(&members), 3).unwrap());
    let convicted = entries(&first, &other).verify(&network()).unwrap();
    assert_eq!(convicted.key, secret(RELAY_SEED).public_key());
    assert_eq!(
        convicted.offence,
        Offence::Log {
            entries: [(0, first.record.hash()), (0, other.record.hash())],
        }
    );
    assert!(entries(&other, &next).verify(&network()).is_ok());
    for (one, two) in [(&first, &first), (&first, &next), (&next, &other)] {
        let verdict = entries(one, two).verify(&network());
        assert_eq!(verdict, Err(EvidenceError::Agreeing));
    }
    let forged = LogEntry {
        signature: first.signature,
        ..other
    };
    assert!(matches!(
        entries(&first, &forged).verify(&network()),
        Err(EvidenceError::Signature(_))
    ));
}

#[test]
fn one_piece_is_kept_for_each_key_and_kind_up_to_a_limit_that_the_relay_does_not_share() {
    let mut book = EvidenceBook::default();
    let count = u8::try_from(EVIDENCE_MAX).unwrap() + 1;
    let members = secrets(count);
    let mut rows = Vec::new();
    for voter in 0..EVIDENCE_MAX {
        for value in [Hash::ZERO, Hash([1; 32])] {
            let evidence = two_votes(&members, voter, Some(value));
            rows.extend(book.add(&network(), &evidence, |_| true).unwrap());
        }
    }
    assert_eq!(rows.len(), EVIDENCE_MAX);
    let one_more = two_votes(&members, EVIDENCE_MAX, Some(Hash::ZERO));
    assert_eq!(book.add(&network(), &one_more, |_| true), Ok(Vec::new()));
    assert!(!book.convicts_relay());
    let log = DecisionLog::new(&network());
    let entry = |at_ms| signed(log.record_forced(roster_of(&members[..3]), at_ms).unwrap());
    let added = book.add(&network(), &entries(&entry(1), &entry(2)), |_| true);
    rows.extend(added.unwrap());
    assert!(book.convicts_relay());
    let mut stored = Rows::default();
    let rows = rows.into_iter().map(|row| crate::store::Row {
        key: row.key,
        value: row.value.unwrap(),
    });
    stored.insert(Table::Evidence, rows.collect());
    let restored = EvidenceBook::restore(&network(), &stored).unwrap();
    let mut before = book.convictions().to_vec();
    let mut after = restored.convictions().to_vec();
    before.sort_by_key(|conviction| conviction.key);
    after.sort_by_key(|conviction| conviction.key);
    assert_eq!(before, after);
}

#[test]
fn strangers_that_convict_themselves_leave_room_for_who_votes() {
    let mut book = EvidenceBook::default();
    let count = u8::try_from(EVIDENCE_MAX).unwrap() + 2;
    let members = secrets(count);
    let (voter, stranger) = (EVIDENCE_MAX, EVIDENCE_MAX + 1);
    let matters = |key: &PublicKey| *key == members[voter].public_key();
    let mut add = |accused: usize| {
        let evidence = two_votes(&members, accused, Some(Hash::ZERO));
        book.add(&network(), &evidence, matters).unwrap()
    };
    for accused in 0..EVIDENCE_MAX {
        assert_eq!(add(accused).len(), 1);
    }
    assert!(add(stranger).is_empty(), "there is no room");
    let rows = add(voter);
    assert_eq!(rows.len(), 2);
    assert!(rows[0].value.is_none() && rows[1].value.is_some());
    assert_eq!(
        add(0).len() + add(voter).len(),
        0,
        "it is not replaced again"
    );
    assert_eq!(book.iter().count(), EVIDENCE_MAX);
    let convicted = book.convictions().iter().map(|conviction| conviction.key);
    let convicted: Vec<_> = convicted.collect();
    assert_eq!(convicted.len(), EVIDENCE_MAX);
    assert!(convicted.contains(&members[voter].public_key()));
}
