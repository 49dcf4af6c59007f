//! Identifiers in a path, each with the code its wrong form has.

use axum::extract::RawPathParams;
use evidence::Tile;
use schemas::{Digest, ErrorCode, OperationId, SystemId, TransactionId, UserId};

use crate::error::ApiError;
use crate::routes::pusher::push::PUSH_ID_LENGTH_MAX;

/// The identifiers a route's path holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathIds {
    system_id: Option<SystemId>,
    user_id: Option<UserId>,
    transaction_id: Option<TransactionId>,
    operation_id: Option<OperationId>,
    attempt_id: Option<Digest>,
    event_id: Option<i64>,
    push_id: Option<String>,
    tile: Option<Tile>,
}

impl PathIds {
    /// Parses them. `user_wrong` is what a malformed user id means at this door.
    pub(crate) fn parse(params: &RawPathParams, user_wrong: ErrorCode) -> Result<Self, ApiError> {
        let mut ids = Self::default();
        for (name, value) in params {
            match name {
                "system_id" => ids.system_id = Some(parse_system_id(value)?),
                "user_id" => ids.user_id = Some(parse(value, user_wrong)?),
                "transaction_id" => {
                    ids.transaction_id = Some(parse(value, ErrorCode::TransactionIsNull)?);
                }
                "operation_id" => {
                    ids.operation_id = Some(parse(value, ErrorCode::OperationNotExists)?);
                }
                // An attempt nobody can have made has nothing to show.
                "attempt_id" => ids.attempt_id = Some(parse(value, ErrorCode::NoResult)?),
                // A path that is no tile's leads to nothing.
                "tile" => ids.tile = Tile::of_path(&format!("tile/{value}")),
                "push_id" if value.len() <= PUSH_ID_LENGTH_MAX => {
                    ids.push_id = Some(value.to_owned());
                }
                "push_id" => return Err(ApiError::new(ErrorCode::PushNotFound)),
                "event_id" => ids.event_id = Some(parse(value, ErrorCode::JsonRequestIncorrect)?),
                other => unreachable!("no route has a parameter {other}"),
            }
        }
        Ok(ids)
    }

    pub(crate) fn system_id(&self) -> SystemId {
        self.system_id
            .clone()
            .expect("the route's path holds a system id")
    }

    pub(crate) fn user_id(&self) -> UserId {
        self.user_id
            .clone()
            .expect("the route's path holds a user id")
    }

    pub(crate) fn transaction_id(&self) -> TransactionId {
        self.transaction_id
            .clone()
            .expect("the route's path holds a transaction id")
    }

    pub(crate) fn operation_id(&self) -> OperationId {
        self.operation_id
            .clone()
            .expect("the route's path holds an operation id")
    }

    pub(crate) fn attempt_id(&self) -> Digest {
        self.attempt_id
            .expect("the route's path holds the id of an attempt")
    }

    pub(crate) fn event_id(&self) -> i64 {
        self.event_id.expect("the route's path holds an event id")
    }

    /// The tile that the path names; `None` when it names none.
    pub(crate) fn tile(&self) -> Option<Tile> {
        self.tile
    }

    pub(crate) fn push_id(&self) -> &str {
        let push_id = self.push_id.as_deref();
        push_id.expect("the route's path holds the id of a push")
    }

    /// Whether the path names a system.
    pub(crate) fn names_system(&self) -> Option<&SystemId> {
        self.system_id.as_ref()
    }
}

/// A system id in its one spelling: a UUID in lower case, with hyphens.
pub(crate) fn parse_system_id(text: &str) -> Result<SystemId, ApiError> {
    let wrong = || ApiError::new(ErrorCode::SystemIdIsWrong);
    let uuid = uuid::Uuid::try_parse(text).map_err(|_| wrong())?;
    if uuid.hyphenated().to_string() != text {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}

fn parse<T: std::str::FromStr>(text: &str, wrong: ErrorCode) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError::new(wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_id_has_one_spelling() {
        let spelled = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53";
        assert!(parse_system_id(spelled).is_ok());
        let twins = [
            spelled.to_uppercase(),
            spelled.replace('-', ""),
            format!("{{{spelled}}}"),
            format!("urn:uuid:{spelled}"),
            format!("{spelled}."),
            "..".to_owned(),
            String::new(),
        ];
        for twin in twins {
            assert!(parse_system_id(&twin).is_err(), "{twin}");
        }
    }
}
