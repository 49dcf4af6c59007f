//! The letters out: what the log owes to the banks is delivered, at least once, in order, and never before it is in the
//! log.
//!
//! A delivery is written to the outbox in the same transaction that moves the cursor, and only then sent. The reactor
//! starts at its birth: what happened before it was first started is never sent.
//!
//! Activation codes go out in their own room: a message that may have been taken is not sent again.
//!
//! And the questions out: what a decision wants to know of a service outside, a connector asks by HTTP.
//!
//! And what a removal leaves to be done: the users of a removed system are erased.

mod analytics;
#[cfg(test)]
mod bank;
mod breaker;
mod callbacks;
mod client;
mod codes;
mod connectors;
mod delivery;
mod dispatcher;
mod egress;
mod erased;
mod events_post;
mod following;
mod house_commands;
mod intake;
mod letters;
mod operation_callbacks;
mod orders;
mod outbox;
mod owing;
mod push;
mod reactor;
mod receipts;
mod receivers;
mod removal;
mod replay;
mod schedule;
mod sender;
mod signing;
#[cfg(test)]
mod world;

pub use analytics::{
    Administration, Analytics, AnalyticsOptions, Grant, GrantsError, Pseudonyms, Unanswered,
    accounts_of, read_grants,
};
pub use client::ClientError;
pub use codes::{
    CodeOptions, CodeStartError, CodeTexts, CodeWays, Codes, InvalidGateway, InvalidMail,
    InvalidSmpp, InvalidText, MailOptions, MailTls, SmppOptions, SmppTls, SmsGateway, SmsOptions,
};
pub use connectors::{ConnectorOptions, Connectors};
pub use egress::{
    EgressOptions, EgressPolicy, EgressRule, EgressRules, Forbidden, Identity, LookUp, OutgoingTls,
    Pin, SystemEgress,
};
pub use letters::{EndpointHealth, Letters, ParkedLetter, Trial, TrialError};
pub use outbox::Status;
pub use push::{
    ConfigurationError, Full, PushOrder, PushState, PushStation, PushStatus, Pusher, PusherOptions,
    Target, TargetOs, find_folder,
};
pub use reactor::{Reactor, ReactorError, ReactorOptions, StartError};
pub use removal::{Removal, RemovalOptions};
pub use replay::{Replay, ReplayRange, recorded_at};
