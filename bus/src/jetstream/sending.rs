//! Sends a command and waits for its answer, never saying more about the outcome than is known.

use std::time::Duration;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::answers::{Answers, Asker};
use super::headers;
use super::link::Link;
use super::publishing::said_by_server;
use crate::port::SendError;

/// Pause before a command is offered again to a server that has no stream for it yet.
const NO_STREAM_PAUSE: Duration = Duration::from_millis(50);

/// What the server said to a publish.
enum Offer {
    /// The answer was there before the acknowledgement.
    Answered(Bytes),
    /// It is in the stream, or may be.
    MayBeIn,
    /// It is certainly not in the stream, because there is none.
    NoStream,
    /// It is certainly not in the stream.
    Refused(String),
}

/// Publishes to CMD and waits for the answer.
pub(super) async fn send(
    link: &Link,
    answers: &Answers,
    subject: String,
    payload: Bytes,
    patience: Duration,
) -> Result<Bytes, SendError> {
    let deadline = Instant::now() + patience;
    let mut asker = answers.expect();
    // Nothing has left us before `offer` hands it to the connection: until then, running out of time is a refusal.
    let mut refusal = "the bus is not reachable";
    loop {
        if timeout_at(deadline, link.usable()).await.is_err() {
            return Err(SendError::Refused(refusal.to_owned()));
        }
        match offer(link, &mut asker, &subject, &payload, deadline).await {
            Offer::Answered(answer) => return Ok(answer),
            Offer::MayBeIn => break,
            Offer::Refused(reason) => return Err(SendError::Refused(reason)),
            Offer::NoStream => {
                refusal = "the bus has no stream for commands";
                link.ask_for_repair();
                if timeout_at(deadline, sleep(NO_STREAM_PAUSE)).await.is_err() {
                    return Err(SendError::Refused(refusal.to_owned()));
                }
            }
        }
    }
    match timeout_at(deadline, &mut asker.answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(SendError::Unknown),
    }
}

async fn offer(
    link: &Link,
    asker: &mut Asker,
    subject: &str,
    payload: &Bytes,
    deadline: Instant,
) -> Offer {
    let message = PublishMessage::build()
        .payload(payload.clone())
        .header(headers::REPLY_TO, asker.reply_to.as_str());
    let publish = link.context.send_publish(subject.to_owned(), message);
    // Dropped before it is done, it was not handed over.
    let acknowledgement = match timeout_at(deadline, publish).await {
        Ok(Ok(acknowledgement)) => acknowledgement,
        Ok(Err(error)) => return Offer::Refused(error.to_string()),
        Err(_) => return Offer::Refused("too many commands are under way".to_owned()),
    };
    tokio::select! {
        biased;
        answer = &mut asker.answer => answer.map_or(Offer::MayBeIn, Offer::Answered),
        acknowledged = acknowledgement.into_future() => match acknowledged {
            Ok(_) => Offer::MayBeIn,
            Err(error) => judge(&error),
        },
        () = sleep_until(deadline) => Offer::MayBeIn,
    }
}

/// What a failed acknowledgement says.
fn judge(error: &PublishError) -> Offer {
    if error.kind() == PublishErrorKind::StreamNotFound {
        return Offer::NoStream;
    }
    said_by_server(error).map_or(Offer::MayBeIn, |said| Offer::Refused(said.to_string()))
}
