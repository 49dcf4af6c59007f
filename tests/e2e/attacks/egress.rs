//! A41: addresses of callbacks that lead into the bank's own network. The connections themselves are tried where the calls
//! are made.

use std::net::TcpListener;
use std::path::Path;

use reactors::{EgressOptions, EgressRules};
use serde_json::json;
use sqlx::Connection as _;
use tests::house::{LogChoice, Plan};

use super::{Scene, unbroken};

/// The operator's view of what was put aside: reason and number of letters.
async fn put_aside(outbox: &Path) -> Vec<(String, i64)> {
    let address = format!("sqlite:{}", outbox.display());
    let mut outbox = sqlx::SqliteConnection::connect(&address).await.unwrap();
    let sql = "select last_error, count(*) from delivery where status = 'parked' and attempt = 1 \
               group by last_error order by last_error";
    sqlx::query_as(sql).fetch_all(&mut outbox).await.unwrap()
}

impl Scene {
    /// Asks for a callback to that address, and declines, so that it is owed.
    async fn reported_to(&self, url: &str) {
        let body = json!({ "transaction_data": { "text": "a payment" }, "callback_url": url });
        let id = self.house.ask_with(&self.bank, &self.phone, body).await;
        let why = device::Declination {
            reason: "not me".to_owned(),
            code: None,
        };
        let declined = self.phone.decline(&id, &why, self.house.now()).await;
        declined.unwrap_or_else(|error| panic!("{url}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_41_a_callback_leads_only_where_the_operator_permits() {
    let receiver = countersign::receiver::Receiver::start().await.unwrap();
    let permitted = receiver.callback_url();
    let port = permitted.rsplit(':').next().unwrap();
    let port: u16 = port.trim_end_matches("/callback").parse().unwrap();
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let inside = canary.local_addr().unwrap().port();

    // The house is where the receiver is, so that its own door lies in the permitted block.
    let doors = TcpListener::bind("127.0.0.1:0").unwrap();
    let door = doors.local_addr().unwrap();
    drop(doors);
    let rules = format!("127.0.0.1:{port},{},4222", door.port());
    let EgressRules(allow) = rules.parse().unwrap();
    let plan = Plan::new(LogChoice::Memory)
        .at(door)
        .calling(EgressOptions {
            allow,
            ..EgressOptions::default()
        });
    let outbox = plan.store_file("outbox");
    let scene = Scene::planned(plan).await;

    let outside = [
        format!("http://127.0.0.1:{inside}/"),
        format!("http://2130706433:{inside}/"),
        format!("http://0x7f000001:{inside}/"),
        format!("http://0177.0.0.1:{inside}/"),
        format!("http://127.1:{inside}/"),
        format!("http://localhost:{inside}/"),
        format!("http://[::ffff:127.0.0.1]:{inside}/"),
        "http://10.0.0.1/".to_owned(),
    ];
    let never = [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[fe80::1]/".to_owned(),
        "http://224.0.0.1/".to_owned(),
        format!("http://0.0.0.0:{inside}/"),
        format!("http://0:{inside}/"),
    ];
    let own = [
        format!("{}/pc-api/server_settings", scene.house.origin()),
        "http://127.0.0.1:4222/".to_owned(),
    ];
    for url in outside.iter().chain(&never).chain(&own) {
        scene.reported_to(url).await;
    }
    let expected = vec![
        (
            "the address belongs to a part of the house".to_owned(),
            own.len() as i64,
        ),
        (
            "the address is one that no receiver has".to_owned(),
            never.len() as i64,
        ),
        (
            "the operator does not permit this address".to_owned(),
            outside.len() as i64,
        ),
    ];
    crate::until(async || put_aside(&outbox).await == expected).await;
    let touched = canary.accept();
    assert!(touched.is_err(), "somebody was inside: {touched:?}");

    // What is no web address at all is refused where it is said.
    let user = scene.issued.user_id.clone();
    for url in [
        "gopher://127.0.0.1:4222/_PUB".to_owned(),
        "unix:/run/postgresql/.s.PGSQL.5432".to_owned(),
        format!("http://bank@127.0.0.1:{inside}/"),
    ] {
        let body = json!({ "transaction_data": { "text": "a payment" }, "callback_url": url });
        let answer = scene
            .bank
            .create_transaction(&user, body, None)
            .await
            .unwrap();
        unbroken(answer.status, &answer.error_message);
        assert_ne!(answer.error_code, 0, "{url}");
    }
    assert_eq!(receiver.count(), 0);
    scene.reported_to(&permitted).await;
    crate::until(async || receiver.count() == 1).await;
    scene.house.end().await;
}
