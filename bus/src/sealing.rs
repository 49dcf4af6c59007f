//! Commands and answers are sealed on the bus, and so are questions to the outside: only roles that hold the root secret read or forge one.

use schemas::Secret;
use schemas::answers::Answer;
use schemas::commands::CommandEnvelope;
use schemas::outside::{OutsideReply, OutsideRequest};

use crate::shell::secrets::{RootSecret, SealError};

/// Closes and opens what travels between the doors and the runner.
#[derive(Clone, Debug)]
pub struct Sealer {
    root: RootSecret,
}

/// Why bytes from the bus are not a command or an answer of ours.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// They do not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// They open, and are of another shape: another version of this program.
    #[error("cannot decode what another version of this program sent")]
    Decode(#[from] rmp_serde::decode::Error),
}

impl Sealer {
    /// A sealer over the root secret.
    pub fn new(root: RootSecret) -> Self {
        Self { root }
    }

    /// Closes a command.
    pub fn close_command(&self, command: &CommandEnvelope) -> Vec<u8> {
        self.root.seal("bus", "command", &encode(command))
    }

    /// Opens a command.
    pub fn open_command(&self, sealed: &[u8]) -> Result<CommandEnvelope, OpenError> {
        Ok(rmp_serde::from_slice(
            self.open("command", sealed)?.expose(),
        )?)
    }

    /// Closes an answer.
    pub fn close_answer(&self, answer: &Answer) -> Vec<u8> {
        self.root.seal("bus", "answer", &encode(answer))
    }

    /// Opens an answer.
    pub fn open_answer(&self, sealed: &[u8]) -> Result<Answer, OpenError> {
        Ok(rmp_serde::from_slice(
            self.open("answer", sealed)?.expose(),
        )?)
    }

    /// Closes a question to the outside.
    pub fn close_question(&self, request: &OutsideRequest) -> Vec<u8> {
        self.root.seal("bus", "question", &encode(request))
    }

    /// Opens a question to the outside.
    pub fn open_question(&self, sealed: &[u8]) -> Result<OutsideRequest, OpenError> {
        Ok(rmp_serde::from_slice(
            self.open("question", sealed)?.expose(),
        )?)
    }

    /// Closes what the outside said.
    pub fn close_reply(&self, reply: &OutsideReply) -> Vec<u8> {
        self.root.seal("bus", "reply", &encode(reply))
    }

    /// Opens what the outside said.
    pub fn open_reply(&self, sealed: &[u8]) -> Result<OutsideReply, OpenError> {
        Ok(rmp_serde::from_slice(self.open("reply", sealed)?.expose())?)
    }

    fn open(&self, kind: &str, sealed: &[u8]) -> Result<Secret, SealError> {
        self.root.open("bus", kind, sealed)
    }
}

fn encode(value: &impl serde::Serialize) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("our messages hold nothing MessagePack cannot")
}
