//! Licenses: how many users a system may have, and which options. Where no issuer of licenses is configured nothing is
//! limited; where one is, everything that needs a license is refused without one.
//!
//! A license never stands between a customer and a transaction: it is asked for where a user is created, where a key is
//! issued with an option, and where the option is used, and nowhere else.

mod found;
mod grant;

use schemas::ErrorCode;
use schemas::SystemId;
use schemas::answers::LicenseUse;
use schemas::commands::Command;
use schemas::commands::devices::DeviceCommand;
use schemas::commands::transactions::TransactionCommand;
use schemas::flags::{AUTOSIGN_ENABLED, KeyFlags, SCORING_ENABLED, SERVER_SIGNER};
use schemas::license::Feature;

pub use found::{Found, check, is_issuer_key};

use crate::decision::CounterStep;
use crate::facts::Facts;
use crate::systems::Registered;

/// What the house vouches for about licenses, read for one decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenseFacts {
    /// What lies at the place of the licenses.
    pub licensing: Licensing,
    /// Users of the system that are there, where the command tells of them.
    pub users: i64,
}

/// What lies at the place of the licenses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Licensing {
    /// No issuer is configured: nothing is limited.
    #[default]
    Off,
    /// The place cannot be read.
    Unreadable,
    /// The files there, checked.
    Found(Vec<Found>),
}

/// Why a license does not permit something. The first that applies, the most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Rejection {
    /// There is one, and it does not name the option.
    #[error("the option is not licensed")]
    FeatureMissing,
    /// The time of the system's licenses is over, or has not come.
    #[error("the license does not count today")]
    Expired,
    /// The license is of another type than the system was registered with.
    #[error("the license's billing type is not the system's")]
    TypeChanged,
    /// The system pays after the fact, and has not closed its billing for too long.
    #[error("the billing period is over and not closed")]
    BillingOverdue,
    /// The license is of a type nobody here knows.
    #[error("the license's billing type is not known")]
    TypeUnknown,
    /// The issuer did not sign it.
    #[error("the license's signature is not the issuer's")]
    NotSigned,
    /// A file, or the place itself, cannot be read.
    #[error("a license cannot be read")]
    Unreadable,
    /// The system has none.
    #[error("the system has no license")]
    Missing,
    /// The command came without the facts about licenses.
    #[error("nobody looked for licenses")]
    NotLookedFor,
}

impl Rejection {
    /// What the caller hears.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::FeatureMissing => ErrorCode::FeatureIsNotLicensed,
            Self::Expired => ErrorCode::LicenseExpired,
            Self::TypeChanged => ErrorCode::BillingTypeCorrupted,
            Self::BillingOverdue => ErrorCode::FlexibleLicenseError,
            Self::TypeUnknown => ErrorCode::UnsupportedBillingType,
            Self::NotSigned | Self::NotLookedFor => ErrorCode::LicenseError,
            Self::Unreadable => ErrorCode::LicenseUpdateError,
            Self::Missing => ErrorCode::LicenseNotFound,
        }
    }
}

/// The step of the system's counter of users for one who comes. The limit is held where it is counted, in the transaction
/// that creates the user, so no race can pass it.
pub(crate) fn seat(
    system_id: &SystemId,
    system: &Registered,
    facts: &Facts<'_>,
) -> Result<CounterStep, Rejection> {
    let granted = grant::of(system_id, system, facts)?;
    let users_max = granted.and_then(|grant| grant.users_max());
    Ok(CounterStep {
        counter: users_of(system_id),
        step: 1,
        limit: users_max.map(|max| (max, ErrorCode::LicenseUserCountExceeded)),
    })
}

/// The step of that counter for one who goes.
pub(crate) fn freed(system_id: &SystemId) -> CounterStep {
    CounterStep {
        counter: users_of(system_id),
        step: -1,
        limit: None,
    }
}

/// The option that a command makes use of. Whoever builds another one names it here, and is refused with 352 where it is not
/// licensed.
pub(crate) fn feature_of(command: &Command) -> Option<Feature> {
    match command {
        Command::Transactions(
            TransactionCommand::ListAutoconfirm(_) | TransactionCommand::Autoconfirm(_),
        ) => Some(Feature::Autosign),
        Command::Devices(DeviceCommand::GetScoringSettings(_)) => Some(Feature::Scoring),
        Command::Recovery(_) => Some(Feature::RemoteUpdate),
        _ => None,
    }
}

/// May the system have this option? The one question before everything that is licensed separately.
pub(crate) fn permit(
    feature: Feature,
    system_id: &SystemId,
    system: &Registered,
    facts: &Facts<'_>,
) -> Result<(), Rejection> {
    match grant::of(system_id, system, facts)? {
        Some(grant) if !grant.permits(feature) => Err(Rejection::FeatureMissing),
        Some(_) | None => Ok(()),
    }
}

/// May a key of the system have these flags? An option that is on for every key by default is asked about where it is used.
pub(crate) fn permit_flags(
    flags: KeyFlags,
    system_id: &SystemId,
    system: &Registered,
    facts: &Facts<'_>,
) -> Result<(), Rejection> {
    for (flag, feature) in [
        (&SCORING_ENABLED, Feature::Scoring),
        (&AUTOSIGN_ENABLED, Feature::Autosign),
        (&SERVER_SIGNER, Feature::ServerSigner),
    ] {
        if flags.has(flag) {
            permit(feature, system_id, system, facts)?;
        }
    }
    Ok(())
}

/// The licenses that count for a system, each with the users that take it up: the first is filled first.
pub(crate) fn uses(
    system_id: &SystemId,
    system: &Registered,
    facts: &Facts<'_>,
) -> Vec<LicenseUse> {
    let users = facts.license.map_or(0, |facts| facts.users);
    match grant::of(system_id, system, facts) {
        Ok(Some(grant)) => grant.uses(users),
        Ok(None) | Err(_) => Vec::new(),
    }
}

/// The counter of a system's users.
pub fn users_of(system_id: &SystemId) -> String {
    format!("users/{system_id}")
}

#[cfg(test)]
mod tests;
