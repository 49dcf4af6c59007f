//! `countersign simulate`: a push service or a receiver of callbacks to try a configuration against. It prints every request and ends with Ctrl-C.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use countersign::simulate::certificate::Authority;
use countersign::simulate::{
    Apns, Behavior, Callback, Certified, Fcm, Hms, ListenOptions, Order, Simulator, Telegram,
};

use crate::AnyError;

/// What to simulate, and where.
#[derive(Debug, Args)]
pub struct SimulateArguments {
    /// Which service
    #[arg(value_enum)]
    service: Service,
    /// Where it listens; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Where the certificate of its authority is written, for `authorities` of pusher.conf.json
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
    /// Plain HTTP instead of TLS; Apple's service needs TLS
    #[arg(long, conflicts_with = "authority")]
    plain: bool,
    /// What goes wrong with the next requests, for example {"fault":"status","status":429,"retry_after":"5","times":3}; may
    /// be given more than once
    #[arg(long, value_name = "JSON", value_parser = order)]
    fault: Vec<Order>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Service {
    /// Apple's
    Apns,
    /// Google's
    Fcm,
    /// Huawei's
    Hms,
    /// Telegram's
    Telegram,
    /// A bank's receiver of callbacks and event posts
    Callback,
}

fn order(text: &str) -> Result<Order, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Simulates until somebody ends it.
pub fn run(arguments: SimulateArguments) -> Result<(), AnyError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match arguments.service {
            Service::Apns => serve(Apns::default(), arguments).await,
            Service::Fcm => serve(Fcm::default(), arguments).await,
            Service::Hms => serve(Hms::default(), arguments).await,
            Service::Telegram => serve(Telegram::default(), arguments).await,
            Service::Callback => serve(Callback::default(), arguments).await,
        }
    })
}

async fn serve(behavior: impl Behavior, arguments: SimulateArguments) -> Result<(), AnyError> {
    let authority: Option<Certified> = if arguments.plain {
        None
    } else {
        Some(Arc::new(Authority::new()?))
    };
    let options = ListenOptions {
        address: arguments.listen,
        prints: true,
    };
    let mut simulator = Simulator::start(behavior, options, authority.as_ref()).await?;
    for order in arguments.fault {
        simulator.order(order);
    }
    if let (Some(path), Some(authority)) = (&arguments.authority, &authority) {
        std::fs::write(path, authority.pem())?;
    }
    println!("simulating at {}", simulator.url());
    tokio::select! {
        () = simulator.serve() => {}
        ended = tokio::signal::ctrl_c() => ended?,
    }
    Ok(())
}
