//! Application systems: the banks' side of the house. A system is registered once, changed, and removed for ever.

mod change;
mod close_billing;
mod look;
mod order_letters;
mod register;
mod remove;
mod report;
mod rotate_webhook_keys;
mod state;

use schemas::commands::codes::CodeCommand;
use schemas::commands::journal::JournalCommand;
use schemas::commands::systems::{SystemCommand, SystemParameters};
use schemas::commands::{Caller, Command, CommandEnvelope};
use schemas::{ErrorCode, Owner, SystemId};

pub use state::{Registered, State};

use crate::decision::{Decision, Outcome};
use crate::facts::Facts;
use crate::{asked, codes, journal, operators, web_address};

/// A century, in days: a longer life of a key, or a longer period, is a typing error.
const DAYS_MAX: i64 = 36_525;

/// Why nothing happened to a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nobody registered it.
    #[error("the system was never registered")]
    NotFound,
    /// It was removed.
    #[error("the system was removed")]
    Removed,
    /// It exists already.
    #[error("a system with this id is registered")]
    AlreadyRegistered,
    /// A registration without a name.
    #[error("a system needs a name")]
    NameMissing,
    /// A lifetime below one day, or an address that is not http or https.
    #[error("a parameter of the system is not one it can have")]
    ParameterWrong,
    /// An operator asks for a transaction that is nobody's, or for a user under the system's name.
    #[error("{0}")]
    Operator(operators::Rejection),
    /// ALLOW_EVENTS_REMOVE is off.
    #[error("records of the journal may not be removed")]
    RemovalNotAllowed,
    /// REPORT_TEMPLATE is empty, and the system has no template of its own.
    #[error("there is no template of a report")]
    TemplateMissing,
    /// Only who pays after the fact has billing periods to close.
    #[error("the system does not pay after the fact")]
    NotPostPaid,
    /// The day is closed already.
    #[error("billing is closed through that day")]
    BillingAlreadyClosed,
    /// The day goes on, or the system was not there yet.
    #[error("that day cannot be closed")]
    BillingDateWrong,
    /// The command is not one about a system.
    #[error("the command does not concern a system")]
    NotAboutSystems,
}

impl Rejection {
    /// What the caller hears.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::SystemNotFound,
            Self::Removed => ErrorCode::SystemIsDeleted,
            Self::AlreadyRegistered => ErrorCode::SystemIdNotUnique,
            Self::NameMissing => ErrorCode::SystemNameIsNull,
            Self::ParameterWrong => ErrorCode::SystemPropertyError,
            Self::Operator(rejection) => rejection.code(),
            Self::RemovalNotAllowed => ErrorCode::EventsRemovementIsNotAllowed,
            Self::TemplateMissing => ErrorCode::ReportTplIsNull,
            Self::NotPostPaid => ErrorCode::UnsupportedBillingType,
            Self::BillingAlreadyClosed => ErrorCode::BillRequestAlreadyProcessed,
            Self::BillingDateWrong => ErrorCode::BillDateCorrupted,
            Self::NotAboutSystems => ErrorCode::RequestError,
        }
    }
}

/// Decides a command about a system itself. No device speaks for one.
pub(crate) fn decide(state: &State, envelope: &CommandEnvelope, facts: &Facts<'_>) -> Outcome {
    let Owner::System(system_id) = &envelope.owner else {
        return asked::refused_silently(ErrorCode::RequestError);
    };
    match envelope.caller {
        Caller::System | Caller::Operator => {}
        Caller::House => return for_house(state, &envelope.command),
        Caller::Device(_) => return asked::refused_silently(ErrorCode::HttpAuthCodeInvalid),
        Caller::Administrator => return asked::refused_silently(ErrorCode::RequestError),
    }
    // A system's own callers ask for nothing of an operator's, nor an operator for anything of theirs.
    if !envelope.command.askers().include(&envelope.caller) {
        let code = Rejection::NotAboutSystems.code();
        return if state.is_missing() {
            asked::refused_silently(code)
        } else {
            asked::refused(&envelope.command, code)
        };
    }
    let decided = match &envelope.command {
        Command::Codes(command) => code(state, system_id, command, facts),
        command => answer(state, system_id, command, facts).map_err(Rejection::code),
    };
    match decided {
        Ok(decision) => Outcome::Decided(Box::new(decision)),
        // A refusal starts no history.
        Err(code) if state.is_missing() => asked::refused_silently(code),
        Err(code) => asked::refused(&envelope.command, code),
    }
}

/// The house asks one thing about a system: that nothing is left of a removed one.
fn for_house(state: &State, command: &Command) -> Outcome {
    let decision = match command {
        Command::Systems(SystemCommand::Remove(_)) => remove::what_is_left(state),
        _ => None,
    };
    match decision {
        Some(decision) => Outcome::Decided(Box::new(decision)),
        None => asked::refused_silently(ErrorCode::RequestError),
    }
}

/// Codes on the key that the server keeps for the system.
fn code(
    state: &State,
    system_id: &SystemId,
    command: &CodeCommand,
    facts: &Facts<'_>,
) -> Result<Decision, ErrorCode> {
    let system = state.registered().map_err(Rejection::code)?;
    match command {
        CodeCommand::GenerateCommon(command) => codes::generate_common(system_id, command, facts),
        CodeCommand::CheckCommon(command) => {
            codes::check_common(&system.code_tries, system_id, command, facts)
        }
        CodeCommand::Generate(_) | CodeCommand::Check(_) => Err(codes::Rejection::NotForThisOwner),
    }
    .map_err(codes::Rejection::code)
}

fn answer(
    state: &State,
    system_id: &SystemId,
    command: &Command,
    facts: &Facts<'_>,
) -> Result<Decision, Rejection> {
    match command {
        Command::Systems(SystemCommand::Register(command)) => {
            register::decide(state, system_id, command, facts)
        }
        Command::Systems(SystemCommand::Change(command)) => {
            change::decide(state, system_id, command, facts)
        }
        Command::Systems(SystemCommand::Remove(_)) => remove::decide(state),
        Command::Systems(SystemCommand::GetInfo(_)) => look::system_info(state, system_id, facts),
        Command::Systems(SystemCommand::CloseBilling(command)) => {
            close_billing::decide(state, system_id, command, facts)
        }
        Command::Systems(SystemCommand::GetReport(command)) => {
            report::decide(state, system_id, command, facts)
        }
        Command::Systems(SystemCommand::RotateWebhookKeys(_)) => {
            rotate_webhook_keys::decide(state, facts)
        }
        Command::Systems(SystemCommand::GetLetters(_)) => {
            state.registered()?;
            Ok(look::letters())
        }
        Command::Systems(SystemCommand::OrderLetters(command)) => {
            order_letters::decide(state, command)
        }
        Command::Journal(command) => journal(state, command, facts),
        // Of a transaction nobody knows whose it is only the look is journaled.
        Command::Operators(command) => {
            state.registered()?;
            operators::nobody_knows(command, facts).map_err(Rejection::Operator)
        }
        Command::Server(_)
        | Command::Users(_)
        | Command::Keys(_)
        | Command::Credentials(_)
        | Command::Recovery(_)
        | Command::Devices(_)
        | Command::Transactions(_)
        | Command::Operations(_)
        | Command::Codes(_)
        | Command::CodeOrders(_) => Err(Rejection::NotAboutSystems),
    }
}

fn journal(
    state: &State,
    command: &JournalCommand,
    facts: &Facts<'_>,
) -> Result<Decision, Rejection> {
    let system = state.registered()?;
    match command {
        JournalCommand::GetEvents(_) | JournalCommand::GetEventInfo(_) => {
            Ok(look::journal(command.word()))
        }
        JournalCommand::Clean(command) => Ok(journal::clean(command, facts.vault)),
        JournalCommand::Remove(command) => journal::remove(system, command, facts),
    }
}

/// Parameters a system can have: lifetime and period of at least a day, addresses of http or https. Empty text switches an
/// address off.
fn check_parameters(parameters: &SystemParameters) -> Result<(), Rejection> {
    let addresses = [
        &parameters.pc_is_external_url,
        &parameters.pc_is_internal_url,
        &parameters.events_post_url,
        &parameters.callback_url,
    ];
    let addresses_right = addresses
        .into_iter()
        .flatten()
        .all(|address| address.is_empty() || web_address::is_absolute(address));
    let periods = [
        parameters.user_keys_expiration_period,
        parameters.billing_period,
    ];
    let periods_right = periods
        .into_iter()
        .flatten()
        .all(|days| (1..=DAYS_MAX).contains(&days));
    if addresses_right && periods_right {
        Ok(())
    } else {
        Err(Rejection::ParameterWrong)
    }
}
