//! Ed25519 keys and signatures (RFC 8032), with the one acceptance predicate of this protocol.

use std::collections::HashMap;

use bech32::Bech32m;
pub(crate) use bech32::Hrp;
use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};

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
        match VerifyingKey::from_bytes(&self.0) {
            Ok(key) if !key.is_weak() => Ok(Point(key)),
            _ => Err(SignatureError::Key(*self)),
        }
    }

    /// The last characters of the written form: enough to tell members of a class apart.
    #[must_use]
    pub fn short(&self) -> String {
        let text = self.to_string();
        let tail = text.len().saturating_sub(8);
        format!("…{}", text.get(tail..).unwrap_or_default())
    }
}

/// A public key as the point of the curve that it names, which is not of small order.
#[derive(Debug)]
struct Point(VerifyingKey);

impl Point {
    /// As `verify_strict`, without an eighth of its time: what satisfies the equation has the
    /// canonical encoding of a point as R, which need not be decoded to know those of small order.
    fn verify(&self, statement: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        match self.0.verify(statement, &signature) {
            Ok(()) if !is_of_small_order(*signature.r_bytes()) => Ok(()),
            _ => Err(SignatureError::Signature(PublicKey(self.0.to_bytes()))),
        }
    }
}

/// Whether these canonical bytes encode a point whose order divides 8.
fn is_of_small_order(mut encoded: [u8; 32]) -> bool {
    encoded[31] &= !SIGN;
    SMALL_ORDER.contains(&encoded)
}

/// Of x, in an encoded point's last byte.
const SIGN: u8 = 0x80;

/// The canonical encodings of the eight points whose order divides 8, but for the sign: "Taming the
/// many EdDSAs" (eprint 2020/1244), table 1.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
];

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
    use curve25519_dalek::EdwardsPoint;
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::scalar::Scalar;
    use sha2::{Digest as _, Sha512};

    use super::*;

    fn secret(number: u64) -> SecretKey {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        SecretKey::from_seed(&seed)
    }

    /// The points whose order divides 8, by the library's own table.
    fn small() -> impl Iterator<Item = EdwardsPoint> {
        EIGHT_TORSION.into_iter()
    }

    #[test]
    fn points_of_small_order_are_known_by_their_encodings() {
        let encoded: Vec<_> = small().map(|point| point.compress().0).collect();
        for bytes in &encoded {
            assert!(is_of_small_order(*bytes), "{bytes:?}");
        }
        for mut known in SMALL_ORDER {
            let with_either_sign = [0, SIGN].map(|sign| {
                known[31] |= sign;
                encoded.contains(&known)
            });
            assert!(with_either_sign.contains(&true), "{known:?}");
        }
        assert!(!is_of_small_order(secret(1).public_key().0));
    }

    /// Signatures whose R is of small order satisfy the equation where k takes its part of the key's
    /// into account, and S the rest.
    #[test]
    fn a_signature_with_r_of_small_order_is_refused_as_verify_strict_does() {
        let scalar = Scalar::from_bytes_mod_order([9; 32]);
        let torsion: Vec<_> = small().collect();
        let mut satisfying = 0;
        for (r, of_key) in torsion
            .iter()
            .flat_map(|r| torsion.iter().map(move |key| (r, key)))
        {
            let key = (EdwardsPoint::mul_base(&scalar) + of_key).compress();
            let verifying = VerifyingKey::from_bytes(&key.0).unwrap();
            for message in 0..16_u8 {
                let challenge = Sha512::new()
                    .chain_update(r.compress().0)
                    .chain_update(key.0)
                    .chain_update([message]);
                let k = Scalar::from_bytes_mod_order_wide(&challenge.finalize().into());
                let mut bytes = [0; 64];
                bytes[..32].copy_from_slice(&r.compress().0);
                bytes[32..].copy_from_slice(&(k * scalar).to_bytes());
                let signature = ed25519_dalek::Signature::from_bytes(&bytes);
                satisfying += usize::from(verifying.verify(&[message], &signature).is_ok());
                assert!(verifying.verify_strict(&[message], &signature).is_err());
                let key = PublicKey(key.0);
                let refused = Err(SignatureError::Signature(key));
                assert_eq!(key.verify(&[message], &Signature(bytes)), refused);
            }
        }
        assert!(
            satisfying > 64,
            "only {satisfying} would have been accepted"
        );
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
