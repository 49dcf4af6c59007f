//! The past of one user, as the read models would have shown it: a private copy of the tables in memory, filled by the same
//! folds with what had happened by then, and read by the same questions.
//!
//! What was erased since stays erased: the vault is asked when a record is shown, and the erasure is told as it is today.

use std::sync::Arc;

use bus::shell::RootSecret;
use event_log::past::Then;
use event_log::{EventLog, Failure, LogEvent};
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::journal::JournalEvent;
use schemas::{Owner, Position, SystemId, UserId, codec};

use crate::audit::Journal;
use crate::audit::journal::{self, JOURNAL};
use crate::cursors::Cursors;
use crate::projection::{PROJECTIONS, Projection, Seen};
use crate::read::ReadModels;
use crate::read::systems::SYSTEMS;
use crate::reading::ReadError;
use crate::rows::Rows;
use crate::store::{Store, StoreError};

/// A user's past, ready to be asked.
#[derive(Debug)]
pub struct Past {
    store: Store,
    log: Arc<dyn EventLog>,
}

/// Why the past cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// The tables in memory.
    #[error("cannot fill the tables of the past")]
    Store(#[from] StoreError),
    /// The log.
    #[error("cannot read the log")]
    Log(#[from] Failure),
    /// An event cannot be read.
    #[error("a history cannot be read")]
    Event(#[from] ReadError),
}

impl Past {
    /// What had happened to a user by then. Of the log only that user's history is read, and the system's.
    pub async fn of_user(
        log: Arc<dyn EventLog>,
        system_id: &SystemId,
        user_id: &UserId,
        then: &Then,
    ) -> Result<Self, PastError> {
        let store = Store::in_memory().await?;
        Cursors::prepare(&store).await?;
        let mut transaction = store.begin().await?;
        let mut put = async |projection: &Projection, rows: Rows| {
            projection.live().write(rows, &mut transaction).await
        };

        let history = log
            .load(&Owner::User(system_id.clone(), user_id.clone()), 0)
            .await?;
        let happened = decoded(then.happened(&history))?;
        let since = decoded(&history[happened.len()..])?;
        for projection in PROJECTIONS {
            let mut rows = folded(projection, &happened);
            if projection.name == JOURNAL.name {
                erased_since(&happened, &since, &mut rows);
            }
            put(projection, rows).await?;
        }
        // What the system has removed from its journal since is removed.
        let system = log.load(&Owner::System(system_id.clone()), 0).await?;
        put(&SYSTEMS, folded(&SYSTEMS, &decoded(&system)?)).await?;
        transaction.commit().await?;
        Ok(Self { store, log })
    }

    /// Questions to the read models of then.
    pub fn read_models(&self) -> ReadModels {
        ReadModels::of(self.store.clone())
    }

    /// Questions to the journal of then.
    pub fn journal(&self, root: RootSecret) -> Journal {
        Journal::of(self.store.clone(), Arc::clone(&self.log), root)
    }
}

type History = Vec<(Position, RecordedEvent)>;

fn decoded(events: &[LogEvent]) -> Result<History, ReadError> {
    let decoded = events.iter().map(|event| {
        let position = event.position;
        let recorded = codec::decode(&event.payload);
        recorded
            .map(|recorded| (position, recorded))
            .map_err(|source| ReadError::Decode { position, source })
    });
    decoded.collect()
}

fn folded(projection: &Projection, history: &History) -> Rows {
    let mut rows = Rows::default();
    for (position, event) in history {
        let position = *position;
        (projection.fold)(&Seen { position, event }, &mut rows);
    }
    rows
}

/// Records of then whose erasable part was erased later.
fn erased_since(happened: &History, since: &History, rows: &mut Rows) {
    for (position, event) in since {
        if let Event::Journal(JournalEvent::Cleaned(cleaned)) = &event.event {
            let was = |id: &&i64| {
                happened
                    .iter()
                    .any(|(position, _)| position.event_id() == **id)
            };
            let ids = cleaned.event_ids.iter().filter(was);
            let position = *position;
            journal::fold_cleaned(&Seen { position, event }, ids, rows);
        }
    }
}

#[cfg(test)]
mod tests;
