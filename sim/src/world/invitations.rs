//! The administrator of a network by invitation, and users who show what they were given.

use std::collections::BTreeMap;

use shared::encoding::Text;
use shared::hash::Hash;
use shared::invitation::Invitation;
use shared::keys::PublicKey;
use shared::message::ErrorCode;
use shared::node::interface::{Command, Connection};
use shared::relay::interface::{self as relay, InvitationError, NewInvitation};

use super::World;

/// What the administrator has issued, and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Invitations {
    /// The first one always holds.
    pub(crate) issued: Vec<Issued>,
    /// Which one each key has shown last.
    pub(crate) shown: BTreeMap<PublicKey, usize>,
    /// Acts that the relay has not answered yet, by the number of the request.
    revoking: BTreeMap<u64, usize>,
}

#[derive(Debug)]
pub(crate) struct Issued {
    id: Hash,
    pub(crate) uses_max: u32,
    /// Since when the relay's store says that it is revoked.
    pub(crate) revoked_ms: Option<u64>,
}

impl World {
    pub(crate) fn invite(&mut self, uses_max: u32) {
        let invite = NewInvitation {
            id: invitation(self.invitations.issued.len()).id(),
            label: Text::truncated("simulated"),
            uses_max,
        };
        self.invitations.issued.push(Issued {
            id: invite.id,
            uses_max,
            revoked_ms: None,
        });
        self.met.note("invitations");
        self.number += 1;
        self.tell_relay(0, 1, relay::Event::Invite(self.number, invite));
    }

    /// The first one is never revoked.
    pub(crate) fn revoke(&mut self) {
        let newest = self.invitations.issued.len().saturating_sub(1);
        if newest == 0 {
            return;
        }
        let Some(issued) = self.invitations.issued.get(newest) else {
            return;
        };
        let id = issued.id;
        self.number += 1;
        self.invitations.revoking.insert(self.number, newest);
        self.tell_relay(0, 1, relay::Event::Revoke(self.number, id));
    }

    /// Whoever was not let in shows the newest invitation, or the first one.
    pub(crate) fn show_invitation(&mut self, index: usize, is_standing: bool) {
        let Some(sim) = self.nodes.get(index) else {
            return;
        };
        let connection = sim.node.as_ref().map(|node| node.view().connection);
        let Some(Connection::Refused(error)) = connection else {
            return;
        };
        if error.code != ErrorCode::Invitation {
            return;
        }
        let newest = self.invitations.issued.len().saturating_sub(1);
        let shown = if is_standing { 0 } else { newest };
        self.met.note("invitations shown");
        self.invitations.shown.insert(sim.key, shown);
        self.command(index, Command::UseInvitation(invitation(shown)));
    }

    pub(super) fn administered(&mut self, request: u64, done: &Result<(), InvitationError>) {
        let revoked = self.invitations.revoking.remove(&request);
        let issued = revoked.and_then(|place| self.invitations.issued.get_mut(place));
        if let (Some(issued), Ok(())) = (issued, done) {
            issued.revoked_ms.get_or_insert(self.now_ms);
            self.met.note("revoked invitations");
        }
    }
}

fn invitation(place: usize) -> Invitation {
    let mut bytes = [3; 32];
    let place = u64::try_from(place).unwrap_or(u64::MAX).to_be_bytes();
    for (to, from) in bytes.iter_mut().zip(place) {
        *to = from;
    }
    Invitation::from_bytes(bytes)
}
