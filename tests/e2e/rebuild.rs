//! Every projection can be built again from the log, and is then the same.

use device::{Answer, Declination};
use projections::OnDifference;
use reqwest::Method;
use serde_json::json;
use tests::house::TestHouse;

#[tokio::test(flavor = "multi_thread")]
async fn every_projection_rebuilt_is_the_one_that_served() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let mut phone = house.phone(&bank).await;
    for text in ["one", "two", "three"] {
        let id = house.ask(&bank, &phone, text).await;
        let shown = phone.show(&id, house.now()).await.unwrap();
        phone.confirm(&shown, house.now()).await.unwrap();
        phone.confirm(&shown, house.now()).await.unwrap_err();
    }
    let declined = house.ask(&bank, &phone, "declined").await;
    let why = Declination {
        reason: "no".to_owned(),
        code: None,
    };
    phone.decline(&declined, &why, house.now()).await.unwrap();
    phone.register(None, house.now()).await.unwrap();
    let deleted = house.phone(&bank).await;
    let user_id = &deleted.key().info().user_id;
    let path = format!("/{}/users/{user_id}", bank.system_id());
    let answer = bank.call(Method::DELETE, &path, None, None).await;
    answer.unwrap().success().unwrap();
    let wishes = json!({ "key_encryption_password": "7305512864" });
    let split = house.issue(&bank, wishes).await;
    let mut split = house.scanned(&split.key_text);
    split.activate("0000000000", house.now()).await.unwrap_err();
    split.activate("7305512864", house.now()).await.unwrap();
    let body = json!({ "transactions": [{ "text": "one of a batch" }] });
    let batch = house.ask_operation(&bank, &phone, body).await;
    let shown = phone.show_operation(&batch, house.now()).await.unwrap();
    let answers = [Answer::Confirm(shown.members[0].shown.as_ref().unwrap())];
    phone.process(&batch, &answers, house.now()).await.unwrap();
    house.projector().catch_up().await.unwrap();

    let names: Vec<&str> = projections::names().collect();
    assert!(names.contains(&"journal") && names.len() >= 5, "{names:?}");
    let events: u64 = house.heads().await.iter().sum();
    for name in names {
        let report = house
            .projector()
            .rebuild(name, OnDifference::KeepBoth, |_| {})
            .await
            .unwrap();
        assert!(report.is_equal(), "{report:?}");
        assert_eq!(report.events, events, "{name}");
        assert!(report.rows > 0, "{name}");
    }
    // It goes on from there.
    let id = house.ask(&bank, &phone, "afterwards").await;
    let info = bank.transaction_info(phone.key().info().user_id.as_str(), id.as_str());
    let position = info.await.unwrap().position;
    let query = format!("transaction_id={id}");
    let page = bank.events(&query, position.as_deref()).await.unwrap();
    let page = page.success().unwrap();
    assert_eq!(page["events"].as_array().unwrap().len(), 2);
    house.end().await;
}
