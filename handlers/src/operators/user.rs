//! `rks_user_details`: a user's record, for an operator.

use schemas::answers::AnswerBody;

use super::Rejection;
use crate::asked::{Asked, looked};
use crate::decision::Decision;
use crate::users;

/// Answers with the user's record.
pub(super) fn decide(asked: &Asked<'_>) -> Result<Decision, Rejection> {
    let info = users::record(asked).map_err(|_| Rejection::UserUnreadable)?;
    let event = looked("rks_user_details", None);
    Ok(Decision::happened(vec![event]).answering(AnswerBody::User(Box::new(info))))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::operators::{LookAtEvents, LookAtUser};
    use schemas::commands::users::{DeleteUser, GetUserInfo};

    use super::*;
    use crate::testing::Story;

    #[test]
    fn an_operator_sees_a_user_and_a_journal() {
        let mut story = Story::of_a_registered_device();
        let heard = story.operator_asks(LookAtUser {});
        heard.happens(&["rks_user_details"]);
        let AnswerBody::User(info) = heard.answer() else {
            panic!("a user was expected");
        };
        assert_eq!(info.user_name.as_deref(), Some("Иван Иванов"));
        story
            .operator_asks(LookAtEvents {})
            .happens(&["rks_events_data"]);
    }

    #[test]
    fn nobody_is_served_when_it_is_switched_off_and_nobody_else_is_ever() {
        let mut story = Story::of_a_user();
        story
            .bank_asks(LookAtUser {})
            .is_refused(ErrorCode::RequestError);
        story
            .operator_asks(GetUserInfo {})
            .is_refused(ErrorCode::RequestError);
        story
            .operator_asks(DeleteUser {})
            .is_refused(ErrorCode::RequestError);
        story.set("ARM_RKS_ENABLED", "0");
        story
            .operator_asks(LookAtUser {})
            .is_refused(ErrorCode::NotSupported);
        Story::of_a_system()
            .operator_asks(LookAtUser {})
            .is_refused_silently(ErrorCode::UserNotFound);
    }
}
