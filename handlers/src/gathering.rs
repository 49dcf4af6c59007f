//! What a decision will want to know, before it is made: the runner fetches and computes it beside the lane.

use schemas::commands::journal::JournalCommand;
use schemas::commands::keys::KeyCommand;
use schemas::commands::operations::OperationCommand;
use schemas::commands::transactions::TransactionCommand;
use schemas::commands::{Caller, Command, CommandEnvelope};
use schemas::vault::VaultName;
use schemas::{KeyIndex, Owner};

use crate::facts::SignatureCheck;
use crate::keys::Key;
use crate::owner::OwnerState;
use crate::users::Person;
use crate::{journal, keys, operations, transactions, users};

/// The vault rows a decision of this command on this state reads.
pub fn needs(state: &OwnerState, envelope: &CommandEnvelope) -> Vec<VaultName> {
    // Also of a system, and of a user who is gone.
    if let (Command::Journal(JournalCommand::Clean(command)), Caller::System) =
        (&envelope.command, &envelope.caller)
    {
        return journal::needs(command);
    }
    let OwnerState::User(user) = state else {
        return Vec::new();
    };
    let Ok(person) = user.life.present() else {
        return Vec::new();
    };
    let mut names = match &envelope.caller {
        Caller::Device(claim) => keys_of_device(&person.key, claim.auth.key_index),
        Caller::System | Caller::House | Caller::Administrator => Vec::new(),
    };
    names.extend(wanted(person, &envelope.command));
    names
}

/// The questions about signatures that are worth answering beside the lane: when the decision comes to one, it will be one
/// of these.
pub fn precheck(state: &OwnerState, envelope: &CommandEnvelope) -> Vec<SignatureCheck> {
    let (OwnerState::User(user), Owner::User(system_id, user_id), Caller::Device(_)) =
        (state, &envelope.owner, &envelope.caller)
    else {
        return Vec::new();
    };
    let Ok(person) = user.life.present() else {
        return Vec::new();
    };
    let one = match &envelope.command {
        Command::Transactions(TransactionCommand::Confirm(command)) => {
            let signature = command.signature.as_ref();
            transactions::signature_question(person, &command.transaction_id, signature)
        }
        Command::Keys(KeyCommand::RegisterPublicKey(command)) => {
            keys::renewal_question(&person.key, system_id, user_id, command)
        }
        Command::Operations(command) => return operations::signature_questions(person, command),
        _ => None,
    };
    one.into_iter().collect()
}

/// Is this a command that may ask about many signatures at once?
pub fn asks_much(envelope: &CommandEnvelope) -> bool {
    matches!(
        envelope.command,
        Command::Operations(OperationCommand::Process(_))
    )
}

fn keys_of_device(key: &Key, claimed: KeyIndex) -> Vec<VaultName> {
    if claimed < key.index {
        vec![VaultName::key_farewell(claimed)]
    } else {
        key.parts()
    }
}

fn wanted(person: &Person, command: &Command) -> Vec<VaultName> {
    match command {
        Command::Users(command) => users::needs(command),
        Command::Keys(command) => keys::needs(&person.key, command),
        Command::Transactions(command) => transactions::needs(command),
        Command::Operations(command) => operations::needs(person, command),
        Command::Devices(_) | Command::Server(_) | Command::Systems(_) | Command::Journal(_) => {
            Vec::new()
        }
    }
}
