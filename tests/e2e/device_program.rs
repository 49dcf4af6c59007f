//! The reference device at the command line: a key taken over, a confirmation, and another key by a code word.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::json;
use tests::house::{LogChoice, Plan, TestHouse};

const TEMPLATES: &str = r#"{"templates":[{"id":"word","title":"A word","type":"code_word"}]}"#;

/// Runs one act of the device; its password and its answer come by variables, as they would at a till.
async fn device(house: &TestHouse, key: &Path, acts: &[&str], answer: &str) -> Output {
    let mut program = Command::new(crate::listening::program());
    program
        .args(["device", "--key"])
        .arg(key)
        .args(["--url", &house.origin()])
        .args(acts)
        .env("COUNTERSIGN_DEVICE_PASSWORD", "correct horse")
        .env("COUNTERSIGN_DEVICE_ANSWER", answer)
        .stdin(Stdio::null());
    let ended = tokio::task::spawn_blocking(move || program.output()).await;
    ended.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_lives_in_a_file_from_its_qr_code_to_its_recovery() {
    let plan = Plan::new(LogChoice::Memory).with("EXT_AUTH_SETTINGS", TEMPLATES);
    let house = TestHouse::start(plan.by_the_real_clock()).await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("device.key");
    let says = async |acts: &[&str], answer: &str| {
        let ended = device(&house, &key, acts, answer).await;
        let said = String::from_utf8(ended.stdout).unwrap();
        let failed = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.success(), failed.is_empty(), "{said}{failed}");
        said + &failed
    };
    assert!(
        says(&["import", &issued.key_text], "")
            .await
            .contains("key 1")
    );
    assert!(says(&["register"], "").await.contains("registered"));
    let phone = house.scanned(&issued.key_text);
    let id = house.ask(&bank, &phone, "a coffee").await;
    let confirmed = says(&["confirm", id.as_str(), "--yes"], "").await;
    assert!(
        confirmed.contains("a coffee") && confirmed.contains("confirmed"),
        "{confirmed}"
    );
    assert_eq!(house.status(&bank, &phone, &id).await, "confirmed");

    assert!(
        says(&["set-recovery", "word"], "plum tree")
            .await
            .contains("set up")
    );
    assert!(says(&["recover"], "plum").await.contains("314"));
    assert!(says(&["recover"], "plum tree").await.contains("key 2"));
    // The server has no part in the password of the new key yet; with its registration it has again.
    let registered = says(&["register"], "").await;
    assert!(registered.contains("checked by the server"), "{registered}");
    assert_eq!(says(&["list"], "").await, "");
    house.end().await;
}
