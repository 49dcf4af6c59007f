use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::keys::{KeyParts, UpdateUserKey};
use schemas::commands::systems::{CloseBilling, GetSystemInfo};
use schemas::commands::users::DeleteUser;
use schemas::flags::{AUTOSIGN_ENABLED, SCORING_ENABLED, SERVER_SIGNER};
use schemas::license::{License, NUMBER_OF_USERS, POST_PAID};

use super::{Found, Licensing};
use crate::decision::CounterStep;
use crate::testing::{NOW, Story, create_user, key_request};

fn license(users_count: i64) -> License {
    License {
        license_id: format!("license-for-{users_count}"),
        issued_to: "Bank".to_owned(),
        system_id: "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse().unwrap(),
        billing_type: NUMBER_OF_USERS,
        users_count,
        features: Vec::new(),
        valid_from: NOW,
        valid_to: NOW.plus_seconds(60),
    }
}

fn changed(change: fn(&mut License)) -> Found {
    let mut license = license(10);
    change(&mut license);
    Found::Vouched(license)
}

fn a_story_with(found: Vec<Found>) -> Story {
    let mut story = Story::of_a_system();
    story.license.licensing = Licensing::Found(found);
    story
}

fn creation(story: &mut Story) -> Result<CounterStep, ErrorCode> {
    let heard = story.bank_asks(create_user(KeyParts::Whole));
    match heard.code() {
        ErrorCode::Normal => Ok(heard.decision().counts[0].clone()),
        code => Err(code),
    }
}

#[test]
fn a_user_takes_a_place_under_the_sum_of_what_the_licenses_allow() {
    let found = vec![
        Found::Vouched(license(7)),
        Found::Vouched(license(3)),
        // A copy of the file counts once.
        Found::Vouched(license(3)),
    ];
    let step = creation(&mut a_story_with(found)).unwrap();
    assert_eq!(step.counter, "users/f13e4375-e429-496c-ad1e-0fc3c3ecfb53");
    let limit = Some((10, ErrorCode::LicenseUserCountExceeded));
    assert_eq!((step.step, step.limit), (1, limit));
}

#[test]
fn without_an_issuer_and_after_the_fact_nothing_is_limited_but_everybody_is_counted() {
    let mut story = Story::of_a_system();
    let step = creation(&mut story).unwrap();
    assert_eq!((step.step, step.limit), (1, None));
    let gone = story.bank_asks(DeleteUser {});
    assert_eq!(gone.decision().counts[0].step, -1);
    let mut story = Story::of_a_system_billed(POST_PAID);
    let post_paid = changed(|license| license.billing_type = POST_PAID);
    story.license.licensing = Licensing::Found(vec![post_paid]);
    assert_eq!(creation(&mut story).unwrap().limit, None);
}

#[test]
fn every_license_that_does_not_count_has_its_code() {
    let cases: Vec<(Found, ErrorCode)> = vec![
        (Found::Illegible, ErrorCode::LicenseUpdateError),
        (Found::Forged(license(10)), ErrorCode::LicenseError),
        (
            changed(|license| license.valid_to = NOW),
            ErrorCode::LicenseExpired,
        ),
        (
            changed(|license| license.valid_from = NOW.plus_ms(1)),
            ErrorCode::LicenseExpired,
        ),
        (
            changed(|license| license.billing_type = POST_PAID),
            ErrorCode::BillingTypeCorrupted,
        ),
        (
            changed(|license| license.billing_type = 3),
            ErrorCode::UnsupportedBillingType,
        ),
        (
            changed(|license| license.system_id = "other".parse().unwrap()),
            ErrorCode::LicenseNotFound,
        ),
    ];
    for (found, code) in cases {
        assert_eq!(creation(&mut a_story_with(vec![found.clone()])), Err(code));
        // Beside one that counts it does no harm.
        let beside = vec![found, Found::Vouched(license(1))];
        assert!(creation(&mut a_story_with(beside)).is_ok(), "{code}");
    }
    let refused = creation(&mut a_story_with(Vec::new()));
    assert_eq!(refused, Err(ErrorCode::LicenseNotFound));
    let mut story = Story::of_a_system();
    story.license.licensing = Licensing::Unreadable;
    assert_eq!(creation(&mut story), Err(ErrorCode::LicenseUpdateError));
}

#[test]
fn the_last_moment_of_a_license_still_counts() {
    let mut story = a_story_with(vec![Found::Vouched(license(1))]);
    story.at(NOW.plus_seconds(60).plus_ms(-1));
    assert!(creation(&mut story).is_ok());
}

#[test]
fn an_option_needs_a_license_that_names_it() {
    for (flag, word) in [
        (&SCORING_ENABLED, "scoring"),
        (&AUTOSIGN_ENABLED, "autosign"),
        (&SERVER_SIGNER, "server_signer"),
    ] {
        let mut story = a_story_with(vec![Found::Vouched(license(1))]);
        creation(&mut story).unwrap();
        let mut key = key_request(KeyParts::Whole);
        key.flags.set(flag, 1);
        let update = UpdateUserKey {
            key,
            is_delayed: false,
        };
        story
            .bank_asks(update.clone())
            .is_refused(ErrorCode::FeatureIsNotLicensed);
        let mut permitting = license(1);
        permitting.features.push(word.to_owned());
        story.license.licensing = Licensing::Found(vec![Found::Vouched(permitting)]);
        // A new key for somebody who is there takes no place.
        let renewed = story.bank_asks(update.clone());
        renewed.happens(&["update_user_key"]);
        assert_eq!(renewed.decision().counts, []);
        story.license.licensing = Licensing::Off;
        story.bank_asks(update).happens(&["update_user_key"]);
    }
}

#[test]
fn a_system_shows_its_licenses_and_how_far_they_are_used() {
    let found = vec![
        Found::Vouched(license(3)),
        Found::Vouched(license(7)),
        Found::Illegible,
    ];
    let mut story = a_story_with(found);
    let used = |story: &mut Story, users: i64| {
        story.license.users = users;
        let AnswerBody::System(info) = story.system_asks(GetSystemInfo {}).answer() else {
            panic!("system_info was expected");
        };
        let used = info.licenses.iter();
        used.map(|license| (license.users_count, license.used))
            .collect::<Vec<_>>()
    };
    assert_eq!(used(&mut story, 2), [(3, 2), (7, 0)]);
    assert_eq!(used(&mut story, 12), [(3, 3), (7, 9)]);
    story.license.licensing = Licensing::Off;
    assert_eq!(used(&mut story, 2), []);
}

#[test]
fn who_pays_after_the_fact_closes_in_time() {
    const DAY_S: i64 = 86_400;
    let post_paid = changed(|license| {
        license.billing_type = POST_PAID;
        license.valid_to = NOW.plus_seconds(1000 * DAY_S);
    });
    let mut story = Story::of_a_system_billed(POST_PAID);
    story.set("BILL_PERIOD", "30");
    story.license.licensing = Licensing::Found(vec![post_paid]);
    let created_at = |story: &mut Story, moment| {
        story.at(moment);
        // Another user each time: the story's own is created once.
        story.user_id = format!("user-{}", moment.0).parse().unwrap();
        story.state = crate::OwnerState::empty(&story.owner());
        creation(story).map(|_| ())
    };
    let over = NOW.plus_seconds(60 * DAY_S);
    assert_eq!(created_at(&mut story, over.plus_ms(-1)), Ok(()));
    let refused = Err(ErrorCode::FlexibleLicenseError);
    assert_eq!(created_at(&mut story, over), refused);
    story
        .system_asks(CloseBilling { date: None })
        .happens(&["billing_close"]);
    assert_eq!(created_at(&mut story, over.plus_ms(1)), Ok(()));
}

#[test]
fn a_device_uses_what_is_licensed_today() {
    let uses: [schemas::commands::Command; 3] = [
        schemas::commands::transactions::ListAutoconfirm {}.into(),
        schemas::commands::devices::GetScoringSettings {}.into(),
        schemas::commands::recovery::ChallengeRenewal {}.into(),
    ];
    for command in uses {
        let mut story = Story::of_a_registered_device();
        let unlicensed = Licensing::Found(vec![Found::Vouched(license(1))]);
        story.license.licensing = unlicensed;
        story
            .device_asks(command.clone())
            .is_refused(ErrorCode::FeatureIsNotLicensed);
        story.license.licensing = Licensing::Off;
        assert_ne!(
            story.device_asks(command).code(),
            ErrorCode::FeatureIsNotLicensed
        );
    }
}
