//! Writing: a group waits for the next batch, and is told how it ended; see `batch.rs`.

use schemas::vault::VaultName;
use schemas::{Lane, Owner};
use tokio::sync::oneshot;

use super::batch::{Outcome, Waiting};
use super::{SqliteLog, script};
use crate::commit::{Claim, Commit};
use crate::group::{self, Histories, Rows};
use crate::port::{AppendError, Appended, Epoch, Failure, OpenLane};

impl SqliteLog {
    pub(super) async fn append_group(
        &self,
        lane: Lane,
        epoch: Epoch,
        group: &[Commit],
    ) -> Result<Appended, AppendError> {
        let owners = group::owners(lane, group);
        let attempt = || format!("cannot append to lane {lane}");
        let rows = match Rows::of(group, &owners) {
            Some(rows) if !group.is_empty() => rows,
            contradiction_or_nothing => {
                let last = self.check_fence(lane, epoch).await?;
                let first = last + 1;
                return contradiction_or_nothing
                    .map(|_| Appended { first, last })
                    .ok_or(AppendError::Group);
            }
        };
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            lane,
            epoch,
            group: group.to_vec(),
            owners: owners.clone(),
            answer,
        };
        if self.batches.send(waiting).is_err() {
            let attempt = format!("{}: the log is closed", attempt());
            return Err(AppendError::Failed(Failure {
                attempt,
                source: None,
            }));
        }
        // A batch that died without a word may have been committed.
        let outcome = answered
            .await
            .map_err(|error| AppendError::Unknown(Failure::because(attempt(), error)))?;
        let histories = match outcome {
            Outcome::Committed(appended) => {
                if group.iter().any(|commit| !commit.erase.is_empty()) {
                    self.shredding.after_an_erasure();
                }
                return Ok(appended);
            }
            Outcome::Fenced => return Err(AppendError::Fenced { lane }),
            Outcome::Failed(error) => {
                return Err(AppendError::Failed(Failure::because(attempt(), error)));
            }
            Outcome::Unknown(error) => {
                return Err(AppendError::Unknown(Failure::because(attempt(), error)));
            }
            Outcome::Stale => Histories::Elsewhere,
            Outcome::Occupied => Histories::AsExpected,
            Outcome::Full => Histories::Full,
        };
        Err(group::obstacle(self, group, histories, self.first_taken(&rows.claims)).await)
    }

    pub(super) async fn raise_epoch(&self, lane: Lane) -> Result<OpenLane, Failure> {
        let attempt = || format!("cannot open lane {lane}");
        let sql = "update lanes set epoch = epoch + 1 where lane = $1 returning epoch, pos";
        // `fetch_all` and not `fetch_one`: that one hands out the row before the statement has committed.
        let rows: Vec<(i64, i64)> = sqlx::query_as(sql)
            .bind(i64::from(lane.number()))
            .fetch_all(&self.writer)
            .await
            .map_err(|error| Failure::because(attempt(), error))?;
        let [(epoch, last)] = rows[..] else {
            return Err(Failure::because(attempt(), sqlx::Error::RowNotFound));
        };
        Ok(OpenLane {
            epoch: Epoch(epoch as u64),
            last: last as u64,
        })
    }

    pub(super) async fn erase_rows(
        &self,
        owner: &Owner,
        names: &[VaultName],
    ) -> Result<(), Failure> {
        let owner = owner.to_string();
        let rows: Vec<_> = names
            .iter()
            .map(|name| (owner.as_str(), name.as_str()))
            .collect();
        for statement in script::erase(&rows) {
            let erased = statement.execute(&self.writer).await;
            erased.map_err(|error| Failure::because("cannot erase rows of the vault", error))?;
        }
        self.shredding.after_an_erasure();
        Ok(())
    }

    async fn check_fence(&self, lane: Lane, epoch: Epoch) -> Result<u64, AppendError> {
        let (newest, last): (i64, i64) =
            sqlx::query_as("select epoch, pos from lanes where lane = $1")
                .bind(i64::from(lane.number()))
                .fetch_one(&self.readers)
                .await
                .map_err(|error| {
                    AppendError::Failed(Failure::because(format!("cannot read lane {lane}"), error))
                })?;
        if newest as u64 == epoch.0 {
            Ok(last as u64)
        } else {
            Err(AppendError::Fenced { lane })
        }
    }

    /// The first of the claimed names that is taken.
    async fn first_taken(&self, claims: &[(&Claim, &str)]) -> Result<Option<Claim>, Failure> {
        for (claim, _) in claims {
            let taken = sqlx::query("select 1 from claims where scope = $1 and name = $2")
                .bind(&claim.scope)
                .bind(&claim.name)
                .fetch_optional(&self.readers)
                .await
                .map_err(|error| Failure::because("cannot look for taken names", error))?;
            if taken.is_some() {
                return Ok(Some((*claim).clone()));
            }
        }
        Ok(None)
    }
}
