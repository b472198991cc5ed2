//! Where a key may be sent. A host that came from scanned text, or from a rule that does not ship
//! with the program, needs the user's word; a private address is never contacted unless the user
//! named it as an endpoint.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Mutex, PoisonError};

/// Hosts that the user allows by name: exact ones, or `*.` with a domain for all below it.
#[derive(Clone, Debug, Default)]
pub struct Allowed(Vec<String>);

impl Allowed {
    /// Reads `--verify-allow-host` values.
    ///
    /// # Errors
    /// The first that is no host name or would allow too much.
    pub fn new(hosts: &[String]) -> Result<Self, String> {
        let mut kept = Vec::new();
        for host in hosts {
            let name = host.strip_prefix("*.").unwrap_or(host);
            let wide = host.starts_with("*.") && !name.contains('.');
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
            if name.is_empty() || wide || !name.bytes().all(plain) {
                return Err(format!(
                    "`{host}` is no host name, nor `*.` and a domain below which any may be asked"
                ));
            }
            kept.push(host.to_ascii_lowercase());
        }
        Ok(Self(kept))
    }

    /// True when `host` is one of them.
    pub fn holds(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.0.iter().any(|allowed| match allowed.strip_prefix('*') {
            Some(domain) => host.len() > domain.len() && host.ends_with(domain),
            None => host == *allowed,
        })
    }
}

/// True for an address of the public internet.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let v4 = |high: u16, low: u16| {
        is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
    };
    match s {
        // IPv4 in other clothes: mapped, NAT64, 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // Global unicast without Teredo, benchmarking, ORCHID and documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Addresses that were looked up and found fit. Connections use these and no second look-up, so a
/// name cannot point elsewhere in between. They have no port: the address that is asked names it. A
/// host whose look-up failed stands here without addresses, so that nobody else looks it up.
#[derive(Debug, Default)]
pub struct Pins(Mutex<HashMap<String, Vec<SocketAddr>>>);

/// Why a host is not contacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Barred {
    /// It has an address that is not public.
    Private(IpAddr),
    /// Its name has no address.
    Lookup(String),
}

impl Pins {
    /// Looks `host` up once and keeps its addresses. `private` allows those that are not public.
    ///
    /// # Errors
    /// [`Barred`].
    pub fn pin(&self, host: &str, private: bool) -> Result<(), Barred> {
        let key = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let keep = |addresses| {
            let mut pins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            pins.insert(key.clone(), addresses);
        };
        let addresses = match self.get(&key).filter(|known| !known.is_empty()) {
            Some(known) => known,
            None => match (key.as_str(), 0).to_socket_addrs() {
                Ok(found) => found.collect(),
                Err(error) => {
                    keep(Vec::new());
                    return Err(Barred::Lookup(error.to_string()));
                }
            },
        };
        let unfit = |a: &&SocketAddr| !private && !is_public(a.ip());
        if let Some(address) = addresses.iter().find(unfit) {
            return Err(Barred::Private(address.ip()));
        }
        let none = addresses.is_empty();
        keep(addresses);
        if none { Err(Barred::Lookup("it has no address".to_owned())) } else { Ok(()) }
    }

    /// The addresses of a host that was pinned.
    pub fn get(&self, host: &str) -> Option<Vec<SocketAddr>> {
        let pins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pins.get(&host.to_ascii_lowercase()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::rule::verify::Method;
    use crate::verify::http::{Http, Request, Transport as _};
    use crate::verify::template::Clear;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn hosts_are_allowed_by_name() {
        let list = ["api.example.com".to_owned(), "*.openai.azure.com".to_owned()];
        let allowed = Allowed::new(&list).unwrap();
        assert!(allowed.holds("API.example.com") && allowed.holds("a.openai.azure.com"));
        for host in ["example.com", "x.api.example.com", "openai.azure.com", "evilopenai.azure.com"]
        {
            assert!(!allowed.holds(host), "{host}");
        }
        for wide in ["*", "*.com", "", "a b", "https://a"] {
            assert!(Allowed::new(&[wide.to_owned()]).is_err(), "{wide}");
        }
    }

    #[test]
    fn private_addresses_are_pinned_only_when_named() {
        let pins = Pins::default();
        assert!(matches!(pins.pin("127.0.0.1", false), Err(Barred::Private(_))));
        assert!(matches!(pins.pin("[::1]", false), Err(Barred::Private(_))));
        assert!(matches!(
            pins.pin("localhost.", false),
            Err(Barred::Private(_) | Barred::Lookup(_))
        ));
        assert_eq!(pins.pin("127.0.0.1", true), Ok(()));
        // Named once as an endpoint does not open it for others.
        assert!(matches!(pins.pin("127.0.0.1", false), Err(Barred::Private(_))));
    }

    #[test]
    fn a_pin_is_of_a_host_not_of_a_port() {
        let pins = Pins::default();
        pins.pin("LOCALHOST", true).unwrap();
        let kept = pins.get("localhost").unwrap();
        assert!(!kept.is_empty() && kept.iter().all(|address| address.port() == 0), "{kept:?}");
    }

    #[test]
    fn connections_go_to_the_pinned_address_and_nowhere_else() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        });
        // No look-up could give this name an address.
        let send = |addresses: Vec<SocketAddr>| {
            let pins = HashMap::from([("moved.invalid".to_owned(), addresses)]);
            let pins = Arc::new(Pins(Mutex::new(pins)));
            let http = Http::new(None, Duration::from_secs(5), pins).unwrap();
            let url = Clear::new(format!("http://moved.invalid:{port}/"));
            let request = Request { method: Method::Get, url, headers: Vec::new(), body: None };
            http.send(request, &|| false)
        };
        assert!(send(Vec::new()).is_err());
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        assert_eq!(send(vec![here]).unwrap().status, 200);
        server.join().unwrap();
    }

    #[test]
    fn a_failed_look_up_leaves_nothing_to_connect_to() {
        let pins = Pins::default();
        assert!(matches!(pins.pin("no-such-host.invalid", false), Err(Barred::Lookup(_))));
        assert_eq!(pins.get("no-such-host.invalid"), Some(Vec::new()));
    }
}
