//! What a projection is: a table, and what every event does to it.

use schemas::Position;
use schemas::envelope::RecordedEvent;

use crate::audit::journal::JOURNAL;
use crate::read::{
    keys::KEYS, operations::OPERATIONS, systems::SYSTEMS, transactions::TRANSACTIONS, users::USERS,
};
use crate::rows::{Rows, Target};

/// Every projection. Adding one is one file, one migration and one line.
pub(crate) const PROJECTIONS: &[Projection] =
    &[SYSTEMS, USERS, KEYS, TRANSACTIONS, OPERATIONS, JOURNAL];

/// A table that follows from the log.
pub(crate) struct Projection {
    /// Its name, for people and for the cursors.
    pub name: &'static str,
    /// The table it serves.
    pub table: &'static str,
    /// The text that makes the table.
    pub create: &'static str,
    /// The columns, the key's first.
    pub columns: &'static [&'static str],
    /// How many columns the key has.
    pub key: usize,
    /// What an event changes. Nothing but the event may enter: two rebuilds must end in the same rows.
    pub fold: fn(&Seen<'_>, &mut Rows),
}

/// An event, and where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// Where.
    pub position: Position,
    /// What.
    pub event: &'a RecordedEvent,
}

impl Projection {
    /// The projection of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PROJECTIONS
            .iter()
            .find(|projection| projection.name == name)
    }

    /// The table that serves.
    pub fn live(&self) -> Target<'_> {
        self.target(self.table)
    }

    /// The same columns in another table.
    pub fn target<'a>(&'a self, table: &'a str) -> Target<'a> {
        Target {
            table,
            columns: self.columns,
            key: self.key,
        }
    }

    /// The table that is built beside the one that serves.
    pub fn shadow_table(&self) -> String {
        format!("{}_rebuilt", self.table)
    }

    /// The name that its cursor goes by.
    pub fn shadow_name(&self) -> String {
        format!("{}_rebuilt", self.name)
    }

    /// The text that makes the table under another name, without its further indexes.
    pub fn create_bare(&self, table: &str) -> String {
        let (here, there) = (
            format!("create table {} (", self.table),
            format!("create table {table} ("),
        );
        let lines = self.create.lines();
        let kept: Vec<&str> = lines.filter(|line| further_index(line).is_none()).collect();
        // An index may have been the last line of the list.
        let bare = kept.join("\n").replace(",\n)", "\n)");
        bare.replacen(&here, &there, 1)
    }

    /// The texts that make the further indexes of a table of that name; each gets a name that begins with `name`.
    pub fn create_indexes(&self, table: &str, name: &str) -> Vec<String> {
        let columns = self.create.lines().filter_map(further_index);
        let named = columns.zip(1..);
        let text =
            |(columns, number)| format!("create unique index {name}_{number} on {table} {columns}");
        named.map(text).collect()
    }
}

/// The columns of an index besides the key's, in parentheses, when the line of a table's text is one.
fn further_index(line: &str) -> Option<&str> {
    let columns = line.trim().strip_prefix("unique ")?;
    Some(columns.trim_end_matches(','))
}

impl Seen<'_> {
    /// The runner's clock, ms.
    pub fn at(&self) -> i64 {
        self.event.recorded_at.0
    }

    /// The system it concerns.
    pub fn system_id(&self) -> String {
        self.event.owner.system_id().to_string()
    }

    /// The user it concerns; empty for an event of the system itself.
    pub fn user_id(&self) -> String {
        self.event
            .owner
            .user_id()
            .map_or_else(String::new, ToString::to_string)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_made_with_the_columns_its_rows_have() {
        for projection in PROJECTIONS {
            let declared: Vec<&str> = projection
                .create
                .lines()
                .filter_map(|line| line.strip_prefix("    "))
                .filter_map(|line| line.split_once(' '))
                .map(|(name, _)| name)
                .filter(|name| !matches!(*name, "primary" | "unique"))
                .collect();
            assert_eq!(declared, projection.columns, "{}", projection.name);
        }
    }

    #[test]
    fn a_table_can_be_made_under_another_name_and_get_its_indexes_later() {
        for projection in PROJECTIONS {
            let shadow = projection.shadow_table();
            let bare = projection.create_bare(&shadow);
            assert!(
                bare.contains(&format!("create table {shadow} (")) && !bare.contains("unique (")
            );
            assert!(
                bare.trim_end().ends_with("\n);") && !bare.contains(",\n)"),
                "{bare}"
            );
            let further = projection.create.matches("unique (").count();
            let indexes = projection.create_indexes(&shadow, "name");
            assert_eq!(indexes.len(), further);
            assert!(
                !projection.create.contains("create index"),
                "a named index cannot be made twice"
            );
        }
        assert_eq!(
            TRANSACTIONS.create_indexes("there", "name"),
            ["create unique index name_1 on there (system_id, user_id, transaction_id)"]
        );
    }
}
