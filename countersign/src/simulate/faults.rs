//! Faults by script: what goes wrong with which of the next requests.

use std::collections::VecDeque;

use serde::Deserialize;

/// What goes wrong with a request.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// It is answered with this and nothing else.
    Status {
        /// The status.
        status: u16,
        /// The header `Retry-After`, as it is written.
        #[serde(default)]
        retry_after: Option<String>,
        /// The body.
        #[serde(default)]
        body: Option<serde_json::Value>,
    },
    /// It is answered as usual, and late.
    Delay {
        /// How late, ms.
        ms: u64,
    },
    /// It is never answered.
    Hang,
    /// The connection breaks before anything was done.
    Reset,
    /// The connection breaks after everything was done.
    CloseAfterCommit,
    /// It is answered as usual, and the connection takes nothing more: with HTTP/2 it says GOAWAY.
    GoAway,
    /// It is sent elsewhere.
    Redirect {
        /// Where to.
        to: String,
    },
    /// It is answered as usual, one byte after the other.
    Drip {
        /// The wait before each byte, ms.
        ms: u64,
    },
}

/// A fault, for which requests and how often.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Order {
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Fault,
    /// Only for paths that begin so; all without it.
    #[serde(default)]
    pub path: String,
    /// How often; once without it.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// The script: the first order that fits a request is followed, and used up.
#[derive(Debug, Default)]
pub(super) struct Script(VecDeque<Order>);

impl Script {
    pub(super) fn add(&mut self, order: Order) {
        if order.times > 0 {
            self.0.push_back(order);
        }
    }

    pub(super) fn next(&mut self, path: &str) -> Option<Fault> {
        let place = self
            .0
            .iter()
            .position(|order| path.starts_with(&order.path))?;
        let order = &mut self.0[place];
        order.times -= 1;
        let fault = order.fault.clone();
        if order.times == 0 {
            self.0.remove(place);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_followed_in_their_order_and_used_up() {
        let mut script = Script::default();
        let order = |text: &str| serde_json::from_str::<Order>(text).unwrap();
        script.add(order(r#"{"fault": "hang", "path": "/3", "times": 2}"#));
        script.add(order(
            r#"{"fault": "status", "status": 429, "retry_after": "5"}"#,
        ));
        assert_eq!(script.next("/3/device/1"), Some(Fault::Hang));
        assert!(matches!(
            script.next("/token"),
            Some(Fault::Status { status: 429, .. })
        ));
        assert_eq!(script.next("/token"), None);
        assert_eq!(script.next("/3/device/1"), Some(Fault::Hang));
        assert_eq!(script.next("/3/device/1"), None);
    }

    #[test]
    fn an_order_nobody_understands_is_refused() {
        for wrong in ["{}", r#"{"fault": "fire"}"#, r#"{"fault": "delay"}"#] {
            assert!(serde_json::from_str::<Order>(wrong).is_err(), "{wrong}");
        }
    }
}
