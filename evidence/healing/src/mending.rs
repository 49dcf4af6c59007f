//! Putting back into the log what was altered in it, from the public stream, when the evidence says that it is the right one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, BusError, StreamEvent};
use event_log::{EventLog, Failure, LogEvent};
use futures::StreamExt as _;
use notary::{Audit, AuditError, Difference};
use schemas::Position;
use schemas::envelope::EventEnvelope;

/// Records of a stretch of the journal.
const STRETCH: u64 = 256;
/// Longest wait for an event of the stream.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was mended, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// Records of the journal that were compared with the log.
    pub records: u64,
    /// Events that were put back.
    pub put_back: Vec<Position>,
}

/// Why the log is not mended.
#[derive(Debug, thiserror::Error)]
pub enum MendingError {
    /// Nothing was signed there: nobody knows what the log was.
    #[error("the folder has no signed checkpoint, so nobody knows what the log was")]
    NothingSigned,
    /// It cannot be compared, or differs in a way that the stream cannot mend.
    #[error("the log cannot be mended from the stream; restore a backup")]
    NotFromTheStream(#[source] AuditError),
    /// The stream does not have it, or not any more.
    #[error("the stream does not have {0} any more; restore a backup")]
    NotInTheStream(Position),
    /// The stream has something else, too.
    #[error("what the stream has as {0} is not what was recorded either; restore a backup")]
    NotTheRecorded(Position),
    /// It was put back and is not there.
    #[error("{0} was put back and is still not what was recorded")]
    InVain(Position),
    /// The log.
    #[error("cannot write the log")]
    Log(#[from] Failure),
    /// The stream.
    #[error("cannot read the stream")]
    Bus(#[from] BusError),
}

/// Compares the whole log with the evidence in that folder, and puts back what was altered or removed in it. Nothing is written
/// unless `writes`; then only the first difference of every 256 records is told. `progress` hears how many records were
/// compared, and of how many.
pub async fn mend(
    log: Arc<dyn EventLog>,
    bus: &dyn Bus,
    folder: &Path,
    writes: bool,
    mut progress: impl FnMut(u64, u64),
) -> Result<Mended, MendingError> {
    let mut audit = Audit::of(Arc::clone(&log), folder);
    let begun = audit.begin().await;
    let checkpoint = begun.map_err(MendingError::NotFromTheStream)?;
    let checkpoint = checkpoint.ok_or(MendingError::NothingSigned)?;
    let size = checkpoint.size();
    let mut mended = Mended::default();
    for stretch in 0..size.div_ceil(STRETCH) {
        while let Err(error) = audit.stretch(&checkpoint, stretch).await {
            let (record, position) = mendable(error)?;
            if mended.put_back.contains(&position) {
                return Err(MendingError::InVain(position));
            }
            let event = from_the_stream(bus, position).await?;
            let event = event.ok_or(MendingError::NotInTheStream(position))?;
            let fits = audit.is_record(&checkpoint, record, &event).await;
            if !fits.map_err(MendingError::NotFromTheStream)? {
                return Err(MendingError::NotTheRecorded(position));
            }
            mended.put_back.push(position);
            if !writes {
                break;
            }
            log.restore(&event).await?;
        }
        mended.records = size.min((stretch + 1) * STRETCH);
        progress(mended.records, size);
    }
    Ok(mended)
}

/// Which record differs, and where its event lies.
fn mendable(error: AuditError) -> Result<(u64, Position), MendingError> {
    match &error {
        AuditError::Differs { difference, .. } => match difference {
            Difference::Missing { record, position }
            | Difference::Altered {
                record, position, ..
            }
            | Difference::Misfiled { record, position } => Ok((*record, *position)),
            Difference::Shorter { .. } | Difference::Journal { .. } => {
                Err(MendingError::NotFromTheStream(error))
            }
        },
        AuditError::Archive(_) => Err(MendingError::NotFromTheStream(error)),
    }
}

/// The event as the stream has it; `None` when it has none there that can be read.
async fn from_the_stream(
    bus: &dyn Bus,
    position: Position,
) -> Result<Option<LogEvent>, MendingError> {
    let mut stream = bus.events(position.lane, position.number).await?;
    let heard = tokio::time::timeout(PATIENCE, stream.next()).await;
    let Ok(Some(StreamEvent::Event(published))) = heard else {
        return Ok(None);
    };
    if published.position != position {
        return Ok(None);
    }
    let frame: Result<EventEnvelope, _> = rmp_serde::from_slice(&published.payload);
    Ok(frame.ok().map(|frame| LogEvent {
        position,
        owner: frame.owner,
        version: frame.ordinal,
        word: frame.word.into(),
        aggregate: frame.aggregate.into(),
        at: frame.recorded_at,
        payload: published.payload,
    }))
}

#[cfg(test)]
mod tests;
