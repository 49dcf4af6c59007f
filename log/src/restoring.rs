//! Putting an event back where it lay: what is the same in every store.

use schemas::Position;

use crate::port::Failure;

/// Makes room for it.
pub(crate) const DELETE: &str = "delete from events where lane = $1 and pos = $2";

/// Writes it, unless its lane ends before it.
pub(crate) const INSERT: &str = "insert into events (lane, pos, owner, version, word, aggregate, at, payload) \
    select $1, $2, $3, $4, $5, $6, $7, $8 from lanes where lane = $1 and pos >= $2";

/// It was not written: only what was there is put back.
pub(crate) fn behind_the_end(position: Position) -> Failure {
    Failure {
        attempt: format!("cannot put {position} back: the lane ends before it"),
        source: None,
    }
}
