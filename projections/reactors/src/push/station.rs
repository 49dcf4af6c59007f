//! The station: sends pushes by what the configuration folder says, with the manual's pool of workers, and remembers how the
//! last ones ended. It keeps nothing on disk.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bus::shell::{Clock, LiveSettings};
use schemas::commands::transactions::PushFailure;
use schemas::settings::Settings;
use schemas::{Secret, Timestamp};

use super::clients::Clients;
use super::configuration::{Configuration, ConfigurationError, Os, Purpose, Stamp, read, stamp};
use super::elsewhere::Elsewhere;
use super::filling::{Variables, fill};
use super::performance::Performance;
use super::pool::{Load, Pool, Task};
use super::services::{Channels, Message};
use super::statuses::{PushState, PushStatus, Statuses};
use super::verdict::Verdict;

/// How often the folder is looked at for a change.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The station.
#[derive(Debug)]
pub struct PushStation {
    /// `None` when another process sends.
    folder: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    settings: Arc<LiveSettings>,
    in_force: RwLock<Arc<InForce>>,
    seen: Mutex<Stamp>,
    pool: Pool,
    statuses: Statuses,
    performance: Performance,
}

/// A configuration, ready for use.
#[derive(Debug)]
struct InForce {
    configuration: Configuration,
    channels: Channels,
    /// The process that sends in our place.
    elsewhere: Option<Elsewhere>,
}

/// The pool is full: TASKS_QUEUE_IS_FULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("every worker is at work and the queue is full")]
pub struct Full;

/// One device, or one chat.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) os: Os,
    pub(crate) app_id: String,
    pub(crate) token: Secret,
}

/// A push to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) push_id: String,
    pub(crate) system_id: String,
    pub(crate) user_id: String,
    pub(crate) transaction_id: String,
    pub(crate) purpose: Purpose,
    pub(crate) addresses: Vec<Address>,
    /// From then on the messages are of no use; `None` without a deadline.
    pub(crate) expires_at: Option<Timestamp>,
}

/// How far a push got: a later attempt goes on there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The first message that was not tried to an end, counted over all addresses.
    pub(crate) next: u32,
    /// Messages that were taken.
    pub(crate) taken: u32,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempted {
    pub(crate) progress: Progress,
    pub(crate) end: End,
    /// Addresses whose service knows the token no more, by their place, and since when.
    pub(crate) gone: Vec<(usize, Option<Timestamp>)>,
}

/// What becomes of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At least one message was taken, and no other is worth another try.
    Sent,
    /// To be tried again: why, after how long at least, ms, and whether something was tried at all.
    Again {
        reason: &'static str,
        asked_ms: Option<i64>,
        tried: bool,
    },
    /// Not to be tried again.
    Failed(PushFailure, &'static str),
}

impl PushStation {
    /// Reads the folder; what is wrong with it is an error here.
    pub fn open(
        folder: PathBuf,
        clock: Arc<dyn Clock>,
        settings: Arc<LiveSettings>,
    ) -> Result<Arc<Self>, ConfigurationError> {
        let seen = stamp(&folder);
        let in_force = InForce::read(&folder, &clock)?;
        Ok(Self::with(Some(folder), in_force, seen, clock, settings))
    }

    /// Hands everything to the station of another process, at this address and known to it by this token.
    pub fn elsewhere(
        url: &str,
        token: Option<Secret>,
        clock: Arc<dyn Clock>,
        settings: Arc<LiveSettings>,
    ) -> Result<Arc<Self>, reqwest::Error> {
        let in_force = InForce {
            configuration: Configuration::empty(),
            channels: Channels::none(),
            elsewhere: Some(Elsewhere::new(url, token, Arc::clone(&clock))?),
        };
        Ok(Self::with(None, in_force, Stamp::new(), clock, settings))
    }

    fn with(
        folder: Option<PathBuf>,
        in_force: InForce,
        seen: Stamp,
        clock: Arc<dyn Clock>,
        settings: Arc<LiveSettings>,
    ) -> Arc<Self> {
        let common = &in_force.configuration.common;
        Arc::new(Self {
            pool: Pool::new(common.push_tasks_pool),
            statuses: Statuses::new(common.notification_status_buffer_size),
            performance: Performance::new(clock.now()),
            in_force: RwLock::new(Arc::new(in_force)),
            seen: Mutex::new(seen),
            folder,
            clock,
            settings,
        })
    }

    /// Looks after the folder and the report on performance until it is told to end.
    pub async fn run(&self, ended: impl Future<Output = ()>) {
        let mut ended = std::pin::pin!(ended);
        loop {
            tokio::select! {
                () = &mut ended => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if let Err(error) = self.reread() {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "the configuration of pushes stays as it was");
            }
            self.tell_performance();
        }
    }

    /// Puts the folder in force if a file of it has changed. A folder that is wrong changes nothing.
    pub fn reread(&self) -> Result<(), ConfigurationError> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let now = stamp(folder);
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == now {
                return Ok(());
            }
            *seen = now;
        }
        let read = InForce::read(folder, &self.clock)?;
        let common = &read.configuration.common;
        self.pool.resize(common.push_tasks_pool);
        self.statuses.resize(common.notification_status_buffer_size);
        let mut in_force = self
            .in_force
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *in_force = Arc::new(read);
        tracing::info!("another configuration of pushes is in force");
        Ok(())
    }

    /// What became of a push; `None` when nobody knows it, or nobody any more.
    pub fn status(&self, push_id: &str) -> Option<PushStatus> {
        self.statuses.of(push_id)
    }

    /// Workers at work, and pushes that wait for one.
    pub fn load(&self) -> (usize, usize) {
        let Load { workers, waiting } = self.pool.load();
        (workers, waiting)
    }

    pub(crate) fn room(&self) -> usize {
        self.pool.room()
    }

    /// How many tasks the pool takes when it is empty.
    pub(crate) fn capacity(&self) -> usize {
        self.pool.capacity()
    }

    /// Gives a task to the pool.
    pub(crate) fn submit(&self, task: Task) -> Result<(), Full> {
        self.pool.submit(task).map_err(|_| Full)
    }

    /// Is a push ever withdrawn?
    pub(crate) fn withdraws(&self) -> bool {
        let in_force = self.in_force();
        // What the templates of another process say, we do not know.
        in_force.elsewhere.is_some() || in_force.configuration.withdraws()
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.current()
    }

    /// Notes that a push waits for a worker.
    pub(crate) fn note_queued(&self, push_id: &str) {
        let status = PushStatus {
            state: PushState::Queued,
            next: 0,
            taken: 0,
            reason: None,
            failure: None,
            asked_ms: None,
            gone: Vec::new(),
            at: self.clock.now(),
        };
        self.statuses.note(push_id, status);
    }

    /// Sends what is left of a push, once.
    pub(crate) async fn attempt(&self, job: &Job, progress: Progress) -> Attempted {
        let began = self.clock.now();
        let in_force = self.in_force();
        let attempted = match &in_force.elsewhere {
            Some(elsewhere) => elsewhere.attempt(job, progress).await,
            None => self.send_all(&in_force, job, progress).await,
        };
        let status = PushStatus {
            state: PushState::Sent,
            next: attempted.progress.next,
            taken: attempted.progress.taken,
            reason: None,
            failure: None,
            asked_ms: None,
            gone: attempted.gone.clone(),
            at: self.clock.now(),
        };
        let status = match attempted.end {
            End::Sent => status,
            End::Again {
                reason, asked_ms, ..
            } => PushStatus {
                state: PushState::Again,
                reason: Some(reason),
                asked_ms,
                ..status
            },
            End::Failed(failure, reason) => PushStatus {
                state: PushState::Failed,
                reason: Some(reason),
                failure: Some(failure.word()),
                ..status
            },
        };
        let state = status.state;
        self.statuses.note(&job.push_id, status);
        self.performance.note(state, self.clock.now().0 - began.0);
        metrics::counter!("pushes_total", "outcome" => state.word()).increment(1);
        attempted
    }

    async fn send_all(&self, in_force: &InForce, job: &Job, mut progress: Progress) -> Attempted {
        let templates = in_force.configuration.templates(&job.system_id);
        let (mut number, mut gone, mut refused) = (0, Vec::new(), None);
        let mut has_channel = false;
        for (place, address) in job.addresses.iter().enumerate() {
            let templates = templates.of(address.os, job.purpose);
            let first = number;
            number += templates.len() as u32;
            let Some(channel) = in_force.channels.to(&address.app_id, address.os) else {
                continue;
            };
            has_channel = true;
            for (template, number) in templates.iter().zip(first..) {
                if number < progress.next {
                    continue;
                }
                let now = self.clock.now();
                if job.expires_at.is_some_and(|deadline| deadline <= now) {
                    let end = failed_or_sent(progress, PushFailure::Late, "it is too late");
                    return Attempted {
                        progress,
                        end,
                        gone,
                    };
                }
                let message = message(job, address, template, number);
                let again = |reason, asked_ms, tried| End::Again {
                    reason,
                    asked_ms,
                    tried,
                };
                let verdict = channel.send(message).await;
                metrics::counter!("push_messages_total", "os" => address.os.word(), "verdict" => word(verdict))
                    .increment(1);
                progress.next = number + 1;
                match verdict {
                    Verdict::Taken => progress.taken += 1,
                    Verdict::Gone(since) => {
                        gone.push((place, since));
                        break;
                    }
                    Verdict::Refused(reason) => refused = Some(reason),
                    Verdict::Later { .. } | Verdict::Held(_) | Verdict::Stale => {
                        progress.next = number;
                        let end = match verdict {
                            Verdict::Held(wait_ms) => again(
                                "the push service is left alone for now",
                                Some(wait_ms),
                                false,
                            ),
                            Verdict::Later {
                                reason, asked_ms, ..
                            } => again(reason, asked_ms, true),
                            _ => again(
                                "the push service does not accept the credentials",
                                None,
                                true,
                            ),
                        };
                        return Attempted {
                            progress,
                            end,
                            gone,
                        };
                    }
                }
            }
        }
        let (failure, reason) = match refused {
            _ if !gone.is_empty() => (
                PushFailure::TokenGone,
                "the push service knows the token no more",
            ),
            Some(reason) => (PushFailure::Refused, reason),
            None if !has_channel => (
                PushFailure::NoCredentials,
                "there are no credentials for the application",
            ),
            None => (PushFailure::NoTemplate, "there is no template"),
        };
        let end = failed_or_sent(progress, failure, reason);
        Attempted {
            progress,
            end,
            gone,
        }
    }

    fn in_force(&self) -> Arc<InForce> {
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&in_force)
    }

    fn tell_performance(&self) {
        let Load { workers, waiting } = self.pool.load();
        metrics::gauge!("push_workers").set(workers as f64);
        metrics::gauge!("push_tasks_waiting").set(waiting as f64);
        let in_force = self.in_force();
        let common = &in_force.configuration.common;
        if common.performance_log && self.settings.current().debug_info() {
            let period_ms = (common.performance_log_period as i64).saturating_mul(1000);
            self.performance
                .tell(self.clock.now(), period_ms, (workers, waiting));
        }
    }
}

impl InForce {
    fn read(folder: &std::path::Path, clock: &Arc<dyn Clock>) -> Result<Self, ConfigurationError> {
        let configuration = read(folder)?;
        let wrong = |file: &str, field: &str, reason: String| ConfigurationError::Field {
            path: folder.join(file),
            field: field.to_owned(),
            reason,
        };
        let clients = Clients::new(&configuration, Arc::clone(clock)).map_err(|error| {
            wrong(
                "pusher.conf.json",
                "proxy or authorities",
                error.to_string(),
            )
        })?;
        let channels = Channels::of(&configuration, &clients, clock)
            .map_err(|error| wrong(&error.file(), error.field, error.reason.clone()))?;
        Ok(Self {
            configuration,
            channels,
            elsewhere: None,
        })
    }
}

fn message<'a>(
    job: &Job,
    address: &'a Address,
    template: &serde_json::Value,
    number: u32,
) -> Message<'a> {
    let token = address.token.expose_text().unwrap_or_default();
    let variables = Variables {
        device_token: token,
        user_id: &job.user_id,
        transaction_id: &job.transaction_id,
        system_id: &job.system_id,
    };
    Message {
        id: format!("{}/{number}", job.push_id),
        token,
        body: fill(template, &variables),
        expires_at: job.expires_at,
    }
}

fn failed_or_sent(progress: Progress, failure: PushFailure, reason: &'static str) -> End {
    if progress.taken > 0 {
        End::Sent
    } else {
        End::Failed(failure, reason)
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Taken => "taken",
        Verdict::Gone(_) => "gone",
        Verdict::Later { .. } | Verdict::Stale => "later",
        Verdict::Held(_) => "held",
        Verdict::Refused(_) => "refused",
    }
}
