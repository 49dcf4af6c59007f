//! Recovering a key: a device whose user passes an additional authentication gets another key in place of the one it holds.
//!
//! It is for a key whose life is over, or about to be, and for a user who wants another one; who lost the key altogether has
//! nothing to show, and turns to the bank. The old key is replaced with the right answer and not before.

mod challenge;
mod requisites;
mod respond;
mod set_template;
mod state;
mod templates;

use schemas::ErrorCode;
use schemas::commands::recovery::RecoveryCommand;
use schemas::flags::{DENY_RENEW_PUBLIC_KEY, REMOTE_UPDATE_ENABLED};
use schemas::settings::{ExtAuthMethod, ExtAuthTemplate};
use schemas::vault::VaultName;

pub(crate) use set_template::question as template_question;
pub(crate) use state::Recovery;

use crate::asked::Asked;
use crate::decision::Decision;
use crate::keys::{self, Ring};

/// Why nothing happened to a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// The key's flags forbid it, or its tries were used up.
    #[error("the recovery of this user's key is switched off")]
    Disabled,
    /// There is no such template, or the user has set up none.
    #[error("there is no such template of additional authentication")]
    TemplateMissing,
    /// The template works in a way that this version does not know.
    #[error("the template's type is not supported")]
    TypeUnsupported,
    /// The request is not one for this template.
    #[error("the template takes something else")]
    RequestWrong,
    /// No public key is registered.
    #[error("no public key is registered")]
    NotRegistered,
    /// The registered pair did not sign it.
    #[error("what was to be set up is not signed by the registered pair")]
    SignatureWrong,
    /// The flags forbid another public key, so they forbid the key that would bring one.
    #[error("the flags forbid another public key")]
    RenewalForbidden,
    /// The challenge is not the one that is open.
    #[error("no such challenge is open")]
    NotChallenged,
    /// The service outside did not answer.
    #[error("the additional authentication gave no answer")]
    Unavailable,
    /// The vault lacks what was set up, or a part of the key.
    #[error("what it takes is missing from the vault")]
    MaterialMissing,
    /// No other key can be issued.
    #[error(transparent)]
    Key(#[from] keys::Rejection),
}

impl Rejection {
    /// What the caller hears.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::Disabled => ErrorCode::RemoteUpdateDisabled,
            Self::TemplateMissing => ErrorCode::ExtAuthTemplateNotFound,
            Self::TypeUnsupported => ErrorCode::ExtAuthTypeNotSupported,
            Self::RequestWrong => ErrorCode::RequestError,
            Self::NotRegistered => ErrorCode::PubkeyIsEmpty,
            Self::SignatureWrong => ErrorCode::SignatureIsInvalid,
            Self::RenewalForbidden => ErrorCode::PubkeyIsNotEmpty,
            Self::NotChallenged => ErrorCode::ExtAuthNeeded,
            Self::Unavailable => ErrorCode::ExtAuthFailed,
            Self::MaterialMissing => ErrorCode::KeyInfoNotFound,
            Self::Key(rejection) => rejection.code(),
        }
    }
}

/// Decides a command about recovering a key.
pub(crate) fn decide(asked: &Asked<'_>, command: &RecoveryCommand) -> Result<Decision, Rejection> {
    if !asked.key.flags.has(&REMOTE_UPDATE_ENABLED) {
        return Err(Rejection::Disabled);
    }
    match command {
        RecoveryCommand::GetTemplates(_) => templates::decide(asked),
        RecoveryCommand::SetTemplate(command) => set_template::decide(asked, command),
        RecoveryCommand::GetRequisites(_) => requisites::decide(asked),
        RecoveryCommand::Challenge(_) => challenge::decide(asked),
        RecoveryCommand::Respond(command) => respond::decide(asked, command),
    }
}

/// The vault rows such a decision reads, besides those that vouch for the device.
pub(crate) fn needs(ring: &Ring, command: &RecoveryCommand) -> Vec<VaultName> {
    match command {
        RecoveryCommand::GetTemplates(_) | RecoveryCommand::SetTemplate(_) => Vec::new(),
        RecoveryCommand::GetRequisites(_) | RecoveryCommand::Challenge(_) => {
            vec![VaultName::recovery_requisites()]
        }
        RecoveryCommand::Respond(_) => {
            let mut names = keys::needs_of_next(ring);
            names.push(VaultName::recovery_requisites());
            names
        }
    }
}

/// May the device get another key at all? Ours, where the key's flags forbid another public key: a new key would bring one, so
/// that its user could disown what the old one signed.
fn check_renewal(asked: &Asked<'_>) -> Result<(), Rejection> {
    let denies = asked.key.flags.has(&DENY_RENEW_PUBLIC_KEY);
    if denies && asked.key.registered.is_some() {
        return Err(Rejection::RenewalForbidden);
    }
    Ok(())
}

/// The template of that name, if it can be used. A setting that cannot be read offers none.
fn template(asked: &Asked<'_>, template_id: &str) -> Result<ExtAuthTemplate, Rejection> {
    let templates = asked.facts.settings.ext_auth_templates();
    let template = templates
        .unwrap_or_default()
        .into_iter()
        .find(|template| template.id == template_id);
    let template = template.ok_or(Rejection::TemplateMissing)?;
    match template.method {
        ExtAuthMethod::Unsupported => Err(Rejection::TypeUnsupported),
        ExtAuthMethod::CodeWord | ExtAuthMethod::Http(_) => Ok(template),
    }
}

/// What the user has set up, by its template.
fn template_of_user(asked: &Asked<'_>) -> Result<ExtAuthTemplate, Rejection> {
    let recovery = &asked.person.recovery;
    if recovery.is_exhausted() {
        return Err(Rejection::Disabled);
    }
    let template_id = recovery.template_id().ok_or(Rejection::TemplateMissing)?;
    template(asked, template_id)
}
