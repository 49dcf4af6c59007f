//! Addresses with a meaning of their own. Source: the special-purpose registries of RFC 6890 and the metadata services of
//! cloud providers, which have addresses outside of the link-local block as well.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use super::block::Block;

/// No receiver of callbacks is at such an address, so no rule permits one.
static NEVER: LazyLock<Vec<Block>> = LazyLock::new(|| {
    blocks(&[
        "0.0.0.0/8",          // this host
        "169.254.0.0/16",     // link-local, and with it metadata services
        "100.100.100.200/32", // metadata service
        "168.63.129.16/32",   // metadata service
        "192.0.0.0/24",       // protocol assignments, and a metadata service
        "192.88.99.0/24",     // relays of 6to4
        "224.0.0.0/4",        // multicast
        "240.0.0.0/4",        // reserved, and broadcast
        "::/128",             // this host
        "64:ff9b:1::/48", // translation with a local prefix: the address within is not ours to read
        "100::/64",       // goes nowhere
        "2001::/32",      // Teredo
        "2002::/16",      // 6to4
        "fd00:ec2::254/128", // metadata service
        "fe80::/10",      // link-local
        "fec0::/10",      // site-local, given up long ago
        "ff00::/8",       // multicast
    ])
});

/// Addresses that only a rule permits.
static SELDOM: LazyLock<Vec<Block>> = LazyLock::new(|| {
    blocks(&[
        "100.64.0.0/10", // shared by a provider's customers
        "198.18.0.0/15", // benchmarks
    ])
});

fn blocks(texts: &[&str]) -> Vec<Block> {
    let blocks = texts.iter().map(|text| text.parse());
    let blocks: Result<_, _> = blocks.collect();
    blocks.expect("these are blocks")
}

/// The address that is meant: an IPv4 address has several spellings in IPv6.
pub(super) fn canonical(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = ip else { return ip };
    match six.segments() {
        // Mapped (RFC 4291), translated (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            within(high, low)
        }
        // Compatible (RFC 4291, given up); but not `::` and `::1`.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => within(high, low),
        _ => ip,
    }
}

fn within(high: u16, low: u16) -> IpAddr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into()
}

/// Is it one that nobody may permit?
pub(super) fn is_never_called(ip: IpAddr) -> bool {
    NEVER.iter().any(|block| block.contains(ip))
}

/// Is all of the block among those that nobody may permit?
pub(super) fn is_never_called_at_all(block: &Block) -> bool {
    NEVER.iter().any(|never| never.holds(block))
}

/// Is it one that has to be permitted by a rule?
pub(super) fn is_seldom_meant(ip: IpAddr) -> bool {
    SELDOM.iter().any(|block| block.contains(ip))
}

/// Is it this machine's loopback?
pub(super) fn is_loopback(ip: IpAddr) -> bool {
    ip.is_loopback()
}
