//! Transactions: listing, showing, confirming, declining.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::{Digest, Timestamp, TransactionId};
use serde::Serialize;

use super::{Device, NoWords};
use crate::confirm_code::step_of;
use crate::contents::{
    TransactionBinaryData, TransactionConfirmed, TransactionData, TransactionDeclined,
    TransactionList, TransactionSummary,
};
use crate::error::{AnswerError, Error, LocalError};
use crate::request::{DeviceEventId, Prepared, Submission};
use crate::shown::Shown;
use crate::transport::Transport;

/// Why the user does not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Declination {
    /// In words of the application's.
    pub reason: String,
    /// As a number of the application's; `None` when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "names of the wire")]
struct Confirm {
    signature: String,
    confirm_code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_fingerprint: Option<Digest>,
}

impl<T: Transport> Device<T> {
    /// The transactions that wait for the user.
    pub async fn list(&self, now: Timestamp) -> Result<Vec<TransactionSummary>, Error> {
        let event_id = DeviceEventId::fresh();
        let question = self.submission("transactions/get_list", &event_id, now, NoWords {});
        let list: TransactionList = self.submit(&question, now).await?;
        Ok(list.transactions)
    }

    /// Fetches a transaction with its bytes, if any, and recomputes what will be signed. The caller shows the result to
    /// the user; nothing else can be confirmed.
    pub async fn show(
        &self,
        transaction_id: &TransactionId,
        now: Timestamp,
    ) -> Result<Shown, Error> {
        let event_id = DeviceEventId::fresh();
        let question = self.about(transaction_id, "get_data", &event_id, now, NoWords {})?;
        let data: TransactionData = self.submit(&question, now).await?;
        let binary = match data.binary_sha256 {
            None => None,
            Some(_) => Some(self.binary(transaction_id, now).await?),
        };
        Ok(Shown::new(&self.key.info, transaction_id, data, binary)?)
    }

    pub(super) async fn binary(
        &self,
        transaction_id: &TransactionId,
        now: Timestamp,
    ) -> Result<Vec<u8>, Error> {
        let event_id = DeviceEventId::fresh();
        let question = self.about(
            transaction_id,
            "get_binary_data",
            &event_id,
            now,
            NoWords {},
        )?;
        let binary: TransactionBinaryData = self.submit(&question, now).await?;
        let bytes = STANDARD.decode(&binary.data);
        Ok(bytes.map_err(|_| AnswerError::ValueImpossible("base64 of the binary"))?)
    }

    /// Confirms what was shown, with a signature and a confirmation code.
    pub async fn confirm(&self, shown: &Shown, now: Timestamp) -> Result<(), Error> {
        self.confirm_with_event_id(shown, &DeviceEventId::fresh(), now)
            .await
    }

    /// The same under the caller's own identity for it. Only a repetition of the same bytes counts as the same, and these
    /// hold the time: to repeat later, keep the [`Device::confirmation`] and submit it again.
    pub async fn confirm_with_event_id(
        &self,
        shown: &Shown,
        event_id: &DeviceEventId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let confirmation = self.confirmation(shown, event_id, now)?;
        self.submit(&confirmation, now).await?;
        Ok(())
    }

    /// Signs what was shown and fixes the body of the confirmation, ready to be submitted, once or again.
    pub fn confirmation(
        &self,
        shown: &Shown,
        event_id: &DeviceEventId,
        now: Timestamp,
    ) -> Result<Submission<TransactionConfirmed>, LocalError> {
        let signature = self.signature(shown)?;
        self.confirmation_signed_elsewhere(shown, &signature, event_id, now)
    }

    /// The signature of what was shown, DER. Nothing is sent.
    pub fn signature(&self, shown: &Shown) -> Result<Vec<u8>, LocalError> {
        shown.check_owner(&self.key.info)?;
        Ok(self.key.pair()?.sign_digest(shown.digest()))
    }

    /// The same with a signature from elsewhere, for example of a token with a key pair of its own. It is not checked
    /// here: the server decides.
    pub fn confirmation_signed_elsewhere(
        &self,
        shown: &Shown,
        signature: &[u8],
        event_id: &DeviceEventId,
        now: Timestamp,
    ) -> Result<Submission<TransactionConfirmed>, LocalError> {
        let content = Confirm {
            signature: hex::encode(signature),
            confirm_code: self.confirm_code(shown, now)?,
            device_fingerprint: self.key.bound_fingerprint(),
        };
        self.about(shown.transaction_id(), "confirm", event_id, now, content)
    }

    /// The ready HTTP request of a confirmation, signed and authenticated beforehand.
    pub fn prepare_confirm(
        &self,
        shown: &Shown,
        now: Timestamp,
    ) -> Result<Prepared<TransactionConfirmed>, LocalError> {
        let confirmation = self.confirmation(shown, &DeviceEventId::fresh(), now)?;
        self.prepare(&confirmation, now)
    }

    /// The confirmation code for what was shown, for a user who carries it to the bank by hand. Nothing is sent.
    pub fn confirm_code(&self, shown: &Shown, now: Timestamp) -> Result<String, LocalError> {
        shown.check_owner(&self.key.info)?;
        let step = step_of(now, self.confirm_code_step_s);
        self.key
            .confirm_code(shown.digest(), step, shown.confirm_code_length())
    }

    /// Declines a transaction, seen or not.
    pub async fn decline(
        &self,
        transaction_id: &TransactionId,
        why: &Declination,
        now: Timestamp,
    ) -> Result<(), Error> {
        let declination = self.declination(transaction_id, why, &DeviceEventId::fresh(), now)?;
        self.submit(&declination, now).await?;
        Ok(())
    }

    /// Fixes the body of a declination, ready to be submitted, once or again.
    pub fn declination(
        &self,
        transaction_id: &TransactionId,
        why: &Declination,
        event_id: &DeviceEventId,
        now: Timestamp,
    ) -> Result<Submission<TransactionDeclined>, LocalError> {
        self.about(transaction_id, "decline", event_id, now, why)
    }
}

#[cfg(test)]
mod tests {
    use schemas::{Digest, ErrorCode};

    use super::*;
    use crate::fake_server::{FakeServer, NOW, TRANSACTION, WHOLE_KEY};
    use crate::key::DeviceKey;

    fn transaction() -> TransactionId {
        TRANSACTION.parse().unwrap()
    }

    async fn device<'a>(server: &'a FakeServer, key: &str) -> Device<&'a FakeServer> {
        let mut device = Device::new(DeviceKey::import(key).unwrap(), server).unwrap();
        device.register(None, NOW).await.unwrap();
        device
    }

    #[tokio::test]
    async fn what_was_shown_is_confirmed() {
        let server = FakeServer::whole();
        let device = device(&server, WHOLE_KEY).await;
        let list = device.list(NOW).await.unwrap();
        let shown = device.show(&list[0].transaction_id, NOW).await.unwrap();
        assert_eq!(shown.text(), server.content.text);
        assert_eq!(shown.binary(), server.content.binary.as_deref());
        device.confirm(&shown, NOW).await.unwrap();
    }

    #[tokio::test]
    async fn a_transaction_is_declined_unseen() {
        let server = FakeServer::whole();
        let device = device(&server, WHOLE_KEY).await;
        let declination = Declination {
            reason: "not me".to_owned(),
            code: None,
        };
        device
            .decline(&transaction(), &declination, NOW)
            .await
            .unwrap();
        let body = &server.heard("transactions/invoice-42/decline")[0];
        assert_eq!(body["reason"], "not me");
        assert!(body.get("code").is_none());
    }

    #[tokio::test]
    async fn a_lost_answer_is_asked_for_again_with_the_same_body() {
        let server = FakeServer::whole();
        let device = device(&server, WHOLE_KEY).await;
        let shown = device.show(&transaction(), NOW).await.unwrap();
        let confirmation = device
            .confirmation(&shown, &DeviceEventId::fresh(), NOW)
            .unwrap();
        server.lose(1);
        let error = device.submit(&confirmation, NOW).await.unwrap_err();
        assert!(!error.is_final());
        device
            .submit(&confirmation, NOW.plus_seconds(100))
            .await
            .unwrap();
        let heard = server.heard("transactions/invoice-42/confirm");
        assert_eq!(heard[0], heard[1]);
    }

    #[tokio::test]
    async fn another_body_under_a_known_identity_is_refused() {
        let server = FakeServer::whole();
        let device = device(&server, WHOLE_KEY).await;
        let shown = device.show(&transaction(), NOW).await.unwrap();
        let event_id = DeviceEventId::fresh();
        device
            .confirm_with_event_id(&shown, &event_id, NOW)
            .await
            .unwrap();
        device
            .confirm_with_event_id(&shown, &event_id, NOW)
            .await
            .unwrap();
        let later = NOW.plus_seconds(1);
        let error = device
            .confirm_with_event_id(&shown, &event_id, later)
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::RequestError));
    }

    #[tokio::test]
    async fn a_prepared_confirmation_is_the_one_that_would_be_sent() {
        let server = FakeServer::whole();
        let device = device(&server, WHOLE_KEY).await;
        let shown = device.show(&transaction(), NOW).await.unwrap();
        let prepared = device.prepare_confirm(&shown, NOW).unwrap();
        assert!(
            prepared
                .request
                .target()
                .ends_with("/transactions/invoice-42/confirm")
        );
        let answer = server.send(prepared.request).await.unwrap();
        assert!(prepared.check.open::<TransactionConfirmed>(&answer).is_ok());
    }

    #[tokio::test]
    async fn nothing_that_was_changed_on_its_way_is_signed() {
        fn text(answer: &mut crate::HttpAnswer) {
            let body = String::from_utf8(answer.body.clone()).unwrap();
            answer.body = body.replace("1 500,00", "9 500,00").into_bytes();
        }
        fn no_mac(answer: &mut crate::HttpAnswer) {
            answer
                .headers
                .retain(|(name, _)| name != "pc-auth-response");
        }
        fn wrong_mac(answer: &mut crate::HttpAnswer) {
            no_mac(answer);
            let header = format!("v1 mac={}", "00".repeat(32));
            answer.headers.push(("pc-auth-response".to_owned(), header));
        }
        fn two_macs(answer: &mut crate::HttpAnswer) {
            let copy = answer.headers.last().unwrap().clone();
            answer.headers.push(copy);
        }
        fn status(answer: &mut crate::HttpAnswer) {
            answer.status = 201;
        }
        type Tamper = fn(&mut crate::HttpAnswer);
        type Check = fn(&AnswerError) -> bool;
        let cases: [(Tamper, Check); 5] = [
            (text, |error| matches!(error, AnswerError::MacWrong)),
            (no_mac, |error| matches!(error, AnswerError::MacMissing)),
            (wrong_mac, |error| matches!(error, AnswerError::MacWrong)),
            (two_macs, |error| matches!(error, AnswerError::MacMalformed)),
            (status, |error| matches!(error, AnswerError::MacWrong)),
        ];
        for (tamper, expected) in cases {
            let server = FakeServer::whole();
            let device = device(&server, WHOLE_KEY).await;
            server.tamper(tamper);
            let error = device.show(&transaction(), NOW).await.unwrap_err();
            assert!(
                matches!(&error, Error::Untrusted(inner) if expected(inner)),
                "{error:?}"
            );
            assert!(!error.is_final());
        }
    }

    #[tokio::test]
    async fn a_server_that_contradicts_itself_is_not_signed_for() {
        fn data(envelope: &mut serde_json::Value) -> &mut serde_json::Value {
            &mut envelope["answer"]["transaction_data"]
        }
        type Lie = fn(&mut serde_json::Value);
        type Check = fn(&AnswerError) -> bool;
        let cases: [(Lie, Check); 6] = [
            (
                |envelope| data(envelope)["text"] = "something else".into(),
                |error| matches!(error, AnswerError::DigestMismatch),
            ),
            (
                |envelope| data(envelope)["digest"] = "00".repeat(32).into(),
                |error| matches!(error, AnswerError::DigestMismatch),
            ),
            (
                |envelope| data(envelope)["text_type"] = "markdown".into(),
                |error| matches!(error, AnswerError::DigestMismatch),
            ),
            (
                |envelope| data(envelope)["binary_sha256"] = "00".repeat(32).into(),
                // The question for the binary is answered by the lie as well: it only changes what is there.
                |error| matches!(error, AnswerError::BinaryMismatch),
            ),
            (
                |envelope| data(envelope)["transaction_id"] = "invoice-43".into(),
                |error| matches!(error, AnswerError::AnotherTransaction),
            ),
            (
                |envelope| data(envelope)["confirm_code_length"] = 3.into(),
                |error| matches!(error, AnswerError::ValueImpossible(_)),
            ),
        ];
        for (lie, expected) in cases {
            let server = FakeServer::whole();
            let device = device(&server, WHOLE_KEY).await;
            server.lie(lie);
            let error = device.show(&transaction(), NOW).await.unwrap_err();
            assert!(
                matches!(&error, Error::Untrusted(inner) if expected(inner)),
                "{error:?}"
            );
        }
    }

    #[tokio::test]
    async fn an_answer_to_another_question_is_not_taken() {
        let server = FakeServer::whole();
        let device = device(&server, WHOLE_KEY).await;
        server.lie(|envelope| envelope["answer_type"] = "transaction_list".into());
        let error = device.show(&transaction(), NOW).await.unwrap_err();
        assert!(matches!(
            error,
            Error::Untrusted(AnswerError::TypeUnexpected { .. })
        ));
        server.lie(|envelope| envelope["answer_version"] = 4.into());
        let error = device.list(NOW).await.unwrap_err();
        assert!(matches!(
            error,
            Error::Untrusted(AnswerError::VersionUnsupported(4))
        ));
    }

    #[tokio::test]
    async fn a_server_that_does_not_know_the_key_says_so_without_authority() {
        let server = FakeServer::half();
        let device = Device::new(DeviceKey::import(WHOLE_KEY).unwrap(), &server).unwrap();
        let error = device.list(NOW).await.unwrap_err();
        assert!(!error.is_final());
        let Error::Server(refusal) = error else {
            panic!("the server answered")
        };
        assert_eq!(refusal.code, ErrorCode::HttpAuthCodeInvalid);
        assert_eq!(
            (refusal.authenticated, refusal.server_time),
            (false, Some(NOW))
        );
    }

    #[tokio::test]
    async fn only_the_user_it_was_shown_to_can_confirm() {
        let server = FakeServer::whole();
        let own = device(&server, WHOLE_KEY).await;
        let shown = own.show(&transaction(), NOW).await.unwrap();
        let other = DeviceKey::import(&WHOLE_KEY.replace("sample-1", "sample-2")).unwrap();
        let other = Device::new(other, &server).unwrap();
        let error = other.confirm(&shown, NOW).await.unwrap_err();
        assert!(matches!(
            error,
            Error::Local(LocalError::ShownWithAnotherKey)
        ));
        let unregistered = Device::new(DeviceKey::import(WHOLE_KEY).unwrap(), &server).unwrap();
        let error = unregistered.confirm(&shown, NOW).await.unwrap_err();
        assert!(matches!(error, Error::Local(LocalError::NotRegistered)));
        assert!(server.heard("transactions/invoice-42/confirm").is_empty());
    }

    #[tokio::test]
    async fn a_bound_key_confirms_only_with_its_fingerprint() {
        let server = FakeServer::whole();
        // 67584 + 1: with_finger_print.
        let mut device = device(&server, &WHOLE_KEY.replace("67584", "67585")).await;
        let shown = device.show(&transaction(), NOW).await.unwrap();
        let error = device.confirm(&shown, NOW).await.unwrap_err();
        assert!(matches!(
            error,
            Error::Local(LocalError::FingerprintMissing)
        ));
        device
            .set_fingerprint(Digest::sha256(b"this phone"), NOW)
            .await
            .unwrap();
        device.confirm(&shown, NOW).await.unwrap();
    }

    #[tokio::test]
    async fn an_identifier_of_dots_asks_nobody() {
        let server = FakeServer::whole();
        let device = device(&server, WHOLE_KEY).await;
        let error = device.show(&"..".parse().unwrap(), NOW).await.unwrap_err();
        assert!(matches!(error, Error::Local(LocalError::IdRefused)));
    }
}
