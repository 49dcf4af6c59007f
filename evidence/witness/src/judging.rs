//! Whether a witness signs. Pure: what it has seen, what it is asked, and nothing else.

use evidence::{Checkpoint, Note, VerifierKey, verify_consistency};

use crate::request::AddCheckpoint;

/// Why a witness does not sign, with the status that the protocol gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400: the request cannot be read, or its sizes contradict each other.
    #[error("the request cannot be read, or asks for less than it says was there")]
    Malformed,
    /// 404: it is the witness of other journals.
    #[error("this witness does not know the journal")]
    UnknownJournal,
    /// 403: the log has not signed.
    #[error("the checkpoint is not signed by the journal it names")]
    NotSigned,
    /// 409: it has signed this size last, and not the one that was named.
    #[error("the witness has signed a checkpoint of {0} records last")]
    Seen(u64),
    /// 409: it has signed another checkpoint of the same size.
    #[error("the witness has signed another checkpoint of that size")]
    Another,
    /// 422: the journal is no continuation of the one it has signed.
    #[error("the checkpoint is not a continuation of the one that the witness signed last")]
    NoContinuation,
    /// 500: it cannot remember what it would sign.
    #[error("the witness cannot store the checkpoint")]
    CannotStore,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::NotSigned => 403,
            Self::UnknownJournal => 404,
            Self::Seen(_) | Self::Another => 409,
            Self::NoContinuation => 422,
            Self::CannotStore => 500,
        }
    }
}

/// The checkpoint of a request, read and not judged yet.
pub(crate) fn read(request: &AddCheckpoint) -> Result<(Note, Checkpoint), Refusal> {
    let note: Note = request.note.parse().map_err(|_| Refusal::Malformed)?;
    let checkpoint = note.text.parse().map_err(|_| Refusal::Malformed)?;
    Ok((note, checkpoint))
}

/// Whether it is signed: `log` is the key of that journal, `seen` the checkpoint that was signed last.
pub(crate) fn judge(
    request: &AddCheckpoint,
    (note, checkpoint): (&Note, &Checkpoint),
    log: &VerifierKey,
    seen: Option<&Checkpoint>,
) -> Result<(), Refusal> {
    note.verify(log).map_err(|_| Refusal::NotSigned)?;
    if request.old > checkpoint.size() {
        return Err(Refusal::Malformed);
    }
    let size = seen.map_or(0, Checkpoint::size);
    if request.old != size {
        return Err(Refusal::Seen(size));
    }
    let root = seen.map_or_else(evidence::empty_root, |seen| *seen.root());
    if size == checkpoint.size() && root != *checkpoint.root() {
        return Err(Refusal::Another);
    }
    verify_consistency(
        size,
        &root,
        checkpoint.size(),
        checkpoint.root(),
        &request.proof,
    )
    .map_err(|_| Refusal::NoContinuation)
}
