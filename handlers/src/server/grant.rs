//! `grant_analytics`: an analyst may read the curated events of some systems, under a name that is used once.
//!
//! Ours: the reference manual knows no analysts. A name is never used again, because pseudonyms and the stream on the
//! analyst's side belong to it.

use schemas::commands::server::GrantAnalytics;
use schemas::events::server::AnalyticsGranted;

use super::{Rejection, State};
use crate::decision::Decision;

/// Most grants that are in force at once: each is filled by a task and a connection of its own.
pub const GRANTS_MAX: usize = 32;

/// Most systems of a grant.
pub const SYSTEMS_MAX: usize = 64;

/// Most consumers of a grant.
pub const CONSUMERS_MAX: usize = 8;

/// The longest name of a person, in characters.
pub const BY_MAX: usize = 64;

/// Characters of a public key of NATS.
const PUBLIC_KEY: usize = 56;

pub(super) fn decide(state: &State, command: &GrantAnalytics) -> Result<Decision, Rejection> {
    let is_list = |length: usize, most: usize| (1..=most).contains(&length);
    let fits = is_list(command.systems.len(), SYSTEMS_MAX)
        && is_list(command.consumers.len(), CONSUMERS_MAX)
        && command.by.chars().count() <= BY_MAX;
    if !fits || !is_public_key(&command.public_key) {
        return Err(Rejection::GrantWrong);
    }
    if state.grant(&command.name).is_some() {
        return Err(Rejection::NameTaken);
    }
    if state.grants_in_force() >= GRANTS_MAX {
        return Err(Rejection::TooManyGrants);
    }
    let granted = AnalyticsGranted {
        name: command.name.clone(),
        systems: command.systems.clone(),
        consumers: command.consumers.clone(),
        identifiers: command.identifiers,
        since: command.since,
        public_key: command.public_key.clone(),
        by: command.by.clone(),
    };
    Ok(Decision::happened(vec![granted.into()]))
}

/// The shape of a user's public key: it goes into a configuration, where nothing else may stand.
fn is_public_key(text: &str) -> bool {
    let permitted = |byte: u8| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte);
    text.len() == PUBLIC_KEY && text.starts_with('U') && text.bytes().all(permitted)
}

#[cfg(test)]
mod tests {
    use schemas::commands::server::{RevokeAnalytics, ShownIdentifiers};
    use schemas::{AnalyticsName, ErrorCode};

    use super::*;
    use crate::testing::Story;

    fn grant(name: &str) -> GrantAnalytics {
        GrantAnalytics {
            name: name.parse().unwrap(),
            systems: vec!["bank".parse().unwrap()],
            consumers: vec!["main".parse().unwrap()],
            identifiers: ShownIdentifiers::Pseudonyms,
            since: None,
            public_key: format!("U{}", "A2".repeat(27) + "Q"),
            by: "ivanova".to_owned(),
        }
    }

    #[test]
    fn an_analyst_is_let_in() {
        let mut story = Story::of_an_empty_house();
        let heard = story.administrator_asks(grant("risk"));
        heard.happens(&["grant_analytics"]);
        story
            .administrator_asks(grant("fraud"))
            .happens(&["grant_analytics"]);
    }

    #[test]
    fn a_name_is_used_once_even_when_it_was_revoked() {
        let mut story = Story::of_an_empty_house();
        story.administrator_asks(grant("risk"));
        let refused = |story: &mut Story| {
            story
                .administrator_asks(grant("risk"))
                .is_refused(ErrorCode::RequestError);
        };
        refused(&mut story);
        let revoke = RevokeAnalytics {
            name: "risk".parse().unwrap(),
            by: String::new(),
        };
        story
            .administrator_asks(revoke)
            .happens(&["revoke_analytics"]);
        refused(&mut story);
    }

    #[test]
    fn lists_have_an_end_and_a_beginning() {
        let names = |count: usize| -> Vec<AnalyticsName> {
            (0..count)
                .map(|number| format!("c{number}").parse().unwrap())
                .collect()
        };
        let mut story = Story::of_an_empty_house();
        for (name, systems, consumers, by, granted) in [
            ("a", 1, 1, 0, true),
            ("b", SYSTEMS_MAX, CONSUMERS_MAX, BY_MAX, true),
            ("c", 0, 1, 0, false),
            ("d", 1, 0, 0, false),
            ("e", SYSTEMS_MAX + 1, 1, 0, false),
            ("f", 1, CONSUMERS_MAX + 1, 0, false),
            ("g", 1, 1, BY_MAX + 1, false),
        ] {
            let command = GrantAnalytics {
                systems: vec!["bank".parse().unwrap(); systems],
                consumers: names(consumers),
                by: "x".repeat(by),
                ..grant(name)
            };
            let heard = story.administrator_asks(command);
            if granted {
                heard.happens(&["grant_analytics"]);
            } else {
                heard.is_refused(ErrorCode::RequestError);
            }
        }
    }

    #[test]
    fn nothing_but_a_key_gets_into_a_configuration() {
        let mut story = Story::of_an_empty_house();
        let right = grant("risk").public_key;
        for wrong in [
            String::new(),
            right[1..].to_owned(),
            right.replace('U', "A"),
            right.to_lowercase(),
            right.replacen("A2", "\"}", 1),
        ] {
            let command = GrantAnalytics {
                public_key: wrong,
                ..grant("risk")
            };
            story
                .administrator_asks(command)
                .is_refused(ErrorCode::RequestError);
        }
    }

    #[test]
    fn so_many_grants_are_in_force_at_once() {
        let mut story = Story::of_an_empty_house();
        for number in 0..GRANTS_MAX {
            let command = grant(&format!("g{number}"));
            story
                .administrator_asks(command)
                .happens(&["grant_analytics"]);
        }
        story
            .administrator_asks(grant("one-more"))
            .is_refused(ErrorCode::RequestError);
        let revoke = RevokeAnalytics {
            name: "g0".parse().unwrap(),
            by: String::new(),
        };
        story
            .administrator_asks(revoke)
            .happens(&["revoke_analytics"]);
        story
            .administrator_asks(grant("one-more"))
            .happens(&["grant_analytics"]);
    }

    #[test]
    fn nobody_but_the_administrator_grants() {
        let mut story = Story::of_a_user();
        story
            .bank_asks(grant("risk"))
            .is_refused(ErrorCode::RequestError);
        story
            .device_asks(grant("risk"))
            .is_refused(ErrorCode::RequestError);
    }
}
