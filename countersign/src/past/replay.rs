//! `countersign replay`: the log once more, as lines of JSON or into read models in a folder, up to any place of the past.
//! It sends nothing to anybody and writes no log.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use event_log::EventLog;
use projections::replay::{Filter, Replay};
use projections::state::{StateFold, VERSION};
use projections::{JournalRecord, Projector};
use schemas::{Lane, Owner, SystemId};

use super::at::{self, At};
use super::pace::{Pace, Speed};
use crate::AnyError;
use crate::progress;
use crate::serve::stores::{StoreArguments, Stores};

/// What to replay, and into what.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// Up to this place: a moment, an event (17-4211) or a number of records (record:4096) [default: the end of the log]
    #[arg(long, value_name = "PLACE", value_parser = at::parse)]
    to: Option<At>,
    /// From after this place on [default: the beginning]
    #[arg(long, value_name = "PLACE", value_parser = at::parse, conflicts_with = "into")]
    from: Option<At>,
    /// Only this lane, 0 to 63
    #[arg(long, value_name = "NUMBER", value_parser = lane)]
    lane: Option<Lane>,
    /// Only this owner: a system, or <system>/<user>
    #[arg(long, value_name = "OWNER")]
    owner: Option<Owner>,
    /// Only this system and its users
    #[arg(long, value_name = "ID")]
    system: Option<SystemId>,
    /// Only events with this word
    #[arg(long, value_name = "WORD")]
    word: Option<String>,
    /// How fast the lines come: 10x for ten times as fast as it happened, 500 for so many events a second [default: as fast as
    /// possible]
    #[arg(long, value_name = "SPEED", conflicts_with_all = ["into", "dry_run"])]
    speed: Option<Speed>,
    /// Count what would come, by word, and print the hash of the state
    #[arg(long, conflicts_with = "into")]
    dry_run: bool,
    /// Fill read models in this folder instead of printing lines; it goes on where an interrupted one ended
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
    #[command(flatten)]
    stores: StoreArguments,
}

fn lane(text: &str) -> Result<Lane, String> {
    let lane = text.parse().ok().and_then(Lane::new);
    lane.ok_or_else(|| format!("{text:?} is no lane: 0 to 63"))
}

/// Replays.
pub fn run(arguments: ReplayArguments) -> Result<(), AnyError> {
    let runtime = crate::runtime()?;
    runtime.block_on(replay(arguments))
}

async fn replay(arguments: ReplayArguments) -> Result<(), AnyError> {
    let log = event_log::open(&arguments.stores.stores().log).await?;
    let data = arguments.stores.data();
    let until = at::find(arguments.to, &*log, data).await?.counts;
    let filter = Filter {
        lane: arguments.lane,
        owner: arguments.owner,
        system_id: arguments.system,
        word: arguments.word,
    };
    if let Some(folder) = &arguments.into {
        return into(log, until, filter, folder).await;
    }
    let from = match arguments.from {
        Some(from) => at::find(Some(from), &*log, data).await?.counts,
        None => vec![0; Lane::COUNT.into()],
    };
    if arguments.dry_run {
        return count(log, from, until, filter).await;
    }
    let mut replay = Replay::new(log, from, until, filter);
    let mut pace = Pace::new(arguments.speed);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    while let Some((position, event)) = replay.next().await? {
        if pace.has_to_wait(event.recorded_at) {
            out.flush()?;
            pace.wait(event.recorded_at).await;
        }
        let mut line = serde_json::to_value(JournalRecord::of(position, &event))?;
        line["position"] = position.to_string().into();
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}

/// Counts, and prints one line for each word; then the state, when all of it was counted.
async fn count(
    log: Arc<dyn EventLog>,
    from: Vec<u64>,
    until: Vec<u64>,
    filter: Filter,
) -> Result<(), AnyError> {
    let is_whole = filter == Filter::default() && from.iter().all(|number| *number == 0);
    let mut replay = Replay::new(Arc::clone(&log), from, until.clone(), filter);
    let bar = progress::bar("events", replay.total());
    let mut words: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut events = 0_u64;
    while let Some((_, event)) = replay.next().await? {
        *words.entry(event.event.word()).or_default() += 1;
        events += 1;
        bar.set_position(replay.done());
    }
    bar.finish_and_clear();
    for (word, count) in words {
        println!("{word}\t{count}");
    }
    println!("events\t{events}");
    if is_whole {
        let mut fold = StateFold::new(log);
        fold.advance_to(&until, |_| {}).await?;
        println!("state-v{VERSION}\t{}", fold.hash());
    }
    Ok(())
}

/// Read models of their own, as they were at that place.
async fn into(
    log: Arc<dyn EventLog>,
    mut until: Vec<u64>,
    filter: Filter,
    folder: &Path,
) -> Result<(), AnyError> {
    std::fs::create_dir_all(folder)?;
    let note = folder.join("replay");
    let told = format!("{filter:?}\n");
    match std::fs::read_to_string(&note) {
        Ok(before) if before != told => {
            let folder = folder.display();
            return Err(format!("{folder} was begun with other filters: {before}").into());
        }
        Ok(_) => {}
        // Whatever lies there, nobody replayed into it.
        Err(_) if std::fs::read_dir(folder)?.next().is_some() => {
            return Err(format!("{} is not empty", folder.display()).into());
        }
        Err(_) => std::fs::write(&note, told)?,
    }
    filter.narrow(&mut until);
    let read = Stores::choose(folder, None).read;
    let projector = Projector::open(log, &read).await?.taking(filter);
    let total: u64 = until.iter().sum();
    let bar = progress::bar("events", total);
    projector
        .catch_up_to(&until, |events| bar.set_position(events))
        .await?;
    bar.finish_and_clear();
    println!("{total} events are in {}", folder.display());
    Ok(())
}
