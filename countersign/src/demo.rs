//! `countersign demo`: the whole story against a real server, each step shown as a person would want to read it, each
//! result checked.

mod bank_side;
mod phone;
mod story;
mod teller;

use std::path::PathBuf;

use clap::Args;
use countersign::process::Served;
use countersign::receiver::Receiver;

use crate::AnyError;
use teller::Teller;

/// How to play the demo.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Play it on the in-process bus instead of a real nats-server
    #[arg(long)]
    in_process: bool,
    /// Keep the data here instead of a temporary folder that is removed at the end
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// Plays the demo; an error names the step that did not hold.
pub fn run(arguments: DemoArguments) -> Result<(), AnyError> {
    crate::runtime()?.block_on(play(arguments))
}

async fn play(arguments: DemoArguments) -> Result<(), AnyError> {
    let folder = DemoFolder::new(arguments.data)?;
    let teller = Teller::begin();
    let receiver = Receiver::start().await?;
    let nats = if arguments.in_process {
        "in-process"
    } else {
        "child"
    };
    teller.say(&format!(
        "Starting the service: SQLite log, bus {nats}, data in {}",
        folder.path.display()
    ));
    let data = folder.path.to_string_lossy().into_owned();
    let options = [
        "--listen",
        "127.0.0.1:0",
        "--data",
        &data,
        "--nats",
        nats,
        "--log-filter",
        "warn",
    ];
    let mut served = Served::start(&std::env::current_exe()?, &options).await?;
    teller.say(&format!("It serves on http://{}", served.address()));
    let told = story::play(&teller, &mut served, &receiver).await;
    let ended = served.end().await;
    told?;
    if !ended {
        return Err("the service did not end by itself when asked".into());
    }
    teller.end();
    Ok(())
}

/// The data folder; a temporary one is removed when the demo ends, however it ends.
#[derive(Debug)]
struct DemoFolder {
    path: PathBuf,
    temporary: bool,
}

impl DemoFolder {
    fn new(chosen: Option<PathBuf>) -> std::io::Result<Self> {
        let temporary = chosen.is_none();
        let path = chosen.unwrap_or_else(|| {
            std::env::temp_dir().join(format!("countersign-demo-{}", std::process::id()))
        });
        std::fs::create_dir_all(&path)?;
        Ok(Self { path, temporary })
    }
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        if self.temporary {
            // What cannot be removed lies in the system's temporary folder; nothing more can be done here.
            std::fs::remove_dir_all(&self.path).ok();
        }
    }
}
