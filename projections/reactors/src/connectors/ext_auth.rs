//! Whether a user answered right, by a service of the bank's. `docs/recovery.md` describes question and answer for whoever
//! writes the service.

use schemas::outside::{ExtAuthQuestion, OutsideAnswer};
use schemas::settings::{ExtAuthMethod, Settings};
use schemas::{Digest, SystemId, UserId};
use serde::{Deserialize, Serialize};

use super::calling::{Calls, NoAnswer};

#[derive(Serialize)]
struct Asked<'a> {
    version: u8,
    system_id: &'a SystemId,
    user_id: &'a UserId,
    template_id: &'a str,
    requisites: &'a str,
    challenge: Digest,
    response: &'a str,
}

#[derive(Deserialize)]
struct Answered {
    accepted: bool,
}

/// Asks the service of the template.
pub(super) async fn ask(
    calls: &Calls,
    settings: &Settings,
    question: &ExtAuthQuestion,
) -> Result<OutsideAnswer, NoAnswer> {
    let templates = settings
        .ext_auth_templates()
        .map_err(|_| NoAnswer::NobodyToAsk)?;
    let template = templates
        .iter()
        .find(|template| template.id == question.template_id);
    let Some(ExtAuthMethod::Http(service)) = template.map(|template| &template.method) else {
        return Err(NoAnswer::NobodyToAsk);
    };
    let asked = Asked {
        version: 1,
        system_id: &question.system_id,
        user_id: &question.user_id,
        template_id: &question.template_id,
        requisites: question.requisites.expose_text().unwrap_or_default(),
        challenge: question.challenge,
        response: question.response.expose_text().unwrap_or_default(),
    };
    let Answered { accepted } = calls.ask(service, &asked).await?;
    Ok(OutsideAnswer::Authenticated { accepted })
}
