//! `rotate_webhook_keys`: a system gets new keys of callbacks. Ours: the manual knows no signed callbacks.

use schemas::answers::AnswerBody;
use schemas::events::systems::WebhookKeysRotated;

use super::{Rejection, State};
use crate::decision::Decision;
use crate::facts::Facts;

/// The next generation. The one before it signs beside it for a while; an older one does not any more.
pub(super) fn decide(state: &State, facts: &Facts<'_>) -> Result<Decision, Rejection> {
    let generation = state.registered()?.webhook_generation.saturating_add(1);
    let answer = AnswerBody::WebhookKeysRotated {
        generation,
        rotated_at: facts.now,
    };
    Ok(Decision::happened(vec![WebhookKeysRotated { generation }.into()]).answering(answer))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::systems::{RemoveSystem, RotateWebhookKeys};

    use super::*;
    use crate::testing::Story;

    #[test]
    fn generations_follow_each_other() {
        let mut story = Story::of_a_system();
        for expected in 1..=3 {
            let asked = story.system_asks(RotateWebhookKeys {});
            asked.happens(&["webhook_keys_rotated"]);
            let AnswerBody::WebhookKeysRotated { generation, .. } = asked.answer() else {
                panic!("a generation was expected");
            };
            assert_eq!(generation, expected);
        }
    }

    #[test]
    fn a_system_that_is_not_there_has_no_keys() {
        Story::of_an_empty_house()
            .system_asks(RotateWebhookKeys {})
            .is_refused_silently(ErrorCode::SystemNotFound);
        let mut story = Story::of_a_system();
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
        story
            .system_asks(RotateWebhookKeys {})
            .is_refused(ErrorCode::SystemIsDeleted);
    }
}
