//! Lying members. Inside each one an honest node goes on, so that it knows what is going on; what
//! it sends passes through here, and lies are added. They use the protocol's own encodings.

mod alter;
mod flood;
mod staked;

use std::collections::VecDeque;

use fastrand::Rng;
use shared::block::{Body, Seal, SealedHeader};
use shared::encoding::List;
use shared::finality::{Ballot, Certificate, Decision, Proposal, Roster, Step, Vote};
use shared::hash::Hash;
use shared::keys::{PublicKey, SecretKey, Signature};
use shared::message::{AnnouncedBody, BlockAnnouncement, Certified, Message, PROTOCOL_VERSION};
use shared::node::Node;
use shared::transaction::{Action, Key, SignedTransaction, Transaction, Value};

use crate::world::{SPACING_MS, World};
use alter::Alterations;

/// Frames that a withholding member keeps back at most.
const WITHHELD_MAX: usize = 64;

/// What a lying member can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Vote twice in each step from now on.
    DoubleVotes,
    /// Keep votes, blocks and proposals back for a while, then send them all.
    Withhold {
        /// How long.
        span_ms: u64,
    },
    /// A block whose transaction is signed by nobody.
    BadSignature,
    /// A block with work, whose header commits to another body.
    BadTxRoot,
    /// A block with work and a state root that is not its own.
    BadStateRoot,
    /// A block whose hash misses its target.
    BadWork,
    /// A block from the future.
    FutureTime,
    /// A body that is not that of the best block.
    WrongBody,
    /// A vote for a decision that nobody has proposed, and one in another's name.
    EmptyVotes,
    /// A certificate of a roster of one's own making.
    ForeignCertificate,
    /// A certificate with one signature many times.
    RepeatedSigner,
    /// A certificate with too few signatures.
    TooFewSigners,
    /// A proposal of a block that is not there, and a second one.
    FalseProposal,
    /// As a leader, leave another member out of each next roster from now on.
    ShrunkRoster,
    /// From now on say by turns that it abstains or not, is synced or not, stays or not, has a tip
    /// that nobody knows, and always that it can be seen.
    FalseStatus,
    /// A frame of noise.
    Garbage,
    /// Hundreds of headers with work, now and then thousands, side by side upon the tip.
    SideHeaders,
    /// A branch with more work than any other, of which nobody ever gets a body.
    WithheldBranch,
    /// More blocks from the future than are put off, each of them twice.
    FutureBlocks,
}

impl Lie {
    pub(crate) const ALL: [Self; 16] = [
        Self::DoubleVotes,
        Self::Withhold { span_ms: 20_000 },
        Self::BadSignature,
        Self::BadTxRoot,
        Self::BadStateRoot,
        Self::BadWork,
        Self::FutureTime,
        Self::WrongBody,
        Self::EmptyVotes,
        Self::ForeignCertificate,
        Self::RepeatedSigner,
        Self::TooFewSigners,
        Self::FalseProposal,
        Self::ShrunkRoster,
        Self::FalseStatus,
        Self::Garbage,
    ];

    /// Those that are drawn in a flood.
    pub(crate) const FLOODS: [Self; 3] =
        [Self::SideHeaders, Self::WithheldBranch, Self::FutureBlocks];
}

impl Lie {
    /// What is counted of it.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::DoubleVotes => "members that vote twice",
            Self::Withhold { .. } => "members that withhold",
            Self::BadSignature
            | Self::BadTxRoot
            | Self::BadStateRoot
            | Self::BadWork
            | Self::FutureTime
            | Self::WrongBody => "forged blocks",
            Self::EmptyVotes => "votes in others' names",
            Self::ForeignCertificate | Self::RepeatedSigner | Self::TooFewSigners => {
                "forged certificates"
            }
            Self::FalseProposal => "false proposals",
            Self::ShrunkRoster => "leaders that leave members out",
            Self::FalseStatus => "false statuses",
            Self::Garbage => "frames of noise",
            Self::SideHeaders => "floods of headers",
            Self::WithheldBranch => "branches without bodies",
            Self::FutureBlocks => "floods of future blocks",
        }
    }
}

/// What a lying member keeps in mind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Liar {
    votes_twice: bool,
    withholds_until_ms: u64,
    withheld: VecDeque<Vec<u8>>,
    alters: Alterations,
}

impl Liar {
    /// What becomes of a frame that the node inside wants to send.
    pub(crate) fn outgoing(
        &mut self,
        frame: Vec<u8>,
        secret: &SecretKey,
        now_ms: u64,
    ) -> Vec<Vec<u8>> {
        const BLOCK: u8 = 12;
        const PROPOSAL: u8 = 17;
        const VOTE: u8 = 18;
        let number = frame.get(1).copied().unwrap_or_default();
        if now_ms < self.withholds_until_ms {
            if [BLOCK, PROPOSAL, VOTE].contains(&number) {
                if self.withheld.len() < WITHHELD_MAX {
                    self.withheld.push_back(frame);
                }
                return Vec::new();
            }
            return vec![frame];
        }
        let mut frames: Vec<_> = self.withheld.drain(..).collect();
        let Ok(message) = Message::from_frame(&frame) else {
            return frames;
        };
        if self.votes_twice
            && let Message::Vote(vote) = message
        {
            let value = vote.ballot.value.is_none().then_some(Hash([7; 32]));
            let other = Ballot {
                value,
                ..vote.ballot
            };
            frames.push(Message::Vote(signed_vote(other, secret)).to_frame());
        }
        let altered = self.alters.apply(message, secret, now_ms);
        frames.extend(altered.iter().map(Message::to_frame));
        frames
    }

    /// Faults are over, and so are lies.
    pub(crate) fn repent(&mut self) {
        self.votes_twice = false;
        self.withholds_until_ms = 0;
        self.alters = Alterations::default();
    }

    /// Tells a lie: the frames to be sent, after `node`, the honest one inside.
    pub(crate) fn tell(
        &mut self,
        lie: Lie,
        node: &Node,
        secret: &SecretKey,
        now_ms: u64,
        chance: u64,
    ) -> Vec<Vec<u8>> {
        let teller = Teller {
            node,
            secret,
            key: secret.public_key(),
            now_ms,
            chance,
        };
        let messages = match lie {
            Lie::DoubleVotes => {
                self.votes_twice = true;
                Vec::new()
            }
            Lie::Withhold { span_ms } => {
                self.withholds_until_ms = now_ms + span_ms;
                Vec::new()
            }
            Lie::ShrunkRoster => {
                self.alters.roster = Some(chance);
                Vec::new()
            }
            Lie::FalseStatus => {
                self.alters.status = Some(chance);
                Vec::new()
            }
            Lie::Garbage => return vec![garbage(chance)],
            Lie::EmptyVotes => teller.empty_votes(),
            Lie::ForeignCertificate | Lie::RepeatedSigner | Lie::TooFewSigners => {
                teller.certificate(lie).into_iter().collect()
            }
            Lie::FalseProposal => teller.proposals(),
            Lie::WrongBody => teller.wrong_body().into_iter().collect(),
            Lie::FutureBlocks => teller.future_blocks(),
            // A block for a slot can be made once: whoever makes more of them is convicted.
            Lie::SideHeaders | Lie::WithheldBranch if teller.is_staked() => {
                teller.staked_block(Lie::BadTxRoot).into_iter().collect()
            }
            Lie::SideHeaders => teller.side_headers(),
            Lie::WithheldBranch => teller.withheld_branch(),
            block if teller.is_staked() => teller.staked_block(block).into_iter().collect(),
            block => teller.block(block).into_iter().collect(),
        };
        messages.iter().map(Message::to_frame).collect()
    }
}

struct Teller<'a> {
    node: &'a Node,
    secret: &'a SecretKey,
    key: PublicKey,
    now_ms: u64,
    chance: u64,
}

impl Teller<'_> {
    /// A block upon the tip with one thing wrong. Its body is empty or has one transaction.
    fn block(&self, lie: Lie) -> Option<Message> {
        let chain = self.node.replica()?.chain();
        let parent = chain.header(chain.height())?.header.clone();
        let mut header = parent.clone();
        header.height += 1;
        header.previous = chain.tip().hash;
        header.producer = self.key;
        header.timestamp_ms = self.now_ms.max(chain.timestamp_min_ms());
        let mut body = Body::default();
        match lie {
            Lie::BadTxRoot => header.tx_root = Hash([9; 32]),
            Lie::BadSignature => body = self.unsigned_body()?,
            Lie::FutureTime => header.timestamp_ms += 2 * SPACING_MS + self.chance % 30_000,
            _ => {}
        }
        if lie != Lie::BadTxRoot {
            header.tx_root = body.root();
        }
        let shared::network::Consensus::Work(rules) = &chain.network().consensus else {
            return None;
        };
        let successor = chain.difficulty_parent();
        (header.bits, _) = shared::difficulty::next(rules, &successor, header.timestamp_ms);
        let mut sealed = World::mined(SealedHeader {
            header,
            seal: Seal::Work,
        });
        if lie == Lie::BadWork {
            let target = shared::difficulty::Target::from_compact(sealed.header.bits).ok()?;
            while target.is_met_by(&sealed.header.hash()) {
                sealed.header.nonce = sealed.header.nonce.wrapping_add(1);
            }
        }
        Some(Message::Block(Box::new(BlockAnnouncement {
            sealed,
            body: AnnouncedBody::Full(body),
        })))
    }

    fn unsigned_body(&self) -> Option<Body> {
        let replica = self.node.replica()?;
        let transaction = Transaction {
            network: replica.chain().network_id(),
            sender: self.key,
            sequence: replica.chain().state().account(&self.key).next_sequence,
            valid_until: None,
            action: Action::Put {
                key: Key::truncated("forged"),
                value: Value::truncated("forged"),
                expect: shared::transaction::Expect::Anything,
            },
            work: 0,
        };
        let signed = SignedTransaction {
            transaction,
            signature: Signature([1; 64]),
        };
        Some(Body {
            transactions: List::truncated([signed]),
            outcomes: List::truncated([shared::transaction::Outcome::Applied]),
        })
    }

    fn wrong_body(&self) -> Option<Message> {
        let tip = self.node.replica()?.chain().tip();
        let body = self.unsigned_body()?;
        Some(Message::Bodies(List::truncated([(tip.hash, body)])))
    }

    fn ballot(&self, step: Step, roster: &Roster, value: Option<Hash>) -> Option<Ballot> {
        let log = self.node.log()?;
        Some(Ballot {
            network: log.network(),
            roster: roster.hash(),
            instance: log.next_instance(),
            forced_changes: log.forced_changes(),
            round: self.node.view().leader.map_or(1, |leader| leader.term),
            step,
            value,
        })
    }

    fn decision(&self, next_roster: Roster) -> Option<Decision> {
        let (log, chain) = (self.node.log()?, self.node.replica()?.chain());
        let tip = chain.tip();
        Some(Decision {
            network: log.network(),
            instance: log.next_instance(),
            height: tip.height,
            block: tip.hash,
            history_root: chain.history().root(),
            forced_changes: log.forced_changes(),
            next_roster,
        })
    }

    fn empty_votes(&self) -> Vec<Message> {
        let mut rng = Rng::with_seed(self.chance);
        let mut value = Hash::ZERO;
        rng.fill(&mut value.0);
        let Some(log) = self.node.log() else {
            return Vec::new();
        };
        let step = if rng.bool() {
            Step::Prevote
        } else {
            Step::Precommit
        };
        let Some(ballot) = self.ballot(step, log.roster(), Some(value)) else {
            return Vec::new();
        };
        let own = signed_vote(ballot, self.secret);
        let others = log.roster().members.iter().map(|member| Vote {
            voter: *member,
            ..own
        });
        others.chain([own]).map(Message::Vote).collect()
    }

    fn certificate(&self, lie: Lie) -> Option<Message> {
        let alone = Roster::of([self.key]);
        let roster = self.node.log()?.roster().clone();
        let (voters, decision) = match lie {
            Lie::ForeignCertificate => (&alone, self.decision(alone.clone())?),
            _ => (&roster, self.decision(roster.clone())?),
        };
        let index = u16::try_from(voters.index_of(&self.key)?).ok()?;
        let ballot = self.ballot(Step::Precommit, voters, Some(decision.hash()))?;
        let signature = self.secret.sign(&ballot.statement());
        let times = match lie {
            Lie::RepeatedSigner => roster.members.len(),
            Lie::TooFewSigners => roster.members.len() * 2 / 3,
            _ => 1,
        };
        let repeated = core::iter::repeat_n((index, signature), times);
        let certificate = Certificate {
            round: ballot.round,
            signatures: if lie == Lie::TooFewSigners {
                let places = (0..).zip(repeated);
                List::truncated(places.map(|(place, (_, signature))| (place, signature)))
            } else {
                List::truncated(repeated)
            },
        };
        Some(Message::Certified(Box::new(Certified {
            decision,
            certificate,
        })))
    }

    /// Of use to a leader only; from others it is refused.
    fn proposals(&self) -> Vec<Message> {
        let (Some(log), Some(mut decision)) =
            (self.node.log(), self.decision(Roster::of([self.key])))
        else {
            return Vec::new();
        };
        let roster = log.roster().hash();
        let round = self.node.view().leader.map_or(1, |leader| leader.term);
        let mut proposals = Vec::new();
        for _ in 0..2 {
            let mut proposal = Proposal {
                decision: decision.clone(),
                roster,
                round,
                valid: None,
                proposer: self.key,
                signature: Signature([0; 64]),
            };
            proposal.signature = self.secret.sign(&proposal.statement());
            proposals.push(Message::Proposal(Box::new(proposal)));
            decision.history_root = Hash([3; 32]);
            decision.next_roster = log.roster().clone();
        }
        proposals
    }
}

fn signed_vote(ballot: Ballot, secret: &SecretKey) -> Vote {
    Vote {
        ballot,
        voter: secret.public_key(),
        signature: secret.sign(&ballot.statement()),
    }
}

fn garbage(chance: u64) -> Vec<u8> {
    let mut rng = Rng::with_seed(chance);
    let mut frame = vec![0; crate::chance::index(&mut rng, 200)];
    rng.fill(&mut frame);
    if let Some(version) = frame.first_mut() {
        *version = PROTOCOL_VERSION;
    }
    frame
}
