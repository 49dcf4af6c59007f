//! Letters that were put aside, in the hands of the operator: the real program beside a running house.

use std::path::Path;
use std::process::{Command, Output};

use device::Declination;
use reactors::Letters;
use schemas::Timestamp;
use serde_json::json;
use sqlx::Connection as _;
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};
use tests::postgres::TestPostgres;

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

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_tries_a_receiver_sees_how_it_is_and_sends_the_past_again() {
    let plan = Plan::new(LogChoice::Sqlite).by_the_real_clock();
    let data = plan.folder().to_owned();
    plan.keep_secret();
    let house = TestHouse::start(plan).await;
    let (bank, receiver, keys) = house.bank_with_receiver().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, "a payment").await;
    let why = Declination {
        reason: "not me".to_owned(),
        code: None,
    };
    phone.decline(&id, &why, house.now()).await.unwrap();
    // The registration of the phone's key, and the outcome.
    crate::until(async || receiver.received().len() == 2).await;

    // What was taken is written down a moment later.
    crate::until(async || {
        said(&data, &["health"])
            .first()
            .is_some_and(|line| line[3] == "2")
    })
    .await;
    let health = said(&data, &["health"]);
    let [endpoint, owed, parked, taken, rest @ ..] = &health[0][..] else {
        panic!("no columns: {health:?}")
    };
    assert!(receiver.callback_url().starts_with(endpoint.as_str()));
    assert_eq!(
        (owed.as_str(), parked.as_str(), taken.as_str()),
        ("0", "0", "2")
    );
    assert_eq!(rest, ["-", "0m", "-"]);

    let order = ["replay", "--system", SYSTEM_ID, "--from", "2020-01-01"];
    let count = [&order[..], &["--dry-run"]].concat();
    assert_eq!(said(&data, &count), [["2 would be sent again"]]);
    // What was taken within the minute before the last that the bank has comes as well: it is never too little.
    let looked = bank.get("/letters").await.unwrap();
    let place = looked.position.unwrap();
    let counted = |begins: &[&str]| {
        let count = ["replay", "--system", SYSTEM_ID, "--dry-run"];
        letters(&data, &[&count, begins].concat())
    };
    let output = counted(&["--from-position", &place]);
    assert_eq!(output.stdout, b"2 would be sent again\n", "{output:?}");
    for wrong in [
        &["--from-position", "0-1000000"][..],
        &["--from-position", "64-1"],
        &["--from", "2020-01-01", "--from-position", &place],
        &[],
    ] {
        assert!(!counted(wrong).status.success(), "{wrong:?}");
    }
    assert_eq!(said(&data, &order), [["2 are sent again"]]);
    // A restarted house looks at once; a running one within a minute.
    let house = house.restart().await;
    crate::until(async || receiver.received().len() == 4).await;
    let mut received = receiver.received();
    received.sort_by(|one, other| one.webhook_id.cmp(&other.webhook_id));
    for twice in received.chunks(2) {
        assert_eq!(twice[0].webhook_id, twice[1].webhook_id);
        assert_eq!(twice[0].body, twice[1].body);
    }

    let url = receiver.callback_url();
    let trial = {
        let (data, url) = (data.clone(), url.clone());
        tokio::task::spawn_blocking(move || said(&data, &["test", SYSTEM_ID, &url]))
    };
    crate::until(async || !said(&data, &["health"])[0][1].starts_with('0')).await;
    let house = house.restart().await;
    let told = trial.await.unwrap();
    assert!(told[0][0].ends_with(" taken: 200"), "{told:?}");
    let told = receiver.received().pop().unwrap();
    assert_eq!(told.json()["pc_callback"]["type"], "trial");
    assert!(keys.accept(&told));
    house.end().await;
    let nowhere = tempfile::tempdir().unwrap();
    assert!(!letters(nowhere.path(), &order).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_orders_are_the_same_on_postgresql() {
    let Some(postgres) = TestPostgres::start() else {
        return;
    };
    let url = postgres.database();
    let letters = Letters::open(&url).await.unwrap();
    let mut database = sqlx::PgConnection::connect(&url).await.unwrap();
    for (id, number, endpoint) in [
        ("msg_1", 1_i64, "https://bank.example:443"),
        ("msg_2", 2, "https://bank.example:443"),
        ("msg_3", 3, ""),
    ] {
        let sql = "insert into delivery (id, kind, system_id, order_key, lane, number, url, endpoint, attempt, \
                   next_at, status, last_status, last_error, created_at) \
                   values ($1, 'callback', 's', 'o', 0, $2, '', $3, 10, 0, 'parked', 500, 'refused', $2)";
        let insert = sqlx::query(sql).bind(id).bind(number).bind(endpoint);
        insert.execute(&mut database).await.unwrap();
    }
    let parked = letters.parked(2).await.unwrap();
    let seen: Vec<_> = parked
        .iter()
        .map(|letter| (letter.id.as_str(), letter.attempts, letter.status))
        .collect();
    assert_eq!(seen, [("msg_1", 10, Some(500)), ("msg_2", 10, Some(500))]);
    let now = Timestamp(1_795_435_200_000);
    assert_eq!(letters.retry(Some("msg_3"), now).await.unwrap(), 0);
    assert_eq!(letters.retry(None, now).await.unwrap(), 2);
    let states: Vec<(String, String)> =
        sqlx::query_as("select id, status from delivery order by id")
            .fetch_all(&mut database)
            .await
            .unwrap();
    let expected = [
        ("msg_1", "pending"),
        ("msg_2", "waiting"),
        ("msg_3", "parked"),
    ];
    let expected = expected.map(|(id, status)| (id.to_owned(), status.to_owned()));
    assert_eq!(states, expected);
    assert!(
        !letters.forget("msg_1", now).await.unwrap(),
        "it is on its way"
    );
    assert!(letters.forget("msg_3", now).await.unwrap());
    assert_eq!(letters.parked(2).await.unwrap(), []);
}
