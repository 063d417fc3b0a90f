//! SHA-256 and domain tags.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use proptest::collection::vec;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use shared::hash::{Hash, Tag};
use shared::merkle;
use shared::network::NetworkParameters;
use shared::transaction::{Action, InvalidTransaction, TransactionError};

use crate::common::{cases, network, public, sign, transaction, unhex};

/// The examples of FIPS 180-4 and two of NIST's short messages (CAVP, SHA256ShortMsg).
#[test]
fn sha_256_is_that_of_nists_vectors() {
    let long = "a".repeat(1_000_000);
    let vectors: [(&[u8], &str); 7] = [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
        ),
        (
            long.as_bytes(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ),
        (&[0xd3], "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"),
        (&[0x11, 0xaf], "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98"),
    ];
    for (message, expected) in vectors {
        let hash: [u8; 32] = Sha256::digest(message).into();
        assert_eq!(hash.to_vec(), unhex(expected));
    }
    assert_eq!(merkle::empty_root().0.to_vec(), unhex(vectors[0].1));
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_tag_stands_before_the_content_however_that_is_cut(
        content in vec(any::<u8>(), 0..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let (one, two) = content.split_at(cut.index(content.len() + 1));
        let expected = Sha256::digest([Tag::HISTORY.bytes(), &content].concat());
        prop_assert_eq!(Tag::HISTORY.hash(&[one, two]), Hash(expected.into()));
    }

    #[test]
    fn work_is_found_for_transactions_of_any_length(
        amount: u64,
        sequence: u64,
        bits in 0_u8..9,
    ) {
        let action = Action::Transfer { to: public(2), amount };
        let worked = transaction(network().id(), 1, sequence, action.clone()).with_work(bits);
        prop_assert!(leading_zeros(&worked.id().0) >= u32::from(bits));
        // The first that will do: no attempt was left out.
        let before = (0..worked.work).map(|work| {
            let mut attempt = worked.clone();
            attempt.work = work;
            leading_zeros(&attempt.id().0)
        });
        prop_assert!(before.into_iter().all(|zeros| zeros < u32::from(bits)));
    }
}

#[test]
fn a_transaction_without_its_work_is_refused() {
    let costly = NetworkParameters {
        transaction_work_bits: 8,
        ..network()
    };
    let to = public(2);
    let action = Action::Transfer { to, amount: 1 };
    let unpaid = transaction(costly.id(), 1, 0, action);
    let id = unpaid.id();
    let came = leading_zeros(&id.0);
    let error = TransactionError::Work { expected: 8, came };
    let refused = Err(InvalidTransaction { id, error });
    assert_eq!(sign(1, unpaid.clone()).verify(&costly), refused);
    assert!(sign(1, unpaid.with_work(8)).verify(&costly).is_ok());
}

fn leading_zeros(bytes: &[u8; 32]) -> u32 {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let next = bytes.get(zeros).map_or(0, |byte| byte.leading_zeros());
    zeros as u32 * 8 + next
}
