//! What the relay keeps of every key that ever registered: its number, and how far it has voted.
//!
//! The rows stay in the store. In memory are those of keys that are registering, are here, or
//! whose row is being written: as many as there are connections, and batches under way.

use borsh::{BorshDeserialize, BorshSerialize};

use super::interface::ConnectionId;
use super::registration::Stage;
use super::{Followup, Loading, NEXT_MEMBER_ROW, Relay};
use crate::encoding::decode;
use crate::finality::mark::VoteMark;
use crate::invitation::Invitation;
use crate::keys::PublicKey;
use crate::limits::CLAIM_AHEAD_MAX;
use crate::message::{ErrorCode, MemberId};
use crate::network::Admission;
use crate::rejection::RejectionKind;
use crate::store::{Query, Row, Table, Write};

/// A row of [`Table::Members`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct MemberRow {
    /// The key's number, for good.
    pub(super) id: MemberId,
    /// The last votes of the key that were passed on.
    pub(super) mark: Option<VoteMark>,
}

/// Whether a row of [`Table::Members`] is of a key that has voted; of one that cannot be read
/// nobody knows, so it counts as such.
#[must_use]
pub fn has_voted(row: &[u8]) -> bool {
    decode("member", row).map_or(true, |row: MemberRow| row.mark.is_some())
}

/// A row in memory.
#[derive(Debug, Default)]
pub(super) struct HeldRow {
    /// Nothing while it is being read.
    pub(super) row: Option<MemberRow>,
    /// Batches with it that are under way: until they are durable a read may not see it.
    writes: u32,
}

impl Relay {
    /// A key has proved itself: its row is read, unless it is here.
    pub(super) fn find_member(&mut self, now_ms: u64, key: PublicKey) {
        match self.held.get(&key) {
            Some(HeldRow { row: Some(_), .. }) => self.admit(now_ms, key, Vec::new()),
            Some(_) => {}
            None => {
                self.held.insert(key, HeldRow::default());
                self.load(Self::member_query(&key), Loading::Member(key));
            }
        }
    }

    /// Asks for the row of a key.
    pub(super) fn member_query(key: &PublicKey) -> Query {
        Query::Keys {
            table: Table::Members,
            keys: vec![key.0.to_vec()],
        }
    }

    /// A key's row was read; where there is none, the key is new.
    pub(super) fn member_found(&mut self, now_ms: u64, key: PublicKey, rows: &[Row]) {
        if self.applicants(&key).is_empty() {
            self.held.remove(&key);
            return;
        }
        let known = rows.first().map(|row| decode("member", &row.value));
        let (row, with) = match known {
            Some(Ok(row)) => (row, Vec::new()),
            Some(Err(error)) => return self.member_lost(now_ms, key, &error.to_string()),
            None => match self.new_member(now_ms, key) {
                Some(new) => new,
                None => return,
            },
        };
        if let Some(held) = self.held.get_mut(&key) {
            held.row = Some(row);
        }
        self.admit(now_ms, key, with);
    }

    /// A new key gets the next number. Where that takes an invitation, it is used, and whoever
    /// shows none that holds is sent away.
    fn new_member(&mut self, now_ms: u64, key: PublicKey) -> Option<(MemberRow, Vec<Write>)> {
        let mut with = Vec::new();
        if self.network().admission == Admission::InviteOnly {
            for (connection, invitation) in self.applicants(&key) {
                match self.invitations.redeem(invitation.as_ref()) {
                    Ok(row) => {
                        with.push(row);
                        break;
                    }
                    Err(error) => {
                        let reason = error.to_string();
                        let refused = (RejectionKind::Registration, ErrorCode::Invitation);
                        self.turn_away(now_ms, connection, refused, &reason);
                    }
                }
            }
            if with.is_empty() {
                self.held.remove(&key);
                return None;
            }
        }
        let id = self.claimed_number(&key).unwrap_or(self.next_member);
        self.next_member = id.saturating_add(1);
        Some((MemberRow { id, mark: None }, with))
    }

    /// The number that a key without a row says to have. A relay that was restored from an older
    /// copy gives it back; one that it has given to others, or an absurd one, it does not.
    fn claimed_number(&self, key: &PublicKey) -> Option<MemberId> {
        let last = self.next_member.saturating_add(CLAIM_AHEAD_MAX);
        let claimed = self
            .connections
            .values()
            .filter_map(|peer| match &peer.stage {
                Stage::Proven(applicant) if applicant.hello.key == *key => applicant.number,
                _ => None,
            });
        claimed
            .filter(|number| (self.next_member..=last).contains(number))
            .max()
    }

    /// Connections that have proved to have this key, and what they show.
    fn applicants(&self, key: &PublicKey) -> Vec<(ConnectionId, Option<Invitation>)> {
        let peers = self.connections.iter();
        peers
            .filter_map(|(&connection, peer)| match &peer.stage {
                Stage::Proven(applicant) if applicant.hello.key == *key => {
                    Some((connection, applicant.invitation.clone()))
                }
                _ => None,
            })
            .collect()
    }

    /// A key's row cannot be read: nobody knows its number, so nobody gets in with it.
    pub(super) fn member_lost(&mut self, now_ms: u64, key: PublicKey, reason: &str) {
        self.held.remove(&key);
        let reason = format!("member {key} could not be read: {reason}");
        self.note_rejection(now_ms, None, RejectionKind::Storage, reason);
        for (connection, _) in self.applicants(&key) {
            let reason = "the relay's storage failed: try again later";
            self.expel(now_ms, connection, ErrorCode::ShuttingDown, reason);
        }
    }

    /// Writes a key's row with others, and after that does what follows.
    pub(super) fn write_member(
        &mut self,
        key: PublicKey,
        mut rows: Vec<Write>,
        mut followups: Vec<Followup>,
    ) {
        let Some(held) = self.held.get_mut(&key) else {
            return;
        };
        let Some(row) = &held.row else {
            return;
        };
        held.writes += 1;
        rows.push(Write::put(Table::Members, key.0, row));
        rows.push(Write::put(Table::Meta, NEXT_MEMBER_ROW, &self.next_member));
        followups.push(Followup::MemberWritten(key));
        self.write(rows, followups);
    }

    pub(super) fn member_written(&mut self, key: PublicKey) {
        if let Some(held) = self.held.get_mut(&key) {
            held.writes = held.writes.saturating_sub(1);
        }
        self.release_member(&key);
    }

    /// Forgets a row that nobody needs: its key is not here, and what was written is durable.
    pub(super) fn release_member(&mut self, key: &PublicKey) {
        let held = self.held.get(key);
        let is_idle = held.is_some_and(|held| held.row.is_some() && held.writes == 0);
        let mut keys = self
            .connections
            .values()
            .filter_map(|peer| peer.stage.key());
        if is_idle && keys.all(|here| here != key) {
            self.held.remove(key);
        }
    }

    pub(super) fn member_row(&self, key: &PublicKey) -> Option<&MemberRow> {
        self.held.get(key)?.row.as_ref()
    }

    pub(super) fn mark_mut(&mut self, key: &PublicKey) -> Option<&mut VoteMark> {
        let log_length = self.log.length();
        let row = self.held.get_mut(key)?.row.as_mut()?;
        Some(row.mark.get_or_insert_with(|| VoteMark::new(log_length)))
    }
}
