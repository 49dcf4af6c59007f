//! `pusher.conf.json`: what holds for all pushes. Every value has the manual's default.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// What holds for all pushes.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Common {
    /// How many statuses of pushes are remembered.
    pub(crate) notification_status_buffer_size: usize,
    /// The way out.
    pub(crate) proxy: Proxy,
    /// Who sends.
    pub(crate) push_tasks_pool: Pool,
    /// Whether a report on the work done goes to the log; DEBUG_INFO is needed, too.
    pub(crate) performance_log: bool,
    /// How often it does, seconds.
    pub(crate) performance_log_period: u64,
    /// Ours: authorities to trust besides the machine's, a PEM file beside this one: of a proxy that looks into TLS.
    pub(crate) authorities: Option<PathBuf>,
}

/// A proxy that is asked to connect (HTTP CONNECT). Without a host there is none.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Proxy {
    /// Its name or address.
    pub(crate) host: Option<String>,
    /// Its port.
    pub(crate) port: u16,
    /// Who we are to it.
    pub(crate) username: Option<String>,
    /// And how we show it.
    pub(crate) password: Option<String>,
}

/// How many send at the same time.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the manual's names")]
pub(crate) struct Pool {
    /// Workers before anything has to wait.
    pub(crate) core_size: usize,
    /// Pushes that wait before there are more workers.
    pub(crate) queue_size: usize,
    /// Workers at most.
    pub(crate) max_core_size: usize,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            notification_status_buffer_size: 1000,
            proxy: Proxy::default(),
            push_tasks_pool: Pool::default(),
            performance_log: false,
            performance_log_period: 1000,
            authorities: None,
        }
    }
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            host: None,
            port: 3128,
            username: None,
            password: None,
        }
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            core_size: 5,
            queue_size: 500,
            max_core_size: 50,
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:{}", self.host, self.port)
    }
}

impl Common {
    /// The field that cannot be meant so, and why.
    pub(crate) fn wrong(&self) -> Option<(&'static str, &'static str)> {
        let pool = &self.push_tasks_pool;
        if self.notification_status_buffer_size == 0 {
            Some(("notification_status_buffer_size", "must be above 0"))
        } else if pool.core_size == 0 {
            Some(("push_tasks_pool.core_size", "must be above 0"))
        } else if pool.max_core_size < pool.core_size {
            Some((
                "push_tasks_pool.max_core_size",
                "must not be below core_size",
            ))
        } else if self.performance_log_period == 0 {
            Some(("performance_log_period", "must be above 0"))
        } else if self.proxy.password.is_some() && self.proxy.username.is_none() {
            Some(("proxy.username", "is missing beside the password"))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manuals_sample_is_the_default() {
        let sample = r#"{
            "notification_status_buffer_size": 1000,
            "proxy": {"host": null, "port": 3128, "username": null, "password": null},
            "push_tasks_pool": {"core_size": 5, "max_core_size": 50, "queue_size": 500},
            "performance_log": false,
            "performance_log_period": 1000
        }"#;
        let read: Common = serde_json::from_str(sample).unwrap();
        assert_eq!(read, Common::default());
        assert_eq!(read.wrong(), None);
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (text, field) in [
            (
                r#"{"notification_status_buffer_size": 0}"#,
                "notification_status_buffer_size",
            ),
            (
                r#"{"push_tasks_pool": {"core_size": 0}}"#,
                "push_tasks_pool.core_size",
            ),
            (
                r#"{"push_tasks_pool": {"core_size": 51}}"#,
                "push_tasks_pool.max_core_size",
            ),
            (r#"{"performance_log_period": 0}"#, "performance_log_period"),
            (
                r#"{"proxy": {"host": "p", "password": "x"}}"#,
                "proxy.username",
            ),
        ] {
            let read: Common = serde_json::from_str(text).unwrap();
            assert_eq!(read.wrong().map(|(field, _)| field), Some(field));
        }
    }

    #[test]
    fn the_proxys_password_does_not_print() {
        let read: Common = serde_json::from_str(
            r#"{"proxy": {"host": "p", "username": "u", "password": "hidden"}}"#,
        )
        .unwrap();
        assert!(!format!("{read:?}").contains("hidden"));
    }
}
