//! Tests of finality: the parts by themselves, and clusters of members under faults.

mod agreement;
mod bench;
mod cluster;
mod evidence;
mod log;
mod mark;
mod policy;
mod voter;

use crate::difficulty::Target;
use crate::encoding::{List, Text};
use crate::finality::{Ballot, Certificate, Decision, LogEntry, LogRecord, Roster, Step, Vote};
use crate::hash::{BlockHash, Hash, Tag};
use crate::keys::{PublicKey, SecretKey};
use crate::network::{Admission, Consensus, NetworkParameters, Work};

const RELAY_SEED: u8 = 255;

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

/// The secrets of `count` members, in the order of their public keys, as in a roster.
fn secrets(count: u8) -> Vec<SecretKey> {
    let mut secrets: Vec<_> = (0..count).map(secret).collect();
    secrets.sort_by_key(SecretKey::public_key);
    secrets
}

fn roster_of(secrets: &[SecretKey]) -> Roster {
    Roster::of(secrets.iter().map(SecretKey::public_key))
}

fn network() -> NetworkParameters {
    let easiest_bits = Target::from_compact(0x207f_ffff)
        .map(|_| 0x207f_ffff)
        .unwrap();
    NetworkParameters {
        name: Text::new("test").unwrap(),
        consensus: Consensus::Work(Work {
            spacing_ms: 10_000,
            first_bits: easiest_bits,
            easiest_bits,
        }),
        admission: Admission::Open,
        created_at_ms: 1_700_000_000_000,
        salt: [7; 16],
        relay: secret(RELAY_SEED).public_key(),
        block_reward: 1,
        transaction_work_bits: 0,
        state_bytes_per_account_max: 1 << 20,
        forced_changes_allowed: true,
    }
}

fn signed(record: LogRecord) -> LogEntry {
    LogEntry {
        signature: secret(RELAY_SEED).sign(&record.statement()),
        record,
    }
}

fn block(name: u64) -> BlockHash {
    BlockHash(Tag::HEADER.hash_encoded(&name).0)
}

fn history_root(block: &BlockHash) -> Hash {
    Tag::HISTORY.hash_encoded(block)
}

fn decision(instance: u64, height: u64, block: BlockHash, next_roster: Roster) -> Decision {
    Decision {
        network: network().id(),
        instance,
        height,
        block,
        history_root: history_root(&block),
        forced_changes: 0,
        next_roster,
    }
}

fn vote(
    voter: &SecretKey,
    roster: &Roster,
    instance: u64,
    round: u64,
    step: Step,
    value: Option<Hash>,
) -> Vote {
    let ballot = Ballot {
        network: network().id(),
        roster: roster.hash(),
        instance,
        forced_changes: 0,
        round,
        step,
        value,
    };
    cast(voter, ballot)
}

fn cast(voter: &SecretKey, ballot: Ballot) -> Vote {
    Vote {
        ballot,
        voter: voter.public_key(),
        signature: voter.sign(&ballot.statement()),
    }
}

/// What these members of a roster signed, whether that is enough or not.
fn certificate(
    decision: &Decision,
    roster: &Roster,
    round: u64,
    step: Step,
    signers: &[SecretKey],
) -> Certificate {
    let ballot = Ballot {
        network: decision.network,
        roster: roster.hash(),
        instance: decision.instance,
        forced_changes: decision.forced_changes,
        round,
        step,
        value: Some(decision.hash()),
    };
    let mut signatures: Vec<_> = signers
        .iter()
        .map(|signer| {
            let index = index_in(roster, &signer.public_key());
            (index, cast(signer, ballot).signature)
        })
        .collect();
    signatures.sort_by_key(|&(index, _)| index);
    Certificate {
        round,
        signatures: List::new(signatures).unwrap(),
    }
}

fn index_in(roster: &Roster, key: &PublicKey) -> u16 {
    u16::try_from(roster.index_of(key).unwrap()).unwrap()
}
