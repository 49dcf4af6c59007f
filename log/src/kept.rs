//! Who of a system is in the vault: where those owners stand among all, by name.

use schemas::{Owner, SystemId};

use crate::port::Failure;

/// A question for the owners of a system.
#[derive(Debug)]
pub(crate) struct KeptOf {
    /// The system itself; nobody's name when it was passed.
    pub(crate) system: String,
    /// Its users stand behind this name,
    pub(crate) behind: String,
    /// and before this one.
    pub(crate) before: String,
}

impl KeptOf {
    /// Two looks into the primary key: the system, and the users, of whom it reads no more than it tells.
    pub(crate) const SQL: &str = "select owner from (select distinct owner from vault where owner = $1) as own \
        union all select owner from (select distinct owner from vault where owner > $2 and owner < $3 \
        order by owner limit $4) as users";

    pub(crate) fn new(system_id: &SystemId, after: Option<&Owner>) -> Self {
        let first = format!("{system_id}/");
        Self {
            system: if after.is_none() {
                system_id.to_string()
            } else {
                String::new()
            },
            behind: after.map_or_else(
                || first.clone(),
                |after| after.to_string().max(first.clone()),
            ),
            // The character after the slash.
            before: format!("{system_id}0"),
        }
    }

    /// The owners of the names that were found.
    pub(crate) fn owners(names: Vec<String>) -> Result<Vec<Owner>, Failure> {
        let read = |name: String| {
            name.parse().map_err(|_| Failure {
                attempt: format!("the vault has an owner with an impossible name: {name}"),
                source: None,
            })
        };
        names.into_iter().map(read).collect()
    }

    /// The database does not tell.
    pub(crate) fn failed(system_id: &SystemId) -> impl FnOnce(sqlx::Error) -> Failure {
        let attempt = format!("cannot look who of {system_id} is in the vault");
        |error| Failure::because(attempt, error)
    }
}
