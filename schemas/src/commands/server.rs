//! Commands about the server itself: its settings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::commands::commands;

commands! {
    /// About the server.
    ServerCommand of Server {
        ChangeSettings(ChangeSettings) "load_and_refresh_properties" Write by Administrator;
        GetSettings(GetSettings) "refresh_properties" Read by Administrator;
        GetEvents(GetServerEvents) "get_events" Read by Administrator;
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
