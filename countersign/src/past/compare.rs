//! `countersign compare`: the first event in which two copies of a log differ.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use backup::BackupLog;
use clap::Args;
use event_log::EventLog;
use notary::Compared;

use crate::AnyError;
use crate::progress;

/// Which copies.
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// A folder of data, a backup, or the address of a database
    one: String,
    /// The other one
    other: String,
    /// Compare the events themselves, and not what was signed of them
    #[arg(long)]
    content: bool,
}

/// A copy.
struct Copy {
    name: String,
    /// Where its evidence lies; `None` when it has none.
    evidence: Option<PathBuf>,
    log: Arc<dyn EventLog>,
}

impl Copy {
    async fn open(name: &str) -> Result<Self, AnyError> {
        let folder = Path::new(name);
        let evidence = folder.join("evidence");
        let has_evidence = evidence.join("checkpoint").exists();
        let log: Arc<dyn EventLog> = if folder.join("manifest.json").exists() {
            Arc::new(BackupLog::open(folder)?)
        } else if folder.is_dir() {
            let file = folder.join("log.sqlite");
            if !file.exists() {
                return Err(
                    format!("there is no log in {name}: give the address of its database").into(),
                );
            }
            event_log::open(&format!("sqlite:{}", file.display())).await?
        } else {
            event_log::open(name).await?
        };
        Ok(Self {
            name: name.to_owned(),
            evidence: has_evidence.then_some(evidence),
            log,
        })
    }
}

/// Compares; different copies are an error.
pub fn run(arguments: CompareArguments) -> Result<(), AnyError> {
    let runtime = crate::runtime()?;
    runtime.block_on(compare(arguments))
}

async fn compare(arguments: CompareArguments) -> Result<(), AnyError> {
    let copies = [
        Copy::open(&arguments.one).await?,
        Copy::open(&arguments.other).await?,
    ];
    match [&copies[0].evidence, &copies[1].evidence] {
        [Some(one), Some(other)] if !arguments.content => {
            signed(&copies, &notary::compare(one, other)?)
        }
        _ => contents(&copies).await,
    }
}

/// By the trees: a few tiles, whatever the length.
fn signed(copies: &[Copy; 2], compared: &Compared) -> Result<(), AnyError> {
    for (copy, size) in copies.iter().zip(compared.sizes) {
        println!("{}: {size} records are signed", copy.name);
    }
    println!("{} tiles of each were read", compared.tiles);
    let Some(first) = compared.first else {
        println!("equal as far as both go");
        return Ok(());
    };
    let [one, other] = first.positions;
    let place = if one == other {
        format!("lane {} number {}", one.lane, one.number)
    } else {
        format!("{one} in the one and {other} in the other")
    };
    Err(format!("they differ first at record {}: {place}", first.record).into())
}

/// By the events.
async fn contents(copies: &[Copy; 2]) -> Result<(), AnyError> {
    let mut heads = Vec::new();
    for copy in copies {
        let lanes = copy.log.heads().await?;
        let events: u64 = lanes.iter().sum();
        println!("{}: {events} events", copy.name);
        heads.push(lanes);
    }
    let both = heads[0]
        .iter()
        .zip(&heads[1])
        .map(|(one, other)| one.min(other));
    let bar = progress::bar("events", both.sum());
    let (one, other) = (&*copies[0].log, &*copies[1].log);
    let found = backup::differences(one, other, |events| bar.set_position(events)).await?;
    bar.finish_and_clear();
    for position in &found {
        println!(
            "lane {} differs first at number {}",
            position.lane, position.number
        );
    }
    if found.is_empty() {
        println!("equal as far as both go");
        return Ok(());
    }
    Err(format!("{} lanes differ", found.len()).into())
}
