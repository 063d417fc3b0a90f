//! Registration: a challenge signed with the node's key, over this connection and no other.

use super::interface::{ConnectionId, Report};
use super::{Followup, Peer, Relay};
use crate::invitation::Invitation;
use crate::keys::Signature;
use crate::limits::MEMBERS_MAX;
use crate::message::{
    Challenge, ErrorCode, Hello, Member, Message, NodeStatus, PROTOCOL_VERSION,
    RegistrationStatement, Welcome,
};
use crate::network::Admission;
use crate::store::{Table, Write};

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
    /// The signature holds; the number is being stored.
    Admitted(Member),
    Joined(Member),
}

impl Stage {
    pub(super) fn member(&self) -> Option<&Member> {
        match self {
            Self::Joined(member) => Some(member),
            _ => None,
        }
    }
}

impl Relay {
    pub(super) fn opened(&mut self, now_ms: u64, connection: ConnectionId, nonce: [u8; 32]) {
        let peer = Peer {
            stage: Stage::Opened { nonce },
            misses: 0,
            is_ping_open: false,
            errors: 0,
            errors_since_ms: now_ms,
            headers_asked_ms: None,
            bodies_asked_ms: None,
            check_asked_ms: None,
        };
        self.connections.insert(connection, peer);
    }

    pub(super) fn hello(&mut self, _now_ms: u64, connection: ConnectionId, hello: Hello) {
        let Some(Stage::Opened { nonce }) =
            self.connections.get(&connection).map(|peer| &peer.stage)
        else {
            return self.expel(connection, ErrorCode::Malformed, "a second hello came");
        };
        let nonce = *nonce;
        if hello.protocol_version != PROTOCOL_VERSION {
            let reason = format!(
                "this relay speaks protocol version {PROTOCOL_VERSION}, the node {}: update the \
                 older of the two",
                hello.protocol_version
            );
            return self.expel(connection, ErrorCode::Version, &reason);
        }
        let network = self.network().clone();
        let id = network.id();
        if hello.network.is_some_and(|wanted| wanted != id) {
            let reason = format!(
                "this relay runs network {} ({id}), the node has a replica of another: start \
                 afresh there, or connect to the other relay",
                network.name
            );
            return self.expel(connection, ErrorCode::Network, &reason);
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
        invitation: Option<&Invitation>,
    ) {
        let Some(Stage::Challenged { hello, statement }) =
            self.connections.get(&connection).map(|peer| &peer.stage)
        else {
            return self.expel(
                connection,
                ErrorCode::Malformed,
                "a registration came out of turn",
            );
        };
        if let Err(error) = hello.key.verify(&statement.by_node(), signature) {
            let reason = error.to_string();
            return self.expel(connection, ErrorCode::Registration, &reason);
        }
        let returns = self.members().any(|member| member.key == hello.key);
        if self.joined.len() >= MEMBERS_MAX && !returns {
            let reason = format!("the network has {MEMBERS_MAX} members: try again later");
            return self.expel(connection, ErrorCode::Full, &reason);
        }
        let key = hello.key;
        let agent = hello.agent.clone();
        let known = self.numbers.get(&key).copied();
        let mut rows = Vec::new();
        if known.is_none() && self.network().admission == Admission::InviteOnly {
            match self.invitations.redeem(invitation) {
                Ok(row) => rows.push(row),
                Err(error) => {
                    let reason = error.to_string();
                    return self.expel(connection, ErrorCode::Invitation, &reason);
                }
            }
        }
        let id = known.unwrap_or(self.next_member);
        let member = Member {
            id,
            key,
            agent,
            since_ms: now_ms,
            status: NodeStatus::default(),
        };
        if let Some(peer) = self.connections.get_mut(&connection) {
            peer.stage = Stage::Admitted(member);
        }
        if known.is_none() {
            self.next_member += 1;
            self.numbers.insert(key, id);
            rows.push(Write::put(Table::Members, key.0, &id));
        }
        // Also where the number is known: its row may still be under way.
        self.write(rows, vec![Followup::Welcome(connection)]);
    }

    /// The member's number is durable: it is told, and so is everyone else.
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
        let id = member.id;
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
            relay_time_ms: now_ms,
            presence: self.everyone(),
            tip: self.replica.chain().tip(),
            log_length: self.log.length(),
        }));
        self.send(connection, &welcome);
        let pending = self.replica.pending_portions(false).into_iter();
        let frames = pending.map(|portion| {
            let frame = Message::Transactions(portion).to_frame();
            Followup::Send(connection, frame.into())
        });
        // What a relay passes on it has stored.
        let frames = frames.collect();
        self.write(Vec::new(), frames);
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
                connection,
                ErrorCode::Superseded,
                "the same key has registered anew, in another tab or on another machine",
            );
            self.closed(now_ms, connection, false);
        }
    }
}
