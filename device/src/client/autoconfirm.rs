//! Automatic confirmations: the device agrees without its user, with its second pair, if the server trusts the device.

use schemas::{Digest, Timestamp, TransactionId};
use serde::Serialize;

use super::{Device, NoWords};
use crate::contents::{AutoconfirmList, ScoringSettings, TransactionAutoconfirmed};
use crate::error::{Error, LocalError};
use crate::request::{DeviceEventId, Submission};
use crate::shown::Shown;
use crate::signer::autosign_message;
use crate::transport::Transport;

pub use crate::contents::AutoconfirmOffer as Offer;

#[derive(Serialize)]
struct Autoconfirm<'a> {
    attempt_id: &'a Digest,
    signature: String,
    scoring_session: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_fingerprint: Option<Digest>,
}

impl<T: Transport> Device<T> {
    /// What the application gives to the scoring service's library.
    pub async fn scoring_settings(
        &self,
        now: Timestamp,
    ) -> Result<serde_json::Map<String, serde_json::Value>, Error> {
        let event_id = DeviceEventId::fresh();
        let question = self.submission("scoring/settings", &event_id, now, NoWords {});
        let settings: ScoringSettings = self.submit(&question, now).await?;
        Ok(settings.application)
    }

    /// What may be confirmed without the user, each with an attempt that counts once and for a minute.
    pub async fn autoconfirm_list(&self, now: Timestamp) -> Result<Vec<Offer>, Error> {
        let event_id = DeviceEventId::fresh();
        let question = self.submission("autoconfirm/get_list", &event_id, now, NoWords {});
        let list: AutoconfirmList = self.submit(&question, now).await?;
        Ok(list.transactions)
    }

    /// Fetches an offered transaction, signs it in its attempt, and sends it with the session of the scoring service's
    /// library. 302 and 304 mean: ask the user.
    pub async fn autoconfirm(
        &self,
        offer: &Offer,
        scoring_session: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let shown = self.show(&offer.transaction.transaction_id, now).await?;
        let submission = self.autoconfirmation(
            &shown,
            &offer.attempt_id,
            scoring_session,
            &DeviceEventId::fresh(),
            now,
        )?;
        self.submit(&submission, now).await?;
        Ok(())
    }

    /// Signs what was fetched in this attempt and fixes the body, ready to be submitted, once or again.
    pub fn autoconfirmation(
        &self,
        shown: &Shown,
        attempt_id: &Digest,
        scoring_session: &str,
        event_id: &DeviceEventId,
        now: Timestamp,
    ) -> Result<Submission<TransactionAutoconfirmed>, LocalError> {
        let signature = self.autosign_signature(shown, attempt_id)?;
        let content = Autoconfirm {
            attempt_id,
            signature: hex::encode(signature),
            scoring_session,
            device_fingerprint: self.key.bound_fingerprint(),
        };
        let id: &TransactionId = shown.transaction_id();
        self.about(id, "autoconfirm", event_id, now, content)
    }

    /// The second pair's signature of what was fetched, in this attempt, DER. Nothing is sent.
    pub fn autosign_signature(
        &self,
        shown: &Shown,
        attempt_id: &Digest,
    ) -> Result<Vec<u8>, LocalError> {
        shown.check_owner(&self.key.info)?;
        let pair = self.key.autosign_pair.as_ref();
        let pair = pair.ok_or(LocalError::NoSecondPair)?;
        Ok(pair.sign(&autosign_message(attempt_id, shown.digest())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_server::{FakeServer, NOW, TRANSACTION, WHOLE_KEY};
    use crate::key::DeviceKey;

    #[tokio::test]
    async fn a_key_without_the_flag_has_no_second_pair() {
        let server = FakeServer::whole();
        let mut device = Device::new(DeviceKey::import(WHOLE_KEY).unwrap(), &server).unwrap();
        device.register(None, NOW).await.unwrap();
        assert!(
            server.heard("register")[0]
                .get("autosign_public_key")
                .is_none()
        );
        let id: TransactionId = TRANSACTION.parse().unwrap();
        let shown = device.show(&id, NOW).await.unwrap();
        let signature = device.autosign_signature(&shown, &Digest([7; 32]));
        assert!(matches!(signature, Err(LocalError::NoSecondPair)));
    }

    #[tokio::test]
    async fn a_key_with_the_flag_registers_two_pairs_and_hands_both_over() {
        let server = FakeServer::whole();
        // 67584 with bit 10.
        let text = WHOLE_KEY.replace("67584", "68608");
        let mut device = Device::new(DeviceKey::import(&text).unwrap(), &server).unwrap();
        device.register(None, NOW).await.unwrap();
        device.register(None, NOW).await.unwrap();
        let heard = server.heard("register");
        let of = |index: usize, name: &str| heard[index].get(name).cloned();
        assert!(of(0, "autosign_public_key_signature").is_none());
        assert!(of(1, "autosign_public_key_signature").is_some());
        assert_ne!(of(0, "autosign_public_key"), of(1, "autosign_public_key"));
        assert_ne!(of(1, "public_key"), of(1, "autosign_public_key"));
        let id: TransactionId = TRANSACTION.parse().unwrap();
        let shown = device.show(&id, NOW).await.unwrap();
        let one = device.autosign_signature(&shown, &Digest([7; 32])).unwrap();
        let other = device.autosign_signature(&shown, &Digest([8; 32])).unwrap();
        assert_ne!(one, other, "the attempt is signed, too");
        assert_ne!(one, device.signature(&shown).unwrap());
    }
}
