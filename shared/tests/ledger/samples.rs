//! One value of every kind that travels or is stored, from fixed inputs.

use borsh::{BorshDeserialize, BorshSerialize};
use shared::block::{Block, Body, Header, Outcomes, Seal, SealedHeader};
use shared::difficulty::Schedule;
use shared::encoding::{List, decode, encode};
use shared::finality::evidence::Evidence;
use shared::finality::mark::VoteMark;
use shared::finality::voter::VoteState;
use shared::finality::{
    Ballot, Certificate, Decision, LogEntry, LogEvent, LogRecord, Proposal, Roster, Step, Vote,
};
use shared::hash::{BlockHash, Hash, Tag};
use shared::invitation::Invitation;
use shared::mempool::PendingRow;
use shared::message::{
    Admission, AnnouncedBody, BlockAnnouncement, Certified, Challenge, CheckAnswer, CheckQuery,
    CheckReport, ErrorCode, ErrorMessage, Hello, Leader, Member, Message, NodeStatus, Presence,
    RegistrationStatement, Remembered, Submission, Tip, Welcome,
};
use shared::state::{BlockContext, Progress, State, account_path};
use shared::store::Place;
use shared::transaction::{Action, Expect, Outcome, SignedTransaction};

use crate::common::{
    Builder, CREATED_AT_MS, network, public, put, secret, sign, text, transaction,
};
use crate::stake::stake_network;

/// A transaction of each shape.
pub(crate) fn transactions() -> Vec<SignedTransaction> {
    let id = network().id();
    let expecting = |expect| Action::Put {
        key: text("clé 🗝"),
        value: text("значение"),
        expect,
    };
    let first = put(1, 0, "greeting", "hello");
    let written_by = Expect::WrittenBy(first.transaction.id());
    let to = public(2);
    let mut expiring = transaction(id, 1, 3, Action::Transfer { to, amount: 7 });
    expiring.valid_until = Some(99);
    vec![
        first,
        sign(1, transaction(id, 1, 1, expecting(Expect::Absent))),
        sign(1, transaction(id, 1, 2, expecting(written_by))),
        sign(1, expiring.with_work(8)),
    ]
}

/// A block with the first three of [`transactions`] and two different outcomes.
pub(crate) fn block() -> Block {
    let mut builder = Builder::new();
    builder.mine(3, &transactions()[..3])
}

pub(crate) fn roster() -> Roster {
    Roster::of([public(1), public(2), public(3)])
}

pub(crate) fn decision() -> Decision {
    Decision {
        network: network().id(),
        instance: 1,
        height: 5,
        block: BlockHash([5; 32]),
        history_root: Hash([6; 32]),
        forced_changes: 0,
        next_roster: roster(),
    }
}

pub(crate) fn ballot(step: Step) -> Ballot {
    Ballot {
        network: network().id(),
        roster: roster().hash(),
        instance: 1,
        forced_changes: 0,
        round: 4,
        step,
        value: Some(decision().hash()),
    }
}

pub(crate) fn vote(voter: u8, step: Step) -> Vote {
    let ballot = ballot(step);
    Vote {
        ballot,
        voter: public(voter),
        signature: secret(voter).sign(&ballot.statement()),
    }
}

pub(crate) fn certificate(step: Step) -> Certificate {
    let roster = roster();
    let mut signatures: Vec<_> = (1..=3)
        .map(|voter| {
            let index = roster.index_of(&public(voter)).unwrap();
            (u16::try_from(index).unwrap(), vote(voter, step).signature)
        })
        .collect();
    signatures.sort_by_key(|(index, _)| *index);
    Certificate {
        round: 4,
        signatures: List::new(signatures).unwrap(),
    }
}

pub(crate) fn proposal() -> Proposal {
    let mut proposal = Proposal {
        decision: decision(),
        roster: roster().hash(),
        round: 5,
        valid: Some(certificate(Step::Prevote)),
        proposer: public(1),
        signature: secret(1).sign(b""),
    };
    proposal.signature = secret(1).sign(&proposal.statement());
    proposal
}

/// The log's first two entries: the roster at the start, and a decision.
pub(crate) fn log() -> Vec<LogEntry> {
    let started = record(
        0,
        Hash::ZERO,
        LogEvent::Forced {
            instance: 1,
            old_roster: Roster::default().hash(),
            new_roster: roster(),
            base_height: 0,
            base: network().genesis().hash(),
        },
    );
    let decided = record(
        1,
        started.hash(),
        LogEvent::Decided {
            decision: decision(),
            certificate: certificate(Step::Precommit),
        },
    );
    [started, decided]
        .map(|record| LogEntry {
            signature: secret(200).sign(&record.statement()),
            record,
        })
        .to_vec()
}

fn record(index: u64, previous: Hash, event: LogEvent) -> LogRecord {
    LogRecord {
        network: network().id(),
        index,
        previous,
        timestamp_ms: CREATED_AT_MS + index,
        event,
    }
}

pub(crate) fn statement() -> RegistrationStatement {
    RegistrationStatement {
        network: network().id(),
        relay: public(200),
        node: public(1),
        relay_nonce: [0xaa; 32],
        node_nonce: [0xbb; 32],
    }
}

/// At least one message of every variant, named after what it shows.
pub(crate) fn messages() -> Vec<(&'static str, Message)> {
    let mut all = session();
    all.extend(blocks());
    all.extend(finality());
    all.extend(checks());
    all
}

/// Reads bytes, and writes what was read.
type Rewrite = fn(&[u8]) -> Option<Vec<u8>>;

fn stored<T: BorshSerialize + BorshDeserialize>(
    name: &'static str,
    value: &T,
) -> (&'static str, Vec<u8>, Rewrite) {
    let rewrite: Rewrite = |bytes| {
        decode::<T>("stored value", bytes)
            .ok()
            .map(|read| encode(&read))
    };
    (name, encode(value), rewrite)
}

/// A value of every type that is stored, beside those that travel, with the way it is read.
pub(crate) fn stored_values() -> Vec<(&'static str, Vec<u8>, Rewrite)> {
    let block = block();
    let mut state = State::default();
    let context = BlockContext {
        height: 1,
        producer: public(3),
        progress: Progress::Work(Schedule {
            anchor_ms: CREATED_AT_MS,
            forgiven_ms: 7,
        }),
    };
    let transactions = transactions();
    let executed = transactions.iter().take(3);
    let executed = executed.map(|signed| (signed.transaction.id(), &signed.transaction));
    let (_, undo) = state.execute(&network(), &context, executed).unwrap();
    let pending = PendingRow {
        signed: transactions[3].clone(),
        submitter: public(4),
        is_acknowledged: true,
    };
    let votes = VoteState {
        log_length: 2,
        instance: 2,
        prevote: Some(ballot(Step::Prevote)),
        precommit: Some(ballot(Step::Precommit)),
        locked: Some((4, decision())),
        valid: Some(Certified {
            decision: decision(),
            certificate: certificate(Step::Prevote),
        }),
        proposed: None,
    };
    let place = Place {
        height: 5,
        index: 2,
    };
    let mut values = vec![
        stored("parameters", &network()),
        stored("sealed header", &block.sealed),
        stored("body", &block.body),
        stored("block", &block),
        stored("undo", &undo),
        stored("place", &place),
        stored("pending row", &pending),
        stored("log entry", &log()[1]),
        stored("votes", &votes),
        stored("state proof", &state.prove(&account_path(&public(3)))),
    ];
    values.extend(state.entries().map(|entry| stored("state entry", entry)));
    values
}

fn session() -> Vec<(&'static str, Message)> {
    let hello = Hello {
        protocol_version: 1,
        network: Some(network().id()),
        key: public(1),
        nonce: [0xbb; 32],
        agent: text("test/1"),
    };
    let anywhere = Hello {
        network: None,
        ..hello.clone()
    };
    let challenge = Challenge {
        network: network(),
        nonce: [0xaa; 32],
        signature: secret(200).sign(&statement().by_relay()),
    };
    let staked = Challenge {
        network: stake_network(),
        ..challenge.clone()
    };
    let welcome = Welcome {
        id: 1,
        session: 2,
        relay_time_ms: CREATED_AT_MS,
        presence: presence(),
        tip: status().tip,
        log_length: 2,
        mark: Some(VoteMark {
            log_length: 1,
            prevote: Some(vote(1, Step::Prevote)),
            precommit: None,
        }),
    };
    vec![
        ("hello", Message::Hello(hello)),
        ("hello, any network", Message::Hello(anywhere)),
        ("challenge", Message::Challenge(Box::new(challenge))),
        ("challenge, stake", Message::Challenge(Box::new(staked))),
        (
            "register",
            Message::Register {
                signature: secret(1).sign(&statement().by_node()),
                invitation: None,
                remembered: Box::default(),
            },
        ),
        (
            "register by invitation",
            Message::Register {
                signature: secret(1).sign(&statement().by_node()),
                invitation: Some(Invitation::from_bytes([0xcc; 32])),
                remembered: Box::new(Remembered {
                    head: log().last().cloned().map(Box::new),
                    id: Some(1),
                    term: 2,
                }),
            },
        ),
        ("welcome", Message::Welcome(Box::new(welcome))),
        (
            "error",
            Message::Error(ErrorMessage {
                code: ErrorCode::Superseded,
                explanation: text("another tab"),
            }),
        ),
        (
            "ping",
            Message::Ping {
                sequence: 3,
                relay_time_ms: CREATED_AT_MS,
            },
        ),
        (
            "pong",
            Message::Pong {
                sequence: 3,
                status: status(),
            },
        ),
        ("status", Message::Status(status())),
        ("leave", Message::Leave),
        ("presence", Message::Presence(presence())),
    ]
}

fn status() -> NodeStatus {
    NodeStatus {
        tip: Tip {
            height: 1,
            hash: block().sealed.header.hash(),
            work: Builder::on(&[block()]).chain.tip().work,
        },
        log_length: 2,
        log_head: log()[1].record.hash(),
        synced: true,
        visible: false,
        abstains: true,
        stays: true,
        hashes_per_second: 1_000_000,
    }
}

fn presence() -> Presence {
    let member = Member {
        id: 1,
        key: public(1),
        agent: text("test/1"),
        since_ms: CREATED_AT_MS,
        status: status(),
    };
    Presence {
        complete: true,
        present: List::truncated([member]),
        left: List::truncated([4, 5]),
        leader: Some(Leader {
            id: 1,
            key: public(1),
            term: 4,
        }),
    }
}

fn blocks() -> Vec<(&'static str, Message)> {
    let block = block();
    let hash = block.sealed.header.hash();
    let ids = transactions()
        .into_iter()
        .map(|signed| signed.transaction.id());
    let admissions = [
        Admission::Pending,
        Admission::Mined,
        Admission::Refused(text("the pool is full")),
    ];
    let announce = |body| {
        Message::Block(Box::new(BlockAnnouncement {
            sealed: block.sealed.clone(),
            body,
        }))
    };
    let compact = AnnouncedBody::Compact {
        transactions: List::truncated(block.body.transactions.iter().map(SignedTransaction::hash)),
        outcomes: block.body.outcomes.clone(),
    };
    let headers = List::truncated([block.sealed.clone(), staked(block.sealed.header.bits)]);
    let every_outcome = Body {
        transactions: List::truncated(transactions()),
        outcomes: Outcomes::truncated([
            Outcome::Applied,
            Outcome::ExpectFailed,
            Outcome::BalanceTooSmall,
            Outcome::QuotaExceeded,
        ]),
    };
    let bodies = [(hash, block.body.clone()), (hash, every_outcome)];
    let submissions = transactions().into_iter().map(|signed| Submission {
        submitter: public(4),
        signed,
    });
    vec![
        (
            "transactions",
            Message::Transactions(List::truncated(transactions())),
        ),
        (
            "admitted",
            Message::Admitted(List::truncated(ids.zip(admissions))),
        ),
        (
            "block, full",
            announce(AnnouncedBody::Full(block.body.clone())),
        ),
        ("block, compact", announce(compact)),
        ("get headers", Message::GetHeaders(List::truncated([hash]))),
        ("headers", Message::Headers(headers)),
        ("get bodies", Message::GetBodies(List::truncated([hash]))),
        ("bodies", Message::Bodies(List::truncated(bodies))),
        (
            "submitted",
            Message::Submitted(List::truncated(submissions)),
        ),
        (
            "come back",
            Message::ComeBack {
                after_ms: 1_000,
                within_ms: 3_000,
            },
        ),
    ]
}

fn finality() -> Vec<(&'static str, Message)> {
    let first_proposal = Proposal {
        valid: None,
        ..proposal()
    };
    let nil = Vote {
        ballot: Ballot {
            value: None,
            ..ballot(Step::Prevote)
        },
        ..vote(1, Step::Prevote)
    };
    let certified = Certified {
        decision: decision(),
        certificate: certificate(Step::Precommit),
    };
    vec![
        ("proposal", Message::Proposal(Box::new(proposal()))),
        (
            "proposal, first",
            Message::Proposal(Box::new(first_proposal)),
        ),
        ("vote", Message::Vote(vote(1, Step::Precommit))),
        ("vote, nil", Message::Vote(nil)),
        (
            "evidence",
            Message::Evidence(Box::new(Evidence::Votes(Box::new((
                vote(1, Step::Prevote),
                nil,
            ))))),
        ),
        (
            "evidence, blocks",
            Message::Evidence(Box::new(Evidence::Blocks(Box::new((staked(0), staked(1)))))),
        ),
        ("certified", Message::Certified(Box::new(certified))),
        ("log", Message::Log(List::truncated(log()))),
        ("get log", Message::GetLog { from: 1 }),
    ]
}

/// A header of [`block`] with other bits, signed as where the proof is stake.
fn staked(bits: u32) -> SealedHeader {
    let header = Header {
        bits,
        ..block().sealed.header
    };
    let statement = SealedHeader::statement(&network().id(), &header.hash());
    SealedHeader {
        seal: Seal::Stake(secret(3).sign(&statement)),
        header,
    }
}

fn checks() -> Vec<(&'static str, Message)> {
    let query = CheckQuery {
        check: (4, 1),
        member: Some(2),
        start: 0,
        end: 6,
    };
    let answer = |root: Hash| CheckAnswer {
        query,
        key: public(2),
        root,
        signature: secret(2).sign(&CheckAnswer::statement(
            &crate::common::network().id(),
            &public(2),
            &query,
            &root,
        )),
    };
    let everyone = CheckQuery {
        member: None,
        ..query
    };
    let report = CheckReport {
        check: (4, 1),
        height: 5,
        agree: List::truncated([1]),
        differ: List::truncated([(2, 3)]),
        silent: List::truncated([3]),
    };
    let root = Tag::HISTORY.hash(&[b"stored"]);
    vec![
        ("request check", Message::RequestCheck),
        ("check", Message::Check(query)),
        ("check, everyone", Message::Check(everyone)),
        ("check answer", Message::CheckAnswer(answer(root))),
        ("check report", Message::CheckReport(report)),
    ]
}
