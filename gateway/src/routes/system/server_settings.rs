//! `GET /pc-api/server_settings`

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::server::GetSettings;
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::AdministratorCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;
use schemas::Owner;

/// `server_settings`: every setting's value in force, by the manual's name; `***` for one that holds credentials.
#[derive(Debug, Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct ServerSettings<'a>(pub(crate) &'a BTreeMap<String, String>);

pub(crate) fn route() -> Route {
    Route::get("/pc-api/server_settings", "refresh_properties", handle)
        .says("Every setting's value in force; for whoever administers the server")
        .answers::<ServerSettings<'_>>("server_settings")
        .refuses(&[ErrorCode::HttpAuthCodeInvalid])
}

#[tracing::instrument(name = "gateway.refresh_properties", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    AdministratorCall(call): AdministratorCall,
) -> Result<Response<Body>, ApiError> {
    let reply = gateway.ask(&call, Owner::Server, GetSettings {}).await?;
    match &reply.body {
        AnswerBody::Settings(values) => {
            Ok(reply.render("server_settings", &ServerSettings(values)))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::commands::Caller;
    use schemas::settings::Settings;
    use schemas::{Digest, Owner};

    use super::*;
    use crate::auth::TokenFile;
    use crate::testing::{SYSTEM, TestDoor};

    const PATH: &str = "/pc-api/server_settings";

    fn door() -> TestDoor {
        TestDoor::answering(AnswerBody::Settings(Settings::default().shown()))
    }

    #[tokio::test]
    async fn the_server_is_asked_for_its_settings() {
        let door = door();
        let answer = door.get(PATH).await;
        assert_eq!(answer.content("server_settings")["CALLBACK_VERSION"], "3");
        let sent = door.sent().remove(0);
        assert_eq!(
            (sent.owner, sent.caller),
            (Owner::Server, Caller::Administrator)
        );
        assert_eq!(sent.command.word(), "refresh_properties");
    }

    #[tokio::test]
    async fn without_tokens_only_this_machine_administers() {
        let door = door();
        assert_eq!(door.from("192.0.2.1:4000").get(PATH).await.code(), 288);
        assert_eq!(door.from("[::1]:4000").get(PATH).await.code(), 0);
        let behind_a_proxy = TestDoor::with_options(|options| options.trusted_hops = 1);
        assert_eq!(behind_a_proxy.get(PATH).await.code(), 288);
    }

    #[tokio::test]
    async fn with_tokens_only_the_administrators_token_opens() {
        let digest = |token: &str| Digest::sha256(token.as_bytes());
        let text = format!("{SYSTEM} {}\n* {}\n", digest("bank"), digest("root"));
        let door = TestDoor::with_options(|options| {
            options.tokens = Some(TokenFile::parse(&text).unwrap());
        });
        for token in ["bank", "nobody"] {
            let asked = door.with("authorization", &format!("Bearer {token}"));
            assert_eq!(asked.get(PATH).await.code(), 288, "{token}");
        }
        assert_eq!(door.get(PATH).await.code(), 288);
        assert!(door.sent().is_empty());
        door.with("authorization", "Bearer root").get(PATH).await;
        assert_eq!(door.sent().len(), 1);
    }

    #[tokio::test]
    async fn no_system_is_named_like_the_server() {
        for path in ["/pc-api/server", "/pc-api/server/events"] {
            assert_eq!(door().get(path).await.code(), 202, "{path}");
        }
    }
}
