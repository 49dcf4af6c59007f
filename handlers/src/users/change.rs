//! `change_user`: a new name.

use schemas::Secret;
use schemas::commands::users::ChangeUser;
use schemas::events::users::UserChanged;
use schemas::vault::VaultName;

use crate::decision::Decision;

/// Changes the name. It lies in the vault, so the event says only that it changed.
pub(crate) fn decide(command: &ChangeUser) -> Decision {
    let name = Secret::new(command.user_name.as_bytes());
    Decision {
        vault: vec![(VaultName::user_name(), name)],
        ..Decision::happened(vec![UserChanged::default().into()])
    }
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;

    use super::*;
    use crate::testing::Story;

    fn rename() -> ChangeUser {
        ChangeUser {
            user_name: "Мария".to_owned(),
        }
    }

    #[test]
    fn a_user_is_renamed() {
        let mut story = Story::of_a_user();
        story.bank_asks(rename()).happens(&["change_user"]);
        assert_eq!(
            story.vault.get(&VaultName::user_name()),
            Some("Мария".as_bytes())
        );
    }

    #[test]
    fn an_unknown_user_is_not_renamed() {
        Story::of_a_system()
            .bank_asks(rename())
            .is_refused_silently(ErrorCode::UserNotFound);
    }
}
