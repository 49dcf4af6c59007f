//! `remove_system`: nothing of the system is served afterwards, and nothing is kept of it that can be erased.

use schemas::events::systems::SystemRemoved;

use super::{Rejection, State};
use crate::decision::{Decision, Erasure};

/// Removes a system for ever, and erases its own part of the vault. Its users keep their histories and hear 204 to everything;
/// the house deletes them one after the other.
pub(super) fn decide(state: &State) -> Result<Decision, Rejection> {
    state.registered()?;
    Ok(Decision {
        erase: vec![Erasure::Owner],
        ..Decision::happened(vec![SystemRemoved {}.into()])
    })
}

/// Erases what is left of a removed system's own part of the vault; `None` while it is served. The house asks for it.
pub(super) fn what_is_left(state: &State) -> Option<Decision> {
    state.is_removed().then(|| Decision {
        erase: vec![Erasure::Owner],
        ..Decision::happened(Vec::new())
    })
}

#[cfg(test)]
mod tests {
    use schemas::commands::systems::{GetSystemInfo, RemoveSystem};
    use schemas::{ErrorCode, Owner};

    use crate::decision::Erasure;
    use crate::testing::Story;

    #[test]
    fn a_system_is_removed_once() {
        let mut story = Story::of_a_system();
        let removed = story.system_asks(RemoveSystem {});
        removed.happens(&["remove_system"]);
        assert_eq!(removed.decision().erase, [Erasure::Owner]);
        story
            .system_asks(RemoveSystem {})
            .is_refused(ErrorCode::SystemIsDeleted);
    }

    #[test]
    fn an_unknown_system_is_not_removed() {
        let mut story = Story::of_an_empty_house();
        story
            .system_asks(RemoveSystem {})
            .is_refused_silently(ErrorCode::SystemNotFound);
    }

    #[test]
    fn the_house_erases_what_is_left_of_a_removed_system_and_removes_none() {
        let mut story = Story::of_a_system();
        let owner = Owner::System(story.system_id.clone());
        story
            .house_asks_of(&owner, RemoveSystem {})
            .is_refused_silently(ErrorCode::RequestError);
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
        for _ in 0..2 {
            let erased = story.house_asks_of(&owner, RemoveSystem {});
            erased.happens(&[]);
            assert_eq!(erased.decision().erase, [Erasure::Owner]);
        }
        story
            .house_asks_of(&owner, GetSystemInfo {})
            .is_refused_silently(ErrorCode::RequestError);
        Story::of_an_empty_house()
            .house_asks_of(&owner, RemoveSystem {})
            .is_refused_silently(ErrorCode::RequestError);
    }
}
