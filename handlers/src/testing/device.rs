//! A device that plays by the protocol, written from the protocol's side: it shares the primitives with the deciders, and
//! `device/` checks those against another implementation.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{Digest as ImportedDigest, SHA256};
use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use ecdsa::hazmat::sign_prehashed;
use p256::{NistP256, NonZeroScalar, Scalar, SecretKey};
use schemas::answers::{AnswerBody, IssuedKey};
use schemas::commands::credentials::CredentialsCommand;
use schemas::commands::keys::KeyCommand;
use schemas::commands::keys::RegisterPublicKey;
use schemas::commands::{Command, DeviceClaim};
use schemas::pc_auth::PcAuth;
use schemas::{Digest, KeyIndex, Secret, SystemId, Timestamp, UserId};

use super::{Heard, RFC_6979_KEY, push_address};
use crate::crypto::confirm_code::Subject;
use crate::crypto::key_material::{activation_request_key, confirm_key, derive, join, request_key};
use crate::crypto::public_key::{Purpose, renewal_digest};
use crate::crypto::{activation, pc_auth, sealing};

/// A phone with a key.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) system_id: SystemId,
    pub(crate) user_id: UserId,
    pub(crate) key_index: KeyIndex,
    pub(crate) first_part: Secret,
    pub(crate) second_part: Option<Secret>,
    pub(crate) fingerprint: Option<Digest>,
    pub(crate) clock_offset_ms: i64,
    pub(crate) tampers_with_message: bool,
    /// Whether it has nothing but the key that lies outside of its password.
    pub(crate) is_locked: bool,
    two_parts: bool,
    signer: Arc<EcdsaKeyPair>,
    requests: u128,
    response_key: Option<Secret>,
}

impl Device {
    /// A phone that read the QR code of an issued key.
    pub(crate) fn of(key: &IssuedKey, system_id: &SystemId) -> Self {
        Self {
            key_index: key.key_index,
            first_part: key.first_part.clone(),
            two_parts: key.two_parts,
            ..Self::stranger(system_id, &key.user_id)
        }
    }

    /// A phone that read nothing.
    pub(crate) fn stranger(system_id: &SystemId, user_id: &UserId) -> Self {
        Self {
            system_id: system_id.clone(),
            user_id: user_id.clone(),
            key_index: KeyIndex(1),
            first_part: Secret::new([0; 32]),
            second_part: None,
            fingerprint: None,
            clock_offset_ms: 0,
            tampers_with_message: false,
            is_locked: false,
            two_parts: false,
            signer: new_signer(),
            requests: 0,
            response_key: None,
        }
    }

    pub(crate) fn claim(&mut self, command: &Command, now: Timestamp) -> DeviceClaim {
        self.requests += 1;
        let mut auth = PcAuth {
            system_id: self.system_id.clone(),
            user_id: self.user_id.clone(),
            key_index: self.key_index,
            timestamp: now.plus_ms(self.clock_offset_ms),
            nonce: self.requests.to_be_bytes(),
            mac: Digest([0; 32]),
        };
        let mut message = auth.message("POST", "/pc-client-api/v1/…", &Digest::sha256(b"{}"));
        let key = self.request_key(command);
        auth.mac = Digest(pc_auth::sign(&key, &[&message]));
        self.response_key = Some(pc_auth::response_key(&key, &auth.nonce));
        if self.tampers_with_message {
            message.push(b'!');
        }
        DeviceClaim { auth, message }
    }

    /// What the answer to the last request must be authenticated with.
    pub(crate) fn expected_response_key(&self) -> Option<Secret> {
        self.response_key.clone()
    }

    pub(crate) fn public_key(&self) -> Vec<u8> {
        public_key(&self.signer)
    }

    pub(crate) fn registration(&self) -> RegisterPublicKey {
        RegisterPublicKey {
            public_key: self.public_key(),
            public_key_signature: None,
            autosign_public_key: None,
            autosign_public_key_signature: None,
            push: Some(push_address()),
            telegram_chat_id: None,
        }
    }

    /// The registration of a new key pair, signed by the one before.
    pub(crate) fn renewal(&self) -> RegisterPublicKey {
        let public_key = public_key(&new_signer());
        let digest = self.renewal_digest(Purpose::User, &public_key);
        RegisterPublicKey {
            public_key,
            public_key_signature: Some(self.sign(&digest)),
            autosign_public_key: None,
            autosign_public_key_signature: None,
            push: None,
            telegram_chat_id: None,
        }
    }

    /// What the pair before signs when it hands over to this one.
    pub(crate) fn renewal_digest(&self, purpose: Purpose, public_key: &[u8]) -> Digest {
        let (system_id, user_id) = (&self.system_id, &self.user_id);
        renewal_digest(purpose, system_id, user_id, self.key_index, public_key)
    }

    pub(crate) fn sign(&self, digest: &Digest) -> Vec<u8> {
        let digest = ImportedDigest::import_less_safe(digest.as_bytes(), &SHA256).unwrap();
        self.signer.sign_digest(&digest).unwrap().as_ref().to_vec()
    }

    /// As a broken random source signs: the nonce is this number.
    pub(crate) fn sign_with_nonce(&self, digest: &Digest, nonce: u64) -> Vec<u8> {
        let private = self.signer.private_key().as_be_bytes().unwrap();
        let private = SecretKey::from_slice(private.as_ref()).unwrap();
        let nonce = NonZeroScalar::new(Scalar::from(nonce)).unwrap();
        let (signature, _) =
            sign_prehashed::<NistP256>(&private.to_nonzero_scalar(), &nonce, digest.as_bytes())
                .unwrap();
        signature.to_der().as_bytes().to_vec()
    }

    pub(crate) fn code(&self, digest: &Digest, length: Option<u8>, step: i64) -> String {
        Subject {
            key: &confirm_key(&self.whole()),
            digest,
            fingerprint: self.fingerprint.as_ref(),
            length,
        }
        .code(step)
    }

    pub(crate) fn proof(&self, code: &Secret) -> Digest {
        Digest(activation::proof(self.first_part.expose(), code.expose()))
    }

    pub(crate) fn open_released(&mut self, code: &Secret, released: &Secret) {
        let joined = [self.first_part.expose(), code.expose()].concat();
        let release_key = derive(&joined, "pc/release");
        let (nonce, closed) = released.expose().split_at(NONCE_LEN);
        let associated = format!("{}/{}/{}", self.system_id, self.user_id, self.key_index);
        let mut bytes = closed.to_vec();
        let opened = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, release_key.expose()).unwrap())
            .open_in_place(
                Nonce::try_assume_unique_for_key(nonce).unwrap(),
                Aad::from(associated.as_bytes()),
                &mut bytes,
            )
            .unwrap();
        self.second_part = Some(Secret::new(&*opened));
    }

    /// The phone with the key that it got for the right answer to a challenge.
    pub(crate) fn renewed(&self, key_index: KeyIndex, shown: &[u8], released: &Secret) -> Self {
        let both = [self.whole().expose(), shown].concat();
        let key = derive(&both, "pc/renew-release");
        let associated = format!("{}/{}/{key_index}/renewed", self.system_id, self.user_id);
        let open = sealing::open(&key, &associated, released.expose());
        Self {
            key_index,
            first_part: open.expect("it was closed for this phone"),
            ..Self::stranger(&self.system_id, &self.user_id)
        }
    }

    fn whole(&self) -> Secret {
        match &self.second_part {
            Some(second_part) => join(self.first_part.expose(), second_part.expose()).unwrap(),
            None => self.first_part.clone(),
        }
    }

    fn request_key(&self, command: &Command) -> Secret {
        let activates = matches!(command, Command::Keys(KeyCommand::Activate(_)));
        let asks_for_access = matches!(command, Command::Credentials(CredentialsCommand::Get(_)));
        if activates || (self.two_parts && self.second_part.is_none()) {
            activation_request_key(self.first_part.expose())
        } else if asks_for_access || self.is_locked {
            derive(self.whole().expose(), "pc/credentials")
        } else {
            request_key(&self.whole())
        }
    }

    /// The access key that an answer carries, with a proof of 32 times this byte.
    pub(crate) fn open_access_key(&self, heard: &Heard, proof: u8) -> Secret {
        let AnswerBody::AccessKey { closed } = heard.answer() else {
            panic!("an access key was expected");
        };
        let associated = format!(
            "{}/{}/{}/access",
            self.system_id, self.user_id, self.key_index
        );
        let release_key = derive(&[proof; 32], "pc/access-release");
        sealing::open(&release_key, &associated, closed.expose()).unwrap()
    }
}

/// The other signature of the same digest: `(r, n - s)`.
pub(crate) fn twin(der: &[u8]) -> Vec<u8> {
    crate::crypto::signature::twin_for_tests(der)
}

fn new_signer() -> Arc<EcdsaKeyPair> {
    Arc::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
}

fn public_key(signer: &EcdsaKeyPair) -> Vec<u8> {
    let point_starts = 26;
    let prefix = hex::decode(RFC_6979_KEY).unwrap()[..point_starts].to_vec();
    [&prefix[..], signer.public_key().as_ref()].concat()
}
