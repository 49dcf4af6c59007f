//! The start-up check: which server this is, and whether it flushes what it acknowledges.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::Client;
use futures::StreamExt as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::options::{self, Access, JetStreamOptions, UnreachableError};
use crate::version::{InvalidVersion, ServerVersion};

/// How long servers have to answer for themselves.
const PATIENCE: Duration = Duration::from_secs(2);

/// The largest page of a monitor we read, bytes.
const PAGE_MAX: u64 = 1024 * 1024;

/// How we know that the servers run with `sync_interval: always`. It is not visible to an ordinary client, so somebody
/// has to vouch.
#[derive(Clone, Debug, Default)]
pub enum SyncProof {
    /// We wrote the server's configuration ourselves.
    OurOwnServer,
    /// Ask every server of the cluster through its system account.
    SystemAccount(Access),
    /// Ask the monitors at these addresses (`host:port`), one for every server.
    Monitors(Vec<String>),
    /// Nobody vouches: refuse.
    #[default]
    None,
    /// Nobody vouches, and the operator said to go on all the same.
    Unverified,
}

/// Why this server is not good enough.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It is too old.
    #[error(
        "the nats server is {found}, and at least {} is required",
        ServerVersion::REQUIRED
    )]
    TooOld {
        /// What it is.
        found: ServerVersion,
    },
    /// It does not say what it is.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
    /// It may lose acknowledged messages when the power fails.
    #[error(
        "nats server {server} does not run with sync_interval: always, so a power cut loses what it acknowledged"
    )]
    NotSynced {
        /// Its name.
        server: String,
    },
    /// Nobody can say whether it does.
    #[error(
        "whether the nats servers run with sync_interval: always is unknown: name their monitors, give the system account, or accept it unverified"
    )]
    SyncUnknown,
    /// Nobody answered on the system account.
    #[error("no nats server answered on the system account")]
    NobodyAnswered,
    /// The monitor could not be asked.
    #[error("cannot ask the monitor {address} of a nats server")]
    Monitor {
        /// Its address.
        address: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The system account could not be used.
    #[error("cannot use the system account")]
    SystemAccount(#[source] UnreachableError),
}

/// Refuses a server that is too old or does not flush what it acknowledges.
pub(super) async fn check(client: &Client, options: &JetStreamOptions) -> Result<(), CheckError> {
    let found: ServerVersion = client.server_info().version.parse()?;
    if found < ServerVersion::REQUIRED {
        return Err(CheckError::TooOld { found });
    }
    match &options.sync_proof {
        SyncProof::OurOwnServer => Ok(()),
        SyncProof::None => Err(CheckError::SyncUnknown),
        SyncProof::Unverified => {
            tracing::warn!(
                "NOBODY VOUCHES that the nats servers run with sync_interval: always; without it a power cut loses \
                 acknowledged events from EVT"
            );
            Ok(())
        }
        SyncProof::SystemAccount(access) => all_synced(&ask_system_account(options, access).await?),
        SyncProof::Monitors(addresses) => {
            let mut states = BTreeMap::new();
            for address in addresses {
                let answer = ask_monitor(address).await;
                let state = answer.map_err(|source| CheckError::Monitor {
                    address: address.clone(),
                    source,
                })?;
                states.insert(address.clone(), state);
            }
            all_synced(&states)
        }
    }
}

/// What every server says about itself, by name.
type States = BTreeMap<String, Value>;

fn all_synced(states: &States) -> Result<(), CheckError> {
    if states.is_empty() {
        return Err(CheckError::NobodyAnswered);
    }
    for (server, state) in states {
        if let Some(version) = state["version"].as_str() {
            let found: ServerVersion = version.parse()?;
            if found < ServerVersion::REQUIRED {
                return Err(CheckError::TooOld { found });
            }
        }
        // A server without JetStream stores nothing and so has nothing to flush.
        let jetstream = &state["jetstream"]["config"];
        if !jetstream.is_null() && jetstream["sync_always"] != Value::Bool(true) {
            return Err(CheckError::NotSynced {
                server: server.clone(),
            });
        }
    }
    Ok(())
}

/// Every server of the cluster answers, so answers are collected until nobody has anything to add.
async fn ask_system_account(
    options: &JetStreamOptions,
    access: &Access,
) -> Result<States, CheckError> {
    let client = options::connect(options, access, |_| ())
        .await
        .map_err(CheckError::SystemAccount)?;
    let mut states = States::new();
    let inbox = client.new_inbox();
    let Ok(mut answers) = client.subscribe(inbox.clone()).await else {
        return Ok(states);
    };
    let asked = client
        .publish_with_reply("$SYS.REQ.SERVER.PING.VARZ", inbox, "".into())
        .await;
    if asked.is_err() {
        return Ok(states);
    }
    let deadline = Instant::now() + PATIENCE;
    while let Ok(Some(message)) = timeout_at(deadline, answers.next()).await {
        if message.status.is_some() {
            break;
        }
        if let Ok(answer) = serde_json::from_slice::<Value>(&message.payload) {
            let name = answer["server"]["name"].as_str().unwrap_or("unnamed");
            states.insert(name.to_owned(), answer["data"].clone());
        }
    }
    Ok(states)
}

/// Reads `/varz` of a monitor, at most 1 MiB, for at most two seconds. One fixed question over a socket: not worth an HTTP client in this package.
pub(crate) async fn ask_monitor(address: &str) -> Result<Value, std::io::Error> {
    let page = timeout(PATIENCE, async {
        let mut socket = TcpStream::connect(address).await?;
        let request = format!("GET /varz HTTP/1.0\r\nHost: {address}\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut page = Vec::new();
        socket.take(PAGE_MAX).read_to_end(&mut page).await?;
        Ok::<_, std::io::Error>(page)
    })
    .await??;
    let invalid = |reason: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, reason);
    let page = std::str::from_utf8(&page).map_err(|_| invalid("its page is not text"))?;
    let (head, body) = page
        .split_once("\r\n\r\n")
        .ok_or_else(|| invalid("its answer has no body"))?;
    if head.split_whitespace().nth(1) != Some("200") {
        return Err(invalid("it refuses the question"));
    }
    Ok(serde_json::from_str(body)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(version: &str, sync_always: Value) -> States {
        let config = json!({ "sync_always": sync_always });
        let state = json!({ "version": version, "jetstream": { "config": config } });
        States::from([("one".to_owned(), state)])
    }

    #[test]
    fn every_server_must_flush() {
        assert!(all_synced(&state("2.15.1", json!(true))).is_ok());
        for silent in [json!(false), Value::Null] {
            let refused = all_synced(&state("2.15.1", silent));
            assert!(matches!(refused, Err(CheckError::NotSynced { .. })));
        }
        let mut two = state("2.15.1", json!(true));
        two.insert("two".to_owned(), json!({"jetstream": {"config": {}}}));
        assert!(matches!(
            all_synced(&two),
            Err(CheckError::NotSynced { server }) if server == "two"
        ));
    }

    #[test]
    fn a_server_without_jetstream_has_nothing_to_flush() {
        let mut states = state("2.15.1", json!(true));
        states.insert(
            "leaf".to_owned(),
            json!({"version": "2.15.1", "jetstream": {}}),
        );
        assert!(all_synced(&states).is_ok());
    }

    #[test]
    fn one_old_server_in_the_cluster_is_enough_to_refuse() {
        let refused = all_synced(&state("2.9.10", json!(true)));
        assert!(matches!(refused, Err(CheckError::TooOld { .. })));
    }

    #[test]
    fn silence_is_no_proof() {
        assert!(matches!(
            all_synced(&States::new()),
            Err(CheckError::NobodyAnswered)
        ));
    }
}
