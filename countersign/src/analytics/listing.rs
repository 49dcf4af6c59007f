//! The grants and how far their analysts are, as lines with tabs between.

use bus::analysts::{self, ConsumerState, CuratedStream, UserKey};
use bus::jetstream::JetStreamOptions;
use bus::shell::RootSecret;
use reactors::Grant;
use schemas::commands::server::ShownIdentifiers;
use schemas::{SystemId, Timestamp};

/// Prints them. What cannot be asked is said in its place.
pub async fn print(server: &JetStreamOptions, root: &RootSecret, grants: &[Grant], now: Timestamp) {
    for grant in grants {
        println!("{}", line(grant));
        if !grant.is_in_force() {
            continue;
        }
        let name = &grant.granted.name;
        let key = UserKey::of_the_house(root, name);
        let consumers = async {
            let stream = CuratedStream::connect(server, &key, name).await?;
            stream.consumers().await
        };
        print_consumers(consumers.await, now);
    }
    println!("the house");
    print_consumers(analysts::all_of(server).await, now);
}

fn print_consumers(consumers: Result<Vec<ConsumerState>, analysts::CuratedError>, now: Timestamp) {
    match consumers {
        Ok(consumers) => {
            for consumer in consumers {
                println!("{}", consumer_line(&consumer, now));
            }
        }
        Err(error) => println!("\tcannot be asked: {error}"),
    }
}

fn line(grant: &Grant) -> String {
    let granted = &grant.granted;
    let identifiers = match granted.identifiers {
        ShownIdentifiers::Pseudonyms => "pseudonyms",
        ShownIdentifiers::Plain => "plain",
    };
    let state = match grant.revoked_at {
        None => "in force".to_owned(),
        Some(moment) => format!("revoked {}", moment.day_text()),
    };
    let systems: Vec<&str> = granted.systems.iter().map(SystemId::as_str).collect();
    format!(
        "{}\t{state}\tgranted {}\t{identifiers}\t{}\t{}",
        granted.name,
        grant.granted_at.day_text(),
        systems.join(","),
        granted.by
    )
}

fn consumer_line(consumer: &ConsumerState, now: Timestamp) -> String {
    let active = consumer.active_at.map_or_else(
        || "never used".to_owned(),
        |moment| format!("active {} s ago", (now.0 - moment.0).max(0) / 1000),
    );
    format!(
        "\t{}\t{}\t{} pending\t{} unacknowledged\tacknowledged up to {}\t{active}",
        consumer.stream,
        consumer.name,
        consumer.pending,
        consumer.unacknowledged,
        consumer.acknowledged_up_to
    )
}

#[cfg(test)]
mod tests {
    use schemas::events::server::AnalyticsGranted;

    use super::*;

    #[test]
    fn a_grant_is_a_line_and_a_consumer_another() {
        let mut grant = Grant {
            granted: AnalyticsGranted {
                name: "risk".parse().unwrap(),
                systems: vec!["bank".parse().unwrap(), "shop".parse().unwrap()],
                consumers: vec!["main".parse().unwrap()],
                identifiers: ShownIdentifiers::Pseudonyms,
                since: None,
                public_key: String::new(),
                by: "ivanova".to_owned(),
            },
            granted_at: Timestamp(1_795_435_200_000),
            revoked_at: None,
        };
        let expected = "risk\tin force\tgranted 2026-11-23\tpseudonyms\tbank,shop\tivanova";
        assert_eq!(line(&grant), expected);
        grant.revoked_at = Some(Timestamp(1_795_435_200_000));
        assert!(line(&grant).contains("\trevoked 2026-11-23\t"));
        let consumer = ConsumerState {
            stream: "CURATED_risk".to_owned(),
            name: "main".to_owned(),
            pending: 5,
            unacknowledged: 2,
            acknowledged_up_to: 7,
            active_at: Some(Timestamp(1_000)),
        };
        assert_eq!(
            consumer_line(&consumer, Timestamp(9_999)),
            "\tCURATED_risk\tmain\t5 pending\t2 unacknowledged\tacknowledged up to 7\tactive 8 s ago"
        );
    }
}
