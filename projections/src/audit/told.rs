//! What records tell: events of the log, and what the vault still has of the requests that caused them.

use std::collections::{BTreeMap, HashMap};

use bus::shell::RootSecret;
use event_log::{EventLog, Frame, Piece};
use schemas::context::RequestPrivate;
use schemas::envelope::RecordedEvent;
use schemas::vault::VaultName;
use schemas::{CommandId, Owner, Position, SystemId, codec};

use crate::audit::journal::JOURNAL;
use crate::audit::pages::{Journal, JournalError};
use crate::audit::record::JournalRecord;
use crate::read::keys::KEYS;
use crate::store::{StoreError, Value, WrongShape};

impl Journal {
    /// The records of a system that a condition finds in the table, in its order.
    pub(super) async fn records(
        &self,
        system_id: &SystemId,
        rest: &str,
        values: Vec<Value>,
    ) -> Result<Vec<JournalRecord>, JournalError> {
        // A record shows the fingerprint of its key from the event on that set it. Both lie in the owner's lane, so their
        // numbers can be compared.
        let sql = format!(
            "select j.event_id, j.cleaned_at, k.device_fingerprint from {} j left join {} k on k.system_id = j.system_id and \
             k.user_id = j.user_id and k.key_index = j.key_index and k.fingerprint_event_id <= j.event_id {rest}",
            JOURNAL.table, KEYS.table,
        );
        let rows = self.store.fetch(sql, values).await?;
        let rows: Result<Vec<_>, WrongShape> = rows.into_iter().map(Found::of).collect();
        let rows = rows.map_err(StoreError::from)?;
        let ids: Vec<i64> = rows.iter().map(|found| found.event_id).collect();
        let events = self.events(system_id, &ids).await?;
        let private = self.private_of(&events).await?;
        let records = events.iter().zip(rows).zip(private);
        let records = records.map(|(((position, event), found), private)| {
            let mut record = JournalRecord::of(*position, event).with_private(private);
            record.updated_at = found.cleaned_at.unwrap_or(record.updated_at);
            record.device_fingerprint = found.device_fingerprint;
            record
        });
        Ok(records.collect())
    }

    /// The events of these records of a system, in their order.
    pub(super) async fn events(
        &self,
        system_id: &SystemId,
        ids: &[i64],
    ) -> Result<Vec<(Position, RecordedEvent)>, JournalError> {
        let positions = ids
            .iter()
            .map(|id| Position::from_event_id(*id).ok_or(JournalError::Missing(*id)));
        let positions = positions.collect::<Result<Vec<_>, _>>()?;
        let pieces: Vec<Piece> = positions.iter().copied().map(Piece::one).collect();
        let frames = self.log.read_frames(&pieces).await;
        let frames = frames.map_err(JournalError::Log)?.into_iter();
        let mut found: HashMap<Position, Frame> =
            frames.map(|frame| (frame.position, frame)).collect();
        let events = positions.into_iter().map(|position| {
            let event_id = position.event_id();
            let frame = found.remove(&position);
            let frame = frame.ok_or(JournalError::Missing(event_id))?;
            let event = codec::decode(&frame.payload);
            let event = event.map_err(|source| JournalError::Decode { event_id, source })?;
            if event.owner.system_id() != system_id {
                return Err(JournalError::Foreign(event_id));
            }
            Ok((position, event))
        });
        events.collect()
    }

    /// The erasable parts of what caused the events, in their order: one question for each owner on the page.
    async fn private_of(
        &self,
        events: &[(Position, RecordedEvent)],
    ) -> Result<Vec<RequestPrivate>, JournalError> {
        let mut by_owner: BTreeMap<&Owner, Vec<(usize, CommandId)>> = BTreeMap::new();
        for (index, (_, event)) in events.iter().enumerate() {
            let wanted = by_owner.entry(&event.owner).or_default();
            wanted.push((index, event.causation_id));
        }
        let mut parts = vec![RequestPrivate::default(); events.len()];
        for (owner, wanted) in by_owner {
            let causes: Vec<CommandId> = wanted.iter().map(|(_, cause)| *cause).collect();
            let found = private_parts(&*self.log, &self.root, owner, &causes)
                .await
                .map_err(JournalError::Vault)?;
            for ((index, _), private) in wanted.into_iter().zip(found) {
                parts[index] = private.unwrap_or_default();
            }
        }
        Ok(parts)
    }
}

/// What the tables tell of a record.
struct Found {
    event_id: i64,
    cleaned_at: Option<i64>,
    device_fingerprint: Option<String>,
}

impl Found {
    fn of(row: Vec<Value>) -> Result<Self, WrongShape> {
        let [event_id, cleaned_at, device_fingerprint] =
            <[Value; 3]>::try_from(row).map_err(|_| WrongShape)?;
        Ok(Self {
            event_id: event_id.try_into()?,
            cleaned_at: cleaned_at.try_into()?,
            device_fingerprint: device_fingerprint.try_into()?,
        })
    }
}

/// The erasable parts of an owner's requests, in the order asked for; `None` where nothing is left, or what is left does
/// not open.
pub async fn private_parts(
    log: &dyn EventLog,
    root: &RootSecret,
    owner: &Owner,
    causes: &[CommandId],
) -> Result<Vec<Option<RequestPrivate>>, event_log::Failure> {
    let names: Vec<VaultName> = causes.iter().map(VaultName::request).collect();
    let rows = log.vault(owner, &names).await?;
    let parts = rows
        .into_iter()
        .zip(&names)
        .map(|(sealed, name)| open(root, owner, name, &sealed?));
    Ok(parts.collect())
}

/// A row that does not open must not hide the rest of the journal: it is reported, and its fields are left out.
fn open(
    root: &RootSecret,
    owner: &Owner,
    name: &VaultName,
    sealed: &[u8],
) -> Option<RequestPrivate> {
    let place = format!("{owner}/{}", name.as_str());
    let opened = match root.open(owner.system_id().as_str(), &place, sealed) {
        Ok(opened) => opened,
        Err(error) => {
            tracing::error!(vault.row = %place, %error, "a row of the vault does not open");
            return None;
        }
    };
    match rmp_serde::from_slice(opened.expose()) {
        Ok(private) => Some(private),
        Err(error) => {
            tracing::error!(vault.row = %place, %error, "a row of the vault cannot be decoded");
            None
        }
    }
}
