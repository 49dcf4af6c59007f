//! One decision: facts in, a commit out. The owner's state is moved on at once; who appends must forget the owner when the
//! append does not hold.

use bus::shell::random_bytes;
use event_log::{Claim, CommandRow, Commit, Count, Erase, NewEvent, Timer, VaultRow};
use handlers::{Decision, Erasure, Facts, Next, Outcome, OwnerState, Refusal, VaultFacts};
use schemas::answers::{Answer, AnswerBody};
use schemas::commands::{CommandEnvelope, Kind};
use schemas::context::{RequestContext, RequestPrivate};
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::vault::VaultName;
use schemas::{ErrorCode, Secret, Timestamp, codec};

use crate::gather::Ready;
use crate::house::House;
use crate::owners::Entry;
use crate::past::Past;

/// What is to be appended for a command, and what its caller hears once it is.
#[derive(Debug)]
pub struct Decided {
    /// `None` when nothing is to be appended: answer at once, or ask.
    pub commit: Option<Commit>,
    /// What the caller hears.
    pub answer: Answer,
    /// Whether the command is finished.
    pub next: Next,
    /// What the caller hears when a claimed name is taken, with the event that says so.
    pub if_taken: Vec<(Claim, Refusal)>,
    /// What the caller hears when a counter is at its limit.
    pub if_full: Option<Refusal>,
}

/// Decides a command on the owner's present state.
pub fn decide(
    house: &House,
    entry: &mut Entry,
    system: &OwnerState,
    ready: &Ready,
    vault: &VaultFacts,
    history: &[RecordedEvent],
) -> Decided {
    let envelope = &*ready.envelope;
    let now = house.clock.now();
    let own_state = match &entry.state {
        OwnerState::System(state) => Some(state.clone()),
        OwnerState::Server(_) | OwnerState::User(_) => None,
    };
    let system = match (own_state.as_ref(), system) {
        (Some(own), _) => own,
        (None, OwnerState::System(state)) => state,
        (None, OwnerState::Server(_) | OwnerState::User(_)) => {
            unreachable!("systems are kept under a system's owner")
        }
    };
    let is_removed = system.is_removed();
    // Of a removed system nothing is kept that would have to be erased.
    let bare = is_removed.then(|| CommandEnvelope {
        private: RequestPrivate::default(),
        ..envelope.clone()
    });
    // What lies in the vault lies there now; of some of it that is what lay there then.
    let lay_there = ready.gathered.past.as_ref().map(|_| vault.of_one_moment());
    let (asked, system, vault, at) = match &ready.gathered.past {
        // Its past is served as little as its present.
        _ if is_removed => (&entry.state, system, vault, now),
        None => (&entry.state, system, vault, now),
        Some(Past::Nowhere) => {
            return refuse(house, entry, envelope, now, no_such_moment(envelope));
        }
        Some(Past::Then(then)) => {
            let OwnerState::System(then_system) = &then.system else {
                unreachable!("it was folded as a system's")
            };
            let vault = lay_there.as_ref().unwrap_or(vault);
            (&then.owner, then_system, vault, then.at)
        }
    };
    let settings = house.settings.current();
    let system_key =
        handlers::needs_system_key(envelope).then(|| house.system_key(envelope.owner.system_id()));
    let facts = Facts {
        now: at,
        seed: random_bytes(),
        command_id: envelope.command_id,
        request_id: envelope.request_id,
        settings: &settings,
        system,
        vault,
        history,
        system_key: system_key.as_ref(),
        license: ready.gathered.license.as_ref(),
        code_policy: &house.options.code_policy,
        verified: &ready.gathered.verified,
        outside: &ready.outside,
    };
    match handlers::decide(asked, envelope, &facts) {
        Outcome::Decided(decision) => {
            let facts = Facts { now, ..facts };
            carry_out(house, entry, ready, &facts, *decision)
        }
        Outcome::Refused(refusal) => refuse(
            house,
            entry,
            bare.as_ref().unwrap_or(envelope),
            now,
            refusal,
        ),
    }
}

fn carry_out(
    house: &House,
    entry: &mut Entry,
    ready: &Ready,
    facts: &Facts<'_>,
    decision: Decision,
) -> Decided {
    let now = facts.now;
    let envelope = &*ready.envelope;
    let expected_version = entry.state.version();
    let private = handlers::kept_private(&entry.state, envelope, facts.settings);
    let context = RequestContext {
        transparent: decision.events_post_url.is_some() && facts.settings.events_transparent(),
        events_post_url: decision.events_post_url,
        callback: decision.callback,
        ..envelope.context.clone()
    };
    let events = record(
        entry,
        envelope,
        now,
        &decision.events,
        decision.code,
        context,
    );
    let seal = |(name, open): (VaultName, Secret)| {
        let sealed = house.seal(&envelope.owner, &name, open.expose());
        VaultRow { name, sealed }
    };
    let mut vault: Vec<VaultRow> = decision.vault.into_iter().map(seal).collect();
    if !decision.events.is_empty() {
        vault.extend(private_row(envelope, private).map(seal));
    }
    let answer = Answer {
        code: decision.code,
        position: None,
        response_key: decision.response_key,
        answered_at: now,
        body: decision.answer,
    };
    let mut command = None;
    if decision.next == Next::Answer && envelope.command.kind() == Kind::Write {
        let stored = if decision.secret_answer {
            let name = VaultName::answer(&envelope.command_id);
            vault.push(seal((name, Secret::new(encode(&answer.body)))));
            AnswerBody::InVault(envelope.command_id)
        } else {
            answer.body.clone()
        };
        command = Some(command_row(envelope, answer.code, &stored));
    }
    let erase = decision.erase.into_iter().map(|erasure| match erasure {
        Erasure::Row(name) => Erase::Row(name),
        Erasure::Owner => Erase::Owner,
    });
    let erase: Vec<Erase> = erase.collect();
    forget_secrets(entry, &vault, &erase);
    let taken = |(scope, name, code): &(String, String, ErrorCode)| {
        let event = Event::Refused(schemas::events::Refused {
            word: envelope.command.word(),
            transaction_id: decision
                .events
                .first()
                .and_then(|event| event.transaction_id().cloned()),
            operation_id: envelope.command.operation_id().cloned(),
        });
        let claim = Claim {
            scope: scope.clone(),
            name: name.clone(),
        };
        let response_key = answer.response_key.clone();
        (
            claim,
            Refusal {
                code: *code,
                event: Some(event),
                response_key,
                events_post_url: None,
            },
        )
    };
    let if_taken: Vec<(Claim, Refusal)> = decision.claims.iter().map(taken).collect();
    // Asking again, after a crash or a redelivery, leaves nothing in the log.
    let asks_again = matches!(decision.next, Next::Ask(_)) && events.is_empty();
    let limit = decision.counts.iter().find_map(|step| step.limit);
    let if_full = limit.map(|(_, code)| Refusal {
        code,
        // A refusal of somebody without a history starts none.
        event: (expected_version > 0).then(|| {
            Event::Refused(schemas::events::Refused {
                word: envelope.command.word(),
                transaction_id: None,
                operation_id: None,
            })
        }),
        response_key: answer.response_key.clone(),
        events_post_url: None,
    });
    let counts = decision.counts.into_iter().map(|step| Count {
        name: step.counter,
        step: step.step,
        max: step.limit.map(|(max, _)| max),
    });
    let commit = Commit {
        owner: envelope.owner.clone(),
        expected_version,
        events,
        command,
        vault,
        erase,
        timers: decision
            .timers
            .into_iter()
            .map(|(name, due_at)| Timer { name, due_at })
            .collect(),
        cancelled_timers: decision
            .cancelled_timers
            .into_iter()
            .chain(ready.timer.clone())
            .collect(),
        claims: if_taken.iter().map(|(claim, _)| claim.clone()).collect(),
        counts: counts.collect(),
    };
    Decided {
        commit: (!asks_again).then_some(commit),
        answer,
        next: decision.next,
        if_taken,
        if_full,
    }
}

/// There is no such moment in the log, or none can be asked about.
fn no_such_moment(envelope: &CommandEnvelope) -> Refusal {
    Refusal {
        code: ErrorCode::NoResult,
        event: Some(Event::Refused(schemas::events::Refused {
            word: envelope.command.word(),
            transaction_id: envelope.command.transaction_id().cloned(),
            operation_id: envelope.command.operation_id().cloned(),
        })),
        response_key: None,
        events_post_url: None,
    }
}

/// The commit of a refusal: its event and its command row, or nothing for a caller nobody vouches for.
pub fn refuse(
    house: &House,
    entry: &mut Entry,
    envelope: &CommandEnvelope,
    now: Timestamp,
    refusal: Refusal,
) -> Decided {
    let answer = Answer {
        code: refusal.code,
        position: None,
        response_key: refusal.response_key,
        answered_at: now,
        body: AnswerBody::Nothing,
    };
    let commit = refusal.event.map(|event| {
        let expected_version = entry.state.version();
        let settings = house.settings.current();
        let private = handlers::kept_private(&entry.state, envelope, &settings);
        let context = RequestContext {
            transparent: refusal.events_post_url.is_some() && settings.events_transparent(),
            events_post_url: refusal.events_post_url,
            ..envelope.context.clone()
        };
        let events = record(entry, envelope, now, &[event], refusal.code, context);
        let private = private_row(envelope, private);
        let vault = private.map(|(name, open)| VaultRow {
            sealed: house.seal(&envelope.owner, &name, open.expose()),
            name,
        });
        let write = envelope.command.kind() == Kind::Write;
        Commit {
            command: write.then(|| command_row(envelope, refusal.code, &AnswerBody::Nothing)),
            vault: vault.into_iter().collect(),
            ..Commit::of(envelope.owner.clone(), expected_version, events)
        }
    });
    Decided {
        commit,
        answer,
        next: Next::Answer,
        if_taken: Vec::new(),
        if_full: None,
    }
}

/// Frames the events and folds them: the first carries what the request brought.
fn record(
    entry: &mut Entry,
    envelope: &CommandEnvelope,
    now: Timestamp,
    events: &[Event],
    code: ErrorCode,
    context: RequestContext,
) -> Vec<NewEvent> {
    let later = RequestContext {
        instance: context.instance.clone(),
        callback: context.callback.clone(),
        ..RequestContext::default()
    };
    let contexts = std::iter::once(context).chain(std::iter::repeat(later));
    let framed = events.iter().zip(contexts).map(|(event, context)| {
        let own_result = event.result();
        let recorded = RecordedEvent {
            owner: envelope.owner.clone(),
            ordinal: entry.state.version() + 1,
            recorded_at: now,
            causation_id: envelope.command_id,
            result: if matches!(event, Event::Refused(_)) {
                code
            } else {
                own_result
            },
            context,
            event: event.clone(),
        };
        handlers::evolve(&mut entry.state, &recorded);
        NewEvent {
            word: recorded.event.word().into(),
            aggregate: recorded.event.aggregate().into(),
            at: now,
            payload: codec::encode(&recorded).into(),
        }
    });
    let framed = framed.collect();
    entry.note_cause(&envelope.command_id);
    framed
}

/// What the request brought that may have to be erased.
fn private_row(envelope: &CommandEnvelope, private: RequestPrivate) -> Option<(VaultName, Secret)> {
    if private == RequestPrivate::default() {
        return None;
    }
    Some((
        VaultName::request(&envelope.command_id),
        Secret::new(encode(&private)),
    ))
}

fn command_row(envelope: &CommandEnvelope, code: ErrorCode, answer: &AnswerBody) -> CommandRow {
    CommandRow {
        command_id: envelope.command_id,
        fingerprint: envelope.fingerprint,
        code,
        answer: encode(answer),
    }
}

/// Opened key material that this commit replaces or erases must not outlive it.
fn forget_secrets(entry: &mut Entry, written: &[VaultRow], erased: &[Erase]) {
    for row in written {
        entry.secrets.remove(&row.name);
    }
    for erase in erased {
        match erase {
            Erase::Row(name) => drop(entry.secrets.remove(name)),
            Erase::Owner => entry.secrets.clear(),
        }
    }
}

fn encode(value: &impl serde::Serialize) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("our messages hold nothing MessagePack cannot")
}

/// A stored answer, read back.
pub fn decode_answer(bytes: &[u8]) -> Result<AnswerBody, rmp_serde::decode::Error> {
    rmp_serde::from_slice(bytes)
}
