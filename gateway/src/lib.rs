//! The doors: HTTP in, commands on the bus, answers out.
//!
//! The system door (`/pc-api/`) serves banks, the mobile door (`/pc-client-api/v1/`) serves devices, and a few pages serve
//! operators. Here requests are parsed, limited and stamped; nothing domain-like is decided, nothing is stored.

mod answer;
mod auth;
mod body;
mod call;
mod contacts;
mod context;
mod device_info;
mod error;
mod evidence;
mod flags;
mod ids;
mod journal;
mod json;
mod letters;
mod limits;
mod observe;
mod openapi;
mod options;
mod passed_headers;
mod pushes;
mod registration;
mod render;
mod report;
mod route;
mod router;
mod routes;
mod server;
mod state;
mod themes;

#[cfg(test)]
mod testing;

pub use self::evidence::{Continuation, EvidenceFailure, EvidenceQuery};
pub use auth::{InvalidTokenFile, TokenFile};
pub use journal::{JournalFailure, JournalQuery, JournalRecords};
pub use letters::{EndpointHealth, LetterPutAside, LettersFailure, LettersQuery, Receivers};
pub use limits::Limits;
pub use openapi::openapi_json;
pub use options::{
    ClientCertificate, Doors, GatewayOptions, GatewayTls, House, KeyStore, Locale, TlsAuthorities,
    TlsClients, TlsIdentity,
};
pub use pushes::{PushDesk, PushOrder, PushQueueFull, PushStanding, PushTarget};
pub use render::qr;
pub use server::{GatewayError, RunningGateway, serve};
