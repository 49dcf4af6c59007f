//! `create_transaction`: the bank asks a person to confirm a text.

use schemas::answers::AnswerBody;
use schemas::canonical::{TextType, TransactionContent};
use schemas::carried::{CarriedName, CarriedTransaction, QR_BYTES_MAX, transaction_link};
use schemas::commands::transactions::{CreateTransaction, NotificationType, TransactionKind};
use schemas::events::transactions::TransactionCreated;
use schemas::vault::VaultName;
use schemas::{Digest, ErrorCode, Secret, Timestamp, TransactionId};

use super::{Rejection, shown_text};
use crate::asked::Asked;
use crate::crypto::key_material::derive;
use crate::decision::Decision;
use crate::policies::expiry_timer;
use crate::web_address;

/// The most bytes that go with a text.
const BINARY_BYTES_MAX: usize = 1024 * 1024;
/// Scheme of a link where the system names none.
const LINK_SCHEME: &str = "paycontrol";
/// Digits of a confirmation code that is not given in full.
const CODE_DIGITS: std::ops::RangeInclusive<u8> = 4..=10;

/// Creates a transaction. The content goes to the vault with a salt; the event keeps the digest of both.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &CreateTransaction,
) -> Result<Decision, Rejection> {
    check_request(
        asked,
        command.confirm_code_length,
        command.callback_url.as_ref(),
    )?;
    let expires_at = expires_at(asked, command.ttl_s)?;
    let id = &command.transaction_id;
    let salt = derive(&asked.facts.seed, "transaction/salt");
    let content = content(
        &command.text,
        command.text_type,
        command.binary.as_ref(),
        salt,
    )?;
    if asked.person.transactions.has(id) {
        return Err(Rejection::IdTaken);
    }
    if command.notification_type == NotificationType::Offline && content.binary.is_some() {
        // A phone without a network could not show the bytes.
        return Err(Rejection::ContentUnacceptable);
    }
    let qr_text = carried(asked, command, &content, expires_at);
    let qr_length_max = asked.facts.settings.qr_data_length_max();
    if let Some(text) = &qr_text
        && (text.chars().count() > qr_length_max || text.len() > QR_BYTES_MAX)
    {
        return Err(Rejection::QrTooLong);
    }
    let event = TransactionCreated {
        transaction_id: id.clone(),
        digest: content.digest(asked.system_id, asked.user_id, id),
        has_binary: content.binary.is_some(),
        expires_at,
        callback_url: command.callback_url.clone(),
        confirm_code_length: command.confirm_code_length,
        notification_type: command.notification_type,
        kind: Some(command.kind).filter(|kind| *kind != TransactionKind::Ordinary),
    };
    let answer = AnswerBody::TransactionCreated {
        transaction_id: id.clone(),
        qr_text: qr_text.map(Secret::new),
        link: link(asked, command),
    };
    Ok(Decision {
        // The text of an offline transaction is in the answer.
        secret_answer: command.notification_type == NotificationType::Offline,
        vault: vec![row(id, &content)],
        timers: expires_at
            .into_iter()
            .map(|due| (expiry_timer(id), due))
            .collect(),
        claims: vec![claim(asked, id)],
        ..Decision::happened(vec![event.into()]).answering(answer)
    })
}

/// What a QR code for the phone holds: all of an offline transaction, the name of a login, and otherwise nothing.
fn carried(
    asked: &Asked<'_>,
    command: &CreateTransaction,
    content: &TransactionContent,
    expires_at: Option<Timestamp>,
) -> Option<String> {
    let (system_id, user_id) = (asked.system_id.clone(), asked.user_id.clone());
    let transaction_id = command.transaction_id.clone();
    match (command.notification_type, command.kind) {
        (NotificationType::Offline, _) => Some(
            CarriedTransaction {
                v: 1,
                r#type: CarriedTransaction::TYPE.to_owned(),
                system_id,
                user_id,
                transaction_id,
                text: content.text.clone(),
                text_type: content.text_type,
                salt: Digest(content.salt.as_slice().try_into().ok()?),
                confirm_code_length: command.confirm_code_length,
                expires_at,
            }
            .to_text(),
        ),
        (NotificationType::Push | NotificationType::Url, TransactionKind::Login) => Some(
            CarriedName {
                v: 1,
                r#type: CarriedName::TYPE.to_owned(),
                system_id,
                user_id,
                transaction_id,
            }
            .to_text(),
        ),
        (NotificationType::Push | NotificationType::Url, TransactionKind::Ordinary) => None,
    }
}

/// The link that opens it in the application.
fn link(asked: &Asked<'_>, command: &CreateTransaction) -> Option<String> {
    let scheme = asked.system.qr_url_scheme.as_deref();
    (command.notification_type == NotificationType::Url).then(|| {
        transaction_link(
            scheme.unwrap_or(LINK_SCHEME),
            asked.system_id,
            asked.user_id,
            &command.transaction_id,
        )
    })
}

/// May this user be asked anything, and is it asked for in a way it can be?
pub(crate) fn check_request(
    asked: &Asked<'_>,
    confirm_code_length: Option<u8>,
    callback_url: Option<&String>,
) -> Result<(), Rejection> {
    let key = asked.key;
    if asked.person.is_blocked() {
        return Err(Rejection::UserBlocked);
    }
    if key.is_expired(asked.facts.now) {
        return Err(Rejection::KeyExpired);
    }
    if confirm_code_length.is_some_and(|length| !CODE_DIGITS.contains(&length)) {
        return Err(Rejection::CodeLengthWrong);
    }
    if callback_url.is_some_and(|url| !web_address::is_absolute(url)) {
        return Err(Rejection::RequestWrong);
    }
    Ok(())
}

/// The deadline: the request's lifetime, else the setting's. Zero means no deadline.
pub(crate) fn expires_at(
    asked: &Asked<'_>,
    ttl_s: Option<i64>,
) -> Result<Option<Timestamp>, Rejection> {
    let default_s = asked.facts.settings.default_transaction_ttl_s();
    match ttl_s.or(default_s) {
        Some(seconds) if seconds < 0 => Err(Rejection::RequestWrong),
        None | Some(0) => Ok(None),
        Some(seconds) => Ok(Some(asked.facts.now.plus_seconds(seconds))),
    }
}

/// What will be shown and signed, if it can be.
pub(crate) fn content(
    text: &Secret,
    text_type: TextType,
    binary: Option<&Secret>,
    salt: Secret,
) -> Result<TransactionContent, Rejection> {
    let text = shown_text::check(text.expose())?;
    let binary = binary.map(Secret::expose);
    if binary.is_some_and(|binary| binary.is_empty() || binary.len() > BINARY_BYTES_MAX) {
        return Err(Rejection::ContentUnacceptable);
    }
    Ok(TransactionContent {
        salt: salt.expose().to_vec(),
        text_type,
        text: text.to_owned(),
        binary: binary.map(<[u8]>::to_vec),
    })
}

/// The vault's row of a content.
pub(crate) fn row(id: &TransactionId, content: &TransactionContent) -> (VaultName, Secret) {
    let row = rmp_serde::to_vec_named(content).expect("a content holds nothing MessagePack cannot");
    (VaultName::transaction_content(id), Secret::new(row))
}

/// An id is used once in its system.
pub(crate) fn claim(asked: &Asked<'_>, id: &TransactionId) -> (String, String, ErrorCode) {
    (
        format!("transaction/{}", asked.system_id),
        id.to_string(),
        ErrorCode::TransactionIsNotUnique,
    )
}

#[cfg(test)]
mod tests {
    use schemas::commands::keys::{ActivateKey, KeyParts};
    use schemas::commands::systems::RemoveSystem;
    use schemas::commands::users::DeleteUser;
    use schemas::{Digest, TransactionId};

    use super::*;
    use crate::testing::{NOW, Story, create_transaction, key_request};

    fn after(change: impl FnOnce(&mut CreateTransaction)) -> ErrorCode {
        let mut story = Story::of_a_user();
        let mut command = create_transaction("invoice-1");
        change(&mut command);
        story.bank_asks(command).code()
    }

    #[test]
    fn a_transaction_waits_for_its_user() {
        let mut story = Story::of_a_user();
        let mut command = create_transaction("invoice-1");
        command.ttl_s = Some(60);
        let created = story.bank_asks(command);
        created.happens(&["create_transaction"]);
        let due = NOW.plus_seconds(60);
        assert_eq!(
            created.decision().timers,
            [("expire/invoice-1".to_owned(), due)]
        );
        let [(scope, name, code)] = &created.decision().claims[..] else {
            panic!("a claim was expected");
        };
        assert_eq!(scope, &format!("transaction/{}", story.system_id));
        assert_eq!(
            (name.as_str(), *code),
            ("invoice-1", ErrorCode::TransactionIsNotUnique)
        );
        let id: TransactionId = "invoice-1".parse().unwrap();
        let row = story
            .vault
            .get(&VaultName::transaction_content(&id))
            .unwrap();
        let content: TransactionContent = rmp_serde::from_slice(row).unwrap();
        assert_eq!(content.salt.len(), 32);
        assert_eq!(
            content.text,
            "Перевод 1 500,00 ₽\nПолучатель: ООО «Ромашка»"
        );
    }

    #[test]
    fn an_id_is_used_once() {
        let mut story = Story::of_a_user();
        story.create_transaction("invoice-1");
        let twin = create_transaction("invoice-1");
        story
            .bank_asks(twin)
            .is_refused(ErrorCode::TransactionIsNotUnique);
    }

    #[test]
    fn two_transactions_with_one_text_share_no_digest() {
        let mut story = Story::of_a_user();
        story.create_transaction("invoice-1");
        story.create_transaction("invoice-2");
        assert_ne!(story.digest("invoice-1"), story.digest("invoice-2"));
    }

    #[test]
    fn the_setting_gives_the_lifetime_a_request_leaves_open() {
        for (ttl_s, seconds) in [(None, Some(600)), (Some(0), None), (Some(5), Some(5))] {
            let mut story = Story::of_a_user();
            story.set("DEFAULT_TRANSACTION_TTL", "600");
            let mut command = create_transaction("invoice-1");
            command.ttl_s = ttl_s;
            let timers = story.bank_asks(command).decision().timers.clone();
            let due = timers.first().map(|(_, due)| *due);
            assert_eq!(due, seconds.map(|seconds| NOW.plus_seconds(seconds)));
        }
    }

    #[test]
    fn every_limit_holds_at_its_edge() {
        assert_eq!(
            after(|command| command.ttl_s = Some(-1)),
            ErrorCode::RequestError
        );
        for (length, code) in [
            (3, ErrorCode::ConfirmCodeLengthIsWrong),
            (4, ErrorCode::Normal),
            (10, ErrorCode::Normal),
            (11, ErrorCode::ConfirmCodeLengthIsWrong),
        ] {
            assert_eq!(
                after(|command| command.confirm_code_length = Some(length)),
                code
            );
        }
        for (bytes, code) in [
            (0, ErrorCode::TransactionDataError),
            (1, ErrorCode::Normal),
            (BINARY_BYTES_MAX, ErrorCode::Normal),
            (BINARY_BYTES_MAX + 1, ErrorCode::TransactionDataError),
        ] {
            let binary = Some(Secret::new(vec![0; bytes]));
            assert_eq!(after(|command| command.binary = binary), code, "{bytes}");
        }
        for (text, code) in [
            ("", ErrorCode::TransactionDataIsNull),
            ("pay\u{202e}001", ErrorCode::TransactionDataError),
        ] {
            assert_eq!(after(|command| command.text = Secret::new(text)), code);
        }
        for url in [
            "",
            "bank.example",
            "ftp://bank.example",
            "javascript:alert(1)",
        ] {
            let code = after(|command| command.callback_url = Some(url.to_owned()));
            assert_eq!(code, ErrorCode::RequestError, "{url}");
        }
    }

    #[test]
    fn nobody_is_asked_who_cannot_answer() {
        let mut story = Story::of_a_system();
        story
            .bank_asks(create_transaction("invoice-1"))
            .is_refused_silently(ErrorCode::UserNotFound);

        let mut story = Story::of_a_user();
        story.at(story.key_valid_to());
        story
            .bank_asks(create_transaction("invoice-1"))
            .is_refused(ErrorCode::KeyExpired);
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story
            .bank_asks(create_transaction("invoice-1"))
            .is_refused(ErrorCode::UserIsDeleted);

        let mut story = Story::of_a_user_with(key_request(KeyParts::TwoDrawCode { digits: 6 }));
        story.set("ONLINE_ACTIVATION_ATTEMPTS", "1");
        let guess = ActivateKey {
            proof: Digest([0; 32]),
        };
        story
            .device_asks(guess)
            .happens(&["activate_key_attempt", "activate_key_failure"]);
        story
            .bank_asks(create_transaction("invoice-1"))
            .is_refused(ErrorCode::UserIsBlocked);

        let mut story = Story::of_a_user();
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
        story
            .bank_asks(create_transaction("invoice-1"))
            .is_refused(ErrorCode::SystemIsDeleted);
    }
}
