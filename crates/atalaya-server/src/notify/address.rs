//! Which network addresses the server may call: public ones, and those that the operator lists.
//!
//! Everything that could lead inward is refused by name of its range: private, loopback, link-local (where clouds keep
//! their metadata), shared, multicast, reserved, and IPv6 forms that carry an IPv4 address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A destination that the operator allows although it is not public, or not HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EgressRule {
    /// Every address of a network, such as `10.0.0.0/8`; a bare address is a network of one.
    Network {
        /// The network's address.
        address: IpAddr,
        /// How many leading bits count.
        prefix: u8,
    },
    /// One host as URLs spell it, at one port, such as `alerts.internal:8080`, whatever it resolves to.
    HostPort {
        /// The host, in lower case.
        host: String,
        /// The port.
        port: u16,
    },
}

/// A rule that is none of the three forms.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an entry of `egress_allow` must be an address, a network as `10.0.0.0/8`, or `host:port`")]
pub struct EgressRuleError;

impl FromStr for EgressRule {
    type Err = EgressRuleError;

    fn from_str(text: &str) -> Result<Self, EgressRuleError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network {
                address,
                prefix: bits(address),
            });
        }
        if let Some((address, prefix)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| EgressRuleError)?;
            let prefix: u8 = prefix.parse().map_err(|_| EgressRuleError)?;
            return if prefix <= bits(address) {
                Ok(Self::Network { address, prefix })
            } else {
                Err(EgressRuleError)
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or(EgressRuleError)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
        if host.is_empty() || !host.chars().all(plain) {
            return Err(EgressRuleError);
        }
        Ok(Self::HostPort {
            host: host.to_ascii_lowercase(),
            port: port.parse().map_err(|_| EgressRuleError)?,
        })
    }
}

impl EgressRule {
    /// Whether the rule names this host and port.
    pub(crate) fn names(&self, host: &str, port: u16) -> bool {
        matches!(self, Self::HostPort { host: h, port: p } if h.eq_ignore_ascii_case(host) && *p == port)
    }

    /// Whether the rule's network has this address.
    pub(crate) fn covers(&self, address: IpAddr) -> bool {
        let Self::Network {
            address: network,
            prefix,
        } = self
        else {
            return false;
        };
        match (network, plain(address)) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(*prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(*prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// An IPv4 address written as `::ffff:a.b.c.d` is that IPv4 address.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Whether an address is one that anybody on the Internet could mean.
pub(crate) fn public(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => public_v4(v4),
        IpAddr::V6(v6) => public_v6(v6),
    }
}

fn public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let inward = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        // Carrier-grade NAT (RFC 6598).
        || (a == 100 && (64..128).contains(&b))
        // Protocol assignments (RFC 6890), 6to4 relays (RFC 7526), benchmarking (RFC 2544).
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && (b == 18 || b == 19));
    !inward
}

fn public_v6(address: Ipv6Addr) -> bool {
    let s = address.segments();
    let embedded = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match s {
        // NAT64 (RFC 6052): the last four bytes are where it goes.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => public_v4(embedded(high, low)),
        // 6to4 (RFC 3056): bytes two to five.
        [0x2002, high, low, ..] => public_v4(embedded(high, low)),
        // Protocol assignments with Teredo and ORCHID (RFC 2928), documentation (RFC 3849, RFC 9637).
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Everything else that is given out for general use lies in 2000::/3.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn inward_addresses_are_refused_in_every_spelling() {
        let inward = [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.9",
            "192.88.99.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "fec0::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "4000::1",
        ];
        for text in inward {
            assert!(!public(address(text)), "{text}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        let outward = [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "198.20.0.1",
            "192.0.1.1",
            "223.255.255.254",
            "2606:4700:4700::1111",
            "2a00:1450:4001:82a::200e",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ];
        for text in outward {
            assert!(public(address(text)), "{text}");
        }
    }

    #[test]
    fn rules_are_addresses_networks_or_hosts_with_a_port() {
        let rule = |text: &str| text.parse::<EgressRule>();
        assert!(rule("127.0.0.1").expect("address").covers(address("127.0.0.1")));
        assert!(rule("127.0.0.1").expect("address").covers(address("::ffff:127.0.0.1")));
        assert!(!rule("127.0.0.1").expect("address").covers(address("127.0.0.2")));
        assert!(rule("10.0.0.0/8").expect("network").covers(address("10.255.0.1")));
        assert!(!rule("10.0.0.0/8").expect("network").covers(address("11.0.0.1")));
        assert!(rule("0.0.0.0/0").expect("all").covers(address("9.9.9.9")));
        assert!(rule("fd00::/8").expect("v6").covers(address("fd12::1")));
        assert!(!rule("fd00::/8").expect("v6").covers(address("10.0.0.1")));
        let host = rule("Alerts.internal:8080").expect("host");
        assert!(
            host.names("alerts.internal", 8080)
                && !host.names("alerts.internal", 80)
                && !host.covers(address("10.0.0.1"))
        );
        for wrong in [
            "",
            "host",
            "host:",
            "host:99999",
            "10.0.0.0/33",
            "10.0.0/8",
            "a b:80",
            "user@host:80",
            "http://h:80",
        ] {
            assert_eq!(rule(wrong), Err(EgressRuleError), "{wrong}");
        }
    }
}
