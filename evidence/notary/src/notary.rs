//! The role: reads what is new in the log, puts it in order, and has it recorded.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use event_log::{EventLog, Failure, LogEvent, Piece};
use evidence::tile::TILE_WIDTH;
use evidence::{Checkpoint, Extent, StateLine, VerifierKey};
use lru::LruCache;
use schemas::{Digest, Lane, Owner, Position};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::leaves::leaf_of;
use crate::ledger::{Ledger, LedgerError, Place};

/// How far apart two looks at the log begin: a checkpoint is signed every second while events come.
const PACE: Duration = Duration::from_millis(900);
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
    /// How far the signed records go, for whoever follows them.
    extent: watch::Sender<Extent>,
    /// What the next checkpoint says of the state, from whoever computes it.
    state: watch::Receiver<Option<StateLine>>,
    /// Which lane has its turn first, so that none waits for ever.
    turn: usize,
}

/// What becomes of the last events, fewer than fill a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    /// They are recorded.
    Recorded,
    /// They are recorded in the next round, unless it finds too few others as well: a tile that is not full is a file that is
    /// written again with the next checkpoint, and then removed.
    Waits,
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
        let records = ledger.signed().size();
        let counts = ledger.order().counts_after(records);
        let counts = counts.map_err(LedgerError::from)?.unwrap_or_default();
        Ok(Self {
            extent: watch::Sender::new(Extent { records, counts }),
            state: watch::channel(None).1,
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

    /// The same notary, whose checkpoints say the newest state that came through here.
    #[must_use]
    pub fn with_state(mut self, state: watch::Receiver<Option<StateLine>>) -> Self {
        self.state = state;
        self
    }

    /// How far the signed records go, now and later.
    pub fn extent(&self) -> watch::Receiver<Extent> {
        self.extent.subscribe()
    }

    /// The newest signed checkpoint.
    pub fn signed(&self) -> &Checkpoint {
        &self.signed
    }

    /// Follows the log until `shutdown` comes. It returns an error only when a person must look.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), NotaryError> {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let begin = Instant::now();
            let next = match self.advance(Tail::Waits).await {
                Ok(()) => begin + PACE,
                Err(error @ (NotaryError::LogIsBehind { .. } | NotaryError::Missing(_))) => {
                    return Err(error);
                }
                Err(error) => {
                    metrics::counter!("notary_failures_total").increment(1);
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "the journal does not grow; trying again");
                    Instant::now() + AFTER_FAILURE
                }
            };
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// Records what the log has.
    pub async fn catch_up(&mut self) -> Result<(), NotaryError> {
        self.advance(Tail::Recorded).await
    }

    async fn advance(&mut self, tail: Tail) -> Result<(), NotaryError> {
        if self.ledger.is_none() {
            self.reopen()?;
        }
        let mut has_recorded = false;
        loop {
            let mut events = match self.decided().await? {
                decided if decided.is_empty() => self.undecided().await?,
                decided => decided,
            };
            if tail == Tail::Waits {
                events.truncate(up_to_a_full_tile(
                    self.signed.size(),
                    events.len(),
                    has_recorded,
                ));
            }
            if events.is_empty() {
                return Ok(());
            }
            self.record(events).await?;
            has_recorded = true;
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
        let state = *self.state.borrow();
        let step = tokio::task::spawn_blocking(move || {
            let recorded = ledger.record(&records, state);
            (ledger, recorded)
        });
        let (ledger, recorded) = step.await.expect("recording does not panic");
        // After a failure the files say more than the memory: they are read again.
        recorded?;
        self.signed = ledger.signed().clone();
        let records = self.signed.size();
        let counts = ledger.order().counts_after(records);
        self.ledger = Some(ledger);
        if let Some(counts) = counts.map_err(LedgerError::from)? {
            self.extent.send_replace(Extent { records, counts });
        }
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

/// How many of so many events are recorded now, after the first `size`: those up to the last tile that they fill. When they
/// fill none, all, unless others were recorded just before.
fn up_to_a_full_tile(size: u64, events: usize, has_recorded: bool) -> usize {
    let over = (size as usize + events) % TILE_WIDTH as usize;
    match events.checked_sub(over) {
        Some(full) if full > 0 => full,
        _ if has_recorded => 0,
        _ => events,
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
    let mut latest = [i64::MIN; Lane::COUNT as usize];
    let keyed = events.into_iter().map(|event| {
        let lane = usize::from(event.position.lane.number());
        latest[lane] = latest[lane].max(event.at.0);
        ((latest[lane], lane), event)
    });
    let mut keyed: Vec<_> = keyed.collect();
    // Stable: what is equal stays in the order of its lane.
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, event)| event).collect()
}

#[cfg(test)]
pub(crate) mod tests;
