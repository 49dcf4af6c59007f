use event_log::MemoryLog;

use super::*;
use crate::Place;
use crate::notary::tests::{happen, open, owner};

/// A log in which the same happens to the same owners, at this time; and the folder of its journal.
async fn log_at(at: i64) -> Arc<MemoryLog> {
    let log = Arc::new(MemoryLog::new());
    for number in 0..30 {
        happen(&log, &owner(number), 10, at).await;
    }
    log
}

async fn journal_of(log: &Arc<MemoryLog>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    open(log, &folder).unwrap().catch_up().await.unwrap();
    folder
}

async fn gate_of(
    log: &Arc<MemoryLog>,
    folder: &tempfile::TempDir,
) -> Result<Option<Checkpoint>, AuditError> {
    let log: Arc<dyn EventLog> = log.clone();
    gate(log, &Place::within(folder.path()).folder).await
}

fn difference(outcome: Result<Option<Checkpoint>, AuditError>) -> Difference {
    match outcome {
        Err(AuditError::Differs { difference, .. }) => difference,
        other => panic!("it should differ, and is {other:?}"),
    }
}

#[tokio::test]
async fn the_log_that_was_signed_passes_and_may_be_longer() {
    let log = log_at(5).await;
    let nothing = tempfile::tempdir().unwrap();
    assert_eq!(gate_of(&log, &nothing).await.unwrap(), None);
    let folder = journal_of(&log).await;
    assert_eq!(gate_of(&log, &folder).await.unwrap().unwrap().size(), 300);
    happen(&log, &owner(7), 5, 9).await;
    assert_eq!(gate_of(&log, &folder).await.unwrap().unwrap().size(), 300);
}

#[tokio::test]
async fn another_log_and_a_shorter_one_are_named_by_place() {
    let folder = journal_of(&log_at(5).await).await;
    match difference(gate_of(&log_at(6).await, &folder).await) {
        Difference::Altered {
            record: 0,
            position,
            expected,
            found,
        } => {
            assert_eq!(position.number, 1);
            assert_ne!(expected, found);
        }
        other => panic!("another log is not {other}"),
    }
    let shorter = Arc::new(MemoryLog::new());
    happen(&shorter, &owner(0), 10, 5).await;
    let difference = difference(gate_of(&shorter, &folder).await);
    assert!(matches!(difference, Difference::Shorter { log: 0, .. }));
    let said = difference.to_string();
    assert!(
        said.contains("ends at number 0, but the journal has recorded number"),
        "{said}"
    );
}

#[tokio::test]
async fn every_altered_byte_of_the_journal_is_found() {
    let log = log_at(5).await;
    let folder = journal_of(&log).await;
    let root = Place::within(folder.path()).folder;
    let mut found = 0;
    for name in [
        "checkpoint",
        "order",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    ] {
        let path = root.join(name);
        let whole = std::fs::read(&path).unwrap();
        for place in (0..whole.len()).step_by(1 + whole.len() / 40) {
            let mut altered = whole.clone();
            altered[place] ^= 1 << (place % 8);
            std::fs::write(&path, altered).unwrap();
            let outcome = gate_of(&log, &folder).await;
            assert!(outcome.is_err(), "{name}, byte {place}");
            found += 1;
        }
        std::fs::write(&path, whole).unwrap();
    }
    assert!(found > 200, "{found}");
    gate_of(&log, &folder).await.unwrap();
}
