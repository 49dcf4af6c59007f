//! The journal's port of the doors, served by this house's own projector.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use gateway::{JournalFailure, JournalFilter, JournalQuery};
use projections::{Journal, JournalRecord, Projector};
use schemas::commands::journal::RecordToClean;
use schemas::{Owner, Position, SystemId, Timestamp, TransactionId, UserId};
use serde_json::{Map, Value};

/// The journal, and who fills it.
#[derive(Debug)]
pub(super) struct JournalOfTheHouse {
    pub(super) journal: Journal,
    pub(super) projector: Arc<Projector>,
}

impl JournalQuery for JournalOfTheHouse {
    fn page<'a>(
        &'a self,
        filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Vec<Map<String, Value>>, JournalFailure>> {
        async move {
            let records = self
                .journal
                .page(&of_the_read_model(filter))
                .await
                .map_err(failure)?;
            Ok(records.iter().map(object).collect())
        }
        .boxed()
    }

    fn one<'a>(
        &'a self,
        system_id: &'a SystemId,
        event_id: i64,
    ) -> BoxFuture<'a, Result<Option<Map<String, Value>>, JournalFailure>> {
        async move {
            let record = self.journal.one(system_id, event_id).await;
            Ok(record.map_err(failure)?.as_ref().map(object))
        }
        .boxed()
    }

    fn uncleaned<'a>(
        &'a self,
        filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Vec<(Owner, RecordToClean)>, JournalFailure>> {
        async move {
            let found = self.journal.uncleaned(&of_the_read_model(filter)).await;
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
    ) -> BoxFuture<'a, Result<gateway::Figures, JournalFailure>> {
        async move {
            let found = self.journal.figures(system_id, from, to).await;
            let found = found.map_err(failure)?;
            Ok(gateway::Figures {
                users: found.users,
                users_created: found.users_created,
                users_deleted: found.users_deleted,
                transactions_created: found.transactions_created,
                transactions_confirmed: found.transactions_confirmed,
                transactions_declined: found.transactions_declined,
                transactions_expired: found.transactions_expired,
                events: found.events,
            })
        }
        .boxed()
    }

    fn wait_for(&self, position: Position, timeout: Duration) -> BoxFuture<'_, bool> {
        let arrived = tokio::time::timeout(timeout, self.projector.wait_for(position));
        arrived.map(|arrived| arrived.is_ok()).boxed()
    }
}

fn of_the_read_model(filter: &JournalFilter) -> projections::JournalFilter {
    projections::JournalFilter {
        system_id: filter.system_id.clone(),
        user_id: filter.user_id.clone(),
        transaction_id: filter.transaction_id.clone(),
        request_type: filter.request_type.clone(),
        request_result: filter.request_result,
        after: filter.after,
        from: filter.from,
        to: filter.to,
        offset: filter.offset,
        limit: filter.limit,
    }
}

fn object(record: &JournalRecord) -> Map<String, Value> {
    match serde_json::to_value(record) {
        Ok(Value::Object(object)) => object,
        other => panic!("a journal record is an object, not {other:?}"),
    }
}

fn failure(error: impl std::error::Error + Send + Sync + 'static) -> JournalFailure {
    JournalFailure {
        attempt: "cannot read the journal".to_owned(),
        source: Some(Box::new(error)),
    }
}
