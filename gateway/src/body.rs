//! Reads a body within its limits: so many bytes, so much time, and never slower than the least rate.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use schemas::ErrorCode;
use tokio::time::{Instant, timeout_at};

use crate::error::ApiError;
use crate::limits::Limits;

/// What a body may carry, where a route takes more than the few members of an ordinary request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Takes {
    /// A document, or the answers to an operation: [`Limits::document_body_max`].
    Document,
    /// A new operation: [`Limits::operation_body_max`].
    Operation,
}

impl Takes {
    /// Longest body, bytes.
    pub(crate) fn limit(self, limits: &Limits) -> usize {
        match self {
            Self::Document => limits.document_body_max,
            Self::Operation => limits.operation_body_max,
        }
    }
}

/// How many times its limit of a body that is too long is taken in before its sender is left alone.
const DISCARDED_MAX: usize = 2;

/// The whole body, or why it was not waited for.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    limits: &Limits,
) -> Result<Bytes, ApiError> {
    let started = Instant::now();
    let mut chunks = body.into_data_stream();
    if declared_length(headers).is_some_and(|length| length > limit as u64) {
        discard(chunks, limit, limits).await;
        return Err(ApiError::too_long(limit));
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        let received = first.len() + rest.len();
        if received > limit {
            discard(chunks, limit, limits).await;
            return Err(ApiError::too_long(limit));
        }
        let due = started + patience(limits, received);
        match timeout_at(due, chunks.next()).await {
            Err(_elapsed) => return Err(ApiError::too_slow()),
            Ok(Some(Err(_broken))) => {
                let error = ApiError::because(ErrorCode::RequestError, "the body broke off");
                return Err(error.closing());
            }
            Ok(Some(Ok(chunk))) if received == 0 => first = chunk,
            Ok(Some(Ok(chunk))) => {
                if rest.is_empty() {
                    rest.extend_from_slice(&first);
                    first = Bytes::new();
                }
                rest.extend_from_slice(&chunk);
            }
            Ok(None) if rest.is_empty() => return Ok(first),
            Ok(None) => return Ok(rest.freeze()),
        }
    }
}

/// Takes in the rest of a body that is refused, within bounds: a client that still sends while the connection is closed
/// loses the answer with it, and never hears why.
async fn discard(mut chunks: BodyDataStream, limit: usize, limits: &Limits) {
    let due = Instant::now() + limits.body_grace;
    let mut left = limit.saturating_mul(DISCARDED_MAX);
    while let Ok(Some(Ok(chunk))) = timeout_at(due, chunks.next()).await {
        match left.checked_sub(chunk.len()) {
            Some(less) => left = less,
            None => return,
        }
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// How long after its start a body may still be waited for, once so many bytes of it are here.
fn patience(limits: &Limits, received: usize) -> Duration {
    let earned_ms = received as u64 * 1000 / limits.body_rate_min.max(1);
    (limits.body_grace + Duration::from_millis(earned_ms)).min(limits.body_read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_earns_time_up_to_the_end() {
        let limits = Limits::default();
        assert_eq!(patience(&limits, 0), Duration::from_secs(5));
        assert_eq!(patience(&limits, 2048), Duration::from_secs(7));
        assert_eq!(patience(&limits, 2_000_000), Duration::from_secs(30));
    }

    #[tokio::test]
    async fn chunks_are_joined_up_to_the_limit() {
        let limits = Limits::default();
        let body = || {
            let chunks = ["ab", "", "cd", "e"].map(Ok::<_, std::io::Error>);
            Body::from_stream(futures::stream::iter(chunks))
        };
        let whole = read(&HeaderMap::new(), body(), 5, &limits).await;
        assert_eq!(
            whole.map_err(|error| error.code()),
            Ok(Bytes::from("abcde"))
        );
        assert!(read(&HeaderMap::new(), body(), 4, &limits).await.is_err());
    }
}
