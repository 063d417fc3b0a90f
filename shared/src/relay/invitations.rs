//! Invitations: who may join a network that is not open to all.
//!
//! The relay keeps ids, which are hashes of the secrets, and how often each was used. A key that
//! has joined stays a member: it needs no invitation again, also when that one is revoked.

use std::collections::BTreeMap;

use subtle::ConstantTimeEq;

use super::interface::{Effect, InvitationError, IssuedInvitation, NewInvitation, RequestId};
use super::{Followup, Relay};
use crate::chain::{RestoreError, row_value};
use crate::hash::Hash;
use crate::invitation::Invitation;
use crate::limits::INVITATIONS_MAX;
use crate::network::Admission;
use crate::store::{Rows, Table, Write};

/// Begins the names of the rows in [`Table::Meta`] that hold an invitation each; the id follows.
const ROW_PREFIX: &[u8] = b"invitation/";

/// Those that hold.
#[derive(Debug, Default)]
pub(super) struct Invitations(BTreeMap<Hash, IssuedInvitation>);

/// Why a node may not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotInvited {
    #[error("this network is for invited members: ask its administrator for an invitation")]
    None,
    #[error("this invitation does not hold, or no longer: ask its administrator for another one")]
    Unknown,
    #[error("all of this invitation's {0} uses are used up: ask its administrator for another one")]
    UsedUp(u32),
}

impl Invitations {
    pub(super) fn restore(rows: &Rows) -> Result<Self, RestoreError> {
        let rows = rows.table(Table::Meta).iter();
        rows.filter(|row| row.key.starts_with(ROW_PREFIX))
            .map(|row| {
                let issued: IssuedInvitation = row_value(Table::Meta, &row.value)?;
                Ok((issued.id, issued))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &IssuedInvitation> {
        self.0.values()
    }

    /// Uses what a node shows; returns the row that says so.
    pub(super) fn redeem(&mut self, shown: Option<&Invitation>) -> Result<Write, NotInvited> {
        let shown = shown.ok_or(NotInvited::None)?.id();
        // All are compared, each in constant time: how long it takes says nothing about them.
        let found = self.0.values_mut().fold(None, |found, issued| {
            bool::from(issued.id.0.ct_eq(&shown.0))
                .then_some(issued)
                .or(found)
        });
        let issued = found.ok_or(NotInvited::Unknown)?;
        if issued.uses >= issued.uses_max {
            return Err(NotInvited::UsedUp(issued.uses_max));
        }
        issued.uses += 1;
        Ok(row(issued))
    }

    fn issue(&mut self, now_ms: u64, invite: NewInvitation) -> Result<Write, InvitationError> {
        if self.0.len() >= INVITATIONS_MAX {
            return Err(InvitationError::TooMany);
        }
        let issued = IssuedInvitation {
            id: invite.id,
            label: invite.label,
            issued_ms: now_ms,
            uses_max: invite.uses_max,
            uses: 0,
        };
        let write = row(&issued);
        self.0.insert(issued.id, issued);
        Ok(write)
    }

    fn revoke(&mut self, id: &Hash) -> Result<Write, InvitationError> {
        match self.0.remove(id) {
            Some(_) => Ok(Write::remove(Table::Meta, row_key(id))),
            None => Err(InvitationError::Unknown(*id)),
        }
    }
}

impl Relay {
    pub(super) fn invite(&mut self, now_ms: u64, request: RequestId, invite: NewInvitation) {
        let issued = match self.network().admission {
            Admission::Open => Err(InvitationError::OpenNetwork),
            Admission::InviteOnly => self.invitations.issue(self.network_time_ms(now_ms), invite),
        };
        self.administer(request, issued);
    }

    pub(super) fn revoke(&mut self, request: RequestId, id: &Hash) {
        let revoked = self.invitations.revoke(id);
        self.administer(request, revoked);
    }

    fn administer(&mut self, request: RequestId, act: Result<Write, InvitationError>) {
        match act {
            Ok(row) => self.write(vec![row], vec![Followup::Administered(request)]),
            Err(error) => self.effects.push(Effect::Administered(request, Err(error))),
        }
    }
}

fn row(issued: &IssuedInvitation) -> Write {
    Write::put(Table::Meta, row_key(&issued.id), issued)
}

fn row_key(id: &Hash) -> Vec<u8> {
    [ROW_PREFIX, &id.0].concat()
}
