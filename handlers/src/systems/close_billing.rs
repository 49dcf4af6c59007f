//! `billing_close`: the days up to one are accounted for, for a system that pays after the fact.
//!
//! Source: reference manual, BILL_PERIOD and `billing_close` ("the settlement period is closed for the post-paid model").
//! What a period is, the manual does not say. Ours: whole days in UTC, from the registration or the last close on, through
//! the day that is named; periods follow each other without a gap, and a closed one stays closed. The figures of a period
//! follow from the log, so the event holds its days and nothing else.

use schemas::answers::{AnswerBody, BillingPeriod};
use schemas::commands::systems::CloseBilling;
use schemas::events::systems::BillingClosed;
use schemas::license::POST_PAID;
use schemas::{SystemId, Timestamp};

use super::{Rejection, State, look};
use crate::decision::Decision;
use crate::facts::Facts;

const DAY_S: i64 = 86_400;

/// Closes the open period through a day that is over.
pub(super) fn decide(
    state: &State,
    system_id: &SystemId,
    command: &CloseBilling,
    facts: &Facts<'_>,
) -> Result<Decision, Rejection> {
    let system = state.registered()?;
    if system.billing_type != POST_PAID {
        return Err(Rejection::NotPostPaid);
    }
    let today = Timestamp(facts.now.seconds().div_euclid(DAY_S) * DAY_S * 1000);
    let to = match command.date {
        Some(day) => day.plus_seconds(DAY_S),
        None => today,
    };
    let from = system.billed_before.unwrap_or(system.created_at);
    if system.billed_before.is_some_and(|before| to <= before) {
        return Err(Rejection::BillingAlreadyClosed);
    }
    // A day that goes on cannot be accounted for, nor one on which the system was not here.
    if to > today || to <= from {
        return Err(Rejection::BillingDateWrong);
    }
    let period = BillingPeriod {
        system: look::describe(system, system_id, facts),
        from,
        to,
    };
    let event = BillingClosed { from, to };
    Ok(Decision::happened(vec![event.into()]).answering(AnswerBody::Billing(Box::new(period))))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::events::Event;
    use schemas::events::systems::SystemEvent;
    use schemas::license::NUMBER_OF_USERS;

    use super::*;
    use crate::testing::{Heard, NOW, Story};

    const DAY: i64 = 86_400_000;
    /// The story begins in the course of this day.
    const FIRST_DAY: Timestamp = Timestamp(NOW.0 - NOW.0 % DAY);

    fn day(number: i64) -> Timestamp {
        FIRST_DAY.plus_ms(number * DAY)
    }

    fn close(story: &mut Story, number: i64) -> Heard {
        story.system_asks(CloseBilling {
            date: Some(day(number)),
        })
    }

    fn closed(heard: &Heard) -> (Timestamp, Timestamp) {
        heard.happens(&["billing_close"]);
        match &heard.decision().events[..] {
            [Event::Systems(SystemEvent::BillingClosed(closed))] => (closed.from, closed.to),
            other => panic!("one close was expected: {other:?}"),
        }
    }

    #[test]
    fn periods_follow_each_other_without_a_gap() {
        let mut story = Story::of_a_system_billed(POST_PAID);
        story.at(day(40));
        assert_eq!(closed(&close(&mut story, 9)), (NOW, day(10)));
        assert_eq!(closed(&close(&mut story, 29)), (day(10), day(30)));
        // Without a day: everything that is over.
        let heard = story.system_asks(CloseBilling { date: None });
        assert_eq!(closed(&heard), (day(30), day(40)));
    }

    #[test]
    fn a_day_is_closed_once() {
        let mut story = Story::of_a_system_billed(POST_PAID);
        story.at(day(40));
        closed(&close(&mut story, 9));
        for number in [0, 9] {
            close(&mut story, number).is_refused(ErrorCode::BillRequestAlreadyProcessed);
        }
        closed(&close(&mut story, 10));
    }

    #[test]
    fn only_days_that_are_over_and_were_lived_through_are_closed() {
        let mut story = Story::of_a_system_billed(POST_PAID);
        story.at(day(10).plus_ms(-1));
        close(&mut story, 9).is_refused(ErrorCode::BillDateCorrupted);
        close(&mut story, -1).is_refused(ErrorCode::BillDateCorrupted);
        story.at(day(10));
        closed(&close(&mut story, 9));
    }

    #[test]
    fn only_who_pays_after_the_fact_closes() {
        for billing_type in [0, NUMBER_OF_USERS, 7] {
            let mut story = Story::of_a_system_billed(billing_type);
            story.at(day(40));
            close(&mut story, 9).is_refused(ErrorCode::UnsupportedBillingType);
        }
    }
}
