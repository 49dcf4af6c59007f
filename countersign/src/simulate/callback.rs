//! A receiver of callbacks and event posts: it takes whatever is a letter, and remembers it.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::server::{Answer, Asked, Behavior};

/// Letters that are remembered.
const REMEMBERED: usize = 10_000;

/// The simulator.
#[derive(Debug, Default)]
pub struct Callback(Mutex<Vec<Letter>>);

/// A letter that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// `webhook-id`: the same over all attempts.
    pub id: String,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Letter {
    /// The letter in a request; `None` when it is none.
    pub fn of(asked: &Asked) -> Option<Self> {
        let has = |name| !asked.header(name).is_empty();
        let is_letter = ["webhook-id", "webhook-timestamp", "webhook-signature"]
            .into_iter()
            .all(has);
        is_letter.then(|| Self {
            id: asked.header("webhook-id").to_owned(),
            body: asked.body.clone(),
        })
    }

    /// The body as JSON; null when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Callback {
    /// The letters that were taken, one that came twice twice.
    pub fn letters(&self) -> Vec<Letter> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Behavior for Callback {
    fn answer(&self, asked: &Asked) -> Answer {
        let Some(letter) = Letter::of(asked).filter(|_| asked.method == "POST") else {
            return Answer::json(400, json!({ "error": "no letter" }));
        };
        let mut letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if letters.len() < REMEMBERED {
            letters.push(letter);
        }
        Answer::json(200, Value::Null)
    }
}
