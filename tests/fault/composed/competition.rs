//! Two runners on the same lanes, each handed commands in turn: only one of them is the lane's writer.

use std::sync::Arc;

use tokio::sync::watch;

use super::faults::OneFault;
use super::faulty_bus::FaultyBus;
use super::stage::Stage;

/// Its id follows from the identity of the request that creates it.
const USER: &str = "user-anna";

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_lost_its_lane_does_not_answer_from_memory() {
    let (open, is_open): (Vec<_>, Vec<_>) = [true, false].map(watch::channel).into_iter().unzip();
    let stage = Stage::begin(
        2,
        Box::new(move |number, log, bus, _| {
            let plan = Arc::new(OneFault::default());
            (
                log,
                Arc::new(FaultyBus::new(bus, plan, is_open[number].clone())),
            )
        }),
    )
    .await;
    let only = |runner: usize| {
        for (number, open) in open.iter().enumerate() {
            open.send_replace(number == runner);
        }
    };
    let bank = &stage.way.bank;
    let command = schemas::CommandId::from_key(bank.system_id(), "idempotency-key", USER);
    let user_id = format!("anna-{}", command.derived_uuid("user"));
    let path = format!("/users/{user_id}");

    only(1);
    let early = stage.way.look(&path).await;
    assert_eq!(
        early.error_code,
        u64::from(schemas::ErrorCode::UserNotFound.number())
    );
    only(0);
    assert_eq!(stage.way.enroll("anna").await.user_id(), user_id);
    only(1);
    let found = stage.way.look(&path).await;
    found
        .success()
        .expect("the user was created, and is not forgotten");
    stage.end().await;
}
