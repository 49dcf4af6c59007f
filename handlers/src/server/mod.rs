//! The server itself: the settings that were stored through its API, and what analysts were granted. The settings lie over
//! what the configuration says, and are facts of every later decision.

mod change;
mod grant;
mod look;
mod revoke;
mod state;

use schemas::ErrorCode;
use schemas::commands::server::ServerCommand;
use schemas::commands::{Command, CommandEnvelope};

pub use grant::{BY_MAX, CONSUMERS_MAX, GRANTS_MAX, SYSTEMS_MAX};
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
    /// A list of the grant is empty or too long, a name is too long, or the key is none.
    #[error("a grant is not one that can be kept")]
    GrantWrong,
    /// The name was used before.
    #[error("a grant of that name was made before")]
    NameTaken,
    /// As many grants are in force as can be.
    #[error("too many grants are in force")]
    TooManyGrants,
    /// There is no such grant, or it was revoked.
    #[error("no grant of that name is in force")]
    NotGranted,
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
            Self::GrantWrong
            | Self::NameTaken
            | Self::TooManyGrants
            | Self::NotGranted
            | Self::NotAllowed => ErrorCode::RequestError,
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
        Command::Server(ServerCommand::GrantAnalytics(command)) => grant::decide(state, command),
        Command::Server(ServerCommand::RevokeAnalytics(command)) => revoke::decide(state, command),
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
