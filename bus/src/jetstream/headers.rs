//! Our own message headers, for everybody who looks at a stream with other tools.

use async_nats::HeaderMap;
use schemas::Position;

/// On a command: where its answer goes.
pub(super) const REPLY_TO: &str = "Countersign-Reply-To";
/// On an event: the largest number published in its lane up to it. It never falls along the stream, which makes a start
/// position findable by halving.
pub(super) const HEAD: &str = "Countersign-Head";
/// On an event: its word.
pub(crate) const WORD: &str = "Countersign-Word";
/// On a curated event: the position of the one before it in its lane, with number 0 for none.
pub(crate) const PREVIOUS: &str = "Countersign-Previous";
/// On a parked command: why.
pub(super) const REASON: &str = "Countersign-Reason";
/// On an event: its position, and the stream's own duplicate detection.
pub(crate) const MESSAGE_ID: &str = "Nats-Msg-Id";

/// The longest reason that is kept, characters.
const REASON_MAX: usize = 500;

/// The position of an event.
pub(crate) fn position(headers: &HeaderMap) -> Option<Position> {
    headers.get(MESSAGE_ID)?.as_str().parse().ok()
}

/// The largest number published up to an event.
pub(super) fn head(headers: &HeaderMap) -> Option<u64> {
    headers.get(HEAD)?.as_str().parse().ok()
}

/// A text that a header can carry: one line, bounded.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .take(REASON_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
