//! Questions to the journal.

use std::sync::Arc;

use bus::shell::RootSecret;
use event_log::EventLog;
use schemas::codec::DecodeError;
use schemas::journal::JournalFilter;
use schemas::{CommandId, Owner, SystemId, TransactionId, UserId};

use crate::audit::journal::JOURNAL;
use crate::audit::record::JournalRecord;
use crate::read::PAGE_MAX;
use crate::read::systems::SYSTEMS;
use crate::read::transactions::TRANSACTIONS;
use crate::store::{Durability, Store, StoreError, Value, WrongShape};

/// The journal, for reading: its table says which events, the log what they are. What may have been erased is opened at
/// every question, so an erasure counts at once.
#[derive(Clone, Debug)]
pub struct Journal {
    pub(super) store: Store,
    pub(super) log: Arc<dyn EventLog>,
    pub(super) root: RootSecret,
}

/// A record whose erasable part may still be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncleaned {
    /// Number of the record.
    pub event_id: i64,
    /// Whose it is.
    pub owner: Owner,
    /// The command that caused it: the name of the erasable part.
    pub command_id: CommandId,
}

/// Why the journal does not answer.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Its table.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log.
    #[error("cannot read the events of journal records")]
    Log(#[source] event_log::Failure),
    /// The log lacks an event that the table names.
    #[error("the log has no event {0}, which the journal names")]
    Missing(i64),
    /// The table says that it is this system's, and the log that it is not.
    #[error("record {0} of the journal is not of the system that its table names")]
    Foreign(i64),
    /// An event of a newer program.
    #[error("cannot decode the event of record {event_id}")]
    Decode {
        /// Number of the record.
        event_id: i64,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// The vault.
    #[error("cannot read the erasable parts of journal records")]
    Vault(#[source] event_log::Failure),
}

impl Journal {
    /// Opens the database that the projector writes; the address is the same as the projector's.
    pub async fn open(
        database_address: &str,
        log: Arc<dyn EventLog>,
        root: RootSecret,
    ) -> Result<Self, StoreError> {
        let store = Store::open(database_address, Durability::Disposable).await?;
        Ok(Self { store, log, root })
    }

    /// The same questions to tables that are open already.
    pub(crate) fn of(store: Store, log: Arc<dyn EventLog>, root: RootSecret) -> Self {
        Self { store, log, root }
    }

    /// The tables.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Records that match, by time and then by number.
    pub async fn page(&self, filter: &JournalFilter) -> Result<Vec<JournalRecord>, JournalError> {
        let (condition, mut values) = condition(filter);
        values.push(i64::from(filter.limit.min(PAGE_MAX)).into());
        values.push(i64::try_from(filter.offset).unwrap_or(i64::MAX).into());
        let rest = format!(
            "where {condition} order by j.created_at, j.event_id limit ${} offset ${}",
            values.len() - 1,
            values.len()
        );
        self.records(&filter.system_id, &rest, values).await
    }

    /// Records that match and whose erasable part was not erased yet, oldest first: whose each is, and where that part
    /// lies.
    pub async fn uncleaned(&self, filter: &JournalFilter) -> Result<Vec<Uncleaned>, JournalError> {
        let (condition, mut values) = condition(filter);
        values.push(i64::from(filter.limit.min(PAGE_MAX)).into());
        let sql = format!(
            "select j.event_id from {} j where {condition} and j.cleaned_at is null order by j.created_at, j.event_id limit ${}",
            JOURNAL.table,
            values.len(),
        );
        let rows = self.store.fetch(sql, values).await?;
        let ids = rows.into_iter().map(|row| one(row)?.try_into());
        let ids: Result<Vec<i64>, WrongShape> = ids.collect();
        let ids = ids.map_err(StoreError::from)?;
        let found = self.events(&filter.system_id, &ids).await?;
        let uncleaned = found.into_iter().map(|(position, event)| Uncleaned {
            event_id: position.event_id(),
            owner: event.owner,
            command_id: event.causation_id,
        });
        Ok(uncleaned.collect())
    }

    /// Whose transaction it is; `None` when the system has none of that id.
    pub async fn owner_of(
        &self,
        system_id: &SystemId,
        transaction_id: &TransactionId,
    ) -> Result<Option<UserId>, JournalError> {
        let sql = format!(
            "select user_id from {} where system_id = $1 and transaction_id = $2",
            TRANSACTIONS.table
        );
        let values = vec![system_id.as_str().into(), transaction_id.as_str().into()];
        let found = self.store.fetch(sql, values).await?;
        let Some(user_id) = found.into_iter().flatten().next() else {
            return Ok(None);
        };
        let text = String::try_from(user_id).map_err(StoreError::from)?;
        let user_id = text.parse().map_err(|_| StoreError::from(WrongShape))?;
        Ok(Some(user_id))
    }

    /// One record of a system; `None` when the system has no record of that number.
    pub async fn one(
        &self,
        system_id: &SystemId,
        event_id: i64,
    ) -> Result<Option<JournalRecord>, JournalError> {
        let rest = format!(
            "where j.event_id = $1 and j.system_id = $2 and {}",
            shows("$2")
        );
        let values = vec![event_id.into(), system_id.as_str().into()];
        Ok(self.records(system_id, &rest, values).await?.pop())
    }
}

/// The only value of a row.
fn one(row: Vec<Value>) -> Result<Value, WrongShape> {
    let [value] = <[Value; 1]>::try_from(row).map_err(|_| WrongShape)?;
    Ok(value)
}

/// What a record must be like, and the values that the condition names.
fn condition(filter: &JournalFilter) -> (String, Vec<Value>) {
    let mut condition = vec!["j.system_id = $1".to_owned(), shows("$1")];
    let mut values = vec![Value::from(filter.system_id.as_str())];
    let mut only = |comparison: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            condition.push(comparison.replace('?', &format!("${}", values.len())));
        }
    };
    only(
        "j.user_id = ?",
        filter.user_id.as_ref().map(|id| id.as_str().into()),
    );
    only(
        "j.transaction_id = ?",
        filter.transaction_id.as_ref().map(|id| id.as_str().into()),
    );
    only(
        "j.request_type = ?",
        filter.request_type.as_deref().map(Value::from),
    );
    let result = filter.request_result.map(|code| i64::from(code).into());
    only("j.request_result = ?", result);
    only("j.created_at >= ?", filter.from.map(|from| from.0.into()));
    only("j.created_at < ?", filter.to.map(|to| to.0.into()));
    let before = "select b.created_at from journal b where b.event_id = ? and b.system_id = $1";
    only(
        &format!("(j.created_at > ({before}) or (j.created_at = ({before}) and j.event_id > ?))"),
        filter.after.map(Value::from),
    );
    (condition.join(" and "), values)
}

/// A record shows unless the system had it removed; the records of a removal itself are younger than what it removes.
fn shows(system_id: &str) -> String {
    format!(
        "j.created_at >= coalesce((select s.events_removed_before from {} s where s.system_id = {system_id}), 0)",
        SYSTEMS.table
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Projector;
    use crate::sample::{
        History, SYSTEM, created_transaction, created_user, fingerprint_set, updated_key,
    };
    use schemas::Timestamp;
    use schemas::vault::VaultName;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    async fn journal(
        history: &History,
        folder: &tempfile::TempDir,
    ) -> Result<Journal, Box<dyn std::error::Error>> {
        let address = format!("sqlite:{}", folder.path().join("read.sqlite").display());
        Projector::open(history.log.clone(), &address)
            .await?
            .catch_up()
            .await?;
        Ok(Journal::open(&address, history.log.clone(), history.root.clone()).await?)
    }

    #[tokio::test]
    async fn the_journal_is_filtered_and_paged() -> Outcome {
        let (folder, mut history) = (tempfile::tempdir()?, History::new());
        for name in ["one", "two"] {
            history.live(&History::user(name), 2).await;
        }
        let journal = journal(&history, &folder).await?;
        let all = journal.page(&JournalFilter::of(SYSTEM.parse()?)).await?;
        assert_eq!(all.len(), 12);
        assert!(all.is_sorted_by_key(|record| record.created_at));
        let of_one = JournalFilter {
            user_id: Some("one".parse()?),
            request_type: Some("confirm_transaction".to_owned()),
            ..JournalFilter::of(SYSTEM.parse()?)
        };
        assert_eq!(journal.page(&of_one).await?.len(), 2);
        let second = JournalFilter {
            offset: 1,
            limit: 1,
            ..of_one.clone()
        };
        assert_eq!(
            journal.page(&second).await?[0].transaction_id.as_deref(),
            Some("one-1")
        );
        let (from, to) = (Timestamp(all[3].created_at), Timestamp(all[5].created_at));
        let between = JournalFilter {
            from: Some(from),
            to: Some(to),
            ..JournalFilter::of(SYSTEM.parse()?)
        };
        assert_eq!(journal.page(&between).await?, all[3..5]);
        let one = journal.one(&SYSTEM.parse()?, all[4].event_id).await?;
        assert_eq!(one.as_ref(), Some(&all[4]));
        assert_eq!(
            journal.one(&"another".parse()?, all[4].event_id).await?,
            None
        );
        Ok(())
    }

    /// The table can say which records are shown, and never what they tell, nor to whom they belong.
    #[tokio::test]
    async fn a_record_that_the_log_does_not_have_is_not_shown() -> Outcome {
        let (folder, mut history) = (tempfile::tempdir()?, History::new());
        let last = history.live(&History::user("one"), 1).await.event_id();
        let journal = journal(&history, &folder).await?;
        let asked =
            |system: &str| Ok::<_, schemas::ids::InvalidId>(JournalFilter::of(system.parse()?));
        let other = "11111111-2222-4333-8444-555555555555";
        for (spoil, system, expected) in [
            ("update journal set request_type = 'invented'", SYSTEM, None),
            (
                "update journal set system_id = '11111111-2222-4333-8444-555555555555' where event_id = $1",
                other,
                Some(JournalError::Foreign(last).to_string()),
            ),
            (
                "update journal set event_id = event_id + 64000 where event_id = $1",
                other,
                Some(JournalError::Missing(last + 64_000).to_string()),
            ),
        ] {
            let mut transaction = journal.store.begin().await?;
            transaction.execute(spoil, vec![last.into()]).await?;
            transaction.commit().await?;
            let found = journal.page(&asked(system)?).await;
            let said = found.as_ref().err().map(ToString::to_string);
            assert_eq!(said, expected, "{spoil}");
            let records = found.unwrap_or_default();
            assert!(
                records
                    .iter()
                    .all(|record| record.request_type != "invented")
            );
        }
        Ok(())
    }

    #[tokio::test]
    async fn what_was_erased_from_the_vault_is_gone_from_the_journal() -> Outcome {
        let (folder, mut history) = (tempfile::tempdir()?, History::new());
        let owner = History::user("one");
        history.happen(&owner, vec![created_user()]).await;
        let journal = journal(&history, &folder).await?;
        let filter = JournalFilter::of(SYSTEM.parse()?);
        let before = journal.page(&filter).await?.remove(0);
        assert_eq!(before.requester_ip_address.as_deref(), Some("10.0.0.1"));
        assert_eq!(
            before.device_info.ok_or("device information")?["osName"],
            "iOS"
        );
        let cause = CommandId::from_key(&owner.to_string(), "test", "1");
        history
            .log
            .erase(&owner, &[VaultName::request(&cause)])
            .await?;
        let after = journal.page(&filter).await?.remove(0);
        assert_eq!(
            (after.requester_ip_address, after.device_info),
            (None, None)
        );
        Ok(())
    }

    #[tokio::test]
    async fn a_record_shows_the_fingerprint_its_key_had_by_then() -> Outcome {
        let (folder, mut history) = (tempfile::tempdir()?, History::new());
        let owner = History::user("one");
        let events = vec![
            created_user(),
            fingerprint_set(),
            created_transaction("t"),
            updated_key(2),
        ];
        history.happen(&owner, events).await;
        let records = journal(&history, &folder)
            .await?
            .page(&JournalFilter::of(SYSTEM.parse()?))
            .await?;
        let shown: Vec<bool> = records
            .iter()
            .map(|record| record.device_fingerprint.is_some())
            .collect();
        // The sample's requests all name key 1, the last one included.
        assert_eq!(shown, [false, true, true, true]);
        Ok(())
    }
}
