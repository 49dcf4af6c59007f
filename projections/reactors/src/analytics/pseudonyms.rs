//! Pseudonyms: the same identifier has the same one within a grant and another one in every other grant, and nobody finds
//! out the identifier without the root secret.

use aws_lc_rs::hmac;
use bus::shell::RootSecret;
use schemas::curated::{Identifiers, Space};
use schemas::{AnalyticsName, SystemId};

/// Bytes of a pseudonym: enough that no two identifiers meet.
const BYTES: usize = 16;

/// The pseudonyms of a grant.
#[derive(Clone, Debug)]
pub struct Pseudonyms {
    key: hmac::Key,
}

impl Pseudonyms {
    /// Those of this grant.
    pub fn of(root: &RootSecret, grant: &AnalyticsName) -> Self {
        let key = root.derive(&format!("analytics/pseudonyms/{grant}"));
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.expose()),
        }
    }
}

impl Identifiers for Pseudonyms {
    fn shown(&self, space: Space, system_id: &SystemId, id: &str) -> String {
        // No identifier holds a line's end, so no two of these texts are the same by accident.
        let text = format!("{}\n{system_id}\n{id}", space.letter());
        let tag = hmac::sign(&self.key, text.as_bytes());
        format!("{}_{}", space.letter(), hex::encode(&tag.as_ref()[..BYTES]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_holds_within_its_grant_its_system_and_its_kind() {
        let root = RootSecret::new([7; 32]);
        let of = |grant: &str| Pseudonyms::of(&root, &grant.parse().unwrap());
        let (bank, other): (SystemId, SystemId) =
            ("bank".parse().unwrap(), "other".parse().unwrap());
        let risk = of("risk");
        let shown = risk.shown(Space::User, &bank, "ivanova");
        assert_eq!(shown, of("risk").shown(Space::User, &bank, "ivanova"));
        assert!(shown.starts_with("u_") && shown.len() == 34, "{shown}");
        let others = [
            risk.shown(Space::User, &bank, "petrov"),
            risk.shown(Space::User, &other, "ivanova"),
            risk.shown(Space::Transaction, &bank, "ivanova"),
            of("fraud").shown(Space::User, &bank, "ivanova"),
        ];
        assert!(!others.contains(&shown));
    }
}
