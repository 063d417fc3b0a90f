//! Ed25519 keys and signatures (RFC 8032), with the one acceptance predicate of this protocol.

use std::collections::HashMap;

use bech32::Bech32m;
pub(crate) use bech32::Hrp;
use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

/// The public key that names a node, a sender, a producer or a relay.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct PublicKey(pub [u8; 32]);

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);

/// A signature that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
pub enum SignatureError {
    /// The key's bytes are no point of the curve, or one of small order.
    #[error("the public key {0} is no usable Ed25519 key")]
    Key(PublicKey),
    /// The signature is not this key's over these bytes.
    #[error("the signature is not that of {0} over these bytes")]
    Signature(PublicKey),
}

impl PublicKey {
    const PREFIX: Hrp = Hrp::parse_unchecked("tab");

    /// Whether `signature` is this key's over `statement`.
    ///
    /// Accepted is what `verify_strict` accepts: canonical S and R, the equation without
    /// cofactor, neither the key nor R of small order.
    pub fn verify(&self, statement: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        self.point()?.verify(statement, signature)
    }

    fn point(&self) -> Result<Point, SignatureError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| SignatureError::Key(*self))?;
        Ok(Point(key))
    }

    /// The last characters of the written form: enough to tell members of a class apart.
    #[must_use]
    pub fn short(&self) -> String {
        let text = self.to_string();
        let tail = text.len().saturating_sub(8);
        format!("…{}", text.get(tail..).unwrap_or_default())
    }
}

/// A public key as the point of the curve that it names.
#[derive(Debug)]
struct Point(VerifyingKey);

impl Point {
    fn verify(&self, statement: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0.verify_strict(statement, &signature).map_err(|_| {
            let key = PublicKey(self.0.to_bytes());
            if self.0.is_weak() {
                SignatureError::Key(key)
            } else {
                SignatureError::Signature(key)
            }
        })
    }
}

/// The points of keys whose signatures were verified lately. To find a key's point is up to a tenth of
/// verifying a signature, and most of a chain is signed by few.
#[derive(Debug)]
pub struct Points {
    known: HashMap<PublicKey, Point>,
    max: usize,
}

impl Points {
    /// Keeps at most so many; one more, and all others are forgotten.
    #[must_use]
    pub fn at_most(max: usize) -> Self {
        Self {
            known: HashMap::new(),
            max,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// As [`PublicKey::verify`].
    pub fn verify(
        &mut self,
        key: &PublicKey,
        statement: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        if let Some(point) = self.known.get(key) {
            return point.verify(statement, signature);
        }
        let point = key.point()?;
        point.verify(statement, signature)?;
        if self.known.len() >= self.max {
            self.known.clear();
        }
        self.known.insert(*key, point);
        Ok(())
    }
}

impl core::fmt::Display for PublicKey {
    /// Bech32m (BIP 350) with the prefix `tab`.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write_bech32m(f, Self::PREFIX, &self.0)
    }
}

impl core::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

/// A text that should be a public key is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a public key looks like tab1… with 62 characters and a check sum: this text does not")]
pub struct ParseKeyError;

impl core::str::FromStr for PublicKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        from_bech32m(Self::PREFIX, text)
            .map(Self)
            .ok_or(ParseKeyError)
    }
}

/// Writes 32 bytes as Bech32m (BIP 350).
pub(crate) fn write_bech32m(
    f: &mut core::fmt::Formatter<'_>,
    prefix: Hrp,
    bytes: &[u8; 32],
) -> core::fmt::Result {
    bech32::encode_to_fmt::<Bech32m, _>(f, prefix, bytes).map_err(|_| core::fmt::Error)
}

/// The 32 bytes of a text that [`write_bech32m`] wrote, in either case.
pub(crate) fn from_bech32m(prefix: Hrp, text: &str) -> Option<[u8; 32]> {
    let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text).ok()?;
    if checked.hrp() != prefix {
        return None;
    }
    let bytes: [u8; 32] = checked.byte_iter().collect::<Vec<u8>>().try_into().ok()?;
    // The last character has bits to spare, which must not give one value several names.
    let canonical = bech32::encode_lower::<Bech32m>(prefix, &bytes).ok()?;
    canonical.eq_ignore_ascii_case(text).then_some(bytes)
}

impl core::fmt::Debug for Signature {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A secret key held in memory, erased when dropped. Browsers with WebCrypto Ed25519 do
/// not need it; relays, command lines, tests and older browsers do.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of a 32-byte seed, which must come from a cryptographic source of randomness.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, to be stored where nobody else reads.
    #[must_use]
    pub fn to_seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The signature over `statement`.
    #[must_use]
    pub fn sign(&self, statement: &[u8]) -> Signature {
        Signature(self.0.sign(statement).to_bytes())
    }
}

impl core::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SecretKey of {}", self.public_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(number: u64) -> SecretKey {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        SecretKey::from_seed(&seed)
    }

    #[test]
    fn a_known_point_verifies_as_its_key_does() {
        let (signer, other) = (secret(1), secret(2));
        let (key, statement) = (signer.public_key(), b"statement".as_slice());
        let good = signer.sign(statement);
        let forged = other.sign(statement);
        let mut points = Points::at_most(3);
        for known in [0, 1, 1] {
            assert_eq!(points.len(), known);
            assert_eq!(points.verify(&key, statement, &good), Ok(()));
            let wrong = Err(SignatureError::Signature(key));
            assert_eq!(points.verify(&key, statement, &forged), wrong);
            assert_eq!(points.verify(&key, b"another", &good), wrong);
        }
    }

    #[test]
    fn a_key_of_small_order_is_named_and_not_kept() {
        // The neutral element, for which R = S = 0 would satisfy the equation.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let key = PublicKey(neutral);
        let mut signature = Signature([0; 64]);
        signature.0[..32].copy_from_slice(&neutral);
        let mut points = Points::at_most(3);
        let refused = Err(SignatureError::Key(key));
        assert_eq!(points.verify(&key, b"anything", &signature), refused);
        assert_eq!(key.verify(b"anything", &signature), refused);
        assert_eq!(points.len(), 0);
    }

    #[test]
    fn points_are_bounded() {
        let mut points = Points::at_most(3);
        for known in [1, 2, 3, 1, 2] {
            let signer = secret(u64::try_from(points.len()).unwrap());
            let signature = signer.sign(b"");
            let verified = points.verify(&signer.public_key(), b"", &signature);
            assert_eq!(verified, Ok(()));
            assert_eq!(points.len(), known);
        }
    }
}
