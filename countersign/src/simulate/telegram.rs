//! Telegram's interface for bots: `POST /bot<token>/sendMessage`.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::server::{Answer, Asked, Behavior};

/// The simulator. It knows every bot and every chat.
#[derive(Debug, Default)]
pub struct Telegram(Mutex<Vec<Value>>);

/// Messages that are remembered.
const REMEMBERED: usize = 10_000;

impl Telegram {
    /// The messages that were taken.
    pub fn messages(&self) -> Vec<Value> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Behavior for Telegram {
    fn answer(&self, asked: &Asked) -> Answer {
        let is_message = asked.path.starts_with("/bot") && asked.path.ends_with("/sendMessage");
        let body = asked.json();
        if !is_message || asked.method != "POST" {
            return Answer::json(404, json!({ "ok": false, "description": "Not Found" }));
        }
        if body["chat_id"].is_null() || !body["text"].is_string() {
            return Answer::json(400, json!({ "ok": false, "description": "Bad Request" }));
        }
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.len() < REMEMBERED {
            messages.push(body);
        }
        Answer::json(
            200,
            json!({ "ok": true, "result": { "message_id": messages.len() } }),
        )
    }
}
