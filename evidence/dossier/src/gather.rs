//! What belongs to a transaction: its own events, those of the key it was answered with, and what was shown, as far as it is
//! kept.

use std::collections::HashSet;

use bus::shell::RootSecret;
use event_log::{EventLog, Failure};
use evidence::EventProof;
use notary::{Archive, ArchiveError};
use schemas::canonical::TransactionContent;
use schemas::codec::{self, DecodeError};
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::keys::KeyEvent;
use schemas::events::operations::OperationEvent;
use schemas::events::transactions::TransactionEvent;
use schemas::events::users::UserEvent;
use schemas::reasons::{KeptReason, Reasons};
use schemas::vault::VaultName;
use schemas::{
    CommandId, Digest, KeyIndex, Owner, Position, Secret, SystemId, Timestamp, TransactionId,
    UserId,
};

/// Everything about one transaction.
#[derive(Debug)]
pub struct Dossier {
    /// In which system.
    pub system_id: SystemId,
    /// Whose.
    pub user_id: UserId,
    /// Which one.
    pub transaction_id: TransactionId,
    /// SHA-256 of the bytes to be signed, by the event that asked.
    pub digest: Digest,
    /// What was shown.
    pub content: Content,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was declined; `None` when it was not.
    pub reason: Option<Reason>,
    /// Public key of the device, SubjectPublicKeyInfo DER, when it was answered with one.
    pub public_key: Option<Vec<u8>>,
    /// The events, in the order of the history.
    pub events: Vec<Proven>,
    /// The newest signed checkpoint.
    pub checkpoint: String,
    /// The key that checks it.
    pub verifier_key: String,
}

/// What was shown to the user.
#[derive(Debug)]
pub enum Content {
    /// It is kept, and has the digest.
    Kept(TransactionContent),
    /// It was erased; the digest is left.
    Erased,
    /// Something else lies in its place: it is not shown to anybody.
    Altered,
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not yet.
    Pending,
    /// The user agreed.
    Confirmed {
        /// When.
        at: Timestamp,
        /// With which key.
        key_index: KeyIndex,
        /// ECDSA P-256 over the digest, DER; `None` when a code was carried to the bank instead.
        signature: Option<Vec<u8>>,
    },
    /// The device agreed without the user, by its second pair.
    Autoconfirmed {
        /// When.
        at: Timestamp,
        /// With which key.
        key_index: KeyIndex,
    },
    /// The user, or the bank, did not agree.
    Declined {
        /// When.
        at: Timestamp,
        /// Why, in words, as the event has it or points to it.
        reason: Given,
        /// Why, as a number.
        code: Option<i64>,
    },
    /// The deadline came first.
    Expired {
        /// When.
        at: Timestamp,
    },
}

/// A reason, as the event gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// In words, in an old record.
    Words(String),
    /// By its digest; the words lie in the vault, under the command that brought them.
    Digest(CommandId, Digest),
    /// Not at all.
    Nothing,
}

/// The reason of a declination.
#[derive(Debug)]
pub enum Reason {
    /// The record itself has the words.
    InRecord(String),
    /// It is kept, and has the digest.
    Kept(KeptReason),
    /// It was erased; the digest is left.
    Erased,
    /// Something else lies in its place: it is not shown to anybody.
    Altered,
}

/// An event, and why to believe it.
#[derive(Debug)]
pub struct Proven {
    /// The bytes as they are stored.
    pub stored: Vec<u8>,
    /// What they say.
    pub recorded: RecordedEvent,
    /// Record, place and proof.
    pub proof: EventProof,
}

/// Why there is no dossier.
#[derive(Debug, thiserror::Error)]
pub enum DossierError {
    /// The user has no such transaction.
    #[error("{owner} has no transaction {transaction_id}")]
    NotFound {
        /// Who.
        owner: Owner,
        /// Which.
        transaction_id: TransactionId,
    },
    /// A bank's system or the server has no transactions.
    #[error("{0} is nobody who is asked to confirm")]
    NoPerson(Owner),
    /// An event is not covered by a checkpoint yet.
    #[error("the event at {0} is not signed yet: is a notary running? ask again in a second")]
    NotSigned(Position),
    /// The log.
    #[error("cannot read the log")]
    Log(#[from] Failure),
    /// The evidence.
    #[error("cannot read the evidence")]
    Archive(#[from] ArchiveError),
    /// An event of a newer program.
    #[error("cannot decode an event of the history")]
    Decode(#[from] DecodeError),
}

/// Gathers what there is about a transaction of that person.
pub async fn gather(
    log: &dyn EventLog,
    archive: &Archive,
    root: &RootSecret,
    owner: &Owner,
    transaction_id: &TransactionId,
) -> Result<Dossier, DossierError> {
    let Owner::User(system_id, user_id) = owner else {
        return Err(DossierError::NoPerson(owner.clone()));
    };
    let mut history = Vec::new();
    for event in log.load(owner, 0).await? {
        let recorded = codec::decode(&event.payload)?;
        history.push((event.position, event.payload, recorded));
    }
    let recorded = || history.iter().map(|(_, _, recorded)| recorded);
    let not_found = || DossierError::NotFound {
        owner: owner.clone(),
        transaction_id: transaction_id.clone(),
    };
    let digest = recorded().find_map(|event| asked_for(&event.event, transaction_id));
    let digest = digest.ok_or_else(not_found)?;
    let outcome = recorded()
        .find_map(|event| outcome(event, transaction_id))
        .unwrap_or(Outcome::Pending);
    let key_index = match &outcome {
        Outcome::Confirmed { key_index, .. } | Outcome::Autoconfirmed { key_index, .. } => {
            Some(*key_index)
        }
        Outcome::Pending | Outcome::Declined { .. } | Outcome::Expired { .. } => None,
    };
    let public_key = key_index.and_then(|key| public_key(recorded(), transaction_id, key));
    let mut events = Vec::new();
    let mut told = HashSet::new();
    for (position, stored, recorded) in history {
        let concerns = concerns(&recorded.event, transaction_id);
        if concerns {
            told.insert(position);
        }
        let is_about = concerns
            || is_receipt_of(&recorded.event, &told)
            || key_index.is_some_and(|key| is_of_key(&recorded.event, key));
        if is_about {
            let Some(proof) = archive.proof(position).await? else {
                if comes_any_time(&recorded.event) {
                    continue;
                }
                return Err(DossierError::NotSigned(position));
            };
            events.push(Proven {
                stored: stored.into(),
                recorded,
                proof,
            });
        }
    }
    let checkpoint = events
        .last()
        .map(|event| event.proof.checkpoint.clone())
        .ok_or_else(not_found)?;
    Ok(Dossier {
        reason: reason(log, root, owner, transaction_id, &outcome).await?,
        content: content(log, root, owner, transaction_id, &digest).await?,
        verifier_key: archive.verifier_key()?.unwrap_or_default(),
        system_id: system_id.clone(),
        user_id: user_id.clone(),
        transaction_id: transaction_id.clone(),
        digest,
        outcome,
        public_key,
        events,
        checkpoint,
    })
}

/// The content, when it is still the one the log has the digest of.
async fn content(
    log: &dyn EventLog,
    root: &RootSecret,
    owner: &Owner,
    transaction_id: &TransactionId,
    digest: &Digest,
) -> Result<Content, Failure> {
    let name = VaultName::transaction_content(transaction_id);
    let Some(opened) = row(log, root, owner, name).await? else {
        return Ok(Content::Erased);
    };
    let tenant = owner.system_id();
    let content = opened.and_then(|row| rmp_serde::from_slice(row.expose()).ok());
    let is_right = |content: &TransactionContent| {
        let user_id = owner.user_id();
        user_id.is_some_and(|user_id| content.digest(tenant, user_id, transaction_id) == *digest)
    };
    Ok(content
        .filter(is_right)
        .map_or(Content::Altered, Content::Kept))
}

/// Why the transaction was declined, when it was.
async fn reason(
    log: &dyn EventLog,
    root: &RootSecret,
    owner: &Owner,
    transaction_id: &TransactionId,
    outcome: &Outcome,
) -> Result<Option<Reason>, Failure> {
    let Outcome::Declined { reason: given, .. } = outcome else {
        return Ok(None);
    };
    let (cause, digest) = match given {
        Given::Words(words) => return Ok(Some(Reason::InRecord(words.clone()))),
        Given::Digest(cause, digest) => (cause, digest),
        Given::Nothing => return Ok(None),
    };
    let Some(opened) = row(log, root, owner, VaultName::reasons(cause)).await? else {
        return Ok(Some(Reason::Erased));
    };
    let reasons = opened.and_then(|row| Reasons::decode(row.expose()));
    let kept = reasons.as_ref().and_then(|reasons| {
        let kept = reasons.find(digest, owner, Some(transaction_id))?;
        Some(kept.clone())
    });
    Ok(Some(kept.map_or(Reason::Altered, Reason::Kept)))
}

/// A row of the vault: `None` where there is none, and nothing in it when it does not open.
async fn row(
    log: &dyn EventLog,
    root: &RootSecret,
    owner: &Owner,
    name: VaultName,
) -> Result<Option<Option<Secret>>, Failure> {
    let place = format!("{owner}/{}", name.as_str());
    let row = log.vault(owner, &[name]).await?.pop().flatten();
    let tenant = owner.system_id().as_str();
    Ok(row.map(|sealed| root.open(tenant, &place, &sealed).ok()))
}

/// The digest, when the event asks for this transaction.
fn asked_for(event: &Event, id: &TransactionId) -> Option<Digest> {
    match event {
        Event::Transactions(TransactionEvent::Created(created)) => {
            (created.transaction_id == *id).then_some(created.digest)
        }
        Event::Operations(OperationEvent::Created(created)) => {
            let mut members = created.transactions.iter();
            let member = members.find(|member| member.transaction_id == *id);
            member.map(|member| member.digest)
        }
        _ => None,
    }
}

/// How the event ends this transaction, if it does.
fn outcome(recorded: &RecordedEvent, id: &TransactionId) -> Option<Outcome> {
    let at = recorded.recorded_at;
    match &recorded.event {
        Event::Transactions(event) if event.transaction_id() == Some(id) => match event {
            TransactionEvent::Confirmed(event) => Some(Outcome::Confirmed {
                at,
                key_index: event.key_index,
                signature: event.signature.clone(),
            }),
            TransactionEvent::Autoconfirmed(event) => Some(Outcome::Autoconfirmed {
                at,
                key_index: event.key_index,
            }),
            TransactionEvent::Declined(event) => Some(Outcome::Declined {
                at,
                reason: given(recorded, event.reason.as_ref(), event.reason_digest),
                code: event.code,
            }),
            TransactionEvent::Expired(_) => Some(Outcome::Expired { at }),
            _ => None,
        },
        Event::Operations(OperationEvent::Processed(event)) => {
            let mut confirmed = event.confirmed.iter();
            if let Some(member) = confirmed.find(|member| member.transaction_id == *id) {
                return Some(Outcome::Confirmed {
                    at,
                    key_index: event.key_index,
                    signature: member.signature.clone(),
                });
            }
            let mut declined = event.declined.iter();
            let member = declined.find(|member| member.transaction_id == *id)?;
            Some(Outcome::Declined {
                at,
                reason: given(recorded, member.reason.as_ref(), member.reason_digest),
                code: member.code,
            })
        }
        Event::Operations(OperationEvent::Expired(event)) => {
            let is_expired = event.transactions.contains(id);
            is_expired.then_some(Outcome::Expired { at })
        }
        _ => None,
    }
}

fn given(recorded: &RecordedEvent, words: Option<&String>, digest: Option<Digest>) -> Given {
    let by_digest = |digest| Given::Digest(recorded.causation_id, digest);
    words.map_or_else(
        || digest.map_or(Given::Nothing, by_digest),
        |words| Given::Words(words.clone()),
    )
}

/// The device's key as it was registered last before the transaction was answered.
fn public_key<'a>(
    history: impl Iterator<Item = &'a RecordedEvent>,
    id: &TransactionId,
    key_index: KeyIndex,
) -> Option<Vec<u8>> {
    let before = history.take_while(|event| outcome(event, id).is_none());
    let registered = before.filter_map(|event| match &event.event {
        Event::Keys(KeyEvent::PublicKeyRegistered(event)) => {
            (event.key_index == key_index).then(|| event.public_key.clone())
        }
        _ => None,
    });
    registered.last()
}

/// Does the event say something about this transaction?
fn concerns(event: &Event, id: &TransactionId) -> bool {
    event.transaction_id() == Some(id)
        || match event {
            Event::Operations(OperationEvent::Created(event)) => {
                let mut members = event.transactions.iter();
                members.any(|member| member.transaction_id == *id)
            }
            Event::Operations(OperationEvent::Processed(event)) => {
                let confirmed = event.confirmed.iter().map(|member| &member.transaction_id);
                let declined = event.declined.iter().map(|member| &member.transaction_id);
                confirmed.chain(declined).any(|member| member == id)
            }
            Event::Operations(OperationEvent::Expired(event)) => event.transactions.contains(id),
            _ => false,
        }
}

/// Does the event say what became of a callback about one of these events?
fn is_receipt_of(event: &Event, told: &HashSet<Position>) -> bool {
    match event {
        Event::Users(UserEvent::ReceiptsNoted(noted)) => {
            let mut receipts = noted.receipts.iter();
            receipts.any(|receipt| told.contains(&receipt.position))
        }
        _ => false,
    }
}

/// Nobody can wait until such an event is signed: the look of who asks for the evidence, and what became of a callback.
fn comes_any_time(event: &Event) -> bool {
    matches!(
        event,
        Event::Looked(_) | Event::Users(UserEvent::ReceiptsNoted(_))
    )
}

/// Does the event belong to the history of that key, or of the person who holds it?
fn is_of_key(event: &Event, key_index: KeyIndex) -> bool {
    match event {
        Event::Users(UserEvent::ReceiptsNoted(_)) => false,
        Event::Users(_) => true,
        Event::Keys(event) => event.key_index() == key_index,
        _ => false,
    }
}
