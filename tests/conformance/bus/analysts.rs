//! Accounts of analysts in a real server: the table of `docs/analyst.md`, tried row by row, and the end of a grant.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::{Client, ConnectOptions, Event, ServerError};
use bus::analysts::{
    Account, Analyst, CuratedError, CuratedMessage, CuratedStream, UserKey, all_of,
};
use bus::shell::RootSecret;
use futures::StreamExt as _;
use schemas::{AnalyticsName, Lane, Position, SystemId, subjects};
use tests::nats::TestNats;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{SOON, limits};

/// The page whose table is tried.
const PAGE: &str = include_str!("../../../docs/analyst.md");

/// A grant of the tests.
struct Grant {
    name: AnalyticsName,
    house: UserKey,
    analyst: UserKey,
}

impl Grant {
    fn new(name: &str) -> Self {
        let name: AnalyticsName = name.parse().unwrap();
        let root = RootSecret::new([7; 32]);
        Self {
            house: UserKey::of_the_house(&root, &name),
            analyst: UserKey::random(),
            name,
        }
    }

    fn account(&self) -> Account {
        let analyst = Analyst {
            key: self.analyst.public().to_owned(),
            consumers: vec!["main".parse().unwrap()],
        };
        Account {
            analyst: Some(analyst),
            ..self.revoked()
        }
    }

    fn revoked(&self) -> Account {
        Account {
            grant: self.name.clone(),
            house: self.house.public().to_owned(),
            analyst: None,
        }
    }

    /// The stream of the grant with two events, and two consumers, only one of which is the analyst's.
    async fn fill(&self, nats: &TestNats) -> Client {
        let (house, _) = connect(nats, &self.house, "_INBOX").await.unwrap();
        let context = async_nats::jetstream::new(house.clone());
        let stream = async_nats::jetstream::stream::Config {
            name: self.name.stream(),
            subjects: vec![subjects::CURATED.to_owned()],
            ..Default::default()
        };
        let stream = context.create_stream(stream).await.unwrap();
        for name in ["main", "stranger"] {
            let consumer = pull::Config {
                durable_name: Some(name.to_owned()),
                ack_policy: AckPolicy::Explicit,
                ..Default::default()
            };
            stream.create_consumer(consumer).await.unwrap();
        }
        let lane = Lane::new(17).unwrap();
        let system_id: SystemId = "bank".parse().unwrap();
        for word in ["create_user", "delete_user"] {
            let subject = subjects::curated(lane, &system_id, "users", word);
            let published = context.publish(subject, "{}".into()).await.unwrap();
            published.await.unwrap();
        }
        house
    }
}

/// What the server refuses a connection, as it tells it.
type Refusals = mpsc::UnboundedReceiver<String>;

async fn connect(
    nats: &TestNats,
    key: &UserKey,
    inbox_prefix: &str,
) -> Result<(Client, Refusals), async_nats::ConnectError> {
    let (told, refusals) = mpsc::unbounded_channel();
    let seed = key.seed().expose_text().unwrap().to_owned();
    let client = ConnectOptions::with_nkey(seed)
        .custom_inbox_prefix(inbox_prefix)
        .request_timeout(Some(SOON))
        .event_callback(move |event| {
            if let Event::ServerError(ServerError::Other(said)) = event {
                told.send(said).ok();
            }
            std::future::ready(())
        })
        .connect(nats.options().url)
        .await?;
    Ok((client, refusals))
}

/// The rows of the page: what is tried, where, and whether it is allowed.
fn rows() -> Vec<(&'static str, &'static str, bool)> {
    let table = PAGE.split("<!-- the matrix -->").nth(1).unwrap();
    let rows = table.lines().filter(|line| line.contains('`'));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [action, subject, outcome] = cells[..] else {
            panic!("three cells are expected: {line}");
        };
        (action, subject.trim_matches('`'), outcome == "allowed")
    })
    .collect()
}

/// The server answers in order: once it has answered to something allowed, it has said what it had to say.
async fn refused(client: &Client, refusals: &mut Refusals, subject: &str) -> bool {
    client.flush().await.unwrap();
    // What is allowed is answered by the flush alone; a fence that is certainly refused ends the wait for it.
    client.publish("fence", "".into()).await.unwrap();
    let mut seen = false;
    loop {
        let said = timeout(SOON, refusals.recv()).await.unwrap().unwrap();
        if said.to_lowercase().contains("\"fence\"") {
            return seen;
        }
        assert!(
            said.to_lowercase()
                .contains(&format!("\"{}\"", subject.to_lowercase())),
            "{said} was said of {subject}"
        );
        seen = true;
    }
}

#[tokio::test]
async fn attack_45_an_analyst_reaches_exactly_what_the_page_says() {
    let nats = TestNats::start().await;
    let house = nats.bus(limits()).await;
    let (risk, fraud) = (Grant::new("risk"), Grant::new("fraud"));
    let accounts = [risk.account(), fraud.account()];
    nats.accounts().set(&accounts).await.unwrap();
    let of_the_house = risk.fill(&nats).await;
    let elsewhere = fraud.fill(&nats).await;
    let prefix = risk.name.inbox_prefix();
    let (analyst, mut refusals) = connect(&nats, &risk.analyst, &prefix).await.unwrap();
    // Whoever hears everything in the accounts of others hears nothing of what is tried.
    let mut overheard = elsewhere.subscribe(">").await.unwrap();
    elsewhere.flush().await.unwrap();
    let rows = rows();
    assert!(rows.len() >= 40, "{}", rows.len());
    for (action, subject, allowed) in rows {
        match action {
            "publish" => {
                let reply = analyst.new_inbox();
                analyst
                    .publish_with_reply(subject.to_owned(), reply, "".into())
                    .await
                    .unwrap();
            }
            "subscribe" => drop(analyst.subscribe(subject.to_owned()).await.unwrap()),
            other => panic!("{other} is not tried"),
        }
        let refused = refused(&analyst, &mut refusals, subject).await;
        assert_eq!(refused, !allowed, "{action} {subject}");
    }
    elsewhere.publish("the.end", "".into()).await.unwrap();
    let heard = timeout(SOON, overheard.next()).await.unwrap().unwrap();
    assert_eq!(heard.subject.as_str(), "the.end");
    let stream = async_nats::jetstream::new(of_the_house)
        .get_stream(risk.name.stream())
        .await
        .unwrap();
    let state = &stream.cached_info().state;
    assert_eq!((state.messages, state.consumer_count), (2, 2));
    // The house was not interrupted by all that.
    assert_eq!(house.published().await.unwrap().len(), 64);
}

#[tokio::test]
async fn an_analyst_pulls_looks_and_acknowledges() {
    let nats = TestNats::start().await;
    let risk = Grant::new("risk");
    nats.accounts().set(&[risk.account()]).await.unwrap();
    risk.fill(&nats).await;
    let prefix = risk.name.inbox_prefix();
    let (analyst, mut refusals) = connect(&nats, &risk.analyst, &prefix).await.unwrap();
    let inbox = analyst.new_inbox();
    let mut answers = analyst.subscribe(inbox.clone()).await.unwrap();
    let next = format!("$JS.API.CONSUMER.MSG.NEXT.{}.main", risk.name.stream());
    for _ in 0..2 {
        analyst
            .publish_with_reply(next.clone(), inbox.clone(), "1".into())
            .await
            .unwrap();
        let event = timeout(SOON, answers.next()).await.unwrap().unwrap();
        assert_eq!(&*event.payload, b"{}");
        let acknowledgement = event.reply.unwrap();
        analyst
            .request(acknowledgement, "+ACK".into())
            .await
            .unwrap();
    }
    let info = format!("$JS.API.CONSUMER.INFO.{}.main", risk.name.stream());
    let info = analyst.request(info, "".into()).await.unwrap();
    let info: serde_json::Value = serde_json::from_slice(&info.payload).unwrap();
    assert_eq!(info["ack_floor"]["stream_seq"], 2);
    assert!(refusals.try_recv().is_err());
}

#[tokio::test]
async fn who_is_revoked_is_out_at_once_and_nobody_else_is() {
    let nats = TestNats::start().await;
    let house = nats.bus(limits()).await;
    let (risk, fraud) = (Grant::new("risk"), Grant::new("fraud"));
    let accounts = nats.accounts();
    accounts
        .set(&[risk.account(), fraud.account()])
        .await
        .unwrap();
    let (gone, _) = connect(&nats, &risk.analyst, "_INBOX_risk").await.unwrap();
    let (stays, _) = connect(&nats, &fraud.analyst, "_INBOX_fraud")
        .await
        .unwrap();
    accounts
        .set(&[risk.revoked(), fraud.account()])
        .await
        .unwrap();
    timeout(SOON, async {
        while gone.connection_state() == async_nats::connection::State::Connected {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert!(connect(&nats, &risk.analyst, "_INBOX_risk").await.is_err());
    assert!(connect(&nats, &risk.house, "_INBOX").await.is_ok());
    stays.flush().await.unwrap();
    assert_eq!(
        stays
            .statistics()
            .connects
            .load(std::sync::atomic::Ordering::Relaxed),
        1
    );
    assert_eq!(house.published().await.unwrap().len(), 64);
    accounts.set(&[fraud.account()]).await.unwrap();
    assert!(connect(&nats, &risk.house, "_INBOX").await.is_err());
}

#[tokio::test]
async fn nobody_gets_in_without_a_name_or_with_a_key_of_their_own() {
    let nats = TestNats::start().await;
    let risk = Grant::new("risk");
    nats.accounts().set(&[risk.account()]).await.unwrap();
    let url = nats.options().url;
    assert!(async_nats::connect(&url).await.is_err());
    let guessed = ConnectOptions::with_user_and_password("countersign".into(), "guess".into());
    assert!(guessed.connect(&url).await.is_err());
    assert!(connect(&nats, &UserKey::random(), "_INBOX").await.is_err());
}

#[tokio::test]
async fn accounts_are_there_again_when_the_server_was_killed() {
    let nats = TestNats::start().await;
    let risk = Grant::new("risk");
    nats.accounts().set(&[risk.account()]).await.unwrap();
    risk.fill(&nats).await;
    nats.kill9().await;
    nats.restart().await;
    let connected = timeout(Duration::from_mins(1), async {
        loop {
            if let Ok((house, _)) = connect(&nats, &risk.house, "_INBOX").await {
                return house;
            }
        }
    });
    let house = connected.await.unwrap();
    let stream = async_nats::jetstream::new(house)
        .get_stream(risk.name.stream())
        .await;
    assert_eq!(stream.unwrap().cached_info().state.messages, 2);
}

/// Curated events of lane 17 with these numbers.
fn messages(numbers: std::ops::RangeInclusive<u64>) -> Vec<CuratedMessage> {
    let message = |number: u64| CuratedMessage {
        position: Position {
            lane: Lane::new(17).unwrap(),
            number,
        },
        previous: number - 1,
        system_id: "bank".parse().unwrap(),
        aggregate: "users".to_owned(),
        word: "create_user".to_owned(),
        payload: "{}".into(),
    };
    numbers.map(message).collect()
}

#[tokio::test]
async fn two_processes_cannot_write_beside_each_other() {
    let nats = TestNats::start().await;
    let risk = Grant::new("risk");
    nats.accounts().set(&[risk.account()]).await.unwrap();
    let open = async || {
        let server = nats.options();
        let stream = CuratedStream::connect(&server, &risk.house, &risk.name);
        let stream = stream.await.unwrap();
        stream.prepare(1, &["main".parse().unwrap()]).await.unwrap();
        stream
    };
    let (one, other) = (open().await, open().await);
    assert_eq!(one.publish(&messages(1..=3), 0).await.unwrap(), 3);
    // The same events and others, one and several: nothing of it is kept.
    for numbers in [1..=3, 1..=1, 4..=4, 4..=6] {
        let beside = other.publish(&messages(numbers), 0).await;
        assert!(matches!(beside, Err(CuratedError::Moved(_))), "{beside:?}");
    }
    let heads = other.heads().await.unwrap();
    assert_eq!((heads.lanes[17], heads.lanes[18], heads.last), (3, 0, 3));
    assert_eq!(other.publish(&messages(4..=4), 3).await.unwrap(), 4);
    let beside = one.publish(&messages(4..=5), 3).await;
    assert!(matches!(beside, Err(CuratedError::Moved(_))), "{beside:?}");
    // More than one batch.
    assert_eq!(one.publish(&messages(5..=1200), 4).await.unwrap(), 1200);
    let heads = other.heads().await.unwrap();
    assert_eq!((heads.lanes[17], heads.last), (1200, 1200));
    let consumers = one.consumers().await.unwrap();
    assert_eq!((consumers.len(), consumers[0].lag()), (1, 1200));
    assert_eq!(consumers[0].active_at, None);
    one.remove().await.unwrap();
    other.remove().await.unwrap();
}

#[tokio::test]
async fn the_consumers_of_the_house_are_counted() {
    let nats = TestNats::start().await;
    let house = nats.bus(limits()).await;
    assert_eq!(all_of(&nats.options()).await.unwrap(), []);
    drop(house.commands(Lane::new(3).unwrap()).await.unwrap());
    let consumers = all_of(&nats.options()).await.unwrap();
    assert_eq!((consumers.len(), consumers[0].stream.as_str()), (1, "CMD"));
}
