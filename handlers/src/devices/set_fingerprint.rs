//! `set_device_fingerprint`: binds the user to the device.

use schemas::commands::devices::SetFingerprint;
use schemas::events::devices::FingerprintSet;
use schemas::flags::WITH_FINGERPRINT;

use super::Rejection;
use crate::asked::Asked;
use crate::decision::Decision;
use crate::keys::put_in_force;

/// Stores the fingerprint that enters every confirmation code of this key. Once: the same value again is no change, and
/// another one is another device. With the delayed key, this puts it in force.
///
/// Source: reference manual, "withFingerPrint". A key without that flag has no use for a fingerprint, so a device that
/// sends one mistakes its key (219).
pub(crate) fn decide(asked: &Asked<'_>, command: &SetFingerprint) -> Result<Decision, Rejection> {
    let key = asked.key;
    if !key.flags.has(&WITH_FINGERPRINT) {
        return Err(Rejection::NotBound);
    }
    if key
        .fingerprint
        .is_some_and(|stored| stored != command.device_fingerprint)
    {
        return Err(Rejection::BoundElsewhere);
    }
    let event = FingerprintSet {
        key_index: key.index,
        device_fingerprint: command.device_fingerprint,
        callback_url: asked.system.callback_url(),
    };
    let mut decision = Decision::happened(vec![event.into()]);
    if let Some(delayed) = asked.delayed() {
        let (ring, is_registered) = (&asked.person.keys, delayed.registered.is_some());
        put_in_force(
            ring,
            delayed,
            asked.facts.vault,
            is_registered,
            &mut decision,
        );
    }
    Ok(decision)
}

#[cfg(test)]
mod tests {
    use schemas::commands::keys::KeyParts;
    use schemas::{Digest, ErrorCode};

    use super::*;
    use crate::testing::{Story, key_request};

    fn fingerprint(number: u8) -> SetFingerprint {
        SetFingerprint {
            device_fingerprint: Digest([number; 32]),
        }
    }

    #[test]
    fn a_device_is_bound_once() {
        let mut request = key_request(KeyParts::Whole);
        request.flags.set(&WITH_FINGERPRINT, 1);
        let mut story = Story::of_a_user_with(request);
        story
            .device_asks(fingerprint(1))
            .happens(&["set_device_fingerprint"]);
        story
            .device_asks(fingerprint(1))
            .happens(&["set_device_fingerprint"]);
        story
            .device_asks(fingerprint(2))
            .is_refused(ErrorCode::FprintIsNotEmpty);
    }

    #[test]
    fn a_key_without_the_flag_is_not_bound() {
        let mut story = Story::of_a_user();
        story
            .device_asks(fingerprint(1))
            .is_refused(ErrorCode::RequestError);
    }
}
