//! The role: reads what is new in the log, puts it in order, and has it recorded.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use event_log::{EventLog, Failure, LogEvent, Piece};
use evidence::{Checkpoint, VerifierKey};
use lru::LruCache;
use schemas::{Digest, Lane, Owner, Position};

use crate::leaves::leaf_of;
use crate::ledger::{Ledger, LedgerError, Place};

/// How far apart two looks at the log are kept: half of what may pass between two checkpoints.
const PACE: Duration = Duration::from_millis(500);
/// How long to wait after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Records of a step at most.
const STEP_MAX: u64 = 4096;
/// Histories whose last entry is remembered; of others it is read from the files.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1 << 16).expect("it is not zero");

/// The notary of a log.
#[derive(Debug)]
pub struct Notary {
    log: Arc<dyn EventLog>,
    place: Place,
    /// `None` after a failure, until it is opened again.
    ledger: Option<Ledger>,
    /// The last entry of each history, with its version.
    last: LruCache<Owner, (u64, Digest)>,
    verifier_key: VerifierKey,
    signed: Checkpoint,
    /// Which lane has its turn first, so that none waits for ever.
    turn: usize,
}

/// Why the notary does not go on.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
    /// The log is shorter than the journal: it is another log, or it has lost its end. A person must look.
    #[error(
        "the log is behind the journal: lane {lane} ends at {log}, but the journal has recorded number {recorded}"
    )]
    LogIsBehind {
        /// Which lane.
        lane: Lane,
        /// Number of its last event.
        log: u64,
        /// The number in the journal.
        recorded: u64,
    },
    /// The log has a hole.
    #[error("lane {} of the log lacks number {}", .0.lane, .0.number)]
    Missing(Position),
    /// The journal's files.
    #[error("cannot keep the journal")]
    Ledger(#[from] LedgerError),
    /// The log.
    #[error("cannot read the log")]
    Log(#[from] Failure),
}

impl Notary {
    /// Opens the journal of this log, or begins one. `name` and `seed` are for a new signing key.
    pub fn open(
        log: Arc<dyn EventLog>,
        place: Place,
        name: Option<&str>,
        seed: impl FnOnce() -> [u8; 32],
    ) -> Result<Self, NotaryError> {
        let ledger = Ledger::open(&place, name, seed)?;
        Ok(Self {
            log,
            place,
            last: LruCache::new(REMEMBERED),
            verifier_key: ledger.verifier_key().clone(),
            signed: ledger.signed().clone(),
            ledger: Some(ledger),
            turn: 0,
        })
    }

    /// The key that checks the checkpoints.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.verifier_key
    }

    /// The newest signed checkpoint.
    pub fn signed(&self) -> &Checkpoint {
        &self.signed
    }

    /// Follows the log until `shutdown` comes. It returns an error only when a person must look.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), NotaryError> {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let pause = match self.catch_up().await {
                Ok(()) => PACE,
                Err(error @ (NotaryError::LogIsBehind { .. } | NotaryError::Missing(_))) => {
                    return Err(error);
                }
                Err(error) => {
                    metrics::counter!("notary_failures_total").increment(1);
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "the journal does not grow; trying again");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Records what the log had when this was called.
    pub async fn catch_up(&mut self) -> Result<(), NotaryError> {
        if self.ledger.is_none() {
            self.reopen()?;
        }
        loop {
            let events = match self.decided().await? {
                decided if decided.is_empty() => self.undecided().await?,
                decided => decided,
            };
            if events.is_empty() {
                return Ok(());
            }
            self.record(events).await?;
        }
    }

    fn reopen(&mut self) -> Result<(), LedgerError> {
        let ledger = Ledger::open(&self.place, None, || unreachable!("there was a key before"))?;
        self.signed = ledger.signed().clone();
        // What was remembered may not have been recorded.
        self.last.clear();
        self.ledger = Some(ledger);
        Ok(())
    }

    fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().expect("it was opened before the step")
    }

    /// Events whose place was decided before an interruption, in their order.
    async fn decided(&self) -> Result<Vec<LogEvent>, NotaryError> {
        let pending = self.ledger().pending(STEP_MAX)?;
        if pending.is_empty() {
            return Ok(Vec::new());
        }
        let mut pieces: HashMap<Lane, Piece> = HashMap::new();
        for Position { lane, number } in &pending {
            let piece = Piece {
                lane: *lane,
                first: *number,
                last: *number,
            };
            pieces.entry(*lane).or_insert(piece).last = *number;
        }
        let pieces: Vec<Piece> = pieces.into_values().collect();
        let found = self.log.read_pieces(&pieces).await?;
        let mut found: HashMap<Position, LogEvent> = found
            .into_iter()
            .map(|event| (event.position, event))
            .collect();
        let mut event = |position| {
            found
                .remove(&position)
                .ok_or(NotaryError::Missing(position))
        };
        pending.into_iter().map(&mut event).collect()
    }

    /// The next events that have no place yet, in the order they get.
    async fn undecided(&mut self) -> Result<Vec<LogEvent>, NotaryError> {
        let heads = self.log.heads().await?;
        let recorded = self.ledger().order().counts();
        let (mut pieces, mut room) = (Vec::new(), STEP_MAX);
        let lanes = Lane::all().cycle().skip(self.turn).take(Lane::COUNT.into());
        let (mut behind, mut turn) = (0, self.turn);
        for lane in lanes {
            let index = usize::from(lane.number());
            let (log, recorded) = (heads.get(index).copied().unwrap_or(0), recorded[index]);
            if log < recorded {
                return Err(NotaryError::LogIsBehind {
                    lane,
                    log,
                    recorded,
                });
            }
            behind += log - recorded;
            let count = (log - recorded).min(room);
            if count > 0 {
                room -= count;
                turn = index + 1;
                pieces.push(Piece {
                    lane,
                    first: recorded + 1,
                    last: recorded + count,
                });
            }
        }
        metrics::gauge!("notary_lag_events").set(behind as f64);
        self.turn = turn;
        if pieces.is_empty() {
            return Ok(Vec::new());
        }
        let events = self.log.read_pieces(&pieces).await?;
        complete(&pieces, &events)?;
        Ok(merge(events))
    }

    async fn record(&mut self, events: Vec<LogEvent>) -> Result<(), NotaryError> {
        let mut records = Vec::with_capacity(events.len());
        for event in events {
            let prev = match event.version {
                1 => None,
                version => Some(self.entry_before(&event.owner, version).await?),
            };
            let entry = leaf_of(&event, prev).entry();
            self.last.put(event.owner, (event.version, entry));
            records.push((event.position, entry));
        }
        let mut ledger = self.ledger.take().expect("it was opened before the step");
        let step = tokio::task::spawn_blocking(move || {
            let recorded = ledger.record(&records);
            (ledger, recorded)
        });
        let (ledger, recorded) = step.await.expect("recording does not panic");
        // After a failure the files say more than the memory: they are read again.
        recorded?;
        self.signed = ledger.signed().clone();
        self.ledger = Some(ledger);
        metrics::gauge!("notary_checkpoint_size").set(self.signed.size() as f64);
        Ok(())
    }

    /// The entry of the event before that version.
    async fn entry_before(&mut self, owner: &Owner, version: u64) -> Result<Digest, NotaryError> {
        if let Some((last, entry)) = self.last.get(owner)
            && *last + 1 == version
        {
            return Ok(*entry);
        }
        let before = self.log.load(owner, version - 2).await?;
        let before = before.first().map(|event| event.position);
        let before = before.unwrap_or(Position {
            lane: Lane::of(owner),
            number: 0,
        });
        let record = self
            .ledger()
            .order()
            .record_of(before)
            .map_err(LedgerError::from)?;
        let record = record.ok_or(NotaryError::Missing(before))?;
        let entry = self.ledger().entry(record)?;
        entry.ok_or(NotaryError::Missing(before))
    }
}

/// Fails when a piece came with a hole.
fn complete(pieces: &[Piece], events: &[LogEvent]) -> Result<(), NotaryError> {
    let mut next: HashMap<Lane, u64> = pieces
        .iter()
        .map(|piece| (piece.lane, piece.first))
        .collect();
    for event in events {
        let Position { lane, number } = event.position;
        let next = next.entry(lane).or_default();
        if number != *next {
            return Err(NotaryError::Missing(Position {
                lane,
                number: *next,
            }));
        }
        *next += 1;
    }
    match pieces
        .iter()
        .find(|piece| next[&piece.lane] != piece.last + 1)
    {
        Some(Piece { lane, .. }) => Err(NotaryError::Missing(Position {
            lane: *lane,
            number: next[lane],
        })),
        None => Ok(()),
    }
}

/// One order over pieces of several lanes: by time as far as the order within each lane permits, and of one time the
/// lower lane first.
fn merge(events: Vec<LogEvent>) -> Vec<LogEvent> {
    let mut lanes: Vec<VecDeque<LogEvent>> = vec![VecDeque::new(); Lane::COUNT.into()];
    for event in events {
        lanes[usize::from(event.position.lane.number())].push_back(event);
    }
    let mut keyed = Vec::new();
    for (number, lane) in lanes.into_iter().enumerate() {
        let mut latest = i64::MIN;
        for event in lane {
            latest = latest.max(event.at.0);
            keyed.push(((latest, number), event));
        }
    }
    // Stable: what is equal stays in the order of its lane.
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, event)| event).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use event_log::{Commit, MemoryLog, NewEvent};
    use evidence::{Leaf, Tree};
    use schemas::Timestamp;
    use schemas::context::RequestContext;

    use super::*;
    use crate::leaves::tests::payload;

    pub(crate) fn owner(number: usize) -> Owner {
        format!("11111111-2222-4333-8444-555555555555/client-{number}")
            .parse()
            .unwrap()
    }

    /// Lets so many events happen to an owner.
    pub(crate) async fn happen(log: &MemoryLog, owner: &Owner, count: u64, at: i64) {
        let lane = Lane::of(owner);
        let version = log.load(owner, 0).await.unwrap().len() as u64;
        let event = |version| NewEvent {
            word: "change_user".to_owned(),
            aggregate: "users".to_owned(),
            at: Timestamp(at),
            payload: payload(owner, version, RequestContext::default()),
        };
        let commit = Commit {
            owner: owner.clone(),
            expected_version: version,
            events: (version + 1..=version + count).map(event).collect(),
            command: None,
            vault: Vec::new(),
            erase: Vec::new(),
            timers: Vec::new(),
            cancelled_timers: Vec::new(),
            claims: Vec::new(),
            counts: Vec::new(),
        };
        let open = log.open_lane(lane).await.unwrap();
        log.append(lane, open.epoch, &[commit]).await.unwrap();
    }

    /// The root that the order and the log lead to, computed from the beginning.
    async fn recomputed(log: &MemoryLog, ledger: &Ledger) -> (u64, Digest) {
        let size = ledger.signed().size();
        let (mut tree, mut last) = (Tree::default(), HashMap::<Owner, Leaf>::new());
        for position in ledger.order().positions(0, size).unwrap() {
            let found = log.read(position.lane, position.number, 1).await.unwrap();
            let prev = last.get(&found[0].owner);
            assert_eq!(prev.map_or(0, |leaf| leaf.version) + 1, found[0].version);
            let leaf = leaf_of(&found[0], prev.map(Leaf::entry));
            tree.push(leaf.entry().as_bytes());
            last.insert(leaf.owner.clone(), leaf);
        }
        (size, tree.root())
    }

    /// The notary of this log, in this folder.
    pub(crate) fn open(
        log: &Arc<MemoryLog>,
        folder: &tempfile::TempDir,
    ) -> Result<Notary, NotaryError> {
        let place = Place::within(folder.path());
        Notary::open(Arc::clone(log) as _, place, Some("test"), || [5; 32])
    }

    #[tokio::test]
    async fn every_event_gets_one_place_and_the_tree_follows_from_them() {
        let (folder, log) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::new()));
        let mut notary = open(&log, &folder).unwrap();
        notary.catch_up().await.unwrap();
        assert_eq!(notary.signed().size(), 0);
        for round in 0..4 {
            for number in 0..20 {
                happen(&log, &owner(number), 3 + round, 1000 - number as i64).await;
            }
            notary.catch_up().await.unwrap();
            let total: u64 = log.heads().await.unwrap().iter().sum();
            let signed = (notary.signed().size(), *notary.signed().root());
            assert_eq!(signed.0, total);
            assert_eq!(signed, recomputed(&log, notary.ledger()).await);
            if round == 1 {
                // What was remembered of the histories is read from the files after a restart.
                drop(notary);
                notary = open(&log, &folder).unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_long_lane_does_not_keep_the_others_away() {
        let (folder, log) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::new()));
        for number in 0..3 {
            happen(&log, &owner(number), STEP_MAX + 5, 7).await;
        }
        let mut notary = open(&log, &folder).unwrap();
        let first = notary.undecided().await.unwrap();
        let second = notary.undecided().await.unwrap();
        assert_eq!(
            (first.len() as u64, second.len() as u64),
            (STEP_MAX, STEP_MAX)
        );
        assert_ne!(first[0].position.lane, second[0].position.lane);
        notary.catch_up().await.unwrap();
        assert_eq!(notary.signed().size(), 3 * (STEP_MAX + 5));
        let recomputed = recomputed(&log, notary.ledger()).await;
        assert_eq!(recomputed.1, *notary.signed().root());
    }

    #[tokio::test]
    async fn a_failed_step_is_done_again_in_the_order_it_had() {
        let (folder, log) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::new()));
        let mut notary = open(&log, &folder).unwrap();
        for number in 0..9 {
            happen(&log, &owner(number), 2, 5).await;
        }
        // The order is written and the tiles are not.
        let tiles = folder.path().join("evidence/tile");
        std::fs::write(&tiles, "in the way").unwrap();
        assert!(notary.catch_up().await.is_err());
        std::fs::remove_file(&tiles).unwrap();
        // What comes in between with an earlier time has its place after them.
        happen(&log, &owner(100), 1, 1).await;
        notary.catch_up().await.unwrap();
        assert_eq!(notary.signed().size(), 19);
        let order = notary.ledger().order().positions(18, 19).unwrap();
        assert_eq!(order[0].lane, Lane::of(&owner(100)));
        let recomputed = recomputed(&log, notary.ledger()).await;
        assert_eq!(recomputed.1, *notary.signed().root());
    }

    #[tokio::test]
    async fn a_log_shorter_than_the_journal_stops_the_notary() {
        let (folder, log) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::new()));
        happen(&log, &owner(1), 3, 5).await;
        open(&log, &folder).unwrap().catch_up().await.unwrap();
        let other = Arc::new(MemoryLog::new());
        happen(&other, &owner(1), 2, 5).await;
        let stopped = open(&other, &folder)
            .unwrap()
            .run(std::future::pending())
            .await;
        match stopped {
            Err(NotaryError::LogIsBehind {
                lane,
                log: 2,
                recorded: 3,
            }) => {
                assert_eq!(lane, Lane::of(&owner(1)));
            }
            other => panic!("a shorter log must stop it, not {other:?}"),
        }
    }

    #[tokio::test]
    async fn a_running_notary_follows_the_log_and_ends_when_told_to() {
        let (folder, log) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::new()));
        let notary = open(&log, &folder).unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(notary.run(async { drop(stopped.await) }));
        happen(&log, &owner(1), 3, 5).await;
        let path = folder.path().join("evidence/checkpoint");
        let signed = async {
            loop {
                let note = std::fs::read_to_string(&path).unwrap();
                if note.lines().nth(1) == Some("3") {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), signed)
            .await
            .unwrap();
        stop.send(()).unwrap();
        running.await.unwrap().unwrap();
    }

    #[test]
    fn the_order_is_that_of_time_within_what_the_lanes_permit() {
        let event = |lane: u8, number, at| LogEvent {
            position: Position {
                lane: Lane::new(lane).unwrap(),
                number,
            },
            owner: owner(1),
            version: 1,
            word: String::new(),
            aggregate: String::new(),
            at: Timestamp(at),
            payload: Vec::new(),
        };
        let merged = merge(vec![
            event(2, 1, 50),
            event(2, 2, 10),
            event(0, 1, 20),
            event(0, 2, 50),
            event(1, 1, 50),
        ]);
        let order: Vec<String> = merged
            .iter()
            .map(|event| event.position.to_string())
            .collect();
        assert_eq!(order, ["0-1", "0-2", "1-1", "2-1", "2-2"]);
    }
}
