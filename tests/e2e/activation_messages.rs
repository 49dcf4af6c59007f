//! Activation codes on their way: real SMTP over TLS, a real SMS gateway and message center, and what goes wrong there.

use std::net::SocketAddr;
use std::time::Duration;

use countersign::bank::Bank;
use countersign::simulate::{MessageFault, MessageReceipt, Messages, Received, Service};
use reactors::{CodeWays, MailOptions, MailTls, SmppOptions, SmppTls, SmsGateway, SmsOptions};
use reqwest::Method;
use schemas::commands::code_orders::{Channel, CodeReceipt, SendingOutcome};
use schemas::events::Event;
use schemas::events::code_orders::CodeOrderEvent;
use schemas::{Owner, Secret};
use serde_json::{Value, json};
use tests::house::{LogChoice, Phone, Plan, SYSTEM_ID, TestHouse};
use tests::postgres::TestPostgres;

use crate::until;

const PATIENCE: Duration = Duration::from_secs(30);
const MINUTE_MS: i64 = 60_000;
const RESULT: &str = "send_activation_code_result";
const RECEIPT: &str = "send_activation_code_receipt";

async fn simulator(service: Service) -> Messages {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    Messages::start(service, anywhere, false).await.unwrap()
}

fn mail(server: &Messages, tls: MailTls) -> MailOptions {
    MailOptions {
        host: "localhost".to_owned(),
        port: server.address().port(),
        tls,
        user: Some("bank".to_owned()),
        password: Some(Secret::new("correct horse")),
        from: "Bank <bank@bank.example>".to_owned(),
        authority: Some(server.authority().as_bytes().to_vec()),
    }
}

fn gateway(server: &Messages) -> SmsOptions {
    let described = json!({
        "url": format!("http://{}/send", server.address()),
        "headers": { "authorization": "Bearer of-the-gateway" },
        "json": { "from": "BANK", "to": "%PHONE%", "text": "%TEXT%", "id": "%ID%" },
        "success": { "pointer": "/status", "is": ["ok"] },
    });
    SmsOptions::Gateway(SmsGateway::read(&described.to_string()).unwrap())
}

fn center(server: &Messages, tls: SmppTls) -> SmsOptions {
    SmsOptions::Smpp(SmppOptions {
        host: "localhost".to_owned(),
        port: server.address().port(),
        tls,
        system_id: "bank".to_owned(),
        password: Secret::new("horse"),
        sender: "BANK".to_owned(),
        authority: Some(server.authority().as_bytes().to_vec()),
    })
}

/// A user with a key in two parts: the phone that scanned it, the code that the house drew, and the history.
async fn in_two_parts(house: &TestHouse, bank: &Bank) -> (Phone, String, Owner) {
    let wishes = json!({ "return_key_method": "SPLIT_QR", "activation_code_length": 10 });
    let created = bank.create_user(wishes, None).await.unwrap();
    let created = created.success().unwrap();
    let picture = created["key_QR"].as_str().unwrap();
    let png = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, picture);
    let phone = house.scanned(&countersign::camera::read(&png.unwrap()).unwrap());
    let code = created["activation_code"].as_str().unwrap().to_owned();
    let owner = tests::house::owner(&phone);
    (phone, code, owner)
}

async fn order(bank: &Bank, phone: &Phone, body: Value) -> u64 {
    let user_id = phone.key().info().user_id.as_str();
    let path = format!("/{SYSTEM_ID}/users/{user_id}/key/send_activation_code");
    let reply = bank.call(Method::POST, &path, None, Some(body)).await;
    reply.unwrap().error_code
}

fn to_phone() -> Value {
    json!({ "phone": "+79991234567" })
}

/// What became of the messages, once so many are settled.
async fn outcomes(
    house: &TestHouse,
    owner: &Owner,
    count: usize,
) -> Vec<(Channel, SendingOutcome, Option<String>)> {
    until(async || house.count(owner, RESULT, 0).await >= count).await;
    let history = house.history(owner).await.into_iter();
    let settled = history.filter_map(|recorded| match recorded.event {
        Event::CodeOrders(CodeOrderEvent::Settled(event)) => {
            Some((event.channel, event.outcome, event.reason))
        }
        _ => None,
    });
    settled.collect()
}

/// Lets time pass until the first message is settled.
async fn settled_in_time(house: &TestHouse, owner: &Owner, step_ms: i64) {
    until(async || {
        house.advance_ms(step_ms);
        house.count(owner, RESULT, 0).await == 1
    })
    .await;
}

fn only(taken: &[Received]) -> &Received {
    assert_eq!(taken.len(), 1, "{taken:?}");
    &taken[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_comes_by_text_message_and_letter_and_activates_the_key() {
    let (server, sms) = (
        simulator(Service::SmtpStarttls).await,
        simulator(Service::Sms).await,
    );
    let ways = CodeWays {
        mail: Some(mail(&server, MailTls::Starttls)),
        sms: Some(gateway(&sms)),
    };
    let house = TestHouse::start(Plan::new(LogChoice::Memory).sending_codes_by(ways)).await;
    let bank = house.bank().await;
    let (mut phone, code, owner) = in_two_parts(&house, &bank).await;
    let both = json!({ "phone": "+79991234567", "email": "ivan@mail.example" });
    assert_eq!(order(&bank, &phone, both.clone()).await, 0);
    let taken = outcomes(&house, &owner, 2).await;
    for channel in Channel::ALL {
        assert!(
            taken.contains(&(channel, SendingOutcome::Sent, None)),
            "{taken:?}"
        );
    }
    let text = only(&sms.taken()).clone();
    assert_eq!(
        text.text,
        format!("Kod aktivacii klucha PayControl {code}. Deystvuet po 23.11.2027")
    );
    let (to, from) = (text.to.as_str(), text.from.as_str());
    assert_eq!((to, from), ("+79991234567", "BANK"));
    assert_eq!(text.user, "Bearer of-the-gateway");
    let letter = only(&server.taken()).clone();
    assert_eq!(letter.subject, "Код активации ключа PayControl");
    assert_eq!(
        letter.text,
        format!("Код активации ключа PayControl {code}. Действует по 23.11.2027")
    );
    let (to, from) = (letter.to.as_str(), letter.from.as_str());
    assert_eq!((to, from), ("ivan@mail.example", "bank@bank.example"));
    assert!(letter.secured && letter.user == "bank");
    // The same in English, over the connections that are there.
    let mut in_english = both.clone();
    in_english["language"] = "en".into();
    assert_eq!(order(&bank, &phone, in_english).await, 0);
    outcomes(&house, &owner, 4).await;
    for written in [&sms.taken()[1], &server.taken()[1]] {
        assert_eq!(
            written.text,
            format!("PayControl key activation code {code}. Valid through 23.11.2027")
        );
    }
    assert_eq!(server.connections(), 1, "connections are kept");
    // The person types what was read.
    let mut words = text.text.split([' ', '.']);
    let read = words.find(|word| word.len() == 10 && word.parse::<u64>().is_ok());
    phone.activate(read.unwrap(), house.now()).await.unwrap();
    phone.register(None, house.now()).await.unwrap();
    assert_eq!(order(&bank, &phone, both).await, 219, "it is used up");
    let path = format!("/events?user_id={}", phone.key().info().user_id);
    let journal = async || {
        bank.get(&path)
            .await
            .unwrap()
            .success()
            .unwrap()
            .to_string()
    };
    until(async || journal().await.matches(r#""outcome":"sent""#).count() == 4).await;
    let journal = journal().await;
    for secret in [&*code, "9991234567", "ivan@mail.example"] {
        assert!(!journal.contains(secret), "{secret} is in the journal");
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_activation_nothing_is_sent() {
    nothing_is_sent_after_the_activation(Plan::new(LogChoice::Memory)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_the_same_with_postgresql() {
    let Some(postgres) = TestPostgres::start() else {
        return;
    };
    let plan = Plan::new(LogChoice::Memory).with_outbox(postgres.database());
    nothing_is_sent_after_the_activation(plan).await;
}

async fn nothing_is_sent_after_the_activation(plan: Plan) {
    let sms = simulator(Service::Sms).await;
    let ways = CodeWays {
        mail: None,
        sms: Some(gateway(&sms)),
    };
    let house = TestHouse::start(plan.sending_codes_by(ways)).await;
    let bank = house.bank().await;
    let (mut phone, code, owner) = in_two_parts(&house, &bank).await;
    sms.fail_next(MessageFault::Later);
    assert_eq!(order(&bank, &phone, to_phone()).await, 0);
    assert!(sms.has_got(1, PATIENCE).await);
    phone.activate(&code, house.now()).await.unwrap();
    // The code came by another way, and the second attempt finds that out.
    settled_in_time(&house, &owner, 1_000).await;
    let expected = (
        Channel::Sms,
        SendingOutcome::Withdrawn,
        Some("key_activated".to_owned()),
    );
    assert_eq!(outcomes(&house, &owner, 1).await, [expected]);
    assert!(sms.taken().is_empty());
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_may_have_been_taken_is_not_sent_again() {
    for service in [Service::SmtpImplicit, Service::Sms, Service::SmppImplicit] {
        let server = simulator(service).await;
        let (ways, contact) = match service {
            Service::SmtpImplicit => (
                CodeWays {
                    mail: Some(mail(&server, MailTls::Implicit)),
                    sms: None,
                },
                json!({ "email": "ivan@mail.example" }),
            ),
            Service::SmppImplicit => (
                CodeWays {
                    mail: None,
                    sms: Some(center(&server, SmppTls::Implicit)),
                },
                to_phone(),
            ),
            _ => (
                CodeWays {
                    mail: None,
                    sms: Some(gateway(&server)),
                },
                to_phone(),
            ),
        };
        let house = TestHouse::start(Plan::new(LogChoice::Memory).sending_codes_by(ways)).await;
        let bank = house.bank().await;
        let (phone, _, owner) = in_two_parts(&house, &bank).await;
        server.fail_next(MessageFault::CloseAfterTaking);
        assert_eq!(order(&bank, &phone, contact.clone()).await, 0);
        let settled = outcomes(&house, &owner, 1).await;
        assert_eq!(
            settled[0].1,
            SendingOutcome::Unknown,
            "{service:?}: {settled:?}"
        );
        // Nobody but the bank asks again.
        for _ in 0..10 {
            house.advance_ms(MINUTE_MS);
        }
        assert_eq!(order(&bank, &phone, contact).await, 0);
        assert_eq!(outcomes(&house, &owner, 2).await[1].1, SendingOutcome::Sent);
        assert_eq!(server.taken().len(), 2, "{service:?}");
        house.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_nobody_took_is_sent_again_until_it_is_refused() {
    let server = simulator(Service::Smpp).await;
    let ways = CodeWays {
        mail: None,
        sms: Some(center(&server, SmppTls::None)),
    };
    let house = TestHouse::start(Plan::new(LogChoice::Memory).sending_codes_by(ways)).await;
    let bank = house.bank().await;
    let (phone, code, owner) = in_two_parts(&house, &bank).await;
    server.fail_next(MessageFault::Later);
    server.fail_next(MessageFault::Later);
    assert_eq!(order(&bank, &phone, to_phone()).await, 0);
    settled_in_time(&house, &owner, 1_000).await;
    assert_eq!(outcomes(&house, &owner, 1).await[0].1, SendingOutcome::Sent);
    let tried = house.count(&owner, "send_activation_code_attempt", 0).await;
    assert_eq!(tried, 3);
    let text = only(&server.taken()).clone();
    assert!(
        text.text.contains(&code) && text.to == "79991234567",
        "{text:?}"
    );
    server.fail_next(MessageFault::Refuse);
    assert_eq!(order(&bank, &phone, to_phone()).await, 0);
    let expected = (
        Channel::Sms,
        SendingOutcome::Failed,
        Some("message_refused".to_owned()),
    );
    assert_eq!(outcomes(&house, &owner, 2).await[1], expected);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_while_it_sends_leaves_the_outcome_unknown() {
    let sms = simulator(Service::Sms).await;
    let ways = CodeWays {
        mail: None,
        sms: Some(gateway(&sms)),
    };
    let house = TestHouse::start(Plan::new(LogChoice::Memory).sending_codes_by(ways)).await;
    let bank = house.bank().await;
    let (phone, _, owner) = in_two_parts(&house, &bank).await;
    // It is taken, and before the answer comes the process is gone.
    sms.fail_next(MessageFault::Delay { ms: 60_000 });
    assert_eq!(order(&bank, &phone, to_phone()).await, 0);
    assert!(sms.has_got(1, PATIENCE).await);
    assert_eq!(
        house.count(&owner, "send_activation_code_attempt", 0).await,
        1
    );
    let house = house.restart().await;
    settled_in_time(&house, &owner, 10_000).await;
    let expected = (
        Channel::Sms,
        SendingOutcome::Unknown,
        Some("broke_off".to_owned()),
    );
    assert_eq!(outcomes(&house, &owner, 1).await, [expected]);
    assert_eq!(sms.taken().len(), 1, "once, whatever became of it");
    house.end().await;
}

/// What the center said became of messages, once it has said so often enough.
async fn receipts(
    house: &TestHouse,
    owner: &Owner,
    count: usize,
) -> Vec<(CodeReceipt, Option<String>)> {
    until(async || house.count(owner, RECEIPT, 0).await >= count).await;
    let history = house.history(owner).await.into_iter();
    let noted = history.filter_map(|recorded| match recorded.event {
        Event::CodeOrders(CodeOrderEvent::Receipt(event)) => Some((event.outcome, event.reason)),
        _ => None,
    });
    noted.collect()
}

fn by_center(server: &Messages, tls: SmppTls) -> CodeWays {
    CodeWays {
        mail: None,
        sms: Some(center(server, tls)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_says_what_the_center_says_became_of_a_message() {
    Box::pin(the_journal_says_what_became(Plan::new(LogChoice::Sqlite))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_says_it_with_postgresql_too() {
    let Some(postgres) = TestPostgres::start() else {
        return;
    };
    let plan = Plan::new(LogChoice::Memory).with_outbox(postgres.database());
    Box::pin(the_journal_says_what_became(plan)).await;
}

async fn the_journal_says_what_became(plan: Plan) {
    let server = simulator(Service::SmppImplicit).await;
    let ways = by_center(&server, SmppTls::Implicit);
    let house = TestHouse::start(plan.sending_codes_by(ways)).await;
    let bank = house.bank().await;
    let of_the_center = Some("error_00b".to_owned());
    let mut answered = 0;
    for (receipt, expected, reason, answers) in [
        (MessageReceipt::Delivered, CodeReceipt::Delivered, None, 1),
        (
            MessageReceipt::Undeliverable,
            CodeReceipt::Undeliverable,
            None,
            1,
        ),
        (MessageReceipt::Expired, CodeReceipt::Expired, None, 1),
        (MessageReceipt::Rejected, CodeReceipt::Rejected, None, 1),
        (
            MessageReceipt::Late { ms: 300 },
            CodeReceipt::Delivered,
            None,
            1,
        ),
        (MessageReceipt::First, CodeReceipt::Delivered, None, 1),
        (MessageReceipt::Text, CodeReceipt::Delivered, None, 1),
        (
            MessageReceipt::TextUndeliverable,
            CodeReceipt::Undeliverable,
            of_the_center,
            1,
        ),
        // Of another message, of one on its way, one that nobody can read, and words of somebody: answered, and of no effect.
        (MessageReceipt::Foreign, CodeReceipt::Delivered, None, 5),
        (MessageReceipt::Twice, CodeReceipt::Delivered, None, 2),
    ] {
        let (phone, code, owner) = in_two_parts(&house, &bank).await;
        server.receipt_of_next(receipt);
        assert_eq!(order(&bank, &phone, to_phone()).await, 0);
        let noted = receipts(&house, &owner, 1).await;
        assert_eq!(noted, [(expected, reason)], "{receipt:?}");
        answered += answers;
        until(async || server.receipts_answered() == answered).await;
        // First that it was taken, then what became of it.
        let history = house.history(&owner).await.into_iter();
        let words: Vec<_> = history.map(|recorded| recorded.event.word()).collect();
        let ends = [RESULT, RECEIPT];
        assert!(words.ends_with(&ends), "{receipt:?}: {words:?}");
        let path = format!("/events?user_id={}", phone.key().info().user_id);
        let journal = async || {
            let page = bank.get(&path).await.unwrap();
            page.success().unwrap().to_string()
        };
        until(async || journal().await.contains(RECEIPT)).await;
        let journal = journal().await;
        let said = format!(r#""outcome":"{}""#, expected.word());
        assert!(journal.contains(&said), "{journal}");
        for secret in [&*code, "9991234567"] {
            assert!(!journal.contains(secret), "{secret} is in the journal");
        }
    }
    // One session for all of them.
    assert_eq!(server.connections(), 1);
    // Of a message of which nobody says anything nothing is said, and days later nobody waits for it.
    let (phone, _, owner) = in_two_parts(&house, &bank).await;
    server.receipt_of_next(MessageReceipt::Never);
    assert_eq!(order(&bank, &phone, to_phone()).await, 0);
    assert_eq!(outcomes(&house, &owner, 1).await[0].1, SendingOutcome::Sent);
    for _ in 0..5 {
        house.advance_ms(24 * 60 * MINUTE_MS);
    }
    let (phone, _, another) = in_two_parts(&house, &bank).await;
    assert_eq!(order(&bank, &phone, to_phone()).await, 0);
    receipts(&house, &another, 1).await;
    assert_eq!(house.count(&owner, RECEIPT, 0).await, 0);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_comes_after_a_restart_on_another_session() {
    let server = simulator(Service::Smpp).await;
    let plan = Plan::new(LogChoice::Sqlite).sending_codes_by(by_center(&server, SmppTls::None));
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let (phone, _, owner) = in_two_parts(&house, &bank).await;
    server.receipt_of_next(MessageReceipt::Held);
    assert_eq!(order(&bank, &phone, to_phone()).await, 0);
    outcomes(&house, &owner, 1).await;
    let house = house.restart().await;
    assert_eq!(house.count(&owner, RECEIPT, 0).await, 0);
    server.let_receipts_go();
    let noted = receipts(&house, &owner, 1).await;
    assert_eq!(noted, [(CodeReceipt::Delivered, None)]);
    assert_eq!(server.connections(), 2);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_of_a_message_whose_answer_was_lost_says_nothing_of_another() {
    let server = simulator(Service::Smpp).await;
    let ways = by_center(&server, SmppTls::None);
    let house = TestHouse::start(Plan::new(LogChoice::Memory).sending_codes_by(ways)).await;
    let bank = house.bank().await;
    let (phone, _, owner) = in_two_parts(&house, &bank).await;
    // It is taken, its name is lost with the connection, and its receipt comes on the next one.
    server.fail_next(MessageFault::CloseAfterTaking);
    assert_eq!(order(&bank, &phone, to_phone()).await, 0);
    assert_eq!(
        outcomes(&house, &owner, 1).await[0].1,
        SendingOutcome::Unknown
    );
    until(async || server.receipts_answered() == 1).await;
    server.receipt_of_next(MessageReceipt::Undeliverable);
    assert_eq!(order(&bank, &phone, to_phone()).await, 0);
    let noted = receipts(&house, &owner, 1).await;
    assert_eq!(noted, [(CodeReceipt::Undeliverable, None)]);
    house.end().await;
}
