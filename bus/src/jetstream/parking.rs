//! Commands that nobody could handle, in the stream PARKED.

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::RawMessageErrorKind;
use bytes::Bytes;
use schemas::{Lane, subjects};

use super::headers;
use super::link::Link;
use super::topology::PARKED;
use crate::port::{BusError, Parked};

/// Puts a command aside and waits until it is safe there. `identity` keeps one command from lying there twice.
pub(super) async fn park(
    link: &Link,
    lane: Lane,
    reason: &str,
    identity: &str,
    payload: &Bytes,
) -> Result<(), BusError> {
    let cannot_park = |error| BusError::new("cannot put a command aside", error);
    let message = PublishMessage::build()
        .payload(payload.clone())
        .message_id(identity)
        .header(headers::REASON, headers::one_line(reason));
    link.context
        .send_publish(subjects::parked(lane), message)
        .await
        .map_err(cannot_park)?
        .await
        .map_err(cannot_park)?;
    Ok(())
}

/// The parked commands, oldest first. One request each: this is for an operator's eyes.
pub(super) async fn list(link: &Link, limit: usize) -> Result<Vec<Parked>, BusError> {
    let stream = link
        .context
        .get_stream_no_info(PARKED)
        .await
        .map_err(|error| BusError::new("cannot find the parked commands", error))?;
    let mut parked = Vec::new();
    let mut next = 1;
    while parked.len() < limit {
        let message = stream
            .raw_message_builder()
            .sequence(next)
            .next_by_subject(">")
            .send()
            .await;
        let message = match message {
            Ok(message) => message,
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => break,
            Err(error) => return Err(BusError::new("cannot read the parked commands", error)),
        };
        next = message.sequence + 1;
        let Some(lane) = lane_of(&message.subject) else {
            continue;
        };
        let reason = message.headers.get(headers::REASON);
        parked.push(Parked {
            lane,
            reason: reason.map_or_else(String::new, |reason| reason.as_str().to_owned()),
            payload: message.payload,
        });
    }
    Ok(parked)
}

fn lane_of(subject: &str) -> Option<Lane> {
    Lane::new(subject.rsplit('.').next()?.parse().ok()?)
}
