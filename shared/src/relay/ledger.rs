//! The replica in the relay: what members send is verified, stored, and only then passed on.

use std::sync::Arc;

use super::interface::{ConnectionId, Effect, Report, RequestId, Urgency};
use super::rates::cost_of_transactions;
use super::{Followup, Loading, Relay, Submitter};
use crate::block::{Block, Body, SealedHeader};
use crate::chain::{BodyError, Checkpoint};
use crate::encoding::{List, Text};
use crate::hash::{BlockHash, TransactionId};
use crate::keys::PublicKey;
use crate::limits::REQUEST_TIMEOUT_MS;
use crate::mempool::AdmissionError;
use crate::message::{Admission, BlockAnnouncement, Message, Tip};
use crate::network::Admission as NetworkAdmission;
use crate::rejection::RejectionKind;
use crate::replica::{Announced, RefusedTransaction, Replica, portions};
use crate::store::{Query, Row, Table};
use crate::transaction::{InvalidTransaction, SignedTransaction, Verified};

/// Blocks that are announced one by one; where more join at once, members fetch the headers.
const BLOCKS_ANNOUNCED_MAX: usize = 8;

impl Relay {
    pub(super) fn member_message(
        &mut self,
        now_ms: u64,
        from: ConnectionId,
        message: Message,
        frame: &[u8],
    ) {
        match message {
            Message::Pong { status, .. } | Message::Status(status) => {
                let tip = status.tip;
                self.status(now_ms, from, status);
                self.catch_up(now_ms, from, &tip);
            }
            Message::Leave => {
                self.close(from, crate::message::ErrorCode::Left, "left");
                self.closed(now_ms, from, false);
            }
            Message::Transactions(transactions) => {
                let network = self.network();
                let verified = transactions
                    .into_iter()
                    .map(|signed| signed.verify(network));
                let verified = verified.collect();
                self.transactions(now_ms, from, verified);
            }
            Message::Block(announcement) => self.block(now_ms, from, *announcement),
            Message::GetHeaders(locator) => {
                let answer = self.replica.answer_headers(&locator);
                self.send(from, &answer);
            }
            Message::Headers(headers) => self.headers(now_ms, from, &headers),
            Message::GetBodies(hashes) => {
                self.asked_for_bodies(from, hashes.into_vec());
            }
            Message::Bodies(bodies) => self.bodies(now_ms, from, bodies.into_vec()),
            Message::GetLog { from: index } => {
                self.asked_for_log(from, index);
            }
            Message::Proposal(proposal) => self.proposal(now_ms, from, &proposal, frame),
            Message::Vote(vote) => self.vote(now_ms, from, &vote, frame),
            Message::Certified(certified) => self.certified(now_ms, from, *certified),
            Message::RequestCheck => self.pass_check_request(now_ms, from),
            Message::Check(query) => self.pass_check(from, &query, frame),
            Message::CheckAnswer(answer) => self.pass_answer(now_ms, from, &answer, frame),
            Message::CheckReport(report) => self.pass_report(now_ms, from, report, frame),
            Message::Log(entries) => self.recovered(now_ms, from, entries.into_vec()),
            Message::Evidence(evidence) => self.shown_evidence(now_ms, from, &evidence),
            _ => self.refuse(
                now_ms,
                from,
                RejectionKind::OutOfTurn,
                "only a relay sends this",
            ),
        }
    }

    /// A transaction over REST.
    pub(super) fn submitted(&mut self, now_ms: u64, request: RequestId, signed: SignedTransaction) {
        let sender = signed.transaction.sender;
        if self.network().admission == NetworkAdmission::InviteOnly
            && self.member_row(&sender).is_none()
        {
            let query = Self::member_query(&sender);
            return self.load(query, Loading::Sender(request, Box::new(signed)));
        }
        self.admit_submitted(now_ms, request, signed);
    }

    /// Whether the sender of a transaction over REST ever joined this network, which is not for
    /// everyone.
    pub(super) fn sender_found(
        &mut self,
        now_ms: u64,
        request: RequestId,
        signed: SignedTransaction,
        rows: &[Row],
    ) {
        if rows.is_empty() {
            let reason = "its sender has never joined this network, which is for invited members";
            let refused = Admission::Refused(Text::truncated(reason));
            return self.effects.push(Effect::Admitted(request, refused));
        }
        self.admit_submitted(now_ms, request, signed);
    }

    fn admit_submitted(&mut self, now_ms: u64, request: RequestId, signed: SignedTransaction) {
        let sender = signed.transaction.sender;
        let id = signed.transaction.id();
        match self.replica.admit(signed, sender) {
            Ok((verified, writes)) => {
                let mut followups = vec![Followup::Admitted(request, Admission::Pending)];
                followups.extend(passed_on(None, [(sender, &verified)]));
                self.write(writes, followups);
            }
            Err(error) => self.not_admitted(now_ms, Submitter::Rest(request), id, &error),
        }
    }

    pub(super) fn wake_ledger(&mut self, now_ms: u64) {
        let network_time_ms = self.network_time_ms(now_ms);
        for announcement in self.replica.due(network_time_ms) {
            let sealed = announcement.sealed.clone();
            if let Announced::Complete = self.replica.announced(announcement, network_time_ms) {
                self.pass_on(now_ms, None, &sealed);
            }
        }
    }

    /// What became of a transaction whose sequence was used: was it that one?
    pub(super) fn used(
        &mut self,
        now_ms: u64,
        submitter: Submitter,
        id: TransactionId,
        is_mined: bool,
        reason: &str,
    ) {
        let admission = if is_mined {
            Admission::Mined
        } else {
            Admission::Refused(Text::truncated(reason))
        };
        if !is_mined {
            let from = match submitter {
                Submitter::Connection(connection) => Some(connection),
                Submitter::Rest(_) => None,
            };
            self.note_rejection(now_ms, from, RejectionKind::Transaction, reason.to_owned());
        }
        self.tell(submitter, id, admission);
    }

    /// The same as a frame of transactions, but for their verification.
    pub(super) fn verified_on_the_way(
        &mut self,
        now_ms: u64,
        from: ConnectionId,
        transactions: Vec<Result<Verified, InvalidTransaction>>,
    ) {
        let is_admitted = self.has_spoken(from)
            && self.is_within_rate(now_ms, from, cost_of_transactions(transactions.len()));
        if is_admitted {
            self.transactions(now_ms, from, transactions);
        }
    }

    fn transactions(
        &mut self,
        now_ms: u64,
        from: ConnectionId,
        transactions: Vec<Result<Verified, InvalidTransaction>>,
    ) {
        let Some(submitter) = self
            .connections
            .get(&from)
            .and_then(|peer| peer.stage.member())
            .map(|member| member.key)
        else {
            return;
        };
        let mut writes = Vec::new();
        let mut admitted = Vec::new();
        for verified in transactions {
            let (id, result) = match verified {
                Ok(verified) => {
                    let id = verified.id();
                    (id, self.replica.admit_verified(verified, submitter))
                }
                Err(InvalidTransaction { id, error }) => (id, Err(error.into())),
            };
            match result {
                Ok((verified, rows)) => {
                    writes.extend(rows);
                    admitted.push(verified);
                }
                Err(error) => self.not_admitted(now_ms, Submitter::Connection(from), id, &error),
            }
        }
        if admitted.is_empty() {
            return;
        }
        let admissions = admitted
            .iter()
            .map(|verified| (verified.id(), Admission::Pending));
        let answer = Message::Admitted(List::truncated(admissions));
        let mut followups = vec![Followup::Send(from, answer.to_frame().into())];
        let admitted = admitted.iter().map(|verified| (submitter, verified));
        followups.extend(passed_on(Some(from), admitted));
        self.write(writes, followups);
    }

    fn not_admitted(
        &mut self,
        now_ms: u64,
        submitter: Submitter,
        id: TransactionId,
        error: &RefusedTransaction,
    ) {
        match error {
            // Pending means durable: the first one's batch may still be under way.
            RefusedTransaction::NotAdmitted(AdmissionError::Known) => {
                let followup = match submitter {
                    Submitter::Connection(connection) => {
                        let admissions = List::truncated([(id, Admission::Pending)]);
                        let frame = Message::Admitted(admissions).to_frame();
                        Followup::Send(connection, frame.into())
                    }
                    Submitter::Rest(request) => Followup::Admitted(request, Admission::Pending),
                };
                self.write(Vec::new(), vec![followup]);
            }
            RefusedTransaction::NotAdmitted(AdmissionError::Used { .. }) => {
                let query = Query::Keys {
                    table: Table::Transactions,
                    keys: vec![id.0.to_vec()],
                };
                self.load(query, Loading::Used(submitter, id, error.to_string()));
            }
            error => {
                let reason = error.to_string();
                let is_invalid = matches!(error, RefusedTransaction::Invalid(_));
                if let (true, Submitter::Connection(from)) = (is_invalid, submitter) {
                    self.refuse(now_ms, from, RejectionKind::Transaction, &reason);
                }
                self.tell(submitter, id, Admission::Refused(Text::truncated(&reason)));
            }
        }
    }

    fn tell(&mut self, submitter: Submitter, id: TransactionId, admission: Admission) {
        match submitter {
            Submitter::Connection(connection) => {
                let answer = Message::Admitted(List::truncated([(id, admission)]));
                self.send(connection, &answer);
            }
            Submitter::Rest(request) => self.effects.push(Effect::Admitted(request, admission)),
        }
    }

    fn block(&mut self, now_ms: u64, from: ConnectionId, announcement: BlockAnnouncement) {
        let sealed = announcement.sealed.clone();
        let network_time_ms = self.network_time_ms(now_ms);
        match self.replica.announced(announcement, network_time_ms) {
            Announced::Complete => self.pass_on(now_ms, Some(from), &sealed),
            Announced::BodyMissing => self.ask_bodies(now_ms, from, &sealed.header.hash()),
            Announced::Orphan => self.ask_headers(now_ms, from),
            Announced::Known | Announced::Deferred => {}
            Announced::Refused(error) if error.is_forged() => {
                let reason = format!("a block was refused: {error}");
                self.refuse(now_ms, from, RejectionKind::Header, &reason);
            }
            // A member that was away need not know yet what was decided meanwhile.
            Announced::Refused(_) => {}
        }
    }

    /// A block is here with its body: it is executed if it is the best, stored, and passed on.
    fn pass_on(&mut self, now_ms: u64, from: Option<ConnectionId>, sealed: &SealedHeader) {
        self.advance(now_ms, from, &[sealed.header.hash()]);
    }

    /// Executes what can be executed. Those of the given blocks that prove valid, as far as they
    /// have been executed, are passed on once everything is durable.
    pub(super) fn advance(
        &mut self,
        now_ms: u64,
        from: Option<ConnectionId>,
        blocks: &[BlockHash],
    ) {
        let frames: Vec<_> = blocks
            .iter()
            .filter_map(|hash| Some((*hash, self.announcement(hash)?)))
            .collect();
        let update = self.replica.advance();
        let condemned: Vec<_> = update
            .changes
            .condemned
            .iter()
            .map(|(hash, _)| *hash)
            .collect();
        let mut followups: Vec<_> = frames
            .into_iter()
            .filter(|(hash, _)| !condemned.contains(hash))
            .map(|(_, frame)| Followup::FanOut(from, frame, Urgency::Now))
            .collect();
        // Whoever came with the better branch need not have seen what this one had.
        let mempool = self.replica.mempool();
        let returned = update.changes.returned.iter().filter_map(|signed| {
            let pending = mempool.get(&signed.hash())?;
            Some((pending.submitter, &pending.verified))
        });
        followups.extend(passed_on(None, returned));
        for (height, _, transactions) in &update.changes.applied {
            self.report(Report::Block {
                height: *height,
                transactions: *transactions,
            });
        }
        if !update.writes.is_empty() || !followups.is_empty() {
            self.write(update.writes, followups);
        }
        for (hash, error) in update.changes.condemned {
            let reason = format!("block {hash} is invalid: {error}");
            match from {
                Some(from) => self.refuse(now_ms, from, RejectionKind::Block, &reason),
                None => self.note_rejection(now_ms, None, RejectionKind::Block, reason),
            }
        }
        if !update.changes.applied.is_empty() {
            self.judge_finality(now_ms);
        }
        self.log_awaited(now_ms);
    }

    fn announcement(&self, hash: &BlockHash) -> Option<Arc<[u8]>> {
        let chain = self.replica.chain();
        let block = Block {
            sealed: chain.header_by_hash(hash)?.clone(),
            body: chain.body(hash)?.clone(),
        };
        let announcement = Replica::compact(&block);
        Some(Message::Block(Box::new(announcement)).to_frame().into())
    }

    /// Asks a member for what it has and the relay has not.
    fn catch_up(&mut self, now_ms: u64, from: ConnectionId, tip: &Tip) {
        let chain = self.replica.chain();
        let is_unknown = |hash: &BlockHash| chain.header_by_hash(hash).is_none();
        let lacks_justified = (chain.justified()).is_some_and(|block| is_unknown(&block.hash));
        // The best header may be of a branch whose bodies nobody delivers.
        if (tip.work > chain.tip().work || lacks_justified) && is_unknown(&tip.hash) {
            self.ask_headers(now_ms, from);
        } else {
            self.ask_bodies(now_ms, from, &tip.hash);
        }
    }

    /// The chain goes to the block that a proposal shows to have been prevoted by a quorum: members
    /// may be bound to it, and the others get it from here. Its leader is asked for what is lacking.
    pub(super) fn follow_justified(
        &mut self,
        now_ms: u64,
        leader: ConnectionId,
        justified: Option<Checkpoint>,
    ) {
        if !self.replica.justify(justified) {
            return;
        }
        let chain = self.replica.chain();
        let lacking = justified.map(|block| block.hash);
        let lacking = lacking.filter(|hash| chain.height_of(hash).is_none());
        self.advance(now_ms, None, lacking.as_slice());
        match lacking {
            Some(hash) if self.replica.chain().header_by_hash(&hash).is_none() => {
                self.ask_headers(now_ms, leader);
            }
            Some(hash) => self.ask_bodies(now_ms, leader, &hash),
            None => {}
        }
    }

    pub(super) fn ask_headers(&mut self, now_ms: u64, from: ConnectionId) {
        let locator = self.replica.chain().locator();
        let Some(peer) = self.connections.get_mut(&from) else {
            return;
        };
        let is_open = |asked: Option<u64>| asked.is_some_and(|at| at + REQUEST_TIMEOUT_MS > now_ms);
        if !is_open(peer.headers_asked_ms) {
            peer.headers_asked_ms = Some(now_ms);
            self.send(from, &Message::GetHeaders(List::truncated(locator)));
        }
    }

    /// Asks a member for bodies: first for those of a branch that it has shown, since others may
    /// keep theirs back.
    pub(super) fn ask_bodies(&mut self, now_ms: u64, from: ConnectionId, branch: &BlockHash) {
        let chain = self.replica.chain();
        let awaited = self.awaited_bodies().unwrap_or_default();
        let wanted = chain.wanted_bodies(Some(branch), awaited);
        let Some(peer) = self.connections.get_mut(&from) else {
            return;
        };
        let is_open = |asked: Option<u64>| asked.is_some_and(|at| at + REQUEST_TIMEOUT_MS > now_ms);
        if !wanted.is_empty() && !is_open(peer.bodies_asked_ms) {
            peer.bodies_asked_ms = Some(now_ms);
            self.send(from, &Message::GetBodies(List::truncated(wanted)));
        }
    }

    fn headers(&mut self, now_ms: u64, from: ConnectionId, headers: &[SealedHeader]) {
        if let Some(peer) = self.connections.get_mut(&from) {
            peer.headers_asked_ms = None;
        }
        let network_time_ms = self.network_time_ms(now_ms);
        for sealed in headers {
            if let Err(error) = self.replica.insert_header(sealed, network_time_ms) {
                if error.is_forged() {
                    let reason = format!("a header was refused: {error}");
                    self.refuse(now_ms, from, RejectionKind::Header, &reason);
                }
                break;
            }
        }
        let last = headers.last().map(|sealed| sealed.header.hash());
        if let Some(branch) = last.or_else(|| Some(self.tip_of(from)?.hash)) {
            self.ask_bodies(now_ms, from, &branch);
        }
    }

    fn bodies(&mut self, now_ms: u64, from: ConnectionId, bodies: Vec<(BlockHash, Body)>) {
        if let Some(peer) = self.connections.get_mut(&from) {
            peer.bodies_asked_ms = None;
        }
        let is_empty = bodies.is_empty();
        let mut taken = Vec::new();
        for (hash, body) in bodies {
            match self.replica.insert_body(&hash, body) {
                Ok(()) => taken.push(hash),
                // Nobody's fault: there is no room, or the block was found invalid meanwhile, or its
                // branch was left for good by a decision.
                Err(BodyError::TooManySides | BodyError::Condemned(_) | BodyError::NoHeader(_)) => {
                }
                Err(error) => {
                    let reason = format!("a body was refused: {error}");
                    self.refuse(now_ms, from, RejectionKind::Body, &reason);
                }
            }
        }
        let skipped = taken.len().saturating_sub(BLOCKS_ANNOUNCED_MAX);
        let announced = taken.split_off(skipped);
        self.advance(now_ms, Some(from), &announced);
        if !is_empty {
            self.continue_sync(now_ms, from);
        }
    }

    /// After a full portion the next one is asked for, of bodies and of headers.
    fn continue_sync(&mut self, now_ms: u64, from: ConnectionId) {
        if let Some(tip) = self.tip_of(from) {
            self.ask_bodies(now_ms, from, &tip.hash);
            self.catch_up(now_ms, from, &tip);
        }
    }

    fn tip_of(&self, connection: ConnectionId) -> Option<Tip> {
        let member = self.connections.get(&connection)?.stage.member()?;
        Some(member.status.tip)
    }
}

/// Transactions for all but the member that they came from.
fn passed_on<'a>(
    except: Option<ConnectionId>,
    transactions: impl IntoIterator<Item = (PublicKey, &'a Verified)>,
) -> impl Iterator<Item = Followup> {
    let portions = portions(transactions).into_iter();
    portions.map(move |portion| {
        let frame = Message::Submitted(portion).to_frame();
        Followup::FanOut(except, frame.into(), Urgency::Soon)
    })
}
