//! Analysts: what the server's history grants is made so, grant by grant, for as long as it is in force.
//!
//! Each grant has a feeder: it reads the log from where the grant's stream ends and publishes the curated form there.
//! Nothing of it is kept here, so nothing can be wrong after a crash. A slow analyst slows nobody.

mod feeder;
mod grants;
mod keeper;
mod orders;
mod pseudonyms;

pub use grants::{Grant, GrantsError, read_grants};
pub use keeper::{Analytics, AnalyticsOptions, accounts_of};
pub use orders::{Administration, Unanswered};
pub use pseudonyms::Pseudonyms;
