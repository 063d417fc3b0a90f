//! A world in which something was decided, and one wrong message of each kind.

use shared::block::{Body, Outcomes, Seal, SealedHeader};
use shared::encoding::{List, Text};
use shared::finality::evidence::Evidence;
use shared::finality::{Ballot, Certificate, Decision, Proposal, Roster, Step, Vote};
use shared::hash::Hash;
use shared::keys::Signature;
use shared::message::{
    AnnouncedBody, BlockAnnouncement, Certified, CheckAnswer, CheckQuery, Message,
};
use shared::node::interface::Command;
use shared::rejection::{RejectionCounts, RejectionKind};
use shared::transaction::{Action, Expect, Outcome, SignedTransaction, Transaction};

use crate::world::{World, search};

/// A signature that is nobody's.
pub(super) const FORGED: Signature = Signature([7; 64]);

/// Three members, of whom the first mines and leads, and a final block.
pub(super) fn decided_world() -> World {
    let mut world = World::new(3);
    world.pass(1_000);
    world.mine(0);
    world.command(0, Command::StartMining { once: false });
    world.pass(1_000);
    let view = world.view(0);
    assert_eq!(view.chain.final_height, 1, "{:?}", view.rejections);
    assert_eq!(view.leader.map(|leader| leader.key), Some(view.key));
    assert_eq!(world.relay.view().rejected, RejectionCounts::default());
    world
}

/// One wrong message of each kind, as the first member, who leads, could send it in any world as
/// [`decided_world`] makes them.
pub(super) fn wrong_of_members(world: &World) -> Vec<(RejectionKind, Message)> {
    let node = &world.nodes[0].node;
    let log = node.log().unwrap();
    let chain = node.replica().unwrap().chain();
    let announce = |sealed, body| {
        let body = AnnouncedBody::Full(body);
        Message::Block(Box::new(BlockAnnouncement { sealed, body }))
    };
    let mut unworked = SealedHeader {
        header: world.work(0).header,
        seal: Seal::Work,
    };
    unworked.header.bits += 1;
    let not_its_own = Body {
        transactions: List::truncated([transaction(world, FORGED)]),
        outcomes: Outcomes::truncated([Outcome::Applied]),
    };
    let decision = Decision {
        network: log.network(),
        instance: log.next_instance(),
        height: chain.height() + 1,
        block: chain.tip().hash,
        history_root: Hash::ZERO,
        forced_changes: log.forced_changes(),
        next_roster: Roster::of([world.view(0).key]),
    };
    let certificate = Certificate {
        round: 1,
        signatures: List::default(),
    };
    let proposal = Proposal {
        decision: decision.clone(),
        roster: log.roster_hash(),
        round: world.view(0).leader.unwrap().term,
        valid: None,
        proposer: world.view(0).key,
        signature: FORGED,
    };
    let vote = forged_vote(world);
    let answer = CheckAnswer {
        query: CheckQuery {
            check: (1, 1),
            member: None,
            start: 0,
            end: 1,
        },
        key: world.view(0).key,
        root: Hash::ZERO,
        signature: FORGED,
    };
    vec![
        (
            RejectionKind::OutOfTurn,
            Message::Ping {
                sequence: 1,
                relay_time_ms: 1,
            },
        ),
        (
            RejectionKind::Transaction,
            Message::Transactions(List::truncated([transaction(world, FORGED)])),
        ),
        (RejectionKind::Header, announce(unworked, Body::default())),
        (
            RejectionKind::Body,
            Message::Bodies(List::truncated([(chain.tip().hash, not_its_own)])),
        ),
        (
            RejectionKind::Block,
            announce(invalid_block(world), Body::default()),
        ),
        (
            RejectionKind::Proposal,
            Message::Proposal(Box::new(proposal)),
        ),
        (RejectionKind::Vote, Message::Vote(vote)),
        (
            RejectionKind::Decision,
            Message::Certified(Box::new(Certified {
                decision,
                certificate,
            })),
        ),
        (
            RejectionKind::Evidence,
            Message::Evidence(Box::new(Evidence::Votes(Box::new((vote, vote))))),
        ),
        (RejectionKind::Check, Message::CheckAnswer(answer)),
    ]
}

/// A block whose header's work is done, and which executes to another state than it says.
fn invalid_block(world: &World) -> SealedHeader {
    let mut work = world.work(0);
    work.header.state_root = Hash([9; 32]);
    work.header.nonce = search(&work);
    SealedHeader {
        header: work.header,
        seal: Seal::Work,
    }
}

fn transaction(world: &World, signature: Signature) -> SignedTransaction {
    let transaction = Transaction {
        network: world.relay.network().id(),
        sender: world.view(0).key,
        sequence: 0,
        valid_until: None,
        action: Action::Put {
            key: Text::new("k").unwrap(),
            value: Text::new("v").unwrap(),
            expect: Expect::Anything,
        },
        work: 0,
    };
    SignedTransaction {
        transaction,
        signature,
    }
}

pub(super) fn forged_vote(world: &World) -> Vote {
    let log = world.nodes[0].node.log().unwrap();
    Vote {
        ballot: Ballot {
            network: log.network(),
            roster: log.roster_hash(),
            instance: log.next_instance(),
            forced_changes: log.forced_changes(),
            round: world.view(0).leader.unwrap().term,
            step: Step::Prevote,
            value: None,
        },
        voter: world.view(0).key,
        signature: FORGED,
    }
}

pub(super) fn counted(counts: &RejectionCounts) -> Vec<(RejectionKind, u64)> {
    counts.iter().collect()
}
