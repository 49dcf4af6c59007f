//! What a system's licenses grant together.

use schemas::SystemId;
use schemas::answers::LicenseUse;
use schemas::license::{Feature, License, NUMBER_OF_USERS, POST_PAID};

use super::{Found, Licensing, Rejection};
use crate::facts::Facts;
use crate::systems::Registered;

const DAY_S: i64 = 86_400;

/// The licenses of a system that count now; never none.
pub(super) struct Grant<'a>(Vec<&'a License>);

/// What the system's licenses grant; `None` where nothing is limited.
///
/// One license that counts is enough. Where none does, the reason is the one that is nearest to a license that counts.
pub(super) fn of<'a>(
    system_id: &SystemId,
    system: &Registered,
    facts: &Facts<'a>,
) -> Result<Option<Grant<'a>>, Rejection> {
    let found = match &facts.license.ok_or(Rejection::NotLookedFor)?.licensing {
        Licensing::Off => return Ok(None),
        Licensing::Unreadable => return Err(Rejection::Unreadable),
        Licensing::Found(found) => found,
    };
    let judged: Vec<Result<&License, Rejection>> = found
        .iter()
        .filter_map(|found| judge(found, system_id, system, facts))
        .collect();
    let mut counting: Vec<&License> = judged.iter().filter_map(|one| one.ok()).collect();
    if counting.is_empty() {
        let reasons = judged.iter().filter_map(|one| one.err());
        return Err(reasons.min().unwrap_or(Rejection::Missing));
    }
    counting.sort_by(|one, other| one.license_id.cmp(&other.license_id));
    // A copy of a file is not a second license.
    counting.dedup_by(|one, other| one.license_id == other.license_id);
    Ok(Some(Grant(counting)))
}

/// `None` for a license of another system.
fn judge<'a>(
    found: &'a Found,
    system_id: &SystemId,
    system: &Registered,
    facts: &Facts<'_>,
) -> Option<Result<&'a License, Rejection>> {
    let (Found::Vouched(license) | Found::Forged(license)) = found else {
        return Some(Err(Rejection::Unreadable));
    };
    if license.system_id != *system_id {
        return None;
    }
    let of_the_system = [0, license.billing_type].contains(&system.billing_type);
    Some(if matches!(found, Found::Forged(_)) {
        Err(Rejection::NotSigned)
    } else if ![POST_PAID, NUMBER_OF_USERS].contains(&license.billing_type) {
        Err(Rejection::TypeUnknown)
    } else if !of_the_system {
        Err(Rejection::TypeChanged)
    } else if facts.now < license.valid_from || license.valid_to <= facts.now {
        Err(Rejection::Expired)
    } else if license.billing_type == POST_PAID && is_overdue(system, facts) {
        Err(Rejection::BillingOverdue)
    } else {
        Ok(license)
    })
}

/// A billing period may be open for its own length, and once more for somebody to close it.
fn is_overdue(system: &Registered, facts: &Facts<'_>) -> bool {
    let days = system.billing_days(facts.settings);
    let open_since = system.billed_before.unwrap_or(system.created_at);
    open_since.plus_seconds(2 * days * DAY_S) <= facts.now
}

impl Grant<'_> {
    /// Users at once; `None` when one of the licenses is paid after the fact.
    pub(super) fn users_max(&self) -> Option<i64> {
        let mut types = self.0.iter().map(|license| license.billing_type);
        let limited = types.all(|billing_type| billing_type == NUMBER_OF_USERS);
        let counts = self.0.iter().map(|license| license.users_count);
        limited.then(|| counts.fold(0, i64::saturating_add))
    }

    pub(super) fn permits(&self, feature: Feature) -> bool {
        self.0.iter().any(|license| license.permits(feature))
    }

    /// Each license with the users that take it up; whoever is too many is the last one's.
    pub(super) fn uses(&self, users: i64) -> Vec<LicenseUse> {
        let mut left = users.max(0);
        let last = self.0.len() - 1;
        let uses = self.0.iter().enumerate().map(|(index, license)| {
            let used = if index == last {
                left
            } else {
                left.min(license.users_count)
            };
            left -= used;
            LicenseUse {
                license_id: license.license_id.clone(),
                users_count: license.users_count,
                used,
            }
        });
        uses.collect()
    }
}
