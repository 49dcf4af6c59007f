//! Billing periods and reports: closed day by day and once, figures from the log, a report by the operator's template.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::bank::{Bank, Reply};
use countersign::licensing::signed_license;
use reqwest::Method;
use schemas::license::{License, POST_PAID};
use schemas::{Owner, Timestamp};
use serde_json::{Value, json};
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};

const DAY_MS: i64 = 86_400_000;

/// A bank that pays after the fact.
async fn post_paid_bank(house: &TestHouse) -> Bank {
    let bank = house.stranger(SYSTEM_ID);
    let request = json!({ "request": {
        "id": SYSTEM_ID, "name": "Bank <1>", "billingType": POST_PAID, "billPeriod": 30,
    }});
    let body = json!({ "request": STANDARD.encode(request.to_string()) });
    let registered = bank
        .call(Method::POST, "/", None, Some(body))
        .await
        .unwrap();
    registered.success().unwrap();
    bank
}

async fn close(bank: &Bank, body: Value) -> Reply {
    let path = format!("/{}/billing_close", bank.system_id());
    bank.call(Method::POST, &path, None, Some(body))
        .await
        .unwrap()
}

fn day(house: &TestHouse, number: i64) -> String {
    house.now().plus_ms(number * DAY_MS).day_text()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_closed_once_and_its_figures_stay() {
    let house = TestHouse::open().await;
    let bank = post_paid_bank(&house).await;
    let began = house.now();
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, "billed").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    let gone = house.issue(&bank, json!({})).await;
    let path = format!("/{}/users/{}", bank.system_id(), gone.user_id);
    bank.call(Method::DELETE, &path, None, None)
        .await
        .unwrap()
        .success()
        .unwrap();

    // The day goes on.
    assert_eq!(
        close(&bank, json!({ "date": day(&house, 0) }))
            .await
            .error_code,
        272
    );
    house.advance_ms(10 * DAY_MS);
    let first = close(&bank, json!({ "date": day(&house, -8) }))
        .await
        .success()
        .unwrap();
    assert_eq!(first["from"], began.0);
    let figures = &first["figures"];
    assert_eq!(
        (
            &figures["users"],
            &figures["users_created"],
            &figures["users_deleted"]
        ),
        (&2.into(), &2.into(), &1.into())
    );
    assert_eq!(figures["transactions_confirmed"], 1);
    assert_eq!(figures["events"]["create_user"], 2);
    let again = close(&bank, json!({ "date": day(&house, -8) })).await;
    assert_eq!((again.status, again.error_code), (400, 275));
    let second = close(&bank, json!({})).await.success().unwrap();
    assert_eq!(second["from"], first["to"]);
    let to = Timestamp::of_day(&day(&house, 0)).unwrap();
    assert_eq!(second["to"], to.0);
    // Who left before is not billed again; who stays is.
    assert_eq!(second["figures"]["users"], 1);
    assert_eq!(second["figures"]["users_created"], 0);
    let system = Owner::System(SYSTEM_ID.parse().unwrap());
    for (result, times) in [(0, 2), (272, 1), (275, 1)] {
        assert_eq!(house.count(&system, "billing_close", result).await, times);
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_pays_after_the_fact_has_periods() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    house.advance_ms(10 * DAY_MS);
    assert_eq!(close(&bank, json!({})).await.error_code, 308);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_paid_license_asks_for_the_close_and_not_for_a_number() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let spki = pair.public_key().as_der().unwrap();
    let plan = Plan::new(LogChoice::Memory).licensed_by(spki.as_ref());
    let place = plan.licenses().join("bank.license");
    let house = TestHouse::start(plan).await;
    let bank = post_paid_bank(&house).await;
    let license = License {
        license_id: "after the fact".to_owned(),
        issued_to: String::new(),
        system_id: SYSTEM_ID.parse().unwrap(),
        billing_type: POST_PAID,
        users_count: 1,
        features: Vec::new(),
        valid_from: house.now(),
        valid_to: house.now().plus_ms(1000 * DAY_MS),
    };
    std::fs::write(place, signed_license(&pair, &license).unwrap()).unwrap();
    for _ in 0..3 {
        house.issue(&bank, json!({})).await;
    }
    let info = bank.get("").await.unwrap().success().unwrap();
    assert_eq!(info["license"]["licenses"][0]["used"], 3);
    // Two periods of thirty days: the second is there to close the first.
    house.advance_ms(60 * DAY_MS);
    let refused = bank.create_user(json!({}), None).await.unwrap();
    assert_eq!((refused.status, refused.error_code), (400, 307));
    tests::coverage::note_code(307);
    close(&bank, json!({})).await.success().unwrap();
    house.issue(&bank, json!({})).await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_follows_the_operators_template() {
    let plan = Plan::new(LogChoice::Memory).with("BILL_PERIOD", "30");
    let place = plan.folder().join("reports");
    std::fs::create_dir_all(&place).unwrap();
    let template = place.join("report.html");
    let text = "<h1>{{ system.name }}</h1>{{ figures.users }} since {{ period.first_day }}";
    std::fs::write(&template, text).unwrap();
    let house = TestHouse::start(plan).await;
    let bank = post_paid_bank(&house).await;
    assert_eq!(bank.get("/report").await.unwrap().error_code, 218);
    let setting = json!({ "REPORT_TEMPLATE": template.to_str().unwrap() });
    let set = bank
        .call(Method::POST, "/server_settings", None, Some(setting))
        .await
        .unwrap();
    set.clone().success().unwrap();
    let position: schemas::Position = set.position.unwrap().parse().unwrap();
    let patience = std::time::Duration::from_secs(20);
    assert!(house.settings().wait_for(position.number, patience).await);
    house.issue(&bank, json!({})).await;
    let today = day(&house, 0);
    let report = bank.get("/report").await.unwrap().success().unwrap();
    // What a bank calls itself is text and no part of the page.
    let expected = format!("<h1>Bank &lt;1&gt;</h1>1 since {today}");
    assert_eq!(report["report"], expected);
    let nothing = bank
        .get(&format!("/report?from={today}&to={today}"))
        .await
        .unwrap();
    assert_eq!(nothing.success().unwrap()["figures"]["users"], 1);

    // A bank that names a file of its own reads none of the server's.
    let secret = place.join("../read.sqlite");
    for (path, code) in [(secret.to_str().unwrap(), 218), ("", 0)] {
        let body = json!({ "report_template_path": path });
        let system = format!("/{}", bank.system_id());
        let changed = bank
            .call(Method::PATCH, &system, None, Some(body))
            .await
            .unwrap();
        changed.success().unwrap();
        assert_eq!(
            bank.get("/report").await.unwrap().error_code,
            code,
            "{path}"
        );
    }
    std::fs::write(&template, "{{ no_such_name }}").unwrap();
    assert_eq!(bank.get("/report").await.unwrap().error_code, 218);
    house.end().await;
}
