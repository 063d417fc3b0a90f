//! Cross-site use of WebSockets: a browser sends cookies and reaches a LAN from any page, so the
//! page's origin is checked here (RFC 6455, section 10.2).

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};

use crate::rest::problem::{Kind, Problem};

/// Accepts programs that are no browser (no Origin), the relay's own page, and what the operator
/// allowed.
pub(super) fn check(headers: &HeaderMap, allowed: &[Uri]) -> Result<(), Problem> {
    let Some(origin) = headers.get(ORIGIN) else {
        return Ok(());
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().unwrap_or_default();
    let page = origin.parse::<Uri>().unwrap_or_default();
    let is_own = match (page.authority(), host) {
        (Some(page), Some(host)) => page.as_str().eq_ignore_ascii_case(host),
        _ => false,
    };
    let is_allowed = allowed.iter().any(|allowed| {
        allowed.scheme() == page.scheme() && allowed.authority() == page.authority()
    });
    if is_own || (page.authority().is_some() && is_allowed) {
        Ok(())
    } else {
        Err(Problem::new(
            Kind::ForeignOrigin,
            format!(
                "pages of {origin} may not connect to this relay: its operator can allow them with --allowed-origin {origin}"
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_accepted(origin: Option<&str>, host: &str, allowed: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        let allowed: Vec<Uri> = allowed.iter().map(|uri| uri.parse().unwrap()).collect();
        check(&headers, &allowed).is_ok()
    }

    #[test]
    fn own_page_and_programs_are_accepted() {
        assert!(is_accepted(None, "localhost:18000", &[]));
        assert!(is_accepted(
            Some("http://localhost:18000"),
            "localhost:18000",
            &[]
        ));
        assert!(is_accepted(
            Some("https://Chain.example"),
            "chain.example",
            &[]
        ));
    }

    #[test]
    fn other_pages_are_refused() {
        for origin in [
            "http://evil.example",
            "http://localhost:18001",
            "http://localhost",
            "null",
            "",
            "not a uri",
        ] {
            assert!(
                !is_accepted(Some(origin), "localhost:18000", &[]),
                "{origin}"
            );
        }
    }

    #[test]
    fn allowed_pages_are_accepted_by_scheme_and_host() {
        let allowed = ["https://class.example"];
        assert!(is_accepted(
            Some("https://class.example"),
            "relay.example",
            &allowed
        ));
        assert!(!is_accepted(
            Some("http://class.example"),
            "relay.example",
            &allowed
        ));
        assert!(!is_accepted(Some("null"), "relay.example", &allowed));
    }
}
