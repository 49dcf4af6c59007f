//! A device that may confirm by itself.

use schemas::answers::{AnswerBody, AutoconfirmOffer};
use schemas::commands::devices::SetFingerprint;
use schemas::commands::keys::KeyParts;
use schemas::commands::transactions::{AutoconfirmTransaction, ListAutoconfirm};
use schemas::flags::{AUTOSIGN_ENABLED, Flag, SCORING_ENABLED, WITH_FINGERPRINT};
use schemas::{Digest, Secret};

use super::{Story, key_request};
use crate::crypto::autosign::autosign_digest;

impl Story {
    /// A registered device with a second pair, and a scoring service that wants 70.
    pub(crate) fn of_autosign() -> Self {
        let mut story = Self::of_autosign_unregistered();
        story.register_second_pair();
        story
    }

    /// The same without the second pair.
    pub(crate) fn of_autosign_unregistered() -> Self {
        Self::of_autosign_with(1, 1)
    }

    /// A registered device whose key has these flags.
    pub(crate) fn of_autosign_with(autosign: u32, scoring: u32) -> Self {
        let flags = [(&AUTOSIGN_ENABLED, autosign), (&SCORING_ENABLED, scoring)];
        let mut story = Self::with_autosign_flags(&flags);
        story.register_device();
        story
    }

    /// The same as [`Self::of_autosign`], with a key that is bound to this device.
    pub(crate) fn of_autosign_bound_to(device_fingerprint: Digest) -> Self {
        let flags = [
            (&AUTOSIGN_ENABLED, 1),
            (&SCORING_ENABLED, 1),
            (&WITH_FINGERPRINT, 1),
        ];
        let mut story = Self::with_autosign_flags(&flags);
        story.register_second_pair();
        story
            .device_asks(SetFingerprint { device_fingerprint })
            .happens(&["set_device_fingerprint"]);
        story
    }

    fn with_autosign_flags(flags: &[(&Flag, u32)]) -> Self {
        let mut request = key_request(KeyParts::Whole);
        for (flag, value) in flags {
            request.flags.set(flag, *value);
        }
        let mut story = Self::of_a_user_with(request);
        let settings =
            r#"{"url":"https://score.example/","score_min":70,"application":{"site":"bank"}}"#;
        story.set("SCORING_SETTINGS", settings);
        story
    }

    fn register_second_pair(&mut self) {
        let mut command = self.device.registration();
        command.autosign_public_key = Some(self.autosigner.public_key());
        self.device_asks(command).happens(&["register_public_key"]);
    }

    /// What the device may confirm by itself.
    pub(crate) fn autoconfirm_list(&mut self) -> Vec<AutoconfirmOffer> {
        let heard = self.device_asks(ListAutoconfirm {});
        heard.happens(&["get_autoconfirm_list"]);
        match heard.answer() {
            AnswerBody::AutoconfirmList(offers) => offers,
            other => panic!("a list was expected: {other:?}"),
        }
    }

    /// The device's own consent, in an attempt that was just offered.
    pub(crate) fn autoconfirmation(&mut self, id: &str) -> AutoconfirmTransaction {
        let offers = self.autoconfirm_list();
        let offer = offers
            .iter()
            .find(|offer| offer.info.transaction_id.as_str() == id);
        let attempt_id = offer.expect("the transaction is offered").attempt_id;
        self.autoconfirmation_in(id, attempt_id)
    }

    /// The device's own consent, in this attempt.
    pub(crate) fn autoconfirmation_in(
        &self,
        id: &str,
        attempt_id: Digest,
    ) -> AutoconfirmTransaction {
        let digest = autosign_digest(&attempt_id, &self.digest(id));
        AutoconfirmTransaction {
            transaction_id: id.parse().unwrap(),
            attempt_id,
            signature: self.autosigner.sign(&digest),
            scoring_session: Secret::new("session-1"),
            device_fingerprint: None,
        }
    }
}
