//! Where outgoing calls may go. An API caller chooses the address of a callback, so without this the house could be made to
//! call whatever it can reach itself.
//!
//! An address is judged at the moment of the connection, and the address that was judged is the one that is connected to:
//! names are looked up here and nowhere else. `docs/adr/0030-calls-go-where-the-operator-permits.md` says why which
//! addresses are permitted.

mod block;
mod resolver;
mod rule;
mod special;
#[cfg(test)]
mod tests;
mod tls;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, PoisonError, RwLock};

pub use resolver::LookUp;
pub(crate) use resolver::{EgressResolver, forbidden};
pub use rule::{EgressRule, EgressRules};
pub(crate) use tls::distrust;
pub use tls::{Identity, OutgoingTls, Pin};

use resolver::SystemLookUp;
use rustls::ClientConfig;
use special::{canonical, is_loopback, is_never_called, is_seldom_meant};

/// Ports of NATS and PostgreSQL: no receiver of callbacks is there.
const CLOSED_PORTS: [u16; 4] = [4222, 5432, 6222, 8222];

/// What the operator permits.
#[derive(Clone, Debug, Default)]
pub struct EgressOptions {
    /// Blocks that may be called, and nothing else; empty for the usual ones.
    pub allow: Vec<EgressRule>,
    /// Whether this machine's loopback is among the usual ones.
    pub allows_loopback: bool,
    /// Ports of our own parts: closed at every address, besides the usual ports of NATS and PostgreSQL.
    pub closed_ports: Vec<u16>,
    /// Whom calls believe, and who they are.
    pub tls: OutgoingTls,
    /// Systems whose receivers have rules of their own.
    pub systems: HashMap<String, SystemEgress>,
}

/// Rules for the receivers of one system.
#[derive(Clone, Debug, Default)]
pub struct SystemEgress {
    /// Blocks that may be called, instead of the general ones; empty for those.
    pub allow: Vec<EgressRule>,
    /// Keys of its receivers, one of which each must have; empty for any.
    pub pins: Vec<Pin>,
    /// What to show them, instead of the general identity; `None` for that.
    pub identity: Option<Identity>,
}

/// Decides which addresses may be called.
#[derive(Debug)]
pub struct EgressPolicy {
    options: EgressOptions,
    doors: RwLock<Vec<SocketAddr>>,
    look_up: Arc<dyn LookUp>,
}

/// Why an address is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// Nobody may permit it.
    NeverCalled,
    /// The house would talk to itself.
    OwnPart,
    /// Nobody has permitted it.
    NotPermitted,
}

impl Forbidden {
    /// What the operator reads.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::NeverCalled => "the address is one that no receiver has",
            Self::OwnPart => "the address belongs to a part of the house",
            Self::NotPermitted => "the operator does not permit this address",
        }
    }
}

impl std::fmt::Display for Forbidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Forbidden {}

impl EgressPolicy {
    /// A policy that looks names up as the machine does.
    pub fn new(options: EgressOptions) -> Arc<Self> {
        Self::with_look_up(options, Arc::new(SystemLookUp))
    }

    /// A policy that looks names up in its own way.
    pub fn with_look_up(options: EgressOptions, look_up: Arc<dyn LookUp>) -> Arc<Self> {
        Arc::new(Self {
            options,
            doors: RwLock::default(),
            look_up,
        })
    }

    /// From now on nothing is sent to this door of the house.
    pub fn close_door(&self, door: SocketAddr) {
        let mut doors = self.doors.write().unwrap_or_else(PoisonError::into_inner);
        doors.push(door);
    }

    /// May this address be called, for a system when that has rules of its own?
    pub fn check(&self, system_id: Option<&str>, address: SocketAddr) -> Result<(), Forbidden> {
        let (ip, port) = (canonical(address.ip()), address.port());
        if is_never_called(ip) {
            return Err(Forbidden::NeverCalled);
        }
        if self.is_own(ip, port) {
            return Err(Forbidden::OwnPart);
        }
        let own = self.rules_of(system_id).map(|rules| &rules.allow);
        let allow = own.filter(|allow| !allow.is_empty());
        let allow = allow.unwrap_or(&self.options.allow);
        let is_permitted = if allow.is_empty() {
            !is_seldom_meant(ip) && (self.options.allows_loopback || !is_loopback(ip))
        } else {
            allow.iter().any(|rule| rule.permits(ip, port))
        };
        is_permitted.then_some(()).ok_or(Forbidden::NotPermitted)
    }

    /// The rules of a system; `None` when it has none of its own.
    pub(crate) fn rules_of(&self, system_id: Option<&str>) -> Option<&SystemEgress> {
        self.options.systems.get(system_id?)
    }

    /// How calls for a system speak TLS.
    pub(crate) fn tls_of(&self, system_id: Option<&str>) -> Result<ClientConfig, rustls::Error> {
        let (rules, general) = (self.rules_of(system_id), &self.options.tls);
        let own = rules.and_then(|rules| rules.identity.as_ref());
        let pins = rules.map_or(&[][..], |rules| &rules.pins);
        tls::configuration(general, own.or(general.identity.as_ref()), pins)
    }

    fn is_own(&self, ip: IpAddr, port: u16) -> bool {
        if CLOSED_PORTS.contains(&port) || self.options.closed_ports.contains(&port) {
            return true;
        }
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        let mut doors = doors.iter().filter(|door| door.port() == port);
        doors.any(|door| match canonical(door.ip()) {
            everywhere if everywhere.is_unspecified() => is_of_this_machine(ip),
            there => there == ip,
        })
    }
}

/// Only an address of the machine can be bound.
fn is_of_this_machine(ip: IpAddr) -> bool {
    is_loopback(ip) || UdpSocket::bind((ip, 0)).is_ok()
}
