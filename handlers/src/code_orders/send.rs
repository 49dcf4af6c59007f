//! `send_activation_code`: the bank orders that the code of a key be sent to its user.

use schemas::Timestamp;
use schemas::answers::AnswerBody;
use schemas::commands::code_orders::SendActivationCode;
use schemas::events::code_orders::CodeOrdered;
use schemas::vault::VaultName;
use schemas::{CodeOrderId, ErrorCode, Secret};

use super::state::ORDER_LIFE_S;
use super::{CodePolicy, Rejection};
use crate::asked::Asked;
use crate::decision::{CounterStep, Decision};
use crate::keys::{Activation, Found, Key};
use crate::policies::code_order_timer;

const DAY_MS: i64 = 86_400_000;

/// Counts the order and writes down where the code goes. Nothing is sent before that is in the log.
///
/// Source: the manual's order of issuing keys: the second part of a key is sent on the user's request, by text message, by
/// e-mail or by both. Ours: the limits, since whoever can make a bank send messages to numbers of his choice can sell them.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &SendActivationCode,
) -> Result<Decision, Rejection> {
    let (facts, policy) = (asked.facts, asked.facts.code_policy);
    let channels = command.contacts.channels();
    if channels.is_empty() {
        return Err(Rejection::ContactMissing);
    }
    if !channels
        .iter()
        .all(|channel| policy.channels.contains(channel))
    {
        return Err(Rejection::ChannelMissing);
    }
    check_number(command, policy)?;
    if asked.person.block.is_some() {
        return Err(Rejection::Blocked);
    }
    let key = meant(asked, command)?;
    check_key(asked, key)?;
    if facts
        .vault
        .get(&VaultName::activation_code(key.index))
        .is_none()
    {
        return Err(Rejection::CodeUnknown);
    }
    let recent = asked.person.code_orders.recent(key.index, facts.now);
    if recent >= policy.orders_per_key_and_hour {
        return Err(Rejection::TooMany);
    }
    let order_id: CodeOrderId = facts
        .command_id
        .derived_uuid("code-order")
        .to_string()
        .parse()
        .expect("a UUID has the form of an identifier");
    let budget = CounterStep {
        counter: format!("codes/{}/{}", asked.system_id, day(facts.now)),
        step: channels.len() as i64,
        limit: Some((
            policy.messages_per_system_and_day,
            ErrorCode::RequestIsLockedByAnotherRequest,
        )),
    };
    let contacts = rmp_serde::to_vec_named(&command.contacts)
        .expect("contacts hold nothing MessagePack cannot");
    let event = CodeOrdered {
        order_id: order_id.clone(),
        key_index: key.index,
        channels: channels.clone(),
        language: command.language,
    };
    Ok(Decision {
        vault: vec![(VaultName::code_contacts(&order_id), Secret::new(contacts))],
        timers: vec![(
            code_order_timer(&order_id),
            facts.now.plus_seconds(ORDER_LIFE_S),
        )],
        counts: vec![budget],
        answer: AnswerBody::CodeOrdered {
            order_id,
            key_index: key.index,
            channels,
            valid_to: key.valid_to,
        },
        ..Decision::happened(vec![event.into()])
    })
}

fn check_number(command: &SendActivationCode, policy: &CodePolicy) -> Result<(), Rejection> {
    let Some(phone) = &command.contacts.phone else {
        return Ok(());
    };
    // Opened to compare its beginning.
    let number = phone.expose_text().unwrap_or_default();
    if policy.permits_number(number) {
        Ok(())
    } else {
        Err(Rejection::NumberForbidden)
    }
}

/// The key that is named, or the newest that waits for its code, or the one in force, which then says why not.
fn meant<'a>(asked: &Asked<'a>, command: &SendActivationCode) -> Result<&'a Key, Rejection> {
    let ring = &asked.person.keys;
    let Some(key_index) = command.key_index else {
        let waits = |key: &&Key| matches!(key.activation, Activation::Waiting { .. });
        let delayed = ring.delayed.as_ref().filter(waits);
        return Ok(delayed.unwrap_or(&ring.current));
    };
    match ring.find(key_index) {
        Found::Current(key) | Found::Delayed(key) => Ok(key),
        Found::Replaced => Err(Rejection::KeyReplaced),
        Found::Unknown => Err(Rejection::KeyUnknown),
    }
}

fn check_key(asked: &Asked<'_>, key: &Key) -> Result<(), Rejection> {
    match key.activation {
        Activation::Whole | Activation::Activated => return Err(Rejection::NothingToActivate),
        Activation::Blocked => return Err(Rejection::AttemptsExhausted),
        Activation::Waiting { .. } => {}
    }
    if key.is_blocked() {
        return Err(Rejection::Blocked);
    }
    if key.is_expired(asked.facts.now) {
        return Err(Rejection::KeyExpired);
    }
    if key.has_no_try_left(asked.facts.settings) {
        return Err(Rejection::AttemptsExhausted);
    }
    Ok(())
}

/// Days since 1.1.1970, UTC.
fn day(now: Timestamp) -> i64 {
    now.0.div_euclid(DAY_MS)
}

#[cfg(test)]
mod tests;
