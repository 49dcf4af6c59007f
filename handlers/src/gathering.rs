//! What a decision will want to know, before it is made: the runner fetches and computes it beside the lane.

use schemas::Owner;
use schemas::commands::codes::CodeCommand;
use schemas::commands::devices::DeviceCommand;
use schemas::commands::journal::JournalCommand;
use schemas::commands::keys::KeyCommand;
use schemas::commands::operations::OperationCommand;
use schemas::commands::operators::OperatorCommand;
use schemas::commands::recovery::RecoveryCommand;
use schemas::commands::systems::SystemCommand;
use schemas::commands::transactions::TransactionCommand;
use schemas::commands::users::UserCommand;
use schemas::commands::{Caller, Command, CommandEnvelope, DeviceClaim};
use schemas::vault::VaultName;

use crate::facts::SignatureCheck;
use crate::keys::{Found, Ring};
use crate::owner::OwnerState;
use crate::users::Person;
use crate::{
    code_orders, credentials, journal, keys, licenses, operations, operators, recovery,
    transactions, users,
};

/// May this command be asked of a moment of the past? Its decision then gets the states of that moment, and of the vault
/// only what is there under a name that is never used twice.
pub fn answers_of_the_past(envelope: &CommandEnvelope) -> bool {
    match (&envelope.caller, &envelope.command) {
        (Caller::System, command) => matches!(
            command,
            Command::Users(UserCommand::GetInfo(_))
                | Command::Transactions(
                    TransactionCommand::List(_) | TransactionCommand::GetInfo(_)
                )
                | Command::Operations(OperationCommand::List(_) | OperationCommand::GetInfo(_))
                | Command::Journal(JournalCommand::GetEvents(_))
        ),
        (Caller::Operator, Command::Operators(command)) => {
            !matches!(command, OperatorCommand::CheckConfirmation(_))
        }
        _ => false,
    }
}

/// Does a decision of this command read the owner's whole history? State holds only what ordinary decisions need.
pub fn looks_back(envelope: &CommandEnvelope) -> bool {
    matches!(
        envelope.command,
        Command::Operators(OperatorCommand::CheckConfirmation(_))
    )
}

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
        Caller::Device(claim) => keys_of_device(&person.keys, claim, &envelope.command),
        Caller::System if is_confirmation(&envelope.command) => person.keys.current.parts(),
        Caller::System | Caller::House | Caller::Administrator | Caller::Operator => Vec::new(),
    };
    names.extend(wanted(person, envelope));
    names
}

/// The questions about signatures that are worth answering beside the lane: when the decision comes to one, it will be one
/// of these.
pub fn precheck(state: &OwnerState, envelope: &CommandEnvelope) -> Vec<SignatureCheck> {
    let (OwnerState::User(user), Owner::User(system_id, user_id), Caller::Device(claim)) =
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
        Command::Transactions(TransactionCommand::Autoconfirm(command)) => {
            transactions::autosign_question(person, command)
        }
        Command::Keys(KeyCommand::RegisterPublicKey(command)) => {
            let (Found::Current(key) | Found::Delayed(key)) =
                person.keys.find(claim.auth.key_index)
            else {
                return Vec::new();
            };
            keys::renewal_question(key, system_id, user_id, command)
        }
        Command::Recovery(RecoveryCommand::SetTemplate(command)) => {
            let key = &person.keys.current;
            recovery::template_question(key, (system_id, user_id), command)
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

/// Does the decision make or check a code on the server's own key?
pub fn needs_system_key(envelope: &CommandEnvelope) -> bool {
    matches!(
        envelope.command,
        Command::Codes(CodeCommand::GenerateCommon(_) | CodeCommand::CheckCommon(_))
    )
}

/// Does the decision ask what the system is licensed for?
pub fn needs_license(envelope: &CommandEnvelope) -> bool {
    matches!(
        envelope.command,
        Command::Users(UserCommand::Create(_)) | Command::Keys(KeyCommand::Update(_))
    ) || tells_users(envelope)
        || licenses::feature_of(&envelope.command).is_some()
}

/// Does the answer tell how many users the system has?
pub fn tells_users(envelope: &CommandEnvelope) -> bool {
    matches!(
        envelope.command,
        Command::Systems(
            SystemCommand::Register(_)
                | SystemCommand::Change(_)
                | SystemCommand::GetInfo(_)
                | SystemCommand::CloseBilling(_)
                | SystemCommand::GetReport(_)
        )
    )
}

/// Is it the code of an offline transaction, that the bank hands on?
fn is_confirmation(command: &Command) -> bool {
    matches!(
        command,
        Command::Transactions(TransactionCommand::Confirm(_))
    )
}

/// What vouches for a device. Whoever puts the delayed key in force has to say farewell to the other one.
fn keys_of_device(ring: &Ring, claim: &DeviceClaim, command: &Command) -> Vec<VaultName> {
    let claimed = claim.auth.key_index;
    match ring.find(claimed) {
        Found::Delayed(key) if may_put_in_force(command) => {
            [key.parts(), ring.current.parts()].concat()
        }
        Found::Current(key) | Found::Delayed(key) => key.parts(),
        Found::Unknown => ring.current.parts(),
        Found::Replaced => vec![VaultName::key_farewell(claimed)],
    }
}

/// Is it one of the calls that put the delayed key in force, when they come with it?
///
/// Source: reference manual, "delayed": saving the device's fingerprint, registering the public key, registering for pushes.
pub(crate) fn may_put_in_force(command: &Command) -> bool {
    match command {
        Command::Keys(KeyCommand::RegisterPublicKey(_))
        | Command::Devices(DeviceCommand::SetFingerprint(_)) => true,
        Command::Keys(_)
        | Command::Credentials(_)
        | Command::Devices(_)
        | Command::Server(_)
        | Command::Systems(_)
        | Command::Recovery(_)
        | Command::Journal(_)
        | Command::Users(_)
        | Command::Operations(_)
        | Command::Operators(_)
        | Command::Codes(_)
        | Command::CodeOrders(_)
        | Command::Transactions(_) => false,
    }
}

fn wanted(person: &Person, envelope: &CommandEnvelope) -> Vec<VaultName> {
    match &envelope.command {
        Command::Users(command) => users::needs(person, command),
        Command::Keys(command) => keys::needs(&person.keys, command),
        Command::Credentials(command) => match &envelope.caller {
            Caller::Device(claim) => match person.keys.find(claim.auth.key_index) {
                Found::Current(key) | Found::Delayed(key) => credentials::needs(key, command),
                Found::Replaced | Found::Unknown => Vec::new(),
            },
            Caller::System | Caller::House | Caller::Administrator | Caller::Operator => Vec::new(),
        },
        Command::Transactions(command) => transactions::needs(command),
        Command::Operations(command) => operations::needs(person, command),
        Command::Recovery(command) => recovery::needs(&person.keys, command),
        Command::Operators(command) => operators::needs(person, command),
        Command::Codes(_) => person.keys.current.parts(),
        Command::CodeOrders(command) => code_orders::needs(person, command),
        Command::Devices(_) | Command::Server(_) | Command::Systems(_) | Command::Journal(_) => {
            Vec::new()
        }
    }
}
