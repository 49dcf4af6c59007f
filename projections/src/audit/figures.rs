//! Figures of a stretch of time: what a functional report and a bill are made of. They follow from the log like every read
//! model, so asking again about days that are over gives the same numbers.

use std::collections::BTreeMap;

use schemas::commands::transactions::TransactionStatus;
use schemas::journal::Figures;
use schemas::{SystemId, Timestamp};

use crate::audit::journal::JOURNAL;
use crate::audit::pages::{Journal, JournalError};
use crate::read::transactions::TRANSACTIONS;
use crate::read::users::USERS;
use crate::store::{StoreError, Value, WrongShape};

impl Journal {
    /// The figures of a system.
    pub async fn figures(
        &self,
        system_id: &SystemId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Figures, JournalError> {
        let period: [Value; 3] = [system_id.as_str().into(), from.0.into(), to.0.into()];
        let sql = format!(
            "select count(case when created_at < $3 and (deleted_at is null or deleted_at >= $2) then 1 end), \
             count(case when created_at >= $2 and created_at < $3 then 1 end), \
             count(case when deleted_at >= $2 and deleted_at < $3 then 1 end) from {} where system_id = $1",
            USERS.table
        );
        let [users, users_created, users_deleted] = self.numbers(sql, period.to_vec()).await?;
        let ended = |number: usize| {
            format!(
                "count(case when finished_at >= $2 and finished_at < $3 and status = ${number} then 1 end)"
            )
        };
        let sql = format!(
            "select count(case when created_at >= $2 and created_at < $3 then 1 end), {}, {}, {} from {} \
             where system_id = $1",
            ended(4),
            ended(5),
            ended(6),
            TRANSACTIONS.table
        );
        let statuses = [
            TransactionStatus::Confirmed,
            TransactionStatus::Declined,
            TransactionStatus::Expired,
        ];
        let mut values = period.to_vec();
        values.extend(statuses.iter().map(|status| Value::from(status.word())));
        let [created, confirmed, declined, expired] = self.numbers(sql, values).await?;
        let sql = format!(
            "select request_type, count(*) from {} where system_id = $1 and created_at >= $2 and created_at < $3 \
             group by request_type",
            JOURNAL.table
        );
        let mut events = BTreeMap::new();
        for row in self.store().fetch(sql, period.to_vec()).await? {
            let [word, count] = <[Value; 2]>::try_from(row).map_err(|_| wrong())?;
            events.insert(
                String::try_from(word).map_err(StoreError::from)?,
                i64::try_from(count).map_err(StoreError::from)?,
            );
        }
        Ok(Figures {
            users,
            users_created,
            users_deleted,
            transactions_created: created,
            transactions_confirmed: confirmed,
            transactions_declined: declined,
            transactions_expired: expired,
            events,
        })
    }

    /// The one row of a question for numbers.
    async fn numbers<const COUNT: usize>(
        &self,
        sql: String,
        values: Vec<Value>,
    ) -> Result<[i64; COUNT], JournalError> {
        let rows = self.store().fetch(sql, values).await?;
        let row = rows.into_iter().next().unwrap_or_default();
        let numbers: Result<Vec<i64>, WrongShape> = row.into_iter().map(i64::try_from).collect();
        let numbers = numbers.map_err(StoreError::from)?;
        Ok(numbers.try_into().map_err(|_| wrong())?)
    }
}

fn wrong() -> StoreError {
    StoreError::from(WrongShape)
}
