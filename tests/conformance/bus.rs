//! What every bus promises, held by the one in the process and by the one on JetStream.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a failure of the bus is a failure of the test"
)]

mod analysts;
mod lost_on_the_way;
mod only_jetstream;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bus::{
    Before, Bus, Delivery, InProcessBus, Limits, Publication, Published, SendError, StreamEvent,
    Unanswered,
};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use schemas::{Lane, Position, SystemId, subjects};
use tests::nats::TestNats;

/// Nothing in these tests takes longer, except on a machine that is busy with something else.
const SOON: Duration = Duration::from_mins(1);

/// Long enough to say that something does not happen.
const A_WHILE: Duration = Duration::from_millis(300);

const ATTEMPTS_MAX: u64 = 3;

/// Quick retries, so that tests need not wait.
fn limits() -> Limits {
    Limits {
        attempts_max: ATTEMPTS_MAX,
        retry_after: Duration::from_millis(10),
        ..Limits::default()
    }
}

/// A bus, and what it runs on.
struct House {
    bus: Arc<dyn Bus>,
    nats: Option<TestNats>,
}

impl House {
    fn in_process() -> Self {
        Self {
            bus: InProcessBus::with_limits(limits()),
            nats: None,
        }
    }

    async fn jetstream() -> Self {
        let nats = TestNats::start().await;
        Self {
            bus: nats.bus(limits()).await,
            nats: Some(nats),
        }
    }

    async fn commands(&self, number: u8) -> BoxStream<'static, Delivery> {
        self.bus.commands(lane(number)).await.unwrap()
    }

    /// Sends a command without waiting for its answer.
    fn send(
        &self,
        number: u8,
        payload: impl Into<Bytes>,
    ) -> tokio::task::JoinHandle<Result<Bytes, SendError>> {
        let (bus, payload) = (Arc::clone(&self.bus), payload.into());
        tokio::spawn(async move { send(&bus, number, payload, SOON).await })
    }
}

async fn send(
    bus: &Arc<dyn Bus>,
    number: u8,
    payload: impl Into<Bytes>,
    deadline: Duration,
) -> Result<Bytes, SendError> {
    bus.send(
        lane(number),
        &system_id(),
        "confirm_transaction",
        payload.into(),
        deadline,
    )
    .await
}

fn lane(number: u8) -> Lane {
    Lane::new(number).unwrap()
}

fn system_id() -> SystemId {
    "f13e4375".parse().unwrap()
}

fn publication(lane_number: u8, number: u64) -> Publication {
    Publication {
        position: Position {
            lane: lane(lane_number),
            number,
        },
        system_id: system_id(),
        aggregate: "transactions".into(),
        word: "transaction_confirmed".into(),
        payload: format!("event {number}").into(),
    }
}

fn publications(lane_number: u8, numbers: impl IntoIterator<Item = u64>) -> Vec<Publication> {
    numbers
        .into_iter()
        .map(|number| publication(lane_number, number))
        .collect()
}

/// What comes out of a future that must not take long.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future)
        .await
        .expect("this does not take long")
}

async fn next<T>(stream: &mut BoxStream<'static, T>) -> T {
    soon(stream.next()).await.expect("the stream goes on")
}

async fn nothing_comes<T>(stream: &mut BoxStream<'static, T>) {
    let came = tokio::time::timeout(A_WHILE, stream.next()).await;
    assert!(came.is_err(), "something came that should not");
}

/// Asks until the answer is yes.
async fn eventually<F: Future<Output = bool>>(mut is_so: impl FnMut() -> F) {
    soon(async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// The numbers of the next so many events; a hole is a failure.
async fn numbers(events: &mut BoxStream<'static, StreamEvent>, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        match next(events).await {
            StreamEvent::Event(event) => numbers.push(event.position.number),
            StreamEvent::Hole { from, to } => panic!("a hole from {from} to {to}"),
        }
    }
    numbers
}

async fn a_command_is_answered(house: House) {
    let mut commands = house.commands(17).await;
    let answer = house.send(17, "please");
    let delivery = next(&mut commands).await;
    assert_eq!(
        (&delivery.payload[..], delivery.attempt),
        (&b"please"[..], 1)
    );
    delivery.handle.answer("certainly".into()).await.unwrap();
    delivery.handle.done().await.unwrap();
    assert_eq!(soon(answer).await.unwrap().unwrap(), "certainly");
}

async fn no_answer_in_time_means_unknown(house: House) {
    let outcome = send(&house.bus, 17, "anybody there?", A_WHILE).await;
    assert!(matches!(outcome, Err(SendError::Unknown)), "{outcome:?}");
    // And it may still be carried out.
    let mut commands = house.commands(17).await;
    assert_eq!(next(&mut commands).await.payload, "anybody there?");
}

async fn a_dropped_delivery_comes_again_and_is_answered(house: House) {
    let mut commands = house.commands(0).await;
    let answer = house.send(0, "please");
    drop(next(&mut commands).await);
    let again = next(&mut commands).await;
    assert_eq!((&again.payload[..], again.attempt), (&b"please"[..], 2));
    again.handle.answer("at last".into()).await.unwrap();
    again.handle.done().await.unwrap();
    assert_eq!(soon(answer).await.unwrap().unwrap(), "at last");
}

async fn a_settled_command_does_not_come_again(house: House) {
    let mut commands = house.commands(3).await;
    drop(house.send(3, "once"));
    let delivery = next(&mut commands).await;
    delivery.handle.done().await.unwrap();
    drop(delivery);
    nothing_comes(&mut commands).await;
}

async fn a_postponed_delivery_comes_later(house: House) {
    let mut commands = house.commands(3).await;
    drop(house.send(3, "not now"));
    let delivery = next(&mut commands).await;
    delivery.handle.later(A_WHILE * 2).await.unwrap();
    drop(delivery);
    nothing_comes(&mut commands).await;
    let again = next(&mut commands).await;
    assert_eq!((&again.payload[..], again.attempt), (&b"not now"[..], 2));
    again.handle.done().await.unwrap();
}

async fn a_command_that_is_dropped_too_often_is_put_aside(house: House) {
    let mut commands = house.commands(9).await;
    drop(house.send(9, "poison"));
    for attempt in 1..=ATTEMPTS_MAX {
        assert_eq!(next(&mut commands).await.attempt, attempt);
    }
    let looks = tokio::spawn(async move { nothing_comes(&mut commands).await });
    eventually(|| async { !house.bus.parked(10).await.unwrap().is_empty() }).await;
    soon(looks).await.unwrap();
    let parked = house.bus.parked(10).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(
        (parked[0].lane, &parked[0].payload[..]),
        (lane(9), &b"poison"[..])
    );
    assert!(parked[0].reason.contains("3 times"), "{}", parked[0].reason);
}

async fn parked_commands_keep_their_reason_and_their_order(house: House) {
    let mut commands = house.commands(9).await;
    for (payload, reason) in [("one", "sealed by\nsomebody else"), ("two", "no such verb")] {
        drop(house.send(9, payload));
        next(&mut commands).await.handle.park(reason).await.unwrap();
    }
    nothing_comes(&mut commands).await;
    let parked = house.bus.parked(10).await.unwrap();
    let payloads: Vec<&[u8]> = parked.iter().map(|parked| &parked.payload[..]).collect();
    assert_eq!(payloads, [&b"one"[..], &b"two"[..]]);
    assert!(parked[0].reason.starts_with("sealed by"));
    assert_eq!(parked[1].reason, "no such verb");
    assert_eq!(house.bus.parked(1).await.unwrap().len(), 1);
}

async fn no_lane_sees_the_commands_of_another(house: House) {
    let mut one = house.commands(1).await;
    let mut eleven = house.commands(11).await;
    drop(house.send(11, "for eleven"));
    let delivery = next(&mut eleven).await;
    assert_eq!(delivery.payload, "for eleven");
    delivery.handle.done().await.unwrap();
    nothing_comes(&mut one).await;
}

async fn commands_of_a_lane_come_in_order(house: House) {
    // Started in order on the one thread of this test, they leave in order.
    let waiting: Vec<_> = (0..50)
        .map(|number| house.send(2, format!("{number}")))
        .collect();
    let mut commands = house.commands(2).await;
    for number in 0..50 {
        let delivery = next(&mut commands).await;
        assert_eq!(delivery.payload, format!("{number}"));
        delivery
            .handle
            .answer(delivery.payload.clone())
            .await
            .unwrap();
        delivery.handle.done().await.unwrap();
    }
    for (number, answer) in waiting.into_iter().enumerate() {
        assert_eq!(soon(answer).await.unwrap().unwrap(), format!("{number}"));
    }
}

async fn many_commands_at_once_find_their_own_answers(house: House) {
    for number in 0..8 {
        let mut commands = house.commands(number).await;
        tokio::spawn(async move {
            while let Some(delivery) = commands.next().await {
                let answer = [b"re: ", &delivery.payload[..]].concat();
                delivery.handle.answer(answer.into()).await.unwrap();
                delivery.handle.done().await.unwrap();
            }
        });
    }
    let sent: Vec<_> = (0..256_u32)
        .map(|number| house.send((number % 8) as u8, format!("{number}")))
        .collect();
    for (number, answer) in sent.into_iter().enumerate() {
        assert_eq!(
            soon(answer).await.unwrap().unwrap(),
            format!("re: {number}")
        );
    }
}

async fn a_large_command_and_a_large_answer_pass(house: House) {
    let mut commands = house.commands(5).await;
    let large = Bytes::from(vec![7; 2 * 1024 * 1024]);
    let answer = house.send(5, large.clone());
    let delivery = next(&mut commands).await;
    assert_eq!(delivery.payload, large);
    delivery.handle.answer(large.clone()).await.unwrap();
    delivery.handle.done().await.unwrap();
    assert_eq!(soon(answer).await.unwrap().unwrap(), large);
}

async fn a_command_beyond_the_limit_is_refused(house: House) {
    let huge = Bytes::from(vec![7; Limits::default().payload_bytes_max + 1]);
    let outcome = send(&house.bus, 5, huge, SOON).await;
    assert!(matches!(outcome, Err(SendError::Refused(_))), "{outcome:?}");
}

async fn a_reader_that_goes_leaves_its_commands_to_the_next(house: House) {
    let mut reader = house.commands(6).await;
    // Many times: a command may be anywhere between the server and its reader when the reader goes.
    for _ in 0..10 {
        let answers: Vec<_> = (0..20).map(|_| house.send(6, "whoever")).collect();
        // The others lie ready behind this one, or are on their way, and nobody will look.
        let held = next(&mut reader).await;
        drop(reader);
        reader = house.commands(6).await;
        drop(held);
        for _ in 0..20 {
            // Sooner than a server gives up waiting for a word.
            let delivery = tokio::time::timeout(Duration::from_secs(5), reader.next()).await;
            let delivery = delivery.expect("it was given back").unwrap();
            delivery.handle.answer("me".into()).await.unwrap();
            delivery.handle.done().await.unwrap();
        }
        for answer in answers {
            assert_eq!(soon(answer).await.unwrap().unwrap(), "me");
        }
    }
}

async fn events_are_read_from_the_past_into_the_present(house: House) {
    house.bus.publish(&publications(4, 1..=300)).await.unwrap();
    let mut events = house.bus.events(lane(4), 1).await.unwrap();
    assert_eq!(
        numbers(&mut events, 300).await,
        (1..=300).collect::<Vec<_>>()
    );
    nothing_comes(&mut events).await;
    house
        .bus
        .publish(&publications(4, 301..=303))
        .await
        .unwrap();
    assert_eq!(numbers(&mut events, 3).await, [301, 302, 303]);
}

async fn an_event_arrives_as_it_was_published(house: House) {
    let mut published = publication(63, 1);
    published.payload = vec![9; 2 * 1024 * 1024].into();
    house
        .bus
        .publish(std::slice::from_ref(&published))
        .await
        .unwrap();
    let mut events = house.bus.events(lane(63), 0).await.unwrap();
    let expected = StreamEvent::Event(arriving(&published));
    assert_eq!(next(&mut events).await, expected);
}

/// The event as its readers see it.
fn arriving(published: &Publication) -> Published {
    let Publication {
        position,
        system_id,
        aggregate,
        word,
        payload,
    } = published;
    Published {
        position: *position,
        subject: subjects::event(position.lane, system_id, aggregate, word),
        payload: payload.clone(),
    }
}

async fn a_reader_may_start_anywhere(house: House) {
    // Two lanes interleaved, so that a lane's numbers are not the stream's.
    for number in 1..=40 {
        let both = [publication(7, number), publication(8, number)];
        house.bus.publish(&both).await.unwrap();
    }
    for from in [2, 17, 39, 40] {
        let mut events = house.bus.events(lane(7), from).await.unwrap();
        assert_eq!(numbers(&mut events, 1).await, [from]);
    }
    let mut ahead = house.bus.events(lane(7), 42).await.unwrap();
    house.bus.publish(&publications(7, 41..=43)).await.unwrap();
    assert_eq!(numbers(&mut ahead, 2).await, [42, 43]);
}

async fn publishing_again_is_harmless(house: House) {
    let events = publications(4, 1..=3);
    house.bus.publish(&events).await.unwrap();
    house.bus.publish(&events[1..]).await.unwrap();
    house.bus.publish(&publications(4, 3..=4)).await.unwrap();
    let mut read = house.bus.events(lane(4), 1).await.unwrap();
    assert_eq!(numbers(&mut read, 4).await, [1, 2, 3, 4]);
    nothing_comes(&mut read).await;
}

async fn the_last_published_number_of_every_lane_is_known(house: House) {
    assert_eq!(house.bus.published().await.unwrap(), vec![0; 64]);
    house.bus.publish(&publications(0, 1..=5)).await.unwrap();
    house.bus.publish(&publications(63, 1..=2)).await.unwrap();
    let mut expected = vec![0; 64];
    (expected[0], expected[63]) = (5, 2);
    assert_eq!(house.bus.published().await.unwrap(), expected);
}

async fn the_whole_stream_is_read_as_it_lies_there(house: House) {
    let none = house.bus.stretches(4).await.unwrap();
    assert_eq!(none.count().await, 0);
    house
        .bus
        .publish(&publications(9, [1, 3, 2]))
        .await
        .unwrap();
    house.bus.publish(&publications(11, 1..=6)).await.unwrap();
    let mut stretches = house.bus.stretches(4).await.unwrap();
    // What comes later is not part of it.
    house.bus.publish(&publications(12, 1..=6)).await.unwrap();
    let begins = match house.nats {
        Some(_) => Before::Nothing,
        None => Before::Forgotten,
    };
    let (mut read, mut left) = (Vec::new(), 9);
    while let Some(stretch) = stretches.next().await {
        let stretch = stretch.unwrap();
        assert!(stretch.events.len() <= 4, "{stretch:?}");
        left -= stretch.events.len() as u64;
        assert_eq!(stretch.left, left);
        let is_first = read.is_empty();
        assert_eq!(
            stretch.before,
            if is_first { begins } else { Before::Stretch }
        );
        read.extend(stretch.events);
    }
    let expected = [publications(9, [1, 3, 2]), publications(11, 1..=6)].concat();
    let expected: Vec<Published> = expected.iter().map(arriving).collect();
    assert_eq!(read, expected);
}

async fn a_missing_number_is_told_and_seen_when_it_comes_late(house: House) {
    house
        .bus
        .publish(&publications(4, [1, 2, 6]))
        .await
        .unwrap();
    let mut events = house.bus.events(lane(4), 1).await.unwrap();
    assert_eq!(numbers(&mut events, 2).await, [1, 2]);
    assert_eq!(
        next(&mut events).await,
        StreamEvent::Hole { from: 3, to: 5 }
    );
    assert_eq!(numbers(&mut events, 1).await, [6]);
    house.bus.publish(&publications(4, 3..=7)).await.unwrap();
    assert_eq!(numbers(&mut events, 4).await, [3, 4, 5, 7]);
    // Whoever starts in the middle of it misses nothing either.
    let mut later = house.bus.events(lane(4), 5).await.unwrap();
    assert_eq!(next(&mut later).await, StreamEvent::Hole { from: 5, to: 5 });
    assert_eq!(numbers(&mut later, 3).await, [6, 5, 7]);
}

async fn what_is_told_is_heard_by_all(house: House) {
    let (news, other) = (subjects::grown(), subjects::heartbeat());
    house
        .bus
        .tell(news, "nobody hears it".into())
        .await
        .unwrap();
    let mut one = house.bus.hear(news).await.unwrap();
    let mut two = house.bus.hear(news).await.unwrap();
    house.bus.tell(news, "grown".into()).await.unwrap();
    assert_eq!(next(&mut one).await, "grown");
    assert_eq!(next(&mut two).await, "grown");
    house.bus.tell(other, "not for us".into()).await.unwrap();
    nothing_comes(&mut one).await;
}

async fn a_question_comes_to_one_of_those_who_serve(house: House) {
    let subject = subjects::outside();
    let mut servers = tokio::task::JoinSet::new();
    for name in ["one", "two"] {
        let mut questions = house.bus.serve(subject).await.unwrap();
        servers.spawn(async move {
            while let Some(question) = questions.next().await {
                let answer = format!("{name}: {}", String::from_utf8_lossy(&question.payload));
                question.handle.answer(answer.into()).await.unwrap();
            }
        });
    }
    for number in 0..20 {
        let asked = Bytes::from(format!("question {number}"));
        let answer = house.bus.ask(subject, asked, SOON).await.unwrap();
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        assert!(
            answer.ends_with(&format!(": question {number}")),
            "{answer}"
        );
    }
}

async fn a_question_that_nobody_answers_has_no_answer(house: House) {
    let subject = subjects::outside();
    let ask = async |patience| house.bus.ask(subject, "anybody?".into(), patience).await;
    assert_eq!(ask(SOON).await, Err(Unanswered), "nobody serves");
    let mut questions = house.bus.serve(subject).await.unwrap();
    assert_eq!(ask(A_WHILE).await, Err(Unanswered), "somebody is slow");
    let late = async {
        // The one before is given up: some buses hand it out all the same.
        while let Some(question) = questions.next().await {
            if question.payload == "the last" {
                drop(question);
                break;
            }
        }
    };
    let asked = house.bus.ask(subject, "the last".into(), A_WHILE);
    let ((), answer) = soon(async { tokio::join!(late, asked) }).await;
    assert_eq!(answer, Err(Unanswered), "a dropped question has no answer");
}

macro_rules! promises {
    ($($promise:ident,)*) => {
        mod in_process {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(super::House::in_process()).await;
            })*
        }

        mod jetstream {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(super::House::jetstream().await).await;
            })*
        }
    };
}

promises! {
    a_command_is_answered,
    no_answer_in_time_means_unknown,
    a_dropped_delivery_comes_again_and_is_answered,
    a_settled_command_does_not_come_again,
    a_postponed_delivery_comes_later,
    a_command_that_is_dropped_too_often_is_put_aside,
    parked_commands_keep_their_reason_and_their_order,
    no_lane_sees_the_commands_of_another,
    commands_of_a_lane_come_in_order,
    many_commands_at_once_find_their_own_answers,
    a_large_command_and_a_large_answer_pass,
    a_command_beyond_the_limit_is_refused,
    a_reader_that_goes_leaves_its_commands_to_the_next,
    events_are_read_from_the_past_into_the_present,
    an_event_arrives_as_it_was_published,
    a_reader_may_start_anywhere,
    publishing_again_is_harmless,
    the_whole_stream_is_read_as_it_lies_there,
    the_last_published_number_of_every_lane_is_known,
    a_missing_number_is_told_and_seen_when_it_comes_late,
    what_is_told_is_heard_by_all,
    a_question_comes_to_one_of_those_who_serve,
    a_question_that_nobody_answers_has_no_answer,
}
