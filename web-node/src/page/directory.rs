//! Who is who: the numbers of the members that are present, by key.

use shared::keys::PublicKey;
use shared::message::MemberId;
use shared::node::interface::View;

/// Members' numbers by key, and which key is one's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Directory {
    own: PublicKey,
    ids: Vec<(PublicKey, MemberId)>,
}

impl Directory {
    /// Everyone in a view.
    pub(super) fn of(view: &View) -> Self {
        let own = view.id.map(|id| (view.key, id));
        let present = view.members.iter().map(|member| (member.key, member.id));
        Self {
            own: view.key,
            ids: present.chain(own).collect(),
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
