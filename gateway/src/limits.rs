//! Every limit of the doors: name, unit, default.

use std::time::Duration;

/// How much, how many and how long. The defaults suit a bank's perimeter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; one more is refused with 503.
    pub connections_max: usize,
    /// Commands whose answer is awaited; one more is refused with 503 and `Retry-After`.
    pub commands_max: usize,
    /// Pictures drawn at the same time; others wait for their turn.
    pub drawings_at_once: usize,
    /// From accepting a connection to the end of its TLS handshake.
    pub handshake: Duration,
    /// From there to the connection's first byte.
    pub first_byte: Duration,
    /// To read a request's line and headers; also how long a kept-alive connection may idle.
    pub header_read: Duration,
    /// To read a whole body.
    pub body_read: Duration,
    /// A body's grace before [`Self::body_rate_min`] counts.
    pub body_grace: Duration,
    /// Least average rate of a body, bytes per second.
    pub body_rate_min: u64,
    /// How long a client may take nothing of an answer.
    pub write_stall: Duration,
    /// Longest body, bytes.
    pub body_max: usize,
    /// Longest body of a request that creates a transaction, bytes: it may carry a document. Also of one that answers an
    /// operation: a thousand signatures.
    pub document_body_max: usize,
    /// Longest body of a request that creates an operation, bytes: a thousand texts, or some documents. What follows from it
    /// must fit the bus, which carries 8 MiB.
    pub operation_body_max: usize,
    /// Headers of a request.
    pub headers_max: usize,
    /// Bytes of a request's line and headers; at least 8 KiB.
    pub header_bytes_max: usize,
    /// Concurrent streams of an HTTP/2 connection.
    pub streams_max: u32,
    /// How long the answer to a command is awaited before its outcome is called unknown.
    pub command: Duration,
    /// How long a journal query waits for the position that `X-Log-Position` names.
    pub journal_wait: Duration,
    /// How long the answer to changed settings waits until this node has them in force.
    pub settings_wait: Duration,
    /// How long a shutdown waits for open requests.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            commands_max: 4096,
            drawings_at_once: 4,
            handshake: Duration::from_secs(5),
            first_byte: Duration::from_secs(5),
            header_read: Duration::from_secs(10),
            body_read: Duration::from_secs(30),
            body_grace: Duration::from_secs(5),
            body_rate_min: 1024,
            write_stall: Duration::from_secs(30),
            body_max: 64 * 1024,
            document_body_max: 2_621_440,
            operation_body_max: 6 * 1024 * 1024,
            headers_max: 64,
            header_bytes_max: 16 * 1024,
            streams_max: 128,
            command: Duration::from_secs(10),
            journal_wait: Duration::from_secs(1),
            settings_wait: Duration::from_secs(1),
            shutdown: Duration::from_secs(10),
        }
    }
}
