//! A message that gets lost between the server and us, once: a line in between leaves it out.

use std::sync::Arc;

use bus::{Bus, JetStreamBus, JetStreamOptions};
use futures::StreamExt as _;
use tests::nats::TestNats;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::{lane, limits, next, nothing_comes, numbers, publications, soon};

/// The event that gets lost, and how many there are.
const LOST: u64 = 17;
const EVENTS: u64 = 40;

/// A bus whose line leaves out, once, the event [`LOST`] of lane 3; all are published by another.
async fn with_a_line_that_loses(nats: &TestNats) -> Arc<dyn Bus> {
    let sender = nats.bus(limits()).await;
    let events = publications(3, 1..=EVENTS);
    sender.publish(&events).await.unwrap();
    let options = nats.options();
    let server = options.url.strip_prefix("nats://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (ours, _) = listener.accept().await.unwrap();
        let theirs = TcpStream::connect(server).await.unwrap();
        let ((from_us, to_us), (from_them, to_them)) = (ours.into_split(), theirs.into_split());
        tokio::spawn(async move {
            let (mut from_us, mut to_them) = (from_us, to_them);
            tokio::io::copy(&mut from_us, &mut to_them).await.ok();
        });
        carry(BufReader::new(from_them), to_us).await.ok();
    });
    let options = JetStreamOptions {
        url: format!("nats://{address}"),
        limits: limits(),
        ..options
    };
    JetStreamBus::connect(options).await.unwrap()
}

/// Carries what the server says, but for the one message.
async fn carry(mut from: BufReader<OwnedReadHalf>, mut to: OwnedWriteHalf) -> std::io::Result<()> {
    let lost = format!(": 3-{LOST}\r\n");
    let mut has_lost = false;
    loop {
        let mut frame = Vec::new();
        if from.read_until(b'\n', &mut frame).await? == 0 {
            return Ok(());
        }
        if frame.starts_with(b"HMSG ") || frame.starts_with(b"MSG ") {
            let line = String::from_utf8_lossy(&frame);
            let length = line.split_whitespace().next_back().unwrap();
            let mut payload = vec![0; length.parse::<usize>().unwrap() + 2];
            from.read_exact(&mut payload).await?;
            frame.extend(payload);
        }
        let is_lost = frame.windows(lost.len()).any(|it| it == lost.as_bytes());
        if is_lost && !has_lost {
            has_lost = true;
            continue;
        }
        to.write_all(&frame).await?;
    }
}

#[tokio::test]
async fn a_reader_of_a_lane_notices_it_and_reads_again() {
    let nats = TestNats::start().await;
    let bus = with_a_line_that_loses(&nats).await;
    let mut events = soon(bus.events(lane(3), 1)).await.unwrap();
    // A number that is missing would come as a hole.
    let all: Vec<u64> = (1..=EVENTS).collect();
    assert_eq!(numbers(&mut events, all.len()).await, all);
    nothing_comes(&mut events).await;
}

#[tokio::test]
async fn a_walk_along_the_stream_notices_it_and_ends() {
    let nats = TestNats::start().await;
    let bus = with_a_line_that_loses(&nats).await;
    let mut stretches = soon(bus.stretches(100)).await.unwrap();
    assert!(next(&mut stretches).await.is_err());
    assert!(soon(stretches.next()).await.is_none());
    let mut again = soon(bus.stretches(100)).await.unwrap();
    let all = next(&mut again).await.unwrap();
    assert_eq!(all.events.len() as u64, EVENTS);
}
