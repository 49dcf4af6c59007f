//! `remove_events`: records of a system no longer show. Only where ALLOW_EVENTS_REMOVE says so; the log keeps them.

use schemas::commands::journal::RemoveEvents;
use schemas::events::journal::EventsRemoved;

use crate::decision::Decision;
use crate::facts::Facts;
use crate::systems::{Registered, Rejection};

/// Hides everything recorded before the moment asked for, and never anything of the future.
pub(crate) fn decide(
    system: &Registered,
    command: &RemoveEvents,
    facts: &Facts<'_>,
) -> Result<Decision, Rejection> {
    if !facts.settings.allow_events_remove() {
        return Err(Rejection::RemovalNotAllowed);
    }
    let asked = command.before.unwrap_or(facts.now).min(facts.now);
    // What was removed does not come back because less is asked for later.
    let before = asked.max(system.events_removed_before);
    Ok(Decision::happened(vec![EventsRemoved { before }.into()]))
}

#[cfg(test)]
mod tests {
    use schemas::events::Event;
    use schemas::events::journal::JournalEvent;
    use schemas::{ErrorCode, Timestamp};

    use super::*;
    use crate::testing::{NOW, Story};

    fn removed_before(story: &mut Story, before: Option<Timestamp>) -> Timestamp {
        let heard = story.system_asks(RemoveEvents { before });
        heard.happens(&["remove_events"]);
        match &heard.decision().events[0] {
            Event::Journal(JournalEvent::Removed(removed)) => removed.before,
            other => panic!("a removal was expected: {other:?}"),
        }
    }

    #[test]
    fn it_is_forbidden_unless_the_setting_allows_it() {
        let mut story = Story::of_a_system();
        story
            .system_asks(RemoveEvents { before: None })
            .is_refused(ErrorCode::EventsRemovementIsNotAllowed);
        story.set("ALLOW_EVENTS_REMOVE", "1");
        let (earlier, later) = (NOW.plus_ms(-1), NOW.plus_ms(1));
        assert_eq!(removed_before(&mut story, Some(earlier)), earlier);
        assert_eq!(removed_before(&mut story, None), NOW);
        assert_eq!(removed_before(&mut story, Some(later)), NOW);
        assert_eq!(removed_before(&mut story, Some(earlier)), NOW);
    }

    #[test]
    fn a_user_has_no_journal_of_its_own() {
        let mut story = Story::of_a_user();
        story.set("ALLOW_EVENTS_REMOVE", "1");
        story
            .bank_asks(RemoveEvents { before: None })
            .is_refused(ErrorCode::RequestError);
    }
}
