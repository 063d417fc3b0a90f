//! Who is who: the numbers of the members that are present, by key.

use shared::keys::PublicKey;
use shared::message::{Member, MemberId};

/// Members' numbers by key, and which key is one's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Directory {
    own: PublicKey,
    ids: Vec<(PublicKey, MemberId)>,
}

impl Directory {
    /// These members, and oneself, who may be none of them.
    pub(super) fn of(members: &[Member], own: PublicKey, own_id: Option<MemberId>) -> Self {
        let present = members.iter().map(|member| (member.key, member.id));
        Self {
            own,
            ids: present.chain(own_id.map(|id| (own, id))).collect(),
        }
    }

    /// The number of a key, if it is present.
    pub(super) fn id(&self, key: &PublicKey) -> Option<MemberId> {
        let known = self.ids.iter().find(|(known, _)| known == key);
        known.map(|(_, id)| *id)
    }

    /// The key of a number, if it is present.
    pub(super) fn key(&self, id: MemberId) -> Option<PublicKey> {
        let known = self.ids.iter().find(|(_, known)| *known == id);
        known.map(|(key, _)| *key)
    }

    /// One's own key.
    pub(super) fn own(&self) -> PublicKey {
        self.own
    }

    /// Whether a key is one's own.
    pub(super) fn is_own(&self, key: &PublicKey) -> bool {
        self.own == *key
    }
}
