//! Confirmations per hour, from the curated stream of a grant.
//!
//!     cargo run -p tests --example confirmations_per_hour -- risk.json
//!
//! In a project of your own it needs async-nats 0.51 (features `jetstream`, `nkeys` and one of the cryptography providers), futures,
//! serde_json and tokio. It reads what is new since it was run last: the server remembers what was acknowledged.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::{self, consumer::pull};
use futures::StreamExt as _;
use serde_json::Value;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// How long nothing may come until everything has come.
const QUIET: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let path = std::env::args()
        .nth(1)
        .ok_or("name the file of the grant")?;
    let grant: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let text = |name: &str| grant[name].as_str().unwrap_or_default().to_owned();
    let consumer = grant["consumers"][0].as_str().unwrap_or_default();
    let client = ConnectOptions::with_nkey(text("seed"))
        // Nothing else may be subscribed to.
        .custom_inbox_prefix(text("inbox_prefix"))
        .connect(text("url"))
        .await?;
    let context = jetstream::new(client);
    // Looking at the stream is not permitted: only the consumer is.
    let consumer: jetstream::consumer::Consumer<pull::Config> = context
        .get_consumer_from_stream(consumer, text("stream"))
        .await?;
    let mut messages = consumer.stream().expires(QUIET).messages().await?;
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
    while let Ok(Some(message)) = tokio::time::timeout(QUIET, messages.next()).await {
        let message = message?;
        let event: Value = serde_json::from_slice(&message.payload)?;
        let number_of = |name: &str| event[name].as_u64().unwrap_or_default();
        let (lane, number) = (number_of("lane"), number_of("number"));
        let previous = message.headers.as_ref().and_then(|headers| {
            let previous = headers.get("Countersign-Previous")?.as_str();
            previous.split_once('-')?.1.parse().ok()
        });
        let last = seen.entry(lane).or_default();
        if *last != 0 && previous > Some(*last) {
            eprintln!("missing: lane {lane}, {last} to {previous:?}");
        }
        if number > *last {
            *last = number;
            if event["word"] == "confirm_transaction" && event["result"] == 0 {
                let hour = number_of("recorded_at") / 3_600_000;
                *counts.entry(hour as i64).or_default() += 1;
            }
        }
        message.double_ack().await?;
    }
    for (hour, count) in counts {
        println!("{}\t{count}", hour_text(hour));
    }
    Ok(())
}

/// Hours since the Unix epoch as `2026-11-26T09:00Z`.
fn hour_text(hours: i64) -> String {
    let (days, hour) = (hours.div_euclid(24), hours.rem_euclid(24));
    let day = schemas::Timestamp(days * 86_400_000).day_text();
    format!("{day}T{hour:02}:00Z")
}
