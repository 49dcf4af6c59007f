//! Confirmations, signatures and keys: A01 to A10.

use std::collections::BTreeMap;

use device::{DeviceEventId, Shown};
use futures::future::{join_all, join3};
use p256::pkcs8::EncodePublicKey as _;
use schemas::commands::keys::{DeviceType, PushAddress};
use schemas::events::Event;
use schemas::events::transactions::TransactionEvent;
use schemas::vault::VaultName;
use schemas::{ErrorCode, TransactionId};
use serde_json::{Value, json};
use tests::house::{LogChoice, Plan, TestHouse};

use super::{CANARY, CarelessPair, Scene, replay, unbroken};
use crate::raw::{RawDevice, code_of};

/// The events after which a transaction can have no other outcome.
const OUTCOMES: [&str; 4] = [
    "confirm_transaction",
    "decline_transaction",
    "delete_transaction",
    "expire_transaction",
];

async fn signed(scene: &Scene, id: &TransactionId) -> String {
    let shown = scene.phone.show(id, scene.house.now()).await.unwrap();
    hex::encode(scene.phone.signature(&shown).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_01_captured_bytes_confirm_once() {
    let mut scene = Scene::on(TestHouse::on_disk().await, json!({})).await;
    let id = scene.ask().await;
    let shown = scene.phone.show(&id, scene.house.now()).await.unwrap();
    let captured = scene
        .phone
        .prepare_confirm(&shown, scene.house.now())
        .unwrap();
    let crowd = (0..64).map(|_| replay(&scene.house, &captured.request));
    let mut heard: BTreeMap<u64, usize> = BTreeMap::new();
    for answer in join_all(crowd).await {
        *heard.entry(code_of(&answer)).or_default() += 1;
    }
    assert_eq!(heard, BTreeMap::from([(0, 1), (288, 63)]));
    let heads = scene.house.heads().await;
    scene.house = scene.house.restart().await;
    assert_eq!(code_of(&replay(&scene.house, &captured.request).await), 288);
    scene.house.advance_ms(181_000);
    assert_eq!(code_of(&replay(&scene.house, &captured.request).await), 349);
    assert_eq!(scene.house.heads().await, heads, "a replay leaves nothing");
    assert_eq!(scene.journaled("confirm_transaction", 0).await, 1);
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_02_a_confirmation_is_good_for_one_transaction_of_one_user_of_one_system() {
    let house = TestHouse::open().await;
    let mut phones = Vec::new();
    for system in [
        tests::house::SYSTEM_ID,
        "99999999-2222-4333-8444-555555555555",
    ] {
        let bank = house.bank_named(system).await;
        for _ in 0..2 {
            let issued = house.issue(&bank, json!({})).await;
            let phone = house.registered(&issued).await;
            let raw = RawDevice::new(&house, &issued.key_text);
            for _ in 0..2 {
                let id = house.ask(&bank, &phone, CANARY).await;
                let shown = phone.show(&id, house.now()).await.unwrap();
                let signature = hex::encode(phone.signature(&shown).unwrap());
                phones.push((raw.clone(), issued.owner(), id, signature));
            }
        }
    }
    // Everybody's signature for everybody's transaction; the right ones last, or there were nothing left to confirm.
    for is_own in [false, true] {
        for (raw, _, id, own) in &phones {
            for (.., signature) in &phones {
                if (signature == own) != is_own {
                    continue;
                }
                let body = json!({ "signature": signature });
                let tail = format!("transactions/{id}/confirm");
                let answer = raw.post(&tail, &body, house.now()).await;
                unbroken(answer.status, &answer.body);
                assert_eq!(answer.code(), if is_own { 0 } else { 278 });
            }
        }
    }
    for (raw, owner, ..) in &phones {
        let refused = house.count(owner, "confirm_transaction", 278).await;
        let confirmed = house.count(owner, "confirm_transaction", 0).await;
        assert_eq!((refused, confirmed), (2 * 7, 2), "{}", raw.user_id);
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_03_what_somebody_changed_in_the_store_is_shown_to_nobody() {
    let scene = Scene::planned(Plan::new(LogChoice::Sqlite)).await;
    let push = PushAddress {
        device_push_id: "token".to_owned(),
        device_type: DeviceType::Android,
        app_id: None,
    };
    scene
        .phone
        .update_push(&push, scene.house.now())
        .await
        .unwrap();
    let (mine, other) = (scene.ask().await, scene.ask().await);
    let shown = scene.phone.show(&mine, scene.house.now()).await.unwrap();
    let Scene {
        house,
        bank,
        issued,
        phone,
        raw,
    } = scene;
    let plan = house.end().await;
    // Another text, sealed by the house itself, but for another place; and bytes of nobody.
    let file = format!("sqlite:{}", plan.log_file().display());
    let store = sqlx::SqlitePool::connect(&file).await.unwrap();
    let row = |id: &TransactionId| VaultName::transaction_content(id).as_str().to_owned();
    let moved = sqlx::query(
        "update vault set sealed = (select sealed from vault where name = $1) where name = $2",
    );
    let moved = moved.bind(row(&other)).bind(row(&mine));
    assert_eq!(moved.execute(&store).await.unwrap().rows_affected(), 1);
    let bent = sqlx::query("update vault set sealed = zeroblob(64) where name = $1");
    let bent = bent.bind(row(&other)).execute(&store).await.unwrap();
    assert_eq!(bent.rows_affected(), 1);
    let bent = sqlx::query("update vault set sealed = zeroblob(64) where name = $1");
    let bent = bent.bind(VaultName::push_address().as_str());
    assert_eq!(bent.execute(&store).await.unwrap().rows_affected(), 1);
    store.close().await;
    let scene = Scene {
        house: TestHouse::start(plan).await,
        bank,
        issued,
        phone,
        raw,
    };
    for id in [&mine, &other] {
        let tail = format!("transactions/{id}/get_data");
        assert_eq!(scene.post(&tail, json!({})).await.code(), 216);
    }
    let refused = ErrorCode::TransactionDataError.number().into();
    assert_eq!(scene.journaled("get_transaction_data", refused).await, 2);
    let info = format!("/users/{}", scene.issued.user_id);
    let info = scene.bank.get(&info).await.unwrap();
    assert_eq!(info.error_code, 297);
    // What was shown before can be confirmed: the log has its digest, and nobody can change that.
    let event_id = DeviceEventId::fresh();
    let confirmation = scene
        .phone
        .confirmation(&shown, &event_id, scene.house.now())
        .unwrap();
    let confirmed = scene.phone.submit(&confirmation, scene.house.now());
    confirmed.await.unwrap();
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_04_no_text_looks_like_another() {
    let scene = Scene::open().await;
    let user_id = scene.issued.user_id.as_str();
    let tricks = [
        "\u{202e}00,005",
        "\u{2066}x\u{2069}",
        "\u{200f}",
        "\u{061c}1",
        "1\u{200b}0",
        "1\u{2060}0",
        "\u{feff}1",
        "1\u{00ad}0",
        "1\u{034f}0",
        "1\u{180e}0",
        "\u{3164}",
        "\u{115f}1",
        "\u{2800}1",
        "1\u{2028}2",
        "1\u{2029}2",
        "a\rb",
        "a\u{0}b",
        "a\u{8}b",
        "a\u{1b}[2Jb",
        "\u{7f}",
        "\u{85}",
        "\u{e0041}",
        "\u{fff9}x\u{fffb}",
        "\u{fffd}",
    ];
    for trick in tricks {
        let text = format!("{CANARY} {trick}");
        let body = json!({ "transaction_data": { "text": text } });
        let created = scene.bank.create_transaction(user_id, body, None).await;
        assert_eq!(created.unwrap().error_code, 216, "{trick:?}");
    }
    assert_eq!(
        scene.journaled("create_transaction", 216).await,
        tricks.len()
    );
    // What is honest is shown as it was sent: composed and decomposed letters are two texts with two digests.
    let mut digests = Vec::new();
    for text in ["Jose\u{301} 10", "Jos\u{e9} 10"] {
        let id = scene.house.ask(&scene.bank, &scene.phone, text).await;
        let shown: Shown = scene.phone.show(&id, scene.house.now()).await.unwrap();
        assert_eq!(shown.text(), text);
        digests.push(*shown.digest());
    }
    assert_ne!(digests[0], digests[1]);
    scene.house.end().await;
}

/// How many outcomes each transaction has.
async fn outcomes(scene: &Scene) -> BTreeMap<TransactionId, usize> {
    let mut outcomes = BTreeMap::new();
    for event in scene.house.history(&scene.issued.owner()).await {
        if event.result == ErrorCode::Normal && OUTCOMES.contains(&event.event.word()) {
            let id = event.event.transaction_id().unwrap().clone();
            *outcomes.entry(id).or_default() += 1;
        }
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_05_a_race_for_the_outcome_has_one_winner() {
    let scene = Scene::open().await;
    let user_id = &scene.issued.user_id;
    let races = 300;
    for number in 0..races {
        // Shorter than a command waits for its answer: a longer leap of the clock would make the commands too late as well.
        let request = json!({ "transaction_data": { "text": CANARY }, "ttl": 5 });
        let id = scene
            .house
            .ask_with(&scene.bank, &scene.phone, request)
            .await;
        let body = json!({ "signature": signed(&scene, &id).await });
        let tail = format!("transactions/{id}/decline");
        let path = format!(
            "/{}/users/{user_id}/transactions/{id}",
            scene.bank.system_id()
        );
        // Every third one reaches its deadline while they are under way.
        let delete = async {
            if number % 3 == 0 {
                scene.house.advance_ms(5_000);
                return 0;
            }
            let call = scene
                .bank
                .call(reqwest::Method::DELETE, &path, None, Some(json!({})));
            call.await.unwrap().error_code
        };
        let (confirmed, declined, _) = join3(
            scene.confirm(&id, body),
            scene.post(&tail, json!({ "reason": "not me" })),
            delete,
        )
        .await;
        for code in [confirmed, declined.code()] {
            assert!([0, 232, 274, 281].contains(&code), "{code}");
        }
    }
    crate::until(async || outcomes(&scene).await.len() == races).await;
    let outcomes = outcomes(&scene).await;
    assert!(outcomes.values().all(|times| *times == 1), "{outcomes:?}");
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_06_a_signature_has_one_spelling_and_one_effect() {
    let scene = Scene::open().await;
    let id = scene.ask().await;
    let right = hex::decode(signed(&scene, &id).await).unwrap();
    let (r, s) = {
        let signature = p256::ecdsa::Signature::from_der(&right).unwrap();
        let (r, s) = signature.split_bytes();
        (r.to_vec(), s.to_vec())
    };
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let numbers = |r: &str, s: &str| {
        let integer = |number: &str| {
            let number = hex::decode(number).unwrap();
            [&[2, u8::try_from(number.len()).unwrap()][..], &number].concat()
        };
        let body = [integer(r), integer(s)].concat();
        [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat()
    };
    let long_form = [&[0x30, 0x81, right[1]], &right[2..]].concat();
    let padded = numbers(&format!("0000{}", hex::encode(&r)), &hex::encode(&s));
    let wrong = [
        (211, [&right[..], &[0]].concat(), "something after it"),
        (211, long_form, "long form"),
        (211, padded, "padded"),
        (211, [r, s].concat(), "two numbers side by side"),
        (278, numbers("00", "01"), "r is zero"),
        (278, numbers("01", "00"), "s is zero"),
        (278, numbers(&format!("00{order}"), "01"), "r is the order"),
        (278, numbers("01", &format!("00{order}")), "s is the order"),
    ];
    for (code, signature, about) in &wrong {
        let body = json!({ "signature": hex::encode(signature) });
        assert_eq!(scene.confirm(&id, body).await, *code, "{about}");
    }
    assert_eq!(scene.journaled("confirm_transaction", 211).await, 4);
    assert_eq!(scene.journaled("confirm_transaction", 278).await, 4);
    let body = json!({ "signature": hex::encode(crate::confirm::twin(&right)) });
    assert_eq!(scene.confirm(&id, body).await, 0, "the twin is a signature");
    let body = json!({ "signature": hex::encode(&right) });
    assert_eq!(scene.confirm(&id, body).await, 232, "and no second one");
    let history = scene.house.history(&scene.issued.owner()).await;
    let stored = history.into_iter().find_map(|event| match event.event {
        Event::Transactions(TransactionEvent::Confirmed(confirmed)) => confirmed.signature,
        _ => None,
    });
    assert_eq!(stored, Some(right), "stored in its one spelling");
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_07_only_a_named_point_of_the_curve_is_a_public_key() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let pair = CarelessPair::new();
    let right = hex::decode(pair.public_key()).unwrap();
    let (prefix, point) = right.split_at(26);
    let compressed = {
        let prefix = "3039301306072a8648ce3d020106082a8648ce3d030107032200";
        let point = [&[2 + (point[64] & 1)][..], &point[1..33]].concat();
        [hex::decode(prefix).unwrap(), point].concat()
    };
    let mut off_curve = right.clone();
    *off_curve.last_mut().unwrap() ^= 1;
    let mut other_curve = right.clone();
    // secp256k1: the same length, another name.
    other_curve.splice(15..23, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x01]);
    let infinity = [prefix, &[0; 65]].concat();
    let private = p256::pkcs8::EncodePrivateKey::to_pkcs8_der(&pair.0).unwrap();
    let wrong = [
        compressed,
        off_curve,
        other_curve,
        infinity,
        point.to_vec(),
        [&right[..], &[0]].concat(),
        private.as_bytes().to_vec(),
    ];
    let mut journaled = 0;
    for key in &wrong {
        let body = json!({ "public_key": hex::encode(key) });
        let answer = raw.post("register", &body, house.now()).await;
        unbroken(answer.status, &answer.body);
        assert!([219, 283].contains(&answer.code()), "{}", answer.body);
        journaled += usize::from(answer.code() == 219);
        assert!(!answer.body.contains(&hex::encode(key)), "{}", answer.body);
    }
    let registered = house.count(&issued.owner(), "register_public_key", 0).await;
    assert_eq!(registered, 0);
    let refused = house
        .count(&issued.owner(), "register_public_key", 219)
        .await;
    assert_eq!(refused, journaled, "what the door lets in is journaled");
    let spki = pair.0.public_key().to_public_key_der().unwrap();
    let body = json!({ "public_key": hex::encode(spki.as_bytes()) });
    assert_eq!(raw.post("register", &body, house.now()).await.code(), 0);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_08_a_nonce_used_twice_costs_the_key() {
    let scene = Scene::unregistered(TestHouse::open().await, json!({})).await;
    let pair = CarelessPair::new();
    let registered = scene.post("register", json!({ "public_key": pair.public_key() }));
    assert_eq!(registered.await.code(), 0);
    for (nonce, heard) in [(7, 0), (8, 0), (7, 294)] {
        let id = scene.ask().await;
        let shown = scene.phone.show(&id, scene.house.now()).await.unwrap();
        let signature = pair.sign(shown.digest(), nonce);
        let code = scene.confirm(&id, json!({ "signature": signature })).await;
        assert_eq!(code, heard, "nonce {nonce}");
    }
    assert_eq!(scene.journaled("key_compromised_nonce", 294).await, 1);
    assert_eq!(scene.journaled("confirm_transaction", 294).await, 1);
    let list = scene.post("transactions/get_list", json!({})).await;
    assert_eq!(list.code(), 294, "whoever has the private key has nothing");
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_09_the_key_says_which_proof_it_takes() {
    let scene = Scene::open().await;
    let id = scene.ask().await;
    let shown = scene.phone.show(&id, scene.house.now()).await.unwrap();
    let signature = hex::encode(scene.phone.signature(&shown).unwrap());
    let code = scene.phone.confirm_code(&shown, scene.house.now()).unwrap();
    let cases: [(Value, u64); 7] = [
        (json!({}), 280),
        (json!({ "confirm_code": code }), 279),
        (json!({ "confirm_code": code, "signature": "" }), 279),
        // A code where a signature belongs.
        (json!({ "signature": code }), 211),
        // As long as the request likes: the transaction says how long.
        (
            json!({ "signature": signature, "confirm_code": &code[..4] }),
            254,
        ),
        (json!({ "signature": signature, "crypt_type": "none" }), 283),
        (json!({ "signature": signature, "alg": "HS256" }), 283),
    ];
    for (body, heard) in cases {
        assert_eq!(scene.confirm(&id, body.clone()).await, heard, "{body}");
    }
    // The public key is no secret, so it must not open the door either.
    let mut stranger = scene.raw.clone();
    stranger.request_key = scene.phone.key().public_key_spki().unwrap();
    let tail = format!("transactions/{id}/confirm");
    let body = json!({ "signature": signature });
    let answer = stranger.post(&tail, &body, scene.house.now()).await;
    assert_eq!(answer.code(), 288);
    for (result, times) in [(0, 0), (211, 1), (254, 1), (279, 2)] {
        let journaled = scene.journaled("confirm_transaction", result).await;
        assert_eq!(journaled, times, "{result}");
    }
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_10_short_codes_are_not_found_by_trying() {
    let scene = Scene::unregistered(TestHouse::open().await, json!({})).await;
    let request = json!({ "transaction_data": { "text": CANARY }, "confirm_code_length": 4 });
    let id = scene
        .house
        .ask_with(&scene.bank, &scene.phone, request)
        .await;
    let shown = scene.phone.show(&id, scene.house.now()).await.unwrap();
    let right = [-1, 0, 1].map(|step| {
        let at = scene.house.now().plus_seconds(180 * step);
        scene.phone.confirm_code(&shown, at).unwrap()
    });
    let codes = (0..10_000).map(|code| format!("{code:04}"));
    let guesses: Vec<String> = codes
        .filter(|code| !right.contains(code))
        .take(200)
        .collect();
    let crowd = guesses.iter().map(|code| {
        let body = json!({ "confirm_code": code });
        scene.confirm(&id, body)
    });
    let mut heard: BTreeMap<u64, usize> = BTreeMap::new();
    for code in join_all(crowd).await {
        *heard.entry(code).or_default() += 1;
    }
    assert_eq!(heard, BTreeMap::from([(244, 5), (267, 195)]));
    let late = scene
        .confirm(&id, json!({ "confirm_code": right[1] }))
        .await;
    assert_eq!(late, 267, "the right one comes too late");
    assert_eq!(scene.journaled("confirm_transaction", 244).await, 5);
    assert_eq!(scene.journaled("confirm_transaction", 267).await, 196);
    scene.house.end().await;
}
