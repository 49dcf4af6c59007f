//! From an envelope to an outcome: who asks, whether they may, and which decider knows.

use schemas::commands::code_orders::CodeOrderCommand;
use schemas::commands::journal::JournalCommand;
use schemas::commands::keys::KeyCommand;
use schemas::commands::operations::OperationCommand;
use schemas::commands::recovery::RecoveryCommand;
use schemas::commands::transactions::TransactionCommand;
use schemas::commands::users::UserCommand;
use schemas::commands::{Caller, Command, CommandEnvelope};
use schemas::context::{CallbackWishes, RequestPrivate};
use schemas::flags::{COLLECT_DEVICE_INFO, COLLECT_EVENTS, KeyFlags};
use schemas::settings::Settings;
use schemas::{ErrorCode, Owner, SystemId, UserId, device_info};

use crate::asked::{self, Asked, By, Reason};
use crate::authenticate::{Authenticated, Holds, authenticate};
use crate::decision::{Decision, Outcome};
use crate::facts::Facts;
use crate::keys::{Found, Key};
use crate::owner::{OwnerState, UserState};
use crate::users::{Life, Person};
use crate::{
    code_orders, codes, credentials, devices, gathering, journal, keys, licenses, operations,
    operators, recovery, server, systems, transactions, users,
};

/// Decides a command. The same state, command and facts always give the same outcome.
pub fn decide(state: &OwnerState, envelope: &CommandEnvelope, facts: &Facts<'_>) -> Outcome {
    match (state, &envelope.owner) {
        (OwnerState::Server(server), _) => server::decide(server, envelope, facts),
        (OwnerState::System(system), _) => systems::decide(system, envelope, facts),
        (OwnerState::User(user), Owner::User(system_id, user_id)) => match &envelope.caller {
            Caller::System => for_bank(user, (system_id, user_id), &envelope.command, facts),
            Caller::Device(_) => for_device(state, user, (system_id, user_id), envelope, facts),
            Caller::House => for_house(user, system_id, &envelope.command, facts),
            Caller::Operator => for_operator(user, (system_id, user_id), &envelope.command, facts),
            Caller::Administrator => asked::refused_silently(ErrorCode::RequestError),
        },
        // A person's history under another's name: a bug of the door, and nothing to write anywhere.
        (OwnerState::User(_), Owner::Server | Owner::System(_)) => {
            asked::refused_silently(ErrorCode::RequestError)
        }
    }
}

/// The erasable part of what a command brought, as far as it may be kept. What a device tells about itself is kept when the
/// settings and the flags of the key that it holds both ask for it. A command that is about to issue the key brings none.
pub fn kept_private(
    state: &OwnerState,
    envelope: &CommandEnvelope,
    settings: &Settings,
) -> RequestPrivate {
    let brought = envelope.private.clone();
    let flags = flags_of_device(state, envelope)
        // Device information is part of what is told of an event: without that flag the other counts for nothing.
        .filter(|flags| flags.has(&COLLECT_EVENTS) && flags.has(&COLLECT_DEVICE_INFO))
        .filter(|_| settings.collect_events() && settings.collect_device_information());
    let Some(flags) = flags else {
        return RequestPrivate {
            device_info: None,
            event_data: None,
            ..brought
        };
    };
    let device_info = brought.device_info.as_ref();
    RequestPrivate {
        device_info: device_info.and_then(|info| device_info::permitted(flags, info)),
        ..brought
    }
}

fn flags_of_device(state: &OwnerState, envelope: &CommandEnvelope) -> Option<KeyFlags> {
    let (OwnerState::User(user), Caller::Device(claim)) = (state, &envelope.caller) else {
        return None;
    };
    match user.life.present().ok()?.keys.find(claim.auth.key_index) {
        Found::Current(key) | Found::Delayed(key) => Some(key.flags),
        Found::Replaced | Found::Unknown => None,
    }
}

type Ids<'a> = (&'a SystemId, &'a UserId);

fn for_bank(
    user: &UserState,
    (system_id, user_id): Ids<'_>,
    command: &Command,
    facts: &Facts<'_>,
) -> Outcome {
    let system = match facts.system.registered() {
        Ok(system) => system,
        Err(rejection) => return refuse_bank(&user.life, command, rejection.code()),
    };
    let decided = match (&user.life, command) {
        (Life::Missing, Command::Users(UserCommand::Create(command))) => {
            users::create((system_id, user_id), command, system, facts)
                .map_err(|rejection| Reason::from(rejection.code()))
        }
        // What was recorded of a user outlives the user, and can be erased all the same.
        (Life::Present(_) | Life::Deleted, Command::Journal(JournalCommand::Clean(command))) => {
            Ok(journal::clean(command, facts.vault))
        }
        (life, command) => match life.present() {
            Ok(person) => {
                let asked = Asked {
                    person,
                    key: &person.keys.current,
                    system_id,
                    user_id,
                    system,
                    facts,
                    by: By::Bank,
                };
                let decided = permitted(command, &Caller::System)
                    .map_err(Reason::from)
                    .and_then(|()| ask(&asked, command));
                return stamp(person, Some(system), decided, command, facts);
            }
            Err(rejection) => Err(rejection.code().into()),
        },
    };
    match decided {
        Ok(decision) => Outcome::Decided(Box::new(decision)),
        Err(reason) => refuse_bank(&user.life, command, reason.code),
    }
}

/// An operator sees what is there, and changes nothing.
fn for_operator(
    user: &UserState,
    (system_id, user_id): Ids<'_>,
    command: &Command,
    facts: &Facts<'_>,
) -> Outcome {
    let found = facts.system.registered().map_err(systems::Rejection::code);
    let found = found.and_then(|system| {
        let person = user.life.present().map_err(users::Rejection::code)?;
        Ok((system, person))
    });
    let (system, person) = match found {
        Ok(found) => found,
        Err(code) => return refuse_bank(&user.life, command, code),
    };
    let asked = Asked {
        person,
        key: &person.keys.current,
        system_id,
        user_id,
        system,
        facts,
        by: By::Bank,
    };
    let decided = permitted(command, &Caller::Operator)
        .map_err(Reason::from)
        .and_then(|()| ask(&asked, command));
    stamp(person, Some(system), decided, command, facts)
}

/// Is this a command for that caller to give?
fn permitted(command: &Command, caller: &Caller) -> Result<(), ErrorCode> {
    if command.askers().include(caller) {
        Ok(())
    } else {
        Err(ErrorCode::RequestError)
    }
}

/// A refusal is journaled where there is a history; it never starts one.
fn refuse_bank(life: &Life, command: &Command, code: ErrorCode) -> Outcome {
    match life {
        Life::Missing => asked::refused_silently(code),
        Life::Present(_) | Life::Deleted => asked::refused(command, code),
    }
}

/// The aggregate that knows.
fn ask(asked: &Asked<'_>, command: &Command) -> Result<Decision, Reason> {
    if let Some(feature) = licenses::feature_of(command) {
        licenses::permit(feature, asked.system_id, asked.system, asked.facts)
            .map_err(|rejection| Reason::from(rejection.code()))?;
    }
    let code = match command {
        Command::Users(command) => users::decide(asked, command).map_err(users::Rejection::code),
        Command::Keys(command) => keys::decide(asked, command).map_err(keys::Rejection::code),
        Command::Recovery(command) => {
            recovery::decide(asked, command).map_err(recovery::Rejection::code)
        }
        Command::Credentials(command) => {
            credentials::decide(asked, command).map_err(credentials::Rejection::code)
        }
        Command::Devices(command) => {
            devices::decide(asked, command).map_err(devices::Rejection::code)
        }
        Command::Transactions(command) => {
            transactions::decide(asked, command).map_err(transactions::Rejection::code)
        }
        Command::Codes(command) => codes::decide(asked, command).map_err(codes::Rejection::code),
        Command::CodeOrders(command) => {
            code_orders::decide(asked, command).map_err(code_orders::Rejection::code)
        }
        Command::Operations(command) => {
            return operations::decide(asked, command).map_err(operations::Rejection::reason);
        }
        Command::Operators(command) => {
            operators::decide(asked, command).map_err(operators::Rejection::code)
        }
        // The server's own and a system's own: the doors send none of these for a user.
        Command::Server(_) | Command::Systems(_) | Command::Journal(_) => {
            Err(ErrorCode::RequestError)
        }
    };
    code.map_err(Reason::from)
}

fn for_device(
    state: &OwnerState,
    user: &UserState,
    (system_id, user_id): Ids<'_>,
    envelope: &CommandEnvelope,
    facts: &Facts<'_>,
) -> Outcome {
    let authenticated = match authenticate(state, envelope, facts) {
        Ok(authenticated) => authenticated,
        // Of a removed system nobody is known any more, and that it was removed is no secret.
        Err(refusal)
            if facts.system.is_removed() && refusal.code == ErrorCode::HttpAuthCodeInvalid =>
        {
            return asked::refused_silently(ErrorCode::SystemIsDeleted);
        }
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let Ok(person) = user.life.present() else {
        return asked::refused_silently(ErrorCode::HttpAuthCodeInvalid);
    };
    let command = &envelope.command;
    let registered = facts.system.registered().map_err(systems::Rejection::code);
    let decided = registered.map_err(Reason::from).and_then(|system| {
        permitted(command, &envelope.caller)?;
        let key = admit(person, &authenticated, command, facts)?;
        let asked = Asked {
            person,
            key,
            system_id,
            user_id,
            system,
            facts,
            by: By::Device(authenticated.secret.as_ref()),
        };
        ask(&asked, command)
    });
    let mut outcome = stamp(person, registered.ok(), decided, command, facts);
    match &mut outcome {
        Outcome::Decided(decision) => decision.response_key = authenticated.response_key,
        Outcome::Refused(refusal) => refusal.response_key = authenticated.response_key,
    }
    outcome
}

/// May a device with this key ask for this? Activating has its own answers to a blocked or expired key, and the calls about
/// the password to a password whose tries were used up.
///
/// The delayed key opens nothing but what makes it ready to take its place: its activation, its password, and the two calls
/// that put it in force.
fn admit<'a>(
    person: &'a Person,
    authenticated: &Authenticated,
    command: &Command,
    facts: &Facts<'_>,
) -> Result<&'a Key, ErrorCode> {
    let key = match (authenticated.holds, &person.keys.delayed) {
        (Holds::Current, _) => &person.keys.current,
        (Holds::Delayed, Some(delayed)) => delayed,
        (Holds::Delayed, None) | (Holds::Replaced, _) => return Err(ErrorCode::KeyIndexObsoleted),
    };
    if person.block.is_some() {
        return Err(ErrorCode::UserIsBlocked);
    }
    if let Command::Keys(KeyCommand::Activate(_)) = command {
        return Ok(key);
    }
    let is_about_password = matches!(command, Command::Credentials(_));
    if key.is_blocked() && !(is_about_password && key.is_complete()) {
        return Err(ErrorCode::UserIsBlocked);
    }
    if key.is_expired(facts.now) && !brings_another_key(command) {
        return Err(ErrorCode::KeyExpired);
    }
    if !key.is_complete() {
        return Err(ErrorCode::KeyNotActivated);
    }
    let makes_ready = is_about_password || gathering::may_put_in_force(command);
    if authenticated.holds == Holds::Delayed && !makes_ready {
        return Err(ErrorCode::KeyNotActivated);
    }
    Ok(key)
}

/// Is it one of the two calls by which a device gets another key? They are what a key whose life is over is still good for.
fn brings_another_key(command: &Command) -> bool {
    matches!(
        command,
        Command::Recovery(RecoveryCommand::Challenge(_) | RecoveryCommand::Respond(_))
    )
}

fn for_house(
    user: &UserState,
    system_id: &SystemId,
    command: &Command,
    facts: &Facts<'_>,
) -> Outcome {
    let person = user.life.present().ok();
    let system = facts.system.registered().ok();
    let decision = match command {
        Command::Transactions(TransactionCommand::Expire(expire)) => {
            transactions::expire(person, system, expire, facts)
        }
        Command::Transactions(TransactionCommand::NotePushSent(sent)) => {
            transactions::push_sent(person, sent, facts)
        }
        Command::Transactions(TransactionCommand::NotePushFailed(failed)) => {
            transactions::push_failed(person, failed)
        }
        Command::Keys(KeyCommand::ForgetPushAddress(forget)) => {
            keys::forget_push_address(person, forget, facts)
        }
        Command::Operations(OperationCommand::Expire(expire)) => {
            operations::expire(person, system, expire, facts)
        }
        Command::Users(UserCommand::NoteReceipts(note)) => users::note_receipts(&user.life, note),
        Command::Users(UserCommand::Delete(_)) => {
            match users::delete_of_removed_system(&user.life, system_id, facts.system) {
                Some(decision) => decision,
                None => return asked::refused_silently(ErrorCode::RequestError),
            }
        }
        Command::CodeOrders(CodeOrderCommand::Begin(begin)) => {
            code_orders::begin(person, begin, facts)
        }
        Command::CodeOrders(CodeOrderCommand::Settle(settle)) => {
            code_orders::settle(person, settle)
        }
        Command::CodeOrders(CodeOrderCommand::End(end)) => code_orders::end(person, end, facts),
        Command::CodeOrders(CodeOrderCommand::NoteReceipt(note)) => {
            code_orders::note_receipt(person, note)
        }
        _ => return asked::refused_silently(ErrorCode::RequestError),
    };
    match person {
        Some(person) => stamp(person, system, Ok(decision), command, facts),
        None => Outcome::Decided(Box::new(decision)),
    }
}

/// Adds what every outcome about a user carries: the event of a refusal, and where events of this key are posted.
fn stamp(
    person: &Person,
    system: Option<&systems::Registered>,
    decided: Result<Decision, Reason>,
    command: &Command,
    facts: &Facts<'_>,
) -> Outcome {
    let settings = facts.settings;
    let post_url = system
        .filter(|_| settings.collect_events() && person.keys.current.flags.has(&COLLECT_EVENTS))
        .and_then(systems::Registered::events_post_url);
    let mut outcome = match decided {
        Ok(decision) => Outcome::Decided(Box::new(decision)),
        Err(reason) => asked::refused(command, reason),
    };
    match &mut outcome {
        Outcome::Decided(decision) => {
            decision.events_post_url = post_url;
            decision.callback = callback_wishes(person, settings);
        }
        Outcome::Refused(refusal) => refusal.events_post_url = post_url,
    }
    outcome
}

/// How callbacks about this user are written now; `None` when that is what the settings' table says.
fn callback_wishes(person: &Person, settings: &Settings) -> Option<CallbackWishes> {
    let registration = person.keys.current.registered.as_ref();
    let push = registration.and_then(|registration| registration.push.as_ref());
    let wishes = CallbackWishes {
        version: settings.callback_version(),
        tells_event: settings.tell_event(),
        app_id: push
            .filter(|_| settings.tell_app_id())
            .and_then(|push| push.app_id.clone()),
    };
    (wishes != CallbackWishes::default()).then_some(wishes)
}

#[cfg(test)]
mod tests {
    use schemas::commands::keys::KeyParts;
    use schemas::commands::transactions::{GetTransactionInfo, ListTransactions};
    use schemas::commands::users::GetUserInfo;

    use super::*;
    use crate::testing::{Story, key_request};

    const LOOK: ListTransactions = ListTransactions {
        statuses: Vec::new(),
    };

    #[test]
    fn nobody_asks_what_is_another_callers_to_ask() {
        let mut story = Story::of_a_user();
        story
            .device_asks(GetUserInfo {})
            .is_refused(ErrorCode::RequestError);
        let info = GetTransactionInfo {
            transaction_id: "invoice-1".parse().unwrap(),
        };
        story.device_asks(info).is_refused(ErrorCode::RequestError);
        let confirmation = story.confirmation("invoice-1");
        story
            .bank_asks(confirmation)
            .is_refused(ErrorCode::RequestError);
        story
            .house_asks(GetUserInfo {})
            .is_refused_silently(ErrorCode::RequestError);
    }

    #[test]
    fn events_are_posted_when_the_keys_flags_ask_for_it() {
        for (flag, url) in [(1, Some("https://bank.example/events")), (0, None)] {
            let mut request = key_request(KeyParts::Whole);
            let mut flags = KeyFlags::default();
            flags.set(&COLLECT_EVENTS, flag);
            request.flags = flags;
            let mut story = Story::of_a_user_with(request);
            assert_eq!(story.device_asks(LOOK).events_post_url().as_deref(), url);
            assert_eq!(
                story.bank_asks(GetUserInfo {}).events_post_url().as_deref(),
                url
            );
            let refused = story.device_asks(GetUserInfo {});
            assert_eq!(refused.events_post_url().as_deref(), url);
        }
    }

    #[test]
    fn device_information_is_kept_when_setting_and_flags_ask_for_it() {
        let info = r#"{"osName":"Android"}"#;
        let asked = |story: &mut Story| {
            let mut envelope = story.device_request(LOOK);
            envelope.private.device_info = Some(info.to_owned());
            envelope.private.event_data = Some("{}".to_owned());
            let kept = kept_private(&story.state, &envelope, &story.settings);
            assert_eq!(kept.device_info.is_some(), kept.event_data.is_some());
            kept.device_info
        };
        let mut request = key_request(KeyParts::Whole);
        request.flags.set(&COLLECT_EVENTS, 1);
        request.flags.set(&COLLECT_DEVICE_INFO, 1);
        let mut story = Story::of_a_user_with(request);
        story.set("COLLECT_DEVICE_INFORMATION", "0");
        assert_eq!(asked(&mut story), None);
        story.set("COLLECT_DEVICE_INFORMATION", "1");
        assert_eq!(asked(&mut story).as_deref(), Some(info));
        let mut other = Story::of_a_user();
        other.set("COLLECT_DEVICE_INFORMATION", "1");
        assert_eq!(asked(&mut other), None);
    }
}
