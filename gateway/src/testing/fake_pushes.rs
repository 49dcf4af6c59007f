//! A push station that sends nothing.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::pushes::{PushDesk, PushOrder, PushQueueFull, PushStanding};

/// A station where every push waits for ever.
#[derive(Debug, Default)]
pub(crate) struct FakePushes {
    is_full: AtomicBool,
    taken: Mutex<HashSet<String>>,
}

impl FakePushes {
    /// From now on there is no room.
    pub(crate) fn fill(&self) {
        self.is_full.store(true, Ordering::SeqCst);
    }
}

impl PushDesk for FakePushes {
    fn take(&self, order: PushOrder) -> Result<(), PushQueueFull> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(PushQueueFull);
        }
        self.taken.lock().unwrap().insert(order.push_id);
        Ok(())
    }

    fn standing(&self, push_id: &str) -> Option<PushStanding> {
        let taken = self.taken.lock().unwrap();
        taken.contains(push_id).then_some(PushStanding {
            status: "queued",
            progress: (0, 0),
            reason: None,
            failure: None,
            asked_ms: None,
            gone: Vec::new(),
        })
    }
}
