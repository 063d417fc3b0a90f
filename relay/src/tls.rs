//! https, by the operator's certificate or one of the relay's own making.

mod self_signed;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use crate::settings::TlsMode;

/// What https needs, and how people recognise the certificate.
pub(crate) struct Tls {
    pub(crate) config: RustlsConfig,
    /// SHA-256 over the certificate, as browsers show it.
    pub(crate) fingerprint: String,
}

/// Why there is no https.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: {source}. Check the path and the rights of this user")]
    File {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file is not in PEM, or has nothing of its kind in it.
    #[error("{path} holds no {expected} in PEM: {reason}")]
    Pem {
        /// Which.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key cannot be used, or not together.
    #[error("the certificate {cert} and the key {key} cannot be used together: {source}")]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The certificate could not be made.
    #[error("no certificate could be made: {0}")]
    Generation(#[from] rcgen::Error),
}

/// What https needs, if it is wanted.
pub(crate) fn prepare(mode: &TlsMode, data: &Path) -> Result<Option<Tls>, TlsError> {
    match mode {
        TlsMode::Off => Ok(None),
        TlsMode::SelfSigned => {
            let (cert, key) = self_signed::ensure(data)?;
            load(&cert, &key).map(Some)
        }
        TlsMode::Files { cert, key } => load(cert, key).map(Some),
    }
}

fn load(cert: &Path, key: &Path) -> Result<Tls, TlsError> {
    let pem = |path: &Path, expected| {
        let path = path.to_path_buf();
        move |error: rustls::pki_types::pem::Error| TlsError::Pem {
            path,
            expected,
            reason: error.to_string(),
        }
    };
    let chain = CertificateDer::pem_slice_iter(&read(cert)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(pem(cert, "certificate"))?;
    let Some(first) = chain.first() else {
        return Err(TlsError::Pem {
            path: cert.to_path_buf(),
            expected: "certificate",
            reason: "it has none".to_owned(),
        });
    };
    let fingerprint = fingerprint(first);
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(pem(key, "secret key"))?;

    let pair = |source| TlsError::Pair {
        cert: cert.to_path_buf(),
        key: key.to_path_buf(),
        source,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, secret)
        })
        .map_err(pair)?;
    // WebSockets need HTTP/1.1 here.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls {
        config: RustlsConfig::from_config(Arc::new(config)),
        fingerprint,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File {
        path: path.to_path_buf(),
        source,
    })
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let bytes = Sha256::digest(certificate);
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}
