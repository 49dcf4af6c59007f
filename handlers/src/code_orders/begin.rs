//! `begin_code_sending`: the house is about to send a message, and is told what.

use schemas::Secret;
use schemas::answers::{AnswerBody, CodeToSend};
use schemas::commands::code_orders::{
    BeginCodeSending, CodeContacts, SendingOutcome, SettleCodeSending,
};
use schemas::events::code_orders::CodeSendingBegun;
use schemas::vault::VaultName;

use super::settle::settled;
use super::state::{Order, Stage, told_before};
use crate::decision::Decision;
use crate::facts::Facts;
use crate::keys::Activation;
use crate::users::Person;

/// Attempts for one message.
const ATTEMPTS_MAX: u32 = 5;

/// Notes the attempt and answers with what is to be sent; with nothing when nothing is to be sent any more, and the message
/// is then settled. An attempt that was noted before is not begun again: how it ended is not known here.
pub(crate) fn decide(
    person: Option<&Person>,
    command: &BeginCodeSending,
    facts: &Facts<'_>,
) -> Decision {
    let nothing = Decision::happened(Vec::new());
    let Some((person, order)) = found(person, command) else {
        return nothing;
    };
    let stage = order.stage(command.channel).unwrap_or(Stage::Settled);
    let begun = match stage {
        Stage::Settled => return nothing,
        Stage::Owed => 0,
        Stage::Begun { attempt, .. } => attempt,
    };
    if command.attempt <= begun {
        return nothing;
    }
    match to_send(person, order, command, facts) {
        Ok(message) => {
            let event = CodeSendingBegun {
                order_id: order.id.clone(),
                key_index: order.key_index,
                channel: command.channel,
                attempt: command.attempt,
            };
            Decision {
                erase: told_before(stage).into_iter().collect(),
                answer: AnswerBody::CodeToSend(Box::new(message)),
                secret_answer: true,
                ..Decision::happened(vec![event.into()])
            }
        }
        Err((outcome, reason)) => settled(
            order,
            &SettleCodeSending {
                order_id: order.id.clone(),
                channel: command.channel,
                outcome,
                reason: Some(reason.to_owned()),
            },
        ),
    }
}

fn found<'a>(
    person: Option<&'a Person>,
    command: &BeginCodeSending,
) -> Option<(&'a Person, &'a Order)> {
    let person = person?;
    Some((person, person.code_orders.find(&command.order_id)?))
}

/// The message, or what becomes of it instead.
fn to_send(
    person: &Person,
    order: &Order,
    command: &BeginCodeSending,
    facts: &Facts<'_>,
) -> Result<CodeToSend, (SendingOutcome, &'static str)> {
    let withdrawn = |reason| (SendingOutcome::Withdrawn, reason);
    if order.is_over(facts.now) {
        return Err(withdrawn("too_late"));
    }
    if command.attempt > ATTEMPTS_MAX {
        return Err((SendingOutcome::Failed, "too_many_attempts"));
    }
    if facts.system.registered().is_err() {
        return Err(withdrawn("system_removed"));
    }
    let key = order.key(&person.keys).ok_or(withdrawn("key_replaced"))?;
    match key.activation {
        Activation::Activated | Activation::Whole => return Err(withdrawn("key_activated")),
        Activation::Blocked => return Err(withdrawn("key_blocked")),
        Activation::Waiting { .. } => {}
    }
    if person.block.is_some() || key.is_blocked() || key.has_no_try_left(facts.settings) {
        return Err(withdrawn("key_blocked"));
    }
    if key.is_expired(facts.now) {
        return Err(withdrawn("key_expired"));
    }
    let code = facts.vault.get(&VaultName::activation_code(key.index));
    let contacts = facts.vault.get(&VaultName::code_contacts(&order.id));
    let contacts = contacts.and_then(|row| rmp_serde::from_slice::<CodeContacts>(row).ok());
    let contact = contacts.and_then(|contacts| contacts.at(command.channel).cloned());
    match (code, contact) {
        (Some(code), Some(contact)) => Ok(CodeToSend {
            code: Secret::new(code),
            contact,
            language: order.language,
            valid_to: key.valid_to,
        }),
        _ => Err((SendingOutcome::Failed, "erased")),
    }
}

#[cfg(test)]
mod tests;
