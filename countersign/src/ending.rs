//! Being told to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The ears for it. Whoever says that something serves has them first: a signal before that ends the process at once,
/// and nobody waits for it in vain afterwards.
pub struct Ending {
    terminate: Signal,
    interrupt: Signal,
}

impl Ending {
    /// From now on a signal is heard, and kept until somebody asks.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one; says which came.
    pub async fn told(mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
