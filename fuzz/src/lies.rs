//! Messages that are well made, and signed where they have to be; what they say is made up.

use arbitrary::{Result, Unstructured};
use shared::encoding::{List, Text};
use shared::finality::mark::VoteMark;
use shared::finality::{
    Ballot, Certificate, Decision, LogEntry, LogEvent, LogRecord, Proposal, Roster, Step, Vote,
};
use shared::hash::{BlockHash, Hash};
use shared::keys::{SecretKey, Signature};
use shared::message::{
    Certified, CheckAnswer, CheckQuery, CheckReport, Leader, Member, Message, NodeStatus, Presence,
    Tip, Welcome,
};

use crate::world::{RELAY, World, network, secret};

/// One of them.
pub(crate) fn lie(world: &World, script: &mut Unstructured<'_>) -> Result<Message> {
    let log_length = world.nodes[0].node.log().map_or(0, |log| log.length());
    let chain_height = world.nodes[0]
        .node
        .replica()
        .map_or(0, |replica| replica.chain().height());
    Ok(match script.int_in_range(0..=15)? {
        0 | 1 => Message::Log(List::truncated([log_entry(world, script)?])),
        2 | 3 => Message::Vote(vote(world, script)?),
        4 | 5 => Message::Proposal(Box::new(proposal(world, script)?)),
        6 => {
            let decision = decision(world, script)?;
            Message::Certified(Box::new(Certified {
                certificate: certificate(world, &decision, Step::Precommit, script)?,
                decision,
            }))
        }
        7 => Message::Presence(presence(script)?),
        8 => Message::Welcome(Box::new(Welcome {
            id: script.int_in_range(0..=3)?,
            session: script.arbitrary()?,
            relay_time_ms: near(world.now_ms, script)?,
            presence: presence(script)?,
            tip: tip(script)?,
            log_length: near(log_length, script)?,
            mark: mark(world, log_length, script)?,
        })),
        9 => Message::Ping {
            sequence: script.arbitrary()?,
            relay_time_ms: near(world.now_ms, script)?,
        },
        10 => Message::Status(status(script)?),
        11 => Message::GetLog {
            from: near(log_length, script)?,
        },
        12 => Message::Check(query(chain_height, script)?),
        13 => {
            let query = query(chain_height, script)?;
            let teller = teller(script)?;
            let (key, root) = (teller.public_key(), Hash(script.arbitrary()?));
            let statement = CheckAnswer::statement(&network().id(), &key, &query, &root);
            Message::CheckAnswer(CheckAnswer {
                query,
                key,
                root,
                signature: teller.sign(&statement),
            })
        }
        14 => Message::CheckReport(CheckReport {
            check: (script.int_in_range(0..=4)?, script.int_in_range(0..=4)?),
            height: near(chain_height, script)?,
            agree: List::truncated([script.int_in_range(0..=3)?]),
            differ: List::truncated([(script.int_in_range(0..=3)?, near(chain_height, script)?)]),
            silent: List::default(),
        }),
        _ => Message::RequestCheck,
    })
}

/// A number about as great as another, or any.
fn near(number: u64, script: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match script.int_in_range(0..=5)? {
        0 | 1 => number,
        2 => number.saturating_add(1),
        3 => number.saturating_sub(1),
        4 => u64::MAX,
        _ => script.arbitrary()?,
    })
}

/// One of the two members' keys, the relay's, or a stranger's.
fn teller(script: &mut Unstructured<'_>) -> Result<SecretKey> {
    Ok(secret(*script.choose(&[1, 1, 2, 2, RELAY, 5])?))
}

fn roster(script: &mut Unstructured<'_>) -> Result<Roster> {
    let members: u8 = script.int_in_range(0..=7)?;
    let chosen = [1, 2, 5].into_iter().enumerate();
    let chosen = chosen.filter(|(place, _)| members >> place & 1 == 1);
    Ok(Roster::of(
        chosen.map(|(_, number)| secret(number).public_key()),
    ))
}

fn decision(world: &World, script: &mut Unstructured<'_>) -> Result<Decision> {
    let teller = &world.nodes[usize::from(script.arbitrary::<bool>()?)].node;
    let chain = teller.replica().map(|replica| replica.chain());
    let height = near(chain.map_or(0, |chain| chain.height()), script)?;
    let block = chain.and_then(|chain| chain.hash_at(height));
    let history_root =
        chain.and_then(|chain| chain.history_root_to(height, &chain.hash_at(height)?));
    let log = teller.log();
    Ok(Decision {
        network: network().id(),
        instance: near(log.map_or(1, |log| log.next_instance()), script)?,
        height,
        block: block.unwrap_or_default(),
        history_root: history_root.unwrap_or(Hash::ZERO),
        forced_changes: near(log.map_or(0, |log| log.forced_changes()), script)?,
        next_roster: roster(script)?,
    })
}

fn roster_hash(world: &World) -> Hash {
    let log = world.nodes[0].node.log();
    log.map_or_else(|| Roster::default().hash(), |log| log.roster_hash())
}

fn ballot(
    world: &World,
    decision: &Decision,
    step: Step,
    script: &mut Unstructured<'_>,
) -> Result<Ballot> {
    Ok(Ballot {
        network: network().id(),
        roster: roster_hash(world),
        instance: decision.instance,
        forced_changes: decision.forced_changes,
        round: round(script)?,
        step,
        value: script.ratio(3, 4)?.then(|| decision.hash()),
    })
}

fn round(script: &mut Unstructured<'_>) -> Result<u64> {
    near(script.int_in_range(0..=6)?, script)
}

fn vote(world: &World, script: &mut Unstructured<'_>) -> Result<Vote> {
    let decision = decision(world, script)?;
    let step = *script.choose(&[Step::Prevote, Step::Precommit])?;
    let ballot = ballot(world, &decision, step, script)?;
    let teller = teller(script)?;
    Ok(Vote {
        ballot,
        voter: teller.public_key(),
        signature: teller.sign(&ballot.statement()),
    })
}

fn mark(world: &World, log_length: u64, script: &mut Unstructured<'_>) -> Result<Option<VoteMark>> {
    if script.arbitrary()? {
        return Ok(None);
    }
    Ok(Some(VoteMark {
        log_length: near(log_length, script)?,
        prevote: Some(vote(world, script)?),
        precommit: None,
    }))
}

fn certificate(
    world: &World,
    decision: &Decision,
    step: Step,
    script: &mut Unstructured<'_>,
) -> Result<Certificate> {
    let ballot = Ballot {
        value: Some(decision.hash()),
        ..ballot(world, decision, step, script)?
    };
    let statement = ballot.statement();
    let signers: &[(u16, u8)] =
        script.choose(&[&[(0, 1)][..], &[(0, 1), (1, 2)], &[(0, 2), (1, 1)], &[]])?;
    let signatures = signers
        .iter()
        .map(|&(index, number)| (index, secret(number).sign(&statement)));
    Ok(Certificate {
        round: ballot.round,
        signatures: List::truncated(signatures),
    })
}

fn proposal(world: &World, script: &mut Unstructured<'_>) -> Result<Proposal> {
    let decision = decision(world, script)?;
    let valid = if script.ratio(1, 3)? {
        Some(certificate(world, &decision, Step::Prevote, script)?)
    } else {
        None
    };
    let teller = teller(script)?;
    let mut proposal = Proposal {
        decision,
        roster: roster_hash(world),
        round: round(script)?,
        valid,
        proposer: teller.public_key(),
        signature: Signature([0; 64]),
    };
    proposal.signature = teller.sign(&proposal.statement());
    Ok(proposal)
}

fn log_entry(world: &World, script: &mut Unstructured<'_>) -> Result<LogEntry> {
    let log = world.nodes[0].node.log();
    let event = if script.arbitrary()? {
        let decision = decision(world, script)?;
        LogEvent::Decided {
            certificate: certificate(world, &decision, Step::Precommit, script)?,
            decision,
        }
    } else {
        let last = log.map(|log| *log.last());
        LogEvent::Forced {
            instance: near(log.map_or(1, |log| log.next_instance()), script)?,
            old_roster: roster_hash(world),
            new_roster: roster(script)?,
            base_height: last.map_or(0, |last| last.height),
            base: last.map_or_else(|| network().genesis().hash(), |last| last.block),
        }
    };
    let record = LogRecord {
        network: network().id(),
        index: near(log.map_or(0, |log| log.length()), script)?,
        previous: log.map_or(Hash::ZERO, |log| log.head()),
        timestamp_ms: script.arbitrary()?,
        event,
    };
    Ok(LogEntry {
        signature: secret(RELAY).sign(&record.statement()),
        record,
    })
}

fn tip(script: &mut Unstructured<'_>) -> Result<Tip> {
    Ok(Tip {
        height: near(3, script)?,
        hash: BlockHash(script.arbitrary()?),
        ..Tip::default()
    })
}

fn status(script: &mut Unstructured<'_>) -> Result<NodeStatus> {
    Ok(NodeStatus {
        tip: tip(script)?,
        log_length: near(1, script)?,
        log_head: Hash::ZERO,
        synced: script.arbitrary()?,
        visible: script.arbitrary()?,
        abstains: script.arbitrary()?,
        stays: script.arbitrary()?,
        hashes_per_second: script.arbitrary()?,
    })
}

fn presence(script: &mut Unstructured<'_>) -> Result<Presence> {
    let number = *script.choose(&[1, 2, 5])?;
    let key = secret(number).public_key();
    let member = Member {
        id: u64::from(number),
        key,
        agent: Text::truncated("liar"),
        since_ms: script.arbitrary()?,
        status: status(script)?,
    };
    let leader = Leader {
        id: member.id,
        key,
        term: round(script)?,
    };
    Ok(Presence {
        complete: script.arbitrary()?,
        present: List::truncated([member]),
        left: List::truncated([script.int_in_range(0..=3)?]),
        leader: script.ratio(3, 4)?.then_some(leader),
    })
}

fn query(height: u64, script: &mut Unstructured<'_>) -> Result<CheckQuery> {
    Ok(CheckQuery {
        check: (script.int_in_range(0..=4)?, script.int_in_range(0..=4)?),
        member: script.arbitrary()?,
        start: near(0, script)?,
        end: near(height, script)?,
    })
}
