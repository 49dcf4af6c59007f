//! A request's time must be near ours.

use serde_json::json;
use tests::house::TestHouse;

use crate::raw::RawDevice;

/// T_AUTH_CODE by default, ms.
const WINDOW_MS: i64 = 180_000;

#[tokio::test(flavor = "multi_thread")]
async fn the_window_has_two_edges_and_the_server_tells_its_time() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let heads = house.heads().await;
    let cases = [
        (-WINDOW_MS - 1, 349),
        (WINDOW_MS + 1, 349),
        (-WINDOW_MS, 0),
        (0, 0),
        (WINDOW_MS, 0),
    ];
    for (offset_ms, heard) in cases {
        if heard == 349 {
            assert_eq!(house.heads().await, heads, "nothing was written so far");
        }
        let at = house.now().plus_ms(offset_ms);
        let answer = raw.post("transactions/get_list", &json!({}), at).await;
        assert_eq!(answer.code(), heard, "{offset_ms} ms");
        let time = house.now().to_string();
        assert_eq!(answer.header("pc-server-time"), Some(&*time));
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_told_the_time_is_heard() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let slow = house.now().plus_seconds(-3_600);
    let device::Error::Server(refusal) = phone.list(slow).await.unwrap_err() else {
        panic!("the server answers")
    };
    assert_eq!(refusal.code, schemas::ErrorCode::TimeSyncError);
    assert!(refusal.authenticated, "or anybody could set its clock");
    assert_eq!(refusal.server_time, Some(house.now()));
    phone.list(refusal.server_time.unwrap()).await.unwrap();
    house.end().await;
}
