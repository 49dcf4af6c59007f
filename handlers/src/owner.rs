//! What is remembered of an owner, and the one place where history becomes state.

use schemas::Owner;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;

use crate::replay::RecentMacs;
use crate::systems;
use crate::users::Life;

/// An owner's history so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerState {
    /// A system's own.
    System(systems::State),
    /// A person's.
    User(Box<UserState>),
}

/// A person's history so far: profile, key ring, device, transactions, attempt counters. One history, one version, so
/// none of them can disagree with another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserState {
    version: u64,
    pub(crate) life: Life,
    pub(crate) recent: RecentMacs,
}

impl OwnerState {
    /// An owner nothing has happened to.
    pub fn empty(owner: &Owner) -> Self {
        match owner {
            Owner::System(_) => Self::System(systems::State::default()),
            Owner::User(..) => Self::User(Box::default()),
        }
    }

    /// Number of events folded.
    pub fn version(&self) -> u64 {
        match self {
            Self::System(state) => state.version(),
            Self::User(state) => state.version,
        }
    }
}

/// Folds one event. It refuses nothing: what is in the log has happened.
pub fn evolve(state: &mut OwnerState, recorded: &RecordedEvent) {
    match state {
        OwnerState::System(state) => state.evolve(recorded),
        OwnerState::User(state) => state.evolve(recorded),
    }
}

impl UserState {
    fn evolve(&mut self, recorded: &RecordedEvent) {
        self.version += 1;
        self.recent
            .remember(&recorded.context, recorded.recorded_at);
        let at = recorded.recorded_at;
        match &recorded.event {
            Event::UserCreated(event) => {
                self.life = Life::begin(&event.key, at, recorded.causation_id);
            }
            Event::UserDeleted(_) => {
                self.life = Life::Deleted;
                self.recent = RecentMacs::default();
            }
            Event::KeyUpdated(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.key.replace(&event.key, recorded.causation_id);
                }
            }
            Event::ActivationAttempted(event) => {
                if let Some(key) = self.life.key_mut(event.key_index) {
                    key.count_attempt(event.attempt, event.command_id);
                }
            }
            Event::KeyActivated(event) => {
                if let Some(key) = self.life.key_mut(event.key_index) {
                    key.activate();
                }
            }
            Event::ActivationFailed(event) => {
                if let Some(key) = self.life.key_mut(event.key_index) {
                    key.fail_activation(recorded.causation_id, event.blocked);
                }
            }
            Event::PublicKeyRegistered(event) => {
                if let Some(key) = self.life.key_mut(event.key_index) {
                    key.register(event);
                }
            }
            Event::FingerprintSet(event) => {
                if let Some(key) = self.life.key_mut(event.key_index) {
                    key.bind(event.device_fingerprint);
                }
            }
            Event::TransactionCreated(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.transactions.create(event, at);
                }
            }
            Event::TransactionServed(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.transactions.serve(event);
                }
            }
            Event::TransactionConfirmed(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.transactions.confirm(&event.transaction_id, at);
                }
            }
            Event::TransactionDeclined(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.transactions.decline(&event.transaction_id, at);
                }
            }
            Event::TransactionExpired(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.transactions.expire(&event.transaction_id, at);
                }
            }
            Event::TransactionDeleted(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.transactions.delete(&event.transaction_id, at);
                }
            }
            Event::TransactionCleaned(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.transactions.clean(&event.transaction_id);
                }
            }
            Event::Refused(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.transactions.note_refusal(event, recorded.result);
                }
            }
            // A name lies in the vault, a look changes nothing, and a system's events do not come here.
            Event::UserChanged(_)
            | Event::Looked(_)
            | Event::SystemRegistered(_)
            | Event::SystemChanged(_)
            | Event::SystemRemoved(_) => {}
        }
    }
}
