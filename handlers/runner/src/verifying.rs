//! Signatures, beside the lane: the expensive step. One is verified where it is asked; many are cut into pieces for threads
//! that may block, so that an operation of a thousand signatures neither holds up the requests beside it nor takes all
//! processors.

use std::sync::Arc;

use handlers::{SignatureCheck, Verifications, Verified};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Questions that are answered on the spot: less work than handing them to another thread is worth.
const ON_THE_SPOT_MAX: usize = 8;

/// Questions of one piece: some three milliseconds of work.
const PIECE: usize = 64;

/// Verifies signatures. All lanes share one.
#[derive(Debug)]
pub(crate) struct Verifier {
    pieces: Arc<Semaphore>,
}

impl Verifier {
    /// A verifier that works on so many pieces at the same time.
    pub(crate) fn new(pieces_at_once: usize) -> Self {
        Self {
            pieces: Arc::new(Semaphore::new(pieces_at_once.max(1))),
        }
    }

    /// Answers the questions.
    pub(crate) async fn verify(&self, mut checks: Vec<SignatureCheck>) -> Verifications {
        if checks.len() <= ON_THE_SPOT_MAX {
            return checks.iter().map(handlers::verify).collect();
        }
        let mut running: Vec<JoinHandle<Vec<Verified>>> = Vec::new();
        while !checks.is_empty() {
            let piece = checks.split_off(checks.len().saturating_sub(PIECE));
            let permit = Arc::clone(&self.pieces).acquire_owned().await;
            running.push(tokio::task::spawn_blocking(move || {
                let answers = piece.iter().map(handlers::verify).collect();
                drop(permit);
                answers
            }));
        }
        let mut answers = Verifications::default();
        for piece in running {
            // A piece that was lost with its runtime is answered in the lane, where the decision asks.
            answers.extend(piece.await.unwrap_or_default());
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use schemas::Digest;

    use super::*;

    fn check(number: u32) -> SignatureCheck {
        SignatureCheck {
            public_key: Vec::new(),
            digest: Digest::sha256(&number.to_be_bytes()),
            signature: Vec::new(),
        }
    }

    #[tokio::test]
    async fn every_question_is_answered_however_many_there_are() {
        let verifier = Verifier::new(2);
        for count in [0, 1, 8, 9, 64, 65, 1000] {
            let checks: Vec<SignatureCheck> = (0..count).map(check).collect();
            let answers = verifier.verify(checks.clone()).await;
            for check in &checks {
                assert_eq!(answers.answer(check), Some(false), "{count}");
            }
            assert_eq!(answers.answer(&check(count)), None);
        }
    }
}
