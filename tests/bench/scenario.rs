//! Who does what: one bank, its users with their devices, and the two kinds of work.

use std::sync::Arc;
use std::time::Duration;

use bus::shell::{Clock as _, SystemClock};
use countersign::bank::Bank;
use device::contents::{OperationProcessed, TransactionConfirmed};
use device::request::Submission;
use device::{Answer, Declination, Device, DeviceEventId, DeviceKey, ReqwestTransport};
use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use schemas::{OperationId, TransactionId};
use serde_json::json;

use crate::AnyError;
use crate::callbacks::Callbacks;
use crate::load::Operation;
use crate::service::Service;

/// Users of the bank: enough for every lane to have some.
const USERS: usize = 256;
/// How many are set up at once.
const SETUP_CALLERS: usize = 64;
/// How long any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
const SYSTEM_ID: &str = "99999999-8888-4777-8666-555555555555";
const TEXT: &str =
    "Перевод 1 500,00 ₽\nПолучатель: ООО «Ромашка»\nНазначение: оплата по счёту № 42 от 23.11.2026";

/// A bank with its users.
#[derive(Clone)]
pub struct Scenario {
    bank: Bank,
    users: Arc<Vec<User>>,
    callbacks: Callbacks,
}

struct User {
    user_id: String,
    device: Device<ReqwestTransport>,
}

type Confirmation = Submission<TransactionConfirmed>;

/// Transactions of one operation.
const MEMBERS: usize = 1000;
/// Transactions that wait for a user whose list is asked for.
const PENDING: usize = 50;

impl Scenario {
    /// Registers the system, the users and their devices.
    pub async fn prepare(service: &Service) -> Result<Self, AnyError> {
        Self::of(SYSTEM_ID, service, service.callbacks.clone()).await
    }

    /// The same for another system, whose callbacks go somewhere else.
    pub async fn of(
        system_id: &str,
        service: &Service,
        callbacks: Callbacks,
    ) -> Result<Self, AnyError> {
        let served = service.served();
        let bank = Bank::new(&served.system_door(), system_id, PATIENCE)?;
        let door = served.mobile_door();
        bank.register_system(&door, &callbacks.url())
            .await?
            .success()?;
        let client = ReqwestTransport::configured(reqwest::Client::builder().no_proxy()).build()?;
        let transport = ReqwestTransport::with_client(client);
        let users = stream::iter(0..USERS).map(|_| user(&bank, &door, transport.clone()));
        let users = users.buffer_unordered(SETUP_CALLERS).try_collect().await?;
        Ok(Self {
            bank,
            users: Arc::new(users),
            callbacks,
        })
    }

    /// Transactions that are declined; what is measured is how long it takes until the bank has been called back, or the
    /// answer alone.
    pub async fn declinations(
        &self,
        count: usize,
        awaits_callback: bool,
    ) -> Result<Operation, AnyError> {
        let created = stream::iter(0..count)
            .map(|index| create(&self.bank, &self.users[index % USERS].user_id));
        let created: Vec<TransactionId> = created.buffered(SETUP_CALLERS).try_collect().await?;
        let (created, scenario) = (Arc::new(created), self.clone());
        Ok(Arc::new(move |index| {
            let (created, scenario) = (Arc::clone(&created), scenario.clone());
            async move {
                let (user, id) = (&scenario.users[index % USERS], &created[index]);
                let called_back = scenario.callbacks.expect(id.as_str());
                let why = Declination {
                    reason: "not me".to_owned(),
                    code: None,
                };
                let declined = user.device.decline(id, &why, SystemClock.now()).await;
                if !ok(declined) {
                    return false;
                }
                !awaits_callback || ok(tokio::time::timeout(PATIENCE, called_back).await)
            }
            .boxed()
        }))
    }

    /// Creates, fetches and signs so many transactions; what is left to measure is their confirmation.
    pub async fn confirmations(&self, count: usize) -> Result<Operation, AnyError> {
        let signed = stream::iter(0..count).map(|index| async move {
            let user = &self.users[index % USERS];
            let transaction_id = create(&self.bank, &user.user_id).await?;
            let shown = user.device.show(&transaction_id, SystemClock.now()).await?;
            Ok::<_, AnyError>(user.device.confirmation(
                &shown,
                &DeviceEventId::fresh(),
                SystemClock.now(),
            )?)
        });
        let signed: Vec<Confirmation> = signed.buffered(SETUP_CALLERS).try_collect().await?;
        let (signed, users) = (Arc::new(signed), Arc::clone(&self.users));
        Ok(Arc::new(move |index| {
            let (signed, users) = (Arc::clone(&signed), Arc::clone(&users));
            async move {
                ok(users[index % USERS]
                    .device
                    .submit(&signed[index], SystemClock.now())
                    .await)
            }
            .boxed()
        }))
    }

    /// Creates, fetches and signs so many operations of a thousand transactions; what is left to measure is that all of
    /// them are confirmed in one request.
    pub async fn operations(&self, count: usize) -> Result<Operation, AnyError> {
        let mut signed: Vec<Submission<OperationProcessed>> = Vec::with_capacity(count);
        for user in self.users.iter().take(count) {
            let members = vec![json!({ "text": TEXT }); MEMBERS];
            let body = json!({ "transactions": members });
            let created = self
                .bank
                .create_operation(&user.user_id, body, None)
                .await?;
            let id = created.success()?["operation_id"].clone();
            let id: OperationId = id
                .as_str()
                .ok_or("no operation_id in the answer")?
                .parse()?;
            let shown = user.device.show_operation(&id, SystemClock.now()).await?;
            let texts = shown.members.iter();
            let answers: Vec<Answer<'_>> = texts
                .filter_map(|member| member.shown.as_ref())
                .map(Answer::Confirm)
                .collect();
            let event_id = DeviceEventId::fresh();
            let now = SystemClock.now();
            signed.push(user.device.processing(&id, &answers, &event_id, now)?);
        }
        let (signed, users) = (Arc::new(signed), Arc::clone(&self.users));
        Ok(Arc::new(move |index| {
            let (signed, users) = (Arc::clone(&signed), Arc::clone(&users));
            async move {
                let now = SystemClock.now();
                ok(users[index].device.submit(&signed[index], now).await)
            }
            .boxed()
        }))
    }

    /// Lists of fifty pending transactions.
    pub async fn lists(&self) -> Result<Operation, AnyError> {
        let asked = USERS / 4;
        let pending = stream::iter(0..asked * PENDING)
            .map(|index| create(&self.bank, &self.users[index % asked].user_id));
        let created: Vec<TransactionId> = pending
            .buffer_unordered(SETUP_CALLERS)
            .try_collect()
            .await?;
        assert_eq!(created.len(), asked * PENDING);
        let users = Arc::clone(&self.users);
        Ok(Arc::new(move |index| {
            let users = Arc::clone(&users);
            async move {
                let list = users[index % asked].device.list(SystemClock.now()).await;
                ok(match list {
                    Ok(list) if list.len() < PENDING => Err("the list is too short".to_owned()),
                    Ok(_) => Ok(()),
                    Err(error) => Err(error.to_string()),
                })
            }
            .boxed()
        }))
    }

    /// New users, each with the picture of a key in two parts.
    pub fn keys(&self) -> Operation {
        let bank = self.bank.clone();
        Arc::new(move |_| {
            let bank = bank.clone();
            async move { ok(key_with_qr(&bank).await) }.boxed()
        })
    }

    /// The whole flow: create, list, get data, confirm, callback received.
    pub fn flows(&self) -> Operation {
        let (bank, users, callbacks) = (
            self.bank.clone(),
            Arc::clone(&self.users),
            self.callbacks.clone(),
        );
        Arc::new(move |index| {
            let (bank, users, callbacks) = (bank.clone(), Arc::clone(&users), callbacks.clone());
            async move { ok(flow(&bank, &users[index % USERS], &callbacks).await) }.boxed()
        })
    }
}

async fn user(bank: &Bank, door: &str, transport: ReqwestTransport) -> Result<User, AnyError> {
    let created = bank
        .create_user(
            json!({ "id_prefix": "bench-", "return_key_method": "KEY_JSON" }),
            None,
        )
        .await?;
    let created = created.success()?;
    let key_text = created["key_json"]
        .as_str()
        .ok_or("no key_json in the answer")?;
    let mut device = Device::at(door, DeviceKey::import(key_text)?, transport)?;
    device.register(None, SystemClock.now()).await?;
    Ok(User {
        user_id: created["user_id"]
            .as_str()
            .ok_or("no user_id in the answer")?
            .to_owned(),
        device,
    })
}

async fn key_with_qr(bank: &Bank) -> Result<(), AnyError> {
    let wishes = json!({ "id_prefix": "bench-", "return_key_method": "SPLIT_QR" });
    let created = bank.create_user(wishes, None).await?.success()?;
    match created["key_QR"].as_str() {
        Some(_) => Ok(()),
        None => Err("no key_QR in the answer".into()),
    }
}

async fn create(bank: &Bank, user_id: &str) -> Result<TransactionId, AnyError> {
    let created = bank
        .create_transaction(
            user_id,
            json!({ "transaction_data": { "text": TEXT } }),
            None,
        )
        .await?;
    Ok(created.success()?["transaction_id"]
        .as_str()
        .ok_or("no transaction_id in the answer")?
        .parse()?)
}

async fn flow(bank: &Bank, user: &User, callbacks: &Callbacks) -> Result<(), AnyError> {
    let transaction_id = create(bank, &user.user_id).await?;
    let called_back = callbacks.expect(transaction_id.as_str());
    let list = user.device.list(SystemClock.now()).await?;
    if !list
        .iter()
        .any(|line| line.transaction_id == transaction_id)
    {
        return Err("the list lacks the transaction".into());
    }
    let shown = user.device.show(&transaction_id, SystemClock.now()).await?;
    user.device.confirm(&shown, SystemClock.now()).await?;
    tokio::time::timeout(PATIENCE, called_back).await??;
    Ok(())
}

/// Whether it succeeded; the first failures are shown, so that nobody has to guess.
fn ok<T, E: std::fmt::Display>(outcome: Result<T, E>) -> bool {
    use std::sync::atomic::{AtomicU32, Ordering};
    static SHOWN: AtomicU32 = AtomicU32::new(0);
    if let Err(error) = &outcome
        && SHOWN.fetch_add(1, Ordering::Relaxed) < 5
    {
        eprintln!("  an operation failed: {error}");
    }
    outcome.is_ok()
}
