//! The relay's core: who is here, who leads, what is passed on, and the decision log.
//!
//! As pure as the node: sockets, timers and storage are the shell's.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::chain::{Checkpoint, RestoreError};
use crate::clock::SteadyClock;
use crate::finality::evidence::EvidenceBook;
use crate::finality::log::{DecisionLog, LogSummary};
use crate::finality::policy::FinalityPolicy;
use crate::finality::{LogEntry, Proposal};
use crate::keys::{PublicKey, SecretKey};
use crate::message::{Certified, CheckReport, ErrorCode, Leader, Member, MemberId, Message, Term};
use crate::network::NetworkParameters;
use crate::rejection::{ErrorBudget, RejectionCounts, RejectionKind};
use crate::replica::{Lookups, Replica};
use crate::store::{Query, Row, Rows, Table, Write};
use crate::view::ChainView;

mod held;
pub mod interface;
mod invitations;
mod ledger;
mod log;
mod members;
mod presence;
mod queries;
mod rates;
mod recovery;
mod registration;
mod rejections;
mod sending;
mod serving;

use interface::{
    ConnectionId, Effect, Event, IssuedInvitation, RelayView, Report, RequestId, Urgency,
};
use invitations::Invitations;
use members::HeldRow;
pub use members::has_voted;
use rates::{Rates, cost};
use recovery::Recovery;
use registration::Stage;
use rejections::OUT_OF_TURN;
use serving::Serving;

/// The name of the row in [`Table::Meta`] that holds the last term.
const TERM_ROW: &[u8] = b"term";
/// The name of the row in [`Table::Meta`] that holds the number of the next new member.
const NEXT_MEMBER_ROW: &[u8] = b"next_member";
/// The name of the row in [`Table::Meta`] that holds the length that the log is known to have had.
const KNOWN_LENGTH_ROW: &[u8] = b"known_length";

/// The relay of one network.
#[derive(Debug)]
pub struct Relay {
    secret: SecretKey,
    replica: Replica,
    log: DecisionLog,
    /// What of the log is on disk. No more is shown: a crash could take it back.
    logged: LogSummary,
    recovery: Recovery,
    evidence: EvidenceBook,
    /// The last proposal that was passed on.
    last_proposal: Option<Box<Proposal>>,
    /// Length of the log and term in which the chain last went by what a proposal justifies.
    followed: Option<(u64, Term)>,
    policy: FinalityPolicy,
    lookups: Lookups,
    /// Rows of members that are needed now.
    held: HashMap<PublicKey, HeldRow>,
    next_member: MemberId,
    invitations: Invitations,
    connections: BTreeMap<ConnectionId, Peer>,
    /// Connections of members, those that messages are fanned out to.
    joined: BTreeSet<ConnectionId>,
    rates: Rates,
    serving: Serving,
    sessions: u64,
    /// A certified decision whose block is not here yet, and who sent it.
    awaited: Option<(ConnectionId, Certified)>,
    term: Term,
    leader: Option<Leader>,
    /// By which it waits. Times in the relay are this clock's, where nothing else is said.
    clock: SteadyClock,
    started_ms: u64,
    next_ping_ms: Option<u64>,
    ping: u64,
    /// Members whose change the others have not been told.
    changed: BTreeSet<MemberId>,
    gone: BTreeSet<MemberId>,
    flush_ms: Option<u64>,
    policy_ms: Option<u64>,
    /// When a request for a check is due that came too soon.
    check_ms: Option<u64>,
    /// What was refused since the start, of whomever.
    rejected: RejectionCounts,
    /// The last report of a check, and when it came.
    last_check: Option<(u64, CheckReport)>,
    next_request: RequestId,
    after_write: HashMap<RequestId, Vec<Followup>>,
    after_load: HashMap<RequestId, Loading>,
    effects: Vec<Effect>,
    wake_at_ms: Option<u64>,
}

/// One connection.
#[derive(Debug)]
struct Peer {
    stage: Stage,
    /// Pings in a row that were not answered.
    misses: u32,
    is_ping_open: bool,
    errors: ErrorBudget,
    /// What was refused of this connection.
    rejected: RejectionCounts,
    headers_asked_ms: Option<u64>,
    bodies_asked_ms: Option<u64>,
    check_asked_ms: Option<u64>,
    /// Entries of the longest log that it has shown.
    log_length: u64,
    /// When it was asked for log entries that it has not given.
    log_asked_ms: Option<u64>,
    /// It has asked again, too soon.
    check_waits: bool,
}

/// What follows once a batch is durable.
#[derive(Debug)]
enum Followup {
    Send(ConnectionId, Arc<[u8]>),
    /// To all members but one.
    FanOut(Option<ConnectionId>, Arc<[u8]>, Urgency),
    Welcome(ConnectionId),
    MemberWritten(PublicKey),
    Lead(Leader),
    Admitted(RequestId, crate::message::Admission),
    Administered(RequestId),
    /// So much of the log is on disk.
    Logged(LogSummary),
}

/// What requested rows are for.
#[derive(Debug)]
enum Loading {
    RestoredBodies,
    Member(PublicKey),
    /// The relay's own entry at the place of this one.
    OldEntry(Box<LogEntry>),
    /// Of a transaction over REST.
    Sender(RequestId, Box<crate::transaction::SignedTransaction>),
    Lookup,
    ServedBodies(ConnectionId, Vec<crate::hash::BlockHash>),
    ServedLog(ConnectionId),
    /// Whether a transaction whose sequence was used is the one that used it.
    Used(Submitter, crate::hash::TransactionId, String),
}

/// Who submitted a transaction.
#[derive(Clone, Copy, Debug)]
enum Submitter {
    Connection(ConnectionId),
    Rest(RequestId),
}

impl Relay {
    /// The relay of a network, with what its store holds. The effects begin its life.
    pub fn new(
        secret: SecretKey,
        network: NetworkParameters,
        rows: &Rows,
        now_ms: u64,
    ) -> Result<(Self, Vec<Effect>), RestoreError> {
        let entries: Result<Vec<_>, _> = rows
            .table(Table::Log)
            .iter()
            .map(|row| crate::chain::row_value(Table::Log, &row.value))
            .collect();
        let log = DecisionLog::restore(&network, entries?)
            .map_err(|error| RestoreError::Log(error.to_string()))?;
        let last = log.last();
        let decided = (last.instance > 0).then_some(Checkpoint {
            height: last.height,
            hash: last.block,
        });
        let number = |name: &[u8]| -> Result<Option<u64>, RestoreError> {
            let bytes = rows.get(Table::Meta, name);
            bytes
                .map(|bytes| crate::chain::row_value(Table::Meta, bytes))
                .transpose()
        };
        let term = number(TERM_ROW)?.unwrap_or(0);
        let next_member = number(NEXT_MEMBER_ROW)?.unwrap_or(1);
        let recovery = Recovery::new(number(KNOWN_LENGTH_ROW)?.unwrap_or(0));
        let evidence = EvidenceBook::restore(&network, rows)?;
        let mut relay = Self {
            secret,
            replica: Replica::restore(network, rows, decided)?,
            logged: log.summary(),
            log,
            recovery,
            evidence,
            last_proposal: None,
            followed: None,
            policy: FinalityPolicy::new(now_ms),
            lookups: Lookups::default(),
            held: HashMap::new(),
            next_member,
            invitations: Invitations::restore(rows)?,
            connections: BTreeMap::new(),
            joined: BTreeSet::new(),
            rates: Rates::default(),
            serving: Serving::default(),
            sessions: now_ms,
            awaited: None,
            term,
            leader: None,
            clock: SteadyClock::new(now_ms),
            started_ms: now_ms,
            next_ping_ms: None,
            ping: 0,
            changed: BTreeSet::new(),
            gone: BTreeSet::new(),
            flush_ms: None,
            policy_ms: None,
            check_ms: None,
            rejected: RejectionCounts::default(),
            last_check: None,
            next_request: 0,
            after_write: HashMap::new(),
            after_load: HashMap::new(),
            effects: Vec::new(),
            wake_at_ms: None,
        };
        if let Some(query) = relay.replica.bodies_to_restore() {
            relay.load(query, Loading::RestoredBodies);
        }
        if relay.evidence.convicts_relay() {
            relay.report(Report::Forked);
        }
        let effects = relay.finish(now_ms);
        Ok((relay, effects))
    }

    /// Lets each member send so much in a second, in place of
    /// [`crate::limits::MEMBER_RATE_PER_SECOND`].
    pub fn set_member_rate(&mut self, per_second: u32) {
        self.rates.set(per_second);
    }

    /// Takes in something that happened and says what is to be done about it.
    ///
    /// `now_ms` is what the relay's clock shows, milliseconds since 1970 UTC: its network's time.
    pub fn handle(&mut self, now_ms: u64, event: Event) -> Vec<Effect> {
        let now_ms = self.clock.advance(now_ms);
        match event {
            Event::Opened { connection, nonce } => self.opened(connection, nonce),
            Event::Frame { connection, frame } => self.frame(now_ms, connection, &frame),
            Event::Transactions {
                connection,
                transactions,
            } => self.verified_on_the_way(now_ms, connection, transactions),
            Event::Closed { connection } => self.closed(now_ms, connection, false),
            Event::Written(id) => self.written(now_ms, id),
            Event::WriteFailed(id, reason) => self.write_failed(now_ms, id, &reason),
            Event::Loaded(id, rows) => self.loaded(now_ms, id, &rows),
            Event::LoadFailed(id, reason) => self.load_failed(now_ms, id, &reason),
            Event::Command(id, command) => self.command(id, &command),
            Event::Submit(id, signed) => self.submitted(now_ms, id, signed),
            Event::Invite(id, invite) => self.invite(now_ms, id, invite),
            Event::Revoke(id, invitation) => self.revoke(id, &invitation),
            Event::Check => self.pass_to_leader(&Message::RequestCheck.to_frame()),
            Event::Stopping => self.stop(),
            Event::Wake => self.wake(now_ms),
        }
        for evidence in self.replica.take_evidence() {
            self.accuse(now_ms, None, &evidence);
        }
        self.finish(now_ms)
    }

    /// The network's parameters.
    #[must_use]
    pub fn network(&self) -> &NetworkParameters {
        self.replica.chain().network()
    }

    /// The replica.
    #[must_use]
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// The decision log.
    #[must_use]
    pub fn log(&self) -> &DecisionLog {
        &self.log
    }

    /// Whether the node at the other end of a connection has registered.
    #[must_use]
    pub fn has_joined(&self, connection: ConnectionId) -> bool {
        self.joined.contains(&connection)
    }

    /// Who leads, if anyone does.
    #[must_use]
    pub fn leader(&self) -> Option<Leader> {
        self.leader
    }

    /// The last report of a consistency check since the relay's start, and when it came, in
    /// milliseconds since 1970 UTC.
    #[must_use]
    pub fn last_check(&self) -> Option<&(u64, CheckReport)> {
        self.last_check.as_ref()
    }

    /// The invitations that hold, by their ids.
    pub fn invitations(&self) -> impl Iterator<Item = &IssuedInvitation> {
        self.invitations.iter()
    }

    /// Height of the last block that a log entry on disk makes final.
    #[must_use]
    pub fn final_height(&self) -> u64 {
        self.replica
            .chain()
            .final_height()
            .min(self.logged.last.height)
    }

    /// What REST and metrics show.
    #[must_use]
    pub fn view(&self) -> RelayView {
        RelayView {
            members: self.members().cloned().collect(),
            leader: self.leader,
            chain: ChainView::of(&self.replica, &self.logged, &self.secret.public_key()),
            pending: self.replica.mempool().len(),
            connections: self.connections.len(),
            convicted: self.evidence.convictions().to_vec(),
            lacking_entries: self.lacking_entries(),
            rejected: self.rejected.clone(),
            rejected_by_member: self.rejected_by_member(),
        }
    }

    fn frame(&mut self, now_ms: u64, connection: ConnectionId, frame: &[u8]) {
        if !self.has_spoken(connection) {
            return;
        }
        let message = match Message::from_frame(frame) {
            Ok(message) => message,
            Err(error) => {
                let code = match error {
                    crate::message::FrameError::Version(_) => ErrorCode::Version,
                    _ => ErrorCode::Malformed,
                };
                let refused = (RejectionKind::Frame, code);
                return self.turn_away(now_ms, connection, refused, &error.to_string());
            }
        };
        match message {
            Message::Hello(hello) => self.hello(now_ms, connection, hello),
            Message::Register {
                signature,
                invitation,
                remembered,
            } => self.register(now_ms, connection, &signature, invitation, &remembered),
            other if self.joined.contains(&connection) => {
                if self.is_within_rate(now_ms, connection, cost(&other)) {
                    self.member_message(now_ms, connection, other, frame);
                }
            }
            _ => self.turn_away(
                now_ms,
                connection,
                OUT_OF_TURN,
                "a message came before the registration",
            ),
        }
    }

    /// Whether a connection is still open. What a node sends, whatever it is, shows that it is
    /// awake.
    fn has_spoken(&mut self, connection: ConnectionId) -> bool {
        let Some(peer) = self.connections.get_mut(&connection) else {
            return false;
        };
        peer.misses = 0;
        peer.is_ping_open = false;
        true
    }

    fn written(&mut self, now_ms: u64, id: RequestId) {
        for followup in self.after_write.remove(&id).unwrap_or_default() {
            match followup {
                Followup::Send(connection, frame) => self.send_frame(connection, frame),
                Followup::FanOut(except, frame, urgency) => {
                    self.fan_out(except, frame, urgency);
                }
                Followup::Welcome(connection) => self.welcome(now_ms, connection),
                Followup::MemberWritten(key) => self.member_written(key),
                Followup::Lead(leader) => self.lead(now_ms, leader),
                Followup::Admitted(request, admission) => {
                    self.effects.push(Effect::Admitted(request, admission));
                }
                Followup::Logged(summary) => self.logged = summary,
                Followup::Administered(request) => {
                    self.effects.push(Effect::Administered(request, Ok(())));
                }
            }
        }
    }

    fn write_failed(&mut self, now_ms: u64, id: RequestId, reason: &str) {
        self.after_write.remove(&id);
        let reason = format!("the store failed: {reason}");
        self.note_rejection(now_ms, None, RejectionKind::Storage, reason);
    }

    fn loaded(&mut self, now_ms: u64, id: RequestId, rows: &[Row]) {
        match self.after_load.remove(&id) {
            Some(Loading::RestoredBodies) => self.replica.restore_bodies(rows),
            Some(Loading::Member(key)) => self.member_found(now_ms, key, rows),
            Some(Loading::OldEntry(entry)) => self.compare_loaded(now_ms, *entry, rows),
            Some(Loading::Sender(request, signed)) => {
                self.sender_found(now_ms, request, *signed, rows);
            }
            Some(Loading::Lookup) => self.lookup_rows(id, rows),
            Some(Loading::ServedBodies(connection, hashes)) => {
                self.serve_loaded_bodies(connection, &hashes, rows);
            }
            Some(Loading::ServedLog(connection)) => self.serve_loaded_log(connection, rows),
            Some(Loading::Used(submitter, transaction, reason)) => {
                self.used(now_ms, submitter, transaction, !rows.is_empty(), &reason);
            }
            None => {}
        }
    }

    fn load_failed(&mut self, now_ms: u64, id: RequestId, reason: &str) {
        match self.after_load.remove(&id) {
            Some(Loading::Lookup) => {
                let step = self.lookups.failed(id, reason);
                self.lookup_step(step);
            }
            Some(Loading::Member(key)) => return self.member_lost(now_ms, key, reason),
            Some(Loading::ServedBodies(connection, _)) => self.bodies_were_read(connection),
            Some(Loading::ServedLog(connection)) => self.log_was_read(connection),
            _ => {}
        }
        let reason = format!("the store could not be read: {reason}");
        self.note_rejection(now_ms, None, RejectionKind::Storage, reason);
    }

    fn wake(&mut self, now_ms: u64) {
        self.wake_at_ms = None;
        self.wake_presence(now_ms);
        self.wake_ledger(now_ms);
        self.wake_checks(now_ms);
        self.recover(now_ms);
        self.judge_finality(now_ms);
    }

    fn request(&mut self) -> RequestId {
        self.next_request += 1;
        self.next_request
    }

    fn write(&mut self, writes: Vec<Write>, followups: Vec<Followup>) {
        let id = self.request();
        self.after_write.insert(id, followups);
        self.effects.push(Effect::Write(id, writes));
    }

    fn load(&mut self, query: Query, loading: Loading) {
        let id = self.request();
        self.after_load.insert(id, loading);
        self.effects.push(Effect::Load(id, query));
    }

    fn report(&mut self, report: Report) {
        self.effects.push(Effect::Report(report));
    }

    fn numbers(&self) -> HashMap<PublicKey, MemberId> {
        self.members()
            .map(|member| (member.key, member.id))
            .collect()
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.joined
            .iter()
            .filter_map(|connection| self.connections.get(connection)?.stage.member())
    }

    /// By which blocks, log entries and members are dated, and blocks judged.
    fn network_time_ms(&self, now_ms: u64) -> u64 {
        self.clock.device_ms(now_ms)
    }

    fn finish(&mut self, now_ms: u64) -> Vec<Effect> {
        let due_ms = [
            self.next_ping_ms,
            self.flush_ms,
            self.policy_ms,
            self.check_ms,
            self.recovery.due_ms(),
            self.replica
                .next_due_ms()
                .map(|due_ms| self.clock.steady_ms(due_ms)),
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|due_ms| self.clock.device_ms(due_ms));
        if due_ms != self.wake_at_ms
            && let Some(due_ms) = due_ms
        {
            self.wake_at_ms = Some(due_ms);
            let now_ms = self.clock.device_ms(now_ms);
            self.effects.push(Effect::WakeAt(due_ms.max(now_ms)));
        }
        core::mem::take(&mut self.effects)
    }
}
