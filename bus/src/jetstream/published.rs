//! What lies last in every lane of EVT: asked of the stream and not remembered, so that the answer is right after every
//! restart and every loss.

use async_nats::jetstream::stream::LastRawMessageErrorKind;
use futures::StreamExt as _;
use schemas::{Lane, subjects};
use tokio::time::Instant;

use super::headers;
use super::link::{Link, PATIENCE};
use super::pulling::Pause;
use super::topology::EVT;
use crate::port::BusError;

/// How many lanes are asked for at once.
const LANES_AT_ONCE: usize = 16;

/// What lies last in a lane.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Last {
    /// Number of the event published last; 0 for none.
    pub(super) number: u64,
    /// The largest number published.
    pub(super) head: u64,
}

/// What lies last in one lane.
pub(super) async fn last(link: &Link, lane: Lane) -> Result<Last, BusError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        BusError::new(format!("cannot find the last event of lane {lane}"), error)
    };
    let stream = link.context.get_stream_no_info(EVT).await;
    let stream = stream.map_err(|error| failed(error.into()))?;
    let message = match stream
        .get_last_raw_message_by_subject(&subjects::events_of(lane))
        .await
    {
        Ok(message) => message,
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
            return Ok(Last::default());
        }
        Err(error) => return Err(failed(error.into())),
    };
    let number = headers::position(&message.headers).map_or(0, |position| position.number);
    let head = headers::head(&message.headers).unwrap_or(number);
    Ok(Last { number, head })
}

/// Number of the last event of every lane. Asks again for a while: a server that has just come back may refuse, or never
/// answer what was asked while it died.
pub(super) async fn last_of_all(link: &Link) -> Result<Vec<u64>, BusError> {
    let give_up_at = Instant::now() + PATIENCE;
    let mut pause = Pause::default();
    loop {
        link.usable_soon("cannot ask for the last events").await?;
        match last_of_all_now(link).await {
            Err(_) if Instant::now() < give_up_at => {
                link.ask_for_repair();
                pause.wait().await;
            }
            outcome => return outcome,
        }
    }
}

async fn last_of_all_now(link: &Link) -> Result<Vec<u64>, BusError> {
    let lanes = futures::stream::iter(Lane::all());
    let last: Vec<Result<Last, BusError>> = lanes
        .map(|lane| last(link, lane))
        .buffered(LANES_AT_ONCE)
        .collect()
        .await;
    last.into_iter()
        .map(|last| last.map(|last| last.number))
        .collect()
}
