//! Reads the commands of one lane through a durable consumer, and comes back by itself after every interruption.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use schemas::{Lane, subjects};
use tokio::sync::mpsc;

use super::delivery::{Context, Handle};
use super::lane_pull::{LanePull, consumer_name};
use super::pulling::{self, Interrupted};
use crate::limits::Limits;
use crate::port::{BusError, Delivery, DeliveryHandle as _};

/// How many deliveries lie ready for their reader; the rest stay with the server.
const READY_MAX: usize = 32;

/// Opens the lane. The stream ends only when its reader drops it.
pub(super) async fn open(context: Context) -> Result<BoxStream<'static, Delivery>, BusError> {
    let lane = context.lane;
    let attempt = format!("cannot read the commands of lane {lane}");
    let (generation, commands) =
        pulling::pull_soon(&context.link, &attempt, || pull(&context)).await?;
    let (sender, receiver) = mpsc::channel(READY_MAX);
    tokio::spawn(run(context, generation, commands, sender));
    let deliveries = futures::stream::unfold(receiver, |mut receiver| async move {
        let delivery = receiver.recv().await?;
        Some((delivery, receiver))
    });
    Ok(deliveries.boxed())
}

async fn pull(context: &Context) -> Result<LanePull, Interrupted> {
    let consumer = consumer(context.lane, &context.limits);
    LanePull::open(&context.link, context.lane, consumer).await
}

fn consumer(lane: Lane, limits: &Limits) -> pull::Config {
    pull::Config {
        durable_name: Some(consumer_name(lane)),
        description: Some("Commands of one lane, for its runner".to_owned()),
        filter_subject: subjects::commands_of(lane),
        ack_policy: AckPolicy::Explicit,
        ack_wait: limits.silence_max,
        // The server would stop delivering at its own limit and tell nobody. We count ourselves, and park.
        max_deliver: -1,
        max_ack_pending: i64::try_from(limits.lane_commands_max).unwrap_or(i64::MAX),
        memory_storage: true,
        ..pull::Config::default()
    }
}

async fn run(
    context: Context,
    mut generation: u64,
    mut commands: LanePull,
    reader: mpsc::Sender<Delivery>,
) {
    let mut pause = pulling::Pause::default();
    loop {
        let interrupted = tokio::select! {
            biased;
            () = reader.closed() => return give_back(&context, commands).await,
            () = context.link.outlives(generation) => Interrupted::NewGeneration,
            command = commands.next() => match command {
                Ok(command) => {
                    pause = pulling::Pause::default();
                    pass_on(&context, &command, &reader).await;
                    continue;
                }
                Err(interrupted) => interrupted,
            },
        };
        give_back(&context, commands).await;
        commands = loop {
            tracing::debug!(lane = %context.lane, %interrupted, "reading commands again");
            tokio::select! {
                () = reader.closed() => return,
                () = pause.wait() => {}
            }
            generation = context.link.usable().await;
            match pull(&context).await {
                Ok(commands) => break commands,
                Err(interrupted) => {
                    tracing::warn!(lane = %context.lane, %interrupted, "cannot read commands; trying again");
                    context.link.ask_for_repair();
                }
            }
        };
    }
}

async fn pass_on(
    context: &Context,
    message: &async_nats::jetstream::Message,
    reader: &mpsc::Sender<Delivery>,
) {
    let Some(handle) = Handle::new(context, message) else {
        return;
    };
    if handle.attempt() > context.limits.attempts_max {
        let attempts = context.limits.attempts_max;
        let reason = format!("delivered {attempts} times without an outcome");
        // Not parked means dropped, and so given back: the next delivery tries again, as long as the command lives.
        if let Err(error) = handle.park(&reason).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a command could not be put aside"
            );
        }
        return;
    }
    // A reader that is gone drops the delivery, which gives it back.
    drop(reader.send(handle.into_delivery()).await);
}

/// Gives back what was pulled and not passed on, so that the lane's next reader need not wait for it. Not before the pull has
/// ended: the server would deliver it to that same pull.
async fn give_back(context: &Context, commands: LanePull) {
    for settle in commands.end().await {
        context.give_back.give_back(settle, Duration::ZERO);
    }
}

impl Context {
    /// What the reader of a lane needs.
    pub(super) fn new(
        link: &Arc<super::link::Link>,
        give_back: &Arc<super::delivery::GiveBack>,
        lane: Lane,
        limits: &Limits,
    ) -> Self {
        Self {
            link: Arc::clone(link),
            give_back: Arc::clone(give_back),
            lane,
            limits: limits.clone(),
        }
    }
}
