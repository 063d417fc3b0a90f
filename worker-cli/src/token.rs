//! Tokens by which a relay knows its operator and those who administer networks: read from a file
//! or the environment, and kept in files that their owner alone can read.

use core::convert::Infallible;
use core::fmt;
use core::str::FromStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use hyper::header::{HeaderValue, InvalidHeaderValue};
use serde::Deserialize;

use crate::folder::FolderError;

/// A secret text.
#[derive(Clone, Deserialize)]
pub struct Token(String);

impl FromStr for Token {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.trim().to_owned()))
    }
}

impl fmt::Debug for Token {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The token in a file.
    pub fn read(path: &Path) -> Result<Self, FolderError> {
        let text = fs::read_to_string(path).map_err(FolderError::io(path))?;
        Ok(Self(text.trim().to_owned()))
    }

    /// The header that carries it (RFC 6750).
    pub fn bearer(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        HeaderValue::try_from(format!("Bearer {}", self.0))
    }
}

/// A new file for a token that is still to come; removed where it does not come.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    file: File,
    is_written: bool,
}

impl TokenFile {
    /// Makes the file, for its owner alone. One that is there is not touched.
    pub fn create(path: PathBuf) -> Result<Self, FolderError> {
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(FolderError::io(&path))?;
        Ok(Self {
            path,
            file,
            is_written: false,
        })
    }

    /// Keeps the token; returns where.
    pub fn keep(mut self, token: &Token) -> Result<PathBuf, FolderError> {
        let written: io::Result<()> =
            writeln!(self.file, "{}", token.0).and_then(|()| self.file.sync_all());
        written.map_err(FolderError::io(&self.path))?;
        self.is_written = true;
        Ok(self.path.clone())
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        if !self.is_written {
            // An empty file of this name is in the way of the next attempt at most.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_token_is_kept_for_its_owner_alone_and_never_over_another() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("class.token");
        let token: Token = "secret".parse().unwrap();
        TokenFile::create(path.clone())
            .unwrap()
            .keep(&token)
            .unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(
            Token::read(&path).unwrap().bearer().unwrap(),
            "Bearer secret"
        );
        assert!(TokenFile::create(path).is_err());
        assert!(!format!("{token:?}").contains("secret"));
    }

    #[test]
    fn a_file_for_a_token_that_did_not_come_is_gone() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("class.token");
        drop(TokenFile::create(path.clone()).unwrap());
        assert!(!path.exists());
    }
}
