//! Where other devices reach this network: the relay tells, since a page cannot know.

use super::rest;

/// Addresses under which the relay's page may be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    scheme: String,
    port: String,
    /// Addresses on the local network.
    lan: Vec<String>,
    /// The address that the relay listens on.
    bind: String,
}

/// What can be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Others can open this.
    Reachable(String),
    /// Only this computer can: the relay listens on its loopback address alone.
    LoopbackOnly(String),
}

/// Asks the relay for its addresses; nothing where it does not answer, or not as expected.
pub(super) async fn fetch_addresses() -> Option<Addresses> {
    let json = rest::ask("GET", "/share", "", None).await.ok()?;
    let lan = json.list("lan");
    Some(Addresses {
        scheme: json.text("scheme"),
        port: json.number("port")?.to_string(),
        lan: lan.iter().filter_map(rest::Json::as_text).collect(),
        bind: json.text("bind"),
    })
}

/// The link to share, given the address at which this page itself was opened. That one is taken
/// where it is no loopback address, since it evidently works; so it is without the relay's word.
pub(super) fn link(opened_at: &Origin, addresses: Option<&Addresses>) -> Link {
    if !is_loopback(&opened_at.host) {
        return Link::Reachable(opened_at.link());
    }
    match addresses {
        Some(addresses) if !is_loopback(&addresses.bind) => match addresses.lan.first() {
            Some(host) => Link::Reachable(format!(
                "{}://{}:{}/",
                addresses.scheme,
                bracketed(host),
                addresses.port
            )),
            None => Link::LoopbackOnly(opened_at.link()),
        },
        _ => Link::LoopbackOnly(opened_at.link()),
    }
}

/// Where a page was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// `http://localhost:18000`
    pub(super) origin: String,
    /// `localhost`
    pub(super) host: String,
}

impl Origin {
    /// That of this page.
    pub(super) fn of_page() -> Self {
        let location = web_sys::window().map(|window| window.location());
        location
            .and_then(|location| {
                Some(Self {
                    origin: location.origin().ok()?,
                    host: location.hostname().ok()?,
                })
            })
            .unwrap_or_default()
    }

    /// The address of the page of the relay's default network.
    pub(super) fn link(&self) -> String {
        format!("{}/", self.origin)
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn origin(host: &str) -> Origin {
        Origin {
            origin: format!("http://{host}:18000"),
            host: host.to_owned(),
        }
    }

    fn addresses(bind: &str, lan: &[&str]) -> Addresses {
        Addresses {
            scheme: "http".to_owned(),
            port: "18000".to_owned(),
            lan: lan.iter().map(|&host| host.to_owned()).collect(),
            bind: bind.to_owned(),
        }
    }

    #[wasm_bindgen_test]
    fn a_relay_on_the_network_is_shared_by_its_address_there() {
        let told = addresses("0.0.0.0", &["192.168.1.5", "10.0.0.2"]);
        assert_eq!(
            link(&origin("localhost"), Some(&told)),
            Link::Reachable("http://192.168.1.5:18000/".to_owned())
        );
    }

    #[wasm_bindgen_test]
    fn the_address_that_was_opened_is_shared_where_others_can_open_it() {
        let told = addresses("0.0.0.0", &["192.168.1.5"]);
        let expected = Link::Reachable("http://10.0.0.2:18000/".to_owned());
        assert_eq!(link(&origin("10.0.0.2"), Some(&told)), expected);
        assert_eq!(link(&origin("10.0.0.2"), None), expected);
    }

    #[wasm_bindgen_test]
    fn a_relay_on_loopback_cannot_be_shared() {
        let expected = Link::LoopbackOnly("http://localhost:18000/".to_owned());
        let told = addresses("127.0.0.1", &["192.168.1.5"]);
        assert_eq!(link(&origin("localhost"), Some(&told)), expected);
        assert_eq!(link(&origin("localhost"), None), expected);
    }

    #[wasm_bindgen_test]
    fn a_version_6_address_is_bracketed() {
        let told = addresses("::", &["fd00::5"]);
        assert_eq!(
            link(&origin("localhost"), Some(&told)),
            Link::Reachable("http://[fd00::5]:18000/".to_owned())
        );
    }
}
