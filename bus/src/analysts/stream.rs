//! The stream of a grant, as the house sees it: made, filled, looked at and removed.
//!
//! How far it is filled, the stream itself says: nothing is remembered elsewhere that could be wrong. A batch is stored only
//! if the stream still ends where it ended when we looked, so a message is there once, however many processes fill it.

use async_nats::header::{
    NATS_BATCH_COMMIT, NATS_BATCH_ID, NATS_BATCH_SEQUENCE, NATS_EXPECTED_LAST_SEQUENCE,
};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::context::GetStreamErrorKind::JetStream;
use async_nats::jetstream::context::{DeleteStreamError, PublishError};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use async_nats::jetstream::{Context, ErrorCode};
use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use schemas::{AnalyticsName, Lane, Position, SystemId, subjects};

use super::consumers::{self, ConsumerState};
use super::keys::UserKey;
use crate::jetstream::options::{self, Addresses};
use crate::jetstream::topology::Topology;
use crate::jetstream::{Access, ApplyError, JetStreamOptions, UnreachableError, headers};

/// How long curated events are kept, by `nats/curated.json`: what is older is not filled in again.
pub const KEPT_FOR_MS: i64 = 400 * 24 * 60 * 60 * 1000;

/// Messages of one batch; the server takes 1000.
const BATCH_MAX: usize = 512;

/// How many lanes are asked for at once.
const LANES_AT_ONCE: usize = 16;

/// How many messages an analyst may have taken and not acknowledged, by consumer.
const UNACKNOWLEDGED_MAX: i64 = 10_000;

/// Why nothing comes of it.
#[derive(Debug, thiserror::Error)]
pub enum CuratedError {
    /// No connection, or the server does not know the account.
    #[error("cannot connect to the account of the grant")]
    Unreachable(#[from] UnreachableError),
    /// The stream is not as declared.
    #[error(transparent)]
    Topology(#[from] ApplyError),
    /// The stream does not end where it did: somebody else fills it, or it was lost.
    #[error("the stream of the grant does not end where it did")]
    Moved(#[source] Option<PublishError>),
    /// The server did not answer, or refused.
    #[error("cannot {0}")]
    Server(
        &'static str,
        #[source] Box<dyn std::error::Error + Send + Sync>,
    ),
}

impl CuratedError {
    pub(super) fn server(
        attempt: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Server(attempt, source.into())
    }

    /// Whether the server let us in as far as we know: without an account there is nothing of the grant's there.
    pub fn is_not_let_in(&self) -> bool {
        use async_nats::ConnectErrorKind::{Authentication, AuthorizationViolation};
        matches!(
            self,
            Self::Unreachable(UnreachableError::Connect(_, error))
                if matches!(error.kind(), Authentication | AuthorizationViolation)
        )
    }
}

/// How far a stream is filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Number of the last event of every lane that is there, by lane number; 0 for none.
    pub lanes: Vec<u64>,
    /// The stream's last sequence number.
    pub last: u64,
}

/// A curated event on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CuratedMessage {
    /// Where the event lies in the log.
    pub position: Position,
    /// Number of the curated event before it in its lane; 0 for none.
    pub previous: u64,
    /// Its system.
    pub system_id: SystemId,
    /// Its aggregate.
    pub aggregate: String,
    /// Its word.
    pub word: String,
    /// The curated form, JSON.
    pub payload: Bytes,
}

/// The stream of a grant.
#[derive(Debug)]
pub struct CuratedStream {
    client: Client,
    context: Context,
    grant: AnalyticsName,
}

impl CuratedStream {
    /// Connects to the account of the grant. The stream is not looked at.
    pub async fn connect(
        server: &JetStreamOptions,
        key: &UserKey,
        grant: &AnalyticsName,
    ) -> Result<Self, CuratedError> {
        // Who the house is elsewhere may stand in the address; here it is its key.
        let server = JetStreamOptions {
            url: Addresses::of(&server.url).to_string(),
            ..server.clone()
        };
        let client = options::connect(&server, &Access::Key(key.clone()), |_| ()).await?;
        Ok(Self {
            context: async_nats::jetstream::new(client.clone()),
            client,
            grant: grant.clone(),
        })
    }

    /// Makes the stream and the consumers that are missing.
    pub async fn prepare(
        &self,
        replicas: usize,
        consumers: &[AnalyticsName],
    ) -> Result<(), CuratedError> {
        let stream = self.grant.stream();
        Topology::of_a_grant(&stream, replicas)
            .apply(&self.context)
            .await?;
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            CuratedError::server("make the consumers of the grant", error)
        };
        let stream = self.context.get_stream_no_info(stream).await;
        let stream = stream.map_err(|error| failed(error.into()))?;
        for name in consumers {
            let consumer = pull::Config {
                durable_name: Some(name.to_string()),
                description: Some("Made for the analyst of the grant".to_owned()),
                ack_policy: AckPolicy::Explicit,
                deliver_policy: DeliverPolicy::All,
                max_ack_pending: UNACKNOWLEDGED_MAX,
                ..pull::Config::default()
            };
            let made = stream.get_or_create_consumer(name.as_str(), consumer).await;
            made.map_err(|error| failed(error.into()))?;
        }
        Ok(())
    }

    /// How far the stream is filled.
    pub async fn heads(&self) -> Result<Heads, CuratedError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            CuratedError::server("look at the stream of the grant", error)
        };
        let stream = self.context.get_stream(self.grant.stream()).await;
        let stream = stream.map_err(|error| failed(error.into()))?;
        let last = stream.cached_info().state.last_sequence;
        let last_of = |lane: Lane| {
            let stream = &stream;
            async move {
                let subject = subjects::curated_of(lane);
                match stream.get_last_raw_message_by_subject(&subject).await {
                    Ok(message) => {
                        let position = headers::position(&message.headers);
                        Ok(position.map_or(0, |position| position.number))
                    }
                    Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(0),
                    Err(error) => Err(failed(error.into())),
                }
            }
        };
        let lanes = futures::stream::iter(Lane::all());
        let lanes = lanes.map(last_of).buffered(LANES_AT_ONCE);
        Ok(Heads {
            lanes: lanes.try_collect().await?,
            last,
        })
    }

    /// Publishes in order behind the message with that sequence number, or as far as it goes; the new last number comes
    /// back. After an error nobody knows how far it went: look at the heads.
    pub async fn publish(
        &self,
        messages: &[CuratedMessage],
        behind: u64,
    ) -> Result<u64, CuratedError> {
        let mut last = behind;
        for batch in messages.chunks(BATCH_MAX) {
            last = self.publish_batch(batch, last).await?;
        }
        Ok(last)
    }

    async fn publish_batch(
        &self,
        batch: &[CuratedMessage],
        behind: u64,
    ) -> Result<u64, CuratedError> {
        // An inbox is an unused name; a batch has one of at most 64 bytes.
        let id = self.client.new_inbox();
        let id = id.rsplit('.').next().unwrap_or(&id);
        for (message, number) in batch.iter().zip(1_usize..) {
            let mut headers = message.headers();
            if number == 1 {
                headers.insert(NATS_EXPECTED_LAST_SEQUENCE, behind.to_string());
            }
            if batch.len() > 1 {
                headers.insert(NATS_BATCH_ID, id);
                headers.insert(NATS_BATCH_SEQUENCE, number.to_string());
            }
            let subject = subjects::curated(
                message.position.lane,
                &message.system_id,
                &message.aggregate,
                &message.word,
            );
            let payload = message.payload.clone();
            if number < batch.len() {
                let sent = self.client.publish_with_headers(subject, headers, payload);
                let sent = sent.await;
                sent.map_err(|error| CuratedError::server("publish curated events", error))?;
                continue;
            }
            if batch.len() > 1 {
                headers.insert(NATS_BATCH_COMMIT, "1");
            }
            let publish = PublishMessage::build().payload(payload).headers(headers);
            let sent = self.context.send_publish(subject, publish).await;
            let stored = match sent {
                Ok(acknowledgement) => acknowledgement.await,
                Err(error) => Err(error),
            };
            let stored = stored.map_err(|error| CuratedError::Moved(Some(error)))?;
            if stored.sequence != behind + batch.len() as u64 || stored.duplicate {
                return Err(CuratedError::Moved(None));
            }
        }
        Ok(behind + batch.len() as u64)
    }

    /// How the consumers are.
    pub async fn consumers(&self) -> Result<Vec<ConsumerState>, CuratedError> {
        consumers::of(&self.context, &self.grant.stream()).await
    }

    /// Removes the stream with everything in it, and its consumers.
    pub async fn remove(&self) -> Result<(), CuratedError> {
        let is_gone = |error: &DeleteStreamError| matches!(error.kind(), JetStream(said) if said.error_code() == ErrorCode::STREAM_NOT_FOUND);
        match self.context.delete_stream(self.grant.stream()).await {
            Ok(_) => Ok(()),
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => Err(CuratedError::server(
                "remove the stream of the grant",
                error,
            )),
        }
    }
}

impl CuratedMessage {
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(headers::MESSAGE_ID, subjects::message_id(self.position));
        headers.insert(headers::WORD, self.word.as_str());
        let previous = Position {
            number: self.previous,
            ..self.position
        };
        headers.insert(headers::PREVIOUS, previous.to_string());
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_filled_in_again_is_what_the_declaration_does_not_keep() {
        let declared: serde_json::Value =
            serde_json::from_str(include_str!("../../../nats/curated.json")).unwrap();
        assert_eq!(declared["max_age"], KEPT_FOR_MS * 1_000_000);
    }
}
