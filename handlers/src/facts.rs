//! What the house vouches for. Everything a decider may know besides the history and the command.

use std::collections::{HashMap, HashSet};

use schemas::envelope::RecordedEvent;
use schemas::outside::{OutsideAnswer, OutsideQuestion};
use schemas::settings::Settings;
use schemas::vault::VaultName;
use schemas::{CommandId, Digest, RequestId, Secret, Timestamp};

use crate::code_orders::CodePolicy;
use crate::licenses::LicenseFacts;
use crate::systems;

/// The facts of one decision.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The runner's clock, read once for this command.
    pub now: Timestamp,
    /// Thirty-two random bytes, drawn once for this command; derive, never reuse.
    pub seed: [u8; 32],
    /// Identity of the command.
    pub command_id: CommandId,
    /// Which delivery of it this is.
    pub request_id: RequestId,
    /// The settings in force.
    pub settings: &'a Settings,
    /// The system of the owner; for a system's own commands, the same history.
    pub system: &'a systems::State,
    /// The vault rows that [`crate::needs`] asked for.
    pub vault: &'a VaultFacts,
    /// The owner's whole history, for commands that look back ([`crate::looks_back`]); empty for all others.
    pub history: &'a [RecordedEvent],
    /// The symmetric key that the server keeps for the system, when [`crate::needs_system_key`] asked for it.
    pub system_key: Option<&'a Secret>,
    /// What is known about licenses, when [`crate::needs_license`] asked for it.
    pub license: Option<&'a LicenseFacts>,
    /// What the operator permits in sending activation codes.
    pub code_policy: &'a CodePolicy,
    /// The signatures that were verified beside the lane.
    pub verified: &'a Verifications,
    /// What was asked of the outside for this command.
    pub outside: &'a Outside,
}

/// Opened vault rows, by name. A name that was asked for and is in neither has no row.
#[derive(Clone, Debug, Default)]
pub struct VaultFacts {
    /// The rows.
    pub rows: HashMap<VaultName, Secret>,
    /// Rows that are there and do not open: they are not what the house has sealed for that place.
    pub altered: HashSet<VaultName>,
}

impl VaultFacts {
    /// The bytes of a row.
    pub fn get(&self, name: &VaultName) -> Option<&[u8]> {
        self.rows.get(name).map(Secret::expose)
    }

    /// The rows that lay there as they are at every moment since they were written.
    #[must_use]
    pub fn of_one_moment(&self) -> Self {
        let rows = self.rows.iter().filter(|(name, _)| name.is_of_one_moment());
        let altered = self.altered.iter().filter(|name| name.is_of_one_moment());
        Self {
            rows: rows
                .map(|(name, row)| (name.clone(), row.clone()))
                .collect(),
            altered: altered.cloned().collect(),
        }
    }

    /// Has somebody else written the row?
    pub fn is_altered(&self, name: &VaultName) -> bool {
        self.altered.contains(name)
    }
}

/// A question about a signature that can be answered without the lane: it costs more than all the rest together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureCheck {
    /// SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
    /// SHA-256 of what was signed.
    pub digest: Digest,
    /// DER as received.
    pub signature: Vec<u8>,
}

/// A question, and its answer. A decider believes it only when it is exactly its own question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What was asked.
    pub check: SignatureCheck,
    /// Whether the signature is the key's signature of the digest.
    pub valid: bool,
}

/// What was asked of the outside for one command, after a decision said that it wants to know ([`crate::Next::Ask`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside(Option<(OutsideQuestion, OutsideAnswer)>);

impl Outside {
    /// This was asked, and that was answered.
    pub fn answered(question: OutsideQuestion, answer: OutsideAnswer) -> Self {
        Self(Some((question, answer)))
    }

    /// The answer to exactly this question; `None` when nothing was asked yet. Where another question was asked meanwhile,
    /// there is no answer to this one, and it is not asked: a decision waits for the outside once.
    pub fn answer(&self, question: &OutsideQuestion) -> Option<&OutsideAnswer> {
        let (asked, answer) = self.0.as_ref()?;
        if asked == question {
            Some(answer)
        } else {
            Some(&OutsideAnswer::Unavailable)
        }
    }
}

/// Questions about signatures, answered beside the lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verifications(HashMap<Digest, Verified>);

impl Verifications {
    /// The answer to exactly this question, if there is one.
    pub fn answer(&self, check: &SignatureCheck) -> Option<bool> {
        let verified = self.0.get(&check.digest)?;
        (verified.check == *check).then_some(verified.valid)
    }

    /// Adds other answers.
    pub fn merge(&mut self, others: Self) {
        self.0.extend(others.0);
    }
}

impl Extend<Verified> for Verifications {
    fn extend<T: IntoIterator<Item = Verified>>(&mut self, verified: T) {
        let by_digest = verified
            .into_iter()
            .map(|verified| (verified.check.digest, verified));
        self.0.extend(by_digest);
    }
}

impl FromIterator<Verified> for Verifications {
    fn from_iter<T: IntoIterator<Item = Verified>>(verified: T) -> Self {
        let mut answers = Self::default();
        answers.extend(verified);
        answers
    }
}
