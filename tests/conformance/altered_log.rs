//! Whatever is altered in a log that was signed, the gate finds before anything is written: in a file of SQLite and in a
//! real PostgreSQL, row by row, a thousand times.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a failure of the store is a failure of the test"
)]

use std::sync::Arc;

use bus::{InProcessBus, Publication};
use event_log::{Commit, EventLog, LogEvent, NewEvent, PostgresLog, SqliteLog};
use healing::{MendingError, mend};
use notary::{AuditError, Notary, Place, gate};
use schemas::{Lane, Owner, Timestamp};
use sqlx::{ConnectOptions as _, Connection as _};
use tests::postgres::TestPostgres;

const OWNERS: usize = 30;
const EVENTS: u64 = 10;

/// Somebody who can write the tables and has taken the triggers away.
enum Intruder {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Intruder {
    async fn does(&mut self, script: &str) {
        let script = sqlx::AssertSqlSafe(script.to_owned());
        match self {
            Self::Sqlite(connection) => {
                sqlx::raw_sql(script).execute(connection).await.unwrap();
            }
            Self::Postgres(connection) => {
                sqlx::raw_sql(script).execute(connection).await.unwrap();
            }
        }
    }

    /// Takes away the guards that mending has put back.
    async fn disarms(&mut self) {
        if matches!(self, Self::Sqlite(_)) {
            self.does(
                "drop trigger if exists events_are_never_changed;\
                 drop trigger if exists events_are_never_removed;",
            )
            .await;
        }
    }

    /// These bytes, in the store's own spelling.
    fn bytes(&self, bytes: &[u8]) -> String {
        let digits = hex::encode(bytes);
        match self {
            Self::Sqlite(_) => format!("x'{digits}'"),
            Self::Postgres(_) => format!("'\\x{digits}'::bytea"),
        }
    }
}

/// A generator of numbers that look like chance and are the same every time.
pub(crate) struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn owner(number: usize) -> Owner {
    format!("11111111-2222-4333-8444-555555555555/client-{number}")
        .parse()
        .unwrap()
}

/// Lets the same happen to many owners, turn by turn.
async fn happen(log: &dyn EventLog) {
    for version in 0..EVENTS {
        for number in 0..OWNERS {
            let owner = owner(number);
            let event = NewEvent {
                word: "change_user".into(),
                aggregate: "users".into(),
                at: Timestamp(1_795_435_200_000 + version as i64),
                payload: payload(&owner, version + 1).into(),
            };
            let lane = Lane::of(&owner);
            let commit = Commit::of(owner, version, vec![event]);
            let open = log.open_lane(lane).await.unwrap();
            log.append(lane, open.epoch, &[commit]).await.unwrap();
        }
    }
}

fn payload(owner: &Owner, version: u64) -> Vec<u8> {
    use schemas::envelope::RecordedEvent;
    use schemas::events::{Event, users::UserChanged};
    let event = Event::from(UserChanged::default());
    schemas::codec::encode(&RecordedEvent {
        owner: owner.clone(),
        ordinal: version,
        recorded_at: Timestamp(1_795_435_199_999 + version as i64),
        causation_id: schemas::CommandId([version as u8; 32]),
        result: event.result(),
        context: schemas::context::RequestContext::default(),
        event,
    })
}

/// One thing that an intruder does to a log, as SQL.
async fn mutation(dice: &mut Dice, log: &dyn EventLog, intruder: &Intruder) -> String {
    let event = any_event(dice, log).await;
    let other = loop {
        let other = any_event(dice, log).await;
        if other.position != event.position {
            break other;
        }
    };
    let row = |event: &LogEvent| {
        let (lane, number) = (event.position.lane.number(), event.position.number);
        format!("lane = {lane} and pos = {number}")
    };
    let (here, there) = (row(&event), row(&other));
    let set = |what: &str| format!("update events set {what} where {here};");
    let mut altered = event.payload.to_vec();
    match dice.below(11) {
        0..3 => {
            let place = dice.below(altered.len() as u64) as usize;
            altered[place] ^= 1 << dice.below(8);
            set(&format!("payload = {}", intruder.bytes(&altered)))
        }
        3 => {
            altered.pop();
            set(&format!("payload = {}", intruder.bytes(&altered)))
        }
        4 => set("word = 'create_user'"),
        5 => set("at = at + 1"),
        6 => set("aggregate = 'keys'"),
        7 => set("owner = owner || 'x'"),
        8 => set("version = version + 1000"),
        9 => format!("delete from events where {here};"),
        // Two events change places.
        _ if dice.below(2) == 0 => {
            let swapped = intruder.bytes(&other.payload);
            let back = intruder.bytes(&event.payload);
            set(&format!("payload = {swapped}"))
                + &format!("update events set payload = {back} where {there};")
        }
        // The lane loses its end, and says so.
        _ => {
            let (lane, number) = (event.position.lane.number(), event.position.number);
            format!(
                "delete from events where lane = {lane} and pos >= {number};\
                 update lanes set pos = {number} - 1 where lane = {lane};"
            )
        }
    }
}

async fn any_event(dice: &mut Dice, log: &dyn EventLog) -> LogEvent {
    let owner = owner(dice.below(OWNERS as u64) as usize);
    let mut history = log.load(&owner, dice.below(EVENTS)).await.unwrap();
    history.remove(0)
}

fn publication(event: &LogEvent) -> Publication {
    Publication {
        position: event.position,
        system_id: event.owner.system_id().clone(),
        aggregate: event.aggregate.clone(),
        word: event.word.clone(),
        payload: event.payload.clone(),
    }
}

async fn everything(log: &dyn EventLog) -> Vec<LogEvent> {
    let mut events = Vec::new();
    for lane in Lane::all() {
        events.extend(log.read(lane, 1, usize::from(u16::MAX)).await.unwrap());
    }
    events
}

/// So many things are done to the log, one at a time, and each is found.
async fn all_are_found(log: Arc<dyn EventLog>, mut intruder: Intruder, count: usize, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::within(folder.path());
    happen(&*log).await;
    let mut notary = Notary::open(Arc::clone(&log), place.clone(), None, || [5; 32]).unwrap();
    notary.catch_up().await.unwrap();
    assert_eq!(notary.signed().size(), OWNERS as u64 * EVENTS);
    let whole = everything(&*log).await;
    let stream = InProcessBus::new();
    let publications: Vec<Publication> = whole.iter().map(publication).collect();
    stream.publish(&publications).await.unwrap();
    intruder
        .does("create table saved_events as select * from events; create table saved_lanes as select * from lanes;")
        .await;
    let mut dice = Dice(seed);
    for number in 0..count {
        let script = mutation(&mut dice, &*log, &intruder).await;
        intruder.does(&script).await;
        match gate(Arc::clone(&log), &place.folder).await {
            Err(AuditError::Differs { size, .. }) => assert_eq!(size, 300),
            other => panic!("mutation {number} was not found: {script}: {other:?}"),
        }
        // What the stream can mend is as it was; a lane that lost its end is left to a backup.
        let mended = mend(Arc::clone(&log), &*stream, &place.folder, true, |_, _| ()).await;
        match mended {
            Ok(mended) => {
                assert!(!mended.put_back.is_empty(), "{script}");
                assert_eq!(everything(&*log).await, whole, "{script}");
            }
            Err(MendingError::NotFromTheStream(_)) => assert!(script.contains("update lanes")),
            Err(error) => panic!("mutation {number} was not mended: {script}: {error:?}"),
        }
        intruder.disarms().await;
        intruder
            .does(
                "delete from events; insert into events select * from saved_events;\
                 delete from lanes; insert into lanes select * from saved_lanes;",
            )
            .await;
    }
    let passed = gate(log, &place.folder).await.unwrap();
    assert_eq!(passed.map(|checkpoint| checkpoint.size()), Some(300));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_altered_in_a_file_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.sqlite");
    let log = Arc::new(SqliteLog::open(&path).await.unwrap());
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Off);
    let mut intruder = Intruder::Sqlite(options.connect().await.unwrap());
    intruder
        .does("drop trigger events_are_never_changed; drop trigger events_are_never_removed;")
        .await;
    all_are_found(log, intruder, 800, 0x5eed_0001).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_altered_in_postgresql_is_found() {
    let Some(server) = TestPostgres::start() else {
        return;
    };
    let url = server.database();
    let log = Arc::new(PostgresLog::connect(&url).await.unwrap());
    let connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let mut intruder = Intruder::Postgres(connection);
    intruder
        .does("set session_replication_role = replica;")
        .await;
    all_are_found(log, intruder, 200, 0x5eed_0002).await;
}
