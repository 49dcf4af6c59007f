//! `POST /pc-api/server_settings`

use std::collections::BTreeMap;
use std::fmt;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::answers::AnswerBody;
use schemas::commands::server::ChangeSettings;
use schemas::settings::Setting;
use schemas::{ErrorCode, Owner};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use utoipa::ToSchema;

use super::server_settings::ServerSettings;
use crate::call::AdministratorCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// Values by the manual's names, as texts; `null` forgets a stored value, so that the server's configuration counts again.
#[derive(Debug, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct ServerSettingsRequest(BTreeMap<String, Option<String>>);

/// A name that comes twice is refused, as everywhere: nobody knows which value was meant.
impl<'de> Deserialize<'de> for ServerSettingsRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;

        impl<'de> Visitor<'de> for Values {
            type Value = ServerSettingsRequest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("texts by the names of settings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut values = BTreeMap::new();
                while let Some((name, value)) = members.next_entry::<String, Option<String>>()? {
                    if values.insert(name, value).is_some() {
                        return Err(A::Error::custom("doubled"));
                    }
                }
                Ok(ServerSettingsRequest(values))
            }
        }

        deserializer.deserialize_map(Values)
    }
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-api/server_settings",
        "load_and_refresh_properties",
        handle,
    )
    .says("Store values of settings, all of them or none; for whoever administers the server")
    .takes::<ServerSettingsRequest>()
    .answers::<ServerSettings<'_>>("server_settings")
    .refuses(&[
        ErrorCode::SystemPropertyError,
        ErrorCode::HttpAuthCodeInvalid,
    ])
}

#[tracing::instrument(name = "gateway.load_and_refresh_properties", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    AdministratorCall(call): AdministratorCall,
) -> Result<Response<Body>, ApiError> {
    let ServerSettingsRequest(values) = call.read()?;
    if values.is_empty() {
        return Err(ApiError::at("no setting is named"));
    }
    if values.keys().any(|name| Setting::named(name).is_none()) {
        return Err(ApiError::at("a setting of that name does not exist"));
    }
    let command = ChangeSettings { values };
    let reply = gateway.ask(&call, Owner::Server, command).await?;
    // Whoever was answered finds the new values in force at the door that answered. The other nodes follow within a second.
    if let Some(position) = reply.position {
        let wait = gateway.options.limits.settings_wait;
        let known = gateway.house.settings.wait_for(position.number, wait).await;
        tracing::debug!(known, "waited for the settings");
    }
    match &reply.body {
        AnswerBody::Settings(values) => {
            Ok(reply.render("server_settings", &ServerSettings(values)))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::commands::Command;
    use schemas::commands::server::ServerCommand;
    use schemas::settings::Settings;
    use serde_json::json;

    use super::*;
    use crate::testing::TestDoor;

    const PATH: &str = "/pc-api/server_settings";

    #[tokio::test(start_paused = true)]
    async fn values_are_stored_and_shown() {
        let door = TestDoor::answering(AnswerBody::Settings(Settings::default().shown()));
        let body = json!({"DEBUG_INFO": "1", "KEY_QR_SIZE": null});
        let answer = door.keyed("once").post(PATH, &body).await;
        assert_eq!(answer.content("server_settings")["DEBUG_INFO"], "0");
        let sent = door.sent().remove(0);
        let Command::Server(ServerCommand::ChangeSettings(command)) = sent.command else {
            panic!("another command was sent");
        };
        let expected = [
            ("DEBUG_INFO".to_owned(), Some("1".to_owned())),
            ("KEY_QR_SIZE".to_owned(), None),
        ];
        assert_eq!(command.values, expected.into());
    }

    #[tokio::test]
    async fn what_names_no_setting_is_refused_before_anything_is_sent() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        for body in [
            json!({}),
            json!([]),
            json!({"DEBUG_INFO": 1}),
            json!({"debug_info": "1"}),
            json!({"NO_SUCH_SETTING": "1"}),
        ] {
            assert_eq!(door.post(PATH, &body).await.code(), 283, "{body}");
        }
        assert_eq!(
            door.from("192.0.2.1:1")
                .post(PATH, &json!({"DEBUG_INFO": "1"}))
                .await
                .code(),
            288
        );
        assert!(door.sent().is_empty());
    }
}
