//! Bearer tokens (RFC 6750): who has one may administer the relay, or a network of it.
//!
//! The relay keeps SHA-256 of each. That is enough for tokens of 256 random bits, which nobody can
//! guess; slow hashes such as Argon2 are for passwords, which people choose.

use core::fmt;
use core::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::clock::{NoRandomness, random};

const PREFIX: &str = "tabtoken_";
const DOMAIN: &[u8] = b"tabchain/token/v1";
/// Characters of a token that an operator chose: with fewer it might be guessed from its hash.
const GIVEN_CHARACTERS_MIN: usize = 32;

/// A token in clear text. It is shown once, to whom it belongs.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// A token that an operator chose is too weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a token needs {GIVEN_CHARACTERS_MIN} random characters or more, this one has {0}: make one with `openssl rand -hex 32`"
)]
pub struct WeakToken(usize);

impl Token {
    /// A new one, of 256 random bits.
    pub(crate) fn random() -> Result<Self, NoRandomness> {
        Ok(Self(format!("{PREFIX}{}", hex::encode(random::<32>()?))))
    }

    /// The text that its owner has to keep.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the relay keeps.
    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

impl FromStr for Token {
    type Err = WeakToken;

    /// A token that an operator gives: it must be random, which cannot be checked, and long, which
    /// can. White space around it is not part of it.
    fn from_str(text: &str) -> Result<Self, WeakToken> {
        let text = text.trim();
        let characters = text.chars().count();
        if characters < GIVEN_CHARACTERS_MIN {
            return Err(WeakToken(characters));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What the relay keeps of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenHash(pub(crate) [u8; 32]);

impl TokenHash {
    fn of(text: &str) -> Self {
        let hash = Sha256::new_with_prefix(DOMAIN).chain_update(text);
        Self(hash.finalize().into())
    }

    /// Whether this is the token; takes as long for one wrong token as for another.
    pub(crate) fn is_of(&self, shown: &str) -> bool {
        Self::of(shown).0.ct_eq(&self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash_alone() {
        let token = Token::random().unwrap();
        let hash = token.hash();
        assert!(hash.is_of(token.as_str()));
        assert!(!hash.is_of(Token::random().unwrap().as_str()));
        assert!(!hash.is_of(""));
        assert!(!hash.is_of(&token.as_str()[1..]));
    }

    #[test]
    fn a_token_is_not_logged() {
        let token = Token::random().unwrap();
        assert!(!format!("{token:?}").contains(&token.as_str()[PREFIX.len()..]));
    }

    #[test]
    fn a_short_token_of_the_operators_is_refused() {
        assert_eq!("hunter2".parse::<Token>(), Err(WeakToken(7)));
        let long = "x".repeat(GIVEN_CHARACTERS_MIN);
        let given: Token = format!("{long}\n").parse().unwrap();
        assert_eq!(given.as_str(), long);
    }
}
