//! Recovering a key: the user sets up an additional authentication while the key is in use, and gets another key by it later.

use schemas::flags::KeyFlags;
use schemas::{Digest, KeyIndex, Timestamp};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Device, NoWords};
use crate::chance;
use crate::contents::{
    KeyRenewed, RecoveryChallenge, RecoveryRequisites, RecoveryTemplate, RecoveryTemplates,
    TemplateSet,
};
use crate::credentials::{SALT_BYTES, StretchedPassword};
use crate::error::{AnswerError, Error, LocalError};
use crate::key::{DeviceKey, PendingRenewal, Secrets};
use crate::key_json::KeyMaterial;
use crate::request::{DeviceEventId, Submission};
use crate::secrets::{MacKey, MasterKey, ReleaseError, open_released};
use crate::signer::prefixed;
use crate::store::Cost;
use crate::transport::Transport;

/// Domain of the signature over what is set up.
const TEMPLATE_DOMAIN: &[u8] = b"pc-ext-auth-v1";
/// Domain of the answer that follows from a code word.
const PROOF_DOMAIN: &[u8] = b"pc-renew-key-v1";

/// What follows from a code word. As secret as the word.
pub struct CodeWord(MacKey);

#[derive(Serialize)]
struct SetTemplate<'a> {
    template_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requisites: Option<&'a str>,
    signature: String,
}

#[derive(Serialize)]
struct Respond<'a> {
    challenge: &'a Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<&'a str>,
}

impl CodeWord {
    /// Stretches a word, without the spaces around it. Takes noticeable time and memory.
    pub fn of(word: &str, salt: &[u8; SALT_BYTES]) -> Result<Self, LocalError> {
        let stretched = StretchedPassword::of(word.trim(), salt, Cost::default());
        let stretched = stretched.ok_or(LocalError::DerivationRefused)?;
        Ok(Self(stretched.code_word()))
    }

    /// What the server keeps.
    pub(crate) fn verifier(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// What it makes of a challenge.
    pub fn proof(&self, key: &DeviceKey, challenge: &Digest) -> Digest {
        let info = &key.info;
        let message = prefixed(&[
            PROOF_DOMAIN,
            info.system_id.as_str().as_bytes(),
            info.user_id.as_str().as_bytes(),
            info.key_index.to_string().as_bytes(),
            &challenge.0,
        ]);
        MacKey::derive(self.verifier(), "pc/renew-proof").mac(&[&message])
    }
}

/// What the registered pair signs when its user sets up an additional authentication.
pub(crate) fn template_message(
    key: &DeviceKey,
    template_id: &str,
    kind: &str,
    requisites: &[u8],
) -> Vec<u8> {
    let info = &key.info;
    prefixed(&[
        TEMPLATE_DOMAIN,
        info.system_id.as_str().as_bytes(),
        info.user_id.as_str().as_bytes(),
        info.key_index.to_string().as_bytes(),
        template_id.as_bytes(),
        kind.as_bytes(),
        requisites,
    ])
}

impl<T: Transport> Device<T> {
    /// The ways of additional authentication that are offered.
    pub async fn recovery_templates(&self, now: Timestamp) -> Result<Vec<RecoveryTemplate>, Error> {
        let event_id = DeviceEventId::fresh();
        let question = self.submission("remote_update/templates", &event_id, now, NoWords {});
        let offered: RecoveryTemplates = self.submit(&question, now).await?;
        Ok(offered.templates)
    }

    /// Sets up a code word. It takes noticeable time and memory; call it where blocking is allowed.
    pub async fn set_code_word(
        &self,
        template_id: &str,
        word: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let salt: [u8; SALT_BYTES] = chance::bytes();
        let word = CodeWord::of(word, &salt)?;
        let mut signed = Zeroizing::new(salt.to_vec());
        signed.extend_from_slice(word.verifier());
        let message = Zeroizing::new(template_message(
            &self.key,
            template_id,
            "code_word",
            &signed,
        ));
        let verifier = Zeroizing::new(hex::encode(word.verifier()));
        let content = SetTemplate {
            template_id,
            salt: Some(hex::encode(salt)),
            verifier: Some(&verifier),
            requisites: None,
            signature: hex::encode(self.key.pair()?.sign(&message)),
        };
        self.set_template(content, now).await
    }

    /// Sets up an authentication by a service of the bank's, with what the service is to know about the user.
    pub async fn set_requisites(
        &self,
        template_id: &str,
        requisites: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let message = template_message(&self.key, template_id, "http", requisites.as_bytes());
        let content = SetTemplate {
            template_id,
            salt: None,
            verifier: None,
            requisites: Some(requisites),
            signature: hex::encode(self.key.pair()?.sign(&message)),
        };
        self.set_template(content, now).await
    }

    async fn set_template(&self, content: SetTemplate<'_>, now: Timestamp) -> Result<(), Error> {
        let event_id = DeviceEventId::fresh();
        let submission = self.submission("remote_update/set_template", &event_id, now, content);
        let TemplateSet {} = self.submit(&submission, now).await?;
        Ok(())
    }

    /// What the user has set up.
    pub async fn recovery_requisites(&self, now: Timestamp) -> Result<RecoveryRequisites, Error> {
        let event_id = DeviceEventId::fresh();
        let question = self.submission("remote_update/get_requisites", &event_id, now, NoWords {});
        self.submit(&question, now).await
    }

    /// Begins a recovery: what is to be answered.
    pub async fn recovery_challenge(&self, now: Timestamp) -> Result<RecoveryChallenge, Error> {
        let event_id = DeviceEventId::fresh();
        let question = self.submission("remote_update/challenge", &event_id, now, NoWords {});
        self.submit(&question, now).await
    }

    /// Answers a challenge with the code word. With the right one this key is another from then on: whole, and without a
    /// pair. Save it, and register. Blocks like [`Device::set_code_word`].
    ///
    /// Where the outcome stays open the key keeps what it takes to ask again: call [`Device::finish_recovery`].
    pub async fn recover_with_code_word(
        &mut self,
        challenge: &RecoveryChallenge,
        word: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let salt = challenge.salt.as_deref().unwrap_or_default();
        let mut bytes = [0; SALT_BYTES];
        hex::decode_to_slice(salt, &mut bytes)
            .map_err(|_| AnswerError::ValueImpossible("salt of the code word"))?;
        let word = CodeWord::of(word, &bytes)?;
        let content = Respond {
            challenge: &challenge.challenge,
            proof: Some(word.proof(&self.key, &challenge.challenge)),
            response: None,
        };
        let shown = Zeroizing::new(*word.verifier());
        self.recover(content, shown, now).await
    }

    /// Answers a challenge with a text that a service of the bank's checks; else like [`Device::recover_with_code_word`].
    pub async fn recover_with_response(
        &mut self,
        challenge: &RecoveryChallenge,
        response: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let content = Respond {
            challenge: &challenge.challenge,
            proof: None,
            response: Some(response),
        };
        let shown = Zeroizing::new(challenge.challenge.0);
        self.recover(content, shown, now).await
    }

    async fn recover(
        &mut self,
        content: Respond<'_>,
        shown: Zeroizing<[u8; 32]>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let event_id = DeviceEventId::fresh();
        let submission: Submission<KeyRenewed> =
            self.submission("remote_update/response", &event_id, now, content);
        self.key.renewing = Some(PendingRenewal { shown, submission });
        self.finish_recovery(now).await
    }

    /// Sends the answer under way, once more if need be. Without one there is nothing to do.
    pub async fn finish_recovery(&mut self, now: Timestamp) -> Result<(), Error> {
        let Some(pending) = &self.key.renewing else {
            return Ok(());
        };
        match self.submit(&pending.submission, now).await {
            Ok(renewed) => Ok(self.key.renew(&renewed)?),
            Err(error) => {
                if error.is_final() {
                    self.key.renewing = None;
                }
                Err(error)
            }
        }
    }
}

impl DeviceKey {
    /// Puts the key that came for the answer under way in the place of this one.
    fn renew(&mut self, renewed: &KeyRenewed) -> Result<(), AnswerError> {
        let released = hex::decode(&renewed.released)
            .map_err(|_| AnswerError::ValueImpossible("released key"))?;
        let (Secrets::Whole { master, .. }, Some(pending)) = (&self.secrets, &self.renewing) else {
            unreachable!("only a whole key with an answer under way is renewed");
        };
        let key = renewal_key(master, &pending.shown);
        let info = &self.info;
        let associated = renewal_associated(info, renewed.key_index);
        let open = open_released(&key, &associated, &released)?;
        let bytes = <[u8; 32]>::try_from(open.as_slice()).map_err(|_| ReleaseError)?;
        let master = MasterKey::new(&Zeroizing::new(bytes));
        self.info.key_index = renewed.key_index;
        self.info.key_flags = KeyFlags::from_bits(renewed.key_flags);
        self.info.valid_to = Timestamp(renewed.valid_to.saturating_mul(1000));
        self.secrets = Secrets::new(KeyMaterial::Whole(master));
        self.pair = None;
        self.autosign_pair = None;
        self.registering = None;
        self.renewing = None;
        self.fingerprint = None;
        Ok(())
    }
}

/// The key under which a new key travels, for whoever holds the old one and knows what was shown.
pub(crate) fn renewal_key(old: &MasterKey, shown: &[u8; 32]) -> MacKey {
    let mut both = Zeroizing::new(old.expose().to_vec());
    both.extend_from_slice(shown);
    MacKey::derive(&both, "pc/renew-release")
}

/// What a new key is bound to on its way.
pub(crate) fn renewal_associated(info: &crate::KeyInfo, key_index: KeyIndex) -> String {
    format!("{}/{}/{key_index}/renewed", info.system_id, info.user_id)
}
