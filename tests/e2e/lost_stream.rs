//! The public stream is a copy: what its server loses comes back from the log while the house runs.

use std::time::Duration;

use bus::StreamEvent;
use futures::StreamExt as _;
use schemas::Lane;
use tests::house::{LogChoice, Plan, TestHouse};
use tests::nats::TestNats;

/// Nothing here takes longer, except on a machine that is busy with something else.
const SOON: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_lost_is_filled_in_again() {
    let nats = TestNats::start().await;
    let house = TestHouse::start(Plan::new(LogChoice::Memory).on_nats(nats.options())).await;
    let bank = house.bank().await;
    for _ in 0..3 {
        house.phone(&bank).await;
    }
    all_is_published(&house).await;

    nats.kill9().await;
    nats.lose_everything();
    nats.restart().await;
    all_is_published(&house).await;
    house.phone(&bank).await;
    all_is_published(&house).await;
    every_lane_is_whole(&house).await;
    house.end().await;
}

async fn all_is_published(house: &TestHouse) {
    let published = async {
        while house.bus().published().await.ok() != Some(house.heads().await) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let published = tokio::time::timeout(SOON, published).await;
    published.expect("the stream is filled from the log");
}

async fn every_lane_is_whole(house: &TestHouse) {
    for (lane, head) in Lane::all().zip(house.heads().await) {
        let mut events = house
            .bus()
            .events(lane, 1)
            .await
            .expect("the stream is there");
        for expected in 1..=head {
            let event = tokio::time::timeout(SOON, events.next()).await;
            let Ok(Some(StreamEvent::Event(event))) = event else {
                panic!("lane {lane} ends or has a hole before {expected}: {event:?}");
            };
            assert_eq!(event.position.number, expected);
        }
    }
}
