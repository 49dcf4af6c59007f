//! Operations: listing, showing, and answering several transactions in one request.

use schemas::{Digest, OperationId, Timestamp, TransactionId};
use serde::Serialize;

use super::{Device, NoWords};
use crate::client::transactions::Declination;
use crate::contents::{OperationData, OperationList, OperationProcessed, OperationSummary};
use crate::door::segment;
use crate::error::{Error, LocalError};
use crate::request::{DeviceEventId, Submission};
use crate::shown::{Shown, ShownMember, ShownOperation};
use crate::transport::Transport;

/// The user's answer to one transaction of an operation.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// The user agrees to exactly this.
    Confirm(&'a Shown),
    /// The user does not agree, seen or not.
    Decline(&'a TransactionId, &'a Declination),
}

#[derive(Serialize)]
struct Process<'a> {
    transactions: Vec<Member<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_fingerprint: Option<Digest>,
}

#[derive(Serialize)]
struct Member<'a> {
    transaction_id: &'a TransactionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decline: Option<&'a Declination>,
}

impl<T: Transport> Device<T> {
    /// The operations in which something waits for the user.
    pub async fn operations(&self, now: Timestamp) -> Result<Vec<OperationSummary>, Error> {
        let event_id = DeviceEventId::fresh();
        let question = self.submission("operations/get_list", &event_id, now, NoWords {});
        let list: OperationList = self.submit(&question, now).await?;
        Ok(list.operations)
    }

    /// Fetches an operation with the bytes of its transactions, if any, and recomputes what will be signed of each. The
    /// caller shows the texts to the user; description and snippets are no substitute, since nobody signs them.
    pub async fn show_operation(
        &self,
        operation_id: &OperationId,
        now: Timestamp,
    ) -> Result<ShownOperation, Error> {
        let event_id = DeviceEventId::fresh();
        let question =
            self.about_operation(operation_id, "get_data", &event_id, now, NoWords {})?;
        let data: OperationData = self.submit(&question, now).await?;
        let mut members = Vec::with_capacity(data.transactions.len());
        for member in data.transactions {
            let id = &member.transaction.transaction_id;
            let shown = match member.data {
                None => None,
                Some(data) => {
                    let binary = match data.binary_sha256 {
                        None => None,
                        Some(_) => Some(self.binary(id, now).await?),
                    };
                    Some(Shown::new(&self.key.info, id, data, binary)?)
                }
            };
            members.push(ShownMember {
                summary: member.transaction,
                snippet: member.snippet,
                shown,
            });
        }
        Ok(ShownOperation {
            summary: data.operation,
            description: data.description,
            app_extra: data.app_extra,
            members,
        })
    }

    /// Answers some transactions of an operation, or all of them: all answers count, or none.
    pub async fn process(
        &self,
        operation_id: &OperationId,
        answers: &[Answer<'_>],
        now: Timestamp,
    ) -> Result<OperationProcessed, Error> {
        let processing = self.processing(operation_id, answers, &DeviceEventId::fresh(), now)?;
        self.submit(&processing, now).await
    }

    /// Signs what was shown, transaction by transaction, and fixes the body, ready to be submitted, once or again.
    pub fn processing(
        &self,
        operation_id: &OperationId,
        answers: &[Answer<'_>],
        event_id: &DeviceEventId,
        now: Timestamp,
    ) -> Result<Submission<OperationProcessed>, LocalError> {
        let members = answers.iter().map(|answer| self.member(answer, now));
        let content = Process {
            transactions: members.collect::<Result<_, _>>()?,
            device_fingerprint: self.key.bound_fingerprint(),
        };
        self.about_operation(operation_id, "process", event_id, now, content)
    }

    fn member<'a>(&self, answer: &Answer<'a>, now: Timestamp) -> Result<Member<'a>, LocalError> {
        Ok(match *answer {
            Answer::Confirm(shown) => Member {
                transaction_id: shown.transaction_id(),
                signature: Some(hex::encode(self.signature(shown)?)),
                confirm_code: Some(self.confirm_code(shown, now)?),
                decline: None,
            },
            Answer::Decline(transaction_id, why) => Member {
                transaction_id,
                signature: None,
                confirm_code: None,
                decline: Some(why),
            },
        })
    }

    fn about_operation<C>(
        &self,
        operation_id: &OperationId,
        verb: &str,
        event_id: &DeviceEventId,
        now: Timestamp,
        content: impl Serialize,
    ) -> Result<Submission<C>, LocalError> {
        let tail = format!("operations/{}/{verb}", segment(operation_id.as_str())?);
        Ok(self.submission(tail, event_id, now, content))
    }
}

#[cfg(test)]
mod tests {
    use schemas::commands::operations::OperationStatus;

    use super::*;
    use crate::error::AnswerError;
    use crate::fake_server::{FakeServer, NOW, OPERATION, TRANSACTION, WHOLE_KEY};
    use crate::key::DeviceKey;

    async fn device(server: &FakeServer) -> Device<&FakeServer> {
        let mut device = Device::new(DeviceKey::import(WHOLE_KEY).unwrap(), server).unwrap();
        device.register(None, NOW).await.unwrap();
        device
    }

    fn operation() -> OperationId {
        OPERATION.parse().unwrap()
    }

    #[tokio::test]
    async fn an_operation_is_listed_shown_and_answered() {
        let server = FakeServer::whole();
        let device = device(&server).await;
        let list = device.operations(NOW).await.unwrap();
        assert_eq!(list[0].operation_id, operation());
        let shown = device.show_operation(&operation(), NOW).await.unwrap();
        assert_eq!(shown.description.as_deref(), Some("Salaries"));
        let first = shown.members[0].shown.as_ref().unwrap();
        assert_eq!(first.text(), server.content.text);
        assert_eq!(first.binary(), server.content.binary.as_deref());
        let other: TransactionId = "invoice-43".parse().unwrap();
        let why = Declination {
            reason: "not me".to_owned(),
            code: None,
        };
        let answers = [Answer::Confirm(first), Answer::Decline(&other, &why)];
        let processed = device.process(&operation(), &answers, NOW).await.unwrap();
        assert_eq!(processed.status, OperationStatus::Processed);
        let body = &server.heard(&format!("operations/{OPERATION}/process"))[0];
        assert_eq!(body["transactions"][0]["transaction_id"], TRANSACTION);
        assert_eq!(body["transactions"][1]["decline"]["reason"], "not me");
        assert!(body["transactions"][1].get("signature").is_none());
    }

    #[tokio::test]
    async fn one_text_that_is_not_what_its_digest_says_spoils_the_whole() {
        let server = FakeServer::whole();
        let device = device(&server).await;
        server.lie(|envelope| {
            // The question for the binary is answered by the lie as well: it only changes what is there.
            if let Some(text) =
                envelope.pointer_mut("/answer/operation_data/transactions/0/data/text")
            {
                *text = "something else".into();
            }
        });
        let error = device.show_operation(&operation(), NOW).await.unwrap_err();
        assert!(matches!(
            error,
            Error::Untrusted(AnswerError::DigestMismatch)
        ));
    }
}
