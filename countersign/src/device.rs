//! `countersign device`: the reference device at the command line. Its key lies in a file, encrypted under a password.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;

use bus::shell::{Clock as _, SystemClock};
use clap::{Args, Subcommand};
use device::{Answer, Declination, Device, DeviceKey, KeyFile, ReqwestTransport, ShownOperation};
use schemas::commands::keys::{DeviceType, PushAddress};
use schemas::{OperationId, TransactionId};

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
        let key = DeviceKey::import(text_of(key_text)?.trim())?;
        file.save(&key, &password)?;
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
        return Ok(());
    }
    let key = file.load(&password)?;
    let transport = ReqwestTransport::new()?;
    let mut device = match &arguments.url {
        Some(url) => Device::at(url, key, transport)?,
        None => Device::new(key, transport)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(act(&mut device, arguments.act, &file, &password));
    // Whatever happened on the way, what the key has learned must not be lost.
    file.save(device.key(), &password)?;
    outcome
}

async fn act(
    device: &mut Device<ReqwestTransport>,
    act: Act,
    file: &KeyFile,
    password: &str,
) -> Result<(), AnyError> {
    let now = SystemClock.now();
    match act {
        Act::Import { .. } => unreachable!("handled before a key is loaded"),
        Act::Activate { code } => {
            device.activate(&code, now).await?;
            println!("activated; next: countersign device register");
        }
        Act::Register { push_token } => {
            let push = push_token.map(|device_push_id| PushAddress {
                device_push_id,
                device_type: DeviceType::Android,
                app_id: None,
            });
            if !device.key().is_registration_pending() {
                device.prepare_registration(push.as_ref(), now)?;
                file.save(device.key(), password)?;
            }
            device.register(push.as_ref(), now).await?;
            println!("registered");
        }
        Act::List => {
            for line in device.list(now).await? {
                println!("{}  {}", line.transaction_id, line.status.word());
            }
        }
        Act::Show { transaction_id } => {
            println!(
                "{}",
                device.show(&transaction_id, now).await?.rendered_text()
            );
        }
        Act::Confirm {
            transaction_id,
            yes,
        } => {
            confirm(device, &transaction_id, Consent::of(yes)).await?;
        }
        Act::Offline { text } => {
            let shown = device.show_carried(text_of(&text)?.trim())?;
            println!("{}\n", shown.rendered_text());
            println!("code: {}", device.confirm_code(&shown, now)?);
        }
        Act::Login { text, yes } => {
            let transaction_id = device.named(text_of(&text)?.trim())?;
            confirm(device, &transaction_id, Consent::of(yes)).await?;
        }
        Act::Code { data, digits } => println!("{}", device.data_code(&data, digits, now)?),
        Act::Operations => {
            for line in device.operations(now).await? {
                println!(
                    "{}  {}  {} of {} wait",
                    line.operation_id,
                    line.status.word(),
                    line.transactions_waiting,
                    line.transactions_total
                );
            }
        }
        Act::Operation { operation_id } => {
            print_operation(&device.show_operation(&operation_id, now).await?);
        }
        Act::Process {
            operation_id,
            declined,
            reason,
            yes,
        } => {
            let shown = device.show_operation(&operation_id, now).await?;
            print_operation(&shown);
            let why = Declination { reason, code: None };
            let answers = answers(&shown, &declined, &why);
            let confirmed = answers.len() - declined.len().min(answers.len());
            let question = format!("Confirm {confirmed} of these exactly as shown? [yes/no] ");
            if !yes && ask(&question)? != "yes" {
                return Err("nothing was answered".into());
            }
            let processed = device
                .process(&operation_id, &answers, SystemClock.now())
                .await?;
            println!("{}", processed.status.word());
        }
        Act::Decline {
            transaction_id,
            reason,
        } => {
            device
                .decline(&transaction_id, &Declination { reason, code: None }, now)
                .await?;
            println!("declined");
        }
    }
    Ok(())
}

/// Whether the user has agreed beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consent {
    Given,
    ToBeAsked,
}

impl Consent {
    fn of(yes: bool) -> Self {
        if yes { Self::Given } else { Self::ToBeAsked }
    }
}

/// Shows a transaction and, when the user agrees, signs exactly what was shown.
async fn confirm(
    device: &Device<ReqwestTransport>,
    transaction_id: &TransactionId,
    consent: Consent,
) -> Result<(), AnyError> {
    let shown = device.show(transaction_id, SystemClock.now()).await?;
    println!("{}", shown.rendered_text());
    if consent == Consent::ToBeAsked && ask("Confirm exactly this? [yes/no] ")? != "yes" {
        return Err("not confirmed; decline it with: countersign device decline".into());
    }
    device.confirm(&shown, SystemClock.now()).await?;
    println!("confirmed");
    Ok(())
}

fn print_operation(shown: &ShownOperation) {
    if let Some(description) = shown.rendered_description() {
        println!("{description}\n");
    }
    for member in &shown.members {
        let summary = &member.summary;
        println!("{}  {}", summary.transaction_id, summary.status.word());
        if let Some(shown) = &member.shown {
            println!("{}\n", shown.rendered_text());
        }
    }
}

/// Yes to everything that waits, but no to what is declined.
fn answers<'a>(
    shown: &'a ShownOperation,
    declined: &'a [TransactionId],
    why: &'a Declination,
) -> Vec<Answer<'a>> {
    let waiting = shown
        .members
        .iter()
        .filter_map(|member| member.shown.as_ref());
    let confirmed = waiting.filter(|shown| !declined.contains(shown.transaction_id()));
    let no = declined.iter().map(|id| Answer::Decline(id, why));
    confirmed.map(Answer::Confirm).chain(no).collect()
}

fn text_of(argument: &str) -> Result<String, AnyError> {
    let Some(path) = argument.strip_prefix('@') else {
        return Ok(argument.to_owned());
    };
    let bytes = std::fs::read(path)?;
    if bytes.starts_with(b"\x89PNG") {
        return Ok(countersign::camera::read(&bytes)?);
    }
    Ok(String::from_utf8(bytes)?)
}

fn ask(question: &str) -> Result<String, AnyError> {
    eprint!("{question}");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
