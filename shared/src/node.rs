//! The node: `handle(now, event) -> effects`.
//!
//! Time and chance come in with events, everything that touches the world goes out as effects;
//! what must be durable before it is sent is written first and sent on the event that says so.

use std::collections::{HashMap, VecDeque};

use litemap::LiteMap;

use crate::block::{Body, Header};
use crate::clock::SteadyClock;
use crate::encoding::Text;
use crate::finality::evidence::EvidenceBook;
use crate::finality::log::DecisionLog;
use crate::finality::voter::{VoteState, Voter};
use crate::hash::NetworkId;
use crate::keys::PublicKey;
use crate::limits::{AGENT_BYTES_MAX, PEER_ERRORS_PER_MINUTE_MAX};
use crate::message::{CheckReport, ErrorCode, ErrorMessage, Leader, Member, MemberId, Message};
use crate::network::NetworkParameters;
use crate::rejection::{ErrorBudget, Rejection, RejectionKind, RejectionLog};
use crate::replica::{Lookups, Replica};
use crate::store::{Query, Row, Rows, Table, Write};

mod check;
mod commands;
mod finality;
mod held;
mod import;
pub mod interface;
mod ledger;
mod mining;
mod producing;
mod serving;
mod session;
mod view;

use check::Checks;
use interface::{Answer, Effect, Event, Profile, RequestId};
use ledger::Sync;
use mining::Mining;
use producing::SignedSlot;
use serving::Serving;
use session::Session;

/// The name of the row in [`Table::Meta`] that holds the network's parameters.
const NETWORK_ROW: &[u8] = b"network";
/// The name of the row in [`Table::Meta`] that holds the number that the relay gave this key.
const NUMBER_ROW: &[u8] = b"number";

/// One member of one network: replica, votes, connection, mining.
#[derive(Debug)]
pub struct Node {
    key: PublicKey,
    agent: Text<AGENT_BYTES_MAX>,
    stays: bool,
    ledger: Option<Ledger>,
    session: Session,
    members: LiteMap<MemberId, Member>,
    /// Members that left lately, with the time, since others may not know it yet.
    left: VecDeque<(u64, PublicKey)>,
    leader: Option<Leader>,
    mining: Mining,
    checks: Checks,
    report: Option<CheckReport>,
    import: Option<import::Import>,
    serving: Serving,
    rejections: RejectionLog,
    /// For what only the relay itself can have done wrong.
    relay_errors: ErrorBudget,
    is_visible: bool,
    /// By which it waits. Times in the node are this clock's, where nothing else is said.
    clock: SteadyClock,
    /// How far the relay's clock was ahead of that one when it was last heard.
    relay_ahead_ms: Option<i64>,
    next_request: RequestId,
    /// What is done once a batch is durable.
    after_write: HashMap<RequestId, Vec<Followup>>,
    /// What is done once a statement is signed.
    after_sign: HashMap<RequestId, Signing>,
    /// What is done with rows.
    after_load: HashMap<RequestId, Loading>,
    effects: Vec<Effect>,
    wake_at_ms: Option<u64>,
    view_changed: bool,
    /// Votes of a replica that was given up.
    kept_votes: KeptVotes,
}

/// What a node has once it knows its network.
#[derive(Debug)]
struct Ledger {
    replica: Replica,
    log: DecisionLog,
    voter: Voter,
    lookups: Lookups,
    sync: Sync,
    /// Heights at which stored bytes are known to differ from the certified history.
    damaged: Vec<u64>,
    /// Proofs against members and the relay.
    evidence: EvidenceBook,
    /// The number that the relay gave this key, once it did.
    number: Option<MemberId>,
}

/// What follows once a batch is durable.
#[derive(Debug)]
enum Followup {
    Send(Message),
    Answer(RequestId, Answer),
    Persisted(u64),
    Repaired(u64),
    Cleared,
    Seal(Box<(Header, Body)>),
}

/// What a key has voted, by network.
type KeptVotes = HashMap<NetworkId, VoteState>;

/// What a requested signature is for.
#[derive(Debug)]
enum Signing {
    Registration,
    Transaction(RequestId, Box<crate::transaction::Transaction>),
    Voter(u64),
    Block(Box<(Header, Body)>),
    CheckAnswer(crate::message::CheckQuery, crate::hash::Hash),
}

/// What requested rows are for.
#[derive(Debug)]
enum Loading {
    RestoredBodies,
    ServedBodies(Vec<crate::hash::BlockHash>),
    ServedLog,
    Check(Box<check::Reading>),
    Tamper(RequestId, u64),
    Lookup,
}

impl Node {
    /// The node of a key, with what its store holds. The effects begin its life.
    #[must_use]
    pub fn new(profile: Profile<'_>, rows: &Rows, now_ms: u64) -> (Self, Vec<Effect>) {
        let Profile { key, agent, stays } = profile;
        let mut node = Self {
            key,
            agent: Text::truncated(agent),
            stays,
            ledger: None,
            session: Session::default(),
            members: LiteMap::new(),
            left: VecDeque::new(),
            leader: None,
            mining: Mining::default(),
            checks: Checks::default(),
            report: None,
            import: None,
            serving: Serving::default(),
            rejections: RejectionLog::default(),
            relay_errors: ErrorBudget::default(),
            is_visible: true,
            clock: SteadyClock::new(now_ms),
            relay_ahead_ms: None,
            next_request: 0,
            after_write: HashMap::new(),
            after_sign: HashMap::new(),
            after_load: HashMap::new(),
            effects: Vec::new(),
            wake_at_ms: None,
            view_changed: true,
            kept_votes: KeptVotes::new(),
        };
        node.mining.signed = SignedSlot::restore(rows);
        match Ledger::restore(key, rows, &mut node.kept_votes) {
            Ok(ledger) => {
                node.ledger = ledger;
                node.begin(now_ms);
            }
            Err(reason) => node.refuse(
                ErrorCode::Unavailable,
                &format!("the stored replica is damaged: {reason}; start afresh to fetch it anew"),
            ),
        }
        let effects = node.finish(now_ms);
        (node, effects)
    }

    /// Takes in something that happened and says what is to be done about it.
    ///
    /// `now_ms` is what the device's clock shows, milliseconds since 1970 UTC. It may be wrong and
    /// may be set at any time.
    pub fn handle(&mut self, now_ms: u64, event: Event) -> Vec<Effect> {
        let before_ms = self.clock.now_ms();
        let now_ms = self.clock.advance(now_ms);
        self.note_gap(now_ms.saturating_sub(before_ms));
        match event {
            Event::Connected { nonce } => self.connected(now_ms, nonce),
            Event::Disconnected { chance } => self.disconnected(now_ms, chance),
            Event::Frame(frame) => self.frame(now_ms, &frame),
            Event::Woken => self.woken(now_ms),
            Event::Visible(is_visible) => self.set_visible(is_visible),
            Event::Command(id, command) => self.command(now_ms, id, command),
            Event::Written(id) => self.written(now_ms, id),
            Event::WriteFailed(id, reason) => self.write_failed(id, &reason),
            Event::Loaded(id, rows) => self.loaded(now_ms, id, rows),
            Event::LoadFailed(id, reason) => self.load_failed(now_ms, id, &reason),
            Event::Signed(id, signature) => self.signed(now_ms, id, signature),
            Event::NonceFound {
                work,
                version,
                nonce,
            } => self.nonce_found(now_ms, work, version, nonce),
            Event::HashRate(rate) => self.set_hash_rate(rate),
            Event::Wake => self.wake(now_ms),
        }
        self.follow_justified(now_ms);
        if let Some(ledger) = &mut self.ledger {
            let found = ledger.replica.take_evidence();
            self.show_evidence(found);
        }
        self.finish(now_ms)
    }

    /// The node's key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// The replica, once the network is known.
    #[must_use]
    pub fn replica(&self) -> Option<&Replica> {
        self.ledger.as_ref().map(|ledger| &ledger.replica)
    }

    /// The decision log, once the network is known.
    #[must_use]
    pub fn log(&self) -> Option<&DecisionLog> {
        self.ledger.as_ref().map(|ledger| &ledger.log)
    }

    /// The node's part in finality, once the network is known.
    #[must_use]
    pub fn voter(&self) -> Option<&Voter> {
        self.ledger.as_ref().map(|ledger| &ledger.voter)
    }

    /// Restored bodies come before anything else; then the first connection.
    fn begin(&mut self, now_ms: u64) {
        let bodies = self
            .ledger
            .as_ref()
            .and_then(|ledger| ledger.replica.bodies_to_restore());
        match bodies {
            Some(query) => self.load(query, Loading::RestoredBodies),
            None => self.connect(now_ms),
        }
    }

    fn written(&mut self, now_ms: u64, id: RequestId) {
        for followup in self.after_write.remove(&id).unwrap_or_default() {
            match followup {
                Followup::Send(message) => self.send(&message),
                Followup::Answer(command, answer) => {
                    self.effects.push(Effect::Answer(command, answer));
                }
                Followup::Persisted(number) => self.votes_persisted(number),
                Followup::Repaired(height) => self.repaired(height),
                Followup::Cleared => self.cleared(now_ms),
                Followup::Seal(template) => self.seal(template),
            }
        }
    }

    /// What is in memory is ahead of the store from here on: nothing more is written, so that the
    /// store keeps the consistent state it has.
    fn write_failed(&mut self, id: RequestId, reason: &str) {
        for followup in self.after_write.remove(&id).unwrap_or_default() {
            if let Followup::Answer(command, _) = followup {
                let error = interface::CommandError::Storage(reason.to_owned());
                self.effects
                    .push(Effect::Answer(command, Answer::Failed(error)));
            }
        }
        self.after_write.clear();
        self.halt_mining();
        self.refuse(
            ErrorCode::Unavailable,
            &format!("the storage failed ({reason}): free some space and reload"),
        );
        self.session.is_halted = true;
    }

    fn loaded(&mut self, now_ms: u64, id: RequestId, rows: Vec<Row>) {
        match self.after_load.remove(&id) {
            Some(Loading::RestoredBodies) => self.restored_bodies(now_ms, &rows),
            Some(Loading::ServedBodies(hashes)) => self.serve_loaded_bodies(&hashes, &rows),
            Some(Loading::ServedLog) => self.serve_loaded_log(&rows),
            Some(Loading::Check(reading)) => self.check_rows(now_ms, *reading, &rows),
            Some(Loading::Tamper(command, height)) => self.tamper_row(command, height, &rows),
            Some(Loading::Lookup) => self.lookup_rows(id, &rows),
            None => {}
        }
    }

    fn load_failed(&mut self, now_ms: u64, id: RequestId, reason: &str) {
        match self.after_load.remove(&id) {
            Some(Loading::Lookup) => self.lookup_failed(id, reason),
            Some(Loading::Tamper(command, _)) => {
                self.fail(command, interface::CommandError::Storage(reason.to_owned()))
            }
            // Without them no block could be taken back.
            Some(Loading::RestoredBodies) => {
                self.refuse(
                    ErrorCode::Unavailable,
                    &format!(
                        "the storage could not be read ({reason}): reload, or start afresh to \
                         fetch the replica anew"
                    ),
                );
                self.session.is_halted = true;
            }
            Some(loading) => {
                let reason = format!("the storage could not be read: {reason}");
                self.reject(now_ms, RejectionKind::Storage, reason);
                match loading {
                    Loading::ServedBodies(_) => self.bodies_were_read(),
                    Loading::ServedLog => self.log_was_read(),
                    _ => self.read_next(),
                }
            }
            None => {}
        }
    }

    fn request(&mut self) -> RequestId {
        self.next_request += 1;
        self.next_request
    }

    fn write(&mut self, writes: Vec<Write>, followups: Vec<Followup>) {
        if self.session.is_halted {
            return;
        }
        let id = self.request();
        self.after_write.insert(id, followups);
        self.effects.push(Effect::Write(id, writes));
    }

    fn load(&mut self, query: Query, loading: Loading) {
        let id = self.request();
        self.after_load.insert(id, loading);
        self.effects.push(Effect::Load(id, query));
    }

    fn sign(&mut self, statement: Vec<u8>, signing: Signing) {
        let id = self.request();
        self.after_sign.insert(id, signing);
        self.effects.push(Effect::Sign(id, statement));
    }

    /// Before the welcome a relay takes nothing but the registration. A block that was found
    /// meanwhile is told by the status that follows the welcome.
    fn send(&mut self, message: &Message) {
        let is_of_registration = matches!(
            message,
            Message::Hello(_) | Message::Register { .. } | Message::Leave
        );
        if self.session.is_joined() || (is_of_registration && self.session.is_open()) {
            self.effects.push(Effect::Send(message.to_frame()));
        }
    }

    fn answer(&mut self, command: RequestId, answer: Answer) {
        self.effects.push(Effect::Answer(command, answer));
    }

    fn fail(&mut self, command: RequestId, error: interface::CommandError) {
        self.answer(command, Answer::Failed(error));
    }

    /// Notes something that was refused. Blocks, votes and the like the relay only passes on; of
    /// what is its own work not much is borne.
    fn reject(&mut self, now_ms: u64, kind: RejectionKind, reason: String) {
        self.rejections.add(Rejection {
            time_ms: self.clock.device_ms(now_ms),
            kind,
            reason,
        });
        self.view_changed = true;
        let is_the_relays = matches!(
            kind,
            RejectionKind::Frame | RejectionKind::OutOfTurn | RejectionKind::LogEntry
        );
        if is_the_relays && self.session.is_open() && !self.relay_errors.spend(now_ms) {
            let reason = format!(
                "the relay has sent more than {PEER_ERRORS_PER_MINUTE_MAX} frames within a minute \
                 that no relay sends: it is broken, or of another version"
            );
            self.refuse(ErrorCode::Misbehaved, &reason);
        }
    }

    /// Ends the connection for good, until the user acts.
    fn refuse(&mut self, code: ErrorCode, explanation: &str) {
        self.refused_by(ErrorMessage {
            code,
            explanation: Text::truncated(explanation),
        });
    }

    fn finish(&mut self, now_ms: u64) -> Vec<Effect> {
        let abstains = self.voter().is_some_and(Voter::abstains);
        if self.session.is_joined() && (self.is_synced(), abstains) != self.session.told {
            self.send_status();
        }
        self.set_timer(now_ms);
        if core::mem::take(&mut self.view_changed) {
            self.effects.push(Effect::ViewChanged);
        }
        core::mem::take(&mut self.effects)
    }

    /// The relay's clock, by which blocks are dated and judged; the device's as long as no relay
    /// was heard.
    fn network_time_ms(&self, now_ms: u64) -> u64 {
        match self.relay_ahead_ms {
            Some(ahead_ms) => now_ms.saturating_add_signed(ahead_ms),
            None => self.clock.device_ms(now_ms),
        }
    }
}

impl Ledger {
    /// The ledger of stored rows; nothing where none was stored yet.
    fn restore(key: PublicKey, rows: &Rows, votes: &mut KeptVotes) -> Result<Option<Self>, String> {
        for row in rows.table(Table::Votes) {
            let network = NetworkId(
                row.key
                    .as_slice()
                    .try_into()
                    .map_err(|_| "a row of votes is not under a network's id".to_owned())?,
            );
            let state =
                crate::encoding::decode("votes", &row.value).map_err(|error| error.to_string())?;
            votes.insert(network, state);
        }
        let Some(bytes) = rows.get(Table::Meta, NETWORK_ROW) else {
            return Ok(None);
        };
        let network: NetworkParameters =
            crate::encoding::decode("network", bytes).map_err(|error| error.to_string())?;
        let entries: Result<Vec<_>, _> = rows
            .table(Table::Log)
            .iter()
            .map(|row| crate::encoding::decode("log entry", &row.value))
            .collect();
        let entries = entries.map_err(|error| error.to_string())?;
        let log = DecisionLog::restore(&network, entries).map_err(|error| error.to_string())?;
        let evidence = EvidenceBook::restore(&network, rows).map_err(|error| error.to_string())?;
        let replica = Replica::restore(network, rows, finality::checkpoint(&log))
            .map_err(|error| error.to_string())?;
        let votes = votes.remove(&replica.chain().network_id());
        let number = rows.get(Table::Meta, NUMBER_ROW);
        let number = number.and_then(|bytes| crate::encoding::decode("number", bytes).ok());
        Ok(Some(Self {
            evidence,
            number,
            ..Self::of(key, replica, log, votes)
        }))
    }

    /// The empty ledger of a network in which this key may have voted before.
    fn new(
        key: PublicKey,
        network: NetworkParameters,
        votes: Option<VoteState>,
    ) -> Result<Self, String> {
        let log = DecisionLog::new(&network);
        let replica =
            Replica::restore(network, &Rows::default(), None).map_err(|error| error.to_string())?;
        Ok(Self::of(key, replica, log, votes))
    }

    fn of(key: PublicKey, replica: Replica, log: DecisionLog, votes: Option<VoteState>) -> Self {
        let voter = Voter::new(key, &log, votes);
        Self {
            replica,
            log,
            voter,
            lookups: Lookups::default(),
            sync: Sync::default(),
            damaged: Vec::new(),
            evidence: EvidenceBook::default(),
            number: None,
        }
    }
}
