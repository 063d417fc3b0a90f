//! Where a relay is, and whose certificates are trusted there.

use core::fmt;
use core::str::FromStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

/// The address of a relay: `http://` or `https://`, a host, and a port where it is another than
/// the usual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelayUrl(Url);

/// A text that should be a relay's address is none.
#[derive(Debug, thiserror::Error)]
#[error("expected an address like http://localhost:18000 or https://relay.example: {0}")]
pub struct RelayUrlError(String);

impl FromStr for RelayUrl {
    type Err = RelayUrlError;

    fn from_str(text: &str) -> Result<Self, RelayUrlError> {
        let url: Url = text
            .parse()
            .map_err(|error: url::ParseError| RelayUrlError(error.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(RelayUrlError(format!(
                "{}:// is something else",
                url.scheme()
            )));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(RelayUrlError("it names no host".to_owned()));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(RelayUrlError(
                "leave out what follows host and port".to_owned(),
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RelayUrlError(
                "a relay takes no user name or password".to_owned(),
            ));
        }
        Ok(Self(url))
    }
}

impl TryFrom<String> for RelayUrl {
    type Error = RelayUrlError;

    fn try_from(text: String) -> Result<Self, RelayUrlError> {
        text.parse()
    }
}

impl From<RelayUrl> for String {
    fn from(url: RelayUrl) -> Self {
        url.to_string()
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl RelayUrl {
    /// Whether it is reached by TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host, as the system's resolver takes it: an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.0.host_str().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(80)
    }

    /// Host and port, as HTTP's `Host` names them.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.authority()
    }

    /// Where members of the named network connect; of the relay's default one without a name.
    #[must_use]
    pub fn socket(&self, network: Option<&str>) -> Url {
        let mut url = self.0.clone();
        // An address with a host has segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(["api", "v1"]);
            segments.extend(network.into_iter().flat_map(|name| ["networks", name]));
            segments.push("socket");
        }
        // Both schemes are special ones, between which a change is always possible.
        let _ = url.set_scheme(if self.is_tls() { "wss" } else { "ws" });
        url
    }
}

/// Whose certificates are trusted, beside those of the public authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// A file of certificates in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The SHA-256 of the one certificate that is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
}

/// Why nobody's certificate can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read, or holds no certificate.
    #[error("--ca {path} holds no certificate in PEM: {reason}")]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS library refused its settings.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Trust {
    /// The settings of TLS connections.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let config = match self.fingerprint {
            Some(expected) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Pinned { expected, provider })),
            None => builder.with_root_certificates(self.roots()?),
        };
        Ok(Arc::new(config.with_no_client_auth()))
    }

    fn roots(&self) -> Result<RootCertStore, TrustError> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        if let Some(path) = &self.ca {
            for certificate in certificates(path)? {
                roots.add(certificate)?;
            }
        }
        Ok(roots)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let refused = |reason: String| TrustError::Ca {
        path: path.to_path_buf(),
        reason,
    };
    let pem = fs::read(path).map_err(|error| refused(error.to_string()))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let read = read.map_err(|error| refused(error.to_string()))?;
    if read.is_empty() {
        return Err(refused("there is none in it".to_owned()));
    }
    Ok(read)
}

/// The SHA-256 of a certificate, as relays print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 32]);

/// A text that should be a fingerprint is none.
#[derive(Debug, thiserror::Error)]
#[error("expected 32 bytes in hexadecimal, with or without colons, as the relay prints them")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim().replace(':', ""), &mut bytes)
            .map_err(|_| FingerprintError)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;

    fn try_from(text: String) -> Result<Self, FingerprintError> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        hex::encode(fingerprint.0)
    }
}

/// Trusts one certificate, whoever has signed it.
#[derive(Debug)]
struct Pinned {
    expected: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let came = Sha256::digest(end_entity.as_ref());
        if came.as_slice() == self.expected.0 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General(format!(
                "its certificate has the fingerprint {}",
                hex::encode(came)
            )))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_relays_are_told_from_others() {
        for (text, socket) in [
            (
                "http://localhost:18000",
                "ws://localhost:18000/api/v1/networks/a%20b%2Fc/socket",
            ),
            (
                "http://localhost:18000/",
                "ws://localhost:18000/api/v1/networks/a%20b%2Fc/socket",
            ),
            (
                "https://[::1]",
                "wss://[::1]/api/v1/networks/a%20b%2Fc/socket",
            ),
        ] {
            let url: RelayUrl = text.parse().unwrap();
            assert_eq!(url.socket(Some("a b/c")).as_str(), socket);
            assert_eq!(url.to_string(), text.trim_end_matches('/'));
        }
        for text in [
            "",
            "localhost:18000",
            "ws://localhost:18000",
            "postgresql://localhost/db",
            "http://",
            "http://localhost/page",
            "http://localhost/?network=x",
            "http://me:secret@localhost",
        ] {
            assert!(text.parse::<RelayUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_fingerprint_is_read_as_the_relay_prints_it() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(
            plain.parse::<Fingerprint>().unwrap(),
            colons.parse::<Fingerprint>().unwrap()
        );
        assert!("ab".parse::<Fingerprint>().is_err());
    }
}
