//! What a decision will want to know, before it is made: the runner fetches and computes it beside the lane.

use schemas::commands::{Caller, Command, CommandEnvelope};
use schemas::vault::VaultName;
use schemas::{KeyIndex, Owner};

use crate::facts::SignatureCheck;
use crate::keys::Key;
use crate::owner::OwnerState;
use crate::users::Person;
use crate::{keys, transactions};

/// The vault rows a decision of this command on this state reads.
pub fn needs(state: &OwnerState, envelope: &CommandEnvelope) -> Vec<VaultName> {
    let OwnerState::User(user) = state else {
        return Vec::new();
    };
    let Ok(person) = user.life.present() else {
        return Vec::new();
    };
    let mut names = match &envelope.caller {
        Caller::Device(claim) => keys_of_device(&person.key, claim.auth.key_index),
        Caller::System | Caller::House => Vec::new(),
    };
    names.extend(wanted(person, &envelope.command));
    names
}

/// A question about a signature, worth answering beside the lane: when the decision comes to it, it will be this one.
pub fn precheck(state: &OwnerState, envelope: &CommandEnvelope) -> Option<SignatureCheck> {
    let (OwnerState::User(user), Owner::User(system_id, user_id), Caller::Device(_)) =
        (state, &envelope.owner, &envelope.caller)
    else {
        return None;
    };
    let person = user.life.present().ok()?;
    match &envelope.command {
        Command::ConfirmTransaction(command) => transactions::signature_question(person, command),
        Command::RegisterPublicKey(command) => {
            keys::renewal_question(&person.key, system_id, user_id, command)
        }
        _ => None,
    }
}

fn keys_of_device(key: &Key, claimed: KeyIndex) -> Vec<VaultName> {
    if claimed < key.index {
        vec![VaultName::key_farewell(claimed)]
    } else {
        parts(key)
    }
}

fn parts(key: &Key) -> Vec<VaultName> {
    let first = VaultName::key_first_part(key.index);
    if key.has_two_parts() {
        vec![first, VaultName::key_second_part(key.index)]
    } else {
        vec![first]
    }
}

fn wanted(person: &Person, command: &Command) -> Vec<VaultName> {
    match command {
        Command::GetUserInfo(_) => vec![VaultName::user_name(), VaultName::push_address()],
        Command::UpdateUserKey(_) => {
            let mut names = parts(&person.key);
            names.push(VaultName::user_name());
            names
        }
        Command::ActivateKey(_) => vec![VaultName::activation_verifier(person.key.index)],
        Command::GetTransactionData(command) => {
            vec![VaultName::transaction_content(&command.transaction_id)]
        }
        Command::GetTransactionBinaryData(command) => {
            vec![VaultName::transaction_content(&command.transaction_id)]
        }
        Command::RegisterSystem(_)
        | Command::ChangeSystem(_)
        | Command::RemoveSystem(_)
        | Command::GetSystemInfo(_)
        | Command::GetEvents(_)
        | Command::GetEventInfo(_)
        | Command::CreateUser(_)
        | Command::ChangeUser(_)
        | Command::DeleteUser(_)
        | Command::RegisterPublicKey(_)
        | Command::SetFingerprint(_)
        | Command::ReportDevice(_)
        | Command::CreateTransaction(_)
        | Command::ListTransactions(_)
        | Command::GetTransactionInfo(_)
        | Command::ConfirmTransaction(_)
        | Command::DeclineTransaction(_)
        | Command::ExpireTransaction(_)
        | Command::DeleteTransaction(_) => Vec::new(),
    }
}
