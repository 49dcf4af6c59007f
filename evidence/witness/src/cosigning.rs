//! The notary's side: every witness of the policy is shown every checkpoint, or a later one. The newest checkpoint that
//! satisfies the policy is kept beside the journal, for whoever wants more than the log's own word.
//!
//! A witness that does not answer delays nobody. A witness that has signed what this journal does not continue is another
//! matter: somebody has restored an older copy, or keeps two journals.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evidence::{Checkpoint, Note, Policy, VerifierKey};
use futures::future::join_all;
use notary::{Archive, ArchiveError, COSIGNED, Files};
use reqwest::{Client, StatusCode};

use crate::request::AddCheckpoint;

/// How often a new checkpoint is looked for.
const PACE: Duration = Duration::from_millis(500);
/// Longest wait for a witness.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Rounds without a witness that failed: one more after every failure in a row, up to a minute.
const PATIENCE_MAX: u32 = 120;

/// Asks the witnesses of a policy.
#[derive(Debug)]
pub struct Cosigning {
    archive: Arc<Archive>,
    files: Files,
    policy: Policy,
    client: Client,
    witnesses: Vec<Asked>,
}

/// A witness as it is asked.
#[derive(Debug)]
struct Asked {
    name: String,
    key: VerifierKey,
    url: String,
    /// The size it signed last, as far as we know.
    size: u64,
    /// Failures in a row, and rounds until it is asked again.
    failures: u32,
    rests: u32,
    /// Its newest signature, and the text it is under.
    signed: Option<(String, String)>,
}

/// Why the witnesses cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum CosigningError {
    /// The client for outgoing calls.
    #[error("cannot prepare calls to witnesses")]
    Client(#[from] reqwest::Error),
    /// Nobody to ask.
    #[error("the policy names no witness with an address")]
    NoWitness,
}

/// A witness has signed what this journal does not continue. A person must look: which of the two journals is the right one?
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    /// The journal is shorter than it was.
    #[error(
        "the witness {witness} has signed a journal of {seen} records, and this one has {size}: an older copy was restored"
    )]
    Shorter {
        /// Which witness.
        witness: String,
        /// What it has signed.
        seen: u64,
        /// What there is.
        size: u64,
    },
    /// It is another journal.
    #[error(
        "the witness {witness} has signed another journal of this name: it differs within the first {seen} records"
    )]
    Another {
        /// Which witness.
        witness: String,
        /// Records of the journal that it has signed.
        seen: u64,
    },
}

/// How a witness answered.
enum Answer {
    /// The line of its signature.
    Signed(String),
    /// It knows another size than we thought.
    Seen(u64),
    /// It has signed something else.
    Contradiction,
    /// It did not sign, for a reason of its own.
    Failed(String),
}

impl Cosigning {
    /// The witnesses of this policy that have an address. The folder is that of the archive.
    pub fn new(
        archive: Arc<Archive>,
        folder: &Path,
        policy: Policy,
    ) -> Result<Self, CosigningError> {
        let witnesses: Vec<Asked> = policy
            .witnesses()
            .filter_map(|(name, key, url)| {
                Some(Asked {
                    name: name.to_owned(),
                    key: key.clone(),
                    url: format!("{}/add-checkpoint", url?.trim_end_matches('/')),
                    size: 0,
                    failures: 0,
                    rests: 0,
                    signed: None,
                })
            })
            .collect();
        if witnesses.is_empty() {
            return Err(CosigningError::NoWitness);
        }
        let client = Client::builder()
            .user_agent("Countersign")
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_MAX)
            .no_proxy()
            .build()?;
        Ok(Self {
            archive,
            files: Files::new(folder),
            policy,
            client,
            witnesses,
        })
    }

    /// Asks for ever; it returns when a witness disagrees.
    pub async fn run(mut self) -> Disagreement {
        loop {
            match self.ask_all().await {
                Ok(Some(disagreement)) => return disagreement,
                Ok(None) => {}
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "the journal cannot be shown to witnesses");
                }
            }
            tokio::time::sleep(PACE).await;
        }
    }

    /// Shows the newest checkpoint to everybody who has not signed it.
    pub async fn ask_all(&mut self) -> Result<Option<Disagreement>, ArchiveError> {
        let Some((signed, checkpoint)) = self.archive.checkpoint()? else {
            return Ok(None);
        };
        let (archive, client) = (&self.archive, &self.client);
        let text = checkpoint.to_string();
        let asked = self.witnesses.iter_mut().filter_map(|witness| {
            let wants = witness.wants(&text);
            wants.then(|| witness.ask(client, archive, &signed, &checkpoint))
        });
        for outcome in join_all(asked).await {
            if let Some(disagreement) = outcome? {
                metrics::counter!("witness_disagreements_total").increment(1);
                return Ok(Some(disagreement));
            }
        }
        self.keep(&signed, &text)?;
        Ok(None)
    }

    /// Keeps the checkpoint with its signatures when they satisfy the policy.
    fn keep(&self, signed: &str, text: &str) -> Result<(), ArchiveError> {
        let lines = self.witnesses.iter().filter_map(|it| it.signed.as_ref());
        let lines = lines.filter(|(of, _)| of == text);
        let cosigned = lines.fold(signed.to_owned(), |note, (_, line)| note + line);
        if let Ok(checkpoint) = self.policy.accept(&cosigned)
            && self
                .archive
                .cosigned()?
                .is_none_or(|(kept, _)| kept != cosigned)
        {
            self.files
                .write(&[(COSIGNED.to_owned(), cosigned.into_bytes())])?;
            metrics::gauge!("witness_cosigned_size").set(checkpoint.size() as f64);
        }
        Ok(())
    }
}

impl Asked {
    /// Is it to be shown this checkpoint now?
    fn wants(&mut self, text: &str) -> bool {
        self.rests = self.rests.saturating_sub(1);
        self.rests == 0 && self.signed.as_ref().is_none_or(|(of, _)| of != text)
    }

    async fn ask(
        &mut self,
        client: &Client,
        archive: &Archive,
        signed: &str,
        checkpoint: &Checkpoint,
    ) -> Result<Option<Disagreement>, ArchiveError> {
        // The second time with the size that it has told.
        for _ in 0..2 {
            if self.size > checkpoint.size() {
                return Ok(Some(Disagreement::Shorter {
                    witness: self.name.clone(),
                    seen: self.size,
                    size: checkpoint.size(),
                }));
            }
            let request = AddCheckpoint {
                old: self.size,
                proof: archive.consistency(self.size, checkpoint.size())?,
                note: signed.to_owned(),
            };
            match self.answer(client, &request).await {
                Answer::Signed(line) => {
                    self.size = checkpoint.size();
                    self.signed = Some((checkpoint.to_string(), line));
                    (self.failures, self.rests) = (0, 0);
                    return Ok(None);
                }
                Answer::Seen(size) => self.size = size,
                Answer::Contradiction => {
                    return Ok(Some(Disagreement::Another {
                        witness: self.name.clone(),
                        seen: self.size,
                    }));
                }
                Answer::Failed(reason) => {
                    self.fail(&reason);
                    return Ok(None);
                }
            }
        }
        self.fail("it names one size after the other");
        Ok(None)
    }

    fn fail(&mut self, reason: &str) {
        self.failures = self.failures.saturating_add(1);
        self.rests = self.failures.min(PATIENCE_MAX) + 1;
        metrics::counter!("witness_failures_total", "witness" => self.name.clone()).increment(1);
        tracing::warn!(
            witness = self.name,
            reason,
            "a witness has not signed; the journal goes on without it"
        );
    }

    async fn answer(&self, client: &Client, request: &AddCheckpoint) -> Answer {
        let asked = client.post(&self.url).body(request.to_string()).send();
        let response = match asked.await {
            Ok(response) => response,
            Err(error) => return Answer::Failed(error.without_url().to_string()),
        };
        let status = response.status();
        let body = match response.text().await {
            Ok(body) => body,
            Err(error) => return Answer::Failed(error.without_url().to_string()),
        };
        match status {
            StatusCode::OK if self.is_signed(&request.note, &body) => Answer::Signed(body),
            StatusCode::OK => Answer::Failed("its signature is not by its key".to_owned()),
            StatusCode::CONFLICT => match body.trim_end().parse() {
                // It disagrees about the size that we named, and names the same.
                Ok(size) if size == request.old => Answer::Contradiction,
                Ok(size) => Answer::Seen(size),
                Err(_) => Answer::Contradiction,
            },
            StatusCode::UNPROCESSABLE_ENTITY => Answer::Contradiction,
            status => Answer::Failed(format!("it answered {status}")),
        }
    }

    /// Is the answer one line, a signature of the witness under the note?
    fn is_signed(&self, note: &str, answer: &str) -> bool {
        let line = answer.lines().count() == 1;
        let signed = format!("{note}{answer}").parse::<Note>();
        line && signed.is_ok_and(|note| note.verify(&self.key).is_ok())
    }
}

#[cfg(test)]
mod tests;
