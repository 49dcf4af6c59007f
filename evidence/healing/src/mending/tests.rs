use bus::{InProcessBus, Publication};
use event_log::{Commit, MemoryLog, NewEvent};
use notary::{Notary, Place};
use schemas::context::RequestContext;
use schemas::envelope::RecordedEvent;
use schemas::events::{Event, users::UserChanged};
use schemas::{CommandId, Lane, Owner, Timestamp, codec};

use super::*;

/// A log of five events of one person, the folder in which they are signed, and the stream that has them.
struct Scene {
    log: Arc<MemoryLog>,
    bus: Arc<dyn Bus>,
    folder: tempfile::TempDir,
    whole: Vec<LogEvent>,
}

fn owner() -> Owner {
    let owner = "11111111-2222-4333-8444-555555555555/client-1".parse();
    owner.expect("a valid owner")
}

fn payload(version: u64) -> Vec<u8> {
    let event = Event::from(UserChanged::default());
    codec::encode(&RecordedEvent {
        owner: owner(),
        ordinal: version,
        recorded_at: Timestamp(1),
        causation_id: CommandId([version as u8; 32]),
        result: event.result(),
        context: RequestContext::default(),
        event,
    })
}

impl Scene {
    async fn open(published: usize) -> Self {
        let (log, owner) = (Arc::new(MemoryLog::new()), owner());
        let lane = Lane::of(&owner);
        let event = |version| NewEvent {
            word: "change_user".into(),
            aggregate: "users".into(),
            at: Timestamp(1),
            payload: payload(version).into(),
        };
        let commit = Commit::of(owner, 0, (1..=5).map(event).collect());
        let open = log.open_lane(lane).await.unwrap();
        log.append(lane, open.epoch, &[commit]).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let place = Place::within(folder.path());
        let notary = Notary::open(log.clone(), place, None, || [5; 32]);
        notary.unwrap().catch_up().await.unwrap();
        let whole = log.read(lane, 1, 9).await.unwrap();
        let bus = InProcessBus::new();
        let publications: Vec<_> = whole[..published].iter().map(publication).collect();
        bus.publish(&publications).await.unwrap();
        Self {
            log,
            bus,
            folder,
            whole,
        }
    }

    async fn alter(&self, place: usize) -> LogEvent {
        let altered = LogEvent {
            payload: payload(9).into(),
            ..self.whole[place].clone()
        };
        self.log.restore(&altered).await.unwrap();
        altered
    }

    async fn mend(&self, writes: bool) -> Result<Mended, MendingError> {
        let folder = Place::within(self.folder.path()).folder;
        mend(self.log.clone(), &*self.bus, &folder, writes, |_, _| ()).await
    }

    async fn found(&self) -> Vec<LogEvent> {
        let lane = Lane::of(&owner());
        self.log.read(lane, 1, 9).await.unwrap()
    }
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

#[tokio::test]
async fn what_was_altered_is_put_back_and_nothing_else() {
    let scene = Scene::open(5).await;
    let untouched = scene.mend(true).await.unwrap();
    assert_eq!((untouched.records, untouched.put_back), (5, Vec::new()));
    for place in [1, 3] {
        scene.alter(place).await;
    }
    let before = scene.found().await;
    let seen = scene.mend(false).await.unwrap();
    assert_eq!(seen.put_back, [scene.whole[1].position]);
    assert_eq!(scene.found().await, before, "it was a question");
    let mended = scene.mend(true).await.unwrap();
    assert_eq!(
        mended.put_back,
        [1, 3].map(|place: usize| scene.whole[place].position)
    );
    assert_eq!(scene.found().await, scene.whole);
}

#[tokio::test]
async fn what_the_stream_has_otherwise_too_is_not_written() {
    let scene = Scene::open(1).await;
    let altered = scene.alter(1).await;
    // Whoever altered the row altered its copy as well.
    let forged = [publication(&altered)];
    scene.bus.publish(&forged).await.unwrap();
    let before = scene.found().await;
    let refused = scene.mend(true).await;
    assert!(
        matches!(refused, Err(MendingError::NotTheRecorded(_))),
        "{refused:?}"
    );
    assert_eq!(scene.found().await, before);
}

#[tokio::test(start_paused = true)]
async fn what_the_stream_does_not_have_is_not_invented() {
    let scene = Scene::open(1).await;
    scene.alter(3).await;
    let before = scene.found().await;
    let refused = scene.mend(true).await;
    assert!(
        matches!(refused, Err(MendingError::NotInTheStream(_))),
        "{refused:?}"
    );
    assert_eq!(scene.found().await, before);
}

#[tokio::test]
async fn without_a_signature_nobody_knows_what_was() {
    let scene = Scene::open(5).await;
    scene.alter(1).await;
    let nowhere = tempfile::tempdir().unwrap();
    let mended = mend(
        scene.log.clone(),
        &*scene.bus,
        nowhere.path(),
        true,
        |_, _| (),
    );
    assert!(matches!(mended.await, Err(MendingError::NothingSigned)));
}
