//! How far every projection has read every lane.

use schemas::{Digest, Lane};

use crate::numbers;
use crate::projection::{PROJECTIONS, Projection};
use crate::store::{Given, Store, StoreError, Transaction, Value, WrongShape};

/// The cursors of all projections: for each of [`PROJECTIONS`] the number it read last in every lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursors(Vec<Vec<u64>>);

/// The projections that are furthest behind in a lane, and how far they may go before others must come along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    /// Which projections, by their index in [`PROJECTIONS`].
    pub group: Vec<usize>,
    /// The number they read last.
    pub after: u64,
    /// Where they meet the next projection, or the lane's end.
    pub until: u64,
}

/// A lane on which some projections went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advance {
    /// Which lane.
    pub lane: Lane,
    /// Which projections, by their index in [`PROJECTIONS`].
    pub group: Vec<usize>,
    /// The number they had read last.
    pub after: u64,
    /// The number they have read last now.
    pub end: u64,
}

impl Cursors {
    /// Makes the tables that are missing, makes those anew whose shape is another one now, and reads the cursors.
    pub async fn prepare(store: &Store) -> Result<Self, StoreError> {
        let mut transaction = store.begin().await?;
        let script = include_str!("../../migrations/projections/cursors.sql");
        transaction.run_script(script).await?;
        for projection in PROJECTIONS {
            prepare(projection, &mut transaction).await?;
        }
        transaction.commit().await?;
        Self::load(store).await
    }

    /// Reads the cursors.
    pub async fn load(store: &Store) -> Result<Self, StoreError> {
        let mut cursors = Self(vec![vec![0; Lane::COUNT.into()]; PROJECTIONS.len()]);
        let sql = "select projection, numbers from projection_cursor";
        for row in store.fetch(sql, Vec::new()).await? {
            let [name, read] = <[Value; 2]>::try_from(row).map_err(|_| WrongShape)?;
            let (name, read): (String, String) = (name.try_into()?, read.try_into()?);
            let known = PROJECTIONS
                .iter()
                .position(|projection| projection.name == name);
            // A projection of another version of this program is none of our business.
            if let Some(index) = known {
                cursors.0[index] = numbers::from_text(&read)?;
            }
        }
        Ok(cursors)
    }

    /// The numbers up to which one projection has read, by lane.
    pub fn of(&self, projection: &Projection) -> Vec<u64> {
        let index = PROJECTIONS
            .iter()
            .position(|known| known.name == projection.name);
        self.0[index.expect("every projection is in the list")].clone()
    }

    /// The number up to which every projection has read the lane.
    pub fn read_by_all(&self, lane: Lane) -> u64 {
        let lane = usize::from(lane.number());
        self.0
            .iter()
            .map(|cursors| cursors[lane])
            .min()
            .unwrap_or(0)
    }

    /// The number up to which some projection has read the lane.
    pub fn read_by_any(&self, lane: Lane) -> u64 {
        let lane = usize::from(lane.number());
        self.0
            .iter()
            .map(|cursors| cursors[lane])
            .max()
            .unwrap_or(0)
    }

    /// Who has to read this lane next; `None` when all have read it up to its end.
    pub fn behind(&self, lane: Lane, head: u64) -> Option<Behind> {
        let after = self.read_by_all(lane);
        let index = usize::from(lane.number());
        let others = self
            .0
            .iter()
            .map(|cursors| cursors[index])
            .filter(|number| *number > after);
        let until = others.min().unwrap_or(head).min(head);
        let group = (0..self.0.len()).filter(|projection| self.0[*projection][index] == after);
        (until > after).then(|| Behind {
            group: group.collect(),
            after,
            until,
        })
    }

    /// The cursors after these advances.
    pub fn after(&self, advances: &[Advance]) -> Self {
        let mut cursors = self.clone();
        for advance in advances {
            for projection in &advance.group {
                cursors.0[*projection][usize::from(advance.lane.number())] = advance.end;
            }
        }
        cursors
    }

    /// Moves the cursors to others; `false` when somebody else has moved one of them.
    pub async fn write(
        &self,
        after: &Self,
        transaction: &mut Transaction,
    ) -> Result<bool, StoreError> {
        let moves = PROJECTIONS.iter().zip(self.0.iter().zip(&after.0));
        let moves = moves.filter(|(_, (before, after))| before != after);
        let rows: Vec<Vec<Value>> = moves
            .map(|(projection, (before, after))| {
                vec![
                    projection.name.into(),
                    numbers::to_text(before).into(),
                    numbers::to_text(after).into(),
                ]
            })
            .collect();
        let count = rows.len() as u64;
        let sql = "update projection_cursor set numbers = given.later from {given} \
                   where projection = given.name and numbers = given.earlier";
        let given = Given::new(&["name", "earlier", "later"], rows);
        Ok(transaction.execute_on(given, sql).await? == count)
    }
}

/// Holds a projection where it is until the transaction ends, and tells where that is.
pub(crate) async fn hold(
    projection: &Projection,
    transaction: &mut Transaction,
) -> Result<Vec<u64>, StoreError> {
    let hold =
        "update projection_cursor set numbers = numbers where projection = $1 returning numbers";
    let held = transaction
        .fetch(hold, vec![projection.name.into()])
        .await?;
    let held = held.into_iter().flatten().next().ok_or(WrongShape)?;
    Ok(numbers::from_text(&String::try_from(held)?)?)
}

async fn prepare(projection: &Projection, transaction: &mut Transaction) -> Result<(), StoreError> {
    let name = || Value::from(projection.name);
    let shape = Digest::sha256(projection.create.as_bytes()).to_string();
    let sql = "select shape from projection_shape where projection = $1";
    let known = transaction.fetch(sql, vec![name()]).await?.pop();
    if known == Some(vec![Value::from(shape.as_str())]) {
        return Ok(());
    }
    if known.is_some() {
        tracing::info!(
            projection = projection.name,
            "the table has another shape now: it is built anew from the log"
        );
    }
    let drop = format!(
        "drop table if exists {}; drop table if exists {}",
        projection.table,
        projection.shadow_table()
    );
    transaction.run_script(drop).await?;
    transaction.run_script(projection.create).await?;
    for table in ["projection_shape", "projection_cursor"] {
        let forget = format!("delete from {table} where projection = $1 or projection = $2");
        let both = vec![name(), projection.shadow_name().into()];
        transaction.execute(forget, both).await?;
    }
    let remember = "insert into projection_shape (projection, shape) values ($1, $2)";
    transaction
        .execute(remember, vec![name(), shape.into()])
        .await?;
    let start = "insert into projection_cursor (projection, numbers) values ($1, $2)";
    let zeros = numbers::to_text(&vec![0; Lane::COUNT.into()]);
    transaction
        .execute(start, vec![name(), zeros.into()])
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_furthest_behind_reads_first_until_it_meets_the_others() {
        let lane = Lane::new(7).expect("there are more lanes");
        let mut cursors = Cursors(vec![vec![5; Lane::COUNT.into()]; PROJECTIONS.len()]);
        cursors.0[2][7] = 1;
        let first = cursors.behind(lane, 9).expect("there is more to read");
        assert_eq!(
            first,
            Behind {
                group: vec![2],
                after: 1,
                until: 5
            }
        );
        let Behind {
            group,
            after,
            until,
        } = first;
        let met = cursors.after(&[Advance {
            lane,
            group,
            after,
            end: until,
        }]);
        let all = (0..PROJECTIONS.len()).collect();
        assert_eq!(
            met.behind(lane, 9),
            Some(Behind {
                group: all,
                after: 5,
                until: 9
            })
        );
        assert_eq!(met.behind(lane, 5), None);
    }
}
