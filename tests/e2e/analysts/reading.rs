//! An analyst with the file of a grant, and no more knowledge of the house than that.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::{Client, ConnectOptions};
use futures::StreamExt as _;
use serde_json::Value;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// An analyst who reads.
pub struct Analyst {
    client: Client,
    messages: pull::Stream,
    seen: BTreeMap<u64, u64>,
    holes: usize,
    /// How many events came twice.
    pub repeated: usize,
}

impl Analyst {
    /// With that file.
    pub async fn of(file: &Path) -> Result<Self, AnyError> {
        let grant: Value = serde_json::from_slice(&std::fs::read(file)?)?;
        let text = |name: &str| grant[name].as_str().unwrap().to_owned();
        let client = ConnectOptions::with_nkey(text("seed"))
            .custom_inbox_prefix(text("inbox_prefix"))
            .connect(text("url"))
            .await?;
        let context = async_nats::jetstream::new(client.clone());
        let consumer = grant["consumers"][0].as_str().unwrap();
        let consumer: async_nats::jetstream::consumer::Consumer<pull::Config> = context
            .get_consumer_from_stream(consumer, text("stream"))
            .await?;
        let messages = consumer
            .stream()
            .expires(Duration::from_secs(1))
            .messages()
            .await?;
        Ok(Self {
            client,
            messages,
            seen: BTreeMap::new(),
            holes: 0,
            repeated: 0,
        })
    }

    /// The same, as soon as it is possible.
    pub async fn of_soon(file: &Path) -> Self {
        let opened = async {
            loop {
                if let Ok(analyst) = Self::of(file).await {
                    return analyst;
                }
            }
        };
        tokio::time::timeout(super::SOON, opened).await.unwrap()
    }

    /// Reads and acknowledges so many events.
    pub async fn read(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            let next = tokio::time::timeout(super::SOON, self.messages.next());
            let message = next.await.unwrap().unwrap().unwrap();
            let event: Value = serde_json::from_slice(&message.payload).unwrap();
            let headers = message.headers.as_ref().unwrap();
            let (lane, number) = (
                event["lane"].as_u64().unwrap(),
                event["number"].as_u64().unwrap(),
            );
            let id = headers.get("Nats-Msg-Id").unwrap().as_str();
            assert_eq!(id, format!("{lane}-{number}"));
            let previous = headers.get("Countersign-Previous").unwrap().as_str();
            let before = self.seen.insert(lane, number).unwrap_or(0);
            self.repeated += usize::from(before >= number);
            self.holes += usize::from(previous != format!("{lane}-{before}"));
            message.double_ack().await.unwrap();
            events.push(event);
        }
        events
    }

    /// Every event named the one before it.
    pub fn is_complete(&self) -> bool {
        self.holes == 0
    }

    /// Waits until the server has ended the connection.
    pub async fn is_disconnected(&self, at_most: Duration) {
        let gone = async {
            while self.client.connection_state() == async_nats::connection::State::Connected {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(at_most, gone).await.unwrap();
    }
}
