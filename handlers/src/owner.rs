//! What is remembered of an owner, and the one place where history becomes state.

use schemas::Owner;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::users::UserEvent;

use crate::replay::RecentMacs;
use crate::server;
use crate::systems;
use crate::users::{Life, Person};

/// An owner's history so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerState {
    /// The server's own.
    Server(server::State),
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
            Owner::Server => Self::Server(server::State::default()),
            Owner::System(_) => Self::System(systems::State::default()),
            Owner::User(..) => Self::User(Box::default()),
        }
    }

    /// Number of events folded.
    pub fn version(&self) -> u64 {
        match self {
            Self::Server(state) => state.version(),
            Self::System(state) => state.version(),
            Self::User(state) => state.version,
        }
    }
}

/// Folds one event. It refuses nothing: what is in the log has happened.
pub fn evolve(state: &mut OwnerState, recorded: &RecordedEvent) {
    match state {
        OwnerState::Server(state) => state.evolve(recorded),
        OwnerState::System(state) => state.evolve(recorded),
        OwnerState::User(state) => state.evolve(recorded),
    }
}

impl UserState {
    fn evolve(&mut self, recorded: &RecordedEvent) {
        self.version += 1;
        self.recent
            .remember(&recorded.context, recorded.recorded_at);
        let (at, cause) = (recorded.recorded_at, recorded.causation_id);
        match &recorded.event {
            Event::Users(UserEvent::Created(event)) => {
                self.life = Life::begin(&event.key, at, cause);
            }
            Event::Users(UserEvent::Deleted(_)) => {
                self.life = Life::Deleted;
                self.recent = RecentMacs::default();
            }
            Event::Keys(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.keys.evolve(event, cause);
                }
            }
            Event::Credentials(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.keys.evolve_credentials(event, cause);
                }
            }
            Event::Devices(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.keys.evolve_device(event);
                }
            }
            Event::Transactions(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.transactions.evolve(event, at);
                    person.keys.evolve_transactions(event);
                }
            }
            Event::Operations(event) => {
                if let Some(person) = self.life.person_mut() {
                    let Person {
                        operations,
                        transactions,
                        keys,
                        ..
                    } = person;
                    operations.evolve(event, at, transactions);
                    keys.evolve_operations(event);
                }
            }
            Event::Codes(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.evolve_codes(event, at);
                }
            }
            Event::CodeOrders(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.evolve_code_orders(event, at, cause);
                }
            }
            Event::Recovery(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.evolve_recovery(event, cause);
                }
            }
            Event::Refused(event) => {
                if let Some(person) = self.life.person_mut() {
                    person.transactions.note_refusal(event, recorded.result);
                    person.recovery.note_refusal(event, recorded.result, cause);
                }
            }
            Event::Users(UserEvent::Changed(event)) => {
                if let Some(person) = self.life.person_mut() {
                    person.change(event, cause);
                }
            }
            // A look and what became of callbacks change nothing, and the server's and a system's events do not come here.
            Event::Users(UserEvent::ReceiptsNoted(_))
            | Event::Looked(_)
            | Event::Server(_)
            | Event::Journal(_)
            | Event::Systems(_) => {}
        }
    }
}
