//! The server itself: the settings that were stored through its API. They lie over what the configuration says, and are
//! facts of every later decision.

mod change;
mod look;
mod state;

use schemas::ErrorCode;
use schemas::commands::server::ServerCommand;
use schemas::commands::{Command, CommandEnvelope};

pub use state::State;

use crate::asked;
use crate::decision::{Decision, Outcome};
use crate::facts::Facts;

/// Why nothing happened to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The table has no such name.
    #[error("no setting has that name")]
    NameUnknown,
    /// The table does not permit the value.
    #[error("a value is not one its setting can have")]
    ValueWrong,
    /// The command is not one about the server, or its caller does not administer it.
    #[error(
        "the command does not concern the server, or comes from somebody who does not administer it"
    )]
    NotAllowed,
}

impl Rejection {
    /// What the caller hears.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::NameUnknown | Self::ValueWrong => ErrorCode::SystemPropertyError,
            Self::NotAllowed => ErrorCode::RequestError,
        }
    }
}

/// Decides a command about the server. Only its administrator speaks for it.
pub(crate) fn decide(state: &State, envelope: &CommandEnvelope, facts: &Facts<'_>) -> Outcome {
    if !envelope.command.askers().include(&envelope.caller) {
        return asked::refused_silently(Rejection::NotAllowed.code());
    }
    match answer(state, &envelope.command, facts) {
        Ok(decision) => Outcome::Decided(Box::new(decision)),
        Err(Rejection::NotAllowed) => asked::refused_silently(Rejection::NotAllowed.code()),
        Err(rejection) => asked::refused(&envelope.command, rejection.code()),
    }
}

fn answer(state: &State, command: &Command, facts: &Facts<'_>) -> Result<Decision, Rejection> {
    match command {
        Command::Server(ServerCommand::ChangeSettings(command)) => {
            change::decide(state, command, facts)
        }
        Command::Server(ServerCommand::GetSettings(_)) => Ok(look::settings(state, facts)),
        Command::Server(ServerCommand::GetEvents(_)) => Ok(look::journal()),
        Command::Operators(_)
        | Command::Systems(_)
        | Command::Journal(_)
        | Command::Users(_)
        | Command::Keys(_)
        | Command::Credentials(_)
        | Command::Recovery(_)
        | Command::Devices(_)
        | Command::Transactions(_)
        | Command::Operations(_)
        | Command::Codes(_)
        | Command::CodeOrders(_) => Err(Rejection::NotAllowed),
    }
}
