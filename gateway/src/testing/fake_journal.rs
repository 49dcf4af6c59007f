//! A journal that knows one record.

use std::sync::Mutex;
use std::time::Duration;

use futures::future::BoxFuture;
use schemas::commands::journal::RecordToClean;
use schemas::journal::{Figures, JournalFilter};
use schemas::{AsOf, Owner, Position, SystemId, Timestamp, TransactionId, UserId};
use serde_json::{Map, Value, json};

use super::USER;
use crate::journal::{JournalFailure, JournalQuery, JournalRecords};

/// A journal with one record, number 42; in the log the only event is 106, at 42-1.
#[derive(Debug, Default)]
pub(crate) struct FakeJournal {
    /// What is said to be not cleaned yet.
    pub(crate) uncleaned: Mutex<Vec<(Owner, RecordToClean)>>,
    asked: Mutex<Vec<JournalFilter>>,
    waited: Mutex<Vec<String>>,
}

impl FakeJournal {
    pub(crate) fn asked(&self) -> Vec<JournalFilter> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn waited(&self) -> Vec<String> {
        self.waited.lock().unwrap().clone()
    }
}

fn record() -> Map<String, Value> {
    let Value::Object(record) = json!({"event_id": 42, "request_type": "confirm_transaction"})
    else {
        unreachable!("it is an object");
    };
    record
}

impl JournalQuery for FakeJournal {
    fn page<'a>(
        &'a self,
        filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Vec<Map<String, Value>>, JournalFailure>> {
        self.asked.lock().unwrap().push(filter.clone());
        Box::pin(async { Ok(vec![record()]) })
    }

    fn page_as_of<'a>(
        &'a self,
        _: &'a UserId,
        as_of: AsOf,
        filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Option<JournalRecords>, JournalFailure>> {
        self.asked.lock().unwrap().push(filter.clone());
        let was = as_of.to_string() != "17-4211";
        Box::pin(async move { Ok(was.then(|| vec![record()])) })
    }

    fn one<'a>(
        &'a self,
        _: &'a SystemId,
        event_id: i64,
    ) -> BoxFuture<'a, Result<Option<Map<String, Value>>, JournalFailure>> {
        Box::pin(async move { Ok((event_id == 42).then(record)) })
    }

    fn recorded_at<'a>(
        &'a self,
        _: &'a SystemId,
        position: Position,
    ) -> BoxFuture<'a, Result<Option<Timestamp>, JournalFailure>> {
        let at = (position.event_id() == 42 + 64).then_some(Timestamp(1_703_499_000_000));
        Box::pin(async move { Ok(at) })
    }

    fn uncleaned<'a>(
        &'a self,
        filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Vec<(Owner, RecordToClean)>, JournalFailure>> {
        self.asked.lock().unwrap().push(filter.clone());
        let found = self.uncleaned.lock().unwrap().clone();
        Box::pin(async { Ok(found) })
    }

    fn owner_of<'a>(
        &'a self,
        _: &'a SystemId,
        transaction_id: &'a TransactionId,
    ) -> BoxFuture<'a, Result<Option<UserId>, JournalFailure>> {
        let found = (transaction_id.as_str() == "invoice-42").then(|| USER.parse().unwrap());
        Box::pin(async { Ok(found) })
    }

    fn figures<'a>(
        &'a self,
        _: &'a SystemId,
        _: Timestamp,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<Figures, JournalFailure>> {
        let figures = Figures {
            users: 7,
            ..Figures::default()
        };
        Box::pin(async { Ok(figures) })
    }

    fn wait_for(&self, position: Position, _: Duration) -> BoxFuture<'_, bool> {
        self.waited.lock().unwrap().push(position.to_string());
        Box::pin(async { true })
    }
}
