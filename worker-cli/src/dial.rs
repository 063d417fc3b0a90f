//! A byte stream to a relay, over TLS where its address asks for it, and what to say where there
//! is none.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::failure::{Class, Trouble};
use crate::relay_url::RelayUrl;

/// The problem of a relay that speaks none of the subprotocols that were offered.
const OTHER_SUBPROTOCOL: &str = "urn:tabchain:problem:other-subprotocol";

/// What bytes go over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens a stream to a relay.
pub(crate) async fn dial(
    server: &RelayUrl,
    tls: &Arc<ClientConfig>,
) -> Result<Box<dyn Stream>, Trouble> {
    let tcp = TcpStream::connect((server.host(), server.port()))
        .await
        .map_err(|error| unreachable(server, &error.to_string()))?;
    // Votes and pongs are small and urgent. Without this they are a little slower.
    let _ = tcp.set_nodelay(true);
    if !server.is_tls() {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from(server.host().to_owned())
        .map_err(|error| unreachable(server, &error.to_string()))?;
    let connected = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await;
    Ok(Box::new(connected.map_err(|error| no_tls(server, &error))?))
}

/// Nobody answers there.
pub(crate) fn unreachable(server: &RelayUrl, reason: &str) -> Trouble {
    Trouble {
        class: Class::Unreachable,
        message: format!(
            "the relay at {server} is not reached ({reason}): start it, or name another with --server URL"
        ),
    }
}

/// Somebody answers there who is no relay.
pub(crate) fn no_relay(server: &RelayUrl, reason: &str) -> Trouble {
    Trouble {
        class: Class::NotARelay,
        message: format!(
            "what answers at {server} is no Tabchain relay ({reason}): name the relay's address with --server URL"
        ),
    }
}

/// A certificate that is not trusted is another matter than a port that speaks no TLS.
fn no_tls(server: &RelayUrl, error: &io::Error) -> Trouble {
    let of_tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match of_tls {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::General(_)) => Trouble {
            class: Class::Certificate,
            message: format!(
                "the certificate of {server} is not trusted ({error}): compare its fingerprint with what the relay has printed, and register with --fingerprint or --ca"
            ),
        },
        Some(_) => no_relay(server, &format!("it speaks no TLS that fits: {error}")),
        None => unreachable(server, &error.to_string()),
    }
}

/// A problem document (RFC 9457), as relays answer.
#[derive(Deserialize)]
pub(crate) struct Problem {
    /// What kind it is, which never changes.
    #[serde(rename = "type", default)]
    uri: String,
    /// What was expected, what came, what to do.
    pub(crate) detail: String,
}

impl Problem {
    /// The problem that a body tells of, where it is one.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The relay refused, and says why.
    pub(crate) fn refusal(&self, server: &RelayUrl) -> Trouble {
        let class = match self.uri.as_str() {
            OTHER_SUBPROTOCOL => Class::Version,
            _ => Class::Refused,
        };
        Trouble {
            class,
            message: format!("{server} says: {}", self.detail),
        }
    }
}
