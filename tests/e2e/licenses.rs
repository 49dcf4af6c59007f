//! Licenses: an operator issues its own, they are enforced from the moment they lie there to the moment they are gone, and
//! no race passes the number of users.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use countersign::bank::{Bank, Reply};
use countersign::licensing::signed_license;
use futures::future::join_all;
use reqwest::Method;
use schemas::license::{License, NUMBER_OF_USERS, POST_PAID};
use schemas::{ErrorCode, Lane};
use serde_json::{Value, json};
use tests::coverage::note_code;
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};

const DAY_MS: i64 = 86_400_000;

/// Whoever issues licenses, and where they lie.
struct Office {
    pair: EcdsaKeyPair,
    place: std::path::PathBuf,
}

impl Office {
    /// A house in which licenses of this office are required.
    async fn open() -> (Self, TestHouse) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let spki = pair.public_key().as_der().unwrap();
        let plan = Plan::new(LogChoice::Sqlite)
            .with("LICENSE_CACHE_TTL", "86400")
            .with("LICENSE_CACHE_SIZE", "100")
            .licensed_by(spki.as_ref());
        let place = plan.licenses();
        (Self { pair, place }, TestHouse::start(plan).await)
    }

    fn license(house: &TestHouse, users_count: i64) -> License {
        License {
            license_id: "2026-17".to_owned(),
            issued_to: "Bank".to_owned(),
            system_id: SYSTEM_ID.parse().unwrap(),
            billing_type: NUMBER_OF_USERS,
            users_count,
            features: Vec::new(),
            valid_from: house.now(),
            valid_to: house.now().plus_ms(DAY_MS),
        }
    }

    fn install(&self, license: &License) {
        let file = signed_license(&self.pair, license).unwrap();
        std::fs::write(self.place.join("bank.license"), file).unwrap();
    }

    fn revoke(&self) {
        std::fs::remove_file(self.place.join("bank.license")).unwrap();
    }
}

async fn create(bank: &Bank) -> Reply {
    let body = json!({ "return_key_method": "KEY_JSON" });
    let answer = bank.create_user(body, None).await.unwrap();
    if answer.error_code != 0 {
        note_code(answer.error_code);
    }
    answer
}

async fn shown(bank: &Bank) -> Value {
    let info = bank.get("").await.unwrap().success().unwrap();
    info["license"]["licenses"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_license_counts_users_and_not_their_keys() {
    let (office, house) = Office::open().await;
    let bank = house.bank().await;
    office.install(&Office::license(&house, 2));
    let first = create(&bank).await.success().unwrap();
    let second = create(&bank).await.success().unwrap();
    assert_eq!(
        shown(&bank).await,
        json!([{ "users_count": 2, "used": 2, "licenseID": "2026-17" }])
    );
    let refused = create(&bank).await;
    assert_eq!((refused.status, refused.error_code), (400, 286));
    // A new key for somebody who is there takes no place, and confirmations never ask for a license.
    let user_id = first["user_id"].as_str().unwrap();
    let issued = house.reissue(&bank, user_id, json!({})).await;
    let phone = house.registered(&issued).await;
    let id = house.ask(&bank, &phone, "the limit is reached").await;
    let seen = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&seen, house.now()).await.unwrap();
    // Somebody who goes frees a place, once.
    let path = format!(
        "/{}/users/{}",
        bank.system_id(),
        second["user_id"].as_str().unwrap()
    );
    for code in [0, 209] {
        let deleted = bank.call(Method::DELETE, &path, None, None).await.unwrap();
        assert_eq!(deleted.error_code, code);
    }
    assert_eq!(shown(&bank).await[0]["used"], 1);
    assert_eq!(create(&bank).await.error_code, 0);
    assert_eq!(create(&bank).await.error_code, 286);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_license_counts_while_it_lies_there_and_today() {
    let (office, house) = Office::open().await;
    let bank = house.bank().await;
    assert_eq!(create(&bank).await.error_code, 296);
    assert_eq!(shown(&bank).await, json!([]));
    office.install(&Office::license(&house, 10));
    assert_eq!(create(&bank).await.error_code, 0);
    // Gone, and for a day nothing would fall out of the cache.
    office.revoke();
    assert_eq!(create(&bank).await.error_code, 296);
    office.install(&Office::license(&house, 10));
    house.advance_ms(DAY_MS - 1);
    assert_eq!(create(&bank).await.error_code, 0);
    house.advance_ms(1);
    assert_eq!(create(&bank).await.error_code, 285);
    let mut license = Office::license(&house, 10);
    let stranger = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let forged = signed_license(&stranger, &license).unwrap();
    std::fs::write(office.place.join("bank.license"), forged).unwrap();
    assert_eq!(create(&bank).await.error_code, 309);
    std::fs::write(office.place.join("bank.license"), "not a license").unwrap();
    assert_eq!(create(&bank).await.error_code, 284);
    // The system was registered for a number of users.
    license.billing_type = POST_PAID;
    office.install(&license);
    assert_eq!(create(&bank).await.error_code, 287);
    license.billing_type = 3;
    office.install(&license);
    assert_eq!(create(&bank).await.error_code, 308);
    // Whatever the license says, who is there is served.
    assert_eq!(bank.get("").await.unwrap().error_code, 0);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_option_is_refused_unless_the_license_names_it() {
    let (office, house) = Office::open().await;
    let bank = house.bank().await;
    let mut license = Office::license(&house, 10);
    office.install(&license);
    let wishes =
        json!({ "return_key_method": "KEY_JSON", "key_params": { "scoring_enabled": true } });
    let refused = bank.create_user(wishes.clone(), None).await.unwrap();
    assert_eq!((refused.status, refused.error_code), (400, 352));
    license.features.push("scoring".to_owned());
    office.install(&license);
    let created = bank.create_user(wishes, None).await.unwrap();
    assert_eq!(created.error_code, 0);
    house.end().await;
}

/// What a device may do with its key follows the license of today, not of the day the key was issued.
#[tokio::test(flavor = "multi_thread")]
async fn an_option_that_is_not_licensed_any_more_is_refused_where_it_is_used() {
    let (office, house) = Office::open().await;
    let bank = house.bank().await;
    let mut license = Office::license(&house, 10);
    license.features = vec!["scoring".to_owned(), "autosign".to_owned()];
    office.install(&license);
    let flags = json!({ "autosign_enabled": true, "scoring_enabled": true });
    let issued = house.issue(&bank, json!({ "key_params": flags })).await;
    let phone = house.registered(&issued).await;
    // No scoring service is configured here: that is found out after the license.
    let licensed = phone.autoconfirm_list(house.now()).await.unwrap_err();
    assert_eq!(licensed.code(), Some(ErrorCode::ScoringSettingsIsNull));
    license.features.clear();
    office.install(&license);
    for error in [
        phone.autoconfirm_list(house.now()).await.map(drop),
        phone.scoring_settings(house.now()).await.map(drop),
    ] {
        let code = error.unwrap_err().code();
        assert_eq!(code, Some(ErrorCode::FeatureIsNotLicensed));
    }
    let id = house.ask(&bank, &phone, "by hand").await;
    let seen = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&seen, house.now()).await.unwrap();
    house.end().await;
}

/// Two nodes, their runners on lanes of their own, and far more requests than places.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_creations_at_once_exactly_as_many_succeed_as_there_are_places() {
    const PLACES: usize = 13;
    const REQUESTS: usize = 40;
    let (office, house) = Office::open().await;
    let bank = house.bank().await;
    office.install(&Office::license(&house, PLACES as i64));
    let half = Lane::all().filter(|lane| lane.number() < 32).collect();
    let node = house.start_another_node(half).await;
    let answers = join_all((0..REQUESTS).map(|_| create(&bank))).await;
    let codes: Vec<u64> = answers.iter().map(|answer| answer.error_code).collect();
    let succeeded = codes.iter().filter(|code| **code == 0).count();
    let refused = codes.iter().filter(|code| **code == 286).count();
    assert_eq!(
        (succeeded, refused),
        (PLACES, REQUESTS - PLACES),
        "{codes:?}"
    );
    assert_eq!(shown(&bank).await[0]["used"], PLACES);
    node.end().await;
    house.end().await;
}

/// Without an issuer nobody looks for licenses, and nobody needs one.
#[tokio::test(flavor = "multi_thread")]
async fn an_installation_without_licenses_has_no_limits() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let wishes =
        json!({ "return_key_method": "KEY_JSON", "key_params": { "scoring_enabled": true } });
    for _ in 0..3 {
        let created = bank.create_user(wishes.clone(), None).await.unwrap();
        assert_eq!(created.error_code, 0);
    }
    assert_eq!(shown(&bank).await, json!([]));
    house.end().await;
}
