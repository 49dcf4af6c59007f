//! What the house answers, in its plainest form.

use schemas::answers::{
    AnswerBody, BillingPeriod, IssuedKey, OperationData, OperationInfo, OperationMember,
    SystemInfo, TransactionData, TransactionInfo, UserInfo,
};
use schemas::canonical::TextType;
use schemas::commands::keys::{DeviceType, PushAddress};
use schemas::commands::operations::OperationStatus;
use schemas::commands::systems::SystemParameters;
use schemas::commands::transactions::{NotificationType, TransactionKind, TransactionStatus};
use schemas::flags::KeyFlags;
use schemas::operation_content::Described;
use schemas::{Digest, KeyIndex, Secret};

use super::{NOW, SYSTEM, USER};

/// Ten minutes, of a system without a template.
pub(crate) fn period() -> BillingPeriod {
    BillingPeriod {
        system: registered_system(),
        from: NOW.plus_seconds(-600),
        to: NOW,
    }
}

pub(crate) fn system_info() -> AnswerBody {
    AnswerBody::System(Box::new(registered_system()))
}

fn registered_system() -> SystemInfo {
    SystemInfo {
        system_id: SYSTEM.parse().unwrap(),
        name: "Bank".to_owned(),
        description: String::new(),
        created_at: NOW,
        updated_at: NOW,
        billing_type: 2,
        billing_period: 365,
        parameters: SystemParameters::default(),
        register_request: "e30=".to_owned(),
        licenses: Vec::new(),
        is_deleted: false,
    }
}

pub(crate) fn key_issued(activation_code: Option<&str>) -> AnswerBody {
    AnswerBody::KeyIssued(Box::new(IssuedKey {
        user_id: USER.parse().unwrap(),
        key_index: KeyIndex(1),
        flags: KeyFlags::from_bits(67_584),
        valid_to: NOW,
        user_name: None,
        url: None,
        first_part: Secret::new([1; 32]),
        activation_code: activation_code.map(Secret::new),
        two_parts: activation_code.is_some(),
        app_extra: None,
        qr_url_scheme: None,
    }))
}

pub(crate) fn user_info() -> AnswerBody {
    AnswerBody::User(Box::new(UserInfo {
        user_id: USER.parse().unwrap(),
        user_name: Some("Anna".to_owned()),
        created_at: NOW,
        key_index: KeyIndex(1),
        key_flags: KeyFlags::from_bits(67_584),
        key_valid_to: NOW,
        key_status: "active".to_owned(),
        delayed_key_index: None,
        block_reason: None,
        public_key: Some(vec![1, 2, 3]),
        autosign_public_key: None,
        push: Some(PushAddress {
            device_push_id: "push-token".to_owned(),
            device_type: DeviceType::Ios,
            app_id: None,
        }),
        device_fingerprint: None,
    }))
}

pub(crate) fn transaction_info() -> TransactionInfo {
    TransactionInfo {
        transaction_id: "invoice-42".parse().unwrap(),
        status: TransactionStatus::PushSent,
        created_at: NOW,
        expires_at: None,
        finished_at: None,
        has_binary: false,
        operation_id: None,
        kind: TransactionKind::Ordinary,
    }
}

pub(crate) fn operation_info() -> OperationInfo {
    OperationInfo {
        operation_id: "salaries-11".parse().unwrap(),
        status: OperationStatus::Partly,
        created_at: NOW,
        expires_at: Some(NOW.plus_seconds(60)),
        finished_at: None,
        notification_type: NotificationType::Push,
        total: 2,
        waiting: 1,
        transactions: vec![TransactionInfo {
            operation_id: Some("salaries-11".parse().unwrap()),
            ..transaction_info()
        }],
    }
}

pub(crate) fn operation_data() -> AnswerBody {
    let described = |text: &str| Described {
        text: Secret::new(text),
        text_type: TextType::Markdown,
    };
    let AnswerBody::TransactionData(shown) = transaction_data() else {
        unreachable!("it is one");
    };
    let member = |data| OperationMember {
        info: transaction_info(),
        snippet: Some(described("5 ₽")),
        data,
    };
    AnswerBody::OperationData(Box::new(OperationData {
        info: OperationInfo {
            transactions: Vec::new(),
            ..operation_info()
        },
        description: Some(described("# Salaries")),
        app_extra: Some(Secret::new(r#"{"batch":1}"#)),
        members: vec![member(Some(*shown)), member(None)],
    }))
}

pub(crate) fn transaction_data() -> AnswerBody {
    AnswerBody::TransactionData(Box::new(TransactionData {
        transaction_id: "invoice-42".parse().unwrap(),
        salt: vec![3; 32],
        text_type: TextType::Raw,
        text: Secret::new("Перевод 5 ₽"),
        binary_sha256: None,
        digest: Digest([4; 32]),
        expires_at: None,
        confirm_code_length: None,
    }))
}
