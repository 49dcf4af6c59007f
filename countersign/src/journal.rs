//! The journal's port of the doors, served by the projections.

use std::sync::Arc;
use std::time::Duration;

use bus::shell::RootSecret;
use event_log::{EventLog, past};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use gateway::{JournalFailure, JournalQuery, JournalRecords};
use projections::past::Past;
use projections::{Journal, ReadModels};
use schemas::commands::journal::RecordToClean;
use schemas::journal::{Figures, JournalFilter};
use schemas::{AsOf, Owner, Position, SystemId, Timestamp, TransactionId, UserId};
use serde_json::{Map, Value};

/// The journal, and how far it is.
#[derive(Debug)]
pub struct JournalBehindTheDoors {
    /// Reads records.
    pub journal: Journal,
    /// Knows how far the read models are, whichever process fills them.
    pub read_models: ReadModels,
    /// Knows the past.
    pub log: Arc<dyn EventLog>,
    /// Opens what lies in the vault.
    pub root: RootSecret,
}

impl JournalQuery for JournalBehindTheDoors {
    fn page<'a>(
        &'a self,
        filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Vec<Map<String, Value>>, JournalFailure>> {
        async move {
            let records = self.journal.page(filter).await.map_err(failure)?;
            records.iter().map(object).collect()
        }
        .boxed()
    }

    fn page_as_of<'a>(
        &'a self,
        user_id: &'a UserId,
        as_of: AsOf,
        filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Option<JournalRecords>, JournalFailure>> {
        async move {
            let then = past::find(&*self.log, as_of).await.map_err(failure)?;
            let Some(then) = then else {
                return Ok(None);
            };
            let log = Arc::clone(&self.log);
            let past = Past::of_user(log, &filter.system_id, user_id, &then).await;
            let journal = past.map_err(failure)?.journal(self.root.clone());
            let records = journal.page(filter).await.map_err(failure)?;
            let records = records.iter().map(object).collect::<Result<_, _>>()?;
            Ok(Some(records))
        }
        .boxed()
    }

    fn one<'a>(
        &'a self,
        system_id: &'a SystemId,
        event_id: i64,
    ) -> BoxFuture<'a, Result<Option<Map<String, Value>>, JournalFailure>> {
        async move {
            let record = self
                .journal
                .one(system_id, event_id)
                .await
                .map_err(failure)?;
            record.as_ref().map(object).transpose()
        }
        .boxed()
    }

    fn recorded_at<'a>(
        &'a self,
        system_id: &'a SystemId,
        position: Position,
    ) -> BoxFuture<'a, Result<Option<Timestamp>, JournalFailure>> {
        async move {
            let at = reactors::recorded_at(&*self.log, system_id, position).await;
            at.map_err(failure)
        }
        .boxed()
    }

    fn uncleaned<'a>(
        &'a self,
        filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Vec<(Owner, RecordToClean)>, JournalFailure>> {
        async move {
            let found = self.journal.uncleaned(filter).await;
            let found = found.map_err(failure)?.into_iter().map(|record| {
                let to_clean = RecordToClean {
                    event_id: record.event_id,
                    command_id: record.command_id,
                };
                (record.owner, to_clean)
            });
            Ok(found.collect())
        }
        .boxed()
    }

    fn owner_of<'a>(
        &'a self,
        system_id: &'a SystemId,
        transaction_id: &'a TransactionId,
    ) -> BoxFuture<'a, Result<Option<UserId>, JournalFailure>> {
        async move {
            let found = self.journal.owner_of(system_id, transaction_id).await;
            found.map_err(failure)
        }
        .boxed()
    }

    fn figures<'a>(
        &'a self,
        system_id: &'a SystemId,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<Figures, JournalFailure>> {
        async move {
            let found = self.journal.figures(system_id, from, to).await;
            found.map_err(failure)
        }
        .boxed()
    }

    fn wait_for(&self, position: Position, timeout: Duration) -> BoxFuture<'_, bool> {
        async move {
            let arrived = self.read_models.wait_for(position, timeout).await;
            arrived.unwrap_or_else(|error| {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the progress of the journal is unknown");
                false
            })
        }
        .boxed()
    }
}

fn object(record: &projections::JournalRecord) -> Result<Map<String, Value>, JournalFailure> {
    match serde_json::to_value(record) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(JournalFailure {
            attempt: "a journal record is not an object".to_owned(),
            source: None,
        }),
        Err(error) => Err(failure(error)),
    }
}

fn failure(error: impl std::error::Error + Send + Sync + 'static) -> JournalFailure {
    JournalFailure {
        attempt: "cannot read the journal".to_owned(),
        source: Some(Box::new(error)),
    }
}
