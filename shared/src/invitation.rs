//! Invitations: secrets that let their holder join a network.

use core::fmt;
use core::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::hash::{Hash, Tag};
use crate::keys::{Hrp, from_bech32m, write_bech32m};

const PREFIX: Hrp = Hrp::parse_unchecked("tabinvite");

/// A secret of 32 random bytes that lets its holder join a network. Who has it can use it: it is
/// shown to nobody but the relay, which keeps only its [`Self::id`].
#[derive(Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Invitation([u8; 32]);

impl Invitation {
    /// The invitation of 32 bytes, which must come from a cryptographic source of randomness.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What the relay keeps of it, and how people name it. One fast hash is enough: nobody can
    /// try 2^256 invitations.
    #[must_use]
    pub fn id(&self) -> Hash {
        Tag::INVITATION.hash(&[&self.0])
    }
}

impl fmt::Display for Invitation {
    /// Bech32m (BIP 350) with the prefix `tabinvite`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_bech32m(f, PREFIX, &self.0)
    }
}

impl fmt::Debug for Invitation {
    /// The id, so that no log gives the secret away.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invitation {}", self.id())
    }
}

/// A text that should be an invitation is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an invitation looks like tabinvite1… with 68 characters and a check sum: this text does not"
)]
pub struct ParseInvitationError;

impl FromStr for Invitation {
    type Err = ParseInvitationError;

    fn from_str(text: &str) -> Result<Self, ParseInvitationError> {
        from_bech32m(PREFIX, text)
            .map(Self)
            .ok_or(ParseInvitationError)
    }
}
