//! Tables that are built beside those that serve, from the first event on. How far they are is kept with their rows, so a
//! rebuild that was interrupted goes on; and of two at the same time one finds its tables taken.

use std::sync::Arc;

use event_log::EventLog;
use schemas::{Digest, Lane};

use crate::numbers;
use crate::projection::Projection;
use crate::rebuild::RebuildError;
use crate::steps::{Step, Steps};
use crate::store::{Store, StoreError, Transaction, Value, WrongShape};

/// The tables that are being built, all up to the same place.
#[derive(Clone)]
pub(crate) struct Shadow {
    /// Of which projections.
    pub projections: Vec<&'static Projection>,
    /// The number that was folded last in every lane.
    pub at: Vec<u64>,
    /// Do they have all their indexes? A table is filled faster without.
    is_whole: bool,
}

impl Shadow {
    /// Makes the tables, or finds those that an interrupted rebuild of the same projections has left.
    pub async fn begin(
        store: &Store,
        projections: &[&'static Projection],
    ) -> Result<Self, StoreError> {
        let mut transaction = store.begin().await?;
        let mut left = Vec::new();
        for projection in projections {
            left.push(left_behind(projection, &mut transaction).await?);
        }
        let (at, is_whole) = match left.split_first() {
            Some((Some(first), others))
                if others.iter().all(|other| other.as_ref() == Some(first)) =>
            {
                first.clone()
            }
            _ => {
                for projection in projections {
                    make(projection, &mut transaction).await?;
                }
                (vec![0; Lane::COUNT.into()], false)
            }
        };
        transaction.commit().await?;
        let projections = projections.to_vec();
        Ok(Self {
            projections,
            at,
            is_whole,
        })
    }

    /// Makes the indexes that the tables do not have yet.
    pub async fn complete(&mut self, store: &Store) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.is_whole, true) {
            return Ok(());
        }
        let mut transaction = store.begin().await?;
        transaction.plan_for_whole_tables().await?;
        for projection in &self.projections {
            let table = projection.shadow_table();
            // The indexes of the table that serves were made like this, too.
            let name = format!("{table}_{}", hex::encode(bus::shell::random_bytes::<6>()));
            for index in projection.create_indexes(&table, &name) {
                transaction.run_script(index).await?;
            }
            let whole = "update projection_shape set shape = $1 where projection = $2";
            let values = vec![shape(projection, true), projection.shadow_name().into()];
            transaction.execute(whole, values).await?;
        }
        transaction.commit().await
    }

    /// How many events are in the tables.
    pub fn done(&self) -> u64 {
        self.at.iter().sum()
    }

    /// Each table for itself.
    pub fn apart(self) -> impl Iterator<Item = Self> {
        let at = self.at;
        let projections = self.projections.into_iter();
        projections.map(move |projection| Self {
            projections: vec![projection],
            at: at.clone(),
            is_whole: self.is_whole,
        })
    }

    /// What comes next, up to `until`.
    pub fn steps(&self, log: &Arc<dyn EventLog>, until: &[u64]) -> Steps {
        let (projections, at) = (self.projections.clone(), self.at.clone());
        Steps::begin(projections, at, Arc::clone(log), until.into())
    }

    /// Writes the rows together with how far they bring the tables.
    pub async fn write(&mut self, store: &Store, step: Step) -> Result<(), RebuildError> {
        let at = step.at.clone();
        let mut transaction = store.begin().await?;
        for projection in &self.projections {
            let moved =
                "update projection_cursor set numbers = $1 where projection = $2 and numbers = $3";
            let values = vec![
                numbers::to_text(&at).into(),
                projection.shadow_name().into(),
                numbers::to_text(&self.at).into(),
            ];
            if transaction.execute(moved, values).await? != 1 {
                return Err(RebuildError::Disturbed(projection.shadow_table()));
            }
        }
        self.put(step, &mut transaction).await?;
        transaction.commit().await?;
        self.at = at;
        Ok(())
    }

    /// Writes the rows alone.
    pub async fn put(&self, step: Step, transaction: &mut Transaction) -> Result<(), StoreError> {
        for (projection, rows) in self.projections.iter().zip(step.rows) {
            let table = projection.shadow_table();
            projection.target(&table).fill(rows, transaction).await?;
        }
        Ok(())
    }

    /// From here on the tables end with the transaction: nothing goes on from them.
    pub async fn end(&self, transaction: &mut Transaction) -> Result<(), RebuildError> {
        for projection in &self.projections {
            let taken = "delete from projection_cursor where projection = $1 and numbers = $2";
            let values = vec![
                projection.shadow_name().into(),
                numbers::to_text(&self.at).into(),
            ];
            if transaction.execute(taken, values).await? != 1 {
                return Err(RebuildError::Disturbed(projection.shadow_table()));
            }
        }
        Ok(())
    }
}

/// What the table of today looks like, with all its indexes or with the key's alone.
fn shape(projection: &Projection, is_whole: bool) -> Value {
    let digest = Digest::sha256(projection.create.as_bytes());
    let extent = if is_whole { "whole" } else { "bare" };
    format!("{extent} {digest}").into()
}

/// How far an interrupted rebuild has come, and whether its table is whole, when it has the shape of today.
async fn left_behind(
    projection: &Projection,
    transaction: &mut Transaction,
) -> Result<Option<(Vec<u64>, bool)>, StoreError> {
    let sql = "select numbers, shape from projection_cursor natural join projection_shape \
               where projection = $1";
    let values = vec![projection.shadow_name().into()];
    let found = transaction.fetch(sql, values).await?;
    let Some(Ok([numbers, found])) = found.into_iter().next().map(<[Value; 2]>::try_from) else {
        return Ok(None);
    };
    let numbers = numbers::from_text(&String::try_from(numbers)?).map_err(|_| WrongShape)?;
    let is_whole = [true, false]
        .into_iter()
        .find(|is_whole| shape(projection, *is_whole) == found);
    Ok(is_whole.map(|is_whole| (numbers, is_whole)))
}

async fn make(projection: &Projection, transaction: &mut Transaction) -> Result<(), StoreError> {
    let table = projection.shadow_table();
    let drop = format!("drop table if exists {table}");
    transaction.run_script(drop).await?;
    transaction
        .run_script(projection.create_bare(&table))
        .await?;
    let name = || Value::from(projection.shadow_name());
    for table in ["projection_shape", "projection_cursor"] {
        let forget = format!("delete from {table} where projection = $1");
        transaction.execute(forget, vec![name()]).await?;
    }
    let remember = "insert into projection_shape (projection, shape) values ($1, $2)";
    transaction
        .execute(remember, vec![name(), shape(projection, false)])
        .await?;
    let start = "insert into projection_cursor (projection, numbers) values ($1, $2)";
    let zeros = numbers::to_text(&vec![0; Lane::COUNT.into()]);
    transaction
        .execute(start, vec![name(), zeros.into()])
        .await?;
    Ok(())
}
