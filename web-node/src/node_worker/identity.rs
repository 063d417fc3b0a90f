//! The node's key: in WebCrypto, where nobody can read it out, or else in this program.

mod backup;

use js_sys::{Array, Reflect, Uint8Array};
use shared::keys::{PublicKey, SecretKey, Signature};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, SubtleCrypto};

use crate::js::{describe, global};
use crate::ports::{self, KeyError};
use crate::store::StoreError;
use crate::store::indexed_db::IndexedDb;

const ALGORITHM: &str = "Ed25519";
/// Names in the storage's local part.
const KEY_PAIR: &str = "key-pair";
const SEED: &str = "key-seed";
/// The pair that takes the place of the present one at the next start.
const NEXT_KEY_PAIR: &str = "next-key-pair";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum IdentityError {
    /// The storage did not give or take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key is there, and is no use: another one in its place would be another member.
    #[error("this tab's key is stored, but the browser cannot use it")]
    Unusable,
    /// The browser has no source of randomness.
    #[error("the browser gives no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// A key that signs.
pub(super) enum Identity {
    /// By the browser.
    WebCrypto {
        subtle: SubtleCrypto,
        private: CryptoKey,
        public: PublicKey,
    },
    /// By this program: an insecure context, or a browser without Ed25519.
    Wasm(SecretKey),
}

impl Identity {
    /// The key that is stored, or a new one; without a storage always a new one.
    pub(super) async fn load_or_create(store: Option<&IndexedDb>) -> Result<Self, IdentityError> {
        if let Some(store) = store
            && let Some(stored) = load(store).await?
        {
            return Ok(stored);
        }
        create(store).await
    }

    /// Gives a storage without a key the one in another storage, which gets one first if it has none.
    pub(super) async fn copy(from: &IndexedDb, to: &IndexedDb) -> Result<(), IdentityError> {
        if load(to).await?.is_some() {
            return Ok(());
        }
        Self::load_or_create(Some(from)).await?;
        for name in [KEY_PAIR, SEED] {
            if let Some(value) = from.local(name).await? {
                to.set_local(name, value).await?;
            }
        }
        Ok(())
    }

    pub(super) fn public_key(&self) -> PublicKey {
        match self {
            Self::WebCrypto { public, .. } => *public,
            Self::Wasm(secret) => secret.public_key(),
        }
    }

    pub(super) fn kind(&self) -> ports::Identity {
        match self {
            Self::WebCrypto { .. } => ports::Identity::WebCrypto,
            Self::Wasm(_) => ports::Identity::Wasm,
        }
    }

    /// The signature over a statement, or what the browser said instead.
    pub(super) async fn sign(&self, statement: &[u8]) -> Result<Signature, String> {
        match self {
            Self::Wasm(secret) => Ok(secret.sign(statement)),
            Self::WebCrypto {
                subtle, private, ..
            } => {
                let promise = subtle
                    .sign_with_str_and_u8_array(ALGORITHM, private, statement)
                    .map_err(|error| describe(&error))?;
                let signature = JsFuture::from(promise)
                    .await
                    .map_err(|error| describe(&error))?;
                bytes(&signature)
                    .map(Signature)
                    .ok_or_else(|| "an Ed25519 signature has 64 bytes, this one has not".to_owned())
            }
        }
    }
}

/// Makes a key for the next start. Returns its backup, which was opened once: it holds.
pub(super) async fn make_next(store: &IndexedDb, passphrase: &str) -> Result<Vec<u8>, KeyError> {
    let file = backup::create(passphrase).await?;
    restore_next(store, &file, passphrase).await?;
    Ok(file)
}

/// Takes the key out of a backup for the next start.
pub(super) async fn restore_next(
    store: &IndexedDb,
    file: &[u8],
    passphrase: &str,
) -> Result<(), KeyError> {
    let pair = backup::open(file, passphrase).await?;
    let stored = store.set_local(NEXT_KEY_PAIR, pair).await;
    stored.map_err(|error| KeyError::Browser(error.to_string()))
}

/// Puts the next key in the place of the present one, if there is a next one. What is stored is
/// the present one's, its votes among it: all of that goes first. A crash in between begins this
/// again.
pub(super) async fn take_next(store: &IndexedDb) -> Result<(), StoreError> {
    if store.local(NEXT_KEY_PAIR).await?.is_some() {
        store.clear_all().await?;
        store.rename_local(NEXT_KEY_PAIR, KEY_PAIR).await?;
    }
    Ok(())
}

/// Nothing only where nothing is stored.
async fn load(store: &IndexedDb) -> Result<Option<Identity>, IdentityError> {
    let pair = store.local(KEY_PAIR).await?;
    if let Some(pair) = &pair
        && let Some(identity) = from_pair(pair).await
    {
        return Ok(Some(identity));
    }
    let seed = store.local(SEED).await?;
    match seed.as_ref().and_then(bytes) {
        Some(seed) => Ok(Some(Identity::Wasm(SecretKey::from_seed(&seed)))),
        None if pair.is_some() || seed.is_some() => Err(IdentityError::Unusable),
        None => Ok(None),
    }
}

/// Stored before it is used: a key that is lost with the tab would be a member that never returns.
async fn create(store: Option<&IndexedDb>) -> Result<Identity, IdentityError> {
    if let Some(pair) = generate_pair().await
        && let Some(identity) = from_pair(&pair).await
    {
        if let Some(store) = store {
            store.set_local(KEY_PAIR, pair).await?;
        }
        return Ok(identity);
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(IdentityError::Randomness)?;
    if let Some(store) = store {
        let value = Uint8Array::from(seed.as_slice()).into();
        store.set_local(SEED, value).await?;
    }
    Ok(Identity::Wasm(SecretKey::from_seed(&seed)))
}

/// Only in secure contexts is there any.
fn subtle() -> Option<SubtleCrypto> {
    global(&["crypto", "subtle"])?.dyn_into().ok()
}

async fn generate_pair() -> Option<JsValue> {
    let usages = Array::of2(&"sign".into(), &"verify".into());
    // The private half cannot be exported: not by us, and not by a script that got in.
    let promise = subtle()?
        .generate_key_with_str(ALGORITHM, false, &usages)
        .ok()?;
    JsFuture::from(promise).await.ok()
}

async fn from_pair(pair: &JsValue) -> Option<Identity> {
    let subtle = subtle()?;
    let half = |name: &str| {
        Reflect::get(pair, &name.into())
            .ok()?
            .dyn_into::<CryptoKey>()
            .ok()
    };
    let private = half("privateKey")?;
    let exported = subtle.export_key("raw", &half("publicKey")?).ok()?;
    let public = PublicKey(bytes(&JsFuture::from(exported).await.ok()?)?);
    Some(Identity::WebCrypto {
        subtle,
        private,
        public,
    })
}

fn bytes<const LENGTH: usize>(value: &JsValue) -> Option<[u8; LENGTH]> {
    Uint8Array::new(value).to_vec().try_into().ok()
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    async fn fresh_database() -> IndexedDb {
        let name = format!("identity-{}", getrandom::u64().unwrap());
        IndexedDb::open_named(&name).await.unwrap()
    }

    #[wasm_bindgen_test]
    async fn a_key_stays_the_same() {
        let store = fresh_database().await;
        let first = Identity::load_or_create(Some(&store)).await.unwrap();
        let again = Identity::load_or_create(Some(&store)).await.unwrap();
        assert_eq!(again.public_key(), first.public_key());
    }

    #[wasm_bindgen_test]
    async fn a_stored_key_that_is_of_no_use_is_never_replaced() {
        for name in [KEY_PAIR, SEED] {
            let store = fresh_database().await;
            store.set_local(name, "no key".into()).await.unwrap();
            let refused = Identity::load_or_create(Some(&store)).await;
            assert!(matches!(refused, Err(IdentityError::Unusable)), "{name}");
            assert_eq!(store.local(name).await.unwrap(), Some("no key".into()));
        }
    }
}
