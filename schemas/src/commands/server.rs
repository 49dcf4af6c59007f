//! Commands about the server itself: its settings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::analytics::AnalyticsName;
use crate::commands::commands;
use crate::ids::SystemId;
use crate::time::Timestamp;

commands! {
    /// About the server.
    ServerCommand of Server {
        ChangeSettings(ChangeSettings) "load_and_refresh_properties" Write by Administrator;
        GetSettings(GetSettings) "refresh_properties" Read by Administrator;
        GetEvents(GetServerEvents) "get_events" Read by Administrator;
        GrantAnalytics(GrantAnalytics) "grant_analytics" Write by Administrator;
        RevokeAnalytics(RevokeAnalytics) "revoke_analytics" Write by Administrator;
    }
}

/// Stores values of settings, all of them or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSettings {
    /// By the manual's name; `None` forgets the stored value, so that the server's configuration counts again.
    pub values: BTreeMap<String, Option<String>>,
}

/// Journals that the server's own journal was queried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetServerEvents {}

/// Asks for every setting's value in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetSettings {}

/// Lets an analyst read the curated events of some systems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantAnalytics {
    /// Name of the grant; used once.
    pub name: AnalyticsName,
    /// Whose events.
    pub systems: Vec<SystemId>,
    /// Names of the consumers that are made for the analyst.
    pub consumers: Vec<AnalyticsName>,
    /// How identifiers are shown.
    pub identifiers: ShownIdentifiers,
    /// Events recorded before it are not given; `None`: everything the log has.
    pub since: Option<Timestamp>,
    /// The analyst's public key, as NATS writes those of users.
    pub public_key: String,
    /// Who granted it, for people.
    pub by: String,
}

/// How identifiers are shown to an analyst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShownIdentifiers {
    /// As pseudonyms: the same within the grant, others in another one.
    Pseudonyms,
    /// As they are.
    Plain,
}

/// Ends what an analyst was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeAnalytics {
    /// Name of the grant.
    pub name: AnalyticsName,
    /// Who revoked it, for people.
    pub by: String,
}
