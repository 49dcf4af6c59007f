//! One rule of the operator's: a block of addresses, and the ports that may be called there.

use std::net::IpAddr;
use std::str::FromStr;

use super::block::Block;
use super::special::is_never_called_at_all;

/// A block that may be called, at these ports or, without any, at all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressRule {
    block: Block,
    ports: Vec<u16>,
}

/// Rules as one text: `10.0.0.0/8:443,8080,[fd00::/8]:443,192.168.1.4`. A number alone is a further port of the rule before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressRules(pub Vec<EgressRule>);

impl EgressRule {
    pub(super) fn permits(&self, ip: IpAddr, port: u16) -> bool {
        self.block.contains(ip) && (self.ports.is_empty() || self.ports.contains(&port))
    }
}

impl FromStr for EgressRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (block, port) = match text.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((block, "")) => (block, None),
                Some((block, rest)) => (block, Some(rest.strip_prefix(':').unwrap_or(rest))),
                None => return Err(format!("{text:?}: the bracket is not closed")),
            },
            // More than one colon is IPv6, which has its ports behind brackets.
            None if text.matches(':').count() == 1 => {
                let (block, port) = text.split_once(':').unwrap_or((text, ""));
                (block, Some(port))
            }
            None => (text, None),
        };
        let block: Block = block.parse()?;
        if is_never_called_at_all(&block) {
            return Err(format!("{text}: such addresses are never called"));
        }
        let ports = port.map(|port| port_of(text, port)).transpose()?;
        Ok(Self {
            block,
            ports: ports.into_iter().collect(),
        })
    }
}

impl FromStr for EgressRules {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rules: Vec<EgressRule> = Vec::new();
        for part in text.split(',').map(str::trim) {
            let is_port = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            match rules.last_mut() {
                Some(rule) if is_port && !rule.ports.is_empty() => {
                    rule.ports.push(port_of(text, part)?);
                }
                _ => rules.push(part.parse()?),
            }
        }
        Ok(Self(rules))
    }
}

fn port_of(text: &str, port: &str) -> Result<u16, String> {
    let port = port.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| format!("{text}: a port is a number from 1 to 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(rules: &str, ip: &str, port: u16) -> bool {
        let rules: EgressRules = rules.parse().expect("rules");
        let ip = ip.parse().expect("an address");
        rules.0.iter().any(|rule| rule.permits(ip, port))
    }

    #[test]
    fn a_rule_is_a_block_and_its_ports() {
        let rules = "10.0.0.0/8:443,8080, [fd00::/8]:443,192.168.1.4,2001:db8::/32";
        for (ip, port, expected) in [
            ("10.1.2.3", 443, true),
            ("10.1.2.3", 8080, true),
            ("10.1.2.3", 80, false),
            ("fd12::1", 443, true),
            ("fd12::1", 8080, false),
            ("192.168.1.4", 1, true),
            ("192.168.1.5", 443, false),
            ("2001:db8::1", 65535, true),
            ("8.8.8.8", 443, false),
        ] {
            assert_eq!(permitted(rules, ip, port), expected, "{ip} {port}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_at_the_start() {
        for wrong in [
            "",
            "443",
            "10.0.0.0/8,443",
            "10.0.0.0/8:0",
            "10.0.0.0/8:65536",
            "10.0.0.0/8:https",
            "10.0.0.0/8:443,",
            "[fd00::/8:443",
            "bank.example:443",
            "169.254.0.0/16",
            "169.254.169.254:80",
            "fe80::/64",
        ] {
            assert!(wrong.parse::<EgressRules>().is_err(), "{wrong}");
        }
    }
}
