//! The settings in force, as one node knows them: read by every decision and every request, exchanged whole when the server's
//! history says so.

use std::sync::Arc;
use std::time::Duration;

use schemas::settings::Settings;
use tokio::sync::watch;

/// The settings in force. What is handed out never changes; the next reader gets the next ones.
#[derive(Debug)]
pub struct LiveSettings {
    base: Settings,
    now: watch::Sender<InForce>,
}

#[derive(Clone, Debug)]
struct InForce {
    /// Number of the last event of the server's lane that these settings know of.
    seen: u64,
    settings: Arc<Settings>,
}

impl LiveSettings {
    /// Settings that are what the configuration says until somebody puts others over them.
    pub fn new(base: Settings) -> Arc<Self> {
        let settings = Arc::new(base.clone());
        Arc::new(Self {
            base,
            now: watch::Sender::new(InForce { seen: 0, settings }),
        })
    }

    /// What the configuration says.
    pub fn base(&self) -> &Settings {
        &self.base
    }

    /// What is in force.
    pub fn current(&self) -> Arc<Settings> {
        Arc::clone(&self.now.borrow().settings)
    }

    /// Waits until settings other than these are in force, and answers with them; `None` when there will be none.
    pub async fn other_than(&self, known: &Settings) -> Option<Arc<Settings>> {
        let mut now = self.now.subscribe();
        let other = now.wait_for(|now| *now.settings != *known).await.ok()?;
        Some(Arc::clone(&other.settings))
    }

    /// Puts newer settings in force: `seen` is the number of the last event they know of. Older ones are left aside.
    pub fn put(&self, seen: u64, settings: Settings) {
        self.now.send_if_modified(|now| {
            let newer = seen >= now.seen;
            if newer {
                *now = InForce {
                    seen,
                    settings: Arc::new(settings),
                };
            }
            newer
        });
    }

    /// Waits until the settings know of the event with that number, at most so long; whether they do.
    pub async fn wait_for(&self, number: u64, at_most: Duration) -> bool {
        let mut now = self.now.subscribe();
        let known = now.wait_for(|now| now.seen >= number);
        matches!(tokio::time::timeout(at_most, known).await, Ok(Ok(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_size(size: &str) -> Settings {
        let mut settings = Settings::default();
        settings
            .set("KEY_QR_SIZE", size)
            .expect("the table permits it");
        settings
    }

    #[tokio::test]
    async fn newer_settings_take_over_and_older_ones_do_not() {
        let live = LiveSettings::new(with_size("400"));
        let handed_out = live.current();
        live.put(7, with_size("500"));
        live.put(6, with_size("600"));
        assert_eq!(live.current().key_qr_size_px(), 500);
        assert_eq!(
            (handed_out.key_qr_size_px(), live.base().key_qr_size_px()),
            (400, 400)
        );
        assert!(live.wait_for(7, Duration::ZERO).await);
        assert!(!live.wait_for(8, Duration::ZERO).await);
    }
}
