//! Pushes and activation codes of a real process that is killed at every step of their sending: before it asks, while the
//! other side has the message, and at every moment until the log has heard of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bus::shell::{Clock as _, SystemClock};
use countersign::bank::Bank;
use countersign::process::Served;
use countersign::simulate::certificate::Authority;
use countersign::simulate::{Apns, ListenOptions, MessageReceipt, Messages, Service, Simulator};
use device::{Device, DeviceKey, ReqwestTransport};
use reqwest::Method;
use schemas::commands::keys::{DeviceType, PushAddress};
use serde_json::{Value, json};

use super::kills;
use super::trial::program;

const SYSTEM_ID: &str = "11111111-2222-4333-8444-555555555555";
const APP: &str = "com.example.bank";
/// A token of Apple's form.
const TOKEN: &str = "00112233445566778899aabbccddeeff";
const PATIENCE: Duration = Duration::from_mins(1);
/// By then everything that broke off has been called unknown.
const CALLED_UNKNOWN: Duration = Duration::from_mins(4);
/// How far the moments are apart at which the process is killed after the other side has the message, and how many there are
/// for each kill that is asked for.
const MOMENT: Duration = Duration::from_millis(7);
const MOMENTS: usize = 3;

/// A served program and the bank in front of it.
struct Killed {
    served: Served,
    _data: tempfile::TempDir,
}

impl Killed {
    async fn start(data: tempfile::TempDir, more: &[&str]) -> Self {
        let folder = data.path().join("data").display().to_string();
        let usual = ["--listen", "127.0.0.1:0", "--data", &folder];
        let quiet = ["--log-filter", "off"];
        let arguments = [&usual[..], &quiet, more].concat();
        let served = Served::start(&program(), &arguments).await;
        let killed = Self {
            served: served.expect("the program starts"),
            _data: data,
        };
        let door = killed.served.mobile_door();
        let registered = killed.bank().register_system(&door, "").await;
        let registered = registered.expect("the program answers");
        registered.success().expect("a new system is registered");
        killed
    }

    fn bank(&self) -> Bank {
        let bank = Bank::new(&self.served.system_door(), SYSTEM_ID, PATIENCE);
        bank.expect("a client is made")
    }

    async fn is_killed_after(&mut self, moment: Duration) {
        tokio::time::sleep(moment).await;
        self.served.kill().await.expect("the program is our child");
        let again = self.served.start_again().await;
        again.expect("the program starts again on what it left");
    }

    /// What a call answers that has to succeed.
    async fn asked(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let path = format!("/{SYSTEM_ID}{path}");
        let reply = self.bank().call(method, &path, None, body).await;
        let reply = reply.expect("the program answers");
        reply.success().expect("it is not refused")
    }

    /// A new user is to get the activation code there; the name of the order.
    async fn orders_a_code(&self, to: Value) -> String {
        let wishes = json!({ "return_key_method": "SPLIT_QR" });
        let created = self.asked(Method::POST, "/users", Some(wishes)).await;
        let user_id = text(&created["user_id"]);
        let path = format!("/users/{user_id}/key/send_activation_code");
        let ordered = self.asked(Method::POST, &path, Some(to)).await;
        text(&ordered["order_id"]).to_owned()
    }

    /// The journal's records of a word.
    async fn records(&self, word: &str) -> Vec<Value> {
        let path = format!("/events?limit=1000&request_type={word}");
        let told = self.asked(Method::GET, &path, None).await;
        told["events"].as_array().expect("a page").clone()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// Waits for something that comes, or fails.
async fn until(what: &str, is_so: impl AsyncFnMut() -> bool) {
    until_in(PATIENCE, what, is_so).await;
}

async fn until_in(patience: Duration, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let came = tokio::time::timeout(patience, waiting).await;
    assert!(came.is_ok(), "{what} did not come");
}

fn write_pusher_folder(folder: &Path, apns: &str, authority: &str) {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key is made");
    let key = key.to_pkcs8v1().expect("a key has a form");
    let key = BASE64_STANDARD.encode(key.as_ref());
    let key = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
    let p8 =
        json!({ "apns_key_id": "KEY", "apns_team_id": "TEAM", "apns_url": apns, "apns_key": key });
    let message = json!({
        "aps": { "alert": "To be confirmed" }, "transactionid": "%TRANSACTION_ID%",
        "pc_notification_type": "alert", "pc_notification_priority": 10,
        "pc_notification_timeout": 600, "pc_collapse_id": "%TRANSACTION_ID%",
    });
    let templates = json!({ "ios": { "templates": { "transaction": [message] } } });
    for (name, content) in [
        (
            format!("apps/{APP}.json"),
            json!({ "ios": { "apns_p8": p8 } }).to_string(),
        ),
        ("systems/default.json".to_owned(), templates.to_string()),
        (
            "pusher.conf.json".to_owned(),
            json!({ "authorities": "simulated.pem" }).to_string(),
        ),
        ("simulated.pem".to_owned(), authority.to_owned()),
    ] {
        let path = folder.join(name);
        let parent = path.parent().expect("a file lies in a folder");
        std::fs::create_dir_all(parent).expect("the folder is writable");
        std::fs::write(path, content).expect("the folder is writable");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_sent_and_told_once_whenever_the_process_is_killed() {
    countersign::install_crypto_provider().ok();
    let authority = Arc::new(Authority::new().expect("an authority is made"));
    let options = ListenOptions {
        address: ([127, 0, 0, 1], 0).into(),
        prints: false,
    };
    let apns = Simulator::start(Apns::default(), options, Some(&authority)).await;
    let apns = apns.expect("a free port can be listened on");
    let data = tempfile::tempdir().expect("the temporary folder is writable");
    let folder = data.path().join("pc_pusher");
    write_pusher_folder(&folder, &apns.url(), &authority.pem());
    let folder = folder.display().to_string();
    let mut killed = Killed::start(data, &["--pusher-config-path", &folder]).await;

    let wishes = json!({ "return_key_method": "KEY_JSON" });
    let created = killed.asked(Method::POST, "/users", Some(wishes)).await;
    let key = DeviceKey::import(text(&created["key_json"])).expect("a key is read");
    let transport = ReqwestTransport::with_client(reqwest::Client::new());
    let mut phone = Device::new(key, transport).expect("a device is made");
    let address = PushAddress {
        device_push_id: TOKEN.to_owned(),
        device_type: DeviceType::Ios,
        app_id: Some(APP.to_owned()),
    };
    let registered = phone.register(Some(&address), SystemClock.now()).await;
    registered.expect("the phone is registered");

    let path = format!("/users/{}/transactions", text(&created["user_id"]));
    let mut transactions = Vec::new();
    for kill in 0..kills() * MOMENTS {
        let body = json!({ "transaction_data": { "text": "a payment" } });
        let before = apns.count();
        let asked = killed.asked(Method::POST, &path, Some(body)).await;
        transactions.push(text(&asked["transaction_id"]).to_owned());
        // Every third time the service is not waited for: the push is owed, or under way, or there.
        if kill % MOMENTS > 0 {
            assert!(apns.has_been_asked(before + 1, PATIENCE).await);
        }
        killed.is_killed_after(MOMENT * (kill as u32 / 2)).await;
    }
    until("the outcome of every push", async || {
        killed.records("send_push").await.len() == transactions.len()
    })
    .await;
    let mut told: Vec<_> = killed
        .records("send_push")
        .await
        .iter()
        .map(|record| text(&record["transaction_id"]).to_owned())
        .collect();
    told.sort();
    transactions.sort();
    assert_eq!(told, transactions, "each is told once");
    for id in &transactions {
        let of_it = |asked: &&countersign::simulate::Asked| asked.json()["transactionid"] == **id;
        let asked = apns.asked();
        let mut names: Vec<_> = asked
            .iter()
            .filter(of_it)
            .map(|it| it.header("apns-id"))
            .collect();
        names.dedup();
        assert_eq!(names.len(), 1, "one push, however often it is sent");
    }
    assert!(killed.served.end().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_never_sent_twice_whenever_the_process_is_killed() {
    let anywhere = ([127, 0, 0, 1], 0).into();
    let server = Messages::start(Service::SmtpImplicit, anywhere, false).await;
    let server = server.expect("a free port can be listened on");
    let data = tempfile::tempdir().expect("the temporary folder is writable");
    let authority = data.path().join("authority.pem");
    std::fs::write(&authority, server.authority()).expect("the folder is writable");
    let (host, authority) = (
        format!("localhost:{}", server.address().port()),
        authority.display().to_string(),
    );
    let more = [
        "--codes-smtp",
        &host,
        "--codes-smtp-tls",
        "implicit",
        "--codes-smtp-authority",
        &authority,
        "--codes-smtp-from",
        "Bank <bank@bank.example>",
    ];
    let mut killed = Killed::start(data, &more).await;
    let mut orders = Vec::new();
    for kill in 0..kills() * MOMENTS {
        let address = format!("user{kill}@mail.example");
        let before = server.taken().len() as u64;
        let order = killed.orders_a_code(json!({ "email": address })).await;
        orders.push((order, address));
        if kill % MOMENTS > 0 {
            assert!(server.has_got(before + 1, PATIENCE).await);
        }
        killed.is_killed_after(MOMENT * (kill as u32 / 2)).await;
    }
    // What is owed is sent, and what may have been taken is left for two minutes before it is called unknown: also what
    // was about to be begun, so that the journal has no attempt of it.
    let standing = async || {
        let mut records = killed.records("send_activation_code_attempt").await;
        records.extend(killed.records("send_activation_code_result").await);
        let known = |(order, _): &(String, String)| {
            let of_it = |record: &Value| record["event_data"]["order_id"] == order.as_str();
            records.iter().any(of_it)
        };
        let all = orders.iter().all(known);
        (all, records.len(), server.taken().len())
    };
    until_in(
        CALLED_UNKNOWN,
        "the end of what is still done",
        async || {
            let before = standing().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            before.0 && before == standing().await
        },
    )
    .await;
    let results = killed.records("send_activation_code_result").await;
    for (order, address) in orders {
        let taken = server.taken();
        let taken = taken.iter().filter(|it| it.to == address).count();
        assert!(taken <= 1, "{address} got {taken}");
        let of_it = |record: &&Value| record["event_data"]["order_id"] == order.as_str();
        let results: Vec<_> = results.iter().filter(of_it).collect();
        assert!(results.len() <= 1, "told once: {results:?}");
        match results
            .first()
            .map(|record| text(&record["event_data"]["outcome"]))
        {
            Some("sent") => assert_eq!(taken, 1, "{address}"),
            // Begun, and nobody knows, or will: it is not sent again.
            Some("unknown") | None => {}
            Some(other) => panic!("{address}: {other}"),
        }
    }
    assert!(killed.served.end().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_told_once_whenever_the_process_is_killed() {
    let anywhere = ([127, 0, 0, 1], 0).into();
    let center = Messages::start(Service::Smpp, anywhere, false).await;
    let center = center.expect("a free port can be listened on");
    let data = tempfile::tempdir().expect("the temporary folder is writable");
    let place = format!("localhost:{}", center.address().port());
    let more = [
        "--codes-smpp",
        &place,
        "--codes-smpp-tls",
        "none",
        "--codes-smpp-system-id",
        "bank",
        "--codes-smpp-sender",
        "BANK",
        "--codes-smpp-password",
        "horse",
    ];
    let mut killed = Killed::start(data, &more).await;
    let mut orders = Vec::new();
    for kill in 0..kills() * MOMENTS {
        let (before, answered) = (center.taken().len() as u64, center.receipts_answered());
        // Before the answer, after it, and twice.
        center.receipt_of_next(match kill % MOMENTS {
            0 => MessageReceipt::First,
            1 => MessageReceipt::Undeliverable,
            _ => MessageReceipt::Twice,
        });
        let to = json!({ "phone": format!("+799912345{kill:02}") });
        orders.push(killed.orders_a_code(to).await);
        // The center has the message, or the process has the receipt.
        if kill % 2 == 0 {
            assert!(center.has_got(before + 1, PATIENCE).await);
        } else {
            until("an answer to a receipt", async || {
                center.receipts_answered() > answered
            })
            .await;
        }
        killed.is_killed_after(MOMENT * (kill as u32 / 2)).await;
    }
    // Whatever was written down as taken has its receipt, however late; of the others nobody knows their names.
    let told = async || {
        let results = killed.records("send_activation_code_result").await;
        let receipts = killed.records("send_activation_code_receipt").await;
        let of = |records: &[Value], order: &str| {
            let of_it = |record: &&Value| record["event_data"]["order_id"] == order;
            records.iter().filter(of_it).count()
        };
        let sent: Vec<_> = results
            .into_iter()
            .filter(|record| record["event_data"]["outcome"] == "sent")
            .collect();
        orders
            .iter()
            .map(|order| (of(&sent, order), of(&receipts, order)))
            .collect::<Vec<_>>()
    };
    until("the receipts of all that was sent", async || {
        let before = told().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        before == told().await && before.iter().all(|(sent, receipts)| sent == receipts)
    })
    .await;
    let told = told().await;
    assert!(told.iter().all(|(_, receipts)| *receipts <= 1), "{told:?}");
    assert!(told.iter().any(|(sent, _)| *sent == 1), "{told:?}");
    // What is no receipt, or one that nobody can read, is counted, and stands in nobody's way.
    center.receipt_of_next(MessageReceipt::Foreign);
    let answered = center.receipts_answered();
    killed
        .orders_a_code(json!({ "phone": "+79991234599" }))
        .await;
    until("answers to all that was brought", async || {
        center.receipts_answered() >= answered + 5
    })
    .await;
    let url = format!("http://{}/metrics", killed.served.address());
    let shown = reqwest::get(url).await.expect("the program answers");
    let shown = shown.text().await.expect("it is a text");
    for outcome in ["on_the_way", "no_receipt", "unreadable", "of_nobody"] {
        let counted = format!("codes_receipts_total{{outcome=\"{outcome}\"}}");
        assert!(shown.contains(&counted), "{counted} is not among\n{shown}");
    }
    assert!(killed.served.end().await);
}
