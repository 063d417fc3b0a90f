//! Keys in encrypted files. The browser makes, wraps and unwraps them: their bytes are never in
//! this program, nor where a script that got in could read them.
//!
//! A file holds, one behind the other: `tabchain-key`, a version byte, 16 bytes of salt, the
//! number of iterations as a little-endian u32, 12 bytes of nonce, the public key, and the private
//! key in PKCS #8 (RFC 8410), encrypted by AES-256-GCM (NIST SP 800-38D) with everything before it
//! as associated data. The key of that comes from the passphrase by PBKDF2 with SHA-256 (RFC 8018).

use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::{ALGORITHM, subtle};
use crate::js::{self, describe, object, property};
use crate::ports::KeyError;

const MAGIC: &[u8; 13] = b"tabchain-key\x01";
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const PUBLIC_BYTES: usize = 32;
/// Everything before the encrypted key.
const HEADER_BYTES: usize = MAGIC.len() + SALT_BYTES + 4 + NONCE_BYTES + PUBLIC_BYTES;
/// An Ed25519 key in PKCS #8, and the tag.
const ENCRYPTED_BYTES: usize = 48 + 16;
/// What OWASP's Password Storage Cheat Sheet asks of PBKDF2 with SHA-256.
const ITERATIONS: u32 = 600_000;
/// A file may ask for ten times that, and not for a browser that hangs.
const ITERATIONS_MAX: u32 = 6_000_000;

/// A new key in a file that the passphrase opens.
pub(super) async fn create(passphrase: &str) -> Result<Vec<u8>, KeyError> {
    let usages = list(&["sign", "verify"]);
    let pair = call("generateKey", &[ALGORITHM.into(), true.into(), usages]).await?;
    let half = |name: &str| property(&pair, name).unwrap_or_default();
    let public = call("exportKey", &["raw".into(), half("publicKey")]).await?;

    let mut random = [0; SALT_BYTES + NONCE_BYTES];
    getrandom::fill(&mut random).map_err(|error| KeyError::Browser(error.to_string()))?;
    let (salt, nonce) = random.split_at(SALT_BYTES);
    let iterations = ITERATIONS.to_le_bytes();
    let public = Uint8Array::new(&public).to_vec();
    let mut file = [MAGIC.as_slice(), salt, &iterations, nonce, &public].concat();

    let wrapping = wrapping_key(passphrase, salt, ITERATIONS).await?;
    let cipher = cipher(nonce, &file);
    let parts = ["pkcs8".into(), half("privateKey"), wrapping, cipher];
    let encrypted = call("wrapKey", &parts).await?;
    file.extend(Uint8Array::new(&encrypted).to_vec());
    Ok(file)
}

/// The key pair in a file, as the browser keeps it: signing, and never to be read out again.
pub(super) async fn open(file: &[u8], passphrase: &str) -> Result<JsValue, KeyError> {
    let (header, encrypted) = file
        .split_at_checked(HEADER_BYTES)
        .filter(|(header, rest)| header.starts_with(MAGIC) && rest.len() == ENCRYPTED_BYTES)
        .ok_or(KeyError::NoKeyFile)?;
    let mut left = header.get(MAGIC.len()..).unwrap_or_default();
    let mut take = |count: usize| {
        let (taken, rest) = left.split_at_checked(count).unwrap_or_default();
        left = rest;
        taken
    };
    let salt = take(SALT_BYTES);
    let iterations = take(4).try_into().map_or(0, u32::from_le_bytes);
    let (nonce, public) = (take(NONCE_BYTES), take(PUBLIC_BYTES));
    if !(1..=ITERATIONS_MAX).contains(&iterations) {
        return Err(KeyError::NoKeyFile);
    }

    let raw = Uint8Array::from(public).into();
    let verify = list(&["verify"]);
    let parts = ["raw".into(), raw, ALGORITHM.into(), true.into(), verify];
    let public = call("importKey", &parts).await?;
    let wrapping = wrapping_key(passphrase, salt, iterations).await?;
    let parts = [
        "pkcs8".into(),
        Uint8Array::from(encrypted).into(),
        wrapping,
        cipher(nonce, header),
        ALGORITHM.into(),
        false.into(),
        list(&["sign"]),
    ];
    // What does not decrypt under this key and with this header: there is no telling which.
    let opened = call("unwrapKey", &parts).await;
    let private = opened.map_err(|error| match error {
        KeyError::Browser(_) => KeyError::WrongPassphrase,
        other => other,
    })?;
    Ok(object(&[("privateKey", private), ("publicKey", public)]).into())
}

async fn wrapping_key(passphrase: &str, salt: &[u8], iterations: u32) -> Result<JsValue, KeyError> {
    let phrase = Uint8Array::from(passphrase.as_bytes()).into();
    let usages = list(&["deriveKey"]);
    let parts = ["raw".into(), phrase, "PBKDF2".into(), false.into(), usages];
    let base = call("importKey", &parts).await?;
    let derivation = object(&[
        ("name", "PBKDF2".into()),
        ("hash", "SHA-256".into()),
        ("salt", Uint8Array::from(salt).into()),
        ("iterations", iterations.into()),
    ]);
    let derived = object(&[("name", "AES-GCM".into()), ("length", 256.into())]);
    let usages = list(&["wrapKey", "unwrapKey"]);
    let parts = [
        derivation.into(),
        base,
        derived.into(),
        false.into(),
        usages,
    ];
    call("deriveKey", &parts).await
}

fn cipher(nonce: &[u8], header: &[u8]) -> JsValue {
    object(&[
        ("name", "AES-GCM".into()),
        ("iv", Uint8Array::from(nonce).into()),
        ("additionalData", Uint8Array::from(header).into()),
    ])
    .into()
}

fn list(items: &[&str]) -> JsValue {
    items
        .iter()
        .map(|item| JsValue::from_str(item))
        .collect::<Array>()
        .into()
}

/// The outcome of a method of `SubtleCrypto`.
async fn call(method: &str, arguments: &[JsValue]) -> Result<JsValue, KeyError> {
    let subtle = subtle().ok_or(KeyError::Unsupported)?;
    let failed = |error: JsValue| KeyError::Browser(describe(&error));
    let promise: Promise = js::call(&subtle, method, arguments)
        .and_then(JsCast::dyn_into)
        .map_err(failed)?;
    JsFuture::from(promise).await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::super::from_pair;
    use super::*;

    const PASSPHRASE: &str = "correct horse battery";

    #[wasm_bindgen_test]
    async fn the_key_in_a_file_signs_and_cannot_be_read_out() {
        let file = create(PASSPHRASE).await.unwrap();
        let pair = open(&file, PASSPHRASE).await.unwrap();
        let private = property(&pair, "privateKey").unwrap();
        assert_eq!(property(&private, "extractable"), Some(false.into()));
        let identity = from_pair(&pair).await.unwrap();
        let signature = identity.sign(b"statement").await.unwrap();
        assert!(
            identity
                .public_key()
                .verify(b"statement", &signature)
                .is_ok()
        );
    }

    #[wasm_bindgen_test]
    async fn a_wrong_passphrase_or_an_altered_file_opens_nothing() {
        let file = create(PASSPHRASE).await.unwrap();
        let wrong = open(&file, "correct horse batters").await;
        assert_eq!(wrong.unwrap_err(), KeyError::WrongPassphrase);
        // The public key, which nobody encrypted, and the private one.
        for place in [HEADER_BYTES - 1, HEADER_BYTES] {
            let mut altered = file.clone();
            altered[place] ^= 1;
            let opened = open(&altered, PASSPHRASE).await;
            assert_eq!(opened.unwrap_err(), KeyError::WrongPassphrase);
        }
    }

    #[wasm_bindgen_test]
    async fn what_is_no_key_file_is_named() {
        let file = create(PASSPHRASE).await.unwrap();
        let mut endless = file.clone();
        endless[MAGIC.len() + SALT_BYTES + 3] = 255;
        for bytes in [&[][..], b"tabchain-receipt", &file[1..], &endless] {
            let opened = open(bytes, PASSPHRASE).await;
            assert_eq!(opened.unwrap_err(), KeyError::NoKeyFile);
        }
    }
}
