//! What is sent: frames of 1 KiB, made before the clock runs, each with its number in it.

use shared::encoding::List;
use shared::hash::{NetworkId, Tag};
use shared::keys::SecretKey;
use shared::message::{CheckReport, Message, Submission};

use crate::load::LoadError;
use crate::load::member::{submission, transaction};

/// Bytes of each message, as the relay delivers it.
pub(super) const MESSAGE_BYTES: usize = 1024;
/// Digits of a message's number.
const DIGITS: usize = 8;
/// Members that send.
pub(super) const SENDERS: usize = 4;

/// What the relay has to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Verify a signature, check and admit it, store it durably, then pass it on: a transaction.
    Transaction,
    /// Only look whether it may be sent, and pass it on: a leader's report.
    Report,
}

/// Messages to be sent, by their numbers.
#[derive(Debug)]
pub(super) struct Messages {
    sent: Vec<Vec<u8>>,
    kind: Kind,
    /// Bytes of each when it is delivered, and where its number stands then.
    pub(super) delivered: Shape,
}

/// How a delivered message is told from others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    length: usize,
    number_at: usize,
}

impl Messages {
    /// So many messages for a network.
    pub(super) fn new(kind: Kind, network: NetworkId, count: usize) -> Result<Self, LoadError> {
        let lacking = || LoadError::unexpected("room for a message", kind);
        let make = |number| message(kind, network, number);
        // Digits that occur nowhere else in it.
        let (_, delivered) = make(98_765_432).ok_or_else(lacking)?;
        let number_at = delivered
            .windows(DIGITS)
            .position(|digits| digits == b"98765432");
        let delivered = Shape {
            length: delivered.len(),
            number_at: number_at.ok_or_else(lacking)?,
        };
        let (first, _) = make(0).ok_or_else(lacking)?;
        let mut sent = vec![first];
        for number in 1..count {
            sent.push(make(number).ok_or_else(lacking)?.0);
        }
        Ok(Self {
            sent,
            kind,
            delivered,
        })
    }

    /// The message of a number, and which of the members sends it.
    pub(super) fn get(&self, number: usize) -> Option<(usize, &[u8])> {
        Some((sender(self.kind, number), self.sent.get(number)?))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.sent.len()
    }

    /// The shape of a message that is delivered as it was sent.
    pub(super) fn as_sent(&self) -> Shape {
        let length = self.sent.first().map_or(0, Vec::len);
        Shape {
            length,
            // What is in front differs in length.
            number_at: self.delivered.number_at + length - self.delivered.length,
        }
    }
}

impl Shape {
    /// The number of a message, if this is one.
    pub(super) fn number(self, message: &[u8]) -> Option<usize> {
        if message.len() != self.length {
            return None;
        }
        let digits = message.get(self.number_at..self.number_at + DIGITS)?;
        digits.iter().try_fold(0, |number, digit| {
            let value = digit.checked_sub(b'0').filter(|value| *value < 10)?;
            Some(number * 10 + usize::from(value))
        })
    }
}

/// The key of a member.
pub(super) fn secret(member: usize) -> SecretKey {
    SecretKey::from_seed(&Tag::HISTORY.hash(&[&member.to_le_bytes()]).0)
}

/// Reports are the leader's, who joined first.
fn sender(kind: Kind, number: usize) -> usize {
    match kind {
        Kind::Transaction => number % SENDERS,
        Kind::Report => 0,
    }
}

/// A message as it is sent and as it is delivered.
fn message(kind: Kind, network: NetworkId, number: usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let digits = format!("{number:0DIGITS$}");
    match kind {
        Kind::Report => {
            // The number of the check is that of the message, in digits.
            let check = u64::from_le_bytes(digits.as_bytes().try_into().ok()?);
            let report = |silent: usize| {
                let frame = Message::CheckReport(CheckReport {
                    check: (1, check),
                    height: 0,
                    agree: List::default(),
                    differ: List::default(),
                    silent: List::truncated((0..silent).map(|_| 0)),
                });
                frame.to_frame()
            };
            let ids = (MESSAGE_BYTES - report(0).len()) / size_of::<u64>();
            Some((report(ids), report(ids)))
        }
        Kind::Transaction => {
            let member = sender(kind, number);
            let secret = secret(member);
            let sequence = u64::try_from(number / SENDERS).ok()?;
            let build = |value_bytes: usize| {
                let value = format!("{digits:x<value_bytes$}");
                let key = format!("sender {member}");
                transaction(&secret, network, sequence, &key, &value)
            };
            let deliver = |signed| {
                let submitter = secret.public_key();
                Message::Submitted(List::truncated([Submission { submitter, signed }])).to_frame()
            };
            let rest = MESSAGE_BYTES - deliver(build(DIGITS)?).len();
            let signed = build(DIGITS + rest)?;
            let sent = submission(signed.clone()).to_frame();
            Some((sent, deliver(signed)))
        }
    }
}

/// For people.
impl core::fmt::Display for Kind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Transaction => "transactions",
            Self::Report => "reports",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_both_forms() {
        for kind in [Kind::Transaction, Kind::Report] {
            let network = NetworkId::default();
            let messages = Messages::new(kind, network, 3).unwrap();
            let (_, sent) = messages.get(2).unwrap();
            assert_eq!(messages.as_sent().number(sent), Some(2));
            let (_, delivered) = message(kind, network, 2).unwrap();
            assert_eq!(messages.delivered.number(&delivered), Some(2));
            assert!(
                delivered.len().abs_diff(MESSAGE_BYTES) < 8,
                "{}",
                delivered.len()
            );
            assert_eq!(messages.delivered.number(&[0; 40]), None);
        }
    }
}
