//! Transactions and their outcome, without their texts.

use schemas::commands::transactions::{NotificationType, TransactionStatus};
use schemas::events::Event;
use schemas::events::operations::OperationEvent;
use schemas::events::transactions::TransactionEvent;
use schemas::{SystemId, TransactionId, UserId};

use crate::projection::{Projection, Seen};
use crate::read::{Page, ReadModels};
use crate::rows::{Row as _, Rows, row};
use crate::store::StoreError;

row! {
    /// A transaction.
    TransactionRow
    key {
        /// In which system.
        system_id: String,
        /// Which one.
        transaction_id: String,
    }
    /// Who was asked.
    user_id: String,
    /// The word of its status.
    status: String,
    /// SHA-256 of the canonical bytes, hex: what is signed.
    digest: String,
    /// 1 when bytes go with the text.
    has_binary: i64,
    /// How the user is told.
    notification_type: String,
    /// Digits of the confirmation code; `None` means 64 hex digits.
    confirm_code_length: i64,
    /// Where the outcome is reported; `None` means the system's own address.
    callback_url: String,
    /// When it was created, ms.
    created_at: i64,
    /// Deadline, ms; `None` means no deadline.
    expires_at: i64,
    /// When the device last fetched the text, ms.
    served_at: i64,
    /// When it was confirmed, declined, deleted or expired, ms.
    finished_at: i64,
    /// When its text was erased, ms.
    cleaned_at: i64,
    /// The key it was confirmed with.
    key_index: i64,
    /// The operation it is part of.
    operation_id: String,
    /// The user's signature, DER, hex.
    signature: String,
    /// Why it was declined, in words: of old records alone, since today's lie in the vault.
    decline_reason: String,
    /// Why it was declined, as a number.
    decline_code: i64,
}

/// The table of transactions.
pub(crate) const TRANSACTIONS: Projection = Projection {
    name: "transactions",
    table: "read_transactions",
    create: include_str!("../../../migrations/projections/transactions.sql"),
    columns: TransactionRow::COLUMNS,
    key: TransactionRow::KEY,
    fold,
};

fn fold(seen: &Seen<'_>, rows: &mut Rows) {
    let at = Some(seen.at());
    let transaction = |transaction_id: &TransactionId| TransactionRow {
        system_id: seen.system_id(),
        transaction_id: transaction_id.to_string(),
        ..TransactionRow::default()
    };
    let status = |status: TransactionStatus| Some(status.word().to_owned());
    match &seen.event.event {
        Event::Transactions(TransactionEvent::Created(event)) => rows.make(TransactionRow {
            user_id: Some(seen.user_id()),
            status: status(TransactionStatus::Initialized),
            digest: Some(event.digest.to_string()),
            has_binary: Some(event.has_binary.into()),
            notification_type: Some(notification_word(event.notification_type).to_owned()),
            confirm_code_length: event.confirm_code_length.map(Into::into),
            callback_url: event.callback_url.clone(),
            created_at: at,
            expires_at: event.expires_at.map(|expires_at| expires_at.0),
            ..transaction(&event.transaction_id)
        }),
        // The bank's own look at the text changes nothing for the user.
        Event::Transactions(TransactionEvent::Served(event)) if !event.to_device => {}
        Event::Transactions(TransactionEvent::Served(event)) => rows.put(TransactionRow {
            status: status(TransactionStatus::DataSent),
            served_at: at,
            ..transaction(&event.transaction_id)
        }),
        Event::Transactions(TransactionEvent::Confirmed(event)) => rows.put(TransactionRow {
            status: status(TransactionStatus::Confirmed),
            finished_at: at,
            key_index: Some(event.key_index.0.into()),
            signature: event.signature.as_ref().map(hex::encode),
            ..transaction(&event.transaction_id)
        }),
        Event::Transactions(TransactionEvent::Autoconfirmed(event)) => rows.put(TransactionRow {
            status: status(TransactionStatus::Confirmed),
            finished_at: at,
            key_index: Some(event.key_index.0.into()),
            signature: Some(hex::encode(&event.signature)),
            ..transaction(&event.transaction_id)
        }),
        Event::Transactions(TransactionEvent::Declined(event)) => rows.put(TransactionRow {
            status: status(TransactionStatus::Declined),
            finished_at: at,
            decline_reason: event.reason.clone(),
            decline_code: event.code,
            ..transaction(&event.transaction_id)
        }),
        Event::Transactions(TransactionEvent::Expired(event)) => rows.put(TransactionRow {
            status: status(TransactionStatus::Expired),
            finished_at: at,
            ..transaction(&event.transaction_id)
        }),
        Event::Transactions(TransactionEvent::Deleted(event)) => rows.put(TransactionRow {
            status: status(TransactionStatus::Deleted),
            finished_at: at,
            ..transaction(&event.transaction_id)
        }),
        Event::Transactions(TransactionEvent::PushSent(event)) => {
            for transaction_id in &event.announced {
                rows.put(TransactionRow {
                    status: status(TransactionStatus::PushSent),
                    ..transaction(transaction_id)
                });
            }
        }
        Event::Transactions(TransactionEvent::Cleaned(event)) => rows.put(TransactionRow {
            cleaned_at: at,
            ..transaction(&event.transaction_id)
        }),
        Event::Operations(event) => fold_operation(event, seen, rows),
        // A try, or a push that came to nothing, changes nothing for anybody who reads.
        Event::Transactions(
            TransactionEvent::ConfirmationAttempted(_)
            | TransactionEvent::PushFailed(_)
            | TransactionEvent::AutoconfirmOffered(_)
            | TransactionEvent::AutoconfirmAttempted(_),
        )
        | Event::Server(_)
        | Event::Codes(_)
        | Event::CodeOrders(_)
        | Event::Journal(_)
        | Event::Systems(_)
        | Event::Users(_)
        | Event::Keys(_)
        | Event::Credentials(_)
        | Event::Recovery(_)
        | Event::Devices(_)
        | Event::Looked(_)
        | Event::Refused(_) => {}
    }
}

/// What an operation does to the transactions in it.
fn fold_operation(event: &OperationEvent, seen: &Seen<'_>, rows: &mut Rows) {
    let at = Some(seen.at());
    let transaction = |transaction_id: &TransactionId, status: TransactionStatus| TransactionRow {
        system_id: seen.system_id(),
        transaction_id: transaction_id.to_string(),
        status: Some(status.word().to_owned()),
        ..TransactionRow::default()
    };
    match event {
        OperationEvent::Created(event) => {
            for member in &event.transactions {
                rows.make(TransactionRow {
                    user_id: Some(seen.user_id()),
                    digest: Some(member.digest.to_string()),
                    has_binary: Some(member.has_binary.into()),
                    notification_type: Some(notification_word(event.notification_type).to_owned()),
                    confirm_code_length: event.confirm_code_length.map(Into::into),
                    callback_url: event.callback_url.clone(),
                    created_at: at,
                    expires_at: event.expires_at.map(|expires_at| expires_at.0),
                    operation_id: Some(event.operation_id.to_string()),
                    ..transaction(&member.transaction_id, TransactionStatus::Initialized)
                });
            }
        }
        OperationEvent::Processed(event) => {
            for member in &event.confirmed {
                rows.put(TransactionRow {
                    finished_at: at,
                    cleaned_at: at.filter(|_| event.cleaned),
                    key_index: Some(event.key_index.0.into()),
                    signature: member.signature.as_ref().map(hex::encode),
                    ..transaction(&member.transaction_id, TransactionStatus::Confirmed)
                });
            }
            for member in &event.declined {
                rows.put(TransactionRow {
                    finished_at: at,
                    decline_reason: member.reason.clone(),
                    decline_code: member.code,
                    ..transaction(&member.transaction_id, TransactionStatus::Declined)
                });
            }
        }
        OperationEvent::Expired(event) => {
            for transaction_id in &event.transactions {
                rows.put(TransactionRow {
                    finished_at: at,
                    ..transaction(transaction_id, TransactionStatus::Expired)
                });
            }
        }
        // Which transactions were seen, and until when they can be answered now, their operation tells.
        OperationEvent::Served(_) | OperationEvent::Updated(_) => {}
    }
}

pub(super) fn notification_word(notification_type: NotificationType) -> &'static str {
    match notification_type {
        NotificationType::Push => "Push",
        NotificationType::Offline => "Offline",
        NotificationType::Url => "URL",
    }
}

impl ReadModels {
    /// Transactions of a user, by id.
    pub async fn transactions(
        &self,
        system_id: &SystemId,
        user_id: &UserId,
        page: Page,
    ) -> Result<Vec<TransactionRow>, StoreError> {
        let values = vec![system_id.as_str().into(), user_id.as_str().into()];
        let condition = "where system_id = $1 and user_id = $2 order by transaction_id";
        self.rows(TRANSACTIONS.table, condition, values, page).await
    }

    /// One transaction.
    pub async fn transaction(
        &self,
        system_id: &SystemId,
        transaction_id: &TransactionId,
    ) -> Result<Option<TransactionRow>, StoreError> {
        let values = vec![system_id.as_str().into(), transaction_id.as_str().into()];
        let condition = "where system_id = $1 and transaction_id = $2";
        let one = Page {
            offset: 0,
            limit: 1,
        };
        Ok(self
            .rows(TRANSACTIONS.table, condition, values, one)
            .await?
            .pop())
    }
}
