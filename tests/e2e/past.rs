//! The past of a real service, asked with the real program: its state, its copies.

mod as_of;
mod backed_up;
mod rebuilt;
mod replayed;
mod state_hash;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use countersign::bank::Bank;
use serde_json::json;
use tests::house::SYSTEM_ID;

use crate::configuration::{Running, serve};
use crate::listening::program as program_file;

/// The program at work on a folder of data.
struct Program {
    #[expect(dead_code, reason = "it lives as long as this")]
    running: Running,
    address: String,
}

/// Starts it; its log lies in that database, or in the folder.
fn start(folder: &Path, database_url: Option<&str>) -> Program {
    let mut command = serve(folder);
    command.args(["--listen", "127.0.0.1:0", "--data", "data"]);
    command.args(database_url.map(|url| format!("--database-url={url}")));
    let mut running = Running::start(&mut command);
    let address = running.said("serving on http://");
    Program { running, address }
}

impl Program {
    fn bank(&self) -> Bank {
        let door = format!("http://{}/pc-api", self.address);
        Bank::new(&door, SYSTEM_ID, Duration::from_secs(20)).unwrap()
    }

    async fn register(&self) {
        let nowhere = "http://127.0.0.1:9";
        let registered = self.bank().register_system(nowhere, nowhere).await;
        registered.unwrap().success().unwrap();
    }

    async fn create_users(&self, count: usize) {
        for _ in 0..count {
            let created = self.bank().create_user(json!({}), None).await;
            created.unwrap().success().unwrap();
        }
    }
}

/// What an order of the program says about a folder of data.
fn order(folder: &Path, database_url: Option<&str>, words: &[&str]) -> Output {
    let mut command = Command::new(program_file());
    command.current_dir(folder).args(words);
    command.args(["--data", "data"]);
    command.args(database_url.map(|url| format!("--database-url={url}")));
    command.output().unwrap()
}

/// The lines of an order that succeeded.
fn said(folder: &Path, database_url: Option<&str>, words: &[&str]) -> Vec<String> {
    let output = order(folder, database_url, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(ToOwned::to_owned).collect()
}
