//! Where outgoing calls of this process may go.

use std::sync::Arc;

use reactors::{EgressOptions, EgressPolicy};

use super::bus_choice::OpenBus;
use super::{Role, ServeArguments, receivers};
use crate::AnyError;

/// What the arguments permit, without our own parts.
pub fn policy(arguments: &ServeArguments, bus: &OpenBus) -> Result<Arc<EgressPolicy>, AnyError> {
    let rules = arguments.callback_allow.iter();
    let allow: Vec<_> = rules.flat_map(|rules| rules.0.clone()).collect();
    let allows_loopback = is_all_on_loopback(arguments);
    if allow.is_empty() && !allows_loopback && arguments.roles.contains(&Role::Reactors) {
        tracing::warn!(
            "callbacks may go to every private and public address; --callback-allow says where your receivers are"
        );
    }
    let parts = [
        arguments.nats_url.as_deref(),
        arguments.nats_monitor.as_deref(),
        arguments.database_url.as_deref(),
    ];
    let mut closed_ports: Vec<u16> = parts.into_iter().flatten().flat_map(ports).collect();
    closed_ports.extend(bus.addresses().iter().flat_map(|address| ports(address)));
    let receivers = arguments.receivers.as_deref().map(receivers::read);
    let receivers = receivers.transpose()?.unwrap_or_default();
    Ok(EgressPolicy::new(EgressOptions {
        allow,
        allows_loopback,
        closed_ports,
        tls: receivers.tls,
        systems: receivers.systems,
    }))
}

/// Are the doors of this process open to this machine alone? Then so is everything else: a demo, a test.
fn is_all_on_loopback(arguments: &ServeArguments) -> bool {
    let mobile = arguments.mobile_listen;
    arguments.roles.contains(&Role::Gateway)
        && arguments.listen().ip().is_loopback()
        && mobile.is_none_or(|mobile| mobile.ip().is_loopback())
}

/// The ports that an address names, which may be several addresses with commas between.
fn ports(addresses: &str) -> Vec<u16> {
    let of_hosts = addresses.split(',').filter_map(|address| {
        let (_, rest) = address.split_once("://").unwrap_or(("", address));
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        authority.rsplit_once(':')?.1.parse().ok()
    });
    let parameters = addresses.split(['?', '&']).skip(1);
    let of_parameters =
        parameters.filter_map(|parameter| parameter.strip_prefix("port=")?.parse().ok());
    of_hosts.chain(of_parameters).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Program {
        #[command(flatten)]
        serve: ServeArguments,
    }

    fn arguments(given: &[&str]) -> ServeArguments {
        Program::parse_from(["serve"].iter().chain(given)).serve
    }

    #[test]
    fn ports_of_our_own_parts_are_found_in_their_addresses() {
        for (addresses, expected) in [
            ("nats://one:4222,tls://two:4223", vec![4222, 4223]),
            ("127.0.0.1:8222", vec![8222]),
            (
                "postgres://pc:hidden@db:6432/pc?sslmode=require",
                vec![6432],
            ),
            ("jdbc:postgresql://db/pc?user=pc&port=6433", vec![6433]),
            ("postgres://[fd00::1]:6432/pc", vec![6432]),
            ("postgres://db/pc", vec![]),
        ] {
            assert_eq!(ports(addresses), expected, "{addresses}");
        }
    }

    #[test]
    fn loopback_may_be_called_by_whoever_is_on_loopback_alone() {
        for (given, expected) in [
            (&[][..], true),
            (&["--listen", "[::1]:8443"], true),
            (&["--listen", "0.0.0.0:8080"], false),
            (&["--mobile-listen", "10.0.0.5:8081"], false),
            (&["--roles", "reactors"], false),
        ] {
            let arguments = arguments(given);
            assert_eq!(is_all_on_loopback(&arguments), expected, "{given:?}");
        }
    }

    #[test]
    fn a_rule_that_is_none_stops_the_start() {
        for wrong in ["bank.example", "10.0.0.1/8", "169.254.169.254"] {
            let given = ["serve", "--callback-allow", wrong];
            assert!(Program::try_parse_from(given).is_err(), "{wrong}");
        }
        let given = ["--callback-allow", "10.0.0.0/8:443,8080,192.168.1.4"];
        assert_eq!(arguments(&given).callback_allow[0].0.len(), 2);
    }
}
