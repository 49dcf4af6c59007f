//! Stories over real HTTP: the whole service in this process, a bank at one door, the reference device at the other.
#![expect(
    clippy::unwrap_used,
    reason = "a story that cannot go on has failed, and the place says why"
)]

mod activation_codes;
mod activation_messages;
mod analysts;
mod attacks;
mod autoconfirm;
mod bad_input;
mod batch_operation;
mod billing;
mod blocked_user;
mod callback_versions;
mod callbacks;
mod chosen_transaction_id;
mod configuration;
mod confirm;
mod credentials;
mod decline;
mod delayed_key;
mod delete_user;
mod device_program;
mod dossier;
mod ending;
mod erasure;
mod events_post;
mod evidence;
mod expire;
mod export;
mod exported_key;
mod flushed;
mod healing;
mod idempotency;
mod internal_error;
mod journal;
mod journal_upkeep;
mod key_flags;
mod key_in_two_parts;
mod key_pictures;
mod letters;
mod letters_over_http;
mod license_program;
mod licenses;
mod listening;
mod log_position;
mod login_by_qr;
mod lost_stream;
mod missing_parts;
mod mobile_texts;
mod offline_code;
mod operators;
mod past;
mod pushes;
mod raw;
mod reasons;
mod rebuild;
mod receipts;
mod receiver_faults;
mod receiver_gone;
mod register_and_renew;
mod reissued_key;
mod remote_update;
mod replay;
mod server_settings;
mod settings_at_work;
mod signed_registration;
mod startup;
mod system_lifecycle;
mod time_window;
mod two_runners;
mod whole_key;
mod witnesses;
mod wycheproof;

use std::time::Duration;

/// How often, and at what distance, something that must come is looked for.
const LOOKS_MAX: u32 = 1000;
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until something that nobody announces has come true.
async fn until(is_true: impl AsyncFn() -> bool) {
    let mut looks = 0;
    while !is_true().await {
        looks += 1;
        assert!(looks < LOOKS_MAX, "it did not come true");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
