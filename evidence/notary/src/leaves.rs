//! The record of an event: what the journal commits to, read from the event as it is stored.

use std::borrow::Cow;

use event_log::LogEvent;
use evidence::Leaf;
use schemas::Digest;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What is read of an event's frame; the rest is skipped.
#[derive(Deserialize)]
struct Frame<'a> {
    version: u16,
    aggregate: &'a str,
    #[serde(borrow)]
    context: Context<'a>,
}

#[derive(Deserialize)]
struct Context<'a> {
    #[serde(default)]
    request_url: &'a str,
    request_hmac: Option<IgnoredAny>,
    key_index: Option<u32>,
}

/// The record of an event; `prev` is the entry of the event before it in the same history.
///
/// Bytes that are no event of ours have a record, too: what is stored is what must be provable.
pub fn leaf_of(event: &LogEvent, prev: Option<Digest>) -> Leaf {
    leaf_with(event, frame_of(event).as_ref(), prev)
}

/// The same; and whether the event is filed under the aggregate that its own frame names, which the record does not tell, since
/// the bytes do.
pub(crate) fn leaf_and_filing(event: &LogEvent, prev: Option<Digest>) -> (Leaf, bool) {
    let frame = frame_of(event);
    let is_filed_rightly = frame
        .as_ref()
        .is_none_or(|frame| frame.aggregate == event.aggregate);
    (leaf_with(event, frame.as_ref(), prev), is_filed_rightly)
}

fn frame_of(event: &LogEvent) -> Option<Frame<'_>> {
    rmp_serde::from_slice(&event.payload).ok()
}

fn leaf_with(event: &LogEvent, frame: Option<&Frame<'_>>, prev: Option<Digest>) -> Leaf {
    Leaf {
        position: event.position,
        owner: event.owner.clone(),
        version: event.version,
        word: event.word.clone(),
        schema: frame.map(|frame| frame.version),
        at: event.at,
        actor: actor(frame),
        stored: Digest::sha256(&event.payload),
        prev,
    }
}

/// Through which door the request came. A request with a MAC came from a device.
fn actor(frame: Option<&Frame<'_>>) -> Cow<'static, str> {
    let Some(Frame { context, .. }) = frame else {
        return "unknown".into();
    };
    match (&context.request_hmac, context.key_index) {
        (Some(_), Some(key_index)) => format!("device/{key_index}").into(),
        (Some(_), None) => "device".into(),
        (None, _) if context.request_url.is_empty() => "server".into(),
        (None, _) => "system".into(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use schemas::codec;
    use schemas::context::RequestContext;
    use schemas::envelope::RecordedEvent;
    use schemas::events::Event;
    use schemas::events::users::UserChanged;
    use schemas::{CommandId, KeyIndex, Owner, Position, Timestamp};

    use super::*;

    /// An event that came with this context.
    pub(crate) fn payload(owner: &Owner, version: u64, context: RequestContext) -> Vec<u8> {
        let event = Event::from(UserChanged::default());
        codec::encode(&RecordedEvent {
            owner: owner.clone(),
            ordinal: version,
            recorded_at: Timestamp(1_795_435_200_000),
            causation_id: CommandId([1; 32]),
            result: event.result(),
            context,
            event,
        })
    }

    #[test]
    fn the_door_is_read_from_the_frame() {
        let owner: Owner = "11111111-2222-4333-8444-555555555555/client-7"
            .parse()
            .unwrap();
        let mac = Some(Digest([1; 32]));
        let bank = RequestContext {
            request_url: "/pc-api".to_owned(),
            ..RequestContext::default()
        };
        let stranger = RequestContext {
            request_hmac: mac,
            ..bank.clone()
        };
        let device = RequestContext {
            key_index: Some(KeyIndex(3)),
            ..stranger.clone()
        };
        for (context, actor) in [
            (RequestContext::default(), "server"),
            (bank, "system"),
            (stranger, "device"),
            (device, "device/3"),
        ] {
            let event = LogEvent {
                position: Position::from_event_id(65).unwrap(),
                owner: owner.clone(),
                version: 1,
                word: "change_user".into(),
                aggregate: "users".into(),
                at: Timestamp(1),
                payload: payload(&owner, 1, context).into(),
            };
            let leaf = leaf_of(&event, None);
            assert_eq!((&*leaf.actor, leaf.schema), (actor, Some(1)));
            assert_eq!(leaf.stored, Digest::sha256(&event.payload));
            let foreign = LogEvent {
                payload: b"a newer program wrote this".as_slice().into(),
                ..event
            };
            let leaf = leaf_of(&foreign, None);
            assert_eq!((&*leaf.actor, leaf.schema), ("unknown", None));
        }
    }
}
