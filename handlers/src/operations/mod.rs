//! Operations: batches of transactions that a person answers together. Each transaction keeps its own text, digest and
//! proof; the rules about proofs are those of `transactions`, and there is no second copy of them here.

mod create;
mod data;
mod expire;
mod frame;
mod info;
mod list;
mod process;
mod state;
mod update;

use schemas::commands::operations::{OperationCommand, OperationStatus};
use schemas::events::transactions::OperationStep;
use schemas::vault::VaultName;
use schemas::{ErrorCode, TransactionId};

pub(crate) use expire::decide as expire;
pub(crate) use state::Operations;

use crate::asked::{Asked, Reason};
use crate::decision::{Decision, Erasure};
use crate::facts::SignatureCheck;
use crate::transactions::{self, Transaction};
use crate::users::Person;

/// Why nothing happened to an operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// The user has no such operation.
    #[error("the user has no such operation")]
    NotFound,
    /// The transaction is not one of the operation's.
    #[error("the transaction {0} is not one of the operation's")]
    NotAMember(TransactionId),
    /// Everything in it has an outcome, or the device has already seen it.
    #[error("the operation stands where this is not possible any more")]
    WrongStatus,
    /// The deadline has passed.
    #[error("the deadline has passed")]
    Expired,
    /// It cannot be created, or changed, like this.
    #[error("the operation cannot be meant like this")]
    Malformed,
    /// No transaction is answered.
    #[error("no transaction is answered")]
    NothingAnswered,
    /// One transaction is answered twice in one request.
    #[error("the transaction {0} is answered twice")]
    AnsweredTwice(TransactionId),
    /// What lies in the vault is not what the log has the digest of.
    #[error("the stored content is not the one that was created")]
    ContentAltered,
    /// The user, or the request as a whole, is in the way.
    #[error(transparent)]
    Request(#[from] transactions::Rejection),
    /// One transaction is in the way, and so nothing happens to any.
    #[error("the transaction {0} is in the way: {1}")]
    Member(TransactionId, transactions::Rejection),
    /// The command is not this caller's to give.
    #[error("the command is another caller's")]
    NotForThisCaller,
}

impl Rejection {
    /// What the caller hears, and which transaction the journal names.
    pub(crate) fn reason(self) -> Reason {
        let code = match &self {
            Self::NotFound => ErrorCode::OperationNotExists,
            Self::NotAMember(_) => ErrorCode::TransactionIsNotInOperation,
            Self::WrongStatus => ErrorCode::OperationStatusInvalid,
            Self::Expired => ErrorCode::OperationExpired,
            Self::Malformed => ErrorCode::CreateOperationError,
            Self::NothingAnswered => ErrorCode::CollectionIsEmpty,
            Self::AnsweredTwice(_) | Self::NotForThisCaller => ErrorCode::RequestError,
            Self::ContentAltered => ErrorCode::TransactionDataError,
            Self::Request(rejection) | Self::Member(_, rejection) => rejection.code(),
        };
        let transaction_id = match self {
            Self::NotAMember(id) | Self::AnsweredTwice(id) | Self::Member(id, _) => Some(id),
            Self::NotFound
            | Self::WrongStatus
            | Self::Expired
            | Self::Malformed
            | Self::NothingAnswered
            | Self::ContentAltered
            | Self::Request(_)
            | Self::NotForThisCaller => None,
        };
        Reason {
            code,
            transaction_id,
        }
    }
}

/// Decides a command about an operation, of the bank or of the device.
pub(crate) fn decide(asked: &Asked<'_>, command: &OperationCommand) -> Result<Decision, Rejection> {
    match command {
        OperationCommand::Create(command) => create::decide(asked, command),
        OperationCommand::List(_) => Ok(list::decide(asked)),
        OperationCommand::GetInfo(command) => info::decide(asked, command),
        OperationCommand::Update(command) => update::decide(asked, command),
        OperationCommand::GetData(command) => data::decide(asked, command),
        OperationCommand::Process(command) => process::decide(asked, command),
        // The house asks for this, also about users who are gone; see `expire`.
        OperationCommand::Expire(_) => Err(Rejection::NotForThisCaller),
    }
}

/// The vault rows such a decision reads.
pub(crate) fn needs(person: &Person, command: &OperationCommand) -> Vec<VaultName> {
    match command {
        OperationCommand::Update(command) => {
            vec![VaultName::operation_content(&command.operation_id)]
        }
        OperationCommand::GetData(command) => {
            let mut rows = vec![VaultName::operation_content(&command.operation_id)];
            if let Ok(operation) = person.operations.get(&command.operation_id) {
                rows.extend(operation.members.iter().map(VaultName::transaction_content));
            }
            rows
        }
        OperationCommand::Create(_)
        | OperationCommand::List(_)
        | OperationCommand::GetInfo(_)
        | OperationCommand::Process(_)
        | OperationCommand::Expire(_) => Vec::new(),
    }
}

/// The questions about signatures such a decision comes to.
pub(crate) fn signature_questions(
    person: &Person,
    command: &OperationCommand,
) -> Vec<SignatureCheck> {
    match command {
        OperationCommand::Process(command) => process::questions(person, command),
        OperationCommand::Create(_)
        | OperationCommand::List(_)
        | OperationCommand::GetInfo(_)
        | OperationCommand::Update(_)
        | OperationCommand::GetData(_)
        | OperationCommand::Expire(_) => Vec::new(),
    }
}

/// What an outcome of this one transaction does to its operation; `None` when it is part of none.
pub(crate) fn step(
    asked: &Asked<'_>,
    id: &TransactionId,
    transaction: &Transaction,
) -> Option<OperationStep> {
    let operation_id = transaction.operation_id.as_ref()?;
    let person = asked.person;
    let operation = person.operations.get(operation_id).ok()?;
    let waiting = operation.waiting(&person.transactions, asked.facts.now);
    let others = waiting.filter(|waiting| *waiting != id).count();
    Some(OperationStep {
        operation_id: operation_id.clone(),
        status: status_with_waiting(others),
    })
}

/// What to erase of an operation once everything in it has an outcome.
pub(crate) fn frame_of_processed(step: Option<&OperationStep>) -> Option<Erasure> {
    let step = step.filter(|step| step.status == OperationStatus::Processed)?;
    Some(Erasure::Row(VaultName::operation_content(
        &step.operation_id,
    )))
}

/// Where an operation stands after an outcome, when so many transactions still wait.
fn status_with_waiting(waiting: usize) -> OperationStatus {
    if waiting == 0 {
        OperationStatus::Processed
    } else {
        OperationStatus::Partly
    }
}
