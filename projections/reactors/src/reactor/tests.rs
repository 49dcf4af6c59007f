//! What a bank sees of the reactor.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use schemas::commands::keys::{DeviceType, PushAddress};
use schemas::events::{devices, keys};
use schemas::vault::VaultName;
use schemas::{Digest, KeyIndex};
use serde_json::json;
use tokio::sync::oneshot;

use super::*;
use crate::bank::{Answer, Bank, Received};
use crate::dispatcher::IN_FLIGHT_MAX;
use crate::schedule::WAITS_MS;
use crate::world::{BEGINNING, SYSTEM, World, confirmed};
use bus::shell::WebhookKeys;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn a_confirmation_reaches_the_bank_signed_in_both_ways() -> Outcome {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    world
        .happen(&World::user("one"), confirmed("t-1", &bank.url))
        .await;
    assert_eq!(reactor.deliver_due_now().await?, 1);
    let letters = bank.letters();
    assert_eq!(letters.len(), 1);
    let mut told = letters[0].json();
    let callback = told["pc_callback"]["transaction_callback"].as_object_mut();
    let record = callback.ok_or("an outcome")?.remove("event");
    assert_eq!(
        record.ok_or("a record")?["request_type"],
        "confirm_transaction"
    );
    assert_eq!(
        told,
        json!({"pc_callback": {
            "type": "transaction_callback", "version": 3,
            "result": {"error_code": 0, "error_message": "Success"},
            "transaction_callback": {
                "transaction_id": "t-1", "check_time": BEGINNING.seconds(),
                "confirmation": {"confirm_code": "0".repeat(64), "signature": "3045"},
            },
        }})
    );
    assert_eq!(letters[0].header("content-type"), "application/json");
    assert_eq!(
        letters[0].header("webhook-timestamp"),
        BEGINNING.seconds().to_string()
    );
    let mut signed = format!("{}.{}.", letters[0].id(), BEGINNING.seconds()).into_bytes();
    signed.extend_from_slice(&letters[0].bytes);
    let (shared, own) = letters[0]
        .header("webhook-signature")
        .split_once(' ')
        .ok_or("two signatures")?;
    let secret = world.root.derive(&format!("webhook/{SYSTEM}/hmac"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    hmac::verify(
        &key,
        &signed,
        &BASE64_STANDARD.decode(shared.strip_prefix("v1,").ok_or("v1")?)?,
    )?;
    let public = WebhookKeys::of(&world.root, SYSTEM, 0).public_key_text();
    let public = BASE64_STANDARD.decode(public.strip_prefix("whpk_").ok_or("a key")?)?;
    let own = BASE64_STANDARD.decode(own.strip_prefix("v1a,").ok_or("v1a")?)?;
    UnparsedPublicKey::new(&ED25519, public).verify(&signed, &own)?;
    let status = reactor.status().await?;
    assert_eq!((status.delivered, status.pending), (1, 0));
    Ok(())
}

#[tokio::test]
async fn a_registration_tells_the_push_address_while_it_is_known() -> Outcome {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    let owner = World::user("one");
    let registered = keys::PublicKeyRegistered {
        key_index: KeyIndex(1),
        public_key: vec![0x30, 0x59],
        autosign_public_key: None,
        push: Some(keys::PushRegistered {
            device_type: DeviceType::Android,
            app_id: None,
        }),
        callback_url: Some(bank.url.clone()),
    };
    let push = PushAddress {
        device_push_id: "token".to_owned(),
        device_type: DeviceType::Android,
        app_id: None,
    };
    world.keep(&owner, VaultName::push_address(), &push).await;
    world.happen(&owner, registered.clone()).await;
    reactor.deliver_due_now().await?;
    world
        .log
        .erase(&owner, &[VaultName::push_address()])
        .await?;
    world.happen(&owner, registered).await;
    reactor.deliver_due_now().await?;
    let told: Vec<_> = bank
        .letters()
        .iter()
        .map(|letter| letter.json()["pc_callback"]["user_callback"]["updated_settings"].clone())
        .collect();
    let address = json!({"device_push_id": "token", "device_type": "Android"});
    assert_eq!(
        told,
        [
            json!({"public_key": "3059", "push_address": address}),
            json!({"public_key": "3059"})
        ]
    );
    Ok(())
}

#[tokio::test]
async fn an_event_is_posted_as_its_bare_journal_record() -> Outcome {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    let owner = World::user("one");
    let set = devices::FingerprintSet {
        key_index: KeyIndex(1),
        device_fingerprint: Digest([0xF1; 32]),
        callback_url: None,
    };
    world
        .happen_posted(&owner, confirmed("t-1", ""), Some(&bank.url))
        .await;
    world.happen(&owner, set).await;
    world
        .happen_posted(&owner, confirmed("t-2", ""), Some(&bank.url))
        .await;
    reactor.deliver_due_now().await?;
    let records: Vec<_> = bank.letters().iter().map(Received::json).collect();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0]["device_fingerprint"], json!(null));
    let lane = i64::from(schemas::Lane::of(&owner).number());
    assert_eq!(
        records[1],
        json!({
            "event_id": 3 * 64 + lane, "created_at": BEGINNING.0, "updated_at": BEGINNING.0, "user_id": "one", "transaction_id": "t-2",
            "request_type": "confirm_transaction", "device_info": {"osName": "iOS"}, "requester_ip_address": "10.0.0.1",
            "request_result": 0, "system_id": SYSTEM, "device_fingerprint": "f1".repeat(32), "key_index": 1,
            "pc_version": {"pc_version": "0.0.0", "product": "Countersign", "pc_api_version": 7},
        })
    );
    Ok(())
}

#[tokio::test]
async fn what_happened_before_its_birth_is_never_sent() -> Outcome {
    let (world, bank) = (World::new(), Bank::open().await);
    let owner = World::user("one");
    world.happen(&owner, confirmed("before", &bank.url)).await;
    let reactor = world.reactor().await?;
    world.happen(&owner, confirmed("after", &bank.url)).await;
    reactor.deliver_due_now().await?;
    world.reactor().await?.deliver_due_now().await?;
    assert_eq!(bank.letters().len(), 1);
    let told = &bank.letters()[0].json()["pc_callback"]["transaction_callback"]["transaction_id"];
    assert_eq!(told, "after");
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() -> Outcome {
    let (world, bank, inside) = (World::new(), Bank::open().await, Bank::open().await);
    let reactor = world.reactor().await?;
    for status in [301, 302, 307, 308] {
        bank.will_answer([Answer::With(status, "location", inside.url.clone())]);
    }
    world
        .happen(&World::user("one"), confirmed("t-1", &bank.url))
        .await;
    for wait in [0, 5_500, 330_000, 1_980_000] {
        world.clock.advance_ms(wait);
        assert_eq!(reactor.deliver_due_now().await?, 1);
    }
    assert_eq!((bank.letters().len(), inside.letters().len()), (4, 0));
    assert_eq!(reactor.status().await?.pending, 1);
    Ok(())
}

#[tokio::test]
async fn a_failed_letter_is_sent_again_at_its_time_under_the_same_identity() -> Outcome {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    bank.will_answer([Answer::Status(500), Answer::Status(503)]);
    world
        .happen(&World::user("one"), confirmed("t-1", &bank.url))
        .await;
    assert_eq!(reactor.deliver_due_now().await?, 1);
    world.clock.advance_ms(4_400);
    assert_eq!(reactor.deliver_due_now().await?, 0);
    world.clock.advance_ms(1_200);
    assert_eq!(reactor.deliver_due_now().await?, 1);
    world.clock.advance_ms(330_000);
    assert_eq!(reactor.deliver_due_now().await?, 1);
    let letters = bank.letters();
    assert_eq!(letters.len(), 3);
    assert!(
        letters
            .iter()
            .all(|letter| letter.id() == letters[0].id() && letter.bytes == letters[0].bytes)
    );
    assert_eq!(
        letters[2].header("webhook-timestamp"),
        (BEGINNING.seconds() + 335).to_string()
    );
    assert_eq!(reactor.status().await?.delivered, 1);
    Ok(())
}

#[tokio::test]
async fn after_ten_attempts_a_person_must_look() -> Outcome {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    bank.will_answer((0..10).map(|_| Answer::Status(500)));
    world
        .happen(&World::user("one"), confirmed("t-1", &bank.url))
        .await;
    for wait in WAITS_MS {
        world.clock.advance_ms(wait / 10 * 11);
        assert_eq!(reactor.deliver_due_now().await?, 1);
    }
    world.clock.advance_ms(1_000_000_000);
    assert_eq!(reactor.deliver_due_now().await?, 0);
    assert_eq!(reactor.status().await?.parked, 1);
    assert_eq!(world.release(Some(bank.letters()[0].id())).await?, 1);
    assert_eq!(reactor.deliver_due_now().await?, 1);
    assert_eq!(reactor.status().await?.delivered, 1);
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_not_asked_again() -> Outcome {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    bank.will_answer([Answer::Status(410)]);
    world
        .happen(&World::user("one"), confirmed("t-1", &bank.url))
        .await;
    reactor.deliver_due_now().await?;
    assert_eq!(reactor.status().await?.parked, 1);
    world.clock.advance_ms(1_000_000_000);
    assert_eq!(reactor.deliver_due_now().await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_busy_receiver_is_given_the_time_it_asks_for() -> Outcome {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    bank.will_answer([Answer::With(429, "retry-after", "60".to_owned())]);
    world
        .happen(&World::user("one"), confirmed("t-1", &bank.url))
        .await;
    reactor.deliver_due_now().await?;
    world.clock.advance_ms(59_000);
    assert_eq!(reactor.deliver_due_now().await?, 0);
    world.clock.advance_ms(1_000);
    assert_eq!(reactor.deliver_due_now().await?, 1);
    Ok(())
}

#[tokio::test]
async fn an_address_that_must_not_be_called_is_put_aside_at_once() -> Outcome {
    let world = World::new();
    let reactor = world.reactor().await?;
    for url in [
        "ftp://bank.example/",
        "http://user:word@bank.example/",
        "nowhere",
    ] {
        world
            .happen(&World::user("one"), confirmed("t-1", url))
            .await;
    }
    assert_eq!(reactor.deliver_due_now().await?, 0);
    assert_eq!(reactor.status().await?.parked, 3);
    assert_eq!(world.release(None).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_later_letter_waits_for_the_earlier_one() -> Outcome {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    let (one, other) = (World::user("one"), World::user("other"));
    bank.will_answer([Answer::Status(500)]);
    world
        .happen_posted(&one, confirmed("t-1", ""), Some(&bank.url))
        .await;
    assert_eq!(reactor.deliver_due_now().await?, 1);
    for id in ["t-2", "t-3"] {
        world
            .happen_posted(&one, confirmed(id, ""), Some(&bank.url))
            .await;
    }
    world
        .happen_posted(&other, confirmed("t-4", ""), Some(&bank.url))
        .await;
    assert_eq!(reactor.deliver_due_now().await?, 1, "only the other user's");
    assert_eq!(reactor.status().await?.waiting, 2);
    world.clock.advance_ms(5_500);
    assert_eq!(reactor.deliver_due_now().await?, 3);
    let order: Vec<String> = bank
        .letters()
        .iter()
        .map(|letter| letter.json()["transaction_id"].to_string())
        .collect();
    assert_eq!(
        order,
        ["\"t-1\"", "\"t-4\"", "\"t-1\"", "\"t-2\"", "\"t-3\""]
    );
    Ok(())
}

#[tokio::test]
async fn a_parked_letter_lets_the_later_ones_go() -> Outcome {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    bank.will_answer((0..10).map(|_| Answer::Status(400)));
    for id in ["t-1", "t-2"] {
        world
            .happen_posted(&World::user("one"), confirmed(id, ""), Some(&bank.url))
            .await;
    }
    for wait in WAITS_MS {
        world.clock.advance_ms(wait * 11 / 10);
        reactor.deliver_due_now().await?;
    }
    let status = reactor.status().await?;
    assert_eq!((status.parked, status.delivered), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_letter_that_can_never_be_sent_holds_up_no_other() -> Outcome {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    for (id, url) in [("t-1", "nowhere"), ("t-2", bank.url.as_str())] {
        world
            .happen_posted(&World::user("one"), confirmed(id, ""), Some(url))
            .await;
    }
    assert_eq!(reactor.deliver_due_now().await?, 1);
    let status = reactor.status().await?;
    assert_eq!((status.parked, status.delivered), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_letter_that_was_sent_and_not_noted_is_sent_again_under_the_same_identity() -> Outcome {
    let (world, bank) = (World::new(), Bank::closed().await);
    let reactor = world.reactor().await?;
    world
        .happen(&World::user("one"), confirmed("t-1", &bank.url))
        .await;
    {
        let delivering = reactor.deliver_due_now();
        tokio::select! {
            _ = delivering => panic!("the bank does not answer yet"),
            () = bank.has_taken(1) => {}
        }
    }
    drop(reactor);
    bank.let_go();
    let reactor = world.reactor().await?;
    assert_eq!(reactor.deliver_due_now().await?, 1);
    let letters = bank.letters();
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].id(), letters[1].id());
    assert_eq!(reactor.status().await?.delivered, 1);
    Ok(())
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() -> Outcome {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    bank.will_answer([Answer::Endless]);
    world
        .happen(&World::user("one"), confirmed("t-1", &bank.url))
        .await;
    assert_eq!(reactor.deliver_due_now().await?, 1);
    assert_eq!(reactor.status().await?.delivered, 1);
    assert!(
        bank.megabytes_sent() < 64,
        "{} MiB were sent",
        bank.megabytes_sent()
    );
    Ok(())
}

#[tokio::test]
async fn a_slow_bank_delays_no_other_bank_and_shutdown_loses_nothing() -> Outcome {
    let (world, slow, quick) = (World::new(), Bank::closed().await, Bank::open().await);
    let reactor = Arc::new(world.reactor().await?);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = {
        let reactor = Arc::clone(&reactor);
        tokio::spawn(async move { reactor.run(async { drop(stopped.await) }).await })
    };
    let owner = World::user("one");
    for number in 0..300 {
        world
            .happen(&owner, confirmed(&format!("slow-{number}"), &slow.url))
            .await;
    }
    slow.has_taken(IN_FLIGHT_MAX).await;
    for number in 0..50 {
        world
            .happen(&owner, confirmed(&format!("quick-{number}"), &quick.url))
            .await;
    }
    quick.has_taken(50).await;
    assert_eq!(slow.letters().len(), IN_FLIGHT_MAX);
    slow.let_go();
    slow.has_taken(300).await;
    stop.send(()).map_err(|()| "the reactor still runs")?;
    running.await??;
    let status = reactor.status().await?;
    assert_eq!(
        (status.delivered, status.pending, status.parked),
        (350, 0, 0)
    );
    Ok(())
}
