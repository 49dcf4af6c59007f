//! What the devices' door says and shows: errors in the configured language under the server's seal, and themes.

use std::io::{Cursor, Write as _};

use reqwest::Method;
use serde_json::json;
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::raw::{self, RawDevice};

#[tokio::test(flavor = "multi_thread")]
async fn a_device_hears_russian_and_can_trust_it_and_a_bank_hears_english() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, "once").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    // The reference device believes no answer whose seal is wrong.
    let error = phone.confirm(&shown, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(schemas::ErrorCode::TransactionChecked));

    let issued = house.issue(&bank, json!({})).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let answer = raw
        .post("transactions/nothing/get_data", &json!({}), house.now())
        .await;
    let message = &answer.envelope()["answer"]["result"]["error_message"];
    assert_eq!(
        (answer.code(), message),
        (231, &json!("Транзакция не найдена"))
    );
    assert!(answer.header("pc-auth-response").is_some());
    let missing = bank
        .transaction_info(&issued.user_id, "nothing")
        .await
        .unwrap();
    assert_eq!(missing.error_message, "Transaction not found");
    house.end().await;
}

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_theme_is_served_as_it_lies_there_unless_it_could_do_harm() {
    let plan = Plan::new(LogChoice::Memory);
    let folder = plan.folder().join("themes/v52");
    std::fs::create_dir_all(&folder).unwrap();
    let house = TestHouse::start(plan).await;
    let (http, url) = (
        raw::client(),
        format!("{}/pc-client-api/themes/v52/{SYSTEM_ID}", house.origin()),
    );
    let heads = house.heads().await;
    let none = raw::call(&http, Method::GET, &url, &[], Vec::new()).await;
    assert_eq!((none.status, none.code()), (404, 236));
    let colors = br##"{"colors":{"accentColor":{"light":"#006BFF","dark":"#2F98FF"}}}"##;
    let good = archive(&[("theme.json", colors)]);
    let file = folder.join(format!("{SYSTEM_ID}.zip"));
    std::fs::write(&file, &good).unwrap();
    let served = http.get(&url).send().await.unwrap();
    assert_eq!(served.headers()["content-type"], "application/zip");
    assert_eq!(served.bytes().await.unwrap(), good);
    let zeros = vec![0; 7 * 1024 * 1024];
    for bad in [
        archive(&[("theme.json", colors), ("../../etc/cron", b"x")]),
        archive(&[("theme.json", colors), ("zeros.png", &zeros)]),
        archive(&[(
            "theme.json",
            br#"{"colors":{"accentColor":{"light":"red","dark":"red"}}}"#,
        )]),
        b"PK".to_vec(),
    ] {
        std::fs::write(&file, bad).unwrap();
        let refused = raw::call(&http, Method::GET, &url, &[], Vec::new()).await;
        assert_eq!((refused.status, refused.code()), (404, 236));
    }
    assert_eq!(
        house.heads().await,
        heads,
        "nobody in particular leaves no event"
    );
    house.end().await;
}
