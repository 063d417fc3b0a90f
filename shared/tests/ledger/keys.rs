//! Keys and signatures against RFC 8032's and Wycheproof's vectors.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use bech32::{Bech32, Bech32m, Fe32, Hrp};
use proptest::prelude::*;
use serde::Deserialize;
use shared::keys::{ParseKeyError, PublicKey, SecretKey, Signature, SignatureError};

use crate::common::{cases, public, secret, unhex};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wycheproof {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    public_key: GroupKey,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct GroupKey {
    pk: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    comment: String,
    msg: String,
    sig: String,
    result: String,
}

#[test]
fn signatures_are_judged_as_in_wycheproofs_vectors() {
    let vectors: Wycheproof =
        serde_json::from_str(include_str!("../data/wycheproof-ed25519.json")).unwrap();
    let mut judged = 0;
    for group in &vectors.test_groups {
        let key = PublicKey(array(&group.public_key.pk).unwrap());
        for case in &group.tests {
            let is_accepted = array(&case.sig)
                .is_some_and(|bytes| key.verify(&unhex(&case.msg), &Signature(bytes)).is_ok());
            let Case { tc_id, comment, .. } = case;
            assert_eq!(is_accepted, case.result == "valid", "{tc_id}: {comment}");
            judged += 1;
        }
    }
    assert_eq!(judged, vectors.number_of_tests);
}

/// Nothing where the length is another one: such bytes are no signature by their type.
fn array<const BYTES: usize>(digits: &str) -> Option<[u8; BYTES]> {
    unhex(digits).try_into().ok()
}

/// RFC 8032, section 7.1: secret key, public key, message, signature.
const RFC_8032: [[&str; 4]; 4] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
         5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
         18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    [
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589\
         09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ],
];

#[test]
fn keys_and_signatures_are_those_of_rfc_8032() {
    for [seed, public, message, signature] in RFC_8032 {
        let secret = SecretKey::from_seed(&array(seed).unwrap());
        let message = unhex(message);
        let expected = Signature(array(signature).unwrap());
        assert_eq!(secret.public_key(), PublicKey(array(public).unwrap()));
        assert_eq!(secret.sign(&message), expected);
        assert_eq!(secret.public_key().verify(&message, &expected), Ok(()));
        assert_eq!(secret.to_seed(), array(seed).unwrap());
    }
}

/// The points of order 1, 2, 4 and 8 in canonical and other encodings, from "Taming the many
/// EdDSAs" (eprint 2020/1244), table 1 and its appendix.
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

#[test]
fn a_key_of_small_order_signs_nothing() {
    for digits in SMALL_ORDER {
        let key = PublicKey(array(digits).unwrap());
        // R is the neutral element and S is zero: without the check this holds for many messages.
        let mut signature = [0; 64];
        signature[0] = 1;
        for message in 0..16_u8 {
            assert_eq!(
                key.verify(&[message], &Signature(signature)),
                Err(SignatureError::Key(key)),
                "{digits}"
            );
        }
    }
}

#[test]
fn a_signature_is_for_one_key_and_one_statement() {
    let signature = secret(1).sign(b"statement");
    assert_eq!(public(1).verify(b"statement", &signature), Ok(()));
    assert_eq!(
        public(1).verify(b"another", &signature),
        Err(SignatureError::Signature(public(1)))
    );
    assert_eq!(
        public(2).verify(b"statement", &signature),
        Err(SignatureError::Signature(public(2)))
    );
}

const PREFIX: Hrp = Hrp::parse_unchecked("tab");

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_key_is_read_as_it_is_written(bytes: [u8; 32]) {
        let key = PublicKey(bytes);
        let text = key.to_string();
        prop_assert_eq!(text.len(), 62);
        prop_assert_eq!(text.parse(), Ok(key));
        // BIP 173: all in capitals is the same, as it stands in QR codes.
        prop_assert_eq!(text.to_uppercase().parse(), Ok(key));
    }

    #[test]
    fn a_key_with_a_wrong_character_is_refused(bytes: [u8; 32], at in 0_usize..62, to in "[a-z0-9]") {
        let text = PublicKey(bytes).to_string();
        let mut changed = text.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != text);
        prop_assert_eq!(changed.parse::<PublicKey>(), Err(ParseKeyError));
    }
}

#[test]
fn other_texts_are_no_keys() {
    let bytes = [3; 32];
    let other_sum = bech32::encode::<Bech32>(PREFIX, &bytes).unwrap();
    let other_prefix = bech32::encode::<Bech32m>(Hrp::parse_unchecked("bc"), &bytes).unwrap();
    let too_short = bech32::encode::<Bech32m>(PREFIX, &bytes[1..]).unwrap();
    let too_long = bech32::encode::<Bech32m>(PREFIX, &[3; 33]).unwrap();
    for text in ["", "tab1", &other_sum, &other_prefix, &too_short, &too_long] {
        assert_eq!(text.parse::<PublicKey>(), Err(ParseKeyError), "{text}");
    }
}

/// 32 bytes fill 51 characters and one bit of another, which has four bits to spare.
#[test]
fn a_key_has_one_written_form_in_small_letters() {
    use bech32::{ByteIterExt as _, Fe32IterExt as _};

    let symbols: Vec<Fe32> = [3_u8; 32].iter().copied().bytes_to_fes().collect();
    let (&last, rest) = symbols.split_last().unwrap();
    for spare in 1..16 {
        let last = Fe32::try_from(last.to_u8() | spare).unwrap();
        let text: String = rest
            .iter()
            .copied()
            .chain([last])
            .with_checksum::<Bech32m>(&PREFIX)
            .chars()
            .collect();
        assert_eq!(text.parse::<PublicKey>(), Err(ParseKeyError), "{text}");
    }
}
