//! Answers: sealed, sent after the commit, and only then is the command settled.

use bus::Delivery;
use bytes::Bytes;
use schemas::answers::Answer;

use crate::house::House;

/// Sends an answer and settles the command.
///
/// A lost answer costs the caller a timeout ("unknown"); the repeated command is answered from the log.
pub async fn answer(house: &House, delivery: Option<&Delivery>, answer: &Answer) {
    metrics::counter!("runner_answers_total", "code" => answer.code.number().to_string())
        .increment(1);
    let Some(delivery) = delivery else { return };
    let sealed = Bytes::from(house.sealer.close_answer(answer));
    if let Err(error) = delivery.handle.answer(sealed).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "an answer could not be sent"
        );
    }
    if let Err(error) = delivery.handle.done().await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "a command could not be settled; it will come again"
        );
    }
}
