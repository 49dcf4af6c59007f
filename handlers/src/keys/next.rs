//! The next key of a ring, and what becomes of those it replaces. The bank asks for it, or a device that recovers.

use schemas::Secret;
use schemas::answers::IssuedKey;
use schemas::commands::keys::{KeyCarrier, KeyParts, KeyRequest};
use schemas::events::keys::KeyIssued;
use schemas::vault::VaultName;

use super::issue::{Holder, NewKey};
use super::replace::{Replaced, replace};
use super::{Key, Rejection, Ring, issue};
use crate::asked::Asked;
use crate::decision::Erasure;

/// A key as it is issued, with everything that is written and erased for it.
#[derive(Debug)]
pub(crate) struct NextKey {
    pub(crate) issued: KeyIssued,
    pub(crate) rows: Vec<(VaultName, Secret)>,
    pub(crate) erase: Vec<Erasure>,
    pub(crate) answer: IssuedKey,
}

/// Which keys the next one makes worthless at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replaces {
    /// The one in force, and the delayed one.
    Everything,
    /// The delayed one alone.
    Delayed,
}

/// Issues the next key.
pub(super) fn next(
    asked: &Asked<'_>,
    request: &KeyRequest,
    replaces: Replaces,
) -> Result<NextKey, Rejection> {
    let (ring, vault) = (&asked.person.keys, asked.facts.vault);
    let name = vault.get(&VaultName::user_name());
    let holder = Holder {
        system_id: asked.system_id,
        user_id: asked.user_id,
        name: name.map(|name| String::from_utf8_lossy(name).into_owned()),
        system: asked.system,
    };
    let NewKey {
        issued,
        mut rows,
        answer,
    } = issue(request, ring.next_index(), &holder, asked.facts)?;
    let mut gone: Vec<Replaced> = Vec::new();
    gone.extend(ring.delayed.as_ref().map(|delayed| replace(delayed, vault)));
    if replaces == Replaces::Everything {
        gone.push(replace(&ring.current, vault));
        gone.push(Replaced {
            erased: [VaultName::push_address(), VaultName::telegram_chat()]
                .map(Erasure::Row)
                .to_vec(),
            ..Replaced::default()
        });
    }
    let mut erase = Vec::new();
    for replaced in gone {
        rows.extend(replaced.rows);
        erase.extend(replaced.erased);
    }
    Ok(NextKey {
        issued,
        rows,
        erase,
        answer,
    })
}

/// The next key with the flags of the one in force, whole, in place of everything.
pub(crate) fn next_of_same_kind(asked: &Asked<'_>) -> Result<NextKey, Rejection> {
    let request = KeyRequest {
        flags: asked.key.flags,
        parts: KeyParts::Whole,
        app_extra: None,
        carrier: KeyCarrier::Text,
    };
    next(asked, &request, Replaces::Everything)
}

/// The vault rows that issuing the next key reads.
pub(crate) fn needs(ring: &Ring) -> Vec<VaultName> {
    let mut names: Vec<VaultName> = ring.keys().flat_map(Key::parts).collect();
    names.push(VaultName::user_name());
    names
}
