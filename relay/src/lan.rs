//! Where the relay is reached: on this machine, and from others on its local network.

use std::net::{IpAddr, SocketAddr};

use if_addrs::Interface;

/// Where the relay listens, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Address and port.
    pub address: SocketAddr,
    /// Whether it speaks https.
    pub is_tls: bool,
}

impl Listening {
    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    /// The address to open on this machine. By name where possible: browsers take `localhost` for
    /// a secure context even over plain http.
    #[must_use]
    pub fn local_url(&self) -> String {
        let port = self.address.port();
        let ip = self.address.ip();
        if ip.is_loopback() || ip.is_unspecified() {
            format!("{}://localhost:{port}", self.scheme())
        } else {
            self.url_at(ip)
        }
    }

    /// The addresses under which other machines of the local network reach the relay.
    #[must_use]
    pub fn lan_addresses(&self) -> Vec<IpAddr> {
        let ip = self.address.ip();
        if ip.is_loopback() {
            Vec::new()
        } else if ip.is_unspecified() {
            lan_addresses()
        } else {
            vec![ip]
        }
    }

    /// The same as something to open in a browser.
    #[must_use]
    pub fn lan_urls(&self) -> Vec<String> {
        let addresses = self.lan_addresses().into_iter();
        addresses.map(|ip| self.url_at(ip)).collect()
    }

    fn url_at(&self, ip: IpAddr) -> String {
        let address = SocketAddr::new(ip, self.address.port());
        format!("{}://{address}", self.scheme())
    }
}

/// This machine's IPv4 addresses on local networks. Those of containers and tunnels are left
/// out: nobody in the room can reach them.
#[must_use]
pub fn lan_addresses() -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(is_lan)
        .map(|interface| interface.ip())
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

fn is_lan(interface: &Interface) -> bool {
    const VIRTUAL: [&str; 7] = ["docker", "br-", "veth", "virbr", "tun", "podman", "cni"];
    let is_virtual = VIRTUAL
        .iter()
        .any(|prefix| interface.name.starts_with(prefix));
    interface.ip().is_ipv4()
        && !interface.is_loopback()
        && !interface.is_link_local()
        && !interface.is_p2p()
        && !is_virtual
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(address: &str, is_tls: bool) -> Listening {
        Listening {
            address: address.parse().unwrap(),
            is_tls,
        }
    }

    #[test]
    fn this_machine_goes_by_name() {
        assert_eq!(
            listening("127.0.0.1:18000", false).local_url(),
            "http://localhost:18000"
        );
        assert_eq!(
            listening("0.0.0.0:443", true).local_url(),
            "https://localhost:443"
        );
        assert_eq!(
            listening("192.0.2.7:18000", false).local_url(),
            "http://192.0.2.7:18000"
        );
    }

    #[test]
    fn only_who_listens_to_others_has_lan_addresses() {
        assert!(listening("127.0.0.1:18000", false).lan_urls().is_empty());
        assert_eq!(
            listening("192.0.2.7:18000", true).lan_urls(),
            ["https://192.0.2.7:18000"]
        );
    }
}
