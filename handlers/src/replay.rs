//! Requests of a device that were seen before.
//!
//! A MAC covers the request's time and nonce, so a request that is sent again has the MAC it had. The owner remembers the
//! newest MACs, a bounded number of them. Whatever is older than everything remembered is taken for a repetition: the
//! memory may be too short, but it never lets a repetition pass.

use std::collections::{BTreeSet, HashMap};

use schemas::context::RequestContext;
use schemas::{Digest, KeyIndex, RequestId, Timestamp};

/// MACs remembered per user. A user whose device sends more requests than this within `T_AUTH_CODE` may see the oldest
/// of them refused, when they arrive late and out of order.
const REMEMBERED_MAX: usize = 256;

/// The newest MACs of a user's device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecentMacs {
    brought_by: HashMap<Digest, Option<RequestId>>,
    by_time: BTreeSet<(Timestamp, Digest)>,
    /// The newest time among the forgotten.
    forgotten: Option<Timestamp>,
    /// The newest time of a request, by key.
    newest: HashMap<KeyIndex, Timestamp>,
}

/// How a request relates to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Never seen.
    New,
    /// Seen, and it is the same request on its way through the house again.
    Redelivered,
    /// Seen, or too old to tell.
    Stale,
}

/// What the time in a header is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The clock: requests may arrive in any order within the window.
    Window,
    /// The request before: without a clock to hold it against, the time must grow with every request of a key.
    Growing,
}

/// A request as its header and its door name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) mac: Digest,
    pub(crate) time: Timestamp,
    pub(crate) key_index: KeyIndex,
    pub(crate) request_id: RequestId,
}

impl RecentMacs {
    /// Was this request here before?
    pub(crate) fn judge(&self, arrival: &Arrival, order: Order) -> Freshness {
        if let Some(brought_by) = self.brought_by.get(&arrival.mac) {
            return if *brought_by == Some(arrival.request_id) {
                Freshness::Redelivered
            } else {
                Freshness::Stale
            };
        }
        let newest = self.newest.get(&arrival.key_index).copied();
        let after = match order {
            Order::Window => self.forgotten,
            Order::Growing => self.forgotten.max(newest),
        };
        if after.is_none_or(|after| arrival.time > after) {
            Freshness::New
        } else {
            Freshness::Stale
        }
    }

    /// Remembers the request behind an event. An event that no device caused brings no MAC.
    pub(crate) fn remember(&mut self, context: &RequestContext, recorded_at: Timestamp) {
        let Some(mac) = context.request_hmac else {
            return;
        };
        if self.brought_by.contains_key(&mac) {
            return;
        }
        // Events of a door that did not copy the header's time: our own clock is near enough for their order.
        let time = context.auth_time.unwrap_or(recorded_at);
        self.brought_by.insert(mac, context.request_id);
        self.by_time.insert((time, mac));
        if let Some(key_index) = context.key_index {
            let newest = self.newest.entry(key_index).or_insert(time);
            *newest = time.max(*newest);
        }
        while self.by_time.len() > REMEMBERED_MAX {
            if let Some((time, mac)) = self.by_time.pop_first() {
                self.brought_by.remove(&mac);
                self.forgotten = self.forgotten.max(Some(time));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arrival(number: u8, time: i64) -> Arrival {
        Arrival {
            mac: Digest::sha256(&[number]),
            time: Timestamp(time),
            key_index: KeyIndex(1),
            request_id: RequestId([number; 32]),
        }
    }

    fn remember(memory: &mut RecentMacs, arrival: &Arrival) {
        let context = RequestContext {
            request_hmac: Some(arrival.mac),
            auth_time: Some(arrival.time),
            key_index: Some(arrival.key_index),
            request_id: Some(arrival.request_id),
            ..RequestContext::default()
        };
        memory.remember(&context, Timestamp(0));
    }

    #[test]
    fn a_mac_is_good_for_one_request() {
        let mut memory = RecentMacs::default();
        let first = arrival(1, 100);
        assert_eq!(memory.judge(&first, Order::Window), Freshness::New);
        remember(&mut memory, &first);
        assert_eq!(memory.judge(&first, Order::Window), Freshness::Redelivered);
        let replayed = Arrival {
            request_id: RequestId([9; 32]),
            ..first
        };
        assert_eq!(memory.judge(&replayed, Order::Window), Freshness::Stale);
        assert_eq!(memory.judge(&arrival(2, 99), Order::Window), Freshness::New);
    }

    #[test]
    fn without_a_clock_the_time_grows_with_every_request_of_a_key() {
        let mut memory = RecentMacs::default();
        remember(&mut memory, &arrival(1, 100));
        assert_eq!(
            memory.judge(&arrival(2, 100), Order::Growing),
            Freshness::Stale
        );
        assert_eq!(
            memory.judge(&arrival(2, 101), Order::Growing),
            Freshness::New
        );
        let other_key = Arrival {
            key_index: KeyIndex(2),
            ..arrival(2, 50)
        };
        assert_eq!(memory.judge(&other_key, Order::Growing), Freshness::New);
    }

    proptest! {
        #[test]
        fn no_repetition_ever_passes(times in prop::collection::vec(0_i64..1000, 1..600), again in any::<prop::sample::Index>()) {
            let mut memory = RecentMacs::default();
            let arrivals: Vec<Arrival> = times.iter().enumerate().map(|(number, time)| Arrival {
                mac: Digest::sha256(&number.to_be_bytes()),
                request_id: RequestId(Digest::sha256(&number.to_be_bytes()).0),
                ..arrival(0, *time)
            }).collect();
            for arrival in &arrivals {
                remember(&mut memory, arrival);
            }
            prop_assert!(memory.by_time.len() <= REMEMBERED_MAX);
            let replayed = Arrival { request_id: RequestId([0xff; 32]), ..*again.get(&arrivals) };
            prop_assert_eq!(memory.judge(&replayed, Order::Window), Freshness::Stale);
            prop_assert_eq!(memory.judge(&replayed, Order::Growing), Freshness::Stale);
        }
    }
}
