//! Keeps the hash of the state beside the journal: after every checkpoint that was signed it folds what is new, and says
//! the state for the next one. Nothing waits for it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use event_log::{EventLog, Pace};
use evidence::{Extent, StateLine};
use schemas::Digest;
use tokio::sync::watch;
use tokio::time::Instant;

use super::set::SetHash;
use super::{StateError, StateFold, VERSION};
use crate::numbers;
use crate::reading::Portion;

/// Under load the state is said later, not at the cost of answers; and yet before what was appended is no longer in memory.
const PACE: Pace = Pace {
    share: 10,
    least: Duration::from_secs(1),
    most: Duration::from_secs(5),
};
/// Events that are folded before somebody else has a turn: a thousandth of a second or two.
const PORTION: Portion = Portion { lane: 64, all: 256 };

/// Follows the journal until `shutdown` comes. How far it was is kept in the file, which may be lost: then everything is
/// folded again.
pub async fn follow(
    log: Arc<dyn EventLog>,
    file: &Path,
    mut journal: watch::Receiver<Extent>,
    said: watch::Sender<Option<StateLine>>,
    shutdown: impl Future<Output = ()>,
) {
    let following = async {
        let resumed = |log: Arc<dyn EventLog>, extent: &Extent| {
            let kept = kept(Arc::clone(&log), file, extent);
            kept.unwrap_or_else(|| StateFold::new(log))
                .in_portions(PORTION)
        };
        let extent = journal.borrow_and_update().clone();
        let mut fold = resumed(log, &extent);
        loop {
            let extent = journal.borrow_and_update().clone();
            let begin = Instant::now();
            match fold.advance_to(&extent.counts, |_| {}).await {
                Ok(()) => {
                    said.send_replace(Some(StateLine {
                        version: VERSION,
                        records: extent.records,
                        hash: fold.hash(),
                    }));
                    keep(&fold, file, extent.records);
                    metrics::gauge!("state_hash_records").set(extent.records as f64);
                }
                Err(error) => {
                    tell(&error);
                    // Half a step may have been folded.
                    fold = resumed(Arc::clone(&fold.log), &extent);
                }
            }
            tokio::time::sleep(PACE.rest(begin.elapsed())).await;
            if journal.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = shutdown => {}
        () = following => {}
    }
}

fn tell(error: &StateError) {
    metrics::counter!("state_failures_total").increment(1);
    let error: &dyn std::error::Error = error;
    tracing::error!(error, "the hash of the state does not follow; trying again");
}

/// What the file holds, when it is whole, of this way of folding, and not beyond the journal.
fn kept(log: Arc<dyn EventLog>, file: &Path, journal: &Extent) -> Option<StateFold> {
    let text = std::fs::read_to_string(file).ok()?;
    let (text, sum) = text.trim_end().rsplit_once('\n')?;
    if Digest::sha256(text.as_bytes()).to_string() != sum {
        return None;
    }
    let [version, records, at, set] = text.split('\n').collect::<Vec<_>>()[..] else {
        return None;
    };
    let (records, at): (u64, _) = (records.parse().ok()?, numbers::from_text(at).ok()?);
    let is_before = records <= journal.records
        && journal.counts.len() == at.len()
        && at
            .iter()
            .zip(&journal.counts)
            .all(|(at, count)| at <= count);
    let set = SetHash::from_bytes(&STANDARD.decode(set).ok()?)?;
    (version == format!("state-v{VERSION}") && is_before).then(|| StateFold {
        at,
        set,
        ..StateFold::new(log)
    })
}

fn keep(fold: &StateFold, file: &Path, records: u64) {
    let at = numbers::to_text(fold.at());
    let set = STANDARD.encode(fold.set.to_bytes());
    let text = format!("state-v{VERSION}\n{records}\n{at}\n{set}");
    let sum = Digest::sha256(text.as_bytes());
    let beside = file.with_extension("new");
    let written = std::fs::write(&beside, format!("{text}\n{sum}\n"))
        .and_then(|()| std::fs::rename(&beside, file));
    if let Err(error) = written {
        tracing::warn!(%error, "how far the hash of the state is cannot be kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::History;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[tokio::test]
    async fn what_is_kept_goes_on_and_what_does_not_fit_is_left() -> Outcome {
        let (mut history, folder) = (History::new(), tempfile::tempdir()?);
        let file = folder.path().join("state");
        history.live(&History::user("sample-1"), 5).await;
        let mut fold = StateFold::new(history.log.clone());
        let counts = history.log.heads().await?;
        fold.advance_to(&counts, |_| {}).await?;
        keep(&fold, &file, 12);
        history.live(&History::user("sample-2"), 5).await;
        history
            .happen(
                &History::user("sample-1"),
                vec![crate::sample::updated_key(2)],
            )
            .await;
        let extent = Extent {
            records: 25,
            counts: history.log.heads().await?,
        };
        let again = |extent: &Extent| kept(history.log.clone(), &file, extent);
        let mut on = again(&extent).ok_or("it was kept")?;
        on.advance_to(&extent.counts, |_| {}).await?;
        let mut anew = StateFold::new(history.log.clone());
        anew.advance_to(&extent.counts, |_| {}).await?;
        assert_eq!(on.hash(), anew.hash());
        let shorter = Extent {
            records: 11,
            counts,
        };
        assert!(again(&shorter).is_none());
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(&file, text.replacen("12", "13", 1))?;
        assert!(again(&extent).is_none());
        std::fs::remove_file(&file)?;
        assert!(again(&extent).is_none());
        Ok(())
    }
}
