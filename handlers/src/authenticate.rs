//! Is the caller the device it says it is? Whoever cannot show a valid MAC hears 288 to everything, and learns nothing:
//! not even whether the user exists.
//!
//! `CHECK_HTTP_AUTH_HEADER=0` switches all of this off, as the reference does: **anybody who reaches the mobile door then
//! speaks for every user.** Confirmations still need the signature or the code; everything else does not. The setting
//! exists for test stands.

use schemas::commands::credentials::CredentialsCommand;
use schemas::commands::keys::KeyCommand;
use schemas::commands::{Caller, Command, CommandEnvelope, DeviceClaim};
use schemas::vault::VaultName;
use schemas::{Digest, ErrorCode, Owner, Secret};

use crate::crypto::{key_material, pc_auth};
use crate::decision::Refusal;
use crate::facts::{Facts, VaultFacts};
use crate::keys::{Found, Key, Ring};
use crate::owner::OwnerState;
use crate::replay::{Arrival, Freshness, Order};

/// A device that showed what only it can know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    /// Whether this request was never seen before: its MAC is not in the owner's memory. Always `false` while the
    /// setting switches header checks off, because the MAC says nothing then.
    pub is_new_request: bool,
    /// Key to authenticate the answer with; `None` only while header checks are switched off and the vault has no key.
    pub response_key: Option<Secret>,
    /// Which key of the ring it holds.
    pub(crate) holds: Holds,
    /// The whole secret of the key it holds, once the device can have it.
    pub(crate) secret: Option<Secret>,
}

/// Which key of the ring a device holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// The one in force.
    Current,
    /// The one that is to replace it.
    Delayed,
    /// One that was replaced.
    Replaced,
}

/// The MAC in the header of a device's request; `None` for other callers.
pub fn device_mac(envelope: &CommandEnvelope) -> Option<Digest> {
    match &envelope.caller {
        Caller::Device(claim) => Some(claim.auth.mac),
        Caller::System | Caller::House | Caller::Administrator | Caller::Operator => None,
    }
}

/// Vouches for a device, or says what it hears instead. The refusals here leave no event: their caller could be anybody.
///
/// In this order: MAC (288); a key index the ring does not have yet (337); the time (349); a repetition (288).
#[expect(
    clippy::result_large_err,
    reason = "a refusal is moved once or twice; a box would cost more than it saves"
)]
pub fn authenticate(
    state: &OwnerState,
    envelope: &CommandEnvelope,
    facts: &Facts<'_>,
) -> Result<Authenticated, Refusal> {
    let nobody = || refusal(ErrorCode::HttpAuthCodeInvalid, None);
    let (OwnerState::User(user), Caller::Device(claim)) = (state, &envelope.caller) else {
        return Err(nobody());
    };
    let Ok(person) = user.life.present() else {
        return Err(nobody());
    };
    if !speaks_for(claim, &envelope.owner) {
        return Err(nobody());
    }
    let auth = &claim.auth;
    let request_key = request_key(&person.keys, claim, &envelope.command, facts.vault);
    let response_key = request_key
        .as_ref()
        .map(|key| pc_auth::response_key(key, &auth.nonce));
    let is_checked = facts.settings.check_auth_header();
    if is_checked && !is_proven(request_key.as_ref(), claim) {
        return Err(nobody());
    }
    let (holds, key) = match person.keys.find(auth.key_index) {
        Found::Current(key) => (Holds::Current, Some(key)),
        Found::Delayed(key) => (Holds::Delayed, Some(key)),
        Found::Replaced => (Holds::Replaced, None),
        Found::Unknown => return Err(refusal(ErrorCode::KeyIndexWrong, response_key)),
    };
    let freshness = if is_checked {
        let order = if facts.settings.check_auth_time() {
            let window_ms = facts.settings.auth_code_step_s().unsigned_abs() * 1000;
            if facts.now.distance_ms(auth.timestamp) > window_ms {
                return Err(refusal(ErrorCode::TimeSyncError, response_key));
            }
            Order::Window
        } else {
            Order::Growing
        };
        let arrival = Arrival {
            mac: auth.mac,
            time: auth.timestamp,
            key_index: auth.key_index,
            request_id: facts.request_id,
        };
        user.recent.judge(&arrival, order)
    } else {
        Freshness::Redelivered
    };
    if freshness == Freshness::Stale {
        return Err(nobody());
    }
    let complete = key.filter(|key| key.is_complete());
    Ok(Authenticated {
        is_new_request: freshness == Freshness::New,
        response_key,
        holds,
        secret: complete.and_then(|key| whole_secret(key, facts.vault)),
    })
}

fn speaks_for(claim: &DeviceClaim, owner: &Owner) -> bool {
    Some(&claim.auth.user_id) == owner.user_id() && claim.auth.system_id == *owner.system_id()
}

fn is_proven(request_key: Option<&Secret>, claim: &DeviceClaim) -> bool {
    request_key.is_some_and(|key| pc_auth::mac_is_right(key, &claim.message, &claim.auth.mac))
}

/// The key a request with that index must have been authenticated with. A number above the ring's is held against the key
/// in force: a device that merely miscounts is told so, a stranger is not.
fn request_key(
    ring: &Ring,
    claim: &DeviceClaim,
    command: &Command,
    vault: &VaultFacts,
) -> Option<Secret> {
    let claimed = claim.auth.key_index;
    let key = match ring.find(claimed) {
        Found::Current(key) | Found::Delayed(key) => key,
        Found::Unknown => &ring.current,
        Found::Replaced => {
            let farewell = vault.get(&VaultName::key_farewell(claimed))?;
            return Some(Secret::new(part_of_farewell(farewell, command)));
        }
    };
    // Before its activation a device has nothing but the first half; activating again, it shows that half again.
    if matches!(command, Command::Keys(KeyCommand::Activate(_))) || !key.is_complete() {
        return first_half_key(key, vault);
    }
    let whole = whole_secret(key, vault)?;
    Some(if asks_for_access(command) {
        key_material::credentials_request_key(&whole)
    } else {
        key_material::request_key(&whole)
    })
}

/// The one request of a device that cannot open its own key yet: it has a key of its own.
fn asks_for_access(command: &Command) -> bool {
    matches!(command, Command::Credentials(CredentialsCommand::Get(_)))
}

/// A farewell is one key, or two: for all requests, and after it for the one that has its own.
fn part_of_farewell<'a>(farewell: &'a [u8], command: &Command) -> &'a [u8] {
    match farewell.split_at_checked(FAREWELL_PART_BYTES) {
        Some((_, own)) if asks_for_access(command) && !own.is_empty() => own,
        Some((first, _)) => first,
        None => farewell,
    }
}

/// The key of requests from a device that could not complete its key.
fn first_half_key(key: &Key, vault: &VaultFacts) -> Option<Secret> {
    let first_part = vault.get(&VaultName::key_first_part(key.index))?;
    Some(key_material::activation_request_key(first_part))
}

/// The key's whole secret K; `None` when the vault lacks a part.
pub(crate) fn whole_secret(key: &Key, vault: &VaultFacts) -> Option<Secret> {
    let first_part = vault.get(&VaultName::key_first_part(key.index))?;
    if !key.has_two_parts() {
        return Some(Secret::new(first_part));
    }
    key_material::join(
        first_part,
        vault.get(&VaultName::key_second_part(key.index))?,
    )
}

/// What is kept of a key that is replaced: enough to recognize its device, too little for anything else.
pub(crate) fn farewell(key: &Key, vault: &VaultFacts) -> Option<Secret> {
    if !key.is_complete() {
        return first_half_key(key, vault);
    }
    let whole = whole_secret(key, vault)?;
    let both = [
        key_material::request_key(&whole),
        key_material::credentials_request_key(&whole),
    ];
    let bytes: Vec<u8> = both.iter().flat_map(Secret::expose).copied().collect();
    Some(Secret::new(bytes))
}

/// Length of one of the keys of a farewell.
const FAREWELL_PART_BYTES: usize = 32;

fn refusal(code: ErrorCode, response_key: Option<Secret>) -> Refusal {
    Refusal {
        code,
        event: None,
        response_key,
        events_post_url: None,
    }
}

#[cfg(test)]
mod tests {
    use schemas::KeyIndex;
    use schemas::commands::keys::{KeyParts, UpdateUserKey};
    use schemas::commands::systems::RemoveSystem;
    use schemas::commands::transactions::ListTransactions;
    use schemas::commands::users::DeleteUser;

    use super::*;
    use crate::testing::{Story, key_request};

    const LOOK: ListTransactions = ListTransactions {
        statuses: Vec::new(),
    };

    #[test]
    fn a_device_with_the_key_is_heard_and_can_trust_the_answer() {
        let mut story = Story::of_a_user();
        let heard = story.device_asks(LOOK);
        heard.happens(&["get_transactions"]);
        assert_eq!(heard.response_key(), story.device.expected_response_key());
    }

    #[test]
    fn a_stranger_learns_nothing() {
        let strangers: [fn(&mut Story); 5] = [
            |story| story.device.first_part = Secret::new([0; 32]),
            |story| story.device.second_part = Some(Secret::new([1; 32])),
            |story| story.device.tampers_with_message = true,
            |story| story.device.user_id = "sample-2".parse().unwrap(),
            |story| {
                story.device.first_part = Secret::new([0; 32]);
                story.device.key_index = KeyIndex(7);
            },
        ];
        for strange in strangers {
            let mut story = Story::of_a_user();
            strange(&mut story);
            let heard = story.device_asks(LOOK);
            heard.is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
            assert_eq!(heard.response_key(), None);
        }
    }

    #[test]
    fn a_user_who_is_not_there_is_a_stranger_too() {
        let mut story = Story::of_a_system();
        story
            .device_asks(LOOK)
            .is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
        let mut story = Story::of_a_user();
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story
            .device_asks(LOOK)
            .is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
    }

    #[test]
    fn a_miscounting_device_is_told_so() {
        let mut story = Story::of_a_user();
        story.device.key_index = KeyIndex(2);
        let heard = story.device_asks(LOOK);
        heard.is_refused_silently(ErrorCode::KeyIndexWrong);
        assert_eq!(heard.response_key(), story.device.expected_response_key());
    }

    #[test]
    fn a_replaced_key_is_told_so_and_only_to_who_holds_it() {
        for parts in [KeyParts::Whole, KeyParts::TwoDrawCode { digits: 10 }] {
            let mut story = Story::of_a_user_with(key_request(parts));
            let old = story.device.clone();
            let key = key_request(KeyParts::Whole);
            let is_delayed = false;
            story
                .bank_asks(UpdateUserKey { key, is_delayed })
                .happens(&["update_user_key"]);
            story.device = old.clone();
            let heard = story.device_asks(LOOK);
            heard.is_refused(ErrorCode::KeyIndexObsoleted);
            assert_eq!(heard.response_key(), story.device.expected_response_key());
            story.device.first_part = Secret::new([0; 32]);
            story
                .device_asks(LOOK)
                .is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
        }
    }

    #[test]
    fn the_clock_may_be_off_by_the_window_and_no_more() {
        for (offset_ms, code) in [
            (0, ErrorCode::Normal),
            (180_000, ErrorCode::Normal),
            (-180_000, ErrorCode::Normal),
            (180_001, ErrorCode::TimeSyncError),
            (-180_001, ErrorCode::TimeSyncError),
        ] {
            let mut story = Story::of_a_user();
            story.device.clock_offset_ms = offset_ms;
            let heard = story.device_asks(LOOK);
            assert_eq!(heard.code(), code, "{offset_ms}");
            assert_eq!(heard.response_key(), story.device.expected_response_key());
            if code == ErrorCode::TimeSyncError {
                heard.is_refused_silently(code);
            }
        }
    }

    #[test]
    fn a_request_that_is_sent_again_is_a_strangers() {
        let mut story = Story::of_a_user();
        let envelope = story.device_request(LOOK);
        story
            .receive(envelope.clone())
            .happens(&["get_transactions"]);
        story
            .receive(envelope.clone())
            .happens(&["get_transactions"]);
        let mut replayed = envelope;
        replayed.request_id = schemas::RequestId([0xee; 32]);
        story
            .receive(replayed)
            .is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
    }

    #[test]
    fn without_the_interval_check_time_still_moves_forward() {
        let mut story = Story::of_a_user();
        story.set("CHECK_HTTP_AUTH_HEADER_TIME_INTERVAL", "0");
        story.device.clock_offset_ms = -1_000_000_000;
        story.device_asks(LOOK).happens(&["get_transactions"]);
        story.device.clock_offset_ms -= 1;
        story
            .device_asks(LOOK)
            .is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
        story.device.clock_offset_ms += 2;
        story.device_asks(LOOK).happens(&["get_transactions"]);
    }

    #[test]
    fn without_header_checks_anybody_is_heard() {
        let mut story = Story::of_a_user();
        story.set("CHECK_HTTP_AUTH_HEADER", "0");
        story.device.first_part = Secret::new([0; 32]);
        story.device.clock_offset_ms = 1_000_000_000;
        story.device_asks(LOOK).happens(&["get_transactions"]);
    }

    #[test]
    fn the_device_of_a_removed_system_is_told_so() {
        let mut story = Story::of_a_user();
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
        story
            .device_asks(LOOK)
            .is_refused(ErrorCode::SystemIsDeleted);
    }

    #[test]
    fn an_expired_key_opens_nothing() {
        let mut story = Story::of_a_user();
        story.at(story.key_valid_to().plus_ms(-1));
        story.device_asks(LOOK).happens(&["get_transactions"]);
        story.at(story.key_valid_to());
        story.device_asks(LOOK).is_refused(ErrorCode::KeyExpired);
    }

    #[test]
    fn a_key_that_waits_for_its_code_can_only_be_activated() {
        let mut story = Story::of_a_user_with(key_request(KeyParts::TwoDrawCode { digits: 6 }));
        let heard = story.device_asks(LOOK);
        heard.is_refused(ErrorCode::KeyNotActivated);
        assert_eq!(heard.response_key(), story.device.expected_response_key());
    }

    #[test]
    fn nobody_but_a_device_is_authenticated_here() {
        let mut story = Story::of_a_user();
        let envelope = story.bank_request(LOOK);
        assert_eq!(device_mac(&envelope), None);
        let envelope = story.device_request(LOOK);
        assert!(device_mac(&envelope).is_some());
    }
}
