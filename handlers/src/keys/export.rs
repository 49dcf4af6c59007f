//! `export_user_key`: the key in force is handed out anew.

use schemas::answers::AnswerBody;
use schemas::commands::keys::ExportUserKey;
use schemas::events::keys::KeyExported;
use schemas::vault::VaultName;

use super::Rejection;
use super::issue::{Holder, Life, Wishes, hand_out};
use crate::asked::Asked;
use crate::decision::{Decision, Erasure};

/// Hands the key in force out again, for a paper that was lost before it was used: same number, flags and end of life.
///
/// The secret is drawn anew. There is never more than one copy of a key in the world: what was handed out before opens
/// nothing any more. That is why a key with which a device has registered is not exported (277): it is in use, and a new
/// key is the way out. Tries of the activation code stay counted.
pub(super) fn decide(asked: &Asked<'_>, command: &ExportUserKey) -> Result<Decision, Rejection> {
    let key = asked.key;
    if asked.person.is_blocked() {
        return Err(Rejection::Blocked);
    }
    if key.is_expired(asked.facts.now) {
        return Err(Rejection::Expired);
    }
    if key.registered.is_some() {
        return Err(Rejection::InUse);
    }
    let name = asked.facts.vault.get(&VaultName::user_name());
    let holder = Holder {
        system_id: asked.system_id,
        user_id: asked.user_id,
        name: name.map(|name| String::from_utf8_lossy(name).into_owned()),
        system: asked.system,
    };
    let life = Life {
        key_index: key.index,
        flags: key.flags,
        valid_to: key.valid_to,
    };
    let wishes = Wishes {
        parts: &command.parts,
        app_extra: command.app_extra.as_ref(),
        carrier: command.carrier,
    };
    let (rows, answer) = hand_out(&life, &wishes, &holder, asked.facts)?;
    let mut stale = key.secret_rows();
    stale.push(VaultName::answer(&key.issued_by));
    stale.retain(|name| rows.iter().all(|(written, _)| written != name));
    let event = KeyExported {
        key_index: key.index,
        two_parts: answer.two_parts,
    };
    Ok(Decision {
        vault: rows,
        erase: stale.into_iter().map(Erasure::Row).collect(),
        answer: AnswerBody::KeyIssued(Box::new(answer)),
        secret_answer: true,
        ..Decision::happened(vec![event.into()])
    })
}

#[cfg(test)]
mod tests {
    use schemas::commands::keys::{ActivateKey, KeyCarrier, KeyParts};
    use schemas::commands::transactions::ListTransactions;
    use schemas::commands::users::{BlockUser, DeleteUser};
    use schemas::{Digest, ErrorCode, KeyIndex, Secret};

    use super::*;
    use crate::testing::{Story, key_request};

    const TWO: KeyParts = KeyParts::TwoDrawCode { digits: 10 };
    const LOOK: ListTransactions = ListTransactions {
        statuses: Vec::new(),
    };

    fn export(parts: KeyParts) -> ExportUserKey {
        ExportUserKey {
            parts,
            app_extra: None,
            carrier: KeyCarrier::Text,
        }
    }

    #[test]
    fn a_key_is_handed_out_anew_and_the_old_paper_is_worthless() {
        for before in [KeyParts::Whole, TWO] {
            let mut story = Story::of_a_user_with(key_request(before));
            let valid_to = story.key_valid_to();
            let old = story.device.clone();
            story.bank_asks(export(TWO)).happens(&["export_user_key"]);
            assert_eq!(
                (story.device.key_index, story.key_valid_to()),
                (KeyIndex(1), valid_to)
            );
            story
                .device_asks(LOOK)
                .is_refused(ErrorCode::KeyNotActivated);
            story.activate_device();
            story.device_asks(LOOK).happens(&["get_transactions"]);
            story.device = old;
            story
                .device_asks(LOOK)
                .is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
        }
    }

    #[test]
    fn a_key_in_two_parts_becomes_whole_and_leaves_no_half_behind() {
        let mut story = Story::of_a_user_with(key_request(TWO));
        let exported = story.bank_asks(export(KeyParts::Whole));
        exported.happens(&["export_user_key"]);
        assert!(exported.decision().secret_answer);
        let index = KeyIndex(1);
        for name in [
            VaultName::key_second_part(index),
            VaultName::activation_verifier(index),
        ] {
            assert_eq!(story.vault.get(&name), None, "{}", name.as_str());
        }
        story.device_asks(LOOK).happens(&["get_transactions"]);
    }

    #[test]
    fn the_bank_chooses_the_code() {
        let mut story = Story::of_a_user();
        let code = Secret::new("7305512864");
        let parts = KeyParts::TwoGivenCode { code: code.clone() };
        story.bank_asks(export(parts)).happens(&["export_user_key"]);
        let proof = story.device.proof(&code);
        story
            .device_asks(ActivateKey { proof })
            .happens(&["activate_key_attempt", "activate_key"]);
        let short = KeyParts::TwoGivenCode {
            code: Secret::new("123"),
        };
        story
            .bank_asks(export(short))
            .is_refused(ErrorCode::SpartLengthIsWrong);
    }

    #[test]
    fn tries_stay_counted() {
        let mut story = Story::of_a_user_with(key_request(TWO));
        let wrong = ActivateKey {
            proof: Digest([1; 32]),
        };
        for attempts_left in [4, 3] {
            let refused = story.device_asks(wrong.clone());
            let expected = AnswerBody::ActivationRefused { attempts_left };
            assert_eq!(refused.answer(), expected);
        }
        for parts in [KeyParts::Whole, TWO] {
            story.bank_asks(export(parts)).happens(&["export_user_key"]);
        }
        let refused = story.device_asks(wrong);
        let expected = AnswerBody::ActivationRefused { attempts_left: 2 };
        assert_eq!(refused.answer(), expected);
    }

    #[test]
    fn a_key_in_use_is_not_handed_out_again() {
        let mut story = Story::of_a_registered_device();
        story
            .bank_asks(export(TWO))
            .is_refused(ErrorCode::PubkeyIsNotEmpty);
        story.device_asks(LOOK).happens(&["get_transactions"]);
    }

    #[test]
    fn a_blocked_expired_or_missing_key_is_not_handed_out() {
        let mut story = Story::of_a_user();
        story.at(story.key_valid_to());
        story
            .bank_asks(export(TWO))
            .is_refused(ErrorCode::KeyExpired);
        let block = BlockUser {
            reason: "lost".to_owned(),
        };
        story.bank_asks(block).happens(&["change_user"]);
        story
            .bank_asks(export(TWO))
            .is_refused(ErrorCode::UserIsBlocked);
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story
            .bank_asks(export(TWO))
            .is_refused(ErrorCode::UserIsDeleted);
    }

    #[test]
    fn what_does_not_fit_its_carrier_changes_nothing() {
        let mut story = Story::of_a_user();
        let mut command = export(TWO);
        command.carrier = KeyCarrier::QrCode;
        command.app_extra = Some(format!(r#""{}""#, "x".repeat(2048)));
        story
            .bank_asks(command)
            .is_refused(ErrorCode::QrGenerationError);
        story.device_asks(LOOK).happens(&["get_transactions"]);
    }
}
