//! Given, when, then: a small house around the deciders, with the runner's manners and a device that plays by the
//! protocol. It has a hand-turned clock, a vault in memory, and it shows a decider only the rows that were asked for.

mod autosign;
mod device;
mod heard;
pub(crate) mod recovery;
mod requests;
mod runner;

use schemas::answers::{AnswerBody, OperationData, TransactionData};
use schemas::canonical::UserData;
use schemas::commands::code_orders::Channel;
use schemas::commands::credentials::{GetCredentialsSalt, SetCredentials};
use schemas::commands::keys::{ActivateKey, KeyParts, KeyRequest, UpdateUserKey};
use schemas::commands::operations::{GetOperationData, MemberAnswer, ProcessOperation, YesOrNo};
use schemas::commands::transactions::{ConfirmTransaction, GetTransactionData};
use schemas::commands::users::CreateUser;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::operations::OperationEvent;
use schemas::flags::ONLINE_CREDENTIALS;
use schemas::outside::{OutsideAnswer, OutsideQuestion};
use schemas::settings::Settings;
use schemas::{Digest, Owner, Secret, SystemId, Timestamp, TransactionId, UserId};

use crate::{CodePolicy, LicenseFacts, OwnerState, VaultFacts, Verified};
pub(crate) use device::{Device, twin};
pub(crate) use heard::Heard;
pub(crate) use requests::{
    create_operation, create_transaction, create_user, delayed, described, key_request,
    push_address, register_system,
};

/// The public key of RFC 6979, A.2.5, as SubjectPublicKeyInfo.
pub(crate) const RFC_6979_KEY: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004\
    60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
    7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";

/// When every story begins.
pub(crate) const NOW: Timestamp = Timestamp(1_703_499_267_298);

/// A house with one system and one user, and everything that happened in it.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) system_id: SystemId,
    pub(crate) user_id: UserId,
    pub(crate) state: OwnerState,
    pub(crate) settings: Settings,
    pub(crate) vault: VaultFacts,
    pub(crate) license: LicenseFacts,
    /// Both ways, unless a story says otherwise.
    pub(crate) code_policy: CodePolicy,
    pub(crate) device: Device,
    /// The second pair of the device, for automatic confirmations.
    pub(crate) autosigner: Device,
    /// An answer from beside the lane that the next decision is given, instead of the true one.
    pub(crate) verified_beside: Option<Verified>,
    /// What the outside answers to everything; nothing, unless a story says otherwise.
    pub(crate) outside: OutsideAnswer,
    /// What the outside was asked.
    pub(crate) asked_outside: Vec<OutsideQuestion>,
    /// The user's history.
    pub(crate) history: Vec<RecordedEvent>,
    server: OwnerState,
    /// The access key of the story's password.
    pub(crate) access_key: Option<Secret>,
    system: OwnerState,
    now: Timestamp,
    counter: u64,
    drawn_code: Option<Secret>,
}

impl Story {
    pub(crate) fn of_an_empty_house() -> Self {
        let system_id: SystemId = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse().unwrap();
        let user_id: UserId = "sample-1".parse().unwrap();
        Self {
            state: OwnerState::empty(&Owner::User(system_id.clone(), user_id.clone())),
            server: OwnerState::empty(&Owner::Server),
            system: OwnerState::empty(&Owner::System(system_id.clone())),
            device: Device::stranger(&system_id, &user_id),
            autosigner: Device::stranger(&system_id, &user_id),
            system_id,
            user_id,
            settings: Settings::default(),
            vault: VaultFacts::default(),
            license: LicenseFacts::default(),
            code_policy: CodePolicy {
                channels: Channel::ALL.to_vec(),
                ..CodePolicy::default()
            },
            verified_beside: None,
            outside: OutsideAnswer::Unavailable,
            asked_outside: Vec::new(),
            history: Vec::new(),
            access_key: None,
            now: NOW,
            counter: 0,
            drawn_code: None,
        }
    }

    pub(crate) fn of_a_system() -> Self {
        let mut story = Self::of_an_empty_house();
        story
            .system_asks(register_system())
            .happens(&["register_system"]);
        story
    }

    pub(crate) fn of_a_system_billed(billing_type: i64) -> Self {
        let mut story = Self::of_an_empty_house();
        let mut command = register_system();
        command.billing_type = billing_type;
        story.system_asks(command).happens(&["register_system"]);
        story
    }

    /// A user with a whole key.
    pub(crate) fn of_a_user() -> Self {
        Self::of_a_user_with(key_request(KeyParts::Whole))
    }

    pub(crate) fn of_a_user_with(key: KeyRequest) -> Self {
        let mut story = Self::of_a_system();
        let command = CreateUser {
            user_name: Some("Иван Иванов".to_owned()),
            key,
        };
        story.bank_asks(command).happens(&["create_user"]);
        story
    }

    pub(crate) fn of_a_registered_device() -> Self {
        let mut story = Self::of_a_user();
        story.register_device();
        story
    }

    /// A user whose key asks for the server's part in its password.
    pub(crate) fn of_online_credentials() -> Self {
        let mut request = key_request(KeyParts::Whole);
        request.flags.set(&ONLINE_CREDENTIALS, 1);
        Self::of_a_user_with(request)
    }

    /// The same, with a password whose proof is 32 times this byte.
    pub(crate) fn of_a_password(proof: u8) -> Self {
        let mut story = Self::of_online_credentials();
        story
            .device_asks(GetCredentialsSalt {})
            .happens(&["get_credentials_salt"]);
        let heard = story.device_asks(SetCredentials {
            proof: Secret::new([proof; 32]),
            old_proof: None,
        });
        heard.happens(&["set_credentials"]);
        story.access_key = Some(story.device.open_access_key(&heard, proof));
        story
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.set(name, value).unwrap();
    }

    pub(crate) fn at(&mut self, now: Timestamp) {
        self.now = now;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// The bank issues another key, and the device takes it over.
    pub(crate) fn replace_key(&mut self) {
        let command = UpdateUserKey {
            key: key_request(KeyParts::Whole),
            is_delayed: false,
        };
        self.bank_asks(command).happens(&["update_user_key"]);
    }

    pub(crate) fn register_device(&mut self) {
        let command = self.device.registration();
        self.device_asks(command).happens(&["register_public_key"]);
    }

    pub(crate) fn activate_device(&mut self) {
        let code = self.drawn_code();
        let proof = self.device.proof(&code);
        let heard = self.device_asks(ActivateKey { proof });
        let AnswerBody::KeyActivated { released } = heard.answer() else {
            panic!("the second half was expected");
        };
        self.device.open_released(&code, &released);
    }

    pub(crate) fn create_transaction(&mut self, id: &str) {
        self.bank_asks(create_transaction(id))
            .happens(&["create_transaction"]);
    }

    pub(crate) fn create_transaction_until(&mut self, id: &str, seconds: i64) {
        let mut command = create_transaction(id);
        command.ttl_s = Some(seconds);
        self.bank_asks(command).happens(&["create_transaction"]);
    }

    pub(crate) fn get_data(&mut self, id: &str) -> TransactionData {
        let transaction_id = id.parse().unwrap();
        let heard = self.device_asks(GetTransactionData { transaction_id });
        heard.happens(&["get_transaction_data"]);
        match heard.answer() {
            AnswerBody::TransactionData(data) => *data,
            other => panic!("a text was expected: {other:?}"),
        }
    }

    /// What is remembered of the user.
    pub(crate) fn person(&self) -> &crate::users::Person {
        let OwnerState::User(user) = &self.state else {
            unreachable!("the story is about a user")
        };
        user.life.present().unwrap()
    }

    /// What the log has of a transaction's content; zeros for one it has not.
    pub(crate) fn digest(&self, id: &str) -> Digest {
        let id: TransactionId = id.parse().unwrap();
        let OwnerState::User(user) = &self.state else {
            unreachable!("the story is about a user")
        };
        let person = user.life.present().ok();
        let transaction = person.and_then(|person| person.transactions.get(&id).ok());
        transaction.map_or(Digest([0; 32]), |transaction| transaction.digest)
    }

    /// The device's consent, signed.
    pub(crate) fn confirmation(&self, id: &str) -> ConfirmTransaction {
        ConfirmTransaction {
            transaction_id: id.parse().unwrap(),
            signature: Some(self.device.sign(&self.digest(id))),
            confirm_code: None,
            device_fingerprint: None,
        }
    }

    /// A confirmation whose signature has this nonce.
    pub(crate) fn confirmation_with_nonce(&self, id: &str, nonce: u64) -> ConfirmTransaction {
        ConfirmTransaction {
            signature: Some(self.device.sign_with_nonce(&self.digest(id), nonce)),
            ..self.confirmation(id)
        }
    }

    /// The device's confirmation code, some steps from now.
    pub(crate) fn code(&self, id: &str, steps: i64) -> String {
        let parsed: TransactionId = id.parse().unwrap();
        let OwnerState::User(user) = &self.state else {
            unreachable!("the story is about a user")
        };
        let transaction = user
            .life
            .present()
            .unwrap()
            .transactions
            .get(&parsed)
            .unwrap();
        let step = self.now.step(self.settings.confirm_code_step_s()) + steps;
        self.device
            .code(&transaction.digest, transaction.confirm_code_length, step)
    }

    pub(crate) fn get_operation_data(&mut self, id: &str) -> OperationData {
        let operation_id = id.parse().unwrap();
        let heard = self.device_asks(GetOperationData { operation_id });
        heard.happens(&["get_operation_data_list"]);
        match heard.answer() {
            AnswerBody::OperationData(data) => *data,
            other => panic!("the texts were expected: {other:?}"),
        }
    }

    /// The device's consent to these transactions of an operation, signed one by one.
    pub(crate) fn answers(&self, operation_id: &str, ids: &[&str]) -> ProcessOperation {
        let yes = |id: &&str| MemberAnswer {
            transaction_id: id.parse().unwrap(),
            answer: YesOrNo::Confirm {
                signature: Some(self.device.sign(&self.digest(id))),
                confirm_code: None,
            },
        };
        ProcessOperation {
            operation_id: operation_id.parse().unwrap(),
            answers: ids.iter().map(yes).collect(),
            device_fingerprint: None,
        }
    }

    /// Where the bank is told of the last thing that happened, when that was an operation.
    pub(crate) fn callback_url_of_last(&self) -> Option<String> {
        match &self.history.last()?.event {
            Event::Operations(OperationEvent::Processed(event)) => event.callback_url.clone(),
            _ => None,
        }
    }

    /// Characters of the text of the key that was answered.
    pub(crate) fn key_text_length(&self, heard: &Heard) -> usize {
        let AnswerBody::KeyIssued(key) = heard.answer() else {
            panic!("a key was expected");
        };
        let text = schemas::key_text::key_text(&self.system_id, &key).unwrap();
        text.chars().count()
    }

    /// The device's code for data that is no transaction, some steps from now.
    pub(crate) fn data_code(&self, data: &str, length: Option<u8>, steps: i64) -> String {
        let digest = UserData {
            system_id: &self.system_id,
            user_id: &self.user_id,
            data: data.as_bytes(),
        }
        .digest();
        let step = self.now.step(self.settings.confirm_code_step_s()) + steps;
        self.device.code(&digest, length, step)
    }

    pub(crate) fn key_valid_to(&self) -> Timestamp {
        let OwnerState::User(user) = &self.state else {
            unreachable!("the story is about a user")
        };
        user.life.present().unwrap().keys.current.valid_to
    }

    pub(crate) fn drawn_code(&self) -> Secret {
        self.drawn_code
            .clone()
            .expect("the story issued a key with a drawn code")
    }
}
