//! `refresh_properties` and `get_events`: every setting's value in force, and the server's own journal.

use schemas::answers::AnswerBody;

use super::State;
use crate::asked;
use crate::decision::Decision;
use crate::facts::Facts;

/// Answers with all values.
pub(super) fn settings(state: &State, facts: &Facts<'_>) -> Decision {
    let looked = asked::looked("refresh_properties", None);
    let shown = state.shown_over(facts.settings);
    Decision::happened(vec![looked]).answering(AnswerBody::Settings(shown))
}

/// Journals that the journal was read; the door reads it from the read model.
pub(super) fn journal() -> Decision {
    Decision::happened(vec![asked::looked("get_events", None)])
}

#[cfg(test)]
mod tests {
    use schemas::commands::server::{GetServerEvents, GetSettings};

    use super::*;
    use crate::testing::Story;

    #[test]
    fn every_value_in_force_is_shown_and_the_look_leaves_an_event() {
        let mut story = Story::of_an_empty_house();
        story.set("KEY_QR_SIZE", "400");
        let heard = story.administrator_asks(GetSettings {});
        heard.happens(&["refresh_properties"]);
        let AnswerBody::Settings(values) = heard.answer() else {
            panic!("the settings were expected");
        };
        assert_eq!((values.len(), &*values["KEY_QR_SIZE"]), (61, "400"));
        let heard = story.administrator_asks(GetServerEvents {});
        heard.happens(&["get_events"]);
    }
}
