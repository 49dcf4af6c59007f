//! What is remembered of a user's operations. Where one stands follows from its transactions; nothing is kept twice.

use std::collections::HashMap;

use schemas::answers::{OperationInfo, TransactionInfo};
use schemas::commands::operations::OperationStatus;
use schemas::commands::transactions::{NotificationType, TransactionStatus};
use schemas::events::operations::{OperationCreated, OperationEvent};
use schemas::{Digest, OperationId, Timestamp, TransactionId};

use super::Rejection;
use crate::transactions::{Transaction, Transactions};

/// A user's operations, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Operations {
    by_id: HashMap<OperationId, Operation>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// SHA-256 of its frame in the vault.
    pub(crate) content_digest: Digest,
    /// Deadline of everything in it; `None` means no deadline.
    pub(crate) expires_at: Option<Timestamp>,
    /// Where outcomes are reported; `None` means the system's own address.
    pub(crate) callback_url: Option<String>,
    /// Its transactions, in the order they were created.
    pub(crate) members: Vec<TransactionId>,
    created_at: Timestamp,
    notification_type: NotificationType,
    served: bool,
}

impl Operations {
    /// The operation, wherever it stands.
    pub(crate) fn get(&self, id: &OperationId) -> Result<&Operation, Rejection> {
        self.by_id.get(id).ok_or(Rejection::NotFound)
    }

    /// Is the id taken?
    pub(crate) fn has(&self, id: &OperationId) -> bool {
        self.by_id.contains_key(id)
    }

    /// All of them.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &OperationId> {
        self.by_id.keys()
    }

    /// All of them, oldest first, without their transactions.
    pub(crate) fn list(&self, transactions: &Transactions, now: Timestamp) -> Vec<OperationInfo> {
        let mut found: Vec<OperationInfo> = self
            .by_id
            .iter()
            .map(|(id, operation)| operation.describe(id, transactions, now))
            .collect();
        found.sort_by(|left, right| {
            (left.created_at, &left.operation_id).cmp(&(right.created_at, &right.operation_id))
        });
        found
    }

    /// Folds a fact about one of them, and about the transactions in it.
    pub(crate) fn evolve(
        &mut self,
        event: &OperationEvent,
        at: Timestamp,
        transactions: &mut Transactions,
    ) {
        match event {
            OperationEvent::Created(event) => {
                self.by_id
                    .insert(event.operation_id.clone(), Operation::new(event, at));
                transactions.create_members(event, at);
            }
            OperationEvent::Updated(event) => {
                if let Some(operation) = self.by_id.get_mut(&event.operation_id) {
                    operation.content_digest = event.content_digest;
                    operation.expires_at = event.expires_at;
                    operation.callback_url.clone_from(&event.callback_url);
                    transactions.update_members(
                        &operation.members,
                        event.expires_at,
                        event.callback_url.as_ref(),
                    );
                }
            }
            OperationEvent::Served(event) => {
                if let Some(operation) = self.by_id.get_mut(&event.operation_id)
                    && event.to_device
                {
                    operation.served = true;
                    transactions.serve_members(&operation.members);
                }
            }
            OperationEvent::Processed(event) => transactions.process_members(event, at),
            OperationEvent::Expired(event) => transactions.expire_members(&event.transactions, at),
        }
    }
}

impl Operation {
    fn new(event: &OperationCreated, at: Timestamp) -> Self {
        let members = event.transactions.iter();
        Self {
            content_digest: event.content_digest,
            expires_at: event.expires_at,
            callback_url: event.callback_url.clone(),
            members: members
                .map(|member| member.transaction_id.clone())
                .collect(),
            created_at: at,
            notification_type: event.notification_type,
            served: false,
        }
    }

    /// Its transactions with their ids.
    pub(crate) fn transactions<'a>(
        &'a self,
        transactions: &'a Transactions,
    ) -> impl Iterator<Item = (&'a TransactionId, &'a Transaction)> {
        self.members
            .iter()
            .filter_map(|id| Some((id, transactions.get(id).ok()?)))
    }

    /// Those the user can still answer.
    pub(crate) fn waiting<'a>(
        &'a self,
        transactions: &'a Transactions,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a TransactionId> {
        self.transactions(transactions)
            .filter(move |(_, transaction)| transaction.pending(now).is_ok())
            .map(|(id, _)| id)
    }

    /// Has the device seen anything of it?
    pub(crate) fn was_served(&self, transactions: &Transactions) -> bool {
        self.served
            || self
                .transactions(transactions)
                .any(|(_, transaction)| transaction.was_sent())
    }

    /// Where it stands, as of now: a deadline that has passed counts even before the house has noted it.
    pub(crate) fn status(&self, transactions: &Transactions, now: Timestamp) -> OperationStatus {
        let (mut waiting, mut answered) = (false, false);
        for (_, transaction) in self.transactions(transactions) {
            match transaction.status(now) {
                TransactionStatus::Initialized
                | TransactionStatus::PushSent
                | TransactionStatus::DataSent => waiting = true,
                TransactionStatus::Confirmed
                | TransactionStatus::Declined
                | TransactionStatus::Deleted => answered = true,
                TransactionStatus::Expired => return OperationStatus::Expired,
            }
        }
        match (waiting, answered) {
            (true, false) => OperationStatus::Created,
            (true, true) => OperationStatus::Partly,
            (false, _) => OperationStatus::Processed,
        }
    }

    /// Its record, without its transactions.
    pub(crate) fn describe(
        &self,
        id: &OperationId,
        transactions: &Transactions,
        now: Timestamp,
    ) -> OperationInfo {
        let waiting = self.waiting(transactions, now).count();
        let ends = self
            .transactions(transactions)
            .filter_map(|(_, transaction)| transaction.finished_at(now));
        OperationInfo {
            operation_id: id.clone(),
            status: self.status(transactions, now),
            created_at: self.created_at,
            expires_at: self.expires_at,
            finished_at: if waiting == 0 { ends.max() } else { None },
            notification_type: self.notification_type,
            total: u32::try_from(self.members.len()).unwrap_or(u32::MAX),
            waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
            transactions: Vec::new(),
        }
    }

    /// The records of its transactions.
    pub(crate) fn describe_members(
        &self,
        transactions: &Transactions,
        now: Timestamp,
    ) -> Vec<TransactionInfo> {
        self.transactions(transactions)
            .map(|(id, transaction)| transaction.describe(id, now))
            .collect()
    }
}
