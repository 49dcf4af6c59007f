//! No user is woken without end: so many pushes within so long, and the others come later or not at all.
//!
//! Ours. A bank's mistake, or somebody who can make the bank ask, must not make a person tap "yes" to have peace.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;
use schemas::{Owner, Timestamp};

/// Pushes of one user within [`WITHIN_MS`].
pub(crate) const PUSHES_MAX: usize = 30;

/// The time they are counted in, ms.
const WITHIN_MS: i64 = 60_000;

/// Users that are remembered.
const USERS_MAX: NonZeroUsize = NonZeroUsize::new(100_000).expect("it is not 0");

/// When users were last woken.
#[derive(Debug)]
pub(crate) struct Crowding(Mutex<LruCache<Owner, VecDeque<Timestamp>>>);

impl Crowding {
    /// Nobody was woken yet.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(LruCache::new(USERS_MAX)))
    }

    /// Counts a push, or says how long it has to wait, ms.
    pub(crate) fn admit(&self, owner: &Owner, now: Timestamp) -> Result<(), i64> {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let woken = users.get_or_insert_mut(owner.clone(), VecDeque::new);
        while woken.front().is_some_and(|at| at.0 + WITHIN_MS <= now.0) {
            woken.pop_front();
        }
        if let Some(oldest) = woken.front().filter(|_| woken.len() >= PUSHES_MAX) {
            return Err(oldest.0 + WITHIN_MS - now.0);
        }
        woken.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_woken_so_often_and_others_are_not_concerned() {
        let crowding = Crowding::new();
        let owner = |name: &str| -> Owner {
            format!("f13e4375-e429-496c-ad1e-0fc3c3ecfb53/{name}")
                .parse()
                .unwrap()
        };
        let (one, two) = (owner("one"), owner("two"));
        for _ in 0..PUSHES_MAX {
            assert_eq!(crowding.admit(&one, Timestamp(0)), Ok(()));
        }
        assert_eq!(crowding.admit(&one, Timestamp(1)), Err(WITHIN_MS - 1));
        assert_eq!(crowding.admit(&two, Timestamp(1)), Ok(()));
        assert_eq!(crowding.admit(&one, Timestamp(WITHIN_MS)), Ok(()));
    }
}
