//! What one address may take of the relay: connections and sockets at a time, and requests a second.

use core::fmt;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::context::Context;
use crate::limits::{
    ADDRESSES_KEPT_MAX, CONNECTIONS_PER_SOCKET_MAX, NETWORKS_PER_ADDRESS_BURST,
    NETWORKS_PER_ADDRESS_PER_HOUR, REQUESTS_BURST_SECONDS, ROWS_PER_REQUEST_WEIGHT,
};
use crate::rest::problem::{Kind, Problem};
use crate::settings::AddressSettings;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Counts what each address takes.
pub(crate) struct Addresses {
    /// Proxies whose word about their clients is taken.
    proxies: Vec<IpAddr>,
    connections: Places,
    sockets: Places,
    requests: DefaultKeyedRateLimiter<IpAddr>,
    /// What a request may weigh beside itself: together, they are what an address may ask at once
    /// after a pause.
    weight_max: NonZeroU32,
    networks: DefaultKeyedRateLimiter<IpAddr>,
}

/// Whom a request comes from, as far as it counts: an IPv6 client has a whole /64 to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client(pub(crate) IpAddr);

/// An address has as many connections as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as many connections as one address may have come from there already")]
pub(crate) struct NoPlace;

/// More comes from an address than the relay takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooFast {
    /// When the same would be taken.
    after: Duration,
}

/// How many of a kind each address has, and may have.
struct Places {
    max: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of an address's places, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    client: Client,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Places {
    fn new(max: usize) -> Self {
        Self {
            max,
            taken: Arc::default(),
        }
    }

    fn claim(&self, client: Client) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(client.0).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Place {
            client,
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Addresses {
    pub(crate) fn new(settings: &AddressSettings) -> Self {
        let number = |limit| NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
        let per_second = settings.requests_per_address;
        let burst = per_second.saturating_mul(REQUESTS_BURST_SECONDS);
        Self {
            proxies: settings.trusted_proxies.clone(),
            connections: Places::new(
                settings
                    .connections_per_address
                    .saturating_mul(CONNECTIONS_PER_SOCKET_MAX),
            ),
            sockets: Places::new(settings.connections_per_address),
            requests: RateLimiter::keyed(
                Quota::per_second(number(per_second)).allow_burst(number(burst)),
            ),
            weight_max: number(burst.saturating_sub(1)),
            networks: RateLimiter::keyed(
                Quota::per_hour(number(NETWORKS_PER_ADDRESS_PER_HOUR))
                    .allow_burst(number(NETWORKS_PER_ADDRESS_BURST)),
            ),
        }
    }

    /// A place for one more TCP connection from a peer, if it may have one. One for a proxy that
    /// the operator named is for all of its clients, and counts for nobody.
    pub(crate) fn claim_connection(&self, peer: IpAddr) -> Result<Option<Place>, NoPlace> {
        if self.proxies.contains(&peer.to_canonical()) {
            return Ok(None);
        }
        let claimed = self.connections.claim(Client::of(peer));
        claimed.map(Some).ok_or(NoPlace)
    }

    /// A place for one more socket of a client, if it may have one.
    pub(crate) fn claim_socket(&self, client: Client) -> Option<Place> {
        self.sockets.claim(client)
    }

    /// Counts one more request of a client, if it may ask now.
    fn ask(&self, client: Client) -> Result<(), TooFast> {
        count(&self.requests, client, NonZeroU32::MIN)
    }

    /// Counts rows that a request reads, beside the request itself, if its client may ask so much
    /// now.
    pub(crate) fn ask_rows(&self, client: Client, rows: u32) -> Result<(), TooFast> {
        match NonZeroU32::new(rows / ROWS_PER_REQUEST_WEIGHT) {
            // What weighs more would never be taken.
            Some(weight) => count(&self.requests, client, weight.min(self.weight_max)),
            None => Ok(()),
        }
    }

    /// Whether a client may make one more network without a token, which counts as made then.
    pub(crate) fn may_make_network(&self, client: Client) -> bool {
        count(&self.networks, client, NonZeroU32::MIN).is_ok()
    }

    /// The address that a request counts for: the peer's, or where that is a proxy which the
    /// operator named, the last address that it added.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let forwarded = || {
            let last = headers.get_all(FORWARDED_FOR).iter().next_back()?;
            last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
        };
        let peer = peer.to_canonical();
        let address = if self.proxies.contains(&peer) {
            forwarded().unwrap_or(peer)
        } else {
            peer
        };
        Client::of(address)
    }
}

/// Counts so much of a client, if that is no more than it may have.
fn count(
    limiter: &DefaultKeyedRateLimiter<IpAddr>,
    client: Client,
    weight: NonZeroU32,
) -> Result<(), TooFast> {
    if limiter.len() > ADDRESSES_KEPT_MAX {
        limiter.retain_recent();
    }
    match limiter.check_key_n(&client.0, weight) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(not_until)) => Err(TooFast {
            after: not_until.wait_time_from(limiter.clock().now()),
        }),
        Err(_) => Err(TooFast {
            after: Duration::MAX,
        }),
    }
}

impl From<TooFast> for Problem {
    fn from(TooFast { after }: TooFast) -> Self {
        let seconds = after.as_secs().saturating_add(1);
        let detail = format!(
            "more comes from your address than this relay takes, where a long list counts as many requests: wait {seconds} s, and ask less often or for less"
        );
        Self::new(Kind::TooFast, detail).after_s(seconds)
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxies = &self.proxies;
        f.debug_struct("Addresses")
            .field("proxies", proxies)
            .finish_non_exhaustive()
    }
}

impl Client {
    fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.client.0) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.client.0);
            }
        }
    }
}

/// Notes whom a request comes from, and refuses it where too many come.
pub(crate) async fn limit(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let addresses = context.addresses();
    let client = addresses.client(peer.ip(), request.headers());
    if let Err(too_fast) = addresses.ask(client) {
        return Problem::from(too_fast).into_response();
    }
    request.extensions_mut().insert(client);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use axum::http::HeaderValue;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn settings(trusted_proxies: Vec<IpAddr>) -> AddressSettings {
        AddressSettings {
            connections_per_address: 3,
            requests_per_address: 2,
            messages_per_member: 1,
            trusted_proxies,
        }
    }

    #[test]
    fn requests_are_bounded_for_each_address() {
        let addresses = Addresses::new(&settings(Vec::new()));
        let (one, other) = (Client(address("10.0.0.1")), Client(address("10.0.0.2")));
        assert!((0..100).any(|_| addresses.ask(one).is_err()));
        assert!(addresses.ask(other).is_ok());
    }

    /// Of two requests a second ten may come at once.
    #[test]
    fn what_reads_many_rows_counts_as_many_requests() {
        let client = Client(address("10.0.0.1"));
        for (rows, expected) in [
            (ROWS_PER_REQUEST_WEIGHT - 1, 10),
            (4 * ROWS_PER_REQUEST_WEIGHT, 6),
            // The request itself must fit in beside them.
            (u32::MAX, 1),
        ] {
            let begun = Instant::now();
            let addresses = Addresses::new(&settings(Vec::new()));
            addresses.ask_rows(client, rows).unwrap();
            let left = (0..100).take_while(|_| addresses.ask(client).is_ok());
            let left = left.count();
            let come_since = usize::try_from(begun.elapsed().as_millis() / 500).unwrap();
            assert!((expected..=expected + come_since).contains(&left), "{left}");
        }
    }

    #[test]
    fn rows_that_are_refused_count_nothing() {
        let client = Client(address("10.0.0.1"));
        let addresses = Addresses::new(&settings(Vec::new()));
        // One remains, where nine are needed.
        (0..9).for_each(|_| addresses.ask(client).unwrap());
        let TooFast { after } = addresses.ask_rows(client, u32::MAX).unwrap_err();
        assert!(after <= Duration::from_secs(4), "{after:?}");
        assert!(addresses.ask(client).is_ok());
    }

    #[test]
    fn networks_without_a_token_are_bounded_for_each_address() {
        let addresses = Addresses::new(&settings(Vec::new()));
        let (one, other) = (Client(address("10.0.0.1")), Client(address("10.0.0.2")));
        let made = (0..1_000).filter(|_| addresses.may_make_network(one));
        assert_eq!(
            made.count(),
            usize::try_from(NETWORKS_PER_ADDRESS_BURST).unwrap()
        );
        assert!(addresses.may_make_network(other));
    }

    #[test]
    fn only_a_named_proxy_is_believed() {
        let addresses = Addresses::new(&settings(vec![address("10.0.0.1")]));
        let mut headers = HeaderMap::new();
        // The first was written by whoever asked, the last by the proxy.
        let value = HeaderValue::from_static("1.1.1.1, 2.2.2.2");
        headers.insert(FORWARDED_FOR, value);
        let through = |peer| addresses.client(address(peer), &headers).0;
        assert_eq!(through("10.0.0.1"), address("2.2.2.2"));
        assert_eq!(through("::ffff:10.0.0.1"), address("2.2.2.2"));
        assert_eq!(through("10.0.0.2"), address("10.0.0.2"));
        let bare = addresses.client(address("10.0.0.1"), &HeaderMap::new());
        assert_eq!(bare.0, address("10.0.0.1"));
    }

    #[test]
    fn a_network_of_ipv6_addresses_is_one_client() {
        assert_eq!(
            Client::of(address("2001:db8::1")),
            Client::of(address("2001:db8::ffff"))
        );
        assert_ne!(
            Client::of(address("2001:db8::1")),
            Client::of(address("2001:db8:0:1::1"))
        );
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let addresses = Addresses::new(&settings(Vec::new()));
        let (one, other) = (Client(address("10.0.0.1")), Client(address("10.0.0.2")));
        let mut shares: Vec<_> = (0..3)
            .map(|_| addresses.claim_socket(one).unwrap())
            .collect();
        assert!(addresses.claim_socket(one).is_none());
        assert!(addresses.claim_socket(other).is_some());
        shares.pop();
        assert!(addresses.claim_socket(one).is_some());
        shares.clear();
        assert!(addresses.sockets.taken.lock().unwrap().is_empty());
    }

    #[test]
    fn connections_are_bounded_but_for_a_named_proxy() {
        let (proxy, other) = (address("10.0.0.1"), address("10.0.0.2"));
        let addresses = Addresses::new(&settings(vec![proxy]));
        let connect = |peer| addresses.claim_connection(peer);
        let max = 3 * CONNECTIONS_PER_SOCKET_MAX;
        let mut open: Vec<_> = (0..max).map(|_| connect(other).unwrap()).collect();
        assert_eq!(connect(other).unwrap_err(), NoPlace);
        assert!((0..=max).all(|_| connect(proxy).unwrap().is_none()));
        open.pop();
        assert!(connect(other).is_ok());
    }
}
