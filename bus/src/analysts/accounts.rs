//! The accounts of analysts, as a part of the configuration of a NATS server. It holds public keys and no secret.

use std::fmt::Write as _;

use schemas::AnalyticsName;

/// Most consumers of an account: those of the grant, with room for the one that takes the place of another.
const CONSUMERS_MAX: usize = 16;

/// The account of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Name of the grant.
    pub grant: AnalyticsName,
    /// Public key of the house in this account.
    pub house: String,
    /// Who else is let in; `None` once the grant is revoked and its stream is being removed.
    pub analyst: Option<Analyst>,
}

/// The analyst of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analyst {
    /// Public key.
    pub key: String,
    /// The consumers that were made for the analyst.
    pub consumers: Vec<AnalyticsName>,
}

/// What an analyst may do, in subjects. Everything else is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Publish there.
    pub publish: Vec<String>,
    /// Subscribe there.
    pub subscribe: Vec<String>,
}

/// What the analyst of a grant may do: pull, ask how a consumer is, and acknowledge; and hear the answers.
pub fn permissions(grant: &AnalyticsName, consumers: &[AnalyticsName]) -> Permissions {
    let stream = grant.stream();
    let of_one = |consumer: &AnalyticsName| {
        [
            format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"),
            format!("$JS.API.CONSUMER.INFO.{stream}.{consumer}"),
            format!("$JS.ACK.{stream}.{consumer}.>"),
        ]
    };
    Permissions {
        publish: consumers.iter().flat_map(of_one).collect(),
        subscribe: vec![format!("{}.>", grant.inbox_prefix())],
    }
}

/// The accounts, to be included in the block `accounts` of a server's configuration.
pub fn configuration(accounts: &[Account]) -> String {
    let mut text = String::from("# Written by countersign. What is changed here is lost.\n");
    for account in accounts {
        let name = account.grant.account();
        let house = &account.house;
        let mut users = format!("{{ nkey: \"{house}\" }}");
        if let Some(analyst) = &account.analyst {
            let permitted = permissions(&account.grant, &analyst.consumers);
            let (publish, subscribe) = (list(&permitted.publish), list(&permitted.subscribe));
            let key = &analyst.key;
            write!(
                users,
                ",\n    {{ nkey: \"{key}\", permissions: {{\n      \
                   publish: {{ allow: {publish} }}\n      \
                   subscribe: {{ allow: {subscribe} }}\n    }} }}"
            )
            .expect("a text takes any text");
        }
        write!(
            text,
            "{name}: {{\n  \
               jetstream: {{ max_streams: 1, max_consumers: {CONSUMERS_MAX} }}\n  \
               users: [\n    {users}\n  ]\n}}\n"
        )
        .expect("a text takes any text");
    }
    text
}

fn list(subjects: &[String]) -> String {
    serde_json::Value::from(subjects).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<AnalyticsName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn an_analyst_may_pull_look_and_acknowledge_and_nothing_else() {
        let permitted = permissions(&names(&["risk"])[0], &names(&["main", "night"]));
        assert_eq!(
            permitted.publish,
            [
                "$JS.API.CONSUMER.MSG.NEXT.CURATED_risk.main",
                "$JS.API.CONSUMER.INFO.CURATED_risk.main",
                "$JS.ACK.CURATED_risk.main.>",
                "$JS.API.CONSUMER.MSG.NEXT.CURATED_risk.night",
                "$JS.API.CONSUMER.INFO.CURATED_risk.night",
                "$JS.ACK.CURATED_risk.night.>",
            ]
        );
        assert_eq!(permitted.subscribe, ["_INBOX_risk.>"]);
    }

    #[test]
    fn a_revoked_grant_keeps_nobody_but_the_house() {
        let account = |analyst| Account {
            grant: "risk".parse().unwrap(),
            house: "UHOUSE".to_owned(),
            analyst,
        };
        let analyst = Analyst {
            key: "UANALYST".to_owned(),
            consumers: names(&["main"]),
        };
        let granted = configuration(&[account(Some(analyst))]);
        assert!(granted.contains("ANALYST_risk: {"), "{granted}");
        assert!(granted.contains("UANALYST") && granted.contains("UHOUSE"));
        let revoked = configuration(&[account(None)]);
        assert!(!revoked.contains("UANALYST") && revoked.contains("UHOUSE"));
        assert!(!configuration(&[]).contains("ANALYST"));
    }
}
