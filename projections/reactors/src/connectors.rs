//! Connectors: they ask services outside what the runner wants to know, and bring the answer back.
//!
//! A service's answer is not trusted: it is bounded in time and size, read strictly, and whatever is wrong with it makes it
//! no answer. Nothing is repeated here, and nothing is kept.

mod calling;
mod ext_auth;
mod scoring;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bus::shell::{Clock, LiveSettings, RootSecret};
use bus::{Bus, BusError, Question, Sealer};
use futures::StreamExt as _;
use schemas::outside::{OutsideAnswer, OutsideQuestion, OutsideReply};
use schemas::subjects;

use calling::Calls;

use crate::client::ClientError;
use crate::egress::EgressPolicy;

/// Questions that are asked outside at the same time.
const ASKED_AT_ONCE: usize = 64;

/// What connectors need.
#[derive(Debug)]
pub struct ConnectorOptions {
    /// Where the questions come from.
    pub bus: Arc<dyn Bus>,
    /// Opens questions, closes answers.
    pub root: RootSecret,
    /// Whom to ask, and how long to wait for a connection.
    pub settings: Arc<LiveSettings>,
    /// Where services may be.
    pub egress: Arc<EgressPolicy>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// Asks services outside. Several may be active at once: each question comes to one of them.
#[derive(Debug)]
pub struct Connectors {
    bus: Arc<dyn Bus>,
    sealer: Sealer,
    settings: Arc<LiveSettings>,
    clock: Arc<dyn Clock>,
    calls: Calls,
}

impl Connectors {
    /// Prepares the outgoing calls.
    pub fn new(options: ConnectorOptions) -> Result<Self, ClientError> {
        let calls = Calls::new(Arc::clone(&options.settings), options.egress)?;
        Ok(Self {
            bus: options.bus,
            sealer: Sealer::new(options.root),
            settings: options.settings,
            clock: options.clock,
            calls,
        })
    }

    /// Answers questions until it is told to end. A question under way then has no answer.
    pub async fn run(self, ended: impl Future<Output = ()>) -> Result<(), BusError> {
        let questions = self.bus.serve(subjects::outside()).await?;
        let served = questions.for_each_concurrent(ASKED_AT_ONCE, |question| self.serve(question));
        tokio::select! {
            () = served => {}
            () = ended => {}
        }
        Ok(())
    }

    async fn serve(&self, question: Question) {
        let request = match self.sealer.open_question(&question.payload) {
            Ok(request) => request,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "a question to the outside does not open");
                return;
            }
        };
        if request.deadline <= self.clock.now() {
            // Whoever asked has gone on without an answer.
            return;
        }
        let answer = self.answer(&request.question).await;
        let id = request.id;
        let reply = self.sealer.close_reply(&OutsideReply { id, answer });
        if let Err(error) = question.handle.answer(reply.into()).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(
                error,
                "an answer from the outside could not be brought back"
            );
        }
    }

    async fn answer(&self, question: &OutsideQuestion) -> OutsideAnswer {
        let (calls, settings) = (&self.calls, self.settings.current());
        let (service, answered) = match question {
            OutsideQuestion::Score(question) => {
                ("scoring", scoring::ask(calls, &settings, question).await)
            }
            OutsideQuestion::ExtAuth(question) => {
                ("ext_auth", ext_auth::ask(calls, &settings, question).await)
            }
        };
        let outcome = answered
            .as_ref()
            .map_or_else(|none| none.word(), |_| "answered");
        metrics::counter!("connectors_calls_total", "service" => service, "outcome" => outcome)
            .increment(1);
        answered.unwrap_or_else(|none| {
            let reason = none.word();
            tracing::warn!(service, reason, "a service outside gave no answer");
            OutsideAnswer::Unavailable
        })
    }
}
