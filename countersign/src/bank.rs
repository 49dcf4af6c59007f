//! A bank's side of the system door: the calls an integrator makes, over real HTTP.

use std::time::Duration;

use serde_json::{Value, json};

use crate::registration::registration_request;

/// A bank's own system, talking to the system door.
#[derive(Clone, Debug)]
pub struct Bank {
    http: reqwest::Client,
    door: String,
    system_id: String,
}

/// The door's answer, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `answer.result.error_code`.
    pub error_code: u64,
    /// `answer.result.error_message`.
    pub error_message: String,
    /// The substance under its `answer_type`; null when there is none.
    pub substance: Value,
    /// The header `X-Log-Position`.
    pub position: Option<String>,
}

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// The network failed, or the time was up: the outcome is unknown, ask again with the same Idempotency-Key.
    #[error("no answer from the server")]
    Network(#[from] reqwest::Error),
    /// The answer is not in the envelope.
    #[error("the answer with status {0} is not in the envelope")]
    Envelope(u16),
    /// The server refused.
    #[error("refused with {code}: {message}")]
    Refused {
        /// The error code.
        code: u64,
        /// Its text.
        message: String,
    },
}

impl Reply {
    /// The substance of a success; a refusal as an error.
    pub fn success(self) -> Result<Value, BankError> {
        if self.error_code == 0 {
            return Ok(self.substance);
        }
        Err(BankError::Refused {
            code: self.error_code,
            message: self.error_message,
        })
    }
}

/// How long a connection is kept that nothing travels on: less than the server keeps it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

impl Bank {
    /// A bank with this system id, at the system door `http://host:port/pc-api`.
    pub fn new(door: &str, system_id: &str, timeout: Duration) -> Result<Self, BankError> {
        let http = reqwest::Client::builder()
            .timeout(timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .no_proxy()
            .build()?;
        Ok(Self {
            http,
            door: door.trim_end_matches('/').to_owned(),
            system_id: system_id.to_owned(),
        })
    }

    /// The system's id.
    pub fn system_id(&self) -> &str {
        &self.system_id
    }

    /// Registers the system; `callback_url` is where outcomes are reported.
    pub async fn register_system(
        &self,
        mobile_door: &str,
        callback_url: &str,
    ) -> Result<Reply, BankError> {
        let request = registration_request(&self.system_id, "Demo bank", mobile_door);
        let registered = self
            .call(
                reqwest::Method::POST,
                "/",
                None,
                Some(json!({ "request": request })),
            )
            .await?;
        if registered.error_code == 0 {
            let change = json!({ "callback_url": callback_url });
            self.call(
                reqwest::Method::PATCH,
                &format!("/{}", self.system_id),
                None,
                Some(change),
            )
            .await?
            .success()?;
        }
        Ok(registered)
    }

    /// Changes the keys that callbacks are signed with.
    pub async fn rotate_webhook_keys(&self) -> Result<Reply, BankError> {
        let path = format!("/{}/webhook_keys", self.system_id);
        self.call(reqwest::Method::POST, &path, None, None).await
    }

    /// Creates a user; `body` as in the integrator's guide.
    pub async fn create_user(
        &self,
        body: Value,
        idempotency_key: Option<&str>,
    ) -> Result<Reply, BankError> {
        self.call(
            reqwest::Method::POST,
            &format!("/{}/users", self.system_id),
            idempotency_key,
            Some(body),
        )
        .await
    }

    /// Creates a transaction.
    pub async fn create_transaction(
        &self,
        user_id: &str,
        body: Value,
        idempotency_key: Option<&str>,
    ) -> Result<Reply, BankError> {
        let path = format!("/{}/users/{user_id}/transactions", self.system_id);
        self.call(reqwest::Method::POST, &path, idempotency_key, Some(body))
            .await
    }

    /// Confirms an offline transaction with the code that the user typed.
    pub async fn confirm_offline(
        &self,
        user_id: &str,
        transaction_id: &str,
        confirm_code: &str,
    ) -> Result<Reply, BankError> {
        let path = format!(
            "/{}/users/{user_id}/transactions/{transaction_id}/confirm",
            self.system_id
        );
        let body = Some(json!({ "confirm_code": confirm_code }));
        self.call(reqwest::Method::POST, &path, None, body).await
    }

    /// Creates an operation; `body` as in the integrator's guide.
    pub async fn create_operation(
        &self,
        user_id: &str,
        body: Value,
        idempotency_key: Option<&str>,
    ) -> Result<Reply, BankError> {
        let path = format!("/{}/users/{user_id}/operations", self.system_id);
        self.call(reqwest::Method::POST, &path, idempotency_key, Some(body))
            .await
    }

    /// Asks where an operation and its transactions stand.
    pub async fn operation_info(
        &self,
        user_id: &str,
        operation_id: &str,
    ) -> Result<Reply, BankError> {
        self.get(&format!("/users/{user_id}/operations/{operation_id}"))
            .await
    }

    /// Asks where a transaction stands.
    pub async fn transaction_info(
        &self,
        user_id: &str,
        transaction_id: &str,
    ) -> Result<Reply, BankError> {
        self.get(&format!("/users/{user_id}/transactions/{transaction_id}"))
            .await
    }

    /// Asks for the text of a transaction.
    pub async fn transaction_data(
        &self,
        user_id: &str,
        transaction_id: &str,
    ) -> Result<Reply, BankError> {
        self.get(&format!(
            "/users/{user_id}/transactions/{transaction_id}/data"
        ))
        .await
    }

    /// Queries the journal; `query` as in `user_id=…&limit=100`. Waits for `after` to be journaled when given.
    pub async fn events(&self, query: &str, after: Option<&str>) -> Result<Reply, BankError> {
        let url = format!("{}/{}/events?{query}", self.door, self.system_id);
        let mut request = self.http.get(url);
        if let Some(position) = after {
            request = request.header("X-Log-Position", position);
        }
        open(request.send().await?).await
    }

    /// A GET below the system.
    pub async fn get(&self, path: &str) -> Result<Reply, BankError> {
        self.call(
            reqwest::Method::GET,
            &format!("/{}{path}", self.system_id),
            None,
            None,
        )
        .await
    }

    /// Any call of the system door; `path` starts after `/pc-api`.
    pub async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        idempotency_key: Option<&str>,
        body: Option<Value>,
    ) -> Result<Reply, BankError> {
        let mut request = self.http.request(method, format!("{}{path}", self.door));
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        open(request.send().await?).await
    }
}

/// Opens the envelope.
async fn open(response: reqwest::Response) -> Result<Reply, BankError> {
    let status = response.status().as_u16();
    let position = response
        .headers()
        .get("x-log-position")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = response.bytes().await?;
    let envelope: Value = serde_json::from_slice(&body).map_err(|_| BankError::Envelope(status))?;
    let answer = &envelope["answer"];
    let answer_type = envelope["answer_type"]
        .as_str()
        .ok_or(BankError::Envelope(status))?;
    Ok(Reply {
        status,
        error_code: answer["result"]["error_code"]
            .as_u64()
            .ok_or(BankError::Envelope(status))?,
        error_message: answer["result"]["error_message"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        substance: answer[answer_type].clone(),
        position,
    })
}
