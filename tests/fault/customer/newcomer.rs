//! A customer whose key came in two parts: it works once the activation code has released the second.

use base64::Engine as _;
use device::{Device, ReqwestTransport};
use tokio::time::Instant;

use super::{Customer, PAUSE, Way, now, settled};
use crate::history::Outcome;

/// A customer whose key still needs its activation code.
#[derive(Debug)]
pub struct Newcomer {
    way: Way,
    user_id: String,
    phone: Device<ReqwestTransport>,
    code: String,
}

impl Newcomer {
    /// Whose key it is.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// Activates with the right code, insisting under one identity.
    pub async fn activate(&mut self) -> Outcome {
        let code = self.code.clone();
        self.activate_with(&code).await
    }

    /// Activates with a wrong code.
    pub async fn activate_wrongly(&mut self) -> Outcome {
        let wrong = if self.code.starts_with('0') {
            "1000000000"
        } else {
            "0000000000"
        };
        self.activate_with(wrong).await
    }

    async fn activate_with(&mut self, code: &str) -> Outcome {
        let end = Instant::now() + self.way.patience;
        while Instant::now() < end {
            let settled = settled(self.phone.activate(code, now()).await);
            if settled != Outcome::Unknown {
                return settled;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Outcome::Unknown
    }

    /// The customer, once the key is whole.
    pub async fn settle_in(mut self) -> Customer {
        self.way.register(&mut self.phone).await;
        Customer {
            way: self.way,
            user_id: self.user_id,
            phone: self.phone,
        }
    }
}

impl Way {
    /// A new user with a key in two parts.
    pub async fn enroll_in_two_parts(&self, name: &str) -> Newcomer {
        let (user_id, issued) = self.issue(name, "SPLIT_QR").await;
        let picture = issued["key_QR"].as_str().expect("the answer has a picture");
        let picture = base64::engine::general_purpose::STANDARD
            .decode(picture)
            .expect("the picture is base64");
        let text = countersign::camera::read(&picture).expect("the picture is readable");
        let code = issued["activation_code"]
            .as_str()
            .expect("the answer has a code")
            .to_owned();
        Newcomer {
            way: self.clone(),
            user_id,
            phone: self.phone(&text),
            code,
        }
    }
}
