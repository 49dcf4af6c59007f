//! Callbacks of versions 1 and 2. Their bodies are not public: these are ours, flat, and named so in the documentation.
//!
//! Version 2 has the members of version 3 beside each other. Version 1 has fewer: no result, no reason, no record, no
//! application.

use serde_json::{Map, Value, json};

use super::{CallbackResult, Outcome, TransactionCallback, UserCallback};

pub(super) fn transaction_of_version_1(told: &TransactionCallback<'_>) -> Vec<u8> {
    let mut body = head("transaction_callback", 1);
    transaction(&mut body, told);
    body.remove("reason");
    body.remove("code");
    bytes(body)
}

pub(super) fn transaction_of_version_2(
    told: &TransactionCallback<'_>,
    result: &CallbackResult,
) -> Vec<u8> {
    let mut body = head("transaction_callback", 2);
    outcome(&mut body, result);
    transaction(&mut body, told);
    if let Some(app_id) = told.app_id {
        body.insert("app_id".to_owned(), app_id.into());
    }
    if let Some(event) = told.event {
        body.insert("event".to_owned(), json!(event));
    }
    bytes(body)
}

pub(super) fn user_of_version_1(told: &UserCallback<'_>) -> Vec<u8> {
    let mut body = head("user_callback", 1);
    user(&mut body, told);
    bytes(body)
}

pub(super) fn user_of_version_2(told: &UserCallback<'_>, result: &CallbackResult) -> Vec<u8> {
    let mut body = head("user_callback", 2);
    outcome(&mut body, result);
    user(&mut body, told);
    if let Some(event) = told.event {
        body.insert("event".to_owned(), json!(event));
    }
    bytes(body)
}

fn head(kind: &str, version: u8) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("type".to_owned(), kind.into());
    body.insert("version".to_owned(), version.into());
    body
}

fn outcome(body: &mut Map<String, Value>, result: &CallbackResult) {
    body.insert("error_code".to_owned(), result.error_code.into());
    body.insert("error_message".to_owned(), result.error_message.into());
}

fn transaction(body: &mut Map<String, Value>, told: &TransactionCallback<'_>) {
    let id = told.transaction_id.as_str();
    body.insert("transaction_id".to_owned(), id.into());
    body.insert("check_time".to_owned(), told.check_time.into());
    let (status, members) = match &told.outcome {
        Outcome::Confirmation {
            confirm_code,
            signature,
            attempt_id,
        } => {
            if let Some(attempt_id) = attempt_id {
                body.insert("attempt_id".to_owned(), attempt_id.as_str().into());
            }
            let members = [
                ("confirm_code", confirm_code.map(Value::from)),
                ("signature", signature.as_deref().map(Value::from)),
            ];
            ("confirmed", members)
        }
        Outcome::Declination { reason, code } => {
            let members = [
                ("reason", reason.map(Value::from)),
                ("code", code.map(Value::from)),
            ];
            ("declined", members)
        }
        Outcome::Expiration {} => ("expired", [("reason", None), ("code", None)]),
    };
    body.insert("status".to_owned(), status.into());
    for (name, value) in members {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    }
}

fn user(body: &mut Map<String, Value>, told: &UserCallback<'_>) {
    body.insert("user_id".to_owned(), told.user_id.into());
    if let Value::Object(settings) = json!(told.updated_settings) {
        body.extend(settings);
    }
}

fn bytes(body: Map<String, Value>) -> Vec<u8> {
    Value::Object(body).to_string().into_bytes()
}
