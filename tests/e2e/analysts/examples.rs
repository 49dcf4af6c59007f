//! The examples of `docs/examples/analyst`, run as a stranger would run them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use schemas::Timestamp;

use super::{BANK, Stage};

/// The house reads commands with a consumer for each lane.
const LANES: usize = 64;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A Python with what the example asks for, made once.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let folder = root().join("target/analyst-venv");
        let program = folder.join("bin/python");
        let requirements = root().join("docs/examples/analyst/requirements.txt");
        let complete = |program: &Path| {
            let asked = Command::new(program)
                .args(["-c", "import nats, nkeys"])
                .output();
            asked.is_ok_and(|ended| ended.status.success())
        };
        if !complete(&program) {
            let made = Command::new("python3")
                .args(["-m", "venv"])
                .arg(&folder)
                .output();
            assert!(made.unwrap().status.success());
            let installed = Command::new(&program)
                .args(["-m", "pip", "install", "--quiet", "--requirement"])
                .arg(requirements)
                .output()
                .unwrap();
            assert!(installed.status.success(), "{installed:?}");
        }
        program
    })
}

/// Two confirmations of one hour, seen by a grant with a consumer for each example.
#[tokio::test(flavor = "multi_thread")]
async fn the_examples_count_the_confirmations_of_an_hour() {
    let stage = Stage::open().await;
    let hours = stage.confirm_two().await;
    let is_right = |said: &str| {
        let counts = said.lines().map(|line| line.split_once('\t').unwrap());
        let counts: Vec<(&str, u64)> = counts
            .map(|(hour, count)| (hour, count.parse().unwrap()))
            .collect();
        let between = hours.iter().map(|hour| hour_text(*hour));
        let between: Vec<String> = between.collect();
        counts.iter().map(|(_, count)| count).sum::<u64>() == 2
            && counts
                .iter()
                .all(|(hour, _)| between.iter().any(|known| known == hour))
    };
    let python_file = stage.grant("python", &["--system", BANK]);
    let rust_file = stage.grant("rust", &["--system", BANK]);

    let script = root().join("docs/examples/analyst/confirmations_per_hour.py");
    let ended = Command::new(python())
        .arg(script)
        .arg(&python_file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(
        is_right(&said),
        "{said}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let ended = Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "-p",
            "tests",
            "--example",
            "confirmations_per_hour",
            "--",
        ])
        .arg(&rust_file)
        .current_dir(root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(
        is_right(&said),
        "{said}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let listed = stage.says(&["list"]);
    // Beside them stand readers that come and go, such as the one that compares the stream with the log.
    let stays = |line: &&str| line.contains("\tCURATED_") || line.contains("\tCMD\t");
    let at_rest = listed.lines().filter(stays);
    let at_rest = at_rest.filter(|line| line.contains("\t0 pending\t0 unacknowledged"));
    assert_eq!(at_rest.count(), 2 + LANES, "{listed}");
}

/// Hours since the Unix epoch as `2026-11-26T09:00Z`.
fn hour_text(hours: i64) -> String {
    let day = Timestamp(hours * super::HOUR_MS).day_text();
    format!("{day}T{:02}:00Z", hours % 24)
}
