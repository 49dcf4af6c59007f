//! Writing: an append waits for its turn in the lane, then for the next batch; see `batch.rs`.

use schemas::vault::VaultName;
use schemas::{Lane, Owner};
use tokio::sync::oneshot;

use super::PostgresLog;
use super::batch::{Ended, Waiting};
use crate::commit::{Claim, Commit};
use crate::group::{self, Histories, Rows};
use crate::port::{AppendError, Appended, Epoch, Failure, OpenLane};

/// How often a group is sent again because the lane moved while it was looked at. Only a writer that was just fenced
/// can meet that, and the next look tells it so.
const ATTEMPTS_MAX: u32 = 8;

impl PostgresLog {
    pub(super) async fn append_group(
        &self,
        lane: Lane,
        epoch: Epoch,
        group: &[Commit],
    ) -> Result<Appended, AppendError> {
        let owners = group::owners(lane, group);
        let claims: Vec<Claim> = match Rows::of(group, &owners) {
            Some(rows) if !group.is_empty() => rows
                .claims
                .iter()
                .map(|(claim, _)| (*claim).clone())
                .collect(),
            contradiction_or_nothing => {
                let last = self.check_fence(lane, epoch).await?;
                let first = last + 1;
                return contradiction_or_nothing
                    .map(|_| Appended { first, last })
                    .ok_or(AppendError::Group);
            }
        };
        let attempt = || format!("cannot append to lane {lane}");
        for _ in 0..ATTEMPTS_MAX {
            // A caller who leaves while waiting here leaves nothing behind.
            let turn = self.lanes[usize::from(lane.number())]
                .clone()
                .lock_owned()
                .await;
            let (answer, answered) = oneshot::channel();
            let waiting = Waiting {
                lane,
                epoch,
                group: group.to_vec(),
                owners: owners.clone(),
                answer,
                turn,
            };
            if self.batches.send(waiting).is_err() {
                let attempt = format!("{}: the log is closed", attempt());
                return Err(AppendError::Failed(Failure {
                    attempt,
                    source: None,
                }));
            }
            // A batch that died without a word may have been committed.
            let ended = answered
                .await
                .unwrap_or_else(|error| Ended::Unknown(error.into()));
            let histories = match ended {
                Ended::Appended(appended) => return Ok(appended),
                Ended::Fenced => return Err(AppendError::Fenced { lane }),
                Ended::Moved => continue,
                Ended::Stale => Histories::Elsewhere,
                Ended::Occupied => Histories::AsExpected,
                Ended::Full => Histories::Full,
                Ended::Refused(error) => {
                    return Err(AppendError::Failed(Failure::because(attempt(), error)));
                }
                Ended::Unknown(source) => {
                    return Err(AppendError::Unknown(Failure::because(attempt(), source)));
                }
            };
            let taken = self.first_taken(&claims);
            return Err(group::obstacle(self, group, histories, taken).await);
        }
        Err(AppendError::Failed(Failure {
            attempt: format!("lane {lane} moved at every attempt to append to it"),
            source: None,
        }))
    }

    pub(super) async fn raise_epoch(&self, lane: Lane) -> Result<OpenLane, Failure> {
        let sql = "update lanes set epoch = epoch + 1 where lane = $1 returning epoch, pos";
        let (epoch, last): (i64, i64) = sqlx::query_as(sql)
            .bind(i16::from(lane.number()))
            .fetch_one(&self.pool)
            .await
            .map_err(|error| Failure::because(format!("cannot open lane {lane}"), error))?;
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
        let names: Vec<_> = names.iter().map(VaultName::as_str).collect();
        sqlx::query("delete from vault where owner = $1 and name = any($2)")
            .bind(owner.to_string())
            .bind(names)
            .execute(&self.pool)
            .await
            .map_err(|error| Failure::because("cannot erase rows of the vault", error))?;
        Ok(())
    }

    async fn check_fence(&self, lane: Lane, epoch: Epoch) -> Result<u64, AppendError> {
        let row = sqlx::query_as("select epoch, pos from lanes where lane = $1")
            .bind(i16::from(lane.number()))
            .fetch_one(&self.pool)
            .await;
        let (newest, last): (i64, i64) = row.map_err(|error| {
            AppendError::Failed(Failure::because(format!("cannot read lane {lane}"), error))
        })?;
        if newest as u64 == epoch.0 {
            Ok(last as u64)
        } else {
            Err(AppendError::Fenced { lane })
        }
    }

    /// The first of the claimed names that is taken.
    async fn first_taken(&self, claims: &[Claim]) -> Result<Option<Claim>, Failure> {
        let scopes: Vec<_> = claims.iter().map(|claim| claim.scope.as_str()).collect();
        let names: Vec<_> = claims.iter().map(|claim| claim.name.as_str()).collect();
        let taken: Option<(String, String)> = sqlx::query_as(
            "select claims.scope, claims.name from unnest($1::text[], $2::text[]) as wanted (scope, name) \
             join claims on claims.scope = wanted.scope and claims.name = wanted.name \
             order by claims.scope, claims.name limit 1",
        )
        .bind(scopes)
        .bind(names)
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| Failure::because("cannot look for taken names", error))?;
        Ok(taken.map(|(scope, name)| Claim { scope, name }))
    }
}
