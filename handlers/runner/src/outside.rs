//! Questions to the outside. The runner calls nobody itself: it asks on the bus, where a connector serves.
//!
//! A lane never waits here. The command leaves it with the question, and comes back into its queue with the answer.

use std::sync::Arc;

use bus::shell::random_bytes;
use handlers::Outside;
use schemas::outside::{OutsideAnswer, OutsideQuestion, OutsideRequest};
use schemas::{Digest, subjects};
use tokio::sync::mpsc;

use crate::gather::{Ready, gather};
use crate::house::House;
use crate::owners::Owners;

/// Asks for a command, and puts it back into the lane's queue with the answer.
///
/// Where the lane has ended meanwhile, the dropped delivery comes again, and whoever serves the lane then asks again.
pub(crate) async fn ask_for(
    house: Arc<House>,
    owners: Arc<Owners>,
    queue: mpsc::WeakSender<Ready>,
    ready: Ready,
    question: OutsideQuestion,
) {
    let answer = ask(&house, &question).await;
    match gather(&house, &owners, &ready.envelope).await {
        Ok(gathered) => {
            let ready = Ready {
                gathered,
                outside: Outside::answered(question, answer),
                ..ready
            };
            if let Some(queue) = queue.upgrade() {
                queue.send(ready).await.ok();
            }
        }
        Err(error) => {
            tracing::error!(command.id = %ready.envelope.command_id, error = &error as &dyn std::error::Error, "facts could not be gathered");
            if let Some(delivery) = &ready.delivery {
                delivery.handle.later(house.options.retry_after).await.ok();
            }
        }
    }
}

/// The answer. Whatever goes wrong, there is none: the decision knows what to do without.
async fn ask(house: &House, question: &OutsideQuestion) -> OutsideAnswer {
    let answer = match house.asking.try_acquire() {
        Ok(_permit) => asked(house, question).await,
        Err(_) => OutsideAnswer::Unavailable,
    };
    let outcome = match answer {
        OutsideAnswer::Unavailable => "unavailable",
        OutsideAnswer::Scored(_) | OutsideAnswer::Authenticated { .. } => "answered",
    };
    metrics::counter!("runner_outside_questions_total", "outcome" => outcome).increment(1);
    answer
}

async fn asked(house: &House, question: &OutsideQuestion) -> OutsideAnswer {
    let patience = house.options.outside_patience;
    let patience_ms = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
    let request = OutsideRequest {
        id: Digest(random_bytes()),
        deadline: house.clock.now().plus_ms(patience_ms),
        question: question.clone(),
    };
    let sealed = house.sealer.close_question(&request).into();
    let answered = house.bus.ask(subjects::outside(), sealed, patience).await;
    let Ok(sealed) = answered else {
        return OutsideAnswer::Unavailable;
    };
    match house.sealer.open_reply(&sealed) {
        Ok(reply) if reply.id == request.id => reply.answer,
        Ok(_) => OutsideAnswer::Unavailable,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an answer from the outside does not open"
            );
            OutsideAnswer::Unavailable
        }
    }
}
