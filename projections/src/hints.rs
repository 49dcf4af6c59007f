//! When to look at the log again: as soon as somebody says that it has grown, and from time to time anyway.
//!
//! A hint may be lost or come too early or twice. Nothing is ever taken from it but the wish to look.

use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use bytes::Bytes;
use futures::future::FutureExt as _;
use futures::stream::{BoxStream, StreamExt as _};
use schemas::subjects;

/// A listener to hints.
pub struct Hints {
    bus: Arc<dyn Bus>,
    heard: Option<BoxStream<'static, Bytes>>,
    look_every: Duration,
}

impl Hints {
    /// A listener that looks at least as often as `look_every`.
    pub fn new(bus: Arc<dyn Bus>, look_every: Duration) -> Self {
        Self {
            bus,
            heard: None,
            look_every,
        }
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

    /// Waits for the next occasion to look. Hints that came meanwhile count as one.
    pub async fn wait(&mut self) {
        self.listen().await;
        let hint = async {
            match &mut self.heard {
                Some(heard) => heard.next().await,
                None => futures::future::pending().await,
            }
        };
        let lost = match tokio::time::timeout(self.look_every, hint).await {
            Err(_) => false,
            Ok(None) => true,
            Ok(Some(_)) => loop {
                match self.heard.as_mut().map(|heard| heard.next().now_or_never()) {
                    Some(Some(Some(_))) => {}
                    Some(Some(None)) => break true,
                    _ => break false,
                }
            },
        };
        if lost {
            self.heard = None;
        }
    }
}
