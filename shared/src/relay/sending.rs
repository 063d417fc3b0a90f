//! What goes out: frames to one and to all, and the end of connections.

use std::sync::Arc;

use super::Relay;
use super::interface::{ConnectionId, Effect, Urgency};
use crate::encoding::Text;
use crate::limits::{COME_BACK_AFTER_MS, COME_BACK_SPREAD_MS_PER_MEMBER};
use crate::message::{ErrorCode, ErrorMessage, Message};

impl Relay {
    pub(super) fn send(&mut self, connection: ConnectionId, message: &Message) {
        self.send_frame(connection, message.to_frame().into());
    }

    pub(super) fn send_frame(&mut self, connection: ConnectionId, frame: Arc<[u8]>) {
        if self.connections.contains_key(&connection) {
            self.effects.push(Effect::Send {
                connections: vec![connection],
                frame,
                urgency: Urgency::Now,
            });
        }
    }

    /// Queues a frame on every member's connection but one.
    pub(super) fn fan_out(
        &mut self,
        except: Option<ConnectionId>,
        frame: Arc<[u8]>,
        urgency: Urgency,
    ) {
        let connections: Vec<_> = self
            .joined
            .iter()
            .copied()
            .filter(|connection| Some(*connection) != except)
            .collect();
        if !connections.is_empty() {
            self.effects.push(Effect::Send {
                connections,
                frame,
                urgency,
            });
        }
    }

    pub(super) fn send_error(
        &mut self,
        connection: ConnectionId,
        code: ErrorCode,
        explanation: &str,
    ) {
        let error = Message::Error(ErrorMessage {
            code,
            explanation: Text::truncated(explanation),
        });
        self.send(connection, &error);
    }

    /// Ends a connection with a reason. Nothing that still comes over it is looked at.
    pub(super) fn expel(
        &mut self,
        now_ms: u64,
        connection: ConnectionId,
        code: ErrorCode,
        reason: &str,
    ) {
        self.send_error(connection, code, reason);
        self.close(connection, code, reason);
        self.closed(now_ms, connection, code == ErrorCode::Unresponsive);
    }

    pub(super) fn close(&mut self, connection: ConnectionId, code: ErrorCode, reason: &str) {
        self.effects.push(Effect::Close {
            connection,
            code,
            reason: reason.to_owned(),
        });
    }

    /// Tells everyone when to come back. All at once would be too many for a relay that has just
    /// started.
    pub(super) fn stop(&mut self) {
        let members = u32::try_from(self.joined.len()).unwrap_or(u32::MAX);
        let spread_ms = COME_BACK_SPREAD_MS_PER_MEMBER.saturating_mul(members);
        let come_back = Message::ComeBack {
            after_ms: COME_BACK_AFTER_MS,
            within_ms: COME_BACK_AFTER_MS.saturating_add(spread_ms),
        };
        self.fan_out(None, come_back.to_frame().into(), Urgency::Now);
        let error = Message::Error(ErrorMessage {
            code: ErrorCode::ShuttingDown,
            explanation: Text::truncated("the relay is being stopped: come back in a moment"),
        });
        self.fan_out(None, error.to_frame().into(), Urgency::Now);
        for connection in self.connections.keys().copied().collect::<Vec<_>>() {
            self.close(
                connection,
                ErrorCode::ShuttingDown,
                "the relay is being stopped",
            );
        }
    }
}
