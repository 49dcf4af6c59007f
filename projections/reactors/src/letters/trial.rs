//! Trials: a signed letter that tells of nothing, to see whether a receiver takes it.

use bus::shell::RootSecret;
use projections::store::{StoreError, Value, WrongShape};
use schemas::{Digest, Lane, Owner, Position, SystemId, Timestamp};

use super::Letters;
use crate::delivery::{Delivery, endpoint_of};
use crate::outbox::{NewDelivery, Outbox};

/// A letter that tells of nothing.
const TRIAL: &[u8] = br#"{"pc_callback":{"type":"trial","version":3,"result":{"error_code":0,"error_message":"NORMAL"}}}"#;

/// What became of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It was taken, with this status.
    Taken(u16),
    /// It was not: the status of the answer, if there was one, and why.
    Refused(Option<u16>, String),
    /// Nobody has tried it yet.
    Waiting,
}

impl Letters {
    /// Writes a signed letter that tells of nothing, for a person who wants to see whether a receiver takes it.
    pub async fn begin_trial(
        &self,
        root: &RootSecret,
        system_id: &SystemId,
        url: &str,
        now: Timestamp,
    ) -> Result<String, TrialError> {
        let endpoint = endpoint_of(url).map_err(|error| TrialError::Address(error.reason()))?;
        let when = now.0.to_be_bytes();
        let digest = Digest::of(&[
            b"trial",
            system_id.as_str().as_bytes(),
            url.as_bytes(),
            &when,
        ]);
        let id = format!("msg_{}", hex::encode(&digest.0[..16]));
        let new = NewDelivery {
            delivery: Delivery {
                id: id.clone(),
                system_id: system_id.to_string(),
                url: url.to_owned(),
                endpoint,
                order_key: id.clone(),
                headers: Vec::new(),
                body: TRIAL.to_vec(),
                attempt: 0,
                next_at: now,
            },
            kind: "trial",
            position: Position {
                lane: Lane::of(&Owner::System(system_id.clone())),
                number: 0,
            },
            undeliverable: None,
            owner: None,
        };
        let outbox = Outbox::open(self.store.clone(), root.clone()).await?;
        outbox.write(&new, now).await?;
        Ok(id)
    }

    /// How a trial stands. One that was tried is forgotten: it is tried once.
    pub async fn end_trial(&self, id: &str) -> Result<Trial, StoreError> {
        let sql = "select attempt, status, last_status, last_error from delivery where id = $1";
        let row = self.store.fetch(sql, vec![id.into()]).await?.pop();
        let row = row.ok_or(WrongShape)?;
        let [attempt, status, answer, error] =
            <[Value; 4]>::try_from(row).map_err(|_| WrongShape)?;
        let answer: Option<i64> = answer.try_into()?;
        let answer = answer.map(|status| status as u16);
        let trial = match (i64::try_from(attempt)?, status == Value::from("delivered")) {
            (0, _) => return Ok(Trial::Waiting),
            (_, true) => Trial::Taken(answer.unwrap_or_default()),
            (_, false) => {
                let error: Option<String> = error.try_into()?;
                Trial::Refused(answer, error.unwrap_or_default())
            }
        };
        let mut transaction = self.store.begin().await?;
        let sql = "delete from delivery where id = $1";
        transaction.execute(sql, vec![id.into()]).await?;
        transaction.commit().await?;
        Ok(trial)
    }
}

/// Why a trial is not begun.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Nothing can be sent there.
    #[error("{0}")]
    Address(&'static str),
    /// The outbox.
    #[error(transparent)]
    Store(#[from] StoreError),
}
