//! When to look at the log again: as soon as somebody says that it has grown, and from time to time anyway.
//!
//! A hint may be lost or come too early or twice. Nothing is ever taken from it but the wish to look.

use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use bytes::Bytes;
use futures::future::FutureExt as _;
use futures::stream::{BoxStream, StreamExt as _};
use schemas::{Lane, subjects};
use tokio::time::Instant;

/// Least time between two looks. A look costs a transaction however little it finds: under load each finds more.
const PACE: Duration = Duration::from_millis(50);

/// A listener to hints.
pub struct Hints {
    bus: Arc<dyn Bus>,
    heard: Option<BoxStream<'static, Bytes>>,
    look_every: Duration,
    next_look: Instant,
    lane: Option<Lane>,
}

impl Hints {
    /// A listener that looks at least as often as `look_every`.
    pub fn new(bus: Arc<dyn Bus>, look_every: Duration) -> Self {
        Self {
            bus,
            heard: None,
            look_every,
            next_look: Instant::now(),
            lane: None,
        }
    }

    /// The same for whoever reads one lane only: hints about others wake nobody.
    #[must_use]
    pub fn about(mut self, lane: Lane) -> Self {
        self.lane = Some(lane);
        self
    }

    /// Begins to listen, unless it already does. Before the first look, so that nothing falls between.
    pub async fn listen(&mut self) {
        if self.heard.is_none() {
            match self.bus.hear(subjects::grown()).await {
                Ok(heard) => self.heard = Some(heard),
                Err(error) => {
                    tracing::warn!(%error, "cannot hear that the log grows; looking at intervals only");
                }
            }
        }
    }

    /// Waits only as long as looks must keep apart: for whoever knows that there is more.
    pub async fn pace(&mut self) {
        tokio::time::sleep_until(self.next_look).await;
        self.next_look = Instant::now() + PACE;
    }

    /// Waits for the next occasion to look. Hints that came meanwhile count as one.
    pub async fn wait(&mut self) {
        self.hint().await;
        self.pace().await;
        self.drain();
    }

    async fn hint(&mut self) {
        self.listen().await;
        let lane = self.lane;
        let concerns = |lanes: &Bytes| lane.is_none_or(|lane| lanes.contains(&lane.number()));
        let hint = async {
            let Some(heard) = &mut self.heard else {
                return futures::future::pending().await;
            };
            loop {
                match heard.next().await {
                    Some(lanes) if !concerns(&lanes) => {}
                    heard => return heard,
                }
            }
        };
        if let Ok(None) = tokio::time::timeout(self.look_every, hint).await {
            self.heard = None;
        }
    }

    /// Forgets the hints that the look to come answers anyway.
    fn drain(&mut self) {
        while let Some(heard) = &mut self.heard {
            match heard.next().now_or_never() {
                Some(Some(_)) => {}
                Some(None) => self.heard = None,
                None => return,
            }
        }
    }
}
