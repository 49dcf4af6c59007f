//! The configuration folder of the manual: `apps/<app_id>.json`, `systems/<system_id>.json`, `systems/default.json` and
//! `pusher.conf.json`.
//!
//! It is read whole and checked whole: something that is wrong names its file and its field, and never repeats a value.

mod app;
mod common;
mod folder;
mod templates;

pub(crate) use app::{Apns, ApnsKey, App, Fcm, Hms, Telegram};
pub(crate) use common::Pool;
pub(crate) use folder::{Configuration, Stamp, read, stamp};
pub use folder::{ConfigurationError, find_folder};
pub(crate) use templates::{Os, Purpose, Templates};
