//! The connection to the relay: registration, presence, heartbeat, and coming back.

use super::interface::{Connection, Effect};
use super::{Followup, Ledger, NETWORK_ROW, NUMBER_ROW, Node, Signing};
use crate::clock::SteadyClock;
use crate::invitation::Invitation;
use crate::keys::Signature;
use crate::limits::{
    BACKOFF_MAX_MS, BACKOFF_MIN_MS, LEFT_MEMBERS_KEPT_MAX, LEFT_MEMBERS_KEPT_MS, MEMBERS_MAX,
    SILENCE_MAX_MS,
};
use crate::message::{
    Challenge, ErrorCode, ErrorMessage, FrameError, Hello, MemberId, Message, PROTOCOL_VERSION,
    Presence, RegistrationStatement, Remembered, Tip, Welcome,
};
use crate::network::Admission;
use crate::rejection::RejectionKind;
use crate::store::{Table, Write};

/// Where the connection stands.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) state: State,
    /// Failed attempts in a row.
    attempts: u32,
    /// When the relay wants this node back after the end of the connection: the earliest and the
    /// latest, in milliseconds.
    come_back: Option<(u64, u64)>,
    /// When something was last heard from the relay.
    heard_ms: u64,
    pub(super) id: Option<MemberId>,
    /// What the relay was told last of whether this node is synced, and whether it abstains.
    pub(super) told: (bool, bool),
    /// The store has failed: nothing is written any more.
    pub(super) is_halted: bool,
    /// To be shown where the network asks for one, until the first registration.
    invitation: Option<Invitation>,
}

#[derive(Debug, Default)]
pub(super) enum State {
    #[default]
    Closed,
    Connecting,
    Waiting {
        until_ms: u64,
    },
    Greeted {
        nonce: [u8; 32],
    },
    Proving,
    Joined,
    Refused(ErrorMessage),
    Left,
}

impl Session {
    /// Whether frames can be sent.
    pub(super) fn is_open(&self) -> bool {
        matches!(
            self.state,
            State::Greeted { .. } | State::Proving | State::Joined
        )
    }

    pub(super) fn is_joined(&self) -> bool {
        matches!(self.state, State::Joined)
    }

    /// When something has to be done about the connection.
    pub(super) fn due_ms(&self) -> Option<u64> {
        match self.state {
            State::Waiting { until_ms } => Some(until_ms),
            _ if self.is_open() => Some(self.heard_ms + SILENCE_MAX_MS),
            _ => None,
        }
    }

    pub(super) fn connection(&self, clock: &SteadyClock) -> Connection {
        match &self.state {
            State::Closed | State::Connecting => Connection::Connecting,
            State::Waiting { until_ms } => Connection::Waiting {
                until_ms: clock.device_ms(*until_ms),
                attempts: self.attempts,
            },
            State::Greeted { .. } | State::Proving => Connection::Registering,
            State::Joined => Connection::Joined,
            State::Refused(error) => Connection::Refused(error.clone()),
            State::Left => Connection::Left,
        }
    }
}

impl Node {
    pub(super) fn connect(&mut self, now_ms: u64) {
        if self.distrust() {
            return;
        }
        self.session.state = State::Connecting;
        self.session.heard_ms = now_ms;
        self.effects.push(Effect::Connect);
        self.view_changed = true;
    }

    pub(super) fn connected(&mut self, now_ms: u64, nonce: [u8; 32]) {
        // The user may have left while the connection was being opened.
        if !matches!(self.session.state, State::Connecting) {
            self.effects.push(Effect::Disconnect);
            return;
        }
        self.session.state = State::Greeted { nonce };
        self.session.heard_ms = now_ms;
        let network = self
            .ledger
            .as_ref()
            .map(|ledger| ledger.replica.chain().network_id());
        self.send(&Message::Hello(Hello {
            protocol_version: PROTOCOL_VERSION,
            network,
            key: self.key,
            nonce,
            agent: self.agent.clone(),
        }));
        self.view_changed = true;
    }

    pub(super) fn disconnected(&mut self, now_ms: u64, chance: u64) {
        self.members.clear();
        self.leader = None;
        self.checks.clear();
        if let Some(ledger) = &mut self.ledger {
            ledger.sync.reset();
        }
        self.view_changed = true;
        if matches!(self.session.state, State::Refused(_) | State::Left) {
            return;
        }
        let (after_ms, within_ms) = self.session.come_back.take().unwrap_or_else(|| {
            let exponent = self.session.attempts.min(16);
            self.session.attempts = self.session.attempts.saturating_add(1);
            let span_ms = (BACKOFF_MIN_MS << exponent).min(BACKOFF_MAX_MS);
            (span_ms / 2, span_ms)
        });
        let delay_ms = after_ms + chance % (within_ms - after_ms + 1);
        self.session.state = State::Waiting {
            until_ms: now_ms + delay_ms,
        };
    }

    /// A socket may be dead after a sleep although it says that it is open: always begin anew.
    pub(super) fn woken(&mut self, now_ms: u64) {
        match self.session.state {
            State::Refused(_) | State::Left => {}
            State::Waiting { .. } => self.connect(now_ms),
            _ => {
                self.session.attempts = 0;
                self.effects.push(Effect::Disconnect);
            }
        }
    }

    pub(super) fn set_visible(&mut self, is_visible: bool) {
        self.is_visible = is_visible;
        self.send_status();
    }

    pub(super) fn use_invitation(&mut self, now_ms: u64, invitation: Invitation) {
        self.session.invitation = Some(invitation);
        let is_uninvited = matches!(
            &self.session.state,
            State::Refused(error) if error.code == ErrorCode::Invitation
        );
        if is_uninvited && !self.session.is_halted {
            self.connect(now_ms);
        }
    }

    pub(super) fn leave(&mut self) {
        self.send(&Message::Leave);
        self.session.state = State::Left;
        self.effects.push(Effect::Disconnect);
        self.view_changed = true;
    }

    pub(super) fn refused_by(&mut self, error: ErrorMessage) {
        self.session.state = State::Refused(error);
        self.effects.push(Effect::Disconnect);
        self.view_changed = true;
    }

    /// What the connection needs as time passes.
    pub(super) fn wake_session(&mut self, now_ms: u64) {
        match self.session.state {
            State::Waiting { until_ms } if until_ms <= now_ms => self.connect(now_ms),
            _ if self.session.is_open() && self.session.heard_ms + SILENCE_MAX_MS <= now_ms => {
                self.effects.push(Effect::Disconnect);
                self.session.heard_ms = now_ms;
            }
            _ => {}
        }
    }

    pub(super) fn frame(&mut self, now_ms: u64, frame: &[u8]) {
        if !self.session.is_open() {
            return;
        }
        self.session.heard_ms = now_ms;
        match Message::from_frame(frame) {
            Ok(message) => self.message(now_ms, message),
            Err(error @ FrameError::Version(_)) => {
                self.refuse(ErrorCode::Version, &error.to_string());
            }
            Err(error) => self.reject(now_ms, RejectionKind::Frame, error.to_string()),
        }
    }

    fn message(&mut self, now_ms: u64, message: Message) {
        match message {
            Message::Challenge(challenge) => self.challenged(now_ms, *challenge),
            Message::Welcome(welcome) => self.welcomed(now_ms, *welcome),
            Message::Error(error) => self.error(now_ms, error),
            _ if !self.session.is_joined() => {
                self.out_of_turn(now_ms, "a message came before the welcome");
            }
            Message::Ping {
                sequence,
                relay_time_ms,
            } => {
                self.set_clock(now_ms, relay_time_ms);
                let status = self.status();
                self.send(&Message::Pong { sequence, status });
            }
            Message::Presence(presence) => self.presence(now_ms, presence),
            Message::ComeBack {
                after_ms,
                within_ms,
            } => {
                let after_ms = u64::from(after_ms).min(BACKOFF_MAX_MS);
                let within_ms = u64::from(within_ms).clamp(after_ms, BACKOFF_MAX_MS);
                self.session.come_back = Some((after_ms, within_ms));
            }
            other => self.ledger_message(now_ms, other),
        }
    }

    fn challenged(&mut self, now_ms: u64, challenge: Challenge) {
        let State::Greeted { nonce } = self.session.state else {
            return self.out_of_turn(now_ms, "a challenge came out of turn");
        };
        let network = challenge.network.id();
        let own = self
            .ledger
            .as_ref()
            .map(|ledger| ledger.replica.chain().network_id());
        if own.is_some_and(|own| own != network) {
            return self.refuse(
                ErrorCode::Network,
                "this node has a replica of another network than the relay runs: start afresh to \
                 join the relay's, or connect to the other relay",
            );
        }
        if let Err(error) = challenge.network.check() {
            return self.refuse(ErrorCode::Network, &error.to_string());
        }
        let statement = RegistrationStatement {
            network,
            relay: challenge.network.relay,
            node: self.key,
            relay_nonce: challenge.nonce,
            node_nonce: nonce,
        };
        let relay = challenge.network.relay;
        if let Err(error) = relay.verify(&statement.by_relay(), &challenge.signature) {
            return self.refuse(ErrorCode::Registration, &error.to_string());
        }
        if self.ledger.is_none() {
            let row = Write::put(Table::Meta, NETWORK_ROW, &challenge.network);
            let votes = self.kept_votes.remove(&network);
            match Ledger::new(self.key, challenge.network, votes) {
                Ok(ledger) => self.ledger = Some(ledger),
                Err(reason) => return self.refuse(ErrorCode::Network, &reason),
            }
            self.write(vec![row], Vec::new());
        }
        self.session.state = State::Proving;
        self.sign(statement.by_node(), Signing::Registration);
    }

    fn register(&mut self, signature: Signature) {
        let is_by_invitation = self.ledger.as_ref().is_some_and(|ledger| {
            ledger.replica.chain().network().admission == Admission::InviteOnly
        });
        let invitation = self.session.invitation.clone().filter(|_| is_by_invitation);
        let remembered = self.ledger.as_ref().map(|ledger| Remembered {
            head: ledger.log.last_entry().cloned().map(Box::new),
            id: ledger.number,
            term: ledger.voter.last_term(),
        });
        self.send(&Message::Register {
            signature,
            invitation,
            remembered: Box::new(remembered.unwrap_or_default()),
        });
    }

    fn welcomed(&mut self, now_ms: u64, welcome: Welcome) {
        if !matches!(self.session.state, State::Proving) {
            return self.out_of_turn(now_ms, "a welcome came out of turn");
        }
        self.session.state = State::Joined;
        self.session.attempts = 0;
        self.session.id = Some(welcome.id);
        // The relay knows the key from now on.
        self.session.invitation = None;
        self.mining.in_touch_since_ms = None;
        self.set_clock(now_ms, welcome.relay_time_ms);
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        ledger.sync.begin(welcome.log_length);
        if ledger.number != Some(welcome.id) {
            ledger.number = Some(welcome.id);
            let row = Write::put(Table::Meta, NUMBER_ROW, &welcome.id);
            self.write(vec![row], Vec::new());
        }
        self.marked(now_ms, welcome.mark);
        self.presence(now_ms, welcome.presence);
        self.offer_pending();
        self.relay_tip(&welcome.tip);
        self.send_status();
        self.rejoin_vote();
        self.continue_sync(now_ms);
        self.view_changed = true;
    }

    pub(super) fn out_of_turn(&mut self, now_ms: u64, reason: &str) {
        self.reject(now_ms, RejectionKind::OutOfTurn, reason.to_owned());
    }

    fn error(&mut self, now_ms: u64, error: ErrorMessage) {
        let reason = format!("the relay refused: {}", error.explanation);
        self.reject(now_ms, RejectionKind::Own, reason);
        if error.code.is_final() {
            self.refused_by(error);
        }
    }

    fn presence(&mut self, now_ms: u64, presence: Presence) {
        let mut joined = Vec::new();
        let mut gone = Vec::new();
        if presence.complete {
            gone.extend(self.members.keys().copied());
        }
        gone.extend(presence.left.iter().copied());
        let mut present: Vec<_> = presence.present.into_vec();
        for id in gone {
            if present.iter().any(|member| member.id == id) {
                continue;
            }
            if let Some(member) = self.members.remove(&id) {
                self.note_left(now_ms, member.key);
            }
        }
        let mut are_too_many = false;
        for member in present.drain(..) {
            let key = member.key;
            if self.members.len() >= MEMBERS_MAX && !self.members.contains_key(&member.id) {
                are_too_many = true;
            } else if self.members.insert(member.id, member).is_none() {
                joined.push(key);
            }
        }
        if are_too_many {
            let reason = format!("the relay names more than {MEMBERS_MAX} members at a time");
            self.out_of_turn(now_ms, &reason);
        }
        self.leader = presence.leader;
        self.view_changed = true;
        self.presence_changed(&joined);
    }

    fn note_left(&mut self, now_ms: u64, key: crate::keys::PublicKey) {
        if self.left.len() == LEFT_MEMBERS_KEPT_MAX {
            self.left.pop_front();
        }
        self.left.push_back((now_ms, key));
        self.left
            .retain(|(at_ms, _)| at_ms + LEFT_MEMBERS_KEPT_MS > now_ms);
    }

    pub(super) fn signed(&mut self, now_ms: u64, id: u64, signature: Signature) {
        match self.after_sign.remove(&id) {
            Some(Signing::Registration) => self.register(signature),
            Some(Signing::Transaction(command, transaction)) => {
                self.transaction_signed(command, *transaction, signature);
            }
            Some(Signing::Voter(number)) => self.vote_signed(number, signature),
            Some(Signing::Block(template)) => self.sealed(now_ms, *template, signature),
            Some(Signing::CheckAnswer(query, root)) => {
                self.check_answer_signed(now_ms, query, root, signature);
            }
            None => {}
        }
    }

    pub(super) fn cleared(&mut self, now_ms: u64) {
        self.session.attempts = 0;
        self.connect(now_ms);
    }

    pub(super) fn start_afresh(&mut self, command: u64) {
        self.report = None;
        self.leave();
        self.after_write.clear();
        self.after_load.clear();
        self.serving = super::serving::Serving::default();
        self.session.is_halted = false;
        if let Some(ledger) = self.ledger.take() {
            let network = ledger.replica.chain().network_id();
            self.kept_votes
                .insert(network, ledger.voter.state().clone());
        }
        let id = self.request();
        let followups = vec![
            Followup::Answer(command, super::Answer::Done),
            Followup::Cleared,
        ];
        self.after_write.insert(id, followups);
        self.effects.push(Effect::Clear(id));
    }

    pub(super) fn send_status(&mut self) {
        if self.session.is_joined() {
            let status = self.status();
            self.session.told = (status.synced, status.abstains);
            self.send(&Message::Status(status));
        }
    }

    fn set_clock(&mut self, now_ms: u64, relay_time_ms: u64) {
        let ahead = i128::from(relay_time_ms) - i128::from(now_ms);
        self.relay_ahead_ms = i64::try_from(ahead).ok();
        self.mining.in_touch_since_ms.get_or_insert(now_ms);
    }

    /// Notes how far the relay is, so that what is lacking is asked for.
    fn relay_tip(&mut self, tip: &Tip) {
        if let Some(ledger) = &mut self.ledger {
            let chain = ledger.replica.chain();
            if tip.work > chain.best_header().work || chain.header_by_hash(&tip.hash).is_none() {
                ledger.sync.want_headers();
            }
        }
    }
}
