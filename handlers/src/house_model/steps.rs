//! What callers do at random, and what the rules say they hear.

use schemas::commands::keys::{KeyParts, KeyRequest};
use schemas::commands::transactions::DeclineTransaction;
use schemas::flags::{
    AUTOSIGN_ENABLED, DENY_RENEW_PUBLIC_KEY, ONLINE_CREDENTIALS, REMOTE_UPDATE_ENABLED,
    SCORING_ENABLED, WITH_FINGERPRINT,
};

use super::House;
use crate::testing::key_request;

/// Transactions and operations that are spoken of; most exist, some do not.
const IDS: u64 = 6;

impl House {
    /// One thing that somebody does.
    pub(super) fn step(&mut self) {
        let kinds = [
            (4, Self::pass_time as fn(&mut Self)),
            (6, Self::bank_and_user),
            (2, Self::bank_and_keys),
            (14, Self::bank_and_transactions),
            (8, Self::bank_and_operations),
            (4, Self::bank_and_codes),
            (2, Self::bank_and_journal),
            (4, Self::codes_by_message),
            (3, Self::bank_and_house),
            (3, Self::operator),
            (3, Self::house_itself),
            (12, Self::device_and_key),
            (10, Self::device_by_itself),
            (10, Self::device_and_recovery),
            (6, Self::device_and_password),
            (22, Self::device_and_transactions),
            (12, Self::device_and_operations),
        ];
        let whole: u64 = kinds.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.chance.below(whole);
        for (weight, act) in kinds {
            if drawn < weight {
                return act(self);
            }
            drawn -= weight;
        }
    }

    fn pass_time(&mut self) {
        let ms = self.chance.one_of(&[1, 1_000, 60_000, 900_000, 86_400_000]);
        let ms = if self.chance.once_in(300) {
            300 * 86_400_000
        } else {
            ms
        };
        self.user.now += ms;
        self.story.at(self.story.now().plus_ms(ms));
    }

    /// A transaction (`t`) or an operation (`o`) that somebody speaks of: mostly one that waits.
    pub(super) fn an_id(&mut self, kind: &str) -> String {
        let now = self.user.now;
        let known: Vec<String> = if kind == "t" {
            let waiting = self.user.transactions.iter();
            let waiting = waiting.filter(|(_, transaction)| transaction.pending(now).is_ok());
            waiting.map(|(id, _)| id.clone()).collect()
        } else {
            self.user.operations.keys().cloned().collect()
        };
        if known.is_empty() || self.chance.once_in(4) {
            return self.any_id(kind);
        }
        self.chance.one_of(&known)
    }

    /// Any at all: one that waits, one that is over, or none.
    pub(super) fn any_id(&mut self, kind: &str) -> String {
        let (number, generation) = (self.chance.below(IDS), self.generation);
        // Members of operations are transactions like others.
        match kind {
            "t" if self.chance.once_in(6) => {
                let member = self.chance.below(3);
                format!("o{generation}-{number}.{member}")
            }
            "t" => format!("t{generation}-{number}"),
            _ => format!("o{generation}-{number}"),
        }
    }
}

/// A refusal of the transaction.
pub(super) fn declination(id: &str) -> DeclineTransaction {
    DeclineTransaction {
        transaction_id: id.parse().unwrap(),
        reason: "not me".to_owned(),
        code: None,
    }
}

pub(super) fn request(two_parts: bool, flags: [bool; 5]) -> KeyRequest {
    let mut request = key_request(parts(two_parts));
    let [bound, online, deny, scored, renewable] = flags.map(u32::from);
    request.flags.set(&WITH_FINGERPRINT, bound);
    request.flags.set(&ONLINE_CREDENTIALS, online);
    request.flags.set(&DENY_RENEW_PUBLIC_KEY, deny);
    request.flags.set(&AUTOSIGN_ENABLED, scored);
    request.flags.set(&SCORING_ENABLED, scored);
    request.flags.set(&REMOTE_UPDATE_ENABLED, renewable);
    request
}

pub(super) fn parts(two_parts: bool) -> KeyParts {
    if two_parts {
        KeyParts::TwoDrawCode { digits: 6 }
    } else {
        KeyParts::Whole
    }
}

/// Another code of the same length.
pub(super) fn wrong(right: &str) -> String {
    let last = if right.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", &right[..right.len() - 1])
}
