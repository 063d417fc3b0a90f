//! Members and a relay in one thread: messages come in random order, are lost and repeated;
//! members crash and lose what was not written; some lie. All from one seed.

mod chain;
mod chance;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use self::chain::{Chain, Oracle};
use self::chance::Chance;
use super::{block, cast, decision, network, secrets, signed};
use crate::encoding::{decode, encode};
use crate::finality::log::DecisionLog;
use crate::finality::policy::{Facts, FinalityPolicy, Verdict};
use crate::finality::voter::{Action, PresentMember, VoteState, Voter};
use crate::finality::{Ballot, Decision, LogEvent, Proposal, Roster, Step};
use crate::hash::{BlockHash, Hash};
use crate::keys::{SecretKey, Signature};
use crate::message::{Certified, Leader, Message};

/// What goes wrong, in parts of a thousand.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) lost: u64,
    pub(super) repeated: u64,
    pub(super) crash: u64,
    pub(super) new_term: u64,
    /// A crash loses also what was written: nobody may survive that unnoticed.
    pub(super) forgetful: bool,
}

pub(super) struct Cluster {
    pub(super) log: DecisionLog,
    pub(super) term: u64,
    pub(super) violation: Option<String>,
    pub(super) faults: Faults,
    pub(super) crashes: u64,
    pub(super) forced_changes: u64,
    leader: usize,
    policy: FinalityPolicy,
    now_ms: u64,
    members: Vec<TestMember>,
    pool: Vec<(usize, Event)>,
    chance: Chance,
    chain: Chain,
    blocks: u64,
    cast: BTreeMap<(usize, Vec<u8>), Option<Hash>>,
    certified: BTreeMap<u64, Hash>,
    seen: BTreeMap<Hash, Decision>,
}

struct TestMember {
    secret: SecretKey,
    role: Role,
    log: DecisionLog,
    chain: Chain,
    disk: Option<VoteState>,
    writes: VecDeque<(u64, VoteState)>,
}

enum Role {
    Honest(Box<Voter>),
    Crashed,
    Liar,
}

enum Event {
    Deliver(Message),
    Written,
    Signed(u64, Signature),
    Block(BlockHash, u64, BlockHash),
    LogGrew,
    TermBegan,
    Restart,
}

impl Cluster {
    pub(super) fn new(members: u8, liars: usize, seed: u64, faults: Faults) -> Self {
        let log = DecisionLog::new(&network());
        let member = |(index, secret): (usize, SecretKey)| TestMember {
            role: if index < liars {
                Role::Liar
            } else {
                Role::Honest(Box::new(Voter::new(secret.public_key(), &log, None)))
            },
            secret,
            log: log.clone(),
            chain: Chain::new(),
            disk: None,
            writes: VecDeque::new(),
        };
        let members: Vec<_> = secrets(members)
            .into_iter()
            .enumerate()
            .map(member)
            .collect();
        let mut cluster = Self {
            log,
            term: 0,
            violation: None,
            faults,
            crashes: 0,
            forced_changes: 0,
            leader: members.len() - 1,
            policy: FinalityPolicy::new(0),
            now_ms: 0,
            members,
            pool: Vec::new(),
            chance: Chance(seed),
            chain: Chain::new(),
            blocks: 0,
            cast: BTreeMap::new(),
            certified: BTreeMap::new(),
            seen: BTreeMap::new(),
        };
        cluster.begin_term();
        cluster
    }

    /// Runs until the log has grown by this many entries; false where it does not in time.
    pub(super) fn decides(&mut self, entries: u64) -> bool {
        let goal = self.log.length() + entries;
        (0..20_000).any(|_| {
            self.step();
            self.log.length() >= goal || self.violation.is_some()
        })
    }

    /// Ends all faults but the lies.
    pub(super) fn heal(&mut self) {
        self.faults = Faults::default();
    }

    pub(super) fn step(&mut self) {
        self.now_ms += 20;
        self.keep_policy();
        if self.chance.hits(self.faults.new_term) {
            self.begin_term();
        }
        if self.chance.hits(self.faults.crash) {
            self.crash();
        }
        if self.chance.hits(20) || self.pool.is_empty() {
            self.mine();
        }
        if self.chance.hits(20) {
            self.lie();
        }
        if !self.pool.is_empty() {
            let (to, event) = self.pool.swap_remove(self.chance.next(self.pool.len()));
            self.happen(to, event);
        }
    }

    fn happen(&mut self, to: usize, event: Event) {
        if matches!(event, Event::Restart) {
            return self.restart(to);
        }
        let present = self.present();
        let leader = self.leader();
        let member = &mut self.members[to];
        match &event {
            Event::Block(hash, height, parent) => member.chain.insert(*hash, *height, *parent),
            Event::LogGrew => member.follow(&self.log, &self.chain),
            _ => {}
        }
        let Role::Honest(voter) = &mut member.role else {
            return;
        };
        let oracle = Oracle(&member.chain, &present);
        let actions = match event {
            Event::Deliver(Message::Proposal(proposal)) => {
                voter.on_proposal(*proposal, &oracle).unwrap_or_default()
            }
            Event::Deliver(Message::Vote(vote)) => voter.on_vote(vote, &oracle).unwrap_or_default(),
            Event::Written => {
                let (number, state) = member.writes.pop_front().unwrap();
                member.disk = Some(state);
                voter.on_persisted(number)
            }
            Event::Signed(number, signature) => voter.on_signed(number, signature, &oracle),
            Event::LogGrew => voter.on_log_appended(&member.log, &oracle),
            Event::TermBegan => voter.set_term(&leader, &oracle),
            Event::Block(..) => voter.on_chain_changed(&oracle),
            Event::Deliver(_) | Event::Restart => Vec::new(),
        };
        self.perform(to, actions);
        self.check(to);
    }

    fn perform(&mut self, from: usize, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Persist { number, state } => {
                    // Through the encoding, as it would be on disk.
                    let state = decode("vote state", &encode(&*state)).unwrap();
                    self.members[from].writes.push_back((number, state));
                    self.pool.push((from, Event::Written));
                }
                Action::Sign { number, statement } => {
                    let signature = self.members[from].secret.sign(&statement);
                    self.pool.push((from, Event::Signed(number, signature)));
                }
                Action::Send(message) => self.relay(from, *message),
            }
        }
    }

    fn relay(&mut self, from: usize, message: Message) {
        match &message {
            Message::Vote(vote) => self.check_ballot(from, &vote.ballot),
            Message::Proposal(proposal) => {
                let decision = &proposal.decision;
                self.seen.insert(decision.hash(), decision.clone());
            }
            Message::Certified(certified) => {
                if !self.chance.hits(self.faults.lost) {
                    self.write_decided((**certified).clone());
                }
                return;
            }
            _ => {}
        }
        for to in (0..self.members.len()).filter(|&to| to != from) {
            self.deliver(to, &message);
        }
    }

    fn deliver(&mut self, to: usize, message: &Message) {
        if !self.chance.hits(self.faults.lost) {
            self.pool.push((to, Event::Deliver(message.clone())));
        }
        if self.chance.hits(self.faults.repeated) {
            self.pool.push((to, Event::Deliver(message.clone())));
        }
    }

    fn write_decided(&mut self, certified: Certified) {
        let (height, block) = (certified.decision.height, certified.decision.block);
        if let Ok(record) = self.log.record_decided(certified, self.now_ms) {
            self.log.append(&signed(record)).unwrap();
            self.chain.decide(height, block);
            self.tell(|| Event::LogGrew);
        }
    }

    fn keep_policy(&mut self) {
        let present = self.present();
        let facts = Facts {
            log: &self.log,
            tip_height: self.chain.tip.0,
            term: Some(self.term),
            present: &present,
            nil_precommits: 0,
        };
        match self.policy.judge(self.now_ms, &facts) {
            Verdict::Wait { .. } => {}
            Verdict::NewTerm => self.begin_term(),
            Verdict::ReplaceRoster(roster) => {
                self.forced_changes += u64::from(self.log.length() > 0);
                let record = self.log.record_forced(roster, self.now_ms).unwrap();
                self.log.append(&signed(record)).unwrap();
                self.tell(|| Event::LogGrew);
                self.begin_term();
            }
        }
    }

    fn begin_term(&mut self) {
        self.term += 1;
        let members = self.members.len();
        let next = (1..=members).map(|step| (self.leader + step) % members);
        if let Some(leader) = next
            .into_iter()
            .find(|&member| self.members[member].is_up())
        {
            self.leader = leader;
        }
        self.tell(|| Event::TermBegan);
    }

    fn crash(&mut self) {
        let member = self.chance.next(self.members.len());
        if matches!(self.members[member].role, Role::Honest(_)) && self.others_up(member) {
            self.take_down(member);
        }
    }

    /// Liars are never left alone with a roster: the relay would force them into one.
    fn others_up(&self, member: usize) -> bool {
        let liars = self
            .members
            .iter()
            .any(|other| matches!(other.role, Role::Liar));
        !liars
            || (0..self.members.len()).all(|other| other == member || self.members[other].is_up())
    }

    /// Crashes a member: of what it was writing, a part may have been written.
    pub(super) fn take_down(&mut self, member: usize) {
        self.crashes += 1;
        self.pool.retain(|&(to, _)| to != member);
        let crashed = &mut self.members[member];
        crashed.role = Role::Crashed;
        let written = self.chance.next(crashed.writes.len() + 1);
        if let Some((_, state)) = crashed.writes.drain(..).take(written).next_back() {
            crashed.disk = Some(state);
        }
        if self.faults.forgetful {
            crashed.disk = None;
        }
        self.pool.push((member, Event::Restart));
        if member == self.leader {
            self.begin_term();
        }
        self.tell_presence();
    }

    /// Takes a member away for good.
    pub(super) fn remove(&mut self, member: usize) {
        self.take_down(member);
        self.pool.retain(|&(to, _)| to != member);
    }

    fn restart(&mut self, index: usize) {
        let leader = self.leader();
        let member = &mut self.members[index];
        let key = member.secret.public_key();
        let mut voter = Voter::new(key, &member.log, member.disk.clone());
        member.follow(&self.log, &self.chain);
        let everyone = self.present_with(Some(index));
        let member = &mut self.members[index];
        let oracle = Oracle(&member.chain, &everyone);
        let mut actions = voter.on_log_appended(&member.log, &oracle);
        actions.extend(voter.set_term(&leader, &oracle));
        actions.extend(voter.on_connected());
        member.role = Role::Honest(Box::new(voter));
        self.perform(index, actions);
        for other in 0..self.members.len() {
            if let Role::Honest(voter) = &mut self.members[other].role
                && other != index
            {
                let actions = voter.on_member_joined(&key);
                self.perform(other, actions);
            }
        }
        self.tell_presence();
    }

    fn mine(&mut self) {
        let miner = self.chance.next(self.members.len());
        let (height, parent) = self.members[miner].chain.tip;
        if !self.members[miner].is_up() || height > self.log.last().height + 4 {
            return;
        }
        self.blocks += 1;
        let (height, hash) = (height + 1, block(self.blocks));
        self.chain.insert(hash, height, parent);
        self.members[miner]
            .chain
            .blocks
            .extend(self.chain.blocks.clone());
        self.tell(|| Event::Block(hash, height, parent));
    }

    /// Liars vote for whatever was proposed, differently to each; as leaders they propose
    /// differently to each, too.
    fn lie(&mut self) {
        let Some(liar) = self
            .members
            .iter()
            .position(|member| matches!(member.role, Role::Liar))
        else {
            return;
        };
        let liars = self
            .members
            .iter()
            .filter(|member| matches!(member.role, Role::Liar));
        let liar = liar + self.chance.next(liars.count());
        let secret = secret_copy(&self.members[liar].secret);
        if self.leader == liar {
            let (height, tip) = self.chain.tip;
            for to in 0..self.members.len() {
                let everyone = self.members.iter().map(|member| member.secret.public_key());
                let left_out = self.chance.next(self.members.len() + 1);
                let roster = Roster::of(
                    everyone
                        .enumerate()
                        .filter(|&(at, _)| at != left_out)
                        .map(|(_, key)| key),
                );
                let decision = decision(self.log.next_instance(), height, tip, roster);
                self.seen.insert(decision.hash(), decision.clone());
                let proposal = self.propose(&secret, decision);
                self.deliver(to, &Message::Proposal(Box::new(proposal)));
            }
        }
        for to in 0..self.members.len() {
            for step in [Step::Prevote, Step::Precommit] {
                let values: Vec<_> = self
                    .seen
                    .keys()
                    .rev()
                    .copied()
                    .map(Some)
                    .chain([None])
                    .collect();
                let value = values[self.chance.next(values.len())];
                let round = self.term + 1 - u64::try_from(self.chance.next(2)).unwrap();
                let ballot = Ballot {
                    network: self.log.network(),
                    roster: self.log.roster_hash(),
                    instance: self.log.next_instance(),
                    forced_changes: self.log.forced_changes(),
                    round,
                    step,
                    value,
                };
                let vote = cast(&secret, ballot);
                self.deliver(to, &Message::Vote(vote));
            }
        }
        let instance = self.log.next_instance();
        self.seen
            .retain(|_, decision| decision.instance >= instance);
    }

    fn propose(&self, leader: &SecretKey, decision: Decision) -> Proposal {
        let mut proposal = Proposal {
            decision,
            roster: self.log.roster_hash(),
            round: self.term,
            valid: None,
            proposer: leader.public_key(),
            signature: Signature([0; 64]),
        };
        proposal.signature = leader.sign(&proposal.statement());
        proposal
    }

    fn tell(&mut self, event: impl Fn() -> Event) {
        let up = (0..self.members.len()).filter(|&member| self.members[member].is_up());
        self.pool.extend(up.map(|member| (member, event())));
    }

    fn tell_presence(&mut self) {
        let (height, hash) = self.chain.tip;
        if let Some(&(_, parent)) = self.chain.blocks.get(&hash) {
            self.tell(|| Event::Block(hash, height, parent));
        }
    }

    fn leader(&self) -> Leader {
        Leader {
            id: 0,
            key: self.members[self.leader].secret.public_key(),
            term: self.term,
        }
    }

    fn present(&self) -> Vec<PresentMember> {
        self.present_with(None)
    }

    fn present_with(&self, joining: Option<usize>) -> Vec<PresentMember> {
        let members = self.members.iter().enumerate();
        let present = members.filter(|&(index, member)| member.is_up() || joining == Some(index));
        present
            .map(|(_, member)| PresentMember {
                key: member.secret.public_key(),
                synced: true,
                abstains: false,
                stays: true,
            })
            .collect()
    }

    /// No honest member casts two ballots for one step.
    fn check_ballot(&mut self, voter: usize, ballot: &Ballot) {
        let place = encode(&Ballot {
            value: None,
            ..*ballot
        });
        let first = *self.cast.entry((voter, place)).or_insert(ballot.value);
        if first != ballot.value {
            self.violation = Some(format!("member {voter} voted twice: {first:?}, {ballot:?}"));
        }
    }

    /// At one place of the log only one decision is ever certified, and nobody honest is accused.
    fn check(&mut self, member: usize) {
        let liars: BTreeSet<_> = self
            .members
            .iter()
            .filter(|member| matches!(member.role, Role::Liar))
            .map(|member| member.secret.public_key())
            .collect();
        let TestMember {
            role: Role::Honest(voter),
            log,
            ..
        } = &self.members[member]
        else {
            return;
        };
        let relay = network().relay;
        if let Some(accused) = voter
            .evidence()
            .map(|evidence| evidence.accused(&relay))
            .find(|(accused, _)| !liars.contains(accused))
        {
            self.violation = Some(format!("an honest member is accused: {accused:?}"));
        }
        if let Some(certified) = voter.certified() {
            let hash = certified.decision.hash();
            let first = *self.certified.entry(log.length()).or_insert(hash);
            let holds =
                certified
                    .certificate
                    .verify(&certified.decision, log.roster(), Step::Precommit);
            if first != hash || holds.is_err() {
                self.violation = Some(format!("certified {first} and {hash}, {holds:?}"));
            }
        }
    }
}

impl TestMember {
    fn is_up(&self) -> bool {
        !matches!(self.role, Role::Crashed)
    }

    fn follow(&mut self, log: &DecisionLog, chain: &Chain) {
        self.chain.blocks.extend(chain.blocks.clone());
        while let Some(entry) = log.entry(self.log.length()) {
            self.log.append(entry).unwrap();
            if let LogEvent::Decided { decision, .. } = &entry.record.event {
                self.chain.decide(decision.height, decision.block);
            }
        }
    }
}

fn secret_copy(secret: &SecretKey) -> SecretKey {
    SecretKey::from_seed(&secret.to_seed())
}
