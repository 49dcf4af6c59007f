//! A second node of the same service: doors and a runner of its own, on the same log and the same bus.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use bus::shell::LiveSettings;
use gateway::RunningGateway;
use schemas::Lane;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{AnyError, Runner, TestHouse, follow_settings, open_doors};

/// A node. It shares nothing with the first one but what two machines would share.
#[derive(Debug)]
pub struct Node {
    settings: Arc<LiveSettings>,
    doors: RunningGateway,
    runner: Runner,
    stop: watch::Sender<bool>,
    parts: JoinSet<Result<(), AnyError>>,
}

impl TestHouse {
    /// Starts another node, which takes these lanes from the first one.
    pub async fn start_another_node(&self, takes: BTreeSet<Lane>) -> Node {
        let (plan, log, bus) = (&self.plan, &self.log, &self.bus);
        let (stop, told) = watch::channel(false);
        let mut parts = JoinSet::new();
        let settings = follow_settings(plan, log, bus, &mut parts, told.clone()).await;
        let settings = settings.expect("the log is readable");
        let runner = Runner::start(plan, log, bus, &settings, told).await;
        let runner = runner.expect("the bus and the log are there");
        let rest = Lane::all().filter(|lane| !takes.contains(lane)).collect();
        self.runners[0].lanes.send_replace(rest);
        runner.lanes.send_replace(takes);
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let doors = open_doors(plan, anywhere, log, bus, &settings, &self.projector, None).await;
        Node {
            settings,
            doors: doors.expect("the loopback interface has free ports"),
            runner,
            stop,
            parts,
        }
    }
}

impl Node {
    /// `http://host:port`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.doors.address())
    }

    /// The settings in force on this node.
    pub fn settings(&self) -> &LiveSettings {
        &self.settings
    }

    /// Ends it. A part that failed meanwhile fails the test here.
    pub async fn end(mut self) {
        self.doors.shutdown().await;
        self.stop.send_replace(true);
        let ended = self.runner.task.await.expect("a runner does not panic");
        ended.expect("a runner ends well");
        while let Some(ended) = self.parts.join_next().await {
            let ended = ended.expect("a part of the node does not panic");
            ended.expect("a part of the node ends well");
        }
    }
}
