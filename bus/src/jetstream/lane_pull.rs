//! A pull of one lane's commands that can be ended without losing what is under way.
//!
//! The library ends a pull by dropping its subscription. What the server had sent by then nobody sees, and the server waits
//! for `silence_max` before it delivers it again: too long for whoever waits for an answer while a lane changes hands. So
//! this pull asks for messages itself, and when it ends it hears the server out.

use std::time::Duration;

use async_nats::jetstream::{self, consumer::pull};
use async_nats::{StatusCode, Subject, Subscriber};
use bytes::Bytes;
use futures::StreamExt as _;
use schemas::Lane;

use super::link::Link;
use super::pulling::{Interrupted, PULL_EXPIRES, PULL_HEARTBEAT};
use super::topology::CMD;

/// How many messages one request asks for. A second one goes out when half of them came.
const AT_ONCE: usize = 256;

/// Heartbeats and other words without a command that may be under way beside the commands when a pull ends.
const WORDS_MAX: usize = 64;

/// How long an ending pull listens. Beyond it the server finds out by itself.
const HEAR_OUT_MAX: Duration = Duration::from_secs(2);

/// An open pull.
#[derive(Debug)]
pub(super) struct LanePull {
    client: async_nats::Client,
    context: jetstream::Context,
    /// Where the server takes requests for more.
    requests: String,
    inbox: String,
    subscriber: Subscriber,
    /// Commands the server may still send without being asked again.
    owed: usize,
    /// Whatever came in, commands and words.
    received: usize,
}

impl LanePull {
    /// Makes the lane's consumer, unless it is there, and begins to pull.
    pub(super) async fn open(
        link: &Link,
        lane: Lane,
        consumer: pull::Config,
    ) -> Result<Self, Interrupted> {
        link.context
            .create_consumer_on_stream(consumer, CMD)
            .await?;
        let inbox = link.client.new_inbox();
        let subscriber = link.client.subscribe(inbox.clone()).await?;
        let mut pull = Self {
            client: link.client.clone(),
            context: link.context.clone(),
            requests: format!("$JS.API.CONSUMER.MSG.NEXT.{CMD}.{}", consumer_name(lane)),
            inbox,
            subscriber,
            owed: 0,
            received: 0,
        };
        pull.ask().await?;
        Ok(pull)
    }

    /// The next command. Whoever stops waiting for it loses nothing.
    pub(super) async fn next(&mut self) -> Result<jetstream::Message, Interrupted> {
        loop {
            if self.owed <= AT_ONCE / 2 {
                self.ask().await?;
            }
            let message = tokio::time::timeout(PULL_HEARTBEAT * 2, self.subscriber.next())
                .await
                .map_err(|_| Interrupted::Silent)?
                .ok_or(Interrupted::Ended)?;
            self.received += 1;
            let Some(status) = message.status else {
                self.owed = self.owed.saturating_sub(1);
                return Ok(jetstream::Message {
                    message,
                    context: self.context.clone(),
                });
            };
            if status == StatusCode::IDLE_HEARTBEAT {
                continue;
            }
            // A request that is over says how much of it is left.
            let left = message
                .headers
                .as_ref()
                .and_then(|headers| headers.get("Nats-Pending-Messages"))
                .and_then(|left| left.as_str().parse::<usize>().ok());
            let Some(left) = left else {
                let why = message.description.unwrap_or_default();
                return Err(Interrupted::Refused(format!("{status} {why}")));
            };
            self.owed = self.owed.saturating_sub(left);
        }
    }

    async fn ask(&mut self) -> Result<(), Interrupted> {
        let request = serde_json::json!({
            "batch": AT_ONCE,
            "expires": PULL_EXPIRES.as_nanos() as u64,
            "idle_heartbeat": PULL_HEARTBEAT.as_nanos() as u64,
        });
        self.client
            .publish_with_reply(
                self.requests.clone(),
                self.inbox.clone(),
                request.to_string().into(),
            )
            .await?;
        self.owed += AT_ONCE;
        Ok(())
    }

    /// Ends the pull; names what was under way and nobody looked at.
    ///
    /// Both sides count what a subscription carried, and both may be told to end it at a number. We choose one beyond
    /// everything that can be under way and fill up to it with empty messages of our own: when the number is reached, the
    /// server has stopped and whatever it had sent has arrived.
    pub(super) async fn end(mut self) -> Vec<Subject> {
        let under_way = self.owed + WORDS_MAX;
        let mut unread = Vec::new();
        let hear_out = async {
            let end_at = (self.received + under_way) as u64;
            if self.subscriber.unsubscribe_after(end_at).await.is_err() {
                return;
            }
            for _ in 0..under_way {
                let sent = self.client.publish(self.inbox.clone(), Bytes::new()).await;
                if sent.is_err() {
                    return;
                }
            }
            while let Some(message) = self.subscriber.next().await {
                unread.extend(message.reply);
            }
        };
        if tokio::time::timeout(HEAR_OUT_MAX, hear_out).await.is_err() {
            tracing::debug!("a pull of commands was not heard out: the connection is gone or slow");
        }
        unread
    }
}

/// The durable consumer of a lane.
pub(super) fn consumer_name(lane: Lane) -> String {
    format!("lane-{lane}")
}
