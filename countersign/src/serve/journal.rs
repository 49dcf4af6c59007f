//! The journal's port of the doors, served by the projections.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use gateway::{JournalFailure, JournalQuery};
use projections::{Journal, ReadModels};
use schemas::{Position, SystemId};
use serde_json::{Map, Value};

/// The journal, and how far it is.
#[derive(Debug)]
pub struct JournalBehindTheDoors {
    /// Reads records.
    pub journal: Journal,
    /// Knows how far the read models are, whichever process fills them.
    pub read_models: ReadModels,
}

impl JournalQuery for JournalBehindTheDoors {
    fn page<'a>(
        &'a self,
        filter: &'a gateway::JournalFilter,
    ) -> BoxFuture<'a, Result<Vec<Map<String, Value>>, JournalFailure>> {
        async move {
            let filter = projections::JournalFilter {
                system_id: filter.system_id.clone(),
                user_id: filter.user_id.clone(),
                transaction_id: filter.transaction_id.clone(),
                request_type: filter.request_type.clone(),
                from: filter.from,
                to: filter.to,
                offset: filter.offset,
                limit: filter.limit,
            };
            let records = self.journal.page(&filter).await.map_err(failure)?;
            records.iter().map(object).collect()
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
