//! Simulated push services, and a configuration folder that leads to them.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use countersign::simulate::certificate::Authority;
use countersign::simulate::{
    Apns, Behavior, Certified, Fcm, Hms, ListenOptions, Simulator, Telegram,
};
use schemas::commands::keys::{DeviceType, PushAddress};
use schemas::{Digest, TransactionId};
use serde_json::{Value, json};
use tests::house::{LogChoice, Phone, Plan, SYSTEM_ID, TestHouse};

/// The application of all phones here.
pub const APP: &str = "com.example.bank";
/// A token of Apple's form.
pub const IPHONE: &str = "00112233445566778899aabbccddeeff";

/// The services.
pub struct Services {
    pub apns: Simulator<Apns>,
    pub fcm: Simulator<Fcm>,
    pub hms: Simulator<Hms>,
    pub telegram: Simulator<Telegram>,
    pub authority: Certified,
}

async fn simulate<B: Behavior + Default>(authority: &Certified) -> Simulator<B> {
    let options = ListenOptions {
        address: ([127, 0, 0, 1], 0).into(),
        prints: false,
    };
    let simulator = Simulator::start(B::default(), options, Some(authority)).await;
    simulator.unwrap()
}

fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

/// Making an RSA key takes a while: one is enough for all.
fn rsa_key() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        pem(key.as_der().unwrap().as_ref())
    })
}

impl Services {
    pub async fn start() -> Self {
        countersign::install_crypto_provider().ok();
        let authority = Arc::new(Authority::new().unwrap());
        Self {
            apns: simulate(&authority).await,
            fcm: simulate(&authority).await,
            hms: simulate(&authority).await,
            telegram: simulate(&authority).await,
            authority,
        }
    }

    /// The credentials of [`APP`].
    pub fn app(&self) -> Value {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        json!({
            "android": {
                "type": "service_account", "project_id": "simulated", "private_key": rsa_key(),
                "client_email": "pushes@simulated.example",
                "token_uri": format!("{}/token", self.fcm.url()), "fcm_url": self.fcm.url(),
            },
            "ios": { "apns_p8": {
                "apns_key_id": "KEY", "apns_team_id": "TEAM", "apns_url": self.apns.url(),
                "apns_key": pem(key.to_pkcs8v1().unwrap().as_ref()),
            }},
            "huawei": {
                "client_id": "4711", "client_secret": "secret",
                "token_url": format!("{}/oauth2/v3/token", self.hms.url()), "push_url": self.hms.url(),
            },
            "telegram": { "bot_token": "1:secret", "api_url": self.telegram.url() },
        })
    }

    /// Writes the folder: the manual's templates, and withdrawals besides.
    pub fn write(&self, folder: &Path) {
        write_app(folder, &self.app());
        self.write_common(folder, json!({}));
        write(folder, "systems/default.json", &templates());
    }

    pub fn write_common(&self, folder: &Path, mut common: Value) {
        std::fs::write(folder.join("simulated.pem"), self.authority.pem()).unwrap();
        common["authorities"] = "simulated.pem".into();
        write(folder, "pusher.conf.json", &common);
    }

    /// A house with its log in memory that sends to these services.
    pub async fn house(&self) -> TestHouse {
        let plan = Plan::new(LogChoice::Memory).pushing();
        self.write(&plan.pusher_folder());
        TestHouse::start(plan).await
    }
}

pub fn write_app(folder: &Path, app: &Value) {
    write(folder, &format!("apps/{APP}.json"), app);
}

pub fn write(folder: &Path, name: &str, value: &Value) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, value.to_string()).unwrap();
}

/// The manual's templates in English, and withdrawals.
pub fn templates() -> Value {
    let data = |kind: &str| json!({ "type": kind, "userid": "%USER_ID%", "transactionid": "%TRANSACTION_ID%" });
    let to = |data: Value| json!({ "message": { "token": "%DEVICE_TOKEN%", "data": data } });
    json!({
        "android": { "templates": {
            "transaction": [
                { "message": { "token": "%DEVICE_TOKEN%", "android": {
                    "notification": { "tag": "%USER_ID%", "title": "Bank", "body": "To be confirmed" },
                }}},
                to(data("PayControl_v2")),
            ],
            "withdrawal": [to(data("withdrawn"))],
        }},
        "ios": { "templates": {
            "transaction": [{
                "aps": { "alert": "To be confirmed", "mutable-content": 1, "category": "NEW_OPERATION" },
                "type": "PayControl", "userid": "%USER_ID%", "transactionid": "%TRANSACTION_ID%",
                "pc_notification_type": "alert", "pc_notification_priority": 10,
                "pc_notification_timeout": 600, "pc_collapse_id": "%USER_ID%",
            }],
            "withdrawal": [{
                "aps": { "content-available": 1 }, "type": "withdrawn", "transactionid": "%TRANSACTION_ID%",
                "pc_notification_type": "background", "pc_notification_priority": 5,
            }],
        }},
        "huawei": { "templates": { "transaction": [{
            "validate_only": false,
            "message": {
                "android": { "urgency": "HIGH", "data": "{\"transactionid\": \"%TRANSACTION_ID%\"}" },
                "token": ["%DEVICE_TOKEN%"],
            },
        }]}},
        "telegram": { "templates": { "transaction": [
            { "chat_id": "%DEVICE_TOKEN%", "text": "To be confirmed" },
        ]}},
    })
}

pub fn address(device_type: DeviceType, token: &str) -> PushAddress {
    PushAddress {
        device_push_id: token.to_owned(),
        device_type,
        app_id: Some(APP.to_owned()),
    }
}

/// The identity of a transaction's push.
pub fn push_id(id: &TransactionId) -> String {
    let about = format!("transaction/{SYSTEM_ID}/{id}");
    let identity = Digest::of(&[b"push", about.as_bytes()]);
    format!("push_{}", hex::encode(&identity.0[..16]))
}

pub fn user_of(phone: &Phone) -> String {
    phone.key().info().user_id.to_string()
}
