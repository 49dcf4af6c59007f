//! `countersign rebuild`: a read model again from the log, beside the live one, with a proof that both are equal.

use clap::Args;
use projections::{OnDifference, Projector, RebuildProgress, RebuildReport};

use crate::AnyError;
use crate::progress;
use crate::serve::stores::{StoreArguments, Stores};

/// What to rebuild.
#[derive(Debug, Args)]
pub struct RebuildArguments {
    /// The projection; without one, the names are listed
    projection: Option<String>,
    /// All of them, reading the log once
    #[arg(long, conflicts_with = "projection")]
    all: bool,
    #[command(flatten)]
    stores: StoreArguments,
    /// Serve the rebuilt one even when it differs from the live one
    #[arg(long)]
    switch_anyway: bool,
}

/// Rebuilds, and fails when the live one was not what the log says.
pub fn run(arguments: RebuildArguments) -> Result<(), AnyError> {
    if arguments.projection.is_none() && !arguments.all {
        projections::names().for_each(|name| println!("{name}"));
        return Ok(());
    }
    let stores = arguments.stores.stores();
    let on_difference = if arguments.switch_anyway {
        OnDifference::Switch
    } else {
        OnDifference::KeepBoth
    };
    let runtime = crate::runtime()?;
    runtime.block_on(rebuild(
        arguments.projection.as_deref(),
        &stores,
        on_difference,
    ))
}

async fn rebuild(
    projection: Option<&str>,
    stores: &Stores,
    on_difference: OnDifference,
) -> Result<(), AnyError> {
    let log = event_log::open(&stores.log).await?;
    let projector = Projector::open(log, &stores.read).await?;
    let bar = progress::bar("events", 0);
    let progress = |progress: RebuildProgress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    };
    let reports = match projection {
        Some(name) => vec![projector.rebuild(name, on_difference, progress).await?],
        None => projector.rebuild_all(on_difference, progress).await?,
    };
    bar.finish();
    let mut kept = Vec::new();
    for report in &reports {
        print(report);
        if !report.switched {
            kept.push(report.projection);
        }
    }
    if kept.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}: the live one is not what the log says; both are kept, the live one serves. Look at the difference, then run again with --switch-anyway",
        kept.join(", ")
    )
    .into())
}

fn print(report: &RebuildReport) {
    println!(
        "{}: {} events, {} rows",
        report.projection, report.events, report.rows
    );
    if report.resumed > 0 {
        println!("an interrupted rebuild had read {} of them", report.resumed);
    }
    match &report.first_difference {
        None => println!("equal in every row and column; the rebuilt one serves now"),
        Some(key) if report.switched => {
            println!("they differ first at {key}; the rebuilt one serves now");
        }
        Some(key) => println!("they differ first at {key}; both are kept"),
    }
}
