//! Registration: a challenge signed with the node's key, over this connection and no other.

use super::interface::{ConnectionId, Report};
use super::recovery::FORKED;
use super::rejections::OUT_OF_TURN;
use super::{Followup, Peer, Relay};
use crate::invitation::Invitation;
use crate::keys::{PublicKey, Signature};
use crate::limits::MEMBERS_MAX;
use crate::message::{
    Challenge, ErrorCode, Hello, Member, MemberId, Message, NodeStatus, PROTOCOL_VERSION,
    RegistrationStatement, Remembered, Welcome,
};
use crate::rejection::{ErrorBudget, RejectionCounts, RejectionKind};
use crate::store::Write;

/// What is refused of a node that does not prove what it says, and how its connection ends.
const UNPROVED: (RejectionKind, ErrorCode) = (RejectionKind::Registration, ErrorCode::Registration);

/// How far a connection has come.
#[derive(Debug)]
pub(super) enum Stage {
    Opened {
        nonce: [u8; 32],
    },
    Challenged {
        hello: Hello,
        statement: RegistrationStatement,
    },
    /// The signature holds; the key's row is being read.
    Proven(Applicant),
    /// The key's row is being stored.
    Admitted(Member),
    Joined(Member),
}

/// Who has proved to have a key.
#[derive(Debug)]
pub(super) struct Applicant {
    pub(super) hello: Hello,
    /// What it shows, for a network that it is not a member of yet.
    pub(super) invitation: Option<Invitation>,
    /// The number that it says to have.
    pub(super) number: Option<MemberId>,
}

impl Stage {
    pub(super) fn member(&self) -> Option<&Member> {
        match self {
            Self::Joined(member) => Some(member),
            _ => None,
        }
    }

    /// The key, once it is proved.
    pub(super) fn key(&self) -> Option<&PublicKey> {
        match self {
            Self::Opened { .. } | Self::Challenged { .. } => None,
            Self::Proven(applicant) => Some(&applicant.hello.key),
            Self::Admitted(member) | Self::Joined(member) => Some(&member.key),
        }
    }
}

impl Relay {
    pub(super) fn opened(&mut self, connection: ConnectionId, nonce: [u8; 32]) {
        let peer = Peer {
            stage: Stage::Opened { nonce },
            misses: 0,
            is_ping_open: false,
            errors: ErrorBudget::default(),
            rejected: RejectionCounts::default(),
            headers_asked_ms: None,
            bodies_asked_ms: None,
            check_asked_ms: None,
            check_waits: false,
            log_length: 0,
            log_asked_ms: None,
        };
        self.connections.insert(connection, peer);
    }

    pub(super) fn hello(&mut self, now_ms: u64, connection: ConnectionId, hello: Hello) {
        let Some(Stage::Opened { nonce }) =
            self.connections.get(&connection).map(|peer| &peer.stage)
        else {
            return self.turn_away(now_ms, connection, OUT_OF_TURN, "a second hello came");
        };
        let nonce = *nonce;
        if self.evidence.convicts_relay() {
            return self.expel(now_ms, connection, ErrorCode::Forked, FORKED);
        }
        if hello.protocol_version != PROTOCOL_VERSION {
            let reason = format!(
                "this relay speaks protocol version {PROTOCOL_VERSION}, the node {}: update the \
                 older of the two",
                hello.protocol_version
            );
            let refused = (RejectionKind::Registration, ErrorCode::Version);
            return self.turn_away(now_ms, connection, refused, &reason);
        }
        let network = self.network().clone();
        let id = network.id();
        if hello.network.is_some_and(|wanted| wanted != id) {
            let reason = format!(
                "this relay runs network {} ({id}), the node has a replica of another: start \
                 afresh there, or connect to the other relay",
                network.name
            );
            let refused = (RejectionKind::Registration, ErrorCode::Network);
            return self.turn_away(now_ms, connection, refused, &reason);
        }
        let statement = RegistrationStatement {
            network: id,
            relay: self.secret.public_key(),
            node: hello.key,
            relay_nonce: nonce,
            node_nonce: hello.nonce,
        };
        let signature = self.secret.sign(&statement.by_relay());
        let challenge = Message::Challenge(Box::new(Challenge {
            network,
            nonce,
            signature,
        }));
        if let Some(peer) = self.connections.get_mut(&connection) {
            peer.stage = Stage::Challenged { hello, statement };
        }
        self.send(connection, &challenge);
    }

    pub(super) fn register(
        &mut self,
        now_ms: u64,
        connection: ConnectionId,
        signature: &Signature,
        invitation: Option<Invitation>,
        remembered: &Remembered,
    ) {
        let Some(Stage::Challenged { hello, statement }) =
            self.connections.get(&connection).map(|peer| &peer.stage)
        else {
            let reason = "a registration came out of turn";
            return self.turn_away(now_ms, connection, OUT_OF_TURN, reason);
        };
        if let Err(error) = hello.key.verify(&statement.by_node(), signature) {
            let reason = error.to_string();
            return self.turn_away(now_ms, connection, UNPROVED, &reason);
        }
        if self.held.len() >= MEMBERS_MAX && !self.held.contains_key(&hello.key) {
            let reason = format!("the network has {MEMBERS_MAX} members: try again later");
            return self.expel(now_ms, connection, ErrorCode::Full, &reason);
        }
        let key = hello.key;
        let applicant = Applicant {
            hello: hello.clone(),
            invitation,
            number: remembered.id,
        };
        if let Some(peer) = self.connections.get_mut(&connection) {
            peer.stage = Stage::Proven(applicant);
        }
        match self.compare(now_ms, connection, remembered) {
            Ok(()) => self.find_member(now_ms, key),
            Err(reason) => self.turn_away(now_ms, connection, UNPROVED, &reason),
        }
    }

    /// The row of a key is here: whoever proved to have the key becomes a member once it is
    /// durable, and with it what else is to be written.
    pub(super) fn admit(&mut self, now_ms: u64, key: PublicKey, with: Vec<Write>) {
        let Some(id) = self.member_row(&key).map(|row| row.id) else {
            return;
        };
        let since_ms = self.network_time_ms(now_ms);
        let mut followups = Vec::new();
        for (&connection, peer) in &mut self.connections {
            if let Stage::Proven(Applicant { hello, .. }) = &peer.stage
                && hello.key == key
            {
                peer.stage = Stage::Admitted(Member {
                    id,
                    key,
                    agent: hello.agent.clone(),
                    since_ms,
                    status: NodeStatus::default(),
                });
                followups.push(Followup::Welcome(connection));
            }
        }
        self.write_member(key, with, followups);
    }

    /// The member's row is durable: it is told, and so is everyone else.
    pub(super) fn welcome(&mut self, now_ms: u64, connection: ConnectionId) {
        let Some(Stage::Admitted(member)) =
            self.connections.get(&connection).map(|peer| &peer.stage)
        else {
            return;
        };
        let member = member.clone();
        self.fence_older(now_ms, connection, &member);
        self.sessions += 1;
        let session = self.sessions;
        let (id, key) = (member.id, member.key);
        if let Some(peer) = self.connections.get_mut(&connection) {
            peer.stage = Stage::Joined(member.clone());
        }
        self.joined.insert(connection);
        self.gone.remove(&id);
        self.report(Report::Joined(member));
        self.member_joined(now_ms, id);
        let welcome = Message::Welcome(Box::new(Welcome {
            id,
            session,
            relay_time_ms: self.network_time_ms(now_ms),
            presence: self.everyone(),
            tip: self.replica.chain().tip(),
            log_length: self.log.length(),
            mark: self.member_row(&key).and_then(|row| row.mark.clone()),
        }));
        self.send(connection, &welcome);
        let pending = self.replica.pending_portions(false).into_iter();
        let frames = pending.map(|portion| {
            let frame = Message::Submitted(portion).to_frame();
            Followup::Send(connection, frame.into())
        });
        // What a relay passes on it has stored.
        let frames = frames.collect();
        self.write(Vec::new(), frames);
        self.tell_evidence(connection);
        self.recover(now_ms);
    }

    /// One key, one session: the newest ends the older.
    fn fence_older(&mut self, now_ms: u64, newest: ConnectionId, member: &Member) {
        let older: Vec<_> = self
            .joined
            .iter()
            .copied()
            .filter(|connection| {
                *connection != newest
                    && self
                        .connections
                        .get(connection)
                        .and_then(|peer| peer.stage.member())
                        .is_some_and(|older| older.key == member.key)
            })
            .collect();
        for connection in older {
            self.expel(
                now_ms,
                connection,
                ErrorCode::Superseded,
                "the same key has registered anew, in another tab or on another machine",
            );
        }
    }
}
