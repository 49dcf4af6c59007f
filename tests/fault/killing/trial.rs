//! A served program with busy customers and a listening bank, and the judgment over it all.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign::process::Served;
use countersign::receiver::{Receiver, WebhookKeys};
use tokio::time::Instant;

use super::busy::Busy;
use crate::checker::{Floor, judge, judge_callbacks, judge_counters, owed, read_all};
use crate::customer::Way;
use crate::history::{History, Phase};
use crate::tables::judge_tables;

const SYSTEM_ID: &str = "11111111-2222-4333-8444-555555555555";
/// How long customers insist, and how long the run waits for them.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a customer waits for one answer.
const ANSWER: Duration = Duration::from_secs(3);
/// Operations that must be done before the first kill, and after each.
const DONE_MIN: usize = 20;
/// How long the last callbacks may take; after a fault they are tried again with growing pauses.
const CALLBACKS_MAX: Duration = Duration::from_mins(1);

/// Which bus the program uses.
pub enum Bus {
    /// A nats-server of its own.
    OwnNats,
    /// None outside its process.
    InProcess,
}

/// A run under kills.
pub struct Trial {
    /// The program.
    pub served: Served,
    history: History,
    busy: Busy,
    receiver: Receiver,
    keys: WebhookKeys,
    folder: tempfile::TempDir,
    database: Option<String>,
}

impl Trial {
    /// Starts the program and its customers; when this returns, they have been busy for a while and nothing was killed.
    pub async fn begin(bus: Bus, database: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let data = folder.path().join("data").display().to_string();
        let listen = format!("127.0.0.1:{}", free_port());
        let nats = match bus {
            Bus::OwnNats => "child",
            Bus::InProcess => "in-process",
        };
        let mut arguments = vec![
            "--listen",
            &listen,
            "--data",
            &data,
            "--nats",
            nats,
            "--log-filter",
            "off",
        ];
        arguments.extend(
            database
                .iter()
                .flat_map(|database| ["--database-url", database]),
        );
        let served = Served::start(&program(), &arguments)
            .await
            .expect("the program starts");
        let receiver = Receiver::start()
            .await
            .expect("a free port can be listened on");
        let history = History::new();
        let way = Way::to(&listen, SYSTEM_ID, &history, PATIENCE, ANSWER);
        let registered = way.register_bank(&receiver.callback_url()).await;
        let keys = WebhookKeys::from_registration(&registered["webhook"])
            .expect("the answer has the keys");
        let busy = Busy::begin(&way).await;
        assert!(
            history.more_done(DONE_MIN, PATIENCE).await,
            "the customers get nothing done"
        );
        history.enter(Phase::During);
        let database = database.map(str::to_owned);
        Self {
            served,
            history,
            busy,
            receiver,
            keys,
            folder,
            database,
        }
    }

    /// Waits until customers get things done again.
    pub async fn goes_on(&self) {
        assert!(
            self.history.more_done(DONE_MIN, PATIENCE).await,
            "after the kill nothing gets done"
        );
    }

    /// Lets the customers come to an end, ends the program, and judges what is left.
    pub async fn judged(mut self) {
        self.history.enter(Phase::After);
        assert!(
            self.history.more_done(DONE_MIN, PATIENCE).await,
            "after the kills nothing gets done"
        );
        self.busy.end().await;
        let store = |name: &str| match &self.database {
            Some(address) => address.clone(),
            None => format!(
                "sqlite:{}",
                self.folder.path().join("data").join(name).display()
            ),
        };
        let log = event_log::open(&store("log.sqlite"))
            .await
            .expect("the log opens");
        let events = read_all(&*log).await.expect("the log is readable");
        let told_everything = self.callbacks_arrived(owed(&events).len()).await;
        assert!(
            self.served.end().await,
            "the program does not end by itself when asked"
        );

        let operations = self.history.operations();
        let floor = Floor {
            before: DONE_MIN,
            during: DONE_MIN,
            after: DONE_MIN,
        };
        let events = read_all(&*log).await.expect("the log is readable");
        let mut violations = judge(&operations, &events, floor);
        violations.extend(judge_callbacks(
            &self.receiver.received(),
            Some(&self.keys),
            &events,
        ));
        violations.extend(
            judge_counters(&*log, &events)
                .await
                .expect("the log is readable"),
        );
        violations.extend(judge_tables(Arc::clone(&log), &store("read.sqlite")).await);
        println!(
            "{} operations, {} events, {} callbacks (all of them in time: {told_everything})",
            operations.len(),
            events.len(),
            self.receiver.count()
        );
        assert_eq!(violations, []);
    }

    /// Waits until so many transactions were told of; `false` when the time is up.
    async fn callbacks_arrived(&self, count: usize) -> bool {
        let end = Instant::now() + CALLBACKS_MAX;
        loop {
            let received = self.receiver.received();
            let told = received.iter().filter_map(|callback| {
                let body = callback.json();
                let id = &body["pc_callback"]["transaction_callback"]["transaction_id"];
                id.as_str().map(str::to_owned)
            });
            if told.collect::<std::collections::HashSet<_>>().len() >= count {
                return true;
            }
            if Instant::now() > end {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The program of the profile this test was built in.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a file");
    let program = test
        .ancestors()
        .nth(2)
        .map(|profile| profile.join("countersign"));
    let program = program.expect("tests lie in target/<profile>/deps");
    assert!(
        program.exists(),
        "{} is missing: run cargo build --workspace first",
        program.display()
    );
    program
}

/// A port that is free now, so that the program has the same address after every start.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
    listener
        .local_addr()
        .expect("a bound listener has an address")
        .port()
}
