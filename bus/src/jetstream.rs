//! The bus on NATS JetStream.
//!
//! Commands wait in the memory work queue CMD, events are published to EVT, and what nobody could handle lies in PARKED;
//! `nats/*.json` declares the three. A server that comes back without its memory loses the commands under way: their
//! callers hear [`SendError::Unknown`], the streams are put back, and every reader goes on by itself.

mod answers;
mod apply;
mod asking;
mod check;
mod delivery;
mod event_reader;
pub(crate) mod headers;
mod lane_pull;
mod lane_reader;
mod link;
pub(crate) mod options;
mod parking;
mod published;
mod publishing;
mod pulling;
mod sending;
mod stretches;
pub mod topology;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use schemas::{Lane, SystemId, subjects};

use crate::limits::Limits;
use crate::port::{
    Bus, BusError, Delivery, Parked, Publication, Question, SendError, StreamEvent, Stretch,
    Unanswered,
};
use answers::Answers;
use delivery::{Context, GiveBack};
use link::Link;
use publishing::Publisher;
use topology::Topology;

pub use apply::ApplyError;
pub(crate) use check::ask_monitor;
pub use check::{CheckError, SyncProof};
pub use options::{Access, Addresses, JetStreamOptions, Tls, UnreachableError};

/// The bus on NATS JetStream.
#[derive(Debug)]
pub struct JetStreamBus {
    link: Arc<Link>,
    answers: Answers,
    give_back: Arc<GiveBack>,
    publisher: Publisher,
    limits: Limits,
}

/// Why there is no bus.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No connection.
    #[error(transparent)]
    Unreachable(#[from] UnreachableError),
    /// The server is not good enough.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The streams are not as declared.
    #[error(transparent)]
    Topology(#[from] ApplyError),
    /// No inbox for answers.
    #[error("cannot open an inbox for answers")]
    Inbox(#[source] async_nats::SubscribeError),
}

impl JetStreamBus {
    /// Connects, checks the server, and makes the streams as declared; refuses with the exact reason.
    pub async fn connect(options: JetStreamOptions) -> Result<Arc<dyn Bus>, ConnectError> {
        let link = Link::connect(&options).await?;
        check::check(&link.client, &options).await?;
        let mut topology = Topology::declared(options.replicas);
        if let Some(age) = options.events_kept {
            topology = topology.keeping_events_for(age);
        }
        topology.apply(&link.context).await?;
        link.keep(topology).await;
        let answers = Answers::open(&link.client)
            .await
            .map_err(ConnectError::Inbox)?;
        let give_back = Arc::new(GiveBack::new(link.client.clone()));
        let publisher = Publisher::new(&link, options.replicas);
        Ok(Arc::new(Self {
            link: Arc::new(link),
            answers,
            give_back,
            publisher,
            limits: options.limits,
        }))
    }
}

impl Bus for JetStreamBus {
    fn send<'a>(
        &'a self,
        lane: Lane,
        system_id: &'a SystemId,
        verb: &'a str,
        payload: Bytes,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Bytes, SendError>> {
        async move {
            if payload.len() > self.limits.payload_bytes_max {
                let reason = "it is larger than the bus allows";
                return Err(SendError::Refused(reason.to_owned()));
            }
            let subject = subjects::command(lane, system_id, verb);
            sending::send(&self.link, &self.answers, subject, payload, deadline).await
        }
        .boxed()
    }

    fn commands(
        &self,
        lane: Lane,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Delivery>, BusError>> {
        let context = Context::new(&self.link, &self.give_back, lane, &self.limits);
        lane_reader::open(context).boxed()
    }

    fn publish<'a>(&'a self, events: &'a [Publication]) -> BoxFuture<'a, Result<(), BusError>> {
        self.publisher.publish(&self.link, events).boxed()
    }

    fn published(&self) -> BoxFuture<'_, Result<Vec<u64>, BusError>> {
        published::last_of_all(&self.link).boxed()
    }

    fn events(
        &self,
        lane: Lane,
        from: u64,
    ) -> BoxFuture<'_, Result<BoxStream<'static, StreamEvent>, BusError>> {
        event_reader::open(Arc::clone(&self.link), lane, from).boxed()
    }

    fn stretches(
        &self,
        length: usize,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<Stretch, BusError>>, BusError>> {
        stretches::open(Arc::clone(&self.link), length).boxed()
    }

    fn tell<'a>(&'a self, subject: &'a str, payload: Bytes) -> BoxFuture<'a, Result<(), BusError>> {
        async move {
            let cannot_tell = format!("cannot tell {subject}");
            if !self.link.is_up() {
                // Kept for later it would be old news.
                return Err(BusError::new(cannot_tell, "nats is not reachable"));
            }
            self.link
                .client
                .publish(subject.to_owned(), payload)
                .await
                .map_err(|error| BusError::new(cannot_tell, error))
        }
        .boxed()
    }

    fn hear<'a>(
        &'a self,
        subject: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Bytes>, BusError>> {
        async move {
            let heard = self
                .link
                .client
                .subscribe(subject.to_owned())
                .await
                .map_err(|error| BusError::new(format!("cannot hear {subject}"), error))?;
            Ok(heard.map(|message| message.payload).boxed())
        }
        .boxed()
    }

    fn ask<'a>(
        &'a self,
        subject: &'a str,
        payload: Bytes,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Bytes, Unanswered>> {
        asking::ask(&self.link, subject, payload, patience).boxed()
    }

    fn serve<'a>(
        &'a self,
        subject: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Question>, BusError>> {
        asking::serve(&self.link, subject).boxed()
    }

    fn parked(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Parked>, BusError>> {
        parking::list(&self.link, limit).boxed()
    }
}
