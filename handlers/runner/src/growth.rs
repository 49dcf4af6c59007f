//! Tells everybody who follows the log that lanes have grown, a moment after they have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bus::Bus;
use bytes::Bytes;
use schemas::{Lane, subjects};
use tokio::sync::watch;

/// Least time between two words about it: under load each names more lanes.
const PACE: Duration = Duration::from_millis(10);

/// Where lanes note that they have grown.
#[derive(Clone, Debug)]
pub struct Growth {
    /// One bit for every lane that has grown since the last word.
    lanes: Arc<AtomicU64>,
    news: watch::Sender<()>,
}

impl Growth {
    /// Growth that is told over this bus, until the last of those who note it is gone.
    pub fn told_over(bus: Arc<dyn Bus>) -> Self {
        let (news, mut heard) = watch::channel(());
        let growth = Self {
            lanes: Arc::default(),
            news,
        };
        let lanes = Arc::clone(&growth.lanes);
        tokio::spawn(async move {
            while heard.changed().await.is_ok() {
                let lanes = lanes.swap(0, Ordering::AcqRel);
                let grown = (0..Lane::COUNT).filter(|lane| lanes & (1 << lane) != 0);
                // A lost hint costs its hearers one poll interval.
                bus.tell(subjects::grown(), grown.collect::<Bytes>())
                    .await
                    .ok();
                tokio::time::sleep(PACE).await;
            }
        });
        growth
    }

    /// Notes that a lane has grown.
    pub fn note(&self, lane: Lane) {
        if self.lanes.fetch_or(1 << lane.number(), Ordering::AcqRel) == 0 {
            self.news.send_replace(());
        }
    }
}
