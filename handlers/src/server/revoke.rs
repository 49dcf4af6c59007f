//! `revoke_analytics`: what an analyst was granted ends, for good.

use schemas::commands::server::RevokeAnalytics;
use schemas::events::server::AnalyticsRevoked;

use super::grant::BY_MAX;
use super::state::Grant;
use super::{Rejection, State};
use crate::decision::Decision;

pub(super) fn decide(state: &State, command: &RevokeAnalytics) -> Result<Decision, Rejection> {
    if command.by.chars().count() > BY_MAX {
        return Err(Rejection::GrantWrong);
    }
    if state.grant(&command.name) != Some(Grant::InForce) {
        return Err(Rejection::NotGranted);
    }
    let revoked = AnalyticsRevoked {
        name: command.name.clone(),
        by: command.by.clone(),
    };
    Ok(Decision::happened(vec![revoked.into()]))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::server::{GrantAnalytics, ShownIdentifiers};

    use super::*;
    use crate::testing::Story;

    fn revoke(name: &str) -> RevokeAnalytics {
        RevokeAnalytics {
            name: name.parse().unwrap(),
            by: "petrov".to_owned(),
        }
    }

    #[test]
    fn what_is_in_force_is_revoked_once() {
        let mut story = Story::of_an_empty_house();
        let grant = GrantAnalytics {
            name: "risk".parse().unwrap(),
            systems: vec!["bank".parse().unwrap()],
            consumers: vec!["main".parse().unwrap()],
            identifiers: ShownIdentifiers::Plain,
            since: None,
            public_key: format!("U{}", "A".repeat(55)),
            by: "ivanova".to_owned(),
        };
        story.administrator_asks(grant);
        let wordy = RevokeAnalytics {
            by: "x".repeat(BY_MAX + 1),
            ..revoke("risk")
        };
        story
            .administrator_asks(wordy)
            .is_refused(ErrorCode::RequestError);
        story
            .administrator_asks(revoke("fraud"))
            .is_refused(ErrorCode::RequestError);
        story
            .administrator_asks(revoke("risk"))
            .happens(&["revoke_analytics"]);
        story
            .administrator_asks(revoke("risk"))
            .is_refused(ErrorCode::RequestError);
    }
}
