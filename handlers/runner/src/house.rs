//! What every part of the runner is given.

use std::sync::Arc;
use std::time::Duration;

use bus::shell::{Clock, LiveSettings, RootSecret};
use bus::{Bus, Sealer};
use event_log::{EventLog, Failure};
use handlers::{CodePolicy, LicenseFacts, Licensing};
use schemas::commands::CommandEnvelope;
use schemas::vault::VaultName;
use schemas::{Owner, Secret, SystemId};
use tokio::sync::Semaphore;

use crate::licenses::LicenseBook;
use crate::systems::Systems;
use crate::verifying::Verifier;

/// The log, the bus and the shell.
#[derive(Debug)]
pub struct House {
    /// The truth.
    pub log: Arc<dyn EventLog>,
    /// Commands in, answers and events out.
    pub bus: Arc<dyn Bus>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The settings in force; each decision takes them once.
    pub settings: Arc<LiveSettings>,
    /// Limits.
    pub options: HouseOptions,
    root: RootSecret,
    pub(crate) sealer: Sealer,
    pub(crate) systems: Systems,
    pub(crate) verifier: Verifier,
    pub(crate) asking: Semaphore,
    licenses: LicenseBook,
}

/// Limits of a runner, each with its unit.
#[derive(Clone, Debug)]
pub struct HouseOptions {
    /// Decisions appended together at most.
    pub group_max: usize,
    /// Commands of a lane that are gathered or queued at most; the bus keeps the rest.
    pub lane_queue_max: usize,
    /// Owners a lane keeps in memory at most.
    pub owners_max: usize,
    /// Times a decision is made again when an owner's history grew meanwhile.
    pub conflict_retries_max: u32,
    /// Wait before a command is delivered again when the log could not be reached.
    pub retry_after: Duration,
    /// Wait before a lane that ended is taken up again.
    pub lane_retry: Duration,
    /// Age up to which what we know of a system counts without looking again.
    pub system_age_max: Duration,
    /// Threads that verify the signatures of operations at the same time, all lanes together. Requests with one signature
    /// do not wait for them.
    pub verifications_at_once: usize,
    /// Questions to the outside at the same time, all lanes together. One more has no answer.
    pub asked_at_once: usize,
    /// Longest wait for an answer from the outside. Shorter than the silence after which a command is delivered again.
    pub outside_patience: Duration,
    /// Time between two looks for events that were not published.
    pub sweep_every: Duration,
    /// Public key of the issuer of licenses, SubjectPublicKeyInfo DER; without one nothing needs a license.
    pub license_issuer: Option<Vec<u8>>,
    /// What the operator permits in sending activation codes.
    pub code_policy: CodePolicy,
}

impl Default for HouseOptions {
    fn default() -> Self {
        Self {
            group_max: 256,
            lane_queue_max: 1024,
            owners_max: 2048,
            conflict_retries_max: 5,
            retry_after: Duration::from_millis(200),
            lane_retry: Duration::from_secs(1),
            system_age_max: Duration::from_millis(500),
            verifications_at_once: 2,
            asked_at_once: 64,
            outside_patience: Duration::from_secs(5),
            sweep_every: Duration::from_secs(5),
            license_issuer: None,
            code_policy: CodePolicy::default(),
        }
    }
}

impl House {
    /// A runner's surroundings.
    pub fn new(
        log: Arc<dyn EventLog>,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        settings: Arc<LiveSettings>,
        root: RootSecret,
        options: HouseOptions,
    ) -> Self {
        let sealer = Sealer::new(root.clone());
        let verifier = Verifier::new(options.verifications_at_once);
        let asking = Semaphore::new(options.asked_at_once);
        let licenses = LicenseBook::new(options.license_issuer.clone());
        Self {
            log,
            bus,
            clock,
            settings,
            options,
            root,
            sealer,
            systems: Systems::default(),
            verifier,
            asking,
            licenses,
        }
    }

    /// The symmetric key that the server keeps for a system: it follows from the root secret, so nothing is stored.
    pub(crate) fn system_key(&self, system_id: &SystemId) -> Secret {
        self.root.derive(&format!("confirm/{system_id}"))
    }

    /// What a decision of this command is told about licenses; `None` for one that does not ask.
    pub(crate) async fn license_facts(
        &self,
        envelope: &CommandEnvelope,
    ) -> Result<Option<LicenseFacts>, Failure> {
        if !handlers::needs_license(envelope) {
            return Ok(None);
        }
        let (settings, now) = (self.settings.current(), self.clock.now());
        let licensing = self.licenses.look(&settings, now).await;
        let users = if licensing != Licensing::Off && handlers::tells_users(envelope) {
            let counter = handlers::licenses::users_of(envelope.owner.system_id());
            self.log.count(&counter).await?
        } else {
            0
        };
        Ok(Some(LicenseFacts { licensing, users }))
    }

    /// Seals a row for its place in the vault.
    pub(crate) fn seal(&self, owner: &Owner, name: &VaultName, open: &[u8]) -> Vec<u8> {
        self.root
            .seal(owner.system_id().as_str(), &place(owner, name), open)
    }

    /// Opens a row of the vault.
    pub(crate) fn open(
        &self,
        owner: &Owner,
        name: &VaultName,
        sealed: &[u8],
    ) -> Result<Secret, bus::shell::SealError> {
        self.root
            .open(owner.system_id().as_str(), &place(owner, name), sealed)
    }
}

/// What the seal names: owner and row. Bytes moved elsewhere do not open.
fn place(owner: &Owner, name: &VaultName) -> String {
    format!("{owner}/{}", name.as_str())
}
