//! Operations and where they stand, without their texts. Their transactions are in `read_transactions`, with the
//! operation's id.

use schemas::commands::operations::OperationStatus;
use schemas::events::Event;
use schemas::events::operations::OperationEvent;
use schemas::{OperationId, SystemId, UserId};

use crate::projection::{Projection, Seen};
use crate::read::transactions::notification_word;
use crate::read::{Page, ReadModels};
use crate::rows::{Row as _, Rows, row};
use crate::store::StoreError;

row! {
    /// An operation.
    OperationRow
    key {
        /// In which system.
        system_id: String,
        /// Which one.
        operation_id: String,
    }
    /// Who was asked.
    user_id: String,
    /// The word of its status.
    status: String,
    /// How many transactions it has.
    transactions: i64,
    /// How the user is told.
    notification_type: String,
    /// Where outcomes are reported; `None` and empty text mean the system's own address.
    callback_url: String,
    /// When it was created, ms.
    created_at: i64,
    /// Deadline, ms; `None` means that there never was one, 0 that it was taken away.
    expires_at: i64,
    /// When the device last fetched the texts, ms.
    served_at: i64,
    /// When the last of its transactions got an outcome, ms.
    finished_at: i64,
}

/// The table of operations.
pub(crate) const OPERATIONS: Projection = Projection {
    name: "operations",
    table: "read_operations",
    create: include_str!("../../../migrations/projections/operations.sql"),
    columns: OperationRow::COLUMNS,
    key: OperationRow::KEY,
    fold,
};

fn fold(seen: &Seen<'_>, rows: &mut Rows) {
    let at = Some(seen.at());
    let operation = |operation_id: &OperationId| OperationRow {
        system_id: seen.system_id(),
        operation_id: operation_id.to_string(),
        ..OperationRow::default()
    };
    let standing = |operation_id: &OperationId, status: OperationStatus| OperationRow {
        status: Some(status.word().to_owned()),
        finished_at: match status {
            OperationStatus::Processed | OperationStatus::Expired => at,
            OperationStatus::Created | OperationStatus::Partly => None,
        },
        ..operation(operation_id)
    };
    match &seen.event.event {
        Event::Operations(OperationEvent::Created(event)) => rows.make(OperationRow {
            user_id: Some(seen.user_id()),
            transactions: Some(event.transactions.len() as i64),
            notification_type: Some(notification_word(event.notification_type).to_owned()),
            callback_url: event.callback_url.clone(),
            created_at: at,
            expires_at: event.expires_at.map(|expires_at| expires_at.0),
            ..standing(&event.operation_id, OperationStatus::Created)
        }),
        Event::Operations(OperationEvent::Updated(event)) => rows.put(OperationRow {
            callback_url: Some(event.callback_url.clone().unwrap_or_default()),
            expires_at: Some(event.expires_at.map_or(0, |expires_at| expires_at.0)),
            ..operation(&event.operation_id)
        }),
        // The bank's own look at the texts changes nothing for the user.
        Event::Operations(OperationEvent::Served(event)) if !event.to_device => {}
        Event::Operations(OperationEvent::Served(event)) => rows.put(OperationRow {
            served_at: at,
            ..operation(&event.operation_id)
        }),
        Event::Operations(OperationEvent::Processed(event)) => {
            rows.put(standing(&event.operation_id, event.status));
        }
        Event::Operations(OperationEvent::Expired(event)) => {
            rows.put(standing(&event.operation_id, OperationStatus::Expired));
        }
        // A transaction that was answered on its own.
        Event::Transactions(event) => {
            if let Some(step) = event.operation() {
                rows.put(standing(&step.operation_id, step.status));
            }
        }
        Event::Server(_)
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

impl ReadModels {
    /// Operations of a user, by id.
    pub async fn operations(
        &self,
        system_id: &SystemId,
        user_id: &UserId,
        page: Page,
    ) -> Result<Vec<OperationRow>, StoreError> {
        let values = vec![system_id.as_str().into(), user_id.as_str().into()];
        let condition = "where system_id = $1 and user_id = $2 order by operation_id";
        self.rows(OPERATIONS.table, condition, values, page).await
    }

    /// One operation.
    pub async fn operation(
        &self,
        system_id: &SystemId,
        operation_id: &OperationId,
    ) -> Result<Option<OperationRow>, StoreError> {
        let values = vec![system_id.as_str().into(), operation_id.as_str().into()];
        let condition = "where system_id = $1 and operation_id = $2";
        let one = Page {
            offset: 0,
            limit: 1,
        };
        Ok(self
            .rows(OPERATIONS.table, condition, values, one)
            .await?
            .pop())
    }
}

#[cfg(test)]
mod tests {
    use schemas::commands::transactions::NotificationType;
    use schemas::events::operations::{
        MemberConfirmed, MemberCreated, OperationCreated, OperationProcessed, OperationServed,
        OperationUpdated,
    };
    use schemas::events::transactions::{OperationStep, TransactionDeclined};
    use schemas::{Digest, KeyIndex, Timestamp};

    use super::*;
    use crate::Projector;
    use crate::sample::{History, SYSTEM, created_user};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn created() -> Result<Event, schemas::ids::InvalidId> {
        let member = |id: &str| {
            Ok(MemberCreated {
                transaction_id: id.parse()?,
                digest: Digest([2; 32]),
                has_binary: false,
            })
        };
        Ok(OperationCreated {
            operation_id: "o".parse()?,
            content_digest: Digest([1; 32]),
            expires_at: Some(Timestamp(1_800_000_000_000)),
            callback_url: None,
            confirm_code_length: None,
            notification_type: NotificationType::Push,
            transactions: vec![member("o.0")?, member("o.1")?],
        }
        .into())
    }

    #[tokio::test]
    async fn an_operation_and_its_transactions_are_read_as_they_stand() -> Outcome {
        let (folder, mut history) = (tempfile::tempdir()?, History::new());
        let owner = History::user("one");
        let address = format!("sqlite:{}", folder.path().join("read.sqlite").display());
        let projector = Projector::open(history.log.clone(), &address).await?;
        let models = ReadModels::open(&address).await?;
        let (system_id, id): (SystemId, OperationId) = (SYSTEM.parse()?, "o".parse()?);

        let served = OperationServed {
            operation_id: id.clone(),
            to_device: true,
        };
        let updated = OperationUpdated {
            operation_id: id.clone(),
            content_digest: Digest([1; 32]),
            expires_at: None,
            callback_url: None,
        };
        let processed = OperationProcessed {
            operation_id: id.clone(),
            key_index: KeyIndex(1),
            status: OperationStatus::Partly,
            cleaned: true,
            confirmed: vec![MemberConfirmed {
                transaction_id: "o.0".parse()?,
                digest: Digest([2; 32]),
                signature: Some(vec![0x30]),
                confirm_code: None,
            }],
            declined: Vec::new(),
            callback_url: None,
        };
        let events = vec![
            created_user(),
            created()?,
            updated.into(),
            served.into(),
            processed.into(),
        ];
        history.happen(&owner, events).await;
        projector.catch_up().await?;
        let row = models.operation(&system_id, &id).await?.ok_or("a row")?;
        assert_eq!(row.status.as_deref(), Some("partly"));
        assert_eq!((row.transactions, row.expires_at), (Some(2), Some(0)));
        assert!(row.served_at.is_some() && row.finished_at.is_none());
        let first = models.transaction(&system_id, &"o.0".parse()?).await?;
        let first = first.ok_or("a row")?;
        assert_eq!(first.status.as_deref(), Some("confirmed"));
        assert_eq!(first.operation_id.as_deref(), Some("o"));
        assert!(first.cleaned_at.is_some());

        let declined = TransactionDeclined {
            transaction_id: "o.1".parse()?,
            reason: None,
            reason_digest: Some(Digest([8; 32])),
            code: None,
            callback_url: None,
            operation: Some(OperationStep {
                operation_id: id.clone(),
                status: OperationStatus::Processed,
            }),
        };
        history.happen(&owner, vec![declined.into()]).await;
        projector.catch_up().await?;
        let user_id = owner.user_id().ok_or("a user")?;
        let all = Page {
            offset: 0,
            limit: 10,
        };
        let rows = models.operations(&system_id, user_id, all).await?;
        assert_eq!(rows[0].status.as_deref(), Some("processed"));
        assert!(rows[0].finished_at.is_some());
        Ok(())
    }
}
