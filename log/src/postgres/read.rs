//! Reading: every question is answered from one index.

use std::collections::HashMap;

use schemas::vault::VaultName;
use schemas::{CommandId, Lane, Owner, SystemId, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow};

use super::PostgresLog;
use crate::kept::KeptOf;
use crate::port::{CommandRecord, DueTimer, Failure, Frame, LogEvent, Piece};
use crate::stored::{self, CommandColumns, EventColumns, FrameColumns, TimerColumns};

const PIECES: &str = "cannot read pieces of the lanes";

impl PostgresLog {
    pub(super) async fn read_history(
        &self,
        owner: &Owner,
        after: u64,
    ) -> Result<Vec<LogEvent>, Failure> {
        let attempt = || format!("cannot load the history of {owner}");
        let rows: Vec<EventColumns> = sqlx::query_as(
            "select lane::bigint, pos, owner, version, word, aggregate, at, payload from events \
             where owner = $1 and version > $2 order by version",
        )
        .bind(owner.to_string())
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| Failure::because(attempt(), error))?;
        stored::read_back(rows, stored::event, attempt)
    }

    pub(super) async fn read_lane(
        &self,
        lane: Lane,
        from: u64,
        limit: usize,
    ) -> Result<Vec<LogEvent>, Failure> {
        let attempt = || format!("cannot read lane {lane}");
        let rows: Vec<EventColumns> = sqlx::query_as(
            "select lane::bigint, pos, owner, version, word, aggregate, at, payload from events \
             where lane = $1 and pos >= $2 order by pos limit $3",
        )
        .bind(i16::from(lane.number()))
        .bind(i64::try_from(from).unwrap_or(i64::MAX))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| Failure::because(attempt(), error))?;
        stored::read_back(rows, stored::event, attempt)
    }

    pub(super) async fn read_many(&self, pieces: &[Piece]) -> Result<Vec<LogEvent>, Failure> {
        let columns = "lane::bigint, pos, owner, version, word, aggregate, at, payload";
        let rows: Vec<EventColumns> = self.pieces(columns, pieces).await?;
        stored::read_back(rows, stored::event, || PIECES.to_owned())
    }

    pub(super) async fn read_frames_of(&self, pieces: &[Piece]) -> Result<Vec<Frame>, Failure> {
        let rows: Vec<FrameColumns> = self.pieces("lane::bigint, pos, payload", pieces).await?;
        stored::read_back(rows, stored::frame, || PIECES.to_owned())
    }

    /// Positions are dense, so a piece is a stretch of the index.
    async fn pieces<Columns>(
        &self,
        columns: &'static str,
        pieces: &[Piece],
    ) -> Result<Vec<Columns>, Failure>
    where
        Columns: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let column = |value: fn(&Piece) -> u64| -> Vec<i64> {
            pieces.iter().map(|piece| value(piece) as i64).collect()
        };
        let lanes: Vec<i16> = pieces
            .iter()
            .map(|piece| piece.lane.number().into())
            .collect();
        let sql = format!(
            "select events.{columns} \
             from unnest($1::smallint[], $2::bigint[], $3::bigint[]) as wanted (lane, first, last) \
             join events on events.lane = wanted.lane and pos between first and last \
             order by events.lane, pos"
        );
        sqlx::query_as(AssertSqlSafe(sql))
            .bind(lanes)
            .bind(column(|piece| piece.first))
            .bind(column(|piece| piece.last))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| Failure::because(PIECES, error))
    }

    pub(super) async fn read_heads(&self) -> Result<Vec<u64>, Failure> {
        let heads: Vec<(i64,)> = sqlx::query_as("select pos from lanes order by lane")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| Failure::because("cannot read the heads of the lanes", error))?;
        Ok(heads.into_iter().map(|(last,)| last as u64).collect())
    }

    pub(super) async fn read_command(
        &self,
        id: &CommandId,
    ) -> Result<Option<CommandRecord>, Failure> {
        let row: Option<CommandColumns> = sqlx::query_as(
            "select lane::bigint, pos, fingerprint, code::bigint, answer from commands \
             where command_id = $1",
        )
        .bind(&id.0[..])
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| Failure::because(stored::finding(id), error))?;
        let record = row.map(stored::command).transpose();
        record.map_err(|error| Failure::because(stored::finding(id), error))
    }

    pub(super) async fn read_vault(
        &self,
        owner: &Owner,
        names: &[VaultName],
    ) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        let wanted: Vec<_> = names.iter().map(VaultName::as_str).collect();
        let rows: Vec<(String, Vec<u8>)> =
            sqlx::query_as("select name, sealed from vault where owner = $1 and name = any($2)")
                .bind(owner.to_string())
                .bind(wanted)
                .fetch_all(&self.pool)
                .await
                .map_err(|error| {
                    Failure::because(format!("cannot read the vault of {owner}"), error)
                })?;
        let found: HashMap<_, _> = rows.into_iter().collect();
        let row = |name: &VaultName| found.get(name.as_str()).cloned();
        Ok(names.iter().map(row).collect())
    }

    pub(super) async fn read_kept_of(
        &self,
        system_id: &SystemId,
        after: Option<&Owner>,
        limit: usize,
    ) -> Result<Vec<Owner>, Failure> {
        let kept = KeptOf::new(system_id, after);
        let found = sqlx::query_scalar(KeptOf::SQL)
            .bind(kept.system)
            .bind(kept.behind)
            .bind(kept.before)
            .bind(limit as i64)
            .fetch_all(&self.pool)
            .await
            .map_err(KeptOf::failed(system_id))?;
        KeptOf::owners(found)
    }

    pub(super) async fn read_count(&self, name: &str) -> Result<i64, Failure> {
        let shown: Option<i64> = sqlx::query_scalar("select shown from counts where name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| Failure::because(format!("cannot read the counter {name}"), error))?;
        Ok(shown.unwrap_or(0))
    }

    pub(super) async fn read_due_timers(
        &self,
        lane: Lane,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueTimer>, Failure> {
        let attempt = || format!("cannot read the timers of lane {lane}");
        let rows: Vec<TimerColumns> = sqlx::query_as(
            "select owner, name, due_at from timers where lane = $1 and due_at <= $2 \
             order by due_at, owner, name limit $3",
        )
        .bind(i16::from(lane.number()))
        .bind(now.0)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| Failure::because(attempt(), error))?;
        stored::read_back(rows, stored::timer, attempt)
    }
}
