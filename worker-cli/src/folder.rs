//! The data folder: where it is, and what the worker remembers in it beside replica and key.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

use crate::relay_url::{RelayUrl, Trust};

/// The worker as the owner of its database.
pub const WORKER: sqlite_store::Program = sqlite_store::Program {
    name: "worker",
    folder_option: "--data-dir",
    migrations: None,
};

const MEMBERSHIP_FILE: &str = "membership.json";
const KEY_FILE: &str = "key";
const SOCKET_FILE: &str = "control.sock";

/// Why a folder or file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refused.
    #[error("{path} cannot be used: {source}; give this user the right to, or name another one")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what this version writes.
    #[error(
        "{path} cannot be read ({reason}): type `block-chain-worker register` to write it anew"
    )]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no home directory to put a folder into.
    #[error("this user has no home directory: name a folder with --data-dir")]
    NoHome,
}

impl FolderError {
    /// The error of a path.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

/// A worker's folder.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// What `register` remembers, so that the other commands need no options.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Membership {
    /// The relay.
    pub server: RelayUrl,
    /// Whose certificates are trusted.
    #[serde(flatten)]
    pub trust: Trust,
    /// The name of the network; the relay's default one where there is none.
    pub network: Option<String>,
    /// The number that the relay gave to this node.
    pub id: u64,
    /// The node's public key.
    pub key: String,
}

impl Folder {
    /// The named folder, or the network's in the platform's place for data.
    pub fn locate(named: Option<PathBuf>, network: Option<&str>) -> Result<Self, FolderError> {
        if let Some(named) = named {
            return Ok(Self(named));
        }
        let base = etcetera::choose_base_strategy().map_err(|_| FolderError::NoHome)?;
        let network = network.map_or_else(|| "default".to_owned(), file_name);
        Ok(Self(
            base.data_dir().join("block-chain-worker").join(network),
        ))
    }

    /// Makes the folder where it is not there, for its owner alone.
    pub fn create(&self) -> Result<(), FolderError> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(FolderError::io(&self.0))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the key is.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.0.join(KEY_FILE)
    }

    /// Where a running worker is reached.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join(SOCKET_FILE)
    }

    /// What `register` has remembered, if it was ever done.
    pub fn membership(&self) -> Result<Option<Membership>, FolderError> {
        let path = self.0.join(MEMBERSHIP_FILE);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(FolderError::io(&path))?,
        };
        let membership = serde_json::from_str(&text).map_err(|error| FolderError::Unreadable {
            path,
            reason: error.to_string(),
        })?;
        Ok(Some(membership))
    }

    /// Remembers where this node is a member.
    pub fn remember(&self, membership: &Membership) -> Result<(), FolderError> {
        let path = self.0.join(MEMBERSHIP_FILE);
        let text = serde_json::to_string_pretty(membership).unwrap_or_default();
        let new = self.0.join("membership.json.new");
        fs::write(&new, text + "\n")
            .and_then(|()| fs::rename(&new, &path))
            .map_err(FolderError::io(&path))
    }
}

/// A network's name as that of a folder: as it is where that is harmless, else in hexadecimal.
pub(crate) fn file_name(network: &str) -> String {
    let is_harmless = !network.is_empty()
        && !network.starts_with('.')
        && network
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character));
    if is_harmless {
        network.to_owned()
    } else {
        format!("x{}", hex::encode(network))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_name_never_leaves_its_folder() {
        assert_eq!(file_name("class-7a"), "class-7a");
        for name in ["..", "../x", "a/b", "", ".hidden", "ä"] {
            let folder = file_name(name);
            assert!(
                folder.starts_with('x') && !folder.contains(['/', '.']),
                "{folder}"
            );
        }
    }
}
