//! What a liar alters in what the honest node inside says: its status, and as a leader the next
//! roster that it proposes.

use shared::finality::{Ballot, Proposal, Roster, Step, Vote};
use shared::hash::Hash;
use shared::keys::SecretKey;
use shared::message::{Message, NodeStatus};

use super::signed_vote;

/// How long a liar keeps to what it says of itself.
const STATUS_SPAN_MS: u64 = 7_000;

/// What it alters.
#[derive(Clone, Debug, Default)]
pub(super) struct Alterations {
    /// Its status, by turns.
    pub(super) status: Option<u64>,
    /// Its proposals: one other member is left out of the next roster.
    pub(super) roster: Option<u64>,
    /// The decision that the node inside proposed last, and what became of it.
    decision: Option<(Hash, Hash)>,
}

impl Alterations {
    /// What is sent in the place of a message.
    pub(super) fn apply(
        &mut self,
        message: Message,
        secret: &SecretKey,
        now_ms: u64,
    ) -> Vec<Message> {
        match (message, self.status, self.roster) {
            (Message::Status(status), Some(chance), _) => {
                vec![Message::Status(false_status(status, chance, now_ms))]
            }
            (Message::Pong { sequence, status }, Some(chance), _) => {
                let status = false_status(status, chance, now_ms);
                vec![Message::Pong { sequence, status }]
            }
            (Message::Proposal(proposal), _, Some(chance)) if proposal.valid.is_none() => {
                let before = proposal.decision.hash();
                let shrunk = shrunk(*proposal, chance, secret);
                self.decision = Some((before, shrunk.decision.hash()));
                vec![Message::Proposal(Box::new(shrunk))]
            }
            (Message::Vote(vote), ..) => self.votes(vote, secret),
            (message, ..) => vec![message],
        }
    }

    /// For what it proposed itself it precommits at once.
    fn votes(&self, vote: Vote, secret: &SecretKey) -> Vec<Message> {
        let altered = self
            .decision
            .filter(|(before, _)| vote.ballot.value == Some(*before));
        let Some((_, value)) = altered else {
            return vec![Message::Vote(vote)];
        };
        let steps = [Step::Prevote, Step::Precommit].into_iter();
        steps
            .map(|step| Ballot {
                step,
                value: Some(value),
                ..vote.ballot
            })
            .map(|ballot| Message::Vote(signed_vote(ballot, secret)))
            .collect()
    }
}

fn false_status(status: NodeStatus, chance: u64, now_ms: u64) -> NodeStatus {
    let turn = chance.wrapping_add(now_ms / STATUS_SPAN_MS);
    let mut altered = NodeStatus {
        visible: true,
        abstains: turn.is_multiple_of(2),
        synced: !turn.is_multiple_of(3),
        stays: !turn.is_multiple_of(5),
        ..status
    };
    if turn.is_multiple_of(4) {
        altered.tip.height += 100;
        altered.tip.hash.0 = [5; 32];
    }
    altered
}

fn shrunk(mut proposal: Proposal, chance: u64, secret: &SecretKey) -> Proposal {
    let mut members = proposal.decision.next_roster.members.to_vec();
    members.retain(|key| *key != secret.public_key());
    if !members.is_empty() {
        let left_out = usize::try_from(chance).unwrap_or(0) % members.len();
        members.remove(left_out);
    }
    members.push(secret.public_key());
    proposal.decision.next_roster = Roster::of(members);
    proposal.signature = secret.sign(&proposal.statement());
    proposal
}
