//! `countersign heal`: log and public stream compared, and the log mended from the stream.

use std::time::Duration;

use clap::Args;
use healing::{Compared, compare, mend};
use indicatif::{ProgressBar, ProgressStyle};
use notary::Place;
use schemas::Lane;

use crate::AnyError;
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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
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
    let bar = bar("records of the log");
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

    let bar = self::bar("lanes of the stream");
    let (mut same, mut differences) = (0, 0);
    for lane in Lane::all() {
        let compared: Compared = compare(&*log, &*bus, lane, Duration::ZERO).await?;
        same += compared.same;
        differences += compared.differences.len();
        for difference in compared.differences {
            println!("{difference}");
        }
        bar.set_length(Lane::COUNT.into());
        bar.inc(1);
    }
    bar.finish();
    println!("{same} events of the stream are those of the log");
    if differences > 0 {
        return Err(
            "the stream is not what the log is: put the stream EVT aside with the tools of NATS, and the runners fill a new one from the log".into(),
        );
    }
    if !writes && !mended.put_back.is_empty() {
        return Err("the log is not what was signed: run again without --dry-run".into());
    }
    Ok(())
}

fn bar(what: &str) -> ProgressBar {
    let template = format!("{{bar:40}} {{pos}}/{{len}} {what}, {{eta}} left");
    let style = ProgressStyle::with_template(&template).expect("the template is well-formed");
    ProgressBar::new(0).with_style(style)
}
