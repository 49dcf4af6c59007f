//! What is remembered of a system.

use schemas::Timestamp;
use schemas::commands::systems::SystemParameters;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::codes::CodeEvent;
use schemas::events::journal::JournalEvent;
use schemas::events::systems::{SystemEvent, SystemRegistered};
use schemas::settings::Settings;

use super::Rejection;
use crate::codes::CommonTries;

/// A system's history so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    version: u64,
    standing: Standing,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Missing,
    Registered(Box<Registered>),
    Removed,
}

/// A system that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// What it is called.
    pub name: String,
    /// A sentence about it.
    pub description: String,
    /// Scheme of its deep links.
    pub qr_url_scheme: Option<String>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Billing model: 1 is paid after the fact, 2 for a number of users.
    pub billing_type: i64,
    /// Billing period, days.
    pub billing_period: Option<i64>,
    /// Billing is closed before this moment; `None` until it was closed for the first time.
    pub billed_before: Option<Timestamp>,
    /// Its changeable parameters.
    pub parameters: SystemParameters,
    /// The registration request as received, base64.
    pub register_request: String,
    /// Generation of its keys of callbacks.
    pub webhook_generation: u32,
    /// Codes on the server's own key that were tried.
    pub(crate) code_tries: CommonTries,
    /// Records of its journal before this moment do not show.
    pub events_removed_before: Timestamp,
}

impl State {
    /// Number of events folded.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The system, while it is served.
    pub fn registered(&self) -> Result<&Registered, Rejection> {
        match &self.standing {
            Standing::Missing => Err(Rejection::NotFound),
            Standing::Registered(registered) => Ok(registered),
            Standing::Removed => Err(Rejection::Removed),
        }
    }

    /// Was it removed?
    pub fn is_removed(&self) -> bool {
        self.standing == Standing::Removed
    }

    pub(crate) fn is_missing(&self) -> bool {
        self.standing == Standing::Missing
    }

    pub(crate) fn evolve(&mut self, recorded: &RecordedEvent) {
        self.version += 1;
        match &recorded.event {
            Event::Systems(SystemEvent::Registered(event)) => {
                let registered = Registered::new(event, recorded.recorded_at);
                self.standing = Standing::Registered(Box::new(registered));
            }
            Event::Systems(SystemEvent::Changed(event)) => {
                if let Standing::Registered(registered) = &mut self.standing {
                    registered.updated_at = recorded.recorded_at;
                    merge(&mut registered.parameters, &event.parameters);
                }
            }
            Event::Systems(SystemEvent::BillingClosed(event)) => {
                if let Standing::Registered(registered) = &mut self.standing {
                    registered.billed_before = Some(event.to);
                }
            }
            Event::Systems(SystemEvent::WebhookKeysRotated(event)) => {
                if let Standing::Registered(registered) = &mut self.standing {
                    registered.webhook_generation = event.generation;
                }
            }
            Event::Systems(SystemEvent::Removed(_)) => self.standing = Standing::Removed,
            Event::Journal(JournalEvent::Removed(event)) => {
                if let Standing::Registered(registered) = &mut self.standing {
                    registered.events_removed_before = event.before;
                }
            }
            // Looks and refusals change nothing, and a user's events do not come here.
            Event::Looked(_)
            | Event::Refused(_)
            | Event::Systems(SystemEvent::LettersLookedAt(_) | SystemEvent::LettersOrdered(_))
            | Event::Server(_)
            | Event::Journal(JournalEvent::Cleaned(_))
            | Event::Users(_)
            | Event::Keys(_)
            | Event::Credentials(_)
            | Event::Recovery(_)
            | Event::Devices(_)
            | Event::Transactions(_)
            | Event::CodeOrders(_)
            | Event::Operations(_) => {}
            Event::Codes(event) => {
                if let Standing::Registered(registered) = &mut self.standing {
                    registered.fold_code(event, recorded.recorded_at);
                }
            }
        }
    }
}

impl Registered {
    /// A system as it is right after its registration.
    pub(super) fn new(event: &SystemRegistered, at: Timestamp) -> Self {
        Self {
            name: event.name.clone(),
            description: event.description.clone(),
            qr_url_scheme: event.qr_url_scheme.clone(),
            created_at: at,
            updated_at: at,
            billing_type: event.billing_type,
            billing_period: event.billing_period,
            billed_before: None,
            parameters: event.parameters.clone(),
            register_request: event.register_request.clone(),
            webhook_generation: 0,
            code_tries: CommonTries::default(),
            events_removed_before: Timestamp(0),
        }
    }

    fn fold_code(&mut self, event: &CodeEvent, at: Timestamp) {
        match event {
            CodeEvent::CommonCheckAttempted(event) => {
                self.code_tries.reserve(event.subject, event.command_id, at);
            }
            CodeEvent::CommonChecked(event) => self.code_tries.succeed(&event.subject),
            // A user's.
            CodeEvent::CheckAttempted(_) | CodeEvent::Checked(_) => {}
        }
    }

    /// Billing period in force, days.
    pub(crate) fn billing_days(&self, settings: &Settings) -> i64 {
        let own = self.parameters.billing_period.or(self.billing_period);
        own.unwrap_or_else(|| settings.billing_days())
    }

    /// Where outcomes are reported unless a transaction names its own address.
    pub(crate) fn callback_url(&self) -> Option<String> {
        switched_on(self.parameters.callback_url.as_ref())
    }

    /// Where events are posted.
    pub(crate) fn events_post_url(&self) -> Option<String> {
        switched_on(self.parameters.events_post_url.as_ref())
    }
}

/// Empty text switches an address off.
fn switched_on(address: Option<&String>) -> Option<String> {
    address.filter(|address| !address.is_empty()).cloned()
}

/// What is not given stays as it is.
pub(super) fn merge(parameters: &mut SystemParameters, change: &SystemParameters) {
    let SystemParameters {
        user_keys_expiration_period,
        pc_is_external_url,
        pc_is_internal_url,
        events_post_url,
        callback_url,
        billing_period,
        report_template_path,
    } = change.clone();
    parameters.user_keys_expiration_period =
        user_keys_expiration_period.or(parameters.user_keys_expiration_period);
    parameters.billing_period = billing_period.or(parameters.billing_period);
    for (old, new) in [
        (&mut parameters.pc_is_external_url, pc_is_external_url),
        (&mut parameters.pc_is_internal_url, pc_is_internal_url),
        (&mut parameters.events_post_url, events_post_url),
        (&mut parameters.callback_url, callback_url),
        (&mut parameters.report_template_path, report_template_path),
    ] {
        *old = new.or_else(|| old.take());
    }
}
