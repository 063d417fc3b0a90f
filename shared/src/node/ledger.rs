//! The replica in the node: transactions, blocks, and catching up with the relay.

use super::interface::{Answer, CommandError, RequestId};
use super::{Followup, Node, Signing, finality};
use crate::block::{Block, Body};
use crate::chain::{BodyError, Chain};
use crate::encoding::List;
use crate::finality::LogEntry;
use crate::finality::log::{Appended, LogError};
use crate::hash::BlockHash;
use crate::keys::Signature;
use crate::limits::{BODIES_RETRY_MS, HEADERS_PER_MESSAGE_MAX, REQUEST_TIMEOUT_MS};
use crate::message::{Admission, BlockAnnouncement, Message, Submission};
use crate::rejection::RejectionKind;
use crate::replica::{Announced, RefusedTransaction, Replica, Update};
use crate::store::{Row, Table, Write, number_key};
use crate::transaction::{Action, SignedTransaction, Transaction};

/// What was asked of the relay, and when.
#[derive(Debug, Default)]
pub(super) struct Sync {
    relay_log_length: u64,
    log_asked_ms: Option<u64>,
    wants_headers: bool,
    headers_asked_ms: Option<u64>,
    bodies_asked_ms: Option<u64>,
    bodies_retry_ms: Option<u64>,
    /// The last block that was announced without all of its transactions being here.
    announced: Option<BlockHash>,
    /// The first of the bodies that were asked for last in vain.
    body_withheld: Option<BlockHash>,
}

impl Sync {
    /// A connection begins: what was asked over the one before is not answered any more.
    pub(super) fn begin(&mut self, relay_log_length: u64) {
        *self = Self {
            relay_log_length,
            ..Self::default()
        };
    }

    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Whether something is lacking that the relay is known to have.
    pub(super) fn is_underway(&self, log_length: u64) -> bool {
        log_length < self.relay_log_length || self.wants_headers || self.headers_asked_ms.is_some()
    }

    /// Whether the next body on the way to the best header was asked for in vain. Who keeps it back
    /// holds up nobody: work goes on upon the best branch whose bodies are here.
    pub(super) fn waits_in_vain(&self, chain: &Chain) -> bool {
        self.body_withheld.is_some() && self.body_withheld == chain.missing_bodies().next()
    }

    pub(super) fn want_headers(&mut self) {
        self.wants_headers = true;
    }

    pub(super) fn due_ms(&self) -> Option<u64> {
        let asked = [
            self.log_asked_ms,
            self.headers_asked_ms,
            self.bodies_asked_ms,
        ];
        asked
            .into_iter()
            .flatten()
            .map(|asked_ms| asked_ms + REQUEST_TIMEOUT_MS)
            .chain(self.bodies_retry_ms)
            .min()
    }

    /// True where bodies were asked for in vain.
    fn forget_unanswered(&mut self, now_ms: u64) -> bool {
        let forget = |asked: &mut Option<u64>| {
            let asked = asked.take_if(|at_ms| at_ms.saturating_add(REQUEST_TIMEOUT_MS) <= now_ms);
            asked.is_some()
        };
        forget(&mut self.log_asked_ms);
        forget(&mut self.headers_asked_ms);
        self.bodies_retry_ms.take_if(|at_ms| *at_ms <= now_ms);
        forget(&mut self.bodies_asked_ms)
    }
}

impl Node {
    pub(super) fn ledger_message(&mut self, now_ms: u64, message: Message) {
        match message {
            Message::Submitted(submissions) => self.submissions(now_ms, submissions.into_vec()),
            Message::Admitted(admissions) => self.admitted(now_ms, &admissions),
            Message::Block(announcement) => self.block(now_ms, *announcement),
            Message::GetHeaders(locator) => {
                if let Some(ledger) = &self.ledger {
                    let answer = ledger.replica.answer_headers(&locator);
                    self.send(&answer);
                }
            }
            Message::Headers(headers) => self.headers(now_ms, headers.into_vec()),
            Message::GetBodies(hashes) => self.asked_for_bodies(hashes.into_vec()),
            Message::Bodies(bodies) => self.bodies(now_ms, bodies.into_vec()),
            Message::Log(entries) => self.log_entries(now_ms, entries.into_vec()),
            Message::GetLog { from } => self.asked_for_log(from),
            Message::Proposal(proposal) => self.proposal(now_ms, *proposal),
            Message::Vote(vote) => self.vote(now_ms, vote),
            Message::RequestCheck => self.begin_check(now_ms),
            Message::Check(query) => self.answer_check(&query),
            Message::CheckAnswer(answer) => self.check_answered(now_ms, &answer),
            Message::CheckReport(report) => self.check_reported(report),
            Message::Evidence(evidence) => self.evidence(now_ms, &evidence),
            _ => self.out_of_turn(now_ms, "a message came that members send, and no relay"),
        }
    }

    /// Makes, signs and stores a transaction of this node's own.
    pub(super) fn submit(&mut self, command: RequestId, action: Action) {
        let Some(ledger) = &self.ledger else {
            return self.fail(command, CommandError::NoNetwork);
        };
        let replica = &ledger.replica;
        let waiting = self
            .after_sign
            .values()
            .filter(|signing| matches!(signing, Signing::Transaction(..)))
            .count();
        let next = replica
            .mempool()
            .next_sequence(&self.key, replica.chain().state());
        let network = replica.chain().network();
        let transaction = Transaction {
            network: replica.chain().network_id(),
            sender: self.key,
            sequence: next + crate::chain::height_of(waiting),
            valid_until: None,
            action,
            work: 0,
        }
        .with_work(network.transaction_work_bits);
        let statement = transaction.statement();
        self.sign(
            statement,
            Signing::Transaction(command, Box::new(transaction)),
        );
    }

    pub(super) fn transaction_signed(
        &mut self,
        command: RequestId,
        transaction: Transaction,
        signature: Signature,
    ) {
        let Some(ledger) = &mut self.ledger else {
            return self.fail(command, CommandError::NoNetwork);
        };
        let signed = SignedTransaction {
            transaction,
            signature,
        };
        match ledger.replica.admit(signed, self.key) {
            Ok((verified, writes)) => {
                let message = Message::Transactions(List::truncated([verified.signed().clone()]));
                let followups = vec![
                    Followup::Answer(command, Answer::Submitted(verified.id())),
                    Followup::Send(message),
                ];
                self.write(writes, followups);
                self.pool_changed();
            }
            Err(RefusedTransaction::Invalid(error)) => self.fail(command, error.into()),
            Err(RefusedTransaction::NotAdmitted(_)) => {
                self.fail(command, CommandError::MempoolFull);
            }
        }
    }

    /// Sends the relay what it has not stored yet.
    pub(super) fn offer_pending(&mut self) {
        let portions = match &self.ledger {
            Some(ledger) => ledger.replica.pending_portions(true),
            None => return,
        };
        for portion in portions {
            let signed = portion.into_iter().map(|submission| submission.signed);
            self.send(&Message::Transactions(List::truncated(signed)));
        }
    }

    pub(super) fn restored_bodies(&mut self, now_ms: u64, rows: &[Row]) {
        if let Some(ledger) = &mut self.ledger {
            ledger.replica.restore_bodies(rows);
        }
        self.connect(now_ms);
    }

    fn submissions(&mut self, now_ms: u64, submissions: Vec<Submission>) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        let mut writes = Vec::new();
        let mut refused = Vec::new();
        for Submission { submitter, signed } in submissions {
            match ledger.replica.admit(signed, submitter) {
                Ok((verified, rows)) => {
                    writes.extend(rows);
                    // The relay sends only what it has stored.
                    writes.extend(ledger.replica.acknowledge(&verified.hash()));
                }
                Err(RefusedTransaction::Invalid(error)) => refused.push(error.to_string()),
                // Mined, known or outdated: nothing that the relay did wrong.
                Err(RefusedTransaction::NotAdmitted(_)) => {}
            }
        }
        for reason in refused {
            self.reject(now_ms, RejectionKind::Transaction, reason);
        }
        if !writes.is_empty() {
            self.write(writes, Vec::new());
            self.pool_changed();
        }
    }

    fn admitted(&mut self, now_ms: u64, admissions: &[(crate::hash::TransactionId, Admission)]) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        let mut writes = Vec::new();
        let mut refused = Vec::new();
        for (id, admission) in admissions {
            let Some(hash) = ledger.replica.mempool().hash_of(id) else {
                continue;
            };
            match admission {
                Admission::Pending | Admission::Mined => {
                    writes.extend(ledger.replica.acknowledge(&hash));
                }
                Admission::Refused(reason) => {
                    writes.extend(ledger.replica.withdraw(&hash));
                    refused.push(format!("the relay refused transaction {id}: {reason}"));
                }
            }
        }
        for reason in refused {
            self.reject(now_ms, RejectionKind::Own, reason);
        }
        if !writes.is_empty() {
            self.write(writes, Vec::new());
            self.pool_changed();
        }
    }

    fn block(&mut self, now_ms: u64, announcement: BlockAnnouncement) {
        let network_time_ms = self.network_time_ms(now_ms);
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        let hash = announcement.sealed.header.hash();
        match ledger.replica.announced(announcement, network_time_ms) {
            Announced::Complete => self.advance(now_ms),
            Announced::BodyMissing => {
                ledger.sync.announced = Some(hash);
                self.advance(now_ms);
            }
            Announced::Orphan => ledger.sync.want_headers(),
            Announced::Known | Announced::Deferred => {}
            Announced::Refused(error) if error.is_forged() => {
                let reason = format!("a block was refused: {error}");
                self.reject(now_ms, RejectionKind::Header, reason);
            }
            // It lost against a decision that its sender did not know yet.
            Announced::Refused(_) => {}
        }
        self.continue_sync(now_ms);
    }

    fn headers(&mut self, now_ms: u64, headers: Vec<crate::block::SealedHeader>) {
        let network_time_ms = self.network_time_ms(now_ms);
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        ledger.sync.headers_asked_ms = None;
        ledger.sync.wants_headers = headers.len() == HEADERS_PER_MESSAGE_MAX;
        for sealed in &headers {
            if let Err(error) = ledger.replica.insert_header(sealed, network_time_ms) {
                ledger.sync.wants_headers = false;
                if error.is_forged() {
                    let reason = format!("a header was refused: {error}");
                    self.reject(now_ms, RejectionKind::Header, reason);
                }
                break;
            }
        }
        self.view_changed = true;
        self.advance(now_ms);
        self.continue_sync(now_ms);
    }

    fn bodies(&mut self, now_ms: u64, bodies: Vec<(BlockHash, Body)>) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        ledger.sync.bodies_asked_ms = None;
        if bodies.is_empty() {
            ledger.sync.bodies_retry_ms = Some(now_ms + BODIES_RETRY_MS);
            self.asked_in_vain(now_ms);
        }
        for (hash, body) in bodies {
            self.take_body(now_ms, &hash, body);
        }
        self.advance(now_ms);
        self.continue_sync(now_ms);
    }

    fn take_body(&mut self, now_ms: u64, hash: &BlockHash, body: Body) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        let height = ledger.replica.chain().height_of(hash);
        if let Some(height) = height.filter(|height| ledger.damaged.contains(height)) {
            self.repair(now_ms, height, &body);
            return;
        }
        match ledger.replica.insert_body(hash, body) {
            // The block was found invalid since the body was asked for.
            Ok(()) | Err(BodyError::Condemned(_)) => {}
            Err(error) => {
                let reason = format!("a body was refused: {error}");
                self.reject(now_ms, RejectionKind::Body, reason);
            }
        }
    }

    /// Executes what can be executed, and tells everyone concerned.
    pub(super) fn advance(&mut self, now_ms: u64) {
        self.advance_and(now_ms, Vec::new());
    }

    /// The same with something to be done once it is durable.
    pub(super) fn advance_and(&mut self, now_ms: u64, followups: Vec<Followup>) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        let Update {
            changes,
            mut writes,
        } = ledger.replica.advance();
        let doubted = ledger.replica.doubt(&self.key, &changes.returned);
        let are_doubted = !doubted.is_empty();
        writes.extend(doubted);
        if !writes.is_empty() {
            self.write(writes, followups);
        }
        if are_doubted {
            self.offer_pending();
        }
        for (hash, error) in &changes.condemned {
            let reason = format!("block {hash} is invalid: {error}");
            self.reject(now_ms, RejectionKind::Block, reason);
        }
        if changes.moved_tip() {
            self.view_changed = true;
            self.send_status();
            self.renew_work(now_ms);
            self.chain_changed();
        }
    }

    /// The chain goes to the block that the newest quorum of prevotes is for, as soon as all of it
    /// is here, and stays there: members may be bound to it.
    pub(super) fn follow_justified(&mut self, now_ms: u64) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        let justified = ledger.voter.justified();
        if !ledger.replica.justify(justified) {
            return;
        }
        let chain = ledger.replica.chain();
        if justified.is_some_and(|block| chain.header_by_hash(&block.hash).is_none()) {
            ledger.sync.want_headers();
        }
        self.advance(now_ms);
        self.continue_sync(now_ms);
    }

    /// Asks the relay for what is lacking: the log first, since it bounds the headers; then
    /// headers; then bodies.
    pub(super) fn continue_sync(&mut self, now_ms: u64) {
        if !self.session.is_joined() {
            return;
        }
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        let sync = &mut ledger.sync;
        let are_withheld = sync.forget_unanswered(now_ms);
        let mut questions = Vec::new();
        if ledger.log.length() < sync.relay_log_length {
            if sync.log_asked_ms.is_none() {
                sync.log_asked_ms = Some(now_ms);
                questions.push(Message::GetLog {
                    from: ledger.log.length(),
                });
            }
        } else if sync.wants_headers && sync.headers_asked_ms.is_none() {
            sync.headers_asked_ms = Some(now_ms);
            let locator = ledger.replica.chain().locator();
            questions.push(Message::GetHeaders(List::truncated(locator)));
        }
        if sync.bodies_asked_ms.is_none() && sync.bodies_retry_ms.is_none() {
            let chain = ledger.replica.chain();
            let wanted = chain.wanted_bodies(sync.announced.as_ref(), None);
            if !wanted.is_empty() {
                sync.bodies_asked_ms = Some(now_ms);
                questions.push(Message::GetBodies(List::truncated(wanted)));
            }
        }
        for question in &questions {
            self.send(question);
        }
        if are_withheld {
            self.asked_in_vain(now_ms);
        }
    }

    /// The relay does not deliver the next body: what waited for it goes on without.
    fn asked_in_vain(&mut self, now_ms: u64) {
        if let Some(ledger) = &mut self.ledger {
            ledger.sync.body_withheld = ledger.replica.chain().missing_bodies().next();
            self.renew_work_if_paused(now_ms);
        }
    }

    /// Blocks whose time has come, and questions whose answer has not.
    pub(super) fn wake_ledger(&mut self, now_ms: u64) {
        let network_time_ms = self.network_time_ms(now_ms);
        let due = match &mut self.ledger {
            Some(ledger) => ledger.replica.due(network_time_ms),
            None => return,
        };
        for announcement in due {
            self.block(now_ms, announcement);
        }
        self.continue_sync(now_ms);
    }

    fn log_entries(&mut self, now_ms: u64, entries: Vec<LogEntry>) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        ledger.sync.log_asked_ms = None;
        let mut writes = Vec::new();
        let mut problem = None;
        let mut proof = None;
        for entry in entries {
            match ledger.log.append(&entry) {
                Ok(Appended::Held) => {}
                Ok(Appended::Decided { .. } | Appended::Forced { .. }) => {
                    let key = number_key(entry.record.index);
                    writes.push(Write::put(Table::Log, key, &entry));
                }
                Err(LogError::Gap { came, .. }) => {
                    let told = came.saturating_add(1);
                    ledger.sync.relay_log_length = ledger.sync.relay_log_length.max(told);
                    break;
                }
                Err(error) => {
                    proof = ledger.log.contradiction(&error);
                    problem = Some(error.to_string());
                    break;
                }
            }
        }
        let length = ledger.log.length();
        ledger.sync.relay_log_length = ledger.sync.relay_log_length.max(length);
        if let Some(decided) = finality::checkpoint(&ledger.log) {
            ledger.replica.decide(decided);
            if ledger
                .replica
                .chain()
                .header_by_hash(&decided.hash)
                .is_none()
            {
                ledger.sync.want_headers();
            }
        }
        if let Some(problem) = problem {
            let reason = format!("the relay's log was refused: {problem}");
            self.reject(now_ms, RejectionKind::LogEntry, reason);
        }
        if let Some(proof) = proof {
            self.evidence(now_ms, &proof);
        }
        if !writes.is_empty() {
            self.write(writes, Vec::new());
            self.view_changed = true;
            self.advance(now_ms);
            self.log_appended();
            self.renew_work_if_paused(now_ms);
        }
        self.continue_sync(now_ms);
    }

    /// A block of this node's own joins the chain and is announced once it is durable.
    pub(super) fn own_block(&mut self, now_ms: u64, block: &Block) {
        let network_time_ms = self.network_time_ms(now_ms);
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        let hash = block.sealed.header.hash();
        let replica = &mut ledger.replica;
        let accepted = replica
            .insert_header(&block.sealed, network_time_ms)
            .map_err(|error| error.to_string())
            .and_then(|_| {
                replica
                    .insert_body(&hash, block.body.clone())
                    .map_err(|error| error.to_string())
            });
        match accepted {
            Ok(()) => {
                let announcement = Message::Block(Box::new(Replica::compact(block)));
                self.advance_and(now_ms, vec![Followup::Send(announcement)]);
            }
            Err(reason) => {
                let reason = format!("an own block was refused: {reason}");
                self.reject(now_ms, RejectionKind::Own, reason);
            }
        }
    }
}
