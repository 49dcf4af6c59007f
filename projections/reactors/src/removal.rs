//! Removed systems: what is kept of them in the vault is erased, user by user.
//!
//! There is no cursor and no list of what is to be done: as long as the vault has anything of a removed system, the house is
//! asked to erase it. So it goes on wherever it was broken off, it takes up systems that were removed before there was a
//! removal that erases, copies that were restored, and a user who was created in the very moment of the removal; and two who do
//! it do no harm.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bus::shell::{Clock, RootSecret, random_bytes};
use bus::{Bus, Sealer};
use event_log::EventLog;
use futures::future::join_all;
use projections::read::{PAGE_MAX, Page, ReadModels};
use projections::store::StoreError;
use schemas::commands::systems::RemoveSystem;
use schemas::commands::users::DeleteUser;
use schemas::{ErrorCode, Owner, SystemId};

use crate::house_commands::HouseCommands;
use crate::reactor::ReactorError;

/// How often to look for systems that were removed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// After so many looks the systems of which nothing was left are looked at again.
const LOOKS_OF_A_ROUND: u32 = 30;

/// Owners asked for at a time.
const PORTION: usize = 200;

/// Commands under way at the same time. Lanes are shared: the calls of other systems must not wait behind a removal.
const AT_ONCE: usize = 4;

/// What the erasing of removed systems needs.
#[derive(Debug)]
pub struct RemovalOptions {
    /// Whose vault it is.
    pub log: Arc<dyn EventLog>,
    /// Where the house is asked.
    pub bus: Arc<dyn Bus>,
    /// Closes commands, opens answers.
    pub root: RootSecret,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where the read models are: they say which systems were removed.
    pub read_address: String,
}

/// Sees to it that nothing is kept of removed systems.
#[derive(Debug)]
pub struct Removal {
    log: Arc<dyn EventLog>,
    models: ReadModels,
    house: HouseCommands,
}

impl Removal {
    /// Opens the read models.
    pub async fn new(options: RemovalOptions) -> Result<Self, StoreError> {
        Ok(Self {
            log: options.log,
            models: ReadModels::open(&options.read_address).await?,
            house: HouseCommands::new(options.bus, Sealer::new(options.root), options.clock),
        })
    }

    /// Erases until `shutdown` comes.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = shutdown => {}
            never = self.look_for_ever() => match never {},
        }
    }

    async fn look_for_ever(&self) -> Infallible {
        let mut finished = BTreeSet::new();
        for look in 1.. {
            if let Err(error) = self.look(&mut finished).await {
                metrics::counter!("reactor_failures_total").increment(1);
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "removed systems are not erased; trying again");
            }
            if look % LOOKS_OF_A_ROUND == 0 {
                finished.clear();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        unreachable!("looks are without end")
    }

    /// One look: erases what is kept of removed systems, and notes those of which nothing is.
    pub(crate) async fn look(&self, finished: &mut BTreeSet<SystemId>) -> Result<(), ReactorError> {
        let mut unfinished = Vec::new();
        for system_id in self.removed().await? {
            if finished.contains(&system_id) {
                continue;
            }
            if self.log.kept_of(&system_id, None, 1).await?.is_empty() {
                finished.insert(system_id);
            } else {
                unfinished.push(system_id);
            }
        }
        metrics::gauge!("removed_systems_unfinished").set(unfinished.len() as f64);
        for system_id in unfinished {
            self.erase(&system_id).await?;
        }
        Ok(())
    }

    async fn removed(&self) -> Result<Vec<SystemId>, StoreError> {
        let mut removed = Vec::new();
        loop {
            let page = Page {
                offset: removed.len() as u64,
                limit: PAGE_MAX,
            };
            let rows = self.models.removed_systems(page).await?;
            let is_last = rows.len() < PAGE_MAX as usize;
            removed.extend(rows.into_iter().map(|row| row.system_id));
            if is_last {
                let ids = removed.iter().filter_map(|id| id.parse().ok());
                return Ok(ids.collect());
            }
        }
    }

    /// Has everything erased that is kept of a system. When the house answers nobody, the rest waits for the next look.
    async fn erase(&self, system_id: &SystemId) -> Result<(), ReactorError> {
        // Rows may come after an erasure, so another look is another wish.
        let wish = hex::encode(random_bytes::<16>());
        let (mut after, mut erased) = (None, 0_u64);
        loop {
            let owners = self.log.kept_of(system_id, after.as_ref(), PORTION).await?;
            let Some(last) = owners.last() else {
                tracing::info!(system.id = %system_id, erased, "the vault has nothing of a removed system any more");
                return Ok(());
            };
            for some in owners.chunks(AT_ONCE) {
                let asked = join_all(some.iter().map(|owner| self.ask(owner, &wish))).await;
                let heard = asked.into_iter().filter(|is_erased| *is_erased).count() as u64;
                if heard == 0 {
                    tracing::warn!(system.id = %system_id, erased, "the house erases nothing of a removed system; asking again");
                    return Ok(());
                }
                erased += heard;
                metrics::counter!("removed_systems_owners_erased_total").increment(heard);
            }
            tracing::info!(system.id = %system_id, erased, "erasing what is kept of a removed system");
            after = Some(last.clone());
        }
    }

    /// Has one erased; whether that was done.
    async fn ask(&self, owner: &Owner, wish: &str) -> bool {
        let answer = match owner {
            Owner::Server => return false,
            Owner::System(_) => self.house.ask(owner, wish, RemoveSystem {}).await,
            Owner::User(..) => self.house.ask(owner, wish, DeleteUser {}).await,
        };
        answer.is_ok_and(|answer| answer.code == ErrorCode::Normal)
    }
}

#[cfg(test)]
mod tests;
