use std::sync::Mutex;

use bus::InProcessBus;
use event_log::{Commit, Erase, MemoryLog};
use futures::StreamExt as _;
use futures::stream::select_all;
use projections::Projector;
use schemas::Lane;
use schemas::answers::{Answer, AnswerBody};
use schemas::commands::{Caller, CommandEnvelope};
use schemas::events::systems::SystemRemoved;
use schemas::vault::VaultName;
use tokio::sync::watch;

use super::*;
use crate::world::{BEGINNING, SYSTEM, World, confirmed};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A world with users of two systems, and whoever of them something was kept.
struct Removed {
    world: World,
    bus: Arc<dyn Bus>,
    removal: Removal,
    users: Vec<Owner>,
    _folder: tempfile::TempDir,
}

/// Somebody of another system.
fn other() -> Owner {
    "another-system/one".parse().expect("a valid owner")
}

/// How a house takes the wish to erase.
#[derive(Clone, Copy, Debug)]
enum Mood {
    /// Carries it out.
    Willing,
    /// Does not know of the removal yet.
    Unknowing,
    /// Says nothing.
    Silent,
}

/// What a house was asked.
#[derive(Clone, Debug)]
struct Heard(Arc<Mutex<Vec<CommandEnvelope>>>, watch::Receiver<usize>);

impl Heard {
    fn commands(&self) -> Vec<CommandEnvelope> {
        self.0.lock().expect("no test panicked here").clone()
    }
}

impl Removed {
    async fn with_users(count: usize) -> Result<Self, Box<dyn std::error::Error>> {
        let world = World::new();
        let users: Vec<_> = (0..count)
            .map(|number| World::user(&format!("user-{number}")))
            .collect();
        for user in users.iter().chain([&other()]) {
            world.happen(user, confirmed("t-1", "")).await;
        }
        let system: Owner = SYSTEM.parse()?;
        world.happen(&system, SystemRemoved {}).await;
        let folder = tempfile::tempdir()?;
        let read_address = format!("sqlite:{}", folder.path().join("read.sqlite").display());
        let projector = Projector::open(world.log.clone(), &read_address).await?;
        projector.catch_up().await?;
        let bus: Arc<dyn Bus> = InProcessBus::new();
        let removal = Removal::new(RemovalOptions {
            log: world.log.clone(),
            bus: Arc::clone(&bus),
            root: world.root.clone(),
            clock: world.clock.clone(),
            read_address,
        });
        Ok(Self {
            removal: removal.await?,
            world,
            bus,
            users,
            _folder: folder,
        })
    }

    /// Who of that owner's system is in the vault.
    async fn kept_of(&self, owner: &Owner) -> Vec<Owner> {
        let kept = self.world.log.kept_of(owner.system_id(), None, 1000).await;
        kept.expect("the log is in memory")
    }

    /// A house in that mood.
    async fn house(&self, mood: Mood) -> Result<Heard, Box<dyn std::error::Error>> {
        let mut lanes = Vec::new();
        for lane in Lane::all() {
            lanes.push(self.bus.commands(lane).await?);
        }
        let (told, count) = watch::channel(0);
        let heard = Heard(Arc::default(), count);
        let (log, sealer) = (self.world.log.clone(), Sealer::new(self.world.root.clone()));
        let (mut commands, noted) = (select_all(lanes), Arc::clone(&heard.0));
        tokio::spawn(async move {
            // A command that is dropped unanswered would come again.
            let mut unanswered = Vec::new();
            while let Some(delivery) = commands.next().await {
                let command = sealer.open_command(&delivery.payload).expect("it is ours");
                let owner = command.owner.clone();
                noted.lock().expect("no test panicked here").push(command);
                told.send_modify(|count| *count += 1);
                let code = match mood {
                    Mood::Willing => {
                        erase(&log, &owner).await;
                        ErrorCode::Normal
                    }
                    Mood::Unknowing => ErrorCode::RequestError,
                    Mood::Silent => {
                        unanswered.push(delivery);
                        continue;
                    }
                };
                let answer = Answer {
                    code,
                    position: None,
                    response_key: None,
                    answered_at: BEGINNING,
                    body: AnswerBody::Nothing,
                };
                let answer = sealer.close_answer(&answer).into();
                delivery.handle.answer(answer).await.expect("it is heard");
                delivery.handle.done().await.expect("it is heard");
            }
        });
        Ok(heard)
    }
}

async fn erase(log: &MemoryLog, owner: &Owner) {
    let version = log.load(owner, 0).await.expect("the log is in memory");
    let commit = Commit {
        erase: vec![Erase::Owner],
        ..Commit::of(owner.clone(), version.len() as u64, Vec::new())
    };
    let lane = Lane::of(owner);
    let open = log.open_lane(lane).await.expect("the log is in memory");
    let appended = log.append(lane, open.epoch, &[commit]).await;
    appended.expect("nobody is in the way");
}

#[tokio::test]
async fn whoever_of_a_removed_system_is_in_the_vault_is_erased_and_nobody_else() -> Outcome {
    // More than a portion.
    let removed = Removed::with_users(PORTION + 5).await?;
    let heard = removed.house(Mood::Willing).await?;
    let mut finished = BTreeSet::new();
    removed.removal.look(&mut finished).await?;
    assert_eq!(removed.kept_of(&removed.users[0]).await, []);
    assert_eq!(removed.kept_of(&other()).await, [other()]);
    let commands = heard.commands();
    let asked: BTreeSet<_> = commands.iter().map(|asked| asked.owner.clone()).collect();
    let mut expected: BTreeSet<_> = removed.users.iter().cloned().collect();
    expected.insert(SYSTEM.parse()?);
    assert_eq!(asked, expected);
    assert_eq!(commands.len(), expected.len(), "each once");
    let is_the_house = |asked: &CommandEnvelope| matches!(asked.caller, Caller::House);
    assert!(commands.iter().all(is_the_house));

    // Then there is nothing to ask for, until something is found again.
    assert!(finished.is_empty(), "it is seen at the next look");
    for _ in 0..3 {
        removed.removal.look(&mut finished).await?;
        assert_eq!(finished.len(), 1);
    }
    assert_eq!(heard.commands().len(), expected.len());
    let late = &removed.users[7];
    let name = VaultName::user_name();
    removed.world.keep(late, name, &"late").await;
    finished.clear();
    removed.removal.look(&mut finished).await?;
    assert_eq!(removed.kept_of(late).await, []);
    let commands = heard.commands();
    let [.., again] = &commands[..] else {
        panic!("the user was asked for again")
    };
    assert_eq!(&again.owner, late);
    let before = commands.iter().filter(|asked| asked.owner == *late);
    let names: BTreeSet<_> = before.map(|asked| asked.command_id).collect();
    assert_eq!(
        names.len(),
        2,
        "another wish, or it would be answered as the first"
    );
    Ok(())
}

#[tokio::test]
async fn a_house_that_does_not_know_of_the_removal_yet_is_asked_again() -> Outcome {
    let removed = Removed::with_users(3 * AT_ONCE).await?;
    let heard = removed.house(Mood::Unknowing).await?;
    let mut finished = BTreeSet::new();
    for looks in 1..=2 {
        removed.removal.look(&mut finished).await?;
        assert_eq!(heard.commands().len(), looks * AT_ONCE);
    }
    assert!(finished.is_empty());
    let kept = removed.kept_of(&removed.users[0]).await;
    assert_eq!(kept.len(), removed.users.len() + 1);
    Ok(())
}

#[tokio::test]
async fn few_are_asked_for_at_a_time_and_an_end_waits_for_none_of_them() -> Outcome {
    let removed = Removed::with_users(3 * AT_ONCE).await?;
    let heard = removed.house(Mood::Silent).await?;
    let mut count = heard.1.clone();
    let enough = async { drop(count.wait_for(|count| *count >= AT_ONCE).await) };
    removed.removal.run(enough).await;
    assert_eq!(heard.commands().len(), AT_ONCE);
    Ok(())
}
