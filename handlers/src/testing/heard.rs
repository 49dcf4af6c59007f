//! What a caller heard, and what the log did.

use schemas::answers::AnswerBody;
use schemas::commands::Command;
use schemas::events::{Event, Refused};
use schemas::{ErrorCode, Secret};

use crate::{Decision, Outcome};

/// The outcome of a command, all of its steps.
#[derive(Debug)]
pub(crate) struct Heard {
    command: Command,
    steps: Vec<Outcome>,
}

impl Heard {
    pub(crate) fn new(command: Command, steps: Vec<Outcome>) -> Self {
        Self { command, steps }
    }

    /// These events happened, in this order.
    #[track_caller]
    pub(crate) fn happens(&self, words: &[&str]) {
        let mut events = Vec::new();
        for step in &self.steps {
            match step {
                Outcome::Decided(decision) => {
                    events.extend(decision.events.iter().map(Event::word));
                }
                Outcome::Refused(refusal) => {
                    panic!("{:?} was refused: {}", self.command, refusal.code)
                }
            }
        }
        assert_eq!(events, words);
    }

    /// Nothing happened, and the journal says so.
    #[track_caller]
    pub(crate) fn is_refused(&self, code: ErrorCode) {
        match self.last() {
            Outcome::Refused(refusal) => {
                assert_eq!(refusal.code, code);
                let word = self.command.word();
                assert!(
                    matches!(&refusal.event, Some(Event::Refused(Refused { word: named, .. })) if *named == word),
                    "the journal is to hear of it: {:?}",
                    refusal.event
                );
            }
            Outcome::Decided(decision) => panic!("it was decided: {:?}", decision.events),
        }
    }

    /// Nothing happened, and nothing was written.
    #[track_caller]
    pub(crate) fn is_refused_silently(&self, code: ErrorCode) {
        match self.last() {
            Outcome::Refused(refusal) => {
                assert_eq!((refusal.code, &refusal.event), (code, &None));
            }
            Outcome::Decided(decision) => panic!("it was decided: {:?}", decision.events),
        }
    }

    #[track_caller]
    pub(crate) fn decision(&self) -> &Decision {
        match self.last() {
            Outcome::Decided(decision) => decision,
            Outcome::Refused(refusal) => panic!("it was refused: {}", refusal.code),
        }
    }

    pub(crate) fn code(&self) -> ErrorCode {
        match self.last() {
            Outcome::Decided(decision) => decision.code,
            Outcome::Refused(refusal) => refusal.code,
        }
    }

    #[track_caller]
    pub(crate) fn answer(&self) -> AnswerBody {
        self.decision().answer.clone()
    }

    pub(crate) fn response_key(&self) -> Option<Secret> {
        match self.last() {
            Outcome::Decided(decision) => decision.response_key.clone(),
            Outcome::Refused(refusal) => refusal.response_key.clone(),
        }
    }

    pub(crate) fn events_post_url(&self) -> Option<String> {
        match self.last() {
            Outcome::Decided(decision) => decision.events_post_url.clone(),
            Outcome::Refused(refusal) => refusal.events_post_url.clone(),
        }
    }

    fn last(&self) -> &Outcome {
        self.steps.last().expect("a command has an outcome")
    }
}
