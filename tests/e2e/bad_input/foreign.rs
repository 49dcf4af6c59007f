//! Ids that are wrong, unknown or somebody else's.

use reqwest::Method;
use schemas::{Lane, Owner};
use serde_json::json;
use tests::house::SYSTEM_ID;

use super::{FOREIGN_SYSTEM, Scene, check, system_routes};

fn bytes(body: Option<serde_json::Value>) -> Vec<u8> {
    body.map(|body| body.to_string().into_bytes())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_in_a_wrong_form_or_of_nobody_has_its_code_at_every_route() {
    let scene = Scene::open().await;
    let heads = scene.house.heads().await;
    let unknown_system = "00000000-0000-4000-8000-000000000000";
    for route in system_routes() {
        let mut cases = vec![
            ("{system_id}", SYSTEM_ID.replace('-', ""), 202),
            ("{system_id}", "%20".to_owned(), 202),
            ("{system_id}", unknown_system.to_owned(), 203),
            ("{user_id}", "a%20b".to_owned(), 208),
            ("{user_id}", "x".repeat(101), 208),
            ("{user_id}", "nobody".to_owned(), 208),
            ("{transaction_id}", "a%2Fb".to_owned(), 231),
            ("{operation_id}", "a%2Fb".to_owned(), 310),
            ("{event_id}", "one".to_owned(), 283),
        ];
        cases.retain(|(place, ..)| route.path.contains(place));
        for (place, id, code) in cases {
            let path = scene.path(&route.path.replace(place, &id));
            let about = format!("{} {path}", route.method);
            let body = bytes(route.body.clone());
            let answer = scene
                .call(&route.method, &path, "application/json", body)
                .await;
            check(&answer, code, &about);
        }
    }
    assert_eq!(scene.house.heads().await, heads, "nothing was written");
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_reaches_nothing_of_another_bank() {
    let scene = Scene::open().await;
    let other = scene.house.bank_named(FOREIGN_SYSTEM).await;
    let own = scene.house.issue(&other, json!({})).await;
    let before = scene.house.heads().await;
    let history = scene.house.history(&scene.issued.owner()).await;
    for route in system_routes() {
        if !route.path.contains("{user_id}") {
            continue;
        }
        // Our user under the other bank's id.
        let path = scene.path(&route.path.replace("{system_id}", FOREIGN_SYSTEM));
        let about = format!("{} {path}", route.method);
        let body = bytes(route.body.clone());
        let answer = scene
            .call(&route.method, &path, "application/json", body)
            .await;
        check(&answer, 208, &about);
        assert_eq!(scene.house.heads().await, before, "{about}");
    }
    // Ours under the other bank's own user: asked by one we know, so it is journaled, in its own lane.
    for route in system_routes() {
        let code = match route.path {
            path if path.contains("{transaction_id}") => 231,
            path if path.contains("{operation_id}") => 310,
            _ => continue,
        };
        let path = route.path.replace("{system_id}", FOREIGN_SYSTEM);
        let path = scene.path(&path.replace("{user_id}", &own.user_id));
        let about = format!("{} {path}", route.method);
        let body = bytes(route.body.clone());
        let answer = scene
            .call(&route.method, &path, "application/json", body)
            .await;
        check(&answer, code, &about);
    }
    // An operator's question about it names no user: the other bank's system journals it.
    let system: Owner = FOREIGN_SYSTEM.parse().unwrap();
    let lanes = [own.owner(), system].map(|owner| usize::from(Lane::of(&owner).number()));
    let after = scene.house.heads().await;
    for (number, (before, after)) in before.iter().zip(&after).enumerate() {
        assert!(lanes.contains(&number) || before == after, "lane {number}");
    }
    assert_eq!(scene.house.history(&scene.issued.owner()).await, history);
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_question_about_a_list_is_refused() {
    let scene = Scene::open().await;
    let heads = scene.house.heads().await;
    for (query, code) in [
        ("/users/{user_id}/transactions?status=", 257),
        (
            "/users/{user_id}/transactions?status=confirmed,unheard",
            269,
        ),
        (
            "/users/{user_id}/transactions?status=confirmed&status=declined",
            283,
        ),
        ("/users/{user_id}/transactions?surprise=1", 283),
        ("/events?limit=1&limit=2", 283),
        ("/events?from=yesterday", 283),
        ("/events?user_id=a%20b", 208),
        ("/events?transaction_id=a%2Fb", 231),
    ] {
        let path = scene.path(&format!("/pc-api/{{system_id}}{query}"));
        let answer = scene.call(&Method::GET, &path, "", Vec::new()).await;
        check(&answer, code, query);
    }
    assert_eq!(scene.house.heads().await, heads, "nothing was written");
    scene.house.end().await;
}
