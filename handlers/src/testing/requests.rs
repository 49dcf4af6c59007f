//! What the stories ask for, in its plainest form.

use schemas::Secret;
use schemas::canonical::TextType;
use schemas::commands::keys::{
    DeviceType, KeyCarrier, KeyParts, KeyRequest, PushAddress, UpdateUserKey,
};
use schemas::commands::operations::{CreateOperation, NewMember};
use schemas::commands::systems::{RegisterSystem, SystemParameters};
use schemas::commands::transactions::{CreateTransaction, NotificationType, TransactionKind};
use schemas::commands::users::CreateUser;
use schemas::flags::KeyFlags;
use schemas::operation_content::Described;

pub(crate) fn register_system() -> RegisterSystem {
    RegisterSystem {
        name: "Bank".to_owned(),
        description: "A bank".to_owned(),
        qr_url_scheme: Some("paycontrol".to_owned()),
        billing_type: 2,
        billing_period: None,
        parameters: SystemParameters {
            user_keys_expiration_period: None,
            pc_is_external_url: Some("https://bank.example/pc-client-api".to_owned()),
            pc_is_internal_url: None,
            events_post_url: Some("https://bank.example/events".to_owned()),
            callback_url: Some("https://bank.example/callback".to_owned()),
            ..SystemParameters::default()
        },
        register_request: "e30=".to_owned(),
    }
}

pub(crate) fn key_request(parts: KeyParts) -> KeyRequest {
    KeyRequest {
        flags: KeyFlags::default(),
        parts,
        app_extra: None,
        carrier: KeyCarrier::Text,
    }
}

/// The next key, which waits until it is activated.
pub(crate) fn delayed(parts: KeyParts) -> UpdateUserKey {
    UpdateUserKey {
        key: key_request(parts),
        is_delayed: true,
    }
}

pub(crate) fn create_user(parts: KeyParts) -> CreateUser {
    CreateUser {
        user_name: Some("Иван Иванов".to_owned()),
        key: key_request(parts),
    }
}

pub(crate) fn create_transaction(id: &str) -> CreateTransaction {
    CreateTransaction {
        transaction_id: id.parse().unwrap(),
        chosen: true,
        text: Secret::new("Перевод 1 500,00 ₽\nПолучатель: ООО «Ромашка»"),
        text_type: TextType::Raw,
        binary: None,
        callback_url: None,
        confirm_code_length: None,
        ttl_s: None,
        notification_type: NotificationType::Push,
        kind: TransactionKind::Ordinary,
    }
}

pub(crate) fn push_address() -> PushAddress {
    PushAddress {
        device_push_id: "token".to_owned(),
        device_type: DeviceType::Android,
        app_id: Some("ru.example.bank".to_owned()),
    }
}

pub(crate) fn described(text: &str) -> Described {
    Described {
        text: Secret::new(text),
        text_type: TextType::Raw,
    }
}

/// So many transactions, `<id>.0` and so on.
pub(crate) fn create_operation(id: &str, transactions: usize) -> CreateOperation {
    let member = |number| NewMember {
        transaction_id: format!("{id}.{number}").parse().unwrap(),
        text: Secret::new(format!("Pay {number} ₽")),
        text_type: TextType::Raw,
        snippet: Some(described(&format!("{number} ₽"))),
        binary: None,
    };
    CreateOperation {
        operation_id: id.parse().unwrap(),
        description: Some(described("Salaries of November")),
        callback_url: None,
        ttl_s: None,
        notification_type: NotificationType::Push,
        app_extra: Some(Secret::new(r#"{"batch":1}"#)),
        confirm_code_length: None,
        transactions: (0..transactions).map(member).collect(),
    }
}
