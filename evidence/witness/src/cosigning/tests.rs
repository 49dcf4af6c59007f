use std::path::PathBuf;

use event_log::MemoryLog;
use notary::{Ledger, Place};
use schemas::{Digest, Lane, Position};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::memory::Witness;

/// A journal in a folder, which is copied and grows as the tests want it.
struct Journal {
    folder: tempfile::TempDir,
}

impl Journal {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Self { folder };
        journal.grow(1, 0);
        journal
    }

    fn place(&self) -> Place {
        Place::within(self.folder.path())
    }

    /// Adds so many records; those of different branches differ.
    fn grow(&self, records: u64, branch: u8) {
        let mut ledger = Ledger::open(&self.place(), Some("test"), || [1; 32]).unwrap();
        let size = ledger.signed().size();
        let added = (size..size + records).map(|record| {
            let position = Position {
                lane: Lane::new(0).unwrap(),
                number: record + 1,
            };
            (position, Digest::of(&[&[branch], &record.to_be_bytes()]))
        });
        ledger.record(&added.collect::<Vec<_>>(), None).unwrap();
    }

    /// An older copy: what a restored backup is.
    fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .arg(self.folder.path().join("."))
            .arg(folder.path())
            .status();
        assert!(copied.unwrap().success());
        Self { folder }
    }

    fn key(&self) -> VerifierKey {
        let archive = self.archive();
        let key = archive.verifier_key().unwrap().unwrap();
        key.trim_end().parse().unwrap()
    }

    fn archive(&self) -> Archive {
        Archive::at(Arc::new(MemoryLog::new()), &self.place().folder)
    }

    fn cosigning(&self, policy: &Policy) -> Cosigning {
        let archive = Arc::new(self.archive());
        Cosigning::new(archive, &self.place().folder, policy.clone()).unwrap()
    }

    /// Size of the newest checkpoint that satisfies the policy.
    fn cosigned(&self, policy: &Policy) -> Option<u64> {
        let (note, _) = self.archive().cosigned().unwrap()?;
        Some(policy.accept(&note).unwrap().size())
    }
}

/// A witness that serves, in a folder of its own.
struct Served {
    key: VerifierKey,
    url: String,
    task: JoinHandle<std::io::Result<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(folder: PathBuf, seed: u8, journal: &Journal) -> Served {
    let name = format!("witness-{seed}");
    let witness = Witness::open(&folder, &name, || [seed; 32], [journal.key()]).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    Served {
        key: witness.verifier_key().clone(),
        url: format!("http://{}/", listener.local_addr().unwrap()),
        task: tokio::spawn(crate::serve(
            listener,
            witness,
            || 1_795_435_200,
            futures::future::pending(),
        )),
    }
}

fn policy(journal: &Journal, witnesses: &[&Served], least: &str) -> Policy {
    let mut lines = vec![format!("log {}", journal.key())];
    let mut names = Vec::new();
    for (number, witness) in witnesses.iter().enumerate() {
        lines.push(format!("witness w{number} {} {}", witness.key, witness.url));
        names.push(format!("w{number}"));
    }
    lines.push(format!("group g {least} {}", names.join(" ")));
    lines.push("quorum g\n".to_owned());
    lines.join("\n").parse().unwrap()
}

#[tokio::test]
async fn what_all_witnesses_have_signed_is_kept() {
    let (journal, folders) = (
        Journal::new(),
        [(); 2].map(|()| tempfile::tempdir().unwrap()),
    );
    let one = serve(folders[0].path().to_owned(), 2, &journal).await;
    let other = serve(folders[1].path().to_owned(), 3, &journal).await;
    let policy = policy(&journal, &[&one, &other], "all");
    let mut cosigning = journal.cosigning(&policy);
    for size in [1, 8, 300, 301] {
        let before = journal.archive().checkpoint().unwrap().unwrap().1.size();
        if size > before {
            journal.grow(size - before, 0);
        }
        assert_eq!(cosigning.ask_all().await.unwrap(), None);
        assert_eq!(journal.cosigned(&policy), Some(size));
    }
    // Whoever asks for the first time is told how far they are.
    journal.grow(5, 0);
    let mut anew = journal.cosigning(&policy);
    assert_eq!(anew.ask_all().await.unwrap(), None);
    assert_eq!(journal.cosigned(&policy), Some(306));
}

#[tokio::test]
async fn a_witness_that_is_not_there_delays_nobody_but_the_policy() {
    let (journal, folder) = (Journal::new(), tempfile::tempdir().unwrap());
    let there = serve(folder.path().to_owned(), 2, &journal).await;
    let gone = Served {
        url: "http://127.0.0.1:9".to_owned(),
        key: serve(tempfile::tempdir().unwrap().path().to_owned(), 3, &journal)
            .await
            .key
            .clone(),
        task: tokio::spawn(futures::future::pending()),
    };
    let both = policy(&journal, &[&there, &gone], "all");
    let mut cosigning = journal.cosigning(&both);
    assert_eq!(cosigning.ask_all().await.unwrap(), None);
    assert_eq!(journal.cosigned(&both), None);
    let either = policy(&journal, &[&there, &gone], "any");
    let mut cosigning = journal.cosigning(&either);
    assert_eq!(cosigning.ask_all().await.unwrap(), None);
    assert_eq!(journal.cosigned(&either), Some(1));
    // A policy that nobody can be asked for.
    let alone: Policy = format!("log {}\nquorum none\n", journal.key())
        .parse()
        .unwrap();
    let archive = Arc::new(journal.archive());
    let nobody = Cosigning::new(archive, &journal.place().folder, alone);
    assert!(matches!(nobody, Err(CosigningError::NoWitness)));
}

#[tokio::test]
async fn an_older_copy_and_another_journal_are_found() {
    let (journal, folder) = (Journal::new(), tempfile::tempdir().unwrap());
    let witness = serve(folder.path().to_owned(), 2, &journal).await;
    let policy = policy(&journal, &[&witness], "all");
    let (older, other) = (journal.copy(), journal.copy());
    journal.grow(8, 0);
    assert_eq!(journal.cosigning(&policy).ask_all().await.unwrap(), None);
    let found = older.cosigning(&policy).ask_all().await.unwrap();
    let shorter = Disagreement::Shorter {
        witness: "w0".to_owned(),
        seen: 9,
        size: 1,
    };
    assert_eq!(found, Some(shorter));
    let another = Disagreement::Another {
        witness: "w0".to_owned(),
        seen: 9,
    };
    // Of the same length, and longer.
    other.grow(8, 1);
    let found = other.cosigning(&policy).ask_all().await.unwrap();
    assert_eq!(found, Some(another.clone()));
    other.grow(3, 1);
    let found = other.cosigning(&policy).ask_all().await.unwrap();
    assert_eq!(found, Some(another));
    // What went on as it was goes on.
    journal.grow(3, 0);
    assert_eq!(journal.cosigning(&policy).ask_all().await.unwrap(), None);
    assert_eq!(journal.cosigned(&policy), Some(12));
}
