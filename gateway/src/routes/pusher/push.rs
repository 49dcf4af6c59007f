//! `POST /pc-pusher-api/push`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use bus::shell::random_bytes;
use schemas::answers::AnswerBody;
use schemas::{ErrorCode, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::Reply;
use crate::call::AdministratorCall;
use crate::error::ApiError;
use crate::json::Members;
use crate::pushes::{PushOrder, PushTarget};
use crate::route::Route;
use crate::routes::check_length;
use crate::state::Shared;

/// Longest token and longest application, bytes.
const TOKEN_LENGTH_MAX: usize = 4096;
const APP_ID_LENGTH_MAX: usize = 256;

/// Longest identity of a push, bytes.
pub(crate) const PUSH_ID_LENGTH_MAX: usize = 64;

/// Most devices of one push.
const TARGETS_MAX: usize = 16;

/// A push to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PushRequest {
    /// In which system.
    system_id: Option<String>,
    /// Whose.
    user_id: Option<String>,
    /// About which transaction.
    transaction_id: Option<String>,
    /// Where to.
    #[schema(value_type = Vec<TargetRequest>)]
    #[serde(default)]
    targets: Vec<Members<TargetRequest>>,
    /// Identity of the push; one is drawn unless given.
    push_id: Option<String>,
    /// `transaction` unless given, or `withdrawal`.
    purpose: Option<String>,
    /// From then on it is of no use, ms since the Unix epoch.
    expires_at: Option<i64>,
    /// The first message that was not tried to an end, in an earlier attempt.
    #[serde(default)]
    next: u32,
    /// Messages that were taken in earlier attempts.
    #[serde(default)]
    taken: u32,
}

/// One device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetRequest {
    /// `android`, `ios`, `huawei` or `telegram`.
    os: Option<String>,
    /// The application, as the push service knows it.
    app_id: Option<String>,
    /// The device's token, or the chat.
    token: Option<String>,
}

/// `push_accepted`
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PushAccepted {
    /// Identity of the push, to ask for its status by.
    push_id: String,
}

pub(crate) fn route() -> Route {
    Route::post("/pc-pusher-api/push", "push", handle)
        .says("Send a push")
        .takes::<PushRequest>()
        .answers::<PushAccepted>("push_accepted")
        .refuses(&[
            ErrorCode::DeviceIdIsNull,
            ErrorCode::DeviceTypeIsNull,
            ErrorCode::DeviceTypeIsIncorrect,
            ErrorCode::TransactionIdIsNull,
            ErrorCode::CreateOperationError,
            ErrorCode::NotSupported,
        ])
}

#[tracing::instrument(name = "gateway.push", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    AdministratorCall(call): AdministratorCall,
) -> Result<Response<Body>, ApiError> {
    let desk = gateway.house.pushes.as_ref();
    let desk = desk.ok_or_else(|| ApiError::new(ErrorCode::NotSupported))?;
    let order = order(call.read()?)?;
    let push_id = order.push_id.clone();
    desk.take(order).map_err(|_| ApiError::push_queue_full())?;
    let reply = Reply {
        seal: None,
        position: None,
        body: AnswerBody::Nothing,
    };
    Ok(reply.render("push_accepted", &PushAccepted { push_id }))
}

fn order(request: PushRequest) -> Result<PushOrder, ApiError> {
    let push_id = match request.push_id {
        Some(push_id) if push_id.is_empty() => return Err(ApiError::new(ErrorCode::PushIdIsNull)),
        Some(push_id) => push_id,
        None => format!("push_{}", hex::encode(random_bytes::<16>())),
    };
    check_length("push_id", &push_id, PUSH_ID_LENGTH_MAX)?;
    let given = |text: Option<String>, code| text.ok_or_else(|| ApiError::new(code));
    let system_id = given(request.system_id, ErrorCode::SystemIdIsWrong)?;
    let user_id = given(request.user_id, ErrorCode::UserNotFound)?;
    let transaction_id = given(request.transaction_id, ErrorCode::TransactionIdIsNull)?;
    let withdraws = match request.purpose.as_deref() {
        None | Some("transaction") => false,
        Some("withdrawal") => true,
        Some(_) => return Err(ApiError::at("purpose is transaction or withdrawal")),
    };
    if request.targets.is_empty() || request.targets.len() > TARGETS_MAX {
        return Err(ApiError::at(format_args!(
            "targets names 1 to {TARGETS_MAX} devices"
        )));
    }
    let targets = request.targets.into_iter().map(|Members(one)| target(one));
    Ok(PushOrder {
        push_id,
        system_id: crate::ids::parse_system_id(&system_id)?,
        user_id: user_id
            .parse()
            .map_err(|_| ApiError::new(ErrorCode::UserNotFound))?,
        transaction_id: transaction_id
            .parse()
            .map_err(|_| ApiError::new(ErrorCode::TransactionIdIsNull))?,
        withdraws,
        expires_at: request.expires_at.map(Timestamp),
        progress: (request.next, request.taken),
        targets: targets.collect::<Result<_, _>>()?,
    })
}

fn target(request: TargetRequest) -> Result<PushTarget, ApiError> {
    let given = |text: Option<String>, code| {
        let text = text.filter(|text| !text.is_empty());
        text.ok_or_else(|| ApiError::new(code))
    };
    let os = given(request.os, ErrorCode::DeviceTypeIsNull)?;
    let os = ["android", "ios", "huawei", "telegram"]
        .into_iter()
        .find(|known| *known == os);
    let token = given(request.token, ErrorCode::DeviceIdIsNull)?;
    check_length("targets.token", &token, TOKEN_LENGTH_MAX)?;
    let app_id = request.app_id.unwrap_or_default();
    check_length("targets.app_id", &app_id, APP_ID_LENGTH_MAX)?;
    Ok(PushTarget {
        os: os.ok_or_else(|| ApiError::new(ErrorCode::DeviceTypeIsIncorrect))?,
        app_id,
        token: Secret::new(token),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{SYSTEM, TestDoor};

    const PATH: &str = "/pc-pusher-api/push";

    fn request() -> Value {
        json!({
            "system_id": SYSTEM, "user_id": "sample-1", "transaction_id": "t-1",
            "targets": [{ "os": "ios", "app_id": "bank", "token": "abc" }],
        })
    }

    #[tokio::test]
    async fn a_push_is_taken_and_known_by_its_identity() {
        let door = TestDoor::with_options(|_| {});
        let answer = door.post(PATH, &request()).await;
        assert_eq!(answer.code(), 0, "{:?}", answer.json);
        let push_id = answer.content("push_accepted")["push_id"].clone();
        let status = format!("/pc-pusher-api/status/{}", push_id.as_str().unwrap());
        let answer = door.get(&status).await;
        assert_eq!(answer.content("push_status")["status"], "queued");
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_push_is_said() {
        let door = TestDoor::with_options(|_| {});
        for (place, value, code) in [
            ("/system_id", json!("x"), 202),
            ("/transaction_id", Value::Null, 256),
            ("/targets", json!([]), 283),
            ("/targets/0/os", Value::Null, 251),
            ("/targets/0/os", json!("windows"), 259),
            ("/targets/0/token", json!(""), 258),
            ("/purpose", json!("joke"), 283),
            ("/push_id", json!(""), 265),
            ("/push_id", json!("x".repeat(65)), 283),
        ] {
            let mut request = request();
            match request.pointer_mut(place) {
                Some(found) => *found = value,
                None => request[&place[1..]] = value,
            }
            assert_eq!(door.post(PATH, &request).await.code(), code, "{place}");
        }
    }

    #[tokio::test]
    async fn a_full_queue_is_the_manuals_error() {
        let door = TestDoor::with_options(|_| {});
        door.fill_pushes();
        let answer = door.post(PATH, &request()).await;
        assert_eq!((answer.status, answer.code()), (400, 313));
        let message = answer.json["answer"]["result"]["error_message"].clone();
        assert_eq!(message, "TASKS_QUEUE_IS_FULL");
    }
}
