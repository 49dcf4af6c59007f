//! A block of addresses: CIDR.

use std::net::IpAddr;
use std::str::FromStr;

/// All addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    first: IpAddr,
    prefix: u32,
}

impl Block {
    /// Is this address in it?
    pub(super) fn contains(&self, ip: IpAddr) -> bool {
        match (self.first, ip) {
            (IpAddr::V4(first), IpAddr::V4(ip)) => {
                let differing = first.to_bits() ^ ip.to_bits();
                differing.checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(ip)) => {
                let differing = first.to_bits() ^ ip.to_bits();
                differing.checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// Is all of the other one in it?
    pub(super) fn holds(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.contains(other.first)
    }

    fn begins_at_its_first_address(&self) -> bool {
        match self.first {
            IpAddr::V4(first) => first.to_bits().checked_shl(self.prefix).unwrap_or(0) == 0,
            IpAddr::V6(first) => first.to_bits().checked_shl(self.prefix).unwrap_or(0) == 0,
        }
    }
}

impl FromStr for Block {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, prefix) = match text.split_once('/') {
            Some((first, prefix)) => (first, Some(prefix)),
            None => (text, None),
        };
        let first: IpAddr = first
            .parse()
            .map_err(|_| format!("{text:?} is no block of addresses like 10.0.0.0/8"))?;
        if first.to_canonical() != first {
            return Err(format!("{text}: write it as {}", first.to_canonical()));
        }
        let longest = if first.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|prefix| *prefix <= longest)
                .ok_or_else(|| format!("{text}: the number of bits is from 0 to {longest}"))?,
        };
        let block = Self { first, prefix };
        if !block.begins_at_its_first_address() {
            return Err(format!(
                "{text} does not begin at the block's first address"
            ));
        }
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(block: &str, ip: &str) -> bool {
        let block: Block = block.parse().expect("a block");
        block.contains(ip.parse().expect("an address"))
    }

    #[test]
    fn a_block_ends_where_it_ends() {
        for (block, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("172.16.0.0/12", "172.31.255.255", "172.32.0.0"),
            ("192.168.1.4/31", "192.168.1.5", "192.168.1.6"),
            ("192.168.1.4", "192.168.1.4", "192.168.1.5"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("fd00::/8", "fdff::1", "fe00::"),
            ("::/0", "ffff::", "10.0.0.1"),
            ("2001:db8::5/128", "2001:db8::5", "2001:db8::4"),
        ] {
            assert!(contains(block, inside), "{block} {inside}");
            assert!(!contains(block, outside), "{block} {outside}");
        }
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for wrong in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/",
            "10.1.2.3/8",
            "fd00::1/8",
            "10.0.0",
            "010.0.0.1",
            "fd00::/129",
            "::ffff:10.0.0.1",
            "bank.example",
            "10.0.0.0/8/8",
        ] {
            assert!(wrong.parse::<Block>().is_err(), "{wrong}");
        }
    }
}
