//! A station in another process: pushes are handed to its door, and their status is asked for there.
//!
//! Its queue is in its memory. What it does not know any more is handed to it again, under the same identity.

use std::sync::Arc;
use std::time::Duration;

use bus::shell::Clock;
use reqwest::{Client, StatusCode};
use schemas::commands::transactions::PushFailure;
use schemas::{Secret, Timestamp};
use serde_json::{Value, json};

use super::clients::{Answer, Clients};
use super::configuration::Purpose;
use super::station::{Attempted, End, Job, Progress};
use super::verdict::Verdict;

/// How often the status of a push is asked for, and how many times at most.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const LOOKS_MAX: u32 = 300;

/// The other process.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    url: String,
    token: Option<Secret>,
    client: Client,
    clients: Clients,
}

impl Elsewhere {
    /// At this address, known to it by this token.
    pub(crate) fn new(
        url: &str,
        token: Option<Secret>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .user_agent("Countersign")
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(Duration::from_secs(10))
            .no_proxy()
            .build()?;
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            token,
            clients: Clients::by(client.clone(), clock),
            client,
        })
    }

    /// Hands a push over and waits for its end.
    pub(crate) async fn attempt(&self, job: &Job, progress: Progress) -> Attempted {
        let end = match self.hand_over(job, progress).await {
            Ok(()) => self.outcome(job, progress).await,
            Err(end) => Err(end),
        };
        end.unwrap_or_else(|end| Attempted {
            progress,
            end,
            gone: Vec::new(),
        })
    }

    async fn hand_over(&self, job: &Job, progress: Progress) -> Result<(), End> {
        let targets = job.addresses.iter().map(|address| {
            json!({
                "os": address.os.word(), "app_id": address.app_id,
                "token": address.token.expose_text().unwrap_or_default(),
            })
        });
        let order = json!({
            "push_id": job.push_id, "system_id": job.system_id, "user_id": job.user_id,
            "transaction_id": job.transaction_id, "purpose": job.purpose.word(),
            "expires_at": job.expires_at.map(|at| at.0), "next": progress.next, "taken": progress.taken,
            "targets": targets.collect::<Vec<Value>>(),
        });
        let request = self.client.post(format!("{}/push", self.url)).json(&order);
        let answer = self.call(request).await?;
        if answer.status == StatusCode::OK {
            return Ok(());
        }
        let message = answer.body["answer"]["result"]["error_message"].as_str();
        Err(match message {
            // There is no room there now: nothing was tried.
            Some("TASKS_QUEUE_IS_FULL") => End::Again {
                reason: "the queue of the other process is full",
                asked_ms: Some(1000),
                tried: false,
            },
            _ => again("the other process does not take it", answer.asked_ms),
        })
    }

    async fn outcome(&self, job: &Job, progress: Progress) -> Result<Attempted, End> {
        for _ in 0..LOOKS_MAX {
            let url = format!("{}/status/{}", self.url, job.push_id);
            let answer = self.call(self.client.get(url)).await?;
            let status = &answer.body["answer"]["push_status"];
            if answer.status != StatusCode::OK {
                return Err(again(
                    "the other process does not know the push any more",
                    None,
                ));
            }
            if let Some(attempted) = read(status, job.purpose) {
                return Ok(attempted);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let reason = "the other process has not sent it yet";
        Ok(Attempted {
            progress,
            end: again(reason, None),
            gone: Vec::new(),
        })
    }

    async fn call(&self, mut request: reqwest::RequestBuilder) -> Result<Answer, End> {
        if let Some(token) = self.token.as_ref().and_then(Secret::expose_text) {
            request = request.bearer_auth(token);
        }
        self.clients
            .call(request)
            .await
            .map_err(|verdict| match verdict {
                Verdict::Later { reason, .. } => again(reason, None),
                _ => again("the other process is not reached", None),
            })
    }
}

fn again(reason: &'static str, asked_ms: Option<i64>) -> End {
    End::Again {
        reason,
        asked_ms,
        tried: true,
    }
}

/// The end that a status tells of; `None` while there is none.
fn read(status: &Value, purpose: Purpose) -> Option<Attempted> {
    let number = |name: &str| status[name].as_u64().unwrap_or_default() as u32;
    let end = match status["status"].as_str()? {
        "sent" => End::Sent,
        "again" => again(
            "the push service asks for another try",
            status["retry_after_ms"].as_i64(),
        ),
        "failed" => {
            let failure = status["failure"].as_str().unwrap_or_default();
            let failure = PushFailure::from_word(failure).unwrap_or(PushFailure::Refused);
            let is_nothing = purpose == Purpose::Withdrawal && failure == PushFailure::NoTemplate;
            if is_nothing {
                End::Sent
            } else {
                End::Failed(failure, "it failed in the other process")
            }
        }
        _ => return None,
    };
    let gone = status["gone"].as_array().into_iter().flatten();
    let gone = gone.filter_map(|gone| {
        let place = gone["target"].as_u64()? as usize;
        Some((place, gone["since"].as_i64().map(Timestamp)))
    });
    Some(Attempted {
        progress: Progress {
            next: number("next"),
            taken: number("taken"),
        },
        end,
        gone: gone.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_push_is_read() {
        let of = |status: Value| read(&status, Purpose::Transaction);
        assert_eq!(of(json!({ "status": "queued" })), None);
        let sent = of(json!({ "status": "sent", "next": 2, "taken": 2 })).unwrap();
        assert_eq!(
            (sent.end, sent.progress),
            (End::Sent, Progress { next: 2, taken: 2 })
        );
        let gone = json!({
            "status": "failed", "failure": "token_gone", "gone": [{ "target": 0, "since": 7 }],
        });
        let gone = of(gone).unwrap();
        assert!(matches!(gone.end, End::Failed(PushFailure::TokenGone, _)));
        assert_eq!(gone.gone, [(0, Some(Timestamp(7)))]);
        let nothing = json!({ "status": "failed", "failure": "no_template" });
        assert_eq!(read(&nothing, Purpose::Withdrawal).unwrap().end, End::Sent);
    }
}
