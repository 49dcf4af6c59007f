//! `countersign look`: rows of the read models as lines of JSON, of now, of a moment of the past, or of a folder that was
//! filled by a replay. It leaves no event: who may run it is who may read the data.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use event_log::past;
use projections::past::Past;
use projections::read::PAGE_MAX;
use projections::{Journal, Page, ReadModels};
use schemas::journal::JournalFilter;
use schemas::{AsOf, SystemId, UserId};
use serde::Serialize;

use crate::AnyError;
use crate::serve::stores::{StoreArguments, Stores};

/// What to look at.
#[derive(Debug, Args)]
pub struct LookArguments {
    /// Rows of what
    what: What,
    /// Of which system
    #[arg(long, value_name = "ID")]
    system: SystemId,
    /// Of which user; events and users may be of all
    #[arg(long, value_name = "ID")]
    user: Option<UserId>,
    /// As it was: a moment, or after an event (17-4211)
    #[arg(
        long,
        value_name = "MOMENT",
        requires = "user",
        conflicts_with = "folder"
    )]
    as_of: Option<AsOf>,
    /// In a folder that `replay --into` has filled
    #[arg(long = "in", value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Skip so many
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    offset: u64,
    /// At most so many
    #[arg(long, default_value_t = PAGE_MAX, value_name = "NUMBER")]
    limit: u32,
    #[command(flatten)]
    stores: StoreArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Users,
    Keys,
    Transactions,
    Operations,
    Events,
}

/// Looks, and prints.
pub fn run(arguments: LookArguments) -> Result<(), AnyError> {
    let runtime = crate::runtime()?;
    runtime.block_on(look(arguments))
}

async fn look(arguments: LookArguments) -> Result<(), AnyError> {
    let (system_id, page) = (
        &arguments.system,
        Page {
            offset: arguments.offset,
            limit: arguments.limit,
        },
    );
    let user = || arguments.user.as_ref().ok_or("it takes --user");
    match arguments.what {
        What::Users => {
            let users = models(&arguments).await?.users(system_id, page).await?;
            let only = arguments.user.as_ref().map(UserId::as_str);
            let users = users
                .iter()
                .filter(|row| only.is_none_or(|only| row.user_id == only));
            print(users)
        }
        What::Keys => {
            let models = models(&arguments).await?;
            print(&models.keys(system_id, user()?, page).await?)
        }
        What::Transactions => {
            let models = models(&arguments).await?;
            print(&models.transactions(system_id, user()?, page).await?)
        }
        What::Operations => {
            let models = models(&arguments).await?;
            print(&models.operations(system_id, user()?, page).await?)
        }
        What::Events => {
            let filter = JournalFilter {
                user_id: arguments.user.clone(),
                offset: arguments.offset,
                limit: arguments.limit,
                ..JournalFilter::of(system_id.clone())
            };
            print(&journal(&arguments).await?.page(&filter).await?)
        }
    }
}

/// The read models that were asked for.
async fn models(arguments: &LookArguments) -> Result<ReadModels, AnyError> {
    Ok(match past_of(arguments).await? {
        Some(past) => past.read_models(),
        None => ReadModels::open(&tables(arguments)?).await?,
    })
}

/// The journal that was asked for. Its tables say which events; what they tell lies in the log.
async fn journal(arguments: &LookArguments) -> Result<Journal, AnyError> {
    let root = arguments.stores.root()?;
    if let Some(past) = past_of(arguments).await? {
        return Ok(past.journal(root));
    }
    let log = event_log::open(&arguments.stores.stores().log).await?;
    Ok(Journal::open(&tables(arguments)?, log, root).await?)
}

/// The past of a user, when it was asked for.
async fn past_of(arguments: &LookArguments) -> Result<Option<Past>, AnyError> {
    let (Some(as_of), Some(user_id)) = (arguments.as_of, &arguments.user) else {
        return Ok(None);
    };
    let log = event_log::open(&arguments.stores.stores().log).await?;
    let then = past::find(&*log, as_of).await?;
    let then = then.ok_or_else(|| format!("no event lies at {as_of}"))?;
    Ok(Some(
        Past::of_user(log, &arguments.system, user_id, &then).await?,
    ))
}

/// Where the tables lie.
fn tables(arguments: &LookArguments) -> Result<String, AnyError> {
    let Some(folder) = &arguments.folder else {
        return Ok(arguments.stores.stores().read);
    };
    if !folder.join("read.sqlite").exists() {
        return Err(format!("no replay has filled {}", folder.display()).into());
    }
    Ok(Stores::choose(folder, None).read)
}

fn print<Row: Serialize>(rows: impl IntoIterator<Item = Row>) -> Result<(), AnyError> {
    for row in rows {
        println!("{}", serde_json::to_string(&row)?);
    }
    Ok(())
}
