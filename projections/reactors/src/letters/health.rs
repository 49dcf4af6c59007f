//! How endpoints are.

use projections::store::{StoreError, Value, WrongShape};
use schemas::{SystemId, Timestamp};

use super::Letters;

/// How an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointHealth {
    /// Scheme, host and port.
    pub endpoint: String,
    /// Letters to be sent, now or later.
    pub owed: u64,
    /// Letters that were put aside.
    pub parked: u64,
    /// Letters that were taken within the last week.
    pub delivered: u64,
    /// Since when the oldest of those to be sent is there.
    pub oldest: Option<Timestamp>,
    /// When a letter was taken last.
    pub last_taken: Option<Timestamp>,
    /// Why one of those to be sent was not taken.
    pub trouble: Option<String>,
}

impl Letters {
    /// How the endpoints are that something was sent to within the last week, or is to be; for all systems, or for one.
    pub async fn endpoints(
        &self,
        of: Option<&SystemId>,
    ) -> Result<Vec<EndpointHealth>, StoreError> {
        let sql = "select endpoint, sum(case when status = 'pending' or status = 'waiting' then 1 else 0 end), \
                   sum(case when status = 'parked' then 1 else 0 end), \
                   sum(case when status = 'delivered' then 1 else 0 end), \
                   min(case when status = 'pending' or status = 'waiting' then created_at end), \
                   max(case when status = 'delivered' then finished_at end), \
                   max(case when status = 'pending' then last_error end) \
                   from delivery where endpoint <> '' and (system_id = $1 or $1 = '') \
                   group by endpoint order by endpoint";
        let rows = self.store.fetch(sql, vec![named(of)]).await?;
        let health = rows.into_iter().map(health);
        Ok(health.collect::<Result<_, _>>()?)
    }

    /// Receivers that answered 410: system, address up to its path's end, since when; for all systems, or for one.
    pub async fn gone(
        &self,
        of: Option<&SystemId>,
    ) -> Result<Vec<(String, String, Timestamp)>, StoreError> {
        let sql = "select system_id, receiver, since from receiver_gone where system_id = $1 or $1 = '' \
                   order by since, receiver";
        let rows = self.store.fetch(sql, vec![named(of)]).await?;
        let gone = rows.into_iter().map(|row| {
            let [system_id, receiver, since] =
                <[Value; 3]>::try_from(row).map_err(|_| WrongShape)?;
            let since = Timestamp(since.try_into()?);
            Ok((system_id.try_into()?, receiver.try_into()?, since))
        });
        Ok(gone.collect::<Result<_, WrongShape>>()?)
    }
}

/// A system's name in a query; empty for all of them.
fn named(system_id: Option<&SystemId>) -> Value {
    system_id.map_or("", SystemId::as_str).into()
}

fn health(row: Vec<Value>) -> Result<EndpointHealth, WrongShape> {
    let row = <[Value; 7]>::try_from(row).map_err(|_| WrongShape)?;
    let [
        endpoint,
        owed,
        parked,
        delivered,
        oldest,
        last_taken,
        trouble,
    ] = row;
    let count = |value: Value| i64::try_from(value).map(|count| count as u64);
    let moment = |value: Value| Option::<i64>::try_from(value).map(|at| at.map(Timestamp));
    Ok(EndpointHealth {
        endpoint: endpoint.try_into()?,
        owed: count(owed)?,
        parked: count(parked)?,
        delivered: count(delivered)?,
        oldest: moment(oldest)?,
        last_taken: moment(last_taken)?,
        trouble: trouble.try_into()?,
    })
}
