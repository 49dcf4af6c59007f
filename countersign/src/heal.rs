//! `countersign heal`: log and public stream compared, and the log mended from the stream.

use clap::Args;
use healing::{compare, mend};
use notary::Place;

use crate::AnyError;
use crate::progress;
use crate::serve::bus_choice::OpenBus;
use crate::serve::stores::StoreArguments;

/// What is compared.
#[derive(Debug, Args)]
pub struct HealArguments {
    #[command(flatten)]
    stores: StoreArguments,
    /// NATS server with the stream, instead of the one of the data folder, which the order starts and ends itself
    #[arg(
        long,
        env = "COUNTERSIGN_NATS_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    nats_url: Option<String>,
    /// Change nothing; say what differs
    #[arg(long)]
    dry_run: bool,
}

/// Compares, mends, and fails when something is left that it cannot mend.
pub fn run(arguments: HealArguments) -> Result<(), AnyError> {
    let runtime = crate::runtime()?;
    runtime.block_on(async {
        let data = arguments.stores.data();
        let bus = OpenBus::for_an_order(data, arguments.nats_url.as_deref()).await?;
        let healed = heal(&arguments, &bus).await;
        bus.end().await;
        healed
    })
}

async fn heal(arguments: &HealArguments, open: &OpenBus) -> Result<(), AnyError> {
    let log = event_log::open(&arguments.stores.stores().log).await?;
    let folder = Place::within(arguments.stores.data()).folder;
    let bus = open.bus();
    let bar = progress::bar("records of the log", 0);
    let writes = !arguments.dry_run;
    let mended = mend(log.clone(), &*bus, &folder, writes, |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    });
    let mended = mended.await?;
    bar.finish();
    for position in &mended.put_back {
        let word = if writes { "put back" } else { "to put back" };
        println!("{word} {position}");
    }
    println!("{} records compared with what was signed", mended.records);

    let bar = progress::bar("events of the stream", 0);
    let compared = compare(&*log, &*bus, |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    });
    let compared = compared.await?;
    bar.finish();
    for difference in &compared.differences {
        println!("{difference}");
    }
    println!(
        "{} events of the stream are those of the log",
        compared.same
    );
    if !compared.differences.is_empty() {
        return Err(
            "the stream is not what the log is: put the stream EVT aside with the tools of NATS, and the runners fill a new one from the log".into(),
        );
    }
    if !writes && !mended.put_back.is_empty() {
        return Err("the log is not what was signed: run again without --dry-run".into());
    }
    Ok(())
}
