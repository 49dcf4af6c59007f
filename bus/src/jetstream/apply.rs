//! Applies the topology to a server.

use async_nats::jetstream::context::RequestError;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{Context, ErrorCode};
use serde::Deserialize;
use serde_json::json;

use super::topology::{Configuration, Refused, Step, Topology};

/// Why the streams are not as declared.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Only a person may resolve this.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The server did not answer.
    #[error("cannot {verb} stream {stream}")]
    Request {
        /// What was tried.
        verb: &'static str,
        /// Which stream.
        stream: String,
        /// Why not.
        #[source]
        source: RequestError,
    },
    /// The server answered with an error.
    #[error("the server refuses to {verb} stream {stream}")]
    Server {
        /// What was tried.
        verb: &'static str,
        /// Which stream.
        stream: String,
        /// What it said.
        #[source]
        source: async_nats::jetstream::Error,
    },
    /// The server said yes and did otherwise: it may be too old for a field.
    #[error("the server accepted stream {stream}, yet {fields:?} differ from what was asked")]
    Ignored {
        /// Which stream.
        stream: String,
        /// Which fields.
        fields: Vec<String>,
    },
}

/// What was done about a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// All streams were as declared, or were changed in place.
    Kept,
    /// At least one was missing and is now there, empty.
    Created,
}

#[derive(Deserialize)]
struct StreamInfo {
    config: Configuration,
}

impl Topology {
    /// Makes the server's streams as declared, or says why it must not, and looks again afterwards.
    pub(crate) async fn apply(&self, context: &Context) -> Result<Applied, ApplyError> {
        let mut applied = Applied::Kept;
        for stream in self.names() {
            let found = find(context, stream).await?;
            match self.plan(stream, found.as_ref())? {
                None => continue,
                Some(Step::Create(configuration)) => {
                    tracing::info!(stream, "creating a stream");
                    call(context, "CREATE", "create", stream, &configuration).await?;
                    applied = Applied::Created;
                }
                Some(Step::Update {
                    configuration,
                    fields,
                }) => {
                    tracing::info!(stream, ?fields, "extending a stream");
                    call(context, "UPDATE", "update", stream, &configuration).await?;
                }
            }
            self.look_again(context, stream).await?;
        }
        Ok(applied)
    }

    async fn look_again(&self, context: &Context, stream: &str) -> Result<(), ApplyError> {
        let found = find(context, stream).await?;
        match self.plan(stream, found.as_ref())? {
            None => Ok(()),
            Some(Step::Create(_)) => Err(ApplyError::Ignored {
                stream: stream.to_owned(),
                fields: vec!["name".to_owned()],
            }),
            Some(Step::Update { fields, .. }) => Err(ApplyError::Ignored {
                stream: stream.to_owned(),
                fields,
            }),
        }
    }
}

async fn find(context: &Context, stream: &str) -> Result<Option<Configuration>, ApplyError> {
    match call(context, "INFO", "look at", stream, &json!({})).await {
        Ok(info) => Ok(Some(info.config)),
        Err(ApplyError::Server { source, .. })
            if source.error_code() == ErrorCode::STREAM_NOT_FOUND =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn call<T: serde::Serialize>(
    context: &Context,
    operation: &str,
    verb: &'static str,
    stream: &str,
    body: &T,
) -> Result<StreamInfo, ApplyError> {
    let answer: Response<StreamInfo> = context
        .request(format!("STREAM.{operation}.{stream}"), body)
        .await
        .map_err(|source| ApplyError::Request {
            verb,
            stream: stream.to_owned(),
            source,
        })?;
    match answer {
        Response::Ok(info) => Ok(info),
        Response::Err { error } => Err(ApplyError::Server {
            verb,
            stream: stream.to_owned(),
            source: error,
        }),
    }
}
