//! How many letters are where.

use projections::store::{StoreError, Value, WrongShape};

use super::Outbox;

/// How many deliveries are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// To be sent, now or at their time.
    pub pending: u64,
    /// Waiting for an earlier one with the same order key.
    pub waiting: u64,
    /// Delivered within the last seven days.
    pub delivered: u64,
    /// Given up: a person must look at them.
    pub parked: u64,
}

impl Outbox {
    /// How many deliveries are where.
    pub async fn status(&self) -> Result<Status, StoreError> {
        self.counted("select status, count(*) from delivery group by status")
            .await
    }

    /// The same without what was delivered, which may be long.
    pub async fn owed(&self) -> Result<Status, StoreError> {
        let sql = "select status, count(*) from delivery where status = 'pending' or status = 'waiting' \
                   group by status union all \
                   select status, count(*) from delivery where status = 'parked' group by status";
        self.counted(sql).await
    }

    async fn counted(&self, sql: &str) -> Result<Status, StoreError> {
        let mut status = Status::default();
        for row in self.store.fetch(sql, Vec::new()).await? {
            let [word, count] = <[Value; 2]>::try_from(row).map_err(|_| WrongShape)?;
            let (word, count) = (String::try_from(word)?, i64::try_from(count)? as u64);
            match word.as_str() {
                "pending" => status.pending = count,
                "waiting" => status.waiting = count,
                "delivered" => status.delivered = count,
                "parked" => status.parked = count,
                _ => return Err(WrongShape.into()),
            }
        }
        Ok(status)
    }
}
