//! Letters that were put aside, in the hands of the operator: the real program beside a running house.

use std::path::Path;
use std::process::{Command, Output};

use device::Declination;
use serde_json::json;
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};

use crate::listening::program;

fn letters(data: &Path, order: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.env_clear().arg("letters").args(order);
    command.arg("--data").arg(data).output().unwrap()
}

/// The lines of an order that succeeds, in their columns.
fn said(data: &Path, order: &[&str]) -> Vec<Vec<String>> {
    let output = letters(data, order);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines();
    lines
        .map(|line| line.split('\t').map(ToOwned::to_owned).collect())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_what_was_put_aside_sends_it_again_and_ends_it() {
    let plan = Plan::new(LogChoice::Sqlite).by_the_real_clock();
    let data = plan.folder().to_owned();
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let body = json!({
        "transaction_data": { "text": "a payment" },
        "callback_url": "http://0.0.0.0:9/secret-path",
    });
    let id = house.ask_with(&bank, &phone, body).await;
    let why = Declination {
        reason: "not me".to_owned(),
        code: None,
    };
    phone.decline(&id, &why, house.now()).await.unwrap();
    crate::until(async || !said(&data, &["list"]).is_empty()).await;
    let listed = said(&data, &["list"]).remove(0);
    let [letter, rest @ ..] = &listed[..] else {
        panic!("no columns: {listed:?}")
    };
    assert_eq!(
        rest,
        [
            "callback",
            SYSTEM_ID,
            "http://0.0.0.0:9",
            "1",
            "0m",
            "-",
            "the address is one that no receiver has",
        ]
    );

    assert_eq!(said(&data, &["retry", letter]), [["1 sent again"]]);
    // A restarted house looks at once; a running one within a minute.
    let house = house.restart().await;
    crate::until(async || !said(&data, &["list"]).is_empty()).await;
    assert_eq!(said(&data, &["list"])[0][0], *letter);
    assert!(!letters(&data, &["drop", "msg_unknown"]).status.success());
    said(&data, &["drop", letter]);
    assert_eq!(said(&data, &["list"]), Vec::<Vec<String>>::new());
    assert!(!letters(&data, &["retry", letter]).status.success());
    house.end().await;
    let nowhere = tempfile::tempdir().unwrap();
    assert!(!letters(nowhere.path(), &["list"]).status.success());
}
