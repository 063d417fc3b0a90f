//! One client: it comes and goes, and sends a transaction now and then, each only when the one
//! before is acknowledged.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Registry, Token};
use shared::hash::{NetworkId, Tag};
use shared::keys::{PublicKey, SecretKey};
use shared::message::{Admission, Message};
use shared::transaction::SignedTransaction;

use super::chance::Chance;
use crate::load::LoadError;
use crate::load::member::{self, pong, submission, transaction};
use crate::load::socket::{ReadEnd, Socket};
use crate::load::websocket::{self, FrameReader, Joiner};

const HERE: Duration = Duration::from_secs(15);
const AWAY: Duration = Duration::from_secs(4);
/// Shorter than the relay takes to notice.
const NAP: Duration = Duration::from_secs(8);
/// Longer.
const FROZEN: Duration = Duration::from_secs(40);
const BETWEEN_TRANSACTIONS: Duration = Duration::from_secs(20);
/// Different keys that one client writes.
const KEYS: u64 = 10;

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    secret: SecretKey,
    token: Token,
    stays: bool,
    chance: Chance,
    phase: Phase,
    send_at: Instant,
    /// Its transactions that the relay has acknowledged.
    acknowledged: u64,
    /// The next one, while it is not: sent again until it is.
    pending: Option<SignedTransaction>,
}

#[derive(Debug)]
enum Phase {
    Away { until: Instant },
    Here { line: Box<Line>, until: Instant },
    Frozen { line: Box<Line>, until: Instant },
}

/// A connection of a member.
#[derive(Debug)]
struct Line {
    socket: Socket,
    frames: FrameReader,
    joiner: Joiner,
    network: NetworkId,
}

/// What a client did when its time had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Did {
    Nothing,
    Joined,
    Froze,
    Vanished,
}

/// What was new for a client.
#[derive(Debug)]
pub(super) enum News {
    /// Somebody's transaction.
    Transaction(Box<SignedTransaction>),
    /// One of its own was refused.
    Refused(String),
    /// The relay has closed the connection.
    Closed,
}

impl Client {
    pub(super) fn new(number: usize, stays: bool, now: Instant) -> Self {
        let seed = Tag::HISTORY.hash(&[&number.to_le_bytes()]);
        let mut chance = Chance::new(u64::try_from(number).unwrap_or_default());
        let until = now + chance.about(AWAY);
        Self {
            secret: SecretKey::from_seed(&seed.0),
            token: Token(number),
            stays,
            send_at: until + chance.about(BETWEEN_TRANSACTIONS),
            phase: Phase::Away {
                until: if stays { now } else { until },
            },
            chance,
            acknowledged: 0,
            pending: None,
        }
    }

    pub(super) fn key(&self) -> PublicKey {
        self.secret.public_key()
    }

    pub(super) fn stays(&self) -> bool {
        self.stays
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Does what its time has come for.
    pub(super) fn turn(
        &mut self,
        now: Instant,
        relay: SocketAddr,
        registry: &Registry,
    ) -> Result<Did, LoadError> {
        match &self.phase {
            Phase::Away { until } if *until <= now => {
                self.join(relay, registry)?;
                return Ok(Did::Joined);
            }
            Phase::Here { until, .. } if *until <= now && !self.stays => {
                return Ok(self.leave(now));
            }
            Phase::Frozen { until, .. } if *until <= now => self.wake(now),
            Phase::Here { .. } if self.send_at <= now => self.send_next(now),
            _ => {}
        }
        Ok(Did::Nothing)
    }

    fn join(&mut self, relay: SocketAddr, registry: &Registry) -> Result<(), LoadError> {
        let joined = member::join(relay, &self.secret)?;
        let line = Box::new(Line {
            socket: Socket::register(joined.stream, registry, self.token)?,
            frames: joined.frames,
            joiner: joined.joiner,
            network: joined.network,
        });
        let until = Instant::now() + self.chance.about(HERE);
        self.phase = Phase::Here { line, until };
        if let Some(signed) = self.pending.clone() {
            self.send(&submission(signed));
        }
        Ok(())
    }

    fn leave(&mut self, now: Instant) -> Did {
        let freezes = self.chance.once_in(2);
        let until = now + self.chance.about(AWAY);
        let before = core::mem::replace(&mut self.phase, Phase::Away { until });
        let Phase::Here { line, .. } = before else {
            return Did::Nothing;
        };
        if !freezes {
            // Without a word.
            return Did::Vanished;
        }
        let naps = self.chance.once_in(2);
        let until = now + self.chance.about(if naps { NAP } else { FROZEN });
        self.phase = Phase::Frozen { line, until };
        Did::Froze
    }

    /// What has come meanwhile is read as if it came now; a closed line is noticed by that.
    fn wake(&mut self, now: Instant) {
        let until = now + self.chance.about(HERE);
        let before = core::mem::replace(&mut self.phase, Phase::Away { until: now });
        if let Phase::Frozen { line, .. } = before {
            self.phase = Phase::Here { line, until };
        }
    }

    fn send_next(&mut self, now: Instant) {
        self.send_at = now + self.chance.about(BETWEEN_TRANSACTIONS);
        let Phase::Here { line, .. } = &self.phase else {
            return;
        };
        if self.pending.is_none() {
            let sequence = self.acknowledged;
            let key = format!("{}/{}", self.token.0, sequence % KEYS);
            let value = format!("transaction {sequence} of client {}", self.token.0);
            self.pending = transaction(&self.secret, line.network, sequence, &key, &value);
            if let Some(signed) = self.pending.clone() {
                self.send(&submission(signed));
            }
        }
    }

    fn send(&mut self, message: &Message) {
        if let Phase::Here { line, .. } = &mut self.phase {
            line.socket.send(&websocket::frame(&message.to_frame()));
        }
    }

    /// Reads what has come, unless it is frozen.
    pub(super) fn read(&mut self, buffer: &mut [u8], mut on_news: impl FnMut(News)) {
        let Phase::Here { line, .. } = &mut self.phase else {
            return;
        };
        line.socket.flush();
        let mut messages = Vec::new();
        let (frames, joiner) = (&mut line.frames, &mut line.joiner);
        let end = line.socket.read(buffer, |bytes| {
            frames.read(bytes, |part, is_last| {
                joiner.join(part, is_last, |frame| {
                    messages.extend(Message::from_frame(frame));
                });
            });
        });
        let is_closed = end == ReadEnd::Closed || line.frames.is_closed();
        for message in messages {
            self.take_in(message, &mut on_news);
        }
        if is_closed {
            let until = Instant::now() + self.chance.about(AWAY);
            self.phase = Phase::Away { until };
            on_news(News::Closed);
        }
    }

    fn take_in(&mut self, message: Message, on_news: &mut impl FnMut(News)) {
        match message {
            // None of them ever votes or leads: that is the worker's part.
            Message::Ping { sequence, .. } => self.send(&pong(sequence, false)),
            Message::Submitted(submissions) => submissions
                .into_vec()
                .into_iter()
                .for_each(|submission| on_news(News::Transaction(Box::new(submission.signed)))),
            Message::Admitted(admissions) => {
                for (id, admission) in admissions.into_vec() {
                    let pending = self.pending.as_ref();
                    if pending.is_none_or(|signed| signed.transaction.id() != id) {
                        continue;
                    }
                    match admission {
                        Admission::Pending | Admission::Mined => {
                            self.acknowledged += 1;
                            self.pending = None;
                        }
                        Admission::Refused(reason) => on_news(News::Refused(reason.to_string())),
                    }
                }
            }
            _ => {}
        }
    }
}
