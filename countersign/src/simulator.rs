//! `countersign simulate`: a push service, a receiver of callbacks, a mail server, an SMS gateway or a message center to try
//! a configuration against. It prints every request or message and ends with Ctrl-C.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use countersign::simulate::certificate::Authority;
use countersign::simulate::{
    Apns, Behavior, Callback, Certified, Fcm, Hms, ListenOptions, MessageFault, MessageReceipt,
    Messages, Order, Simulator, Telegram, messages,
};

use crate::AnyError;
use crate::ending::Ending;

/// What to simulate, and where.
#[derive(Debug, Args)]
pub struct SimulateArguments {
    /// Which service
    #[arg(value_enum)]
    service: Service,
    /// Where it listens; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Where the certificate of its authority is written, for whoever is to trust it: `authorities` of pusher.conf.json,
    /// --codes-smtp-authority, --codes-smpp-authority
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
    /// A push service by plain HTTP instead of TLS; Apple's needs TLS
    #[arg(long, conflicts_with = "authority")]
    plain: bool,
    /// What goes wrong with the next requests, for example {"fault":"status","status":429,"retry_after":"5","times":3}; may
    /// be given more than once
    #[arg(long, value_name = "JSON", value_parser = order)]
    fault: Vec<Order>,
    /// A mail server or a message center with TLS from the first byte; otherwise the one offers STARTTLS, and the other has none
    #[arg(long, conflicts_with = "plain")]
    tls: bool,
    /// What goes wrong with the next messages, one after the other: refuse, later, delay:<ms>, hang, reset,
    /// close-after-taking
    #[arg(long, value_delimiter = ',', value_name = "FAULT")]
    message_fault: Vec<MessageFault>,
    /// What becomes of the next messages at a message center: delivered, undeliverable, expired, rejected, late:<ms>, twice,
    /// first (before the answer), never, text, text-undeliverable, foreign
    #[arg(long, value_delimiter = ',', value_name = "RECEIPT")]
    message_receipt: Vec<MessageReceipt>,
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
    /// A mail server
    Smtp,
    /// An SMS gateway: POST {"to": …, "text": …}, without TLS
    Sms,
    /// A message center
    Smpp,
}

fn order(text: &str) -> Result<Order, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Simulates until somebody ends it.
pub fn run(arguments: SimulateArguments) -> Result<(), AnyError> {
    let runtime = crate::runtime()?;
    runtime.block_on(async {
        match arguments.service {
            Service::Apns => serve(Apns::default(), arguments).await,
            Service::Fcm => serve(Fcm::default(), arguments).await,
            Service::Hms => serve(Hms::default(), arguments).await,
            Service::Telegram => serve(Telegram::default(), arguments).await,
            Service::Callback => serve(Callback::default(), arguments).await,
            Service::Smtp if arguments.tls => {
                take(messages::Service::SmtpImplicit, arguments).await
            }
            Service::Smtp => take(messages::Service::SmtpStarttls, arguments).await,
            Service::Sms => take(messages::Service::Sms, arguments).await,
            Service::Smpp if arguments.tls => {
                take(messages::Service::SmppImplicit, arguments).await
            }
            Service::Smpp => take(messages::Service::Smpp, arguments).await,
        }
    })
}

/// Takes messages.
async fn take(service: messages::Service, arguments: SimulateArguments) -> Result<(), AnyError> {
    let mut simulator = Messages::start(service, arguments.listen, true).await?;
    for fault in arguments.message_fault {
        simulator.fail_next(fault);
    }
    for receipt in arguments.message_receipt {
        simulator.receipt_of_next(receipt);
    }
    if let Some(path) = &arguments.authority {
        std::fs::write(path, simulator.authority())?;
    }
    let ending = Ending::listen()?;
    println!("simulating at {}", simulator.address());
    tokio::select! {
        () = simulator.serve() => {}
        _ = ending.told() => {}
    }
    Ok(())
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
    let ending = Ending::listen()?;
    println!("simulating at {}", simulator.url());
    tokio::select! {
        () = simulator.serve() => {}
        _ = ending.told() => {}
    }
    Ok(())
}
