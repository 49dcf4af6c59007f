//! `change_user`, as the bank blocks a user.

use schemas::commands::users::BlockUser;
use schemas::events::users::{UserChange, UserChanged};

use super::Rejection;
use crate::asked::Asked;
use crate::decision::Decision;
use crate::reasons;

/// Blocks the user: every call of a device hears 294, and nothing new can be asked of the user. Keys can be issued and
/// activated meanwhile; the block stays over them. A second block replaces the reason of the first. The words lie in the vault.
pub(super) fn decide(asked: &Asked<'_>, command: &BlockUser) -> Result<Decision, Rejection> {
    if command.reason.trim().is_empty() {
        return Err(Rejection::ReasonMissing);
    }
    let (kept, digest) = reasons::keep(asked, None, &command.reason);
    let event = UserChanged {
        change: Some(UserChange::Blocked),
        reason: None,
        reason_digest: Some(digest),
    };
    Ok(Decision {
        vault: reasons::row(asked, vec![kept]).into_iter().collect(),
        ..Decision::happened(vec![event.into()])
    })
}

#[cfg(test)]
mod tests {
    use schemas::Digest;
    use schemas::ErrorCode;
    use schemas::answers::AnswerBody;
    use schemas::commands::devices::{DeviceReport, ReportDevice};
    use schemas::commands::keys::{ActivateKey, KeyParts, UpdateUserKey};
    use schemas::commands::transactions::{DeclineTransaction, ListTransactions};
    use schemas::commands::users::{DeleteUser, GetUserInfo, UnblockUser};
    use schemas::vault::VaultName;

    use super::*;
    use crate::testing::{Story, create_transaction, key_request};

    fn block(reason: &str) -> BlockUser {
        BlockUser {
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn a_blocked_user_is_not_served_and_asked_nothing() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction("invoice-1");
        story
            .bank_asks(block("lost phone"))
            .happens(&["change_user"]);
        let confirmation = story.confirmation("invoice-1");
        let refused = story.device_asks(confirmation);
        refused.is_refused(ErrorCode::UserIsBlocked);
        assert_eq!(refused.response_key(), story.device.expected_response_key());
        let report = ReportDevice {
            report: DeviceReport::RootDetected,
        };
        story
            .device_asks(report)
            .is_refused(ErrorCode::UserIsBlocked);
        let proof = Digest([1; 32]);
        story
            .device_asks(ActivateKey { proof })
            .is_refused(ErrorCode::UserIsBlocked);
        story
            .bank_asks(create_transaction("invoice-2"))
            .is_refused(ErrorCode::UserIsBlocked);
    }

    #[test]
    fn the_bank_sees_why_and_can_still_take_back() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction("invoice-1");
        for reason in ["lost phone", "found and lost again"] {
            story.bank_asks(block(reason)).happens(&["change_user"]);
        }
        let AnswerBody::User(info) = story.bank_asks(GetUserInfo {}).answer() else {
            panic!("a user was expected");
        };
        assert_eq!(info.block_reason.as_deref(), Some("found and lost again"));
        assert_eq!(info.key_status, "blocked");
        assert!(
            !format!("{:?}{:?}", story.history, story.state).contains("lost again"),
            "no event and no state has the words"
        );
        let decline = DeclineTransaction {
            transaction_id: "invoice-1".parse().unwrap(),
            reason: "blocked".to_owned(),
            code: None,
        };
        story.bank_asks(decline).happens(&["decline_transaction"]);
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story
            .bank_asks(block("too late"))
            .is_refused(ErrorCode::UserIsDeleted);
    }

    #[test]
    fn a_block_whose_reason_is_gone_is_still_one() {
        let mut story = Story::of_a_user();
        story.bank_asks(block("lost phone"));
        let cause = story.history.last().unwrap().causation_id;
        let name = VaultName::reasons(&cause);
        let shown = |story: &mut Story| {
            let AnswerBody::User(info) = story.bank_asks(GetUserInfo {}).answer() else {
                panic!("a user was expected");
            };
            info.block_reason
        };
        assert_eq!(shown(&mut story).as_deref(), Some("lost phone"));
        let mut other = Story::of_a_user();
        other.bank_asks(block("found"));
        let cause = other.history.last().unwrap().causation_id;
        let another = other.vault.rows[&VaultName::reasons(&cause)].clone();
        story.vault.rows.insert(name.clone(), another);
        assert_eq!(shown(&mut story).as_deref(), Some(""), "not what was kept");
        story.vault.rows.remove(&name);
        assert_eq!(shown(&mut story).as_deref(), Some(""));
        story.bank_asks(UnblockUser { reason: None });
        assert_eq!(shown(&mut story), None);
    }

    #[test]
    fn a_new_key_does_not_lift_the_bank_s_block() {
        let mut story = Story::of_a_user();
        story
            .bank_asks(block("lost phone"))
            .happens(&["change_user"]);
        let key = key_request(KeyParts::Whole);
        let is_delayed = false;
        story
            .bank_asks(UpdateUserKey { key, is_delayed })
            .happens(&["update_user_key"]);
        let statuses = Vec::new();
        story
            .device_asks(ListTransactions { statuses })
            .is_refused(ErrorCode::UserIsBlocked);
    }

    #[test]
    fn a_block_needs_a_reason() {
        let mut story = Story::of_a_user();
        for reason in ["", "  "] {
            story
                .bank_asks(block(reason))
                .is_refused(ErrorCode::RequestError);
        }
        Story::of_a_system()
            .bank_asks(block("who?"))
            .is_refused_silently(ErrorCode::UserNotFound);
    }
}
