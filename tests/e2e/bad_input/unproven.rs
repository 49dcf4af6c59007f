//! Requests of devices that prove nothing: all of them hear 288, or what their key may know, and leave no event.

use reqwest::Method;
use schemas::Timestamp;
use serde_json::json;

use super::{Scene, check, mobile_routes};
use crate::raw::{self, RawDevice};

/// The headers that do not prove anything, for a request to this target with this body.
fn headers(
    raw: &RawDevice,
    target: &str,
    body: &[u8],
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let right = raw.header(target, body, now);
    let (place, mac) = right.rsplit_once("mac=").expect("a header has a MAC");
    let flipped = match mac.strip_prefix('0') {
        Some(rest) => format!("{place}mac=1{rest}"),
        None => format!("{place}mac=0{}", &mac[1..]),
    };
    let user_id = raw.user_id.to_string();
    let stranger = RawDevice {
        request_key: vec![7; 32],
        ..raw.clone()
    };
    vec![
        ("garbled", "v1 surely".to_owned()),
        ("empty", String::new()),
        ("another version", right.replacen("v1", "v2", 1)),
        (
            "upper-case MAC",
            format!("{place}mac={}", mac.to_uppercase() + "A"),
        ),
        ("flipped MAC", flipped),
        ("another key", stranger.header(target, body, now)),
        (
            "another target",
            raw.header(&format!("{target}?x=1"), body, now),
        ),
        ("another body", raw.header(target, b"{}  ", now)),
        ("another user", right.replace(&user_id, "somebody")),
        ("key 0", right.replace("kid=1", "kid=0")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_proves_nothing_hears_288_at_every_route() {
    let scene = Scene::open().await;
    let (heads, raw, now) = (scene.house.heads().await, scene.device(), scene.house.now());
    for (tail, right) in mobile_routes() {
        let target = scene.path(&raw.target(tail));
        let url = format!("{}{target}", raw.origin);
        let body = right.to_string().into_bytes();
        let json = ("content-type", "application/json");
        let post = async |headers: &[(&str, &str)]| {
            raw::call(&raw.http, Method::POST, &url, headers, body.clone()).await
        };
        let answer = post(&[json]).await;
        check(&answer, 288, &format!("{tail}: no header"));
        let right = raw.header(&target, &body, now);
        let answer = post(&[json, ("pc-auth", &right), ("pc-auth", &right)]).await;
        check(&answer, 288, &format!("{tail}: two headers"));
        for (about, header) in headers(&raw, &target, &body, now) {
            let answer = post(&[json, ("pc-auth", &header)]).await;
            check(&answer, 288, &format!("{tail}: {about}"));
            assert_eq!(answer.status, 401);
            assert!(answer.header("pc-server-time").is_some());
            assert!(
                answer.header("pc-auth-response").is_none(),
                "{tail}: {about}"
            );
        }
    }
    assert_eq!(scene.house.heads().await, heads, "nothing was written");
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_or_system_hears_the_same_as_a_wrong_mac() {
    let scene = Scene::open().await;
    let (heads, now) = (scene.house.heads().await, scene.house.now());
    let known = scene.device();
    let nobody = RawDevice {
        user_id: "nobody".parse().unwrap(),
        ..known.clone()
    };
    let nowhere = RawDevice {
        system_id: "00000000-0000-4000-8000-000000000000".parse().unwrap(),
        ..known.clone()
    };
    let wrong_mac = RawDevice {
        request_key: vec![7; 32],
        ..known
    };
    for (tail, right) in mobile_routes() {
        let tail = scene.path(tail);
        let expected = wrong_mac.post(&tail, &right, now).await;
        for raw in [&nobody, &nowhere] {
            let answer = raw.post(&tail, &right, now).await;
            check(&answer, 288, &tail);
            assert_eq!(answer.body, expected.body, "no way to tell who exists");
        }
    }
    assert_eq!(scene.house.heads().await, heads, "nothing was written");
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_request_hears_349_and_a_replayed_one_288_at_every_route() {
    let scene = Scene::open().await;
    let raw = scene.device();
    let heads = scene.house.heads().await;
    for (tail, right) in mobile_routes() {
        // These two have a key of their own for their MAC.
        if ["activate", "credentials/get"].contains(&tail) {
            continue;
        }
        for offset_s in [-181, 181] {
            let at = scene.house.now().plus_seconds(offset_s);
            let answer = raw.post(&scene.path(tail), &right, at).await;
            check(&answer, 349, tail);
        }
    }
    assert_eq!(scene.house.heads().await, heads, "nothing was written");
    for (tail, right) in mobile_routes() {
        let target = scene.path(&raw.target(tail));
        let body = right.to_string().into_bytes();
        let header = raw.header(&target, &body, scene.house.now());
        let url = format!("{}{target}", raw.origin);
        let headers = [("content-type", "application/json"), ("pc-auth", &*header)];
        let post = async || raw::call(&raw.http, Method::POST, &url, &headers, body.clone()).await;
        post().await;
        let heads = scene.house.heads().await;
        check(&post().await, 288, tail);
        assert_eq!(scene.house.heads().await, heads, "{tail}");
    }
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_of_a_transaction_or_an_operation_reaches_it() {
    let scene = Scene::open().await;
    let bank = scene.house.stranger(tests::house::SYSTEM_ID);
    let other = scene.house.issue(&bank, json!({})).await;
    scene.house.registered(&other).await;
    let raw = RawDevice::new(&scene.house, &other.key_text);
    for (tail, right) in mobile_routes() {
        let code = match tail {
            tail if tail.contains("{transaction_id}") => 231,
            tail if tail.contains("{operation_id}") => 310,
            _ => continue,
        };
        let answer = raw.post(&scene.path(tail), &right, scene.house.now()).await;
        check(&answer, code, tail);
    }
    scene.house.end().await;
}
