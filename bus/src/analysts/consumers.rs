//! How consumers are: how much lies before them, and how far they have acknowledged.

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::Info;
use futures::TryStreamExt as _;
use schemas::{AnalyticsName, Timestamp};
use serde_json::Value;

use super::keys::UserKey;
use super::stream::CuratedError;
use crate::jetstream::options::{self};
use crate::jetstream::{JetStreamOptions, topology};

/// How a consumer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerState {
    /// Its stream.
    pub stream: String,
    /// Its name.
    pub name: String,
    /// Messages that it was not given yet.
    pub pending: u64,
    /// Messages that it was given and has not acknowledged.
    pub unacknowledged: u64,
    /// Everything up to this sequence number of the stream is acknowledged.
    pub acknowledged_up_to: u64,
    /// When it acknowledged last, or was given something when it never did; `None` for one that was never used.
    pub active_at: Option<Timestamp>,
}

impl ConsumerState {
    /// How many messages it is behind.
    pub fn lag(&self) -> u64 {
        self.pending + self.unacknowledged
    }

    fn of(info: Info) -> Self {
        let moments = [info.ack_floor.last_active, info.delivered.last_active];
        let moment = moments.into_iter().flatten().next();
        Self {
            stream: info.stream_name,
            name: info.name,
            pending: info.num_pending,
            unacknowledged: info.num_ack_pending as u64,
            acknowledged_up_to: info.ack_floor.stream_sequence,
            active_at: moment
                .map(|moment| Timestamp((moment.unix_timestamp_nanos() / 1_000_000) as i64)),
        }
    }
}

/// The consumers of a stream, by name.
pub(super) async fn of(
    context: &Context,
    stream: &str,
) -> Result<Vec<ConsumerState>, CuratedError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        CuratedError::server("look at the consumers", error)
    };
    let stream = context.get_stream_no_info(stream).await;
    let stream = stream.map_err(|error| failed(error.into()))?;
    let infos: Vec<Info> = stream
        .consumers()
        .try_collect()
        .await
        .map_err(|error| failed(error.into()))?;
    let mut states: Vec<ConsumerState> = infos.into_iter().map(ConsumerState::of).collect();
    states.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(states)
}

/// The consumers of the house's own streams.
pub async fn all_of(server: &JetStreamOptions) -> Result<Vec<ConsumerState>, CuratedError> {
    let client = options::connect(server, &server.access, |_| ()).await?;
    let context = async_nats::jetstream::new(client);
    let mut states = Vec::new();
    for stream in topology::Topology::declared(1).names() {
        states.extend(of(&context, stream).await?);
    }
    Ok(states)
}

/// Whether the server lets the analyst in and every consumer of the grant is there: asked as the analyst would.
pub async fn looks_ready(
    server: &JetStreamOptions,
    key: &UserKey,
    grant: &AnalyticsName,
    consumers: &[AnalyticsName],
) -> bool {
    let Some(seed) = key.seed().expose_text() else {
        return false;
    };
    let connected = async_nats::ConnectOptions::with_nkey(seed.to_owned())
        .custom_inbox_prefix(grant.inbox_prefix())
        .connect(&server.url)
        .await;
    let Ok(client) = connected else {
        return false;
    };
    for consumer in consumers {
        let subject = format!("$JS.API.CONSUMER.INFO.{}.{consumer}", grant.stream());
        let answer = client.request(subject, "".into()).await;
        let is_there = answer.is_ok_and(|answer| {
            serde_json::from_slice::<Value>(&answer.payload)
                .is_ok_and(|answer| answer["error"].is_null())
        });
        if !is_there {
            return false;
        }
    }
    true
}
