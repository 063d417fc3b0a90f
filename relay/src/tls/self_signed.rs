//! A certificate of the relay's own making, kept in the data folder, so that browsers that have
//! accepted it once find the same one next time.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{CertificateParams, DnType, KeyPair};
use time::OffsetDateTime;

use super::TlsError;
use crate::lan::lan_addresses;

/// Apple's limit for any server certificate.
const VALID_DAYS: i64 = 825;
/// It is made anew well before it runs out.
const RENEWED_AFTER: Duration = Duration::from_secs(700 * 86_400);

/// Paths of certificate and key, which are made where they are missing or about to run out.
pub(super) fn ensure(data: &Path) -> Result<(PathBuf, PathBuf), TlsError> {
    let (cert, key) = (data.join("tls-cert.pem"), data.join("tls-key.pem"));
    if !(is_fresh(&cert) && key.is_file()) {
        generate(&cert, &key)?;
    }
    Ok((cert, key))
}

fn is_fresh(cert: &Path) -> bool {
    let age = fs::metadata(cert)
        .and_then(|metadata| metadata.modified())
        .map(|made| made.elapsed().unwrap_or_default());
    age.is_ok_and(|age| age < RENEWED_AFTER)
}

fn generate(cert: &Path, key: &Path) -> Result<(), TlsError> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    names.extend(lan_addresses().iter().map(ToString::to_string));
    let mut parameters = CertificateParams::new(names)?;
    let now = OffsetDateTime::now_utc();
    parameters.not_before = now - time::Duration::days(1);
    parameters.not_after = now + time::Duration::days(VALID_DAYS - 1);
    parameters
        .distinguished_name
        .push(DnType::CommonName, "Tabchain relay");

    let pair = KeyPair::generate()?;
    let certificate = parameters.self_signed(&pair)?;
    write(key, &pair.serialize_pem())?;
    write(cert, &certificate.pem())
}

/// Writes a file that its owner alone can read.
fn write(path: &Path, text: &str) -> Result<(), TlsError> {
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written: io::Result<()> = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| TlsError::File {
        path: path.to_path_buf(),
        source,
    })
}
