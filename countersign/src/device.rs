//! `countersign device`: the reference device at the command line. Its key lies in a file, encrypted under a password; once
//! it is registered, and its flags ask for that, the file opens with the server's help only.

mod recovery;
mod session;
mod terminal;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use device::{DeviceKey, KeyFile};
use schemas::{OperationId, TransactionId};

use self::session::Session;
use self::terminal::{ask, text_of};
use crate::AnyError;

/// The device.
#[derive(Debug, Args)]
pub struct DeviceArguments {
    /// File of the key
    #[arg(long, default_value = "device.key", value_name = "FILE", global = true)]
    key: PathBuf,
    /// Password of the key; asked for at the terminal when it is not given
    #[arg(
        long,
        env = "COUNTERSIGN_DEVICE_PASSWORD",
        hide_env_values = true,
        global = true
    )]
    password: Option<String>,
    /// Address of the mobile door, instead of the one in the key
    #[arg(long, value_name = "URL", global = true)]
    url: Option<String>,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Take a key over: from its JSON, its deep link, or a PNG with its QR code
    Import {
        /// The key's text, `@FILE` with it, or `@FILE.png` with its QR code
        key_text: String,
    },
    /// Activate a key in two parts with the code that came by SMS or e-mail
    Activate {
        /// The code
        code: String,
    },
    /// Register the device's public key, and optionally where pushes reach it
    Register {
        /// Token of the push service
        #[arg(long)]
        push_token: Option<String>,
    },
    /// Change the password of the key; the server has to know the old one
    Password {
        /// The new password; asked for at the terminal when it is not given
        #[arg(long, env = "COUNTERSIGN_DEVICE_NEW_PASSWORD", hide_env_values = true)]
        new: Option<String>,
    },
    /// The transactions that wait
    List,
    /// Show a transaction
    Show {
        /// Which one
        transaction_id: TransactionId,
    },
    /// Show a transaction and, when you agree, sign exactly what was shown
    Confirm {
        /// Which one
        transaction_id: TransactionId,
        /// Agree without being asked
        #[arg(long)]
        yes: bool,
    },
    /// Show a transaction from its QR code, without a network, and the code to type into the bank's form
    Offline {
        /// The text of the QR code, `@FILE` with it, or `@FILE.png` with the code itself
        text: String,
    },
    /// Confirm a login from its QR code: it is fetched, shown and, when you agree, signed
    Login {
        /// The text of the QR code, `@FILE` with it, or `@FILE.png` with the code itself
        text: String,
        /// Agree without being asked
        #[arg(long)]
        yes: bool,
    },
    /// The code for data that is no transaction, without a network
    Code {
        /// The data
        data: String,
        /// Decimal digits, 4 to 10; 64 hex digits unless given
        #[arg(long)]
        digits: Option<u8>,
    },
    /// The operations that wait: several transactions each
    Operations,
    /// Show an operation with all its texts
    Operation {
        /// Which one
        operation_id: OperationId,
    },
    /// Show an operation and, when you agree, sign every text in it that waits, but for those you decline
    Process {
        /// Which one
        operation_id: OperationId,
        /// A transaction to decline; can be given several times
        #[arg(long = "decline", value_name = "TRANSACTION_ID")]
        declined: Vec<TransactionId>,
        /// Why those are declined
        #[arg(long, default_value = "declined by the user")]
        reason: String,
        /// Agree without being asked
        #[arg(long)]
        yes: bool,
    },
    /// Confirm without you what waits, as far as the bank's scoring trusts this device
    Autoconfirm {
        /// Session of the scoring service's library on the device
        #[arg(long)]
        session: String,
    },
    /// The ways to recover this key that can be set up
    Recoveries,
    /// Set up a way to get another key in place of this one
    SetRecovery {
        /// Which way
        template_id: String,
        /// The code word, or what the bank's service is to know; asked for at the terminal when it is not given
        #[arg(long, env = "COUNTERSIGN_DEVICE_ANSWER", hide_env_values = true)]
        answer: Option<String>,
    },
    /// Get another key in place of this one; register it afterwards
    Recover {
        /// The code word, or what the bank's service asks for; asked for at the terminal when it is not given
        #[arg(long, env = "COUNTERSIGN_DEVICE_ANSWER", hide_env_values = true)]
        answer: Option<String>,
    },
    /// Decline a transaction
    Decline {
        /// Which one
        transaction_id: TransactionId,
        /// Why
        #[arg(long, default_value = "declined by the user")]
        reason: String,
    },
}

/// Carries out one act.
pub fn run(arguments: DeviceArguments) -> Result<(), AnyError> {
    let file = KeyFile::new(&arguments.key);
    let password = match arguments.password {
        Some(password) => password,
        None => ask("Password of the key: ")?,
    };
    if let Act::Import { key_text } = &arguments.act {
        return import(key_text, &file, &password);
    }
    let runtime = crate::runtime()?;
    runtime.block_on(async {
        let mut session = Session::open(file, arguments.url.as_deref(), password).await?;
        let outcome = session.act(arguments.act).await;
        // Whatever happened on the way, what the key has learned must not be lost.
        session.save()?;
        outcome
    })
}

fn import(key_text: &str, file: &KeyFile, password: &str) -> Result<(), AnyError> {
    let key = DeviceKey::import(text_of(key_text)?.trim())?;
    file.save(&key, password)?;
    let next = if key.is_activated() {
        "register"
    } else {
        "activate <code>"
    };
    println!(
        "key {} of {} imported; next: countersign device {next}",
        key.info().key_index,
        key.info().user_id
    );
    Ok(())
}
