//! What is written next into tables that are being built. Events are read and folded ahead of whoever writes the rows.

use std::sync::Arc;

use event_log::EventLog;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::projection::{Projection, Seen};
use crate::reading::{self, Fetched, Portion, ReadError, Wanted};
use crate::rebuild::RebuildError;
use crate::rows::Rows;

/// More than the usual: nobody waits for these rows, and of many each costs less.
const PORTION: Portion = Portion {
    lane: 2048,
    all: 8192,
};

/// Steps that are ready before the one that is being written is.
const READY: usize = 1;

/// Portions that are folded, or wait for it, while the next one is read.
const FOLDED: usize = 2;

/// The next rows of each table, and where they bring it.
pub(crate) struct Step {
    pub rows: Vec<Rows>,
    /// The number that is folded last then, in every lane.
    pub at: Vec<u64>,
}

/// Steps, one after the other.
pub(crate) struct Steps(mpsc::Receiver<Result<Step, RebuildError>>);

impl Steps {
    /// Begins to make the steps that lead from one place to another, both a number for every lane.
    pub fn begin(
        projections: Vec<&'static Projection>,
        from: Vec<u64>,
        log: Arc<dyn EventLog>,
        until: Arc<[u64]>,
    ) -> Self {
        let mut made = made(projections, from, log, until);
        let (ready, steps) = mpsc::channel(READY);
        tokio::spawn(async move {
            while let Some(step) = made.next().await {
                if ready.send(step).await.is_err() {
                    // Nobody writes them any more.
                    return;
                }
            }
        });
        Self(steps)
    }

    /// The next one; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Step>, RebuildError> {
        self.0.recv().await.transpose()
    }
}

fn made(
    projections: Vec<&'static Projection>,
    from: Vec<u64>,
    log: Arc<dyn EventLog>,
    until: Arc<[u64]>,
) -> BoxStream<'static, Result<Step, RebuildError>> {
    let portions = stream::try_unfold(from, move |at| {
        let (log, until) = (Arc::clone(&log), Arc::clone(&until));
        async move { portion(&*log, at, &until).await }
    });
    let folded = portions.map_ok(move |(at, fetched)| {
        let projections = projections.clone();
        async move {
            let folding = spawn_blocking(move || fold(&projections, at, fetched));
            Ok(folding.await.expect("folding does not panic")?)
        }
    });
    folded.try_buffered(FOLDED).boxed()
}

/// What is read next, and where that leads.
async fn portion(
    log: &dyn EventLog,
    mut at: Vec<u64>,
    until: &[u64],
) -> Result<Option<((Vec<u64>, Vec<Fetched>), Vec<u64>)>, RebuildError> {
    let wanted = PORTION.of(&at, until, 0);
    if wanted.is_empty() {
        return Ok(None);
    }
    let fetched = reading::fetch(log, &wanted).await?;
    for Wanted { lane, after, limit } in wanted {
        at[usize::from(lane.number())] = after + limit as u64;
    }
    Ok(Some(((at.clone(), fetched), at)))
}

fn fold(
    projections: &[&'static Projection],
    at: Vec<u64>,
    fetched: Vec<Fetched>,
) -> Result<Step, ReadError> {
    let mut rows: Vec<Rows> = projections.iter().map(|_| Rows::default()).collect();
    for slice in fetched.into_iter().map(Fetched::decode) {
        if let Some(stopped) = slice.stopped {
            return Err(stopped);
        }
        for (position, event) in &slice.events {
            let position = *position;
            for (projection, rows) in projections.iter().zip(&mut rows) {
                (projection.fold)(&Seen { position, event }, rows);
            }
        }
    }
    Ok(Step { rows, at })
}
