//! `remove_system`: nothing of the system is served afterwards.

use schemas::events::systems::SystemRemoved;

use super::{Rejection, State};
use crate::decision::Decision;

/// Removes a system for ever. Its users keep their histories, and hear 204 to everything.
pub(super) fn decide(state: &State) -> Result<Decision, Rejection> {
    state.registered()?;
    Ok(Decision::happened(vec![SystemRemoved {}.into()]))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::systems::RemoveSystem;

    use crate::testing::Story;

    #[test]
    fn a_system_is_removed_once() {
        let mut story = Story::of_a_system();
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
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
}
