//! What only the bus on JetStream has to promise: a server that is good enough, streams as declared, and recovery.

use std::process::Command;
use std::time::Duration;

use bus::child::binary::BinaryError;
use bus::child::{ChildError, ChildOptions, NatsServer};
use bus::jetstream::{Access, ApplyError, CheckError, ConnectError, SyncProof};
use bus::{Before, JetStreamBus, JetStreamOptions, SendError, StreamEvent};
use bytes::Bytes;
use futures::StreamExt as _;
use schemas::subjects;
use tests::nats::{TestCluster, TestNats};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{
    A_WHILE, House, SOON, eventually, lane, limits, next, nothing_comes, numbers, publications,
    send, soon,
};

/// The server's own view, past our bus.
async fn jetstream(options: &JetStreamOptions) -> async_nats::jetstream::Context {
    let Access::Password { user, password } = &options.access else {
        panic!("our own server asks for a password");
    };
    let client = async_nats::ConnectOptions::new()
        .user_and_password(user.clone(), password.expose_text().unwrap().to_owned())
        .connect(&options.url)
        .await
        .unwrap();
    async_nats::jetstream::new(client)
}

#[tokio::test]
async fn a_stream_with_another_retention_is_refused_and_left_alone() {
    let nats = TestNats::start().await;
    let mut configuration: async_nats::jetstream::stream::Config =
        serde_json::from_str(include_str!("../../../nats/evt.json")).unwrap();
    configuration.retention = async_nats::jetstream::stream::RetentionPolicy::Interest;
    let context = jetstream(&nats.options()).await;
    let mut stream = context.create_stream(configuration).await.unwrap();
    let before = stream.info().await.unwrap().config.clone();
    let refused = JetStreamBus::connect(nats.options()).await;
    let Err(ConnectError::Topology(ApplyError::Refused(refused))) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        (refused.stream.as_str(), refused.found.as_str()),
        ("EVT", Some("interest"))
    );
    assert_eq!(stream.info().await.unwrap().config, before);
}

#[tokio::test]
async fn a_longer_life_of_events_is_applied_and_a_shorter_one_refused() {
    let nats = TestNats::start().await;
    let kept_for = |days: u64| JetStreamOptions {
        events_kept: Some(Duration::from_secs(days * 24 * 60 * 60)),
        ..nats.options()
    };
    let bus = JetStreamBus::connect(kept_for(30)).await.unwrap();
    bus.publish(&publications(1, 1..=2)).await.unwrap();
    let bus = JetStreamBus::connect(kept_for(400)).await.unwrap();
    let context = jetstream(&nats.options()).await;
    let stream = context.get_stream("EVT").await.unwrap();
    let days = stream.cached_info().config.max_age.as_secs() / (24 * 60 * 60);
    assert_eq!(days, 400);
    assert_eq!(bus.published().await.unwrap()[1], 2);
    assert!(matches!(
        JetStreamBus::connect(kept_for(30)).await,
        Err(ConnectError::Topology(ApplyError::Refused(_)))
    ));
}

#[tokio::test]
async fn the_server_says_of_the_streams_what_the_declarations_say() {
    let nats = TestNats::start().await;
    drop(nats.bus(limits()).await);
    let context = jetstream(&nats.options()).await;
    let evt = context.get_stream("EVT").await.unwrap();
    let evt = &evt.cached_info().config;
    assert!(evt.deny_delete && evt.deny_purge && !evt.allow_direct);
    let cmd = context.get_stream("CMD").await.unwrap();
    let cmd = &cmd.cached_info().config;
    assert_eq!(
        cmd.storage,
        async_nats::jetstream::stream::StorageType::Memory
    );
    assert_eq!(cmd.max_age, bus::limits::COMMAND_LIFE);
}

#[tokio::test]
async fn an_old_program_is_not_started() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("nats-server");
    std::fs::write(&program, "#!/bin/sh\necho nats-server: v2.9.10\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let refused = NatsServer::start(ChildOptions::new(program, folder.path().join("data"))).await;
    let Err(ChildError::Binary(error @ BinaryError::TooOld { .. })) = refused else {
        panic!("{refused:?}");
    };
    assert!(error.to_string().contains("2.9.10"), "{error}");
}

/// Answers every connection with this page.
async fn monitor_that_says(page: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut question = [0; 1024];
            assert!(socket.read(&mut question).await.unwrap() > 0);
            let answer = format!("HTTP/1.0 200 OK\r\n\r\n{page}");
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_server_that_may_not_flush_is_refused() {
    let nats = TestNats::start().await;
    let connect = |sync_proof: SyncProof| {
        JetStreamBus::connect(JetStreamOptions {
            sync_proof,
            ..nats.options()
        })
    };
    assert!(matches!(
        connect(SyncProof::None).await,
        Err(ConnectError::Check(CheckError::SyncUnknown))
    ));
    let flushes = SyncProof::Monitors(vec![nats.monitor()]);
    assert!(connect(flushes).await.is_ok());
    let careless = monitor_that_says(r#"{"jetstream":{"config":{"sync_interval":120000}}}"#).await;
    assert!(matches!(
        connect(SyncProof::Monitors(vec![nats.monitor(), careless])).await,
        Err(ConnectError::Check(CheckError::NotSynced { .. }))
    ));
    assert!(matches!(
        connect(SyncProof::Monitors(vec!["127.0.0.1:1".to_owned()])).await,
        Err(ConnectError::Check(CheckError::Monitor { .. }))
    ));
    assert!(connect(SyncProof::Unverified).await.is_ok());
}

#[tokio::test]
async fn what_was_published_is_known_after_a_crash_of_the_server() {
    let nats = TestNats::start().await;
    let bus = nats.bus(limits()).await;
    bus.publish(&publications(3, 1..=100)).await.unwrap();
    nats.kill9().await;
    nats.restart().await;
    assert_eq!(bus.published().await.unwrap()[3], 100);
    let fresh = nats.bus(limits()).await;
    assert_eq!(fresh.published().await.unwrap()[3], 100);
    fresh.publish(&publications(3, 101..=101)).await.unwrap();
    let mut events = fresh.events(lane(3), 99).await.unwrap();
    assert_eq!(numbers(&mut events, 3).await, [99, 100, 101]);
}

#[tokio::test]
async fn a_walk_along_the_stream_that_is_interrupted_says_so_and_the_next_one_has_all() {
    let nats = TestNats::start().await;
    let bus = nats.bus(limits()).await;
    bus.publish(&publications(3, 1..=300)).await.unwrap();
    let mut stretches = bus.stretches(100).await.unwrap();
    let first = next(&mut stretches).await.unwrap();
    assert_eq!((first.events.len(), first.left), (100, 200));
    nats.kill9().await;
    nats.restart().await;
    // What it read with went with the server.
    assert!(next(&mut stretches).await.is_err());
    assert!(soon(stretches.next()).await.is_none());
    let stretches = soon(bus.stretches(100)).await.unwrap();
    let all: Vec<_> = soon(stretches.collect()).await;
    let lengths = all
        .iter()
        .map(|stretch| stretch.as_ref().unwrap().events.len());
    assert_eq!(lengths.collect::<Vec<_>>(), [100, 100, 100]);
}

#[tokio::test]
async fn what_grows_too_old_before_it_is_walked_to_is_left_out_and_said() {
    let nats = TestNats::start().await;
    let bus = nats.bus(limits()).await;
    bus.publish(&publications(3, 1..=300)).await.unwrap();
    let mut stretches = bus.stretches(100).await.unwrap();
    let first = next(&mut stretches).await.unwrap();
    assert_eq!((first.events.len(), first.before), (100, Before::Nothing));
    // The beginning goes: for their number, since waiting for their age takes 400 days.
    let context = jetstream(&nats.options()).await;
    let mut evt = context.get_stream("EVT").await.unwrap();
    let mut configuration = evt.info().await.unwrap().config.clone();
    configuration.max_messages = 120;
    context.update_stream(configuration).await.unwrap();
    for (begin, before) in [(181, Before::Forgotten), (281, Before::Stretch)] {
        let stretch = next(&mut stretches).await.unwrap();
        let number = stretch.events[0].position.number;
        assert_eq!((number, stretch.before), (begin, before));
    }
    assert!(soon(stretches.next()).await.is_none());
    let mut again = bus.stretches(100).await.unwrap();
    assert_eq!(next(&mut again).await.unwrap().before, Before::Forgotten);
}

#[tokio::test]
async fn a_batch_with_a_known_event_goes_in_all_the_same() {
    let nats = TestNats::start().await;
    let bus = nats.bus(limits()).await;
    bus.publish(&publications(3, 1..=40)).await.unwrap();
    bus.publish(&publications(3, 31..=70)).await.unwrap();
    let mixed = [publications(3, 71..=90), publications(4, 1..=20)].concat();
    bus.publish(&mixed).await.unwrap();
    for (number, last) in [(3, 90), (4, 20)] {
        let mut events = bus.events(lane(number), 1).await.unwrap();
        let all: Vec<u64> = (1..=last).collect();
        assert_eq!(numbers(&mut events, all.len()).await, all);
        nothing_comes(&mut events).await;
    }
}

#[tokio::test]
async fn a_batch_that_is_too_large_for_the_server_is_divided() {
    let nats = TestNats::start().await;
    let bus = nats.bus(limits()).await;
    let mut many = publications(3, 1..=1200);
    for large in &mut many[7..=8] {
        large.payload = vec![7; limits().payload_bytes_max].into();
    }
    bus.publish(&many).await.unwrap();
    let mut events = bus.events(lane(3), 1).await.unwrap();
    let all: Vec<u64> = (1..=1200).collect();
    assert_eq!(numbers(&mut events, all.len()).await, all);
}

#[tokio::test]
async fn everything_goes_on_after_the_server_was_killed() {
    let nats = TestNats::start().await;
    let bus = nats.bus(limits()).await;
    let mut events = bus.events(lane(3), 1).await.unwrap();
    let mut told = bus.hear(subjects::grown()).await.unwrap();
    let mut silent = bus.commands(lane(4)).await.unwrap();
    let mut commands = bus.commands(lane(3)).await.unwrap();
    tokio::spawn(async move {
        while let Some(delivery) = commands.next().await {
            let answered = delivery.handle.answer(delivery.payload.clone()).await;
            if answered.is_ok() {
                delivery.handle.done().await.ok();
            }
        }
    });
    bus.publish(&publications(3, 1..=10)).await.unwrap();
    assert_eq!(send(&bus, 3, "before", SOON).await.unwrap(), "before");
    // Under way when it happens: nobody will ever answer it, and the caller must hear that nothing is known.
    let under_way = {
        let bus = std::sync::Arc::clone(&bus);
        tokio::spawn(async move { send(&bus, 4, "under way", Duration::from_secs(3)).await })
    };
    let delivery = next(&mut silent).await;
    let many: Vec<u64> = (1..=2000).collect();
    let publishing = {
        let (bus, many) = (std::sync::Arc::clone(&bus), many.clone());
        tokio::spawn(async move { bus.publish(&publications(5, many)).await })
    };
    eventually(|| async { bus.published().await.unwrap()[5] > 100 }).await;

    let before = nats.pid().unwrap();
    let killed = Command::new("kill")
        .args(["-KILL", &before.to_string()])
        .status();
    assert!(killed.unwrap().success());
    soon(nats.started_again(before)).await;

    drop(delivery);
    assert!(matches!(
        soon(under_way).await.unwrap(),
        Err(SendError::Unknown)
    ));
    assert_eq!(send(&bus, 3, "after", SOON).await.unwrap(), "after");
    bus.publish(&publications(3, 11..=20)).await.unwrap();
    assert_eq!(numbers(&mut events, 20).await, (1..=20).collect::<Vec<_>>());
    soon(publishing).await.unwrap().unwrap();
    let mut published = bus.events(lane(5), 1).await.unwrap();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < many.len() {
        if let StreamEvent::Event(event) = next(&mut published).await {
            assert!(seen.insert(event.position.number), "seen twice: {event:?}");
        }
    }
    assert!(seen.into_iter().eq(many));
    eventually(|| async { bus.tell(subjects::grown(), "again".into()).await.is_ok() }).await;
    assert_eq!(next(&mut told).await, "again");
}

#[tokio::test]
async fn a_command_that_never_left_is_refused_and_not_unknown() {
    let nats = TestNats::start().await;
    let bus = nats.bus(limits()).await;
    nats.kill9().await;
    eventually(|| async {
        bus.tell(subjects::grown(), "anybody?".into())
            .await
            .is_err()
    })
    .await;
    // The loss of a connection is heard of a moment later; from then on nothing leaves.
    eventually(|| async {
        let outcome = send(&bus, 3, "too early", A_WHILE).await;
        matches!(outcome, Err(SendError::Refused(_)))
    })
    .await;
    let later = {
        let bus = std::sync::Arc::clone(&bus);
        tokio::spawn(async move { send(&bus, 3, "patient", SOON).await })
    };
    nats.restart().await;
    let mut commands = bus.commands(lane(3)).await.unwrap();
    let delivery = next(&mut commands).await;
    delivery.handle.answer("here".into()).await.unwrap();
    delivery.handle.done().await.unwrap();
    assert_eq!(soon(later).await.unwrap().unwrap(), "here");
}

#[tokio::test]
async fn a_full_command_stream_refuses() {
    let house = House::jetstream().await;
    let context = jetstream(&house.nats.as_ref().unwrap().options()).await;
    let large = vec![1; 8_000_000];
    // Nobody reads lane 60: 256 MiB are full after some thirty of these.
    let mut outcome = Ok(Bytes::new());
    for _ in 0..40 {
        outcome = send(&house.bus, 60, large.clone(), Duration::from_millis(100)).await;
        if matches!(outcome, Err(SendError::Refused(_))) {
            break;
        }
    }
    assert!(matches!(outcome, Err(SendError::Refused(_))), "{outcome:?}");
    let cmd = context.get_stream("CMD").await.unwrap();
    assert!(cmd.cached_info().state.bytes <= 268_435_456);
}

#[tokio::test]
async fn a_stopped_server_leaves_no_process_behind() {
    let folder = tempfile::tempdir().unwrap();
    let tools = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools");
    let program = bus::child::fetch::fetch(&tools, &mut |_| ()).unwrap();
    for orderly in [true, false] {
        let options = ChildOptions::new(&program, folder.path());
        let server = NatsServer::start(options).await.unwrap();
        let state = *server.state().borrow();
        let bus::child::ChildState::Running(pid) = state else {
            panic!("{state:?}");
        };
        let process = std::path::PathBuf::from(format!("/proc/{pid}"));
        assert!(process.exists());
        if orderly {
            server.stop().await;
        } else {
            drop(server);
        }
        assert!(!process.exists());
    }
}

#[tokio::test]
async fn a_cluster_of_three_goes_on_without_any_one_of_them() {
    let mut cluster = TestCluster::start("always").await;
    let options = JetStreamOptions {
        limits: limits(),
        ..cluster.options()
    };
    let bus = JetStreamBus::connect(options).await.unwrap();
    let mut events = bus.events(lane(3), 1).await.unwrap();
    let mut commands = bus.commands(lane(3)).await.unwrap();
    tokio::spawn(async move {
        while let Some(delivery) = commands.next().await {
            let answered = delivery.handle.answer(delivery.payload.clone()).await;
            if answered.is_ok() {
                delivery.handle.done().await.ok();
            }
        }
    });
    for number in 0..3_u64 {
        cluster.kill9(number as usize);
        // An election takes a few seconds, in which nothing is known and nothing is lost.
        eventually(|| async {
            let outcome = send(&bus, 3, "still there?", Duration::from_secs(2)).await;
            outcome.is_ok()
        })
        .await;
        eventually(|| async {
            bus.publish(&publications(3, 1..=(number + 1) * 10))
                .await
                .is_ok()
        })
        .await;
        cluster.launch(number as usize);
        cluster.is_formed().await;
    }
    assert_eq!(numbers(&mut events, 30).await, (1..=30).collect::<Vec<_>>());
    assert_eq!(soon(bus.published()).await.unwrap()[3], 30);
}

#[tokio::test]
async fn one_careless_server_in_a_cluster_is_found_through_the_system_account() {
    let cluster = TestCluster::start("2m").await;
    let refused = JetStreamBus::connect(cluster.options()).await;
    assert!(
        matches!(
            refused,
            Err(ConnectError::Check(CheckError::NotSynced { .. }))
        ),
        "{refused:?}"
    );
}
