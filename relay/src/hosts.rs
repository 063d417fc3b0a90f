//! By which names the relay is reached. A page of any site can have its own name point to this
//! machine or its LAN (DNS rebinding), and would then be of one origin with the relay: so a name
//! that is nobody's here is refused.

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::context::Context;
use crate::rest::problem::{Kind, Problem};
use crate::settings::Settings;

/// The names of the relay, beside addresses and `localhost`.
#[derive(Clone, Debug)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    /// The machine's own name, and those that the operator gave: alone, or in an origin.
    pub(crate) fn new(settings: &Settings) -> Self {
        let own = machine_name();
        let on_the_lan = own.as_ref().map(|name| format!("{name}.local"));
        let given = settings.allowed_hosts.iter().cloned();
        let origins = settings.allowed_origins.iter().filter_map(Uri::host);
        let origins = origins.map(str::to_owned);
        Self(
            own.into_iter()
                .chain(on_the_lan)
                .chain(given)
                .chain(origins)
                .collect(),
        )
    }

    /// Whether a request for this host is for the relay.
    fn have(&self, host: &Authority) -> bool {
        let name = host.host().trim_end_matches('.');
        // An address is not looked up by anybody, so nobody can have it point here.
        let is_address = name.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok();
        is_address
            || name.eq_ignore_ascii_case("localhost")
            || self.0.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Refuses a request for a host of another name. Without one it comes from no browser.
    fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(host) = headers.get(HOST) else {
            return Ok(());
        };
        let host = host.to_str().unwrap_or_default();
        match host.parse::<Authority>() {
            Ok(authority) if self.have(&authority) => Ok(()),
            Ok(authority) => Err(Problem::new(
                Kind::ForeignHost,
                format!(
                    "this relay is not known as {0}: where that is its name, its operator can say so by --allowed-host {0}",
                    authority.host()
                ),
            )),
            Err(_) => Err(Problem::new(
                Kind::ForeignHost,
                format!("{host:?} is the name of no host"),
            )),
        }
    }
}

/// Refuses what is meant for another host.
pub(crate) async fn check(
    State(context): State<Context>,
    request: Request,
    next: Next,
) -> Response {
    match context.hosts().check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

/// The name of this machine, as others on its network may call it.
fn machine_name() -> Option<String> {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").ok()?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn is_accepted(host: &str, arguments: &[&str]) -> bool {
        let settings = Settings::try_parse_from([&["relay"], arguments].concat()).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        Hosts::new(&settings).check(&headers).is_ok()
    }

    #[test]
    fn addresses_and_the_machines_own_names_are_accepted() {
        let own = machine_name().unwrap();
        for host in [
            "localhost",
            "LOCALHOST.:18000",
            "127.0.0.1:18000",
            "192.168.1.7",
            "[::1]:18000",
            &own,
            &format!("{own}.local:18000"),
        ] {
            assert!(is_accepted(host, &[]), "{host}");
        }
    }

    #[test]
    fn other_names_are_refused_unless_the_operator_gave_them() {
        let given = ["--allowed-host", "a.example,b.example"];
        let page = ["--allowed-origin", "https://b.example:8443"];
        assert!(!is_accepted("b.example:18000", &[]));
        assert!(is_accepted("B.example:18000", &given));
        assert!(is_accepted("b.example", &page));
        for host in [
            "evil.example",
            "x.b.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "",
            "a b",
        ] {
            assert!(!is_accepted(host, &given), "{host}");
        }
    }
}
