//! `countersign rebuild`: a read model again from the log, beside the live one, with a proof that both are equal.

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use projections::{OnDifference, Projector};

use crate::AnyError;
use crate::serve::stores::{StoreArguments, Stores};

/// What to rebuild.
#[derive(Debug, Args)]
pub struct RebuildArguments {
    /// The projection; without one, the names are listed
    projection: Option<String>,
    #[command(flatten)]
    stores: StoreArguments,
    /// Serve the rebuilt one even when it differs from the live one
    #[arg(long)]
    switch_anyway: bool,
}

/// Rebuilds, and fails when the live one was not what the log says.
pub fn run(arguments: RebuildArguments) -> Result<(), AnyError> {
    let Some(projection) = arguments.projection else {
        projections::names().for_each(|name| println!("{name}"));
        return Ok(());
    };
    let stores = arguments.stores.stores();
    let on_difference = if arguments.switch_anyway {
        OnDifference::Switch
    } else {
        OnDifference::KeepBoth
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(rebuild(&projection, &stores, on_difference))
}

async fn rebuild(
    projection: &str,
    stores: &Stores,
    on_difference: OnDifference,
) -> Result<(), AnyError> {
    let log = event_log::open(&stores.log).await?;
    let projector = Projector::open(log, &stores.read).await?;
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} events, {per_sec}, {eta} left")
            .expect("the template is well-formed"),
    );
    let report = projector.rebuild(projection, on_difference, |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    });
    let report = report.await?;
    bar.finish();
    println!(
        "{}: {} events, {} rows",
        report.projection, report.events, report.rows
    );
    println!("live    {}", report.live_hash);
    println!("rebuilt {}", report.rebuilt_hash);
    match &report.first_difference {
        None => println!("equal; the rebuilt one serves now"),
        Some(key) if report.switched => {
            println!("they differ first at {key}; the rebuilt one serves now");
        }
        Some(key) => {
            return Err(format!(
                "they differ first at {key}; both are kept, the live one serves. Look at the difference, then run again with --switch-anyway"
            )
            .into());
        }
    }
    Ok(())
}
