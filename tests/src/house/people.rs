//! Who uses the house: banks at the system door, phones at the mobile door, and the bank's receiver of callbacks.

use std::time::Duration;

use countersign::bank::{Bank, Reply};
use countersign::receiver::{Receiver, WebhookKeys};
use device::{Device, DeviceKey, ReqwestTransport};
use schemas::{OperationId, Owner, SystemId, TransactionId, UserId};
use serde_json::{Value, json};

use super::TestHouse;

/// The system of [`TestHouse::bank`].
pub const SYSTEM_ID: &str = "11111111-2222-4333-8444-555555555555";
/// How long a call of a bank may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A phone with one key.
pub type Phone = Device<ReqwestTransport>;

/// A key as the bank got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Whose.
    pub user_id: String,
    /// The JSON text of the key.
    pub key_text: String,
}

impl TestHouse {
    /// The bank [`SYSTEM_ID`], registered, without callbacks.
    pub async fn bank(&self) -> Bank {
        self.bank_named(SYSTEM_ID).await
    }

    /// A bank with this system id, registered, without callbacks.
    pub async fn bank_named(&self, system_id: &str) -> Bank {
        let bank = self.stranger(system_id);
        let registered = bank.register_system(&self.origin(), "").await;
        let registered = registered.expect("the door answers");
        assert_eq!(registered.error_code, 0, "{registered:?}");
        bank
    }

    /// The bank [`SYSTEM_ID`], registered, with a receiver of its callbacks.
    pub async fn bank_with_receiver(&self) -> (Bank, Receiver, WebhookKeys) {
        let bank = self.stranger(SYSTEM_ID);
        let receiver = self.receiver().await;
        let registered = bank
            .register_system(&self.origin(), &receiver.callback_url())
            .await;
        let registered = registered.expect("the door answers").success();
        let registered = registered.expect("the id is new");
        let keys = WebhookKeys::from_registration(&registered["webhook"]);
        (bank, receiver, keys.expect("the answer has webhook keys"))
    }

    /// A bank that is not registered, or was before.
    pub fn stranger(&self, system_id: &str) -> Bank {
        let door = format!("{}/pc-api", self.origin());
        Bank::new(&door, system_id, PATIENCE).expect("a client without special wishes")
    }

    /// A receiver of callbacks.
    pub async fn receiver(&self) -> Receiver {
        let receiver = Receiver::start().await;
        receiver.expect("the loopback interface has free ports")
    }

    /// A new user of the bank with a whole key on a registered phone.
    pub async fn phone(&self, bank: &Bank) -> Phone {
        let issued = self.issue(bank, json!({})).await;
        self.registered(&issued).await
    }

    /// A new user of the bank, with these wishes for the key.
    pub async fn issue(&self, bank: &Bank, wishes: Value) -> Issued {
        let created = bank.create_user(as_key_json(wishes), None).await;
        Issued::of(created.expect("the door answers"))
    }

    /// The next key of a user.
    pub async fn reissue(&self, bank: &Bank, user_id: &str, wishes: Value) -> Issued {
        let path = format!("/{}/users/{user_id}/key", bank.system_id());
        let body = Some(as_key_json(wishes));
        let updated = bank.call(reqwest::Method::POST, &path, None, body).await;
        Issued::of(updated.expect("the door answers"))
    }

    /// A phone that has scanned a key and done nothing yet.
    pub fn scanned(&self, key_text: &str) -> Phone {
        let key = DeviceKey::import(key_text).expect("the house writes keys that phones read");
        self.phone_with(key)
    }

    /// A phone with this key.
    pub fn phone_with(&self, key: DeviceKey) -> Phone {
        Device::at(&self.origin(), key, self.transport.clone()).expect("a loopback address")
    }

    /// A phone that has scanned a whole key and registered.
    pub async fn registered(&self, issued: &Issued) -> Phone {
        let mut phone = self.scanned(&issued.key_text);
        let registered = phone.register(None, self.now()).await;
        registered.expect("the house registers a new phone");
        phone
    }

    /// How requests travel, for tests that carry them by hand.
    pub fn transport(&self) -> &ReqwestTransport {
        &self.transport
    }

    /// A new transaction of the phone's user with this text.
    pub async fn ask(&self, bank: &Bank, phone: &Phone, text: &str) -> TransactionId {
        self.ask_with(bank, phone, json!({ "transaction_data": { "text": text } }))
            .await
    }

    /// A new transaction of the phone's user with this request.
    pub async fn ask_with(&self, bank: &Bank, phone: &Phone, body: Value) -> TransactionId {
        let user_id = phone.key().info().user_id.as_str();
        let created = bank.create_transaction(user_id, body, None).await;
        let created = created.expect("the door answers").success();
        let created = created.expect("the transaction is created");
        let id = created["transaction_id"].as_str().expect("it has an id");
        id.parse().expect("ids read back")
    }

    /// A new operation of the phone's user with this request.
    pub async fn ask_operation(&self, bank: &Bank, phone: &Phone, body: Value) -> OperationId {
        let user_id = phone.key().info().user_id.as_str();
        let created = bank.create_operation(user_id, body, None).await;
        let created = created.expect("the door answers").success();
        let created = created.expect("the operation is created");
        let id = created["operation_id"].as_str().expect("it has an id");
        id.parse().expect("ids read back")
    }

    /// Where a transaction of the phone's user stands.
    pub async fn status(&self, bank: &Bank, phone: &Phone, id: &TransactionId) -> String {
        let user_id = phone.key().info().user_id.as_str();
        let info = bank.transaction_info(user_id, id.as_str()).await;
        let info = info.expect("the door answers").success();
        let info = info.expect("the transaction is known");
        info["status"].as_str().expect("it has a status").to_owned()
    }
}

impl Issued {
    fn of(reply: Reply) -> Self {
        let issued = reply.success().expect("the key is issued");
        let text = |name: &str| issued[name].as_str().expect("a text").to_owned();
        Self {
            user_id: text("user_id"),
            key_text: text("key_json"),
        }
    }

    /// The user as owner of a history.
    pub fn owner(&self) -> Owner {
        let key: Value = serde_json::from_str(&self.key_text).expect("a key is JSON");
        let system_id: SystemId = key["system_id"]
            .as_str()
            .expect("a key names its system")
            .parse()
            .expect("ids read back");
        let user_id: UserId = self.user_id.parse().expect("ids read back");
        Owner::User(system_id, user_id)
    }
}

/// The owner of a phone's history.
pub fn owner(phone: &Phone) -> Owner {
    let info = phone.key().info();
    Owner::User(info.system_id.clone(), info.user_id.clone())
}

pub(super) fn transport() -> ReqwestTransport {
    let builder = ReqwestTransport::configured(reqwest::Client::builder().no_proxy());
    ReqwestTransport::with_client(builder.build().expect("a client without special wishes"))
}

fn as_key_json(mut wishes: Value) -> Value {
    wishes["return_key_method"] = "KEY_JSON".into();
    wishes
}
