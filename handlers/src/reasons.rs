//! Reasons in words: whoever typed them, they go into the vault with a salt, and the event keeps the digest of both.

use schemas::reasons::{KeptReason, Reasons};
use schemas::vault::VaultName;
use schemas::{Digest, Owner, Secret, TransactionId};

use crate::asked::Asked;
use crate::crypto::key_material::derive;

/// The reason as the vault keeps it, and its digest. Each has a salt of its own: one that is shown tells nothing of another.
pub(crate) fn keep(
    asked: &Asked<'_>,
    about: Option<&TransactionId>,
    words: &str,
) -> (KeptReason, Digest) {
    let of = about.map_or("", TransactionId::as_str);
    let salt = derive(&asked.facts.seed, &format!("reason/salt/{of}"));
    let kept = KeptReason {
        salt: salt.expose().to_vec(),
        words: Secret::new(words),
    };
    let digest = kept.digest(&owner(asked), about);
    (kept, digest)
}

/// The row of what this command brought; `None` when it brought nothing.
pub(crate) fn row(asked: &Asked<'_>, kept: Vec<KeptReason>) -> Option<(VaultName, Secret)> {
    let name = VaultName::reasons(&asked.facts.command_id);
    (!kept.is_empty()).then(|| (name, Reasons(kept).encode()))
}

/// The words under a name, when they are still there and still those of the digest.
pub(crate) fn read(asked: &Asked<'_>, name: &VaultName, digest: &Digest) -> Option<String> {
    let reasons = Reasons::decode(asked.facts.vault.get(name)?)?;
    let found = reasons.find(digest, &owner(asked), None)?;
    Some(found.text()?.to_owned())
}

fn owner(asked: &Asked<'_>) -> Owner {
    Owner::User(asked.system_id.clone(), asked.user_id.clone())
}
