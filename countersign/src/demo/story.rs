//! The story, step by step.

use std::time::Duration;

use countersign::bank::{Bank, Reply};
use countersign::process::Served;
use countersign::receiver::{Receiver, WebhookKeys};
use device::{Declination, DeviceEventId};
use schemas::commands::keys::{DeviceType, PushAddress};
use schemas::{ErrorCode, Timestamp, TransactionId};
use serde_json::{Value, json};

use super::bank_side::user_signed;
use super::phone::{self, Phone, now};
use super::teller::Teller;
use crate::AnyError;

const SYSTEM_ID: &str = "11111111-2222-4333-8444-555555555555";
const TEXT: &str =
    "Перевод 1 500,00 ₽\nПолучатель: ООО «Ромашка»\nНазначение: оплата по счёту № 42 от 23.11.2026";
/// How long the story waits for something that should come at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Plays it.
pub async fn play(
    teller: &Teller,
    served: &mut Served,
    receiver: &Receiver,
) -> Result<(), AnyError> {
    let bank = Bank::new(&served.system_door(), SYSTEM_ID, PATIENCE)?;

    teller.step("The bank registers its system");
    let registered = bank
        .register_system(&served.mobile_door(), &receiver.callback_url())
        .await?
        .success()?;
    let keys = WebhookKeys::from_registration(&registered["webhook"])
        .ok_or("no webhook keys in the answer")?;
    teller.check(
        "the answer brings the keys that callbacks will be signed with",
        true,
    )?;

    teller.step("The bank has a key issued for Anna, in two parts");
    let issued = bank
        .create_user(
            json!({ "id_prefix": "client-", "user_name": "Anna", "return_key_method": "SPLIT_QR" }),
            Some("user-anna"),
        )
        .await?
        .success()?;
    let again = bank
        .create_user(
            json!({ "id_prefix": "client-", "user_name": "Anna", "return_key_method": "SPLIT_QR" }),
            Some("user-anna"),
        )
        .await?
        .success()?;
    teller.check(
        "the same request under the same Idempotency-Key gets the same user and key",
        issued == again,
    )?;
    let user_id = text(&issued, "user_id")?;
    let code = text(&issued, "activation_code")?;
    let key_text = qr_text(text(&issued, "key_QR")?)?;
    teller.picture(&gateway::qr::terminal(&key_text)?);
    let valid_to = serde_json::from_str::<Value>(&key_text)?["valid_to"]
        .as_i64()
        .ok_or("no valid_to in the key")?;
    let until = Timestamp(valid_to * 1000).russian_date();
    teller.quote(
        "SMS",
        &format!("Kod aktivacii klucha PayControl {code}. Deystvuet po {until}"),
    );

    teller.step("Anna's phone scans the code and activates the key");
    let mut phone = phone::scan(&key_text, &served.mobile_door())?;
    let wrong = if code.starts_with('0') {
        "1000000000"
    } else {
        "0000000000"
    };
    let refused = refused_with(
        phone.activate(wrong, now()).await,
        ErrorCode::ActivationCodeIncorrect,
    );
    teller.check("a wrong code is refused with 342, and counted", refused)?;
    phone.activate(code, now()).await?;
    teller.check(
        "the right code releases the second half of the key",
        phone.key().is_activated(),
    )?;

    teller.step("The phone registers its public key and its push token");
    let push = PushAddress {
        device_push_id: "push-token-of-annas-phone".to_owned(),
        device_type: DeviceType::Android,
        app_id: Some("org.example.bank".to_owned()),
    };
    phone.register(Some(&push), now()).await?;
    let callback = receiver
        .wait_for(PATIENCE, |body| {
            body["pc_callback"]["type"] == "user_callback"
        })
        .await;
    let callback = callback.ok_or("no user callback came")?;
    let settings = &callback.json()["pc_callback"]["user_callback"]["updated_settings"];
    let public_key = text(settings, "public_key")?.to_owned();
    teller.quote("callback to the bank", &pretty(&callback.json()));
    teller.check(
        "the callback is signed with both of the bank's webhook keys",
        keys.accept(&callback),
    )?;
    teller.check(
        "it carries the public key and the push token",
        settings["push_address"]["device_push_id"] == push.device_push_id,
    )?;
    let key_file =
        std::env::temp_dir().join(format!("countersign-demo-key-{}", std::process::id()));
    let stored = phone::store_and_reopen(phone, &key_file, &served.mobile_door());
    std::fs::remove_file(&key_file).ok();
    let phone = stored?;
    teller.check(
        "the key lies encrypted under the phone's PIN, and opens again",
        phone.key().is_registered(),
    )?;

    teller.step("The bank asks Anna to confirm a payment");
    let transaction_id = create(
        &bank,
        user_id,
        json!({ "transaction_data": { "text": TEXT }, "ttl": 600 }),
        "payment-42",
    )
    .await?;
    let data = bank
        .transaction_data(user_id, transaction_id.as_str())
        .await?
        .success()?;

    teller.step("The phone lists, fetches and shows it");
    let list = phone.list(now()).await?;
    teller.check(
        "the list has it",
        list.iter()
            .any(|line| line.transaction_id == transaction_id),
    )?;
    let shown = phone.show(&transaction_id, now()).await?;
    teller.quote("the phone's screen", &shown.rendered_text());
    teller.check(
        "the phone shows the bank's words, and computed the same digest",
        shown.text() == TEXT,
    )?;

    teller.step("Anna confirms; the phone signs exactly what it showed");
    let event_id = DeviceEventId::fresh();
    let confirmation = phone.confirmation(&shown, &event_id, now())?;
    phone.submit(&confirmation, now()).await?;
    let callback = transaction_callback(receiver, &transaction_id).await?;
    teller.quote("callback to the bank", &pretty(&callback.json()));
    teller.check("the webhook signatures are right", keys.accept(&callback))?;
    let outcome = &callback.json()["pc_callback"]["transaction_callback"]["confirmation"];
    let signature = text(outcome, "signature")?;
    teller.check(
        "the bank verifies Anna's ECDSA signature over the words itself",
        user_signed(&public_key, signature, SYSTEM_ID, user_id, &data),
    )?;

    teller.step("The answer was lost, the phone asks again");
    phone.submit(&confirmation, now()).await?;
    teller.check("the same confirmation is answered as before", true)?;
    let refused = refused_with(
        phone.confirm(&shown, now()).await,
        ErrorCode::TransactionChecked,
    );
    teller.check(
        "a new confirmation of a confirmed transaction is refused with 232",
        refused,
    )?;

    declined(teller, &bank, &phone, receiver, user_id).await?;
    expired(teller, &bank, &phone, user_id).await?;
    forged(teller, &bank, &phone, user_id).await?;
    journal(teller, &bank, user_id, &transaction_id).await?;
    power_cut(teller, served, user_id, &transaction_id).await
}

async fn declined(
    teller: &Teller,
    bank: &Bank,
    phone: &Phone,
    receiver: &Receiver,
    user_id: &str,
) -> Result<(), AnyError> {
    teller.step("A second transaction is declined");
    let body = json!({ "transaction_data": { "text": "Перевод 999 999,99 ₽ незнакомцу" } });
    let transaction_id = create(bank, user_id, body, "payment-43").await?;
    let declination = Declination {
        reason: "not authorized".to_owned(),
        code: Some(2),
    };
    phone.decline(&transaction_id, &declination, now()).await?;
    let callback = transaction_callback(receiver, &transaction_id)
        .await?
        .json();
    let outcome = &callback["pc_callback"]["transaction_callback"];
    teller.check(
        "the bank hears it: no confirmation, and the reason",
        outcome["declination"]["reason"] == "not authorized"
            && outcome.get("confirmation").is_none(),
    )
}

async fn expired(
    teller: &Teller,
    bank: &Bank,
    phone: &Phone,
    user_id: &str,
) -> Result<(), AnyError> {
    teller.step("A third transaction is left alone for longer than it lives");
    let body = json!({ "transaction_data": { "text": "Одна секунда на раздумье" }, "ttl": 1 });
    let transaction_id = create(bank, user_id, body, "payment-44").await?;
    let shown = phone.show(&transaction_id, now()).await?;
    let expired = async {
        loop {
            let info = bank
                .transaction_info(user_id, transaction_id.as_str())
                .await?
                .success()?;
            if info["status"] == "expired" {
                return Ok::<_, AnyError>(());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    tokio::time::timeout(PATIENCE, expired)
        .await
        .map_err(|_| "the transaction did not expire")??;
    teller.check("its status is expired", true)?;
    let refused = refused_with(
        phone.confirm(&shown, now()).await,
        ErrorCode::TransactionExpired,
    );
    teller.check(
        "a confirmation that comes too late is refused with 281",
        refused,
    )
}

async fn forged(
    teller: &Teller,
    bank: &Bank,
    phone: &Phone,
    user_id: &str,
) -> Result<(), AnyError> {
    teller.step("Somebody who knows the key's secret forges a signature");
    let body = json!({ "transaction_data": { "text": "Перевод 1,00 ₽" } });
    let wanted = create(bank, user_id, body.clone(), "payment-45").await?;
    let other = create(bank, user_id, body, "payment-46").await?;
    // Anna's true signature of another transaction with the same words.
    let seen = phone.show(&wanted, now()).await?;
    let signature = phone.signature(&phone.show(&other, now()).await?)?;
    let forged =
        phone.confirmation_signed_elsewhere(&seen, &signature, &DeviceEventId::fresh(), now())?;
    let refused = refused_with(
        phone.submit(&forged, now()).await,
        ErrorCode::SignatureIsInvalid,
    );
    teller.check("it is refused with 278", refused)?;
    let info = bank
        .transaction_info(user_id, wanted.as_str())
        .await?
        .success()?;
    teller.check("the transaction still waits", info["status"] == "dataSent")
}

async fn journal(
    teller: &Teller,
    bank: &Bank,
    user_id: &str,
    transaction_id: &TransactionId,
) -> Result<(), AnyError> {
    teller.step("The audit journal of it all");
    let last = bank
        .transaction_info(user_id, transaction_id.as_str())
        .await?;
    let records = events(
        bank,
        &format!("user_id={user_id}&limit=200"),
        last.position.as_deref(),
    )
    .await?;
    for record in &records {
        let field = |name: &str| record[name].as_str().unwrap_or("").to_owned();
        teller.picture(&format!(
            "{:>6}  {:<28} {:>3}  {}",
            record["event_id"],
            field("request_type"),
            record["request_result"],
            field("transaction_id")
        ));
    }
    let count = |word: &str, result: u64| {
        records
            .iter()
            .filter(|record| record["request_type"] == word && record["request_result"] == result)
            .count()
    };
    let confirmed = |record: &&Value| {
        record["request_type"] == "confirm_transaction"
            && record["request_result"] == 0
            && record["transaction_id"] == transaction_id.as_str()
    };
    let confirmations = records.iter().filter(confirmed).count();
    teller.check(
        "the confirmation is there once: its repetition left no second event",
        confirmations == 1,
    )?;
    teller.check(
        "the refusals are there: 232, 281 and 278",
        [232, 281, 278]
            .into_iter()
            .all(|code| count("confirm_transaction", code) == 1),
    )
}

async fn power_cut(
    teller: &Teller,
    served: &mut Served,
    user_id: &str,
    transaction_id: &TransactionId,
) -> Result<(), AnyError> {
    teller.step("The server is killed with SIGKILL, and started again");
    served.kill().await?;
    served.start_again().await?;
    let bank = Bank::new(&served.system_door(), SYSTEM_ID, PATIENCE)?;
    let info = bank
        .transaction_info(user_id, transaction_id.as_str())
        .await?;
    let position = info.position.clone();
    teller.check(
        "the confirmation is still there",
        info.success()?["status"] == "confirmed",
    )?;
    let records = events(
        &bank,
        &format!("user_id={user_id}&limit=200"),
        position.as_deref(),
    )
    .await?;
    let confirmed = records.iter().any(|record| {
        record["request_type"] == "confirm_transaction" && record["request_result"] == 0
    });
    teller.check("so is the journal", confirmed)
}

async fn create(
    bank: &Bank,
    user_id: &str,
    body: Value,
    key: &str,
) -> Result<TransactionId, AnyError> {
    let created = bank
        .create_transaction(user_id, body, Some(key))
        .await?
        .success()?;
    Ok(text(&created, "transaction_id")?.parse()?)
}

async fn transaction_callback(
    receiver: &Receiver,
    transaction_id: &TransactionId,
) -> Result<countersign::receiver::Received, AnyError> {
    let fits = |body: &Value| {
        body["pc_callback"]["transaction_callback"]["transaction_id"] == transaction_id.as_str()
    };
    Ok(receiver
        .wait_for(PATIENCE, fits)
        .await
        .ok_or("no transaction callback came")?)
}

async fn events(bank: &Bank, query: &str, after: Option<&str>) -> Result<Vec<Value>, AnyError> {
    let answer: Reply = bank.events(query, after).await?;
    let page = answer.success()?;
    Ok(page["events"]
        .as_array()
        .cloned()
        .ok_or("no events in the answer")?)
}

fn refused_with<T>(outcome: Result<T, device::Error>, code: ErrorCode) -> bool {
    match outcome {
        Ok(_) => false,
        Err(error) if error.code() == Some(code) => true,
        Err(error) => {
            eprintln!("   something else came instead: {error:?}");
            false
        }
    }
}

fn text<'a>(object: &'a Value, name: &str) -> Result<&'a str, AnyError> {
    Ok(object[name]
        .as_str()
        .ok_or_else(|| format!("the answer has no {name}"))?)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// What a camera reads from the QR code of an answer.
fn qr_text(base64_png: &str) -> Result<String, AnyError> {
    use base64::Engine as _;
    let png = base64::engine::general_purpose::STANDARD.decode(base64_png)?;
    Ok(countersign::camera::read(&png)?)
}
