//! The node's secret key: in a file that its owner alone can read, or in the environment.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use shared::keys::SecretKey;

use crate::failure::Class;

/// The environment variable that may carry the key instead of the file.
pub const KEY_VARIABLE: &str = "BLOCK_CHAIN_WORKER_KEY";
/// Hexadecimal digits of a seed.
const DIGITS: usize = 64;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others can read the file.
    #[error(
        "others can read the key file {path} (mode {mode:03o}): type `chmod 600 {path}`, or make a new key if somebody may have read it"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// What should be a key is none.
    #[error(
        "{place} should hold {DIGITS} hexadecimal digits and does not: restore a backup, or remove it to become a new member"
    )]
    Malformed {
        /// The file or variable.
        place: String,
    },
    /// The system refused.
    #[error("the key file {path} cannot be used: {source}; name another folder with --data-dir")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system gives no random bytes.
    #[error("no key can be made, since the system gives no random bytes: {0}")]
    Randomness(getrandom::Error),
}

impl KeyError {
    /// Its class.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Exposed { .. } => Class::KeyExposed,
            Self::Malformed { .. } => Class::Key,
            Self::Io { .. } => Class::Folder,
            Self::Randomness(_) => Class::Defect,
        }
    }
}

/// The key of the environment, else of the file, else a new one that is kept in the file.
pub fn load_or_create(path: &Path) -> Result<SecretKey, KeyError> {
    if let Ok(text) = std::env::var(KEY_VARIABLE) {
        return parse(&text, || KEY_VARIABLE.to_owned());
    }
    match File::open(path) {
        Ok(file) => read(file, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(source) => Err(KeyError::Io {
            path: path.to_path_buf(),
            source,
        }),
    }
}

fn read(file: File, path: &Path) -> Result<SecretKey, KeyError> {
    let refused = |source| KeyError::Io {
        path: path.to_path_buf(),
        source,
    };
    let mode = file.metadata().map_err(refused)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed {
            path: path.to_path_buf(),
            mode,
        });
    }
    let mut text = String::new();
    let read = file.take(256).read_to_string(&mut text);
    match read {
        Err(error) if error.kind() != io::ErrorKind::InvalidData => Err(refused(error)),
        _ => parse(&text, || path.display().to_string()),
    }
}

fn parse(text: &str, place: impl FnOnce() -> String) -> Result<SecretKey, KeyError> {
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim(), &mut seed)
        .map_err(|_| KeyError::Malformed { place: place() })?;
    Ok(SecretKey::from_seed(&seed))
}

/// Written beside and renamed, so that a crash leaves a whole key or none.
fn create(path: &Path) -> Result<SecretKey, KeyError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(KeyError::Randomness)?;
    let new = path.with_extension("new");
    let write = || {
        // What a crash has left there is nobody's key.
        let _ = fs::remove_file(&new);
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        writeln!(file, "{}", hex::encode(seed))?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|source| KeyError::Io {
        path: path.to_path_buf(),
        source,
    })?;
    Ok(SecretKey::from_seed(&seed))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("key");
        let made = load_or_create(&path).unwrap().public_key();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(load_or_create(&path).unwrap().public_key(), made);
    }

    #[test]
    fn an_exposed_and_a_malformed_key_are_refused() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("key");
        load_or_create(&path).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = load_or_create(&path).unwrap_err();
            assert_eq!(error.class(), Class::KeyExposed, "{mode:o}: {error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for text in [&b""[..], b"00", &[b'g'; 64], &[0xff; 64]] {
            fs::write(&path, text).unwrap();
            let error = load_or_create(&path).unwrap_err();
            assert_eq!(error.class(), Class::Key, "{text:?}: {error}");
        }
    }
}
