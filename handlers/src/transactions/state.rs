//! What is remembered of a user's transactions.

use std::collections::HashMap;

use schemas::answers::TransactionInfo;
use schemas::commands::transactions::{NotificationType, TransactionKind, TransactionStatus};
use schemas::events::Refused;
use schemas::events::operations::{OperationCreated, OperationProcessed};
use schemas::events::transactions::{AutoconfirmOffered, TransactionCreated, TransactionEvent};
use schemas::{CommandId, Digest, ErrorCode, OperationId, Timestamp, TransactionId};

use super::Rejection;

/// A user's transactions, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transactions {
    by_id: HashMap<TransactionId, Transaction>,
}

/// One transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transaction {
    /// SHA-256 of what is signed.
    pub(crate) digest: Digest,
    /// When it was created.
    pub(crate) created_at: Timestamp,
    /// Deadline: at this very moment it is already too late. `None` means no deadline.
    pub(crate) expires_at: Option<Timestamp>,
    /// Digits of the confirmation code; `None` means 64 hex digits.
    pub(crate) confirm_code_length: Option<u8>,
    /// Whether bytes go with the text.
    pub(crate) has_binary: bool,
    /// Whether text and bytes are still in the vault.
    pub(crate) content: Content,
    /// How the user is told.
    pub(crate) notification_type: NotificationType,
    /// What it is for.
    pub(crate) kind: TransactionKind,
    /// The operation it is part of.
    pub(crate) operation_id: Option<OperationId>,
    standing: Standing,
}

/// Whether a transaction's text and bytes are still in the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Kept,
    Erased,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Pending(Pending),
    Finished { how: Finish, at: Timestamp },
}

/// What only matters while the user can still answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    /// Where the outcome is reported; `None` means the system's own address.
    pub(crate) callback_url: Option<String>,
    /// Confirmation codes that were looked at and wrong, or are about to be looked at.
    pub(crate) codes_tried: u32,
    /// Commands whose try was counted and not yet looked at.
    reserved: Vec<CommandId>,
    data_sent: bool,
    push_sent: bool,
    /// What an automatic confirmation knows of it.
    autoconfirm: Autoconfirm,
}

/// How far automatic confirmations of a transaction got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Autoconfirm {
    /// The attempt that was offered last and was not used, and the end of its life.
    offered: Option<(Digest, Timestamp)>,
    /// Commands that used up an attempt, to have its score asked for.
    scored: Vec<CommandId>,
    /// Whether a score was too low: then it is the user's to confirm.
    too_risky: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    Confirmed,
    Declined,
    Expired,
    Deleted,
}

impl Transactions {
    /// The transaction, whatever became of it.
    pub(crate) fn get(&self, id: &TransactionId) -> Result<&Transaction, Rejection> {
        self.by_id.get(id).ok_or(Rejection::NotFound)
    }

    /// Is the id taken?
    pub(crate) fn has(&self, id: &TransactionId) -> bool {
        self.by_id.contains_key(id)
    }

    /// The transactions with one of these statuses, oldest first; without statuses, those the user can still answer.
    pub(crate) fn list(
        &self,
        statuses: &[TransactionStatus],
        now: Timestamp,
    ) -> Vec<TransactionInfo> {
        let wanted = |transaction: &Transaction| {
            if statuses.is_empty() {
                transaction.pending(now).is_ok()
            } else {
                statuses.contains(&transaction.status(now))
            }
        };
        let mut found: Vec<TransactionInfo> = self
            .by_id
            .iter()
            .filter(|(_, transaction)| wanted(transaction))
            .map(|(id, transaction)| transaction.describe(id, now))
            .collect();
        found.sort_by(|left, right| {
            (left.created_at, &left.transaction_id).cmp(&(right.created_at, &right.transaction_id))
        });
        found
    }

    /// Those with a deadline of their own that nobody has finished, past it or not.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = &TransactionId> {
        let unfinished = |transaction: &Transaction| {
            matches!(transaction.standing, Standing::Pending(_))
                && transaction.operation_id.is_none()
        };
        self.by_id
            .iter()
            .filter_map(move |(id, transaction)| unfinished(transaction).then_some(id))
    }

    /// Folds a fact about one of them.
    pub(crate) fn evolve(&mut self, event: &TransactionEvent, at: Timestamp) {
        if let TransactionEvent::AutoconfirmOffered(event) = event {
            return self.offer(event);
        }
        let Some(id) = event.transaction_id() else {
            return;
        };
        match event {
            TransactionEvent::AutoconfirmOffered(_) | TransactionEvent::PushFailed(_) => {}
            TransactionEvent::AutoconfirmAttempted(event) => {
                if let Some(pending) = self.pending_mut(id) {
                    pending.autoconfirm.offered = None;
                    pending.autoconfirm.scored.push(event.command_id);
                }
            }
            TransactionEvent::Created(event) => self.create(event, at),
            TransactionEvent::Served(event) => {
                if let Some(pending) = self.pending_mut(id) {
                    pending.data_sent |= event.to_device;
                }
            }
            TransactionEvent::ConfirmationAttempted(event) => {
                if let Some(pending) = self.pending_mut(id) {
                    pending.codes_tried = event.attempt.max(pending.codes_tried);
                    pending.reserved.push(event.command_id);
                }
            }
            TransactionEvent::Confirmed(_) | TransactionEvent::Autoconfirmed(_) => {
                self.finish(id, Finish::Confirmed, at);
            }
            TransactionEvent::Declined(_) => self.finish(id, Finish::Declined, at),
            TransactionEvent::Expired(_) => self.finish(id, Finish::Expired, at),
            TransactionEvent::Deleted(_) => self.finish(id, Finish::Deleted, at),
            TransactionEvent::PushSent(event) => {
                for id in &event.announced {
                    if let Some(pending) = self.pending_mut(id) {
                        pending.push_sent = true;
                    }
                }
            }
            TransactionEvent::Cleaned(_) => {
                if let Some(transaction) = self.by_id.get_mut(id) {
                    transaction.content = Content::Erased;
                }
            }
        }
    }

    /// A wrong confirmation code is a refusal, and refusals are in the log: that is how the tries are counted.
    pub(crate) fn note_refusal(&mut self, event: &Refused, result: ErrorCode) {
        if event.word == super::autoconfirm::WORD
            && result == ErrorCode::HighScoringRiskLevel
            && let Some(id) = &event.transaction_id
            && let Some(pending) = self.pending_mut(id)
        {
            pending.autoconfirm.too_risky = true;
        }
        if super::confirm::WORDS.contains(&event.word)
            && result == ErrorCode::InvalidHmac
            && let Some(id) = &event.transaction_id
            && let Some(pending) = self.pending_mut(id)
        {
            pending.codes_tried += 1;
        }
    }

    /// Every list makes the attempts of the one before worthless.
    fn offer(&mut self, event: &AutoconfirmOffered) {
        for transaction in self.by_id.values_mut() {
            if let Standing::Pending(pending) = &mut transaction.standing {
                pending.autoconfirm.offered = None;
            }
        }
        for attempt in &event.attempts {
            if let Some(pending) = self.pending_mut(&attempt.transaction_id) {
                pending.autoconfirm.offered = Some((attempt.attempt_id, event.expires_at));
            }
        }
    }

    fn create(&mut self, event: &TransactionCreated, at: Timestamp) {
        let transaction = Transaction {
            digest: event.digest,
            created_at: at,
            expires_at: event.expires_at,
            confirm_code_length: event.confirm_code_length,
            has_binary: event.has_binary,
            content: Content::Kept,
            notification_type: event.notification_type,
            kind: event.kind.unwrap_or_default(),
            operation_id: None,
            standing: Standing::Pending(Pending::new(event.callback_url.clone())),
        };
        self.by_id.insert(event.transaction_id.clone(), transaction);
    }

    /// Creates the transactions of an operation.
    pub(crate) fn create_members(&mut self, event: &OperationCreated, at: Timestamp) {
        for member in &event.transactions {
            let transaction = Transaction {
                digest: member.digest,
                created_at: at,
                expires_at: event.expires_at,
                confirm_code_length: event.confirm_code_length,
                has_binary: member.has_binary,
                content: Content::Kept,
                notification_type: event.notification_type,
                kind: TransactionKind::Ordinary,
                operation_id: Some(event.operation_id.clone()),
                standing: Standing::Pending(Pending::new(event.callback_url.clone())),
            };
            self.by_id
                .insert(member.transaction_id.clone(), transaction);
        }
    }

    /// Gives transactions of an operation another deadline and another address.
    pub(crate) fn update_members(
        &mut self,
        ids: &[TransactionId],
        expires_at: Option<Timestamp>,
        callback_url: Option<&String>,
    ) {
        for id in ids {
            if let Some(pending) = self.pending_mut(id) {
                pending.callback_url = callback_url.cloned();
            }
            if let Some(transaction) = self.by_id.get_mut(id) {
                transaction.expires_at = expires_at;
            }
        }
    }

    /// Notes that the device fetched the texts of these transactions.
    pub(crate) fn serve_members(&mut self, ids: &[TransactionId]) {
        for id in ids {
            if let Some(pending) = self.pending_mut(id) {
                pending.data_sent = true;
            }
        }
    }

    /// Gives transactions of an operation the outcomes of one request.
    pub(crate) fn process_members(&mut self, event: &OperationProcessed, at: Timestamp) {
        for member in &event.confirmed {
            let id = &member.transaction_id;
            self.finish(id, Finish::Confirmed, at);
            if event.cleaned
                && let Some(transaction) = self.by_id.get_mut(id)
            {
                transaction.content = Content::Erased;
            }
        }
        for member in &event.declined {
            self.finish(&member.transaction_id, Finish::Declined, at);
        }
    }

    /// Lets transactions of an operation expire.
    pub(crate) fn expire_members(&mut self, ids: &[TransactionId], at: Timestamp) {
        for id in ids {
            self.finish(id, Finish::Expired, at);
        }
    }

    fn finish(&mut self, id: &TransactionId, how: Finish, at: Timestamp) {
        if let Some(transaction) = self.by_id.get_mut(id) {
            transaction.standing = Standing::Finished { how, at };
        }
    }

    fn pending_mut(&mut self, id: &TransactionId) -> Option<&mut Pending> {
        match &mut self.by_id.get_mut(id)?.standing {
            Standing::Pending(pending) => Some(pending),
            Standing::Finished { .. } => None,
        }
    }
}

impl Pending {
    /// Was a try counted for this command, and not looked at yet?
    pub(crate) fn is_reserved(&self, command_id: &CommandId) -> bool {
        self.reserved.contains(command_id)
    }

    /// Was this attempt offered for it, last of all, and neither used nor too old?
    pub(crate) fn offers(&self, attempt_id: &Digest, now: Timestamp) -> bool {
        let offered = self.autoconfirm.offered.as_ref();
        offered.is_some_and(|(offered, expires_at)| offered == attempt_id && now < *expires_at)
    }

    /// Did this command use up an attempt, and waits for its score?
    pub(crate) fn is_being_scored(&self, command_id: &CommandId) -> bool {
        self.autoconfirm.scored.contains(command_id)
    }

    /// Would a push that was sent be news: neither a push nor the text has reached the user?
    pub(crate) fn is_unannounced(&self) -> bool {
        !self.data_sent && !self.push_sent
    }

    fn new(callback_url: Option<String>) -> Self {
        Self {
            callback_url,
            codes_tried: 0,
            reserved: Vec::new(),
            data_sent: false,
            push_sent: false,
            autoconfirm: Autoconfirm::default(),
        }
    }
}

impl Transaction {
    /// What the user can still answer, or why not any more.
    pub(crate) fn pending(&self, now: Timestamp) -> Result<&Pending, Rejection> {
        match &self.standing {
            Standing::Pending(_) if self.is_due(now) => Err(Rejection::Expired),
            Standing::Pending(pending) => Ok(pending),
            Standing::Finished { how, .. } => Err(match how {
                Finish::Confirmed | Finish::Declined => Rejection::AlreadyChecked,
                Finish::Expired => Rejection::Expired,
                Finish::Deleted => Rejection::Deleted,
            }),
        }
    }

    /// What is to be noted as expired: the deadline has passed and nobody was faster.
    pub(crate) fn overdue(&self, now: Timestamp) -> Option<&Pending> {
        match &self.standing {
            Standing::Pending(pending) => self.is_due(now).then_some(pending),
            Standing::Finished { .. } => None,
        }
    }

    /// May its device still be scored for it: not too risky once, and not too often?
    pub(crate) fn may_be_scored(&self) -> bool {
        match &self.standing {
            Standing::Pending(pending) => {
                let Autoconfirm {
                    scored, too_risky, ..
                } = &pending.autoconfirm;
                !too_risky && scored.len() < super::autoconfirm_list::SCORINGS_MAX
            }
            Standing::Finished { .. } => false,
        }
    }

    /// Its record, as of now: a deadline that has passed counts even before the house has noted it.
    pub(crate) fn describe(&self, id: &TransactionId, now: Timestamp) -> TransactionInfo {
        TransactionInfo {
            transaction_id: id.clone(),
            status: self.status(now),
            created_at: self.created_at,
            expires_at: self.expires_at,
            finished_at: self.finished_at(now),
            has_binary: self.has_binary,
            operation_id: self.operation_id.clone(),
            kind: self.kind,
        }
    }

    /// When it got its outcome; a deadline that has passed is one.
    pub(crate) fn finished_at(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.standing {
            Standing::Pending(_) => self.expires_at.filter(|_| self.is_due(now)),
            Standing::Finished { at, .. } => Some(*at),
        }
    }

    /// Whether a device has fetched it, while it is pending.
    pub(crate) fn was_sent(&self) -> bool {
        matches!(&self.standing, Standing::Pending(pending) if pending.data_sent)
    }

    /// Where it stands, by the manual's words.
    pub(crate) fn status(&self, now: Timestamp) -> TransactionStatus {
        match &self.standing {
            Standing::Pending(_) if self.is_due(now) => TransactionStatus::Expired,
            Standing::Pending(pending) if pending.data_sent => TransactionStatus::DataSent,
            Standing::Pending(pending) if pending.push_sent => TransactionStatus::PushSent,
            Standing::Pending(_) => TransactionStatus::Initialized,
            Standing::Finished { how, .. } => match how {
                Finish::Confirmed => TransactionStatus::Confirmed,
                Finish::Declined => TransactionStatus::Declined,
                Finish::Expired => TransactionStatus::Expired,
                Finish::Deleted => TransactionStatus::Deleted,
            },
        }
    }

    /// The deadline belongs to the past: at that very instant it is already too late.
    fn is_due(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|deadline| deadline <= now)
    }
}
