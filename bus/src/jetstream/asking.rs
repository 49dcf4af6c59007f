//! Questions over core NATS: a request, and a queue group of those who answer. No stream keeps them.

use std::time::Duration;

use async_nats::{Client, Request, Subject};
use bytes::Bytes;
use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::time::timeout;

use super::link::Link;
use crate::port::{BusError, Question, QuestionHandle, Unanswered};

/// Everybody who serves a subject is one group: each question comes to one of them.
const GROUP: &str = "countersign";

/// Asks, and waits at most so long.
pub(super) async fn ask(
    link: &Link,
    subject: &str,
    payload: Bytes,
    patience: Duration,
) -> Result<Bytes, Unanswered> {
    if !link.is_up() {
        // Kept for later it would be asked when nobody wants to know any more.
        return Err(Unanswered);
    }
    let request = Request::new().payload(payload).timeout(Some(patience));
    let answer = link.client.send_request(subject.to_owned(), request);
    match timeout(patience, answer).await {
        Ok(Ok(message)) => Ok(message.payload),
        Ok(Err(_)) | Err(_) => Err(Unanswered),
    }
}

/// Serves, beside whoever else does.
pub(super) async fn serve(
    link: &Link,
    subject: &str,
) -> Result<BoxStream<'static, Question>, BusError> {
    let client = link.client.clone();
    let asked = client
        .queue_subscribe(subject.to_owned(), GROUP.to_owned())
        .await
        .map_err(|error| BusError::new(format!("cannot serve {subject}"), error))?;
    // A question that is asked right after must find us here.
    client
        .flush()
        .await
        .map_err(|error| BusError::new(format!("cannot serve {subject}"), error))?;
    let questions = asked.filter_map(move |message| {
        let question = message.reply.map(|reply_to| Question {
            payload: message.payload,
            handle: Box::new(Handle {
                client: client.clone(),
                reply_to,
            }),
        });
        futures::future::ready(question)
    });
    Ok(questions.boxed())
}

#[derive(Debug)]
struct Handle {
    client: Client,
    reply_to: Subject,
}

impl QuestionHandle for Handle {
    fn answer(self: Box<Self>, payload: Bytes) -> BoxFuture<'static, Result<(), BusError>> {
        async move {
            self.client
                .publish(self.reply_to, payload)
                .await
                .map_err(|error| BusError::new("cannot answer a question", error))
        }
        .boxed()
    }
}
