//! One event of every word, with every field filled: what the golden fixtures are made of.

use schemas::commands::code_orders::{Channel, CodeReceipt, Language, SendingOutcome};
use schemas::commands::keys::DeviceType;
use schemas::commands::operations::OperationStatus;
use schemas::commands::server::ShownIdentifiers;
use schemas::commands::systems::{LettersOrder, SystemParameters};
use schemas::commands::transactions::{NotificationType, PushFailure};
use schemas::commands::users::{Receipt, ReceiptOutcome};
use schemas::context::RequestContext;
use schemas::envelope::RecordedEvent;
use schemas::events::access::{LOOKED_WORDS, Looked};
use schemas::events::code_orders::{
    CodeOrdered, CodeReceiptNoted, CodeSendingBegun, CodeSendingSettled,
};
use schemas::events::codes::{
    CodeCheckAttempted, CodeChecked, CommonCodeCheckAttempted, CommonCodeChecked,
};
use schemas::events::credentials::{
    AccessReleased, PasswordFailed, PasswordSet, PasswordTried, SaltGiven,
};
use schemas::events::devices::FingerprintSet;
use schemas::events::journal::{EventsCleaned, EventsRemoved};
use schemas::events::keys::{
    ActivationAttempted, ActivationFailed, KeyActivated, KeyExported, KeyIssued, KeyPutInForce,
    KeyUpdated, NonceRepeated, PublicKeyRegistered, PushAddressForgotten, PushRegistered,
    TriesRestored,
};
use schemas::events::operations::{
    MemberConfirmed, MemberCreated, MemberDeclined, OperationCreated, OperationExpired,
    OperationProcessed, OperationServed, OperationUpdated,
};
use schemas::events::recovery::{ChallengeGiven, KeyRenewed, ResponseTried, TemplateSet};
use schemas::events::server::{AnalyticsGranted, AnalyticsRevoked, SettingChange, SettingsChanged};
use schemas::events::systems::{
    BillingClosed, LettersLookedAt, LettersOrdered, SystemChanged, SystemRegistered, SystemRemoved,
    WebhookKeysRotated,
};
use schemas::events::transactions::{
    AutoconfirmAttempted, AutoconfirmOffered, ConfirmationAttempted, OfferedAttempt,
    TransactionAutoconfirmed, TransactionCleaned, TransactionConfirmed, TransactionCreated,
    TransactionDeclined, TransactionDeleted, TransactionExpired, TransactionPushFailed,
    TransactionPushSent, TransactionServed,
};
use schemas::events::users::{ReceiptsNoted, UserChanged, UserCreated, UserDeleted};
use schemas::events::{Event, Refused};
use schemas::flags::KeyFlags;
use schemas::{
    CodeOrderId, CommandId, Digest, ErrorCode, KeyIndex, OperationId, Owner, RequestId, SystemId,
    Timestamp, TransactionId,
};

const KEY_INDEX: KeyIndex = KeyIndex(1);
const CALLBACK_URL: &str = "https://bank.example/callback";

/// Every word once, and one refusal.
pub fn events() -> Vec<RecordedEvent> {
    let looked = LOOKED_WORDS.iter();
    let looked = looked.map(|(word, aggregate)| {
        let about_operations = *aggregate == "operations";
        Looked {
            word,
            transaction_id: (!about_operations && *aggregate != "codes").then(transaction_id),
            callback_url: None,
            operation_id: about_operations.then(operation_id),
        }
    });
    let mut events = server();
    events.extend(journal());
    events.extend(systems());
    events.extend(users_and_keys());
    events.extend(credentials());
    events.extend(recovery());
    events.extend(transactions());
    events.extend(operations());
    events.extend(codes());
    events.extend(code_orders());
    events.extend(looked.map(Event::Looked));
    events
        .into_iter()
        .map(recorded)
        .chain([refusal()])
        .collect()
}

/// A command that was refused: the deadline had passed.
pub fn refusal() -> RecordedEvent {
    let refused = Refused {
        word: "confirm_transaction",
        transaction_id: Some(transaction_id()),
        operation_id: None,
    };
    RecordedEvent {
        result: ErrorCode::TransactionExpired,
        ..recorded(Event::Refused(refused))
    }
}

fn recorded(event: Event) -> RecordedEvent {
    let owner = match event.aggregate() {
        "server" => Owner::Server,
        "systems" | "journal" => Owner::System(system_id()),
        _ => Owner::User(system_id(), "sample-1".parse().expect("an identifier")),
    };
    RecordedEvent {
        owner,
        ordinal: 7,
        recorded_at: Timestamp(1_703_499_267_298),
        causation_id: CommandId([0xc1; 32]),
        result: event.result(),
        context: RequestContext {
            request_url:
                "/pc-client-api/v1/f13e4375-e429-496c-ad1e-0fc3c3ecfb53/users/sample-1/events"
                    .to_owned(),
            request_hash: Some(Digest([0xa1; 32])),
            request_hmac: Some(Digest([0xa2; 32])),
            session_id: Some("session-1".to_owned()),
            device_event_id: Some("event-1".to_owned()),
            device_time: Some(1_703_499_267_000),
            key_index: Some(KEY_INDEX),
            instance: Some("node-1".to_owned()),
            events_post_url: Some("https://bank.example/events".to_owned()),
            auth_time: Some(Timestamp(1_703_499_267_100)),
            request_id: Some(RequestId([0xa3; 32])),
            as_of: None,
            carries_headers: false,
            transparent: false,
            callback: None,
        },
        event,
    }
}

fn server() -> Vec<Event> {
    let change = SettingChange {
        name: "DEFAULT_TRANSACTION_TTL".to_owned(),
        before: "0".to_owned(),
        after: Some("600".to_owned()),
    };
    vec![
        SettingsChanged {
            changes: vec![change],
        }
        .into(),
        AnalyticsGranted {
            name: "risk".parse().expect("a name"),
            systems: vec![system_id()],
            consumers: vec!["main".parse().expect("a name")],
            identifiers: ShownIdentifiers::Pseudonyms,
            since: Some(Timestamp(1_703_499_267_298)),
            public_key: "UDWSPHSPCC7YW3GOZREGJKFPMCUBB6DPRQ75LZPPTY5MOJSZ54MKIAPI".to_owned(),
            by: "ivanova".to_owned(),
        }
        .into(),
        AnalyticsRevoked {
            name: "risk".parse().expect("a name"),
            by: "petrov".to_owned(),
        }
        .into(),
    ]
}

fn journal() -> Vec<Event> {
    vec![
        EventsCleaned {
            event_ids: vec![53_069, 53_084],
        }
        .into(),
        EventsRemoved {
            before: Timestamp(1_703_499_267_298),
        }
        .into(),
    ]
}

fn systems() -> Vec<Event> {
    let parameters = SystemParameters {
        user_keys_expiration_period: Some(365),
        pc_is_external_url: Some("https://mobile.bank.example/pc-client-api".to_owned()),
        pc_is_internal_url: Some("https://push.bank.example/pc-pusher-api/".to_owned()),
        events_post_url: Some("https://bank.example/events".to_owned()),
        callback_url: Some(CALLBACK_URL.to_owned()),
        billing_period: None,
        report_template_path: None,
    };
    let registered = SystemRegistered {
        name: "Example bank".to_owned(),
        description: "Cards and accounts".to_owned(),
        qr_url_scheme: Some("examplebank".to_owned()),
        billing_type: 2,
        billing_period: Some(365),
        parameters: parameters.clone(),
        register_request: "e30=".to_owned(),
    };
    vec![
        registered.into(),
        SystemChanged { parameters }.into(),
        SystemRemoved {}.into(),
        BillingClosed {
            from: Timestamp(1_703_499_267_298),
            to: Timestamp(1_706_140_800_000),
        }
        .into(),
        WebhookKeysRotated { generation: 1 }.into(),
        LettersLookedAt {}.into(),
        LettersOrdered::from(LettersOrder::Replay {
            from: Timestamp(1_703_499_267_298),
            from_position: None,
            until: Timestamp(1_706_140_800_000),
        })
        .into(),
    ]
}

fn users_and_keys() -> Vec<Event> {
    let key = KeyIssued {
        key_index: KEY_INDEX,
        flags: KeyFlags::from_bits(67_584),
        valid_to: Timestamp(1_735_035_267_000),
        two_parts: true,
    };
    let push = PushRegistered {
        device_type: DeviceType::Ios,
        app_id: Some("example.bank".to_owned()),
    };
    let registered = PublicKeyRegistered {
        key_index: KEY_INDEX,
        public_key: vec![0x30; 91],
        // Younger than its fixture, as are the fields of a changed user and of an updated key.
        autosign_public_key: None,
        push: Some(push),
        callback_url: Some(CALLBACK_URL.to_owned()),
    };
    let fingerprint = FingerprintSet {
        key_index: KEY_INDEX,
        device_fingerprint: Digest([0xf1; 32]),
        callback_url: Some(CALLBACK_URL.to_owned()),
    };
    let failed = ActivationFailed {
        key_index: KEY_INDEX,
        result: ErrorCode::ActivationAttemptsExceeded,
        blocked: true,
    };
    let attempted = ActivationAttempted {
        key_index: KEY_INDEX,
        attempt: 5,
        command_id: CommandId([0xc1; 32]),
    };
    vec![
        UserCreated { key: key.clone() }.into(),
        UserChanged::default().into(),
        UserDeleted {}.into(),
        ReceiptsNoted {
            receipts: vec![Receipt {
                letter_id: "msg_00112233445566778899aabbccddeeff".to_owned(),
                kind: "callback".to_owned(),
                position: "17-42".parse().expect("a position"),
                outcome: ReceiptOutcome::Taken,
                status: Some(200),
                answer: Some(Digest([7; 32])),
                attempts: 1,
                at: Timestamp(1_703_499_267_298),
            }],
        }
        .into(),
        KeyUpdated {
            key,
            is_delayed: false,
            replaced_delayed: None,
            replaced: None,
        }
        .into(),
        attempted.into(),
        KeyActivated {
            key_index: KEY_INDEX,
        }
        .into(),
        failed.into(),
        registered.into(),
        KeyPutInForce {
            key_index: KeyIndex(2),
            replaced: KEY_INDEX,
            is_registered: true,
        }
        .into(),
        KeyExported {
            key_index: KEY_INDEX,
            two_parts: true,
        }
        .into(),
        TriesRestored {
            key_index: KEY_INDEX,
            is_registered: true,
        }
        .into(),
        NonceRepeated {
            key_index: KEY_INDEX,
            transaction_id: transaction_id(),
        }
        .into(),
        PushAddressForgotten {
            key_index: KEY_INDEX,
        }
        .into(),
        fingerprint.into(),
    ]
}

fn credentials() -> Vec<Event> {
    let key_index = KEY_INDEX;
    let tried = PasswordTried {
        key_index,
        command_id: CommandId([0xc1; 32]),
    };
    let failed = PasswordFailed {
        key_index,
        result: ErrorCode::PasswordAttemptsExceeded,
        blocked: true,
    };
    let set = PasswordSet {
        key_index,
        is_change: true,
    };
    vec![
        SaltGiven { key_index }.into(),
        tried.into(),
        failed.into(),
        set.into(),
        AccessReleased { key_index }.into(),
    ]
}

fn recovery() -> Vec<Event> {
    let key_index = KEY_INDEX;
    let challenge = Digest([0xd3; 32]);
    let set = TemplateSet {
        key_index,
        template_id: "code-word".to_owned(),
        method: "code_word".to_owned(),
    };
    let given = ChallengeGiven {
        key_index,
        challenge,
        expires_at: Timestamp(1_703_499_867_298),
    };
    let tried = ResponseTried {
        key_index,
        attempt: 5,
        challenge,
        command_id: CommandId([0xc1; 32]),
    };
    let renewed = KeyRenewed {
        key: KeyIssued {
            key_index: KeyIndex(2),
            flags: KeyFlags::from_bits(67_584),
            valid_to: Timestamp(1_735_035_267_000),
            two_parts: false,
        },
        replaced: key_index,
        replaced_delayed: None,
        template_id: "code-word".to_owned(),
        callback_url: Some(CALLBACK_URL.to_owned()),
    };
    vec![set.into(), given.into(), tried.into(), renewed.into()]
}

fn transactions() -> Vec<Event> {
    let callback_url = Some(CALLBACK_URL.to_owned());
    let digest = Digest([0xd1; 32]);
    let created = TransactionCreated {
        transaction_id: transaction_id(),
        digest,
        has_binary: true,
        expires_at: Some(Timestamp(1_703_499_867_298)),
        callback_url: callback_url.clone(),
        confirm_code_length: Some(8),
        notification_type: NotificationType::Url,
        kind: None,
    };
    let confirmed = TransactionConfirmed {
        transaction_id: transaction_id(),
        key_index: KEY_INDEX,
        signature: Some(vec![0x30; 70]),
        confirm_code: Some("01234567".to_owned()),
        digest,
        callback_url: callback_url.clone(),
        operation: None,
    };
    let attempt_id = Digest([0xd2; 32]);
    let offered = AutoconfirmOffered {
        attempts: vec![OfferedAttempt {
            transaction_id: transaction_id(),
            attempt_id,
        }],
        expires_at: Timestamp(1_703_499_327_298),
    };
    let autoconfirmed = TransactionAutoconfirmed {
        transaction_id: transaction_id(),
        key_index: KEY_INDEX,
        attempt_id,
        score: 87,
        signature: vec![0x30; 70],
        digest,
        callback_url: callback_url.clone(),
    };
    let declined = TransactionDeclined {
        transaction_id: transaction_id(),
        reason: None,
        reason_digest: Some(Digest([0xd5; 32])),
        code: Some(1),
        callback_url: callback_url.clone(),
        operation: None,
    };
    vec![
        created.into(),
        TransactionServed {
            transaction_id: transaction_id(),
            to_device: true,
        }
        .into(),
        ConfirmationAttempted {
            transaction_id: transaction_id(),
            attempt: 5,
            command_id: CommandId([0xc1; 32]),
        }
        .into(),
        confirmed.into(),
        declined.into(),
        offered.into(),
        AutoconfirmAttempted {
            transaction_id: transaction_id(),
            attempt_id,
            command_id: CommandId([0xc1; 32]),
            // Younger than its fixture.
            key_index: None,
            signature: None,
            signed: None,
        }
        .into(),
        autoconfirmed.into(),
        TransactionExpired {
            transaction_id: transaction_id(),
            callback_url,
        }
        .into(),
        TransactionCleaned {
            transaction_id: transaction_id(),
        }
        .into(),
        TransactionDeleted {
            transaction_id: transaction_id(),
            operation: None,
        }
        .into(),
        TransactionPushSent {
            transaction_id: transaction_id(),
            push_id: "push_0123456789abcdef0123456789abcdef".to_owned(),
            announced: vec![transaction_id()],
        }
        .into(),
        TransactionPushFailed {
            transaction_id: transaction_id(),
            push_id: "push_0123456789abcdef0123456789abcdef".to_owned(),
            reason: PushFailure::TokenGone,
        }
        .into(),
    ]
}

fn operations() -> Vec<Event> {
    let callback_url = Some(CALLBACK_URL.to_owned());
    let (digest, content_digest) = (Digest([0xd1; 32]), Digest([0xd2; 32]));
    let expires_at = Some(Timestamp(1_703_499_867_298));
    let created = OperationCreated {
        operation_id: operation_id(),
        content_digest,
        expires_at,
        callback_url: callback_url.clone(),
        confirm_code_length: Some(8),
        notification_type: NotificationType::Push,
        transactions: vec![MemberCreated {
            transaction_id: transaction_id(),
            digest,
            has_binary: true,
        }],
    };
    let updated = OperationUpdated {
        operation_id: operation_id(),
        content_digest,
        expires_at,
        callback_url: callback_url.clone(),
    };
    let served = OperationServed {
        operation_id: operation_id(),
        to_device: true,
    };
    let processed = OperationProcessed {
        operation_id: operation_id(),
        key_index: KEY_INDEX,
        status: OperationStatus::Processed,
        cleaned: true,
        confirmed: vec![MemberConfirmed {
            transaction_id: transaction_id(),
            digest,
            signature: Some(vec![0x30; 70]),
            confirm_code: Some("01234567".to_owned()),
        }],
        declined: vec![MemberDeclined {
            transaction_id: "invoice-43".parse().expect("an identifier"),
            reason: None,
            reason_digest: Some(Digest([0xd5; 32])),
            code: Some(1),
        }],
        callback_url: callback_url.clone(),
    };
    let expired = OperationExpired {
        operation_id: operation_id(),
        transactions: vec![transaction_id()],
        callback_url,
    };
    vec![
        created.into(),
        updated.into(),
        served.into(),
        processed.into(),
        expired.into(),
    ]
}

fn system_id() -> SystemId {
    "f13e4375-e429-496c-ad1e-0fc3c3ecfb53"
        .parse()
        .expect("an identifier")
}

fn codes() -> Vec<Event> {
    let (subject, command_id) = (Digest([0xd3; 32]), CommandId([0xc1; 32]));
    vec![
        CodeCheckAttempted { command_id }.into(),
        CodeChecked {}.into(),
        CommonCodeCheckAttempted {
            subject,
            command_id,
        }
        .into(),
        CommonCodeChecked { subject }.into(),
    ]
}

fn code_orders() -> Vec<Event> {
    let order_id: CodeOrderId = "0b0e8d0f-5a3c-4a5e-9a51-3f8a4c1f7e20"
        .parse()
        .expect("an identifier");
    let ordered = CodeOrdered {
        order_id: order_id.clone(),
        key_index: KEY_INDEX,
        channels: Channel::ALL.to_vec(),
        language: Language::Ru,
    };
    let begun = CodeSendingBegun {
        order_id: order_id.clone(),
        key_index: KEY_INDEX,
        channel: Channel::Sms,
        attempt: 1,
    };
    let settled = CodeSendingSettled {
        order_id: order_id.clone(),
        key_index: KEY_INDEX,
        channel: Channel::Email,
        outcome: SendingOutcome::Failed,
        reason: Some("mailbox_refused".to_owned()),
    };
    let receipt = CodeReceiptNoted {
        order_id,
        key_index: KEY_INDEX,
        channel: Channel::Sms,
        outcome: CodeReceipt::Undeliverable,
        reason: Some("error_00b".to_owned()),
    };
    vec![ordered.into(), begun.into(), settled.into(), receipt.into()]
}

fn operation_id() -> OperationId {
    "salaries-11".parse().expect("an identifier")
}

fn transaction_id() -> TransactionId {
    "invoice-42".parse().expect("an identifier")
}
