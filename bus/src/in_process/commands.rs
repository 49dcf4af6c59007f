//! The commands of one lane: who waits, who is under way, who comes back.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use schemas::Lane;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::limits::{COMMAND_LIFE, Limits};
use crate::port::{BusError, Delivery, DeliveryHandle, Parked, SendError};

/// How many parked commands are kept; the oldest go first.
const PARKED_MAX: usize = 10_000;

/// The queue of a lane.
#[derive(Debug)]
pub(super) struct LaneQueue {
    lane: Lane,
    limits: Limits,
    waiting: Mutex<Waiting>,
    grown: Notify,
    parked: Arc<ParkedCommands>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Earliest first; among equals, in the order they came.
    commands: BinaryHeap<Reverse<Due>>,
    /// Number of the next command to come.
    next: u64,
}

/// A command that may be delivered from a moment on.
#[derive(Debug)]
struct Due {
    at: Instant,
    number: u64,
    command: Command,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}

#[derive(Debug)]
struct Command {
    payload: Bytes,
    /// How often it was delivered so far.
    attempts: u64,
    expires_at: Instant,
    /// Who asked; `None` once the answer is out.
    asker: Option<oneshot::Sender<Bytes>>,
}

/// What a look into the queue finds.
enum Found {
    Command(Command),
    NothingBefore(Instant),
    Nothing,
}

impl LaneQueue {
    pub(super) fn new(lane: Lane, limits: Limits, parked: Arc<ParkedCommands>) -> Self {
        Self {
            lane,
            limits,
            waiting: Mutex::default(),
            grown: Notify::new(),
            parked,
        }
    }

    /// Takes a command in. The answer comes out of the receiver, or its error when there will be none.
    pub(super) fn send(&self, payload: Bytes) -> Result<oneshot::Receiver<Bytes>, SendError> {
        if payload.len() > self.limits.payload_bytes_max {
            return Err(SendError::Refused(
                "it is larger than the bus allows".to_owned(),
            ));
        }
        let (asker, answer) = oneshot::channel();
        let now = Instant::now();
        {
            let mut waiting = self.lock();
            if waiting.commands.len() >= self.limits.lane_commands_max {
                // Without a reader nobody else throws out what has expired.
                waiting
                    .commands
                    .retain(|Reverse(due)| due.command.expires_at > now);
            }
            if waiting.commands.len() >= self.limits.lane_commands_max {
                return Err(SendError::Refused("its lane is full".to_owned()));
            }
            let command = Command {
                payload,
                attempts: 0,
                expires_at: now + COMMAND_LIFE,
                asker: Some(asker),
            };
            waiting.put(now, command);
        }
        self.grown.notify_one();
        Ok(answer)
    }

    /// The next command, when there is one.
    pub(super) async fn next(self: &Arc<Self>) -> Delivery {
        loop {
            match self.find(Instant::now()) {
                Found::Command(mut command) => {
                    command.attempts += 1;
                    return self.delivery(command);
                }
                Found::NothingBefore(moment) => {
                    tokio::select! {
                        () = self.grown.notified() => {}
                        () = tokio::time::sleep_until(moment) => {}
                    }
                }
                Found::Nothing => self.grown.notified().await,
            }
        }
    }

    fn find(&self, now: Instant) -> Found {
        let mut waiting = self.lock();
        while let Some(Reverse(first)) = waiting.commands.peek() {
            if first.at > now {
                return Found::NothingBefore(first.at);
            }
            let Some(Reverse(due)) = waiting.commands.pop() else {
                break;
            };
            if due.command.expires_at > now {
                if !waiting.commands.is_empty() {
                    // Another reader of the lane may have slept through the notice of what is left.
                    self.grown.notify_one();
                }
                return Found::Command(due.command);
            }
        }
        Found::Nothing
    }

    fn delivery(self: &Arc<Self>, command: Command) -> Delivery {
        Delivery {
            payload: command.payload.clone(),
            attempt: command.attempts,
            handle: Box::new(Handle {
                queue: Arc::clone(self),
                command: Mutex::new(Some(command)),
            }),
        }
    }

    /// Puts a command back, or aside when it came back too often.
    fn put_back(&self, command: Command, after: Duration) {
        if command.attempts >= self.limits.attempts_max {
            let reason = format!("delivered {} times without an outcome", command.attempts);
            self.park(command, &reason);
        } else {
            self.lock().put(Instant::now() + after, command);
            self.grown.notify_one();
        }
    }

    fn park(&self, command: Command, reason: &str) {
        tracing::warn!(lane = %self.lane, attempts = command.attempts, reason, "put a command aside");
        self.parked.add(Parked {
            lane: self.lane,
            reason: reason.to_owned(),
            payload: command.payload,
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn put(&mut self, at: Instant, command: Command) {
        self.next += 1;
        self.commands.push(Reverse(Due {
            at,
            number: self.next,
            command,
        }));
    }
}

/// A command under way. Dropping it puts the command back.
#[derive(Debug)]
struct Handle {
    queue: Arc<LaneQueue>,
    /// `None` once its fate is settled.
    command: Mutex<Option<Command>>,
}

impl Handle {
    fn take(&self) -> Option<Command> {
        self.command
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl DeliveryHandle for Handle {
    fn answer(&self, payload: Bytes) -> BoxFuture<'_, Result<(), BusError>> {
        let mut command = self.command.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asker) = command.as_mut().and_then(|command| command.asker.take()) {
            // Whoever asked may have given up; the answer is in the log for the next time.
            drop(asker.send(payload));
        }
        futures::future::ready(Ok(())).boxed()
    }

    fn done(&self) -> BoxFuture<'_, Result<(), BusError>> {
        drop(self.take());
        futures::future::ready(Ok(())).boxed()
    }

    fn later(&self, after: Duration) -> BoxFuture<'_, Result<(), BusError>> {
        if let Some(command) = self.take() {
            self.queue.put_back(command, after);
        }
        futures::future::ready(Ok(())).boxed()
    }

    fn park<'a>(&'a self, reason: &'a str) -> BoxFuture<'a, Result<(), BusError>> {
        if let Some(command) = self.take() {
            self.queue.park(command, reason);
        }
        futures::future::ready(Ok(())).boxed()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(command) = self.take() {
            let after = self.queue.limits.pause_after(command.attempts);
            self.queue.put_back(command, after);
        }
    }
}

/// Commands that were put aside.
#[derive(Debug, Default)]
pub(super) struct ParkedCommands(Mutex<VecDeque<Parked>>);

impl ParkedCommands {
    fn add(&self, command: Parked) {
        let mut commands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if commands.len() == PARKED_MAX {
            commands.pop_front();
        }
        commands.push_back(command);
    }

    /// Oldest first.
    pub(super) fn list(&self, limit: usize) -> Vec<Parked> {
        let commands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        commands.iter().take(limit).cloned().collect()
    }
}
