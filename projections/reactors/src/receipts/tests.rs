use bus::shell::Clock as _;
use bus::{Bus, InProcessBus, Sealer};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use projections::store::Durability;
use schemas::ErrorCode;
use schemas::answers::{Answer as HouseAnswer, AnswerBody};
use schemas::commands::users::UserCommand;
use schemas::commands::{Command, CommandEnvelope};

use std::sync::Arc;

use super::*;
use crate::bank::{Answer, Bank};
use crate::letters::Letters;
use crate::schedule::WAITS_MS;
use crate::world::{World, confirmed};

type Outcome = Result<(), Box<dyn std::error::Error>>;

async fn teller(world: &World, bus: &Arc<dyn Bus>) -> Result<Teller, StoreError> {
    let store = Store::open(&world.outbox(), Durability::Lasting).await?;
    let sealer = Sealer::new(world.root.clone());
    let house = HouseCommands::new(bus.clone(), sealer, world.clock.clone());
    Ok(Teller::new(store, house))
}

/// Hears the next command, and answers it, or says something that nobody understands.
async fn hear_next(
    world: &World,
    commands: &mut BoxStream<'static, bus::Delivery>,
    is_understood: bool,
) -> Result<CommandEnvelope, Box<dyn std::error::Error>> {
    let sealer = Sealer::new(world.root.clone());
    let delivery = commands.next().await.ok_or("a command was expected")?;
    let command = sealer.open_command(&delivery.payload)?;
    let answer = HouseAnswer {
        code: ErrorCode::Normal,
        position: None,
        response_key: None,
        answered_at: Timestamp(0),
        body: AnswerBody::Nothing,
    };
    let answer = if is_understood {
        sealer.close_answer(&answer)
    } else {
        b"?".to_vec()
    };
    delivery.handle.answer(answer.into()).await?;
    delivery.handle.done().await?;
    Ok(command)
}

fn receipts(command: &CommandEnvelope) -> Vec<Receipt> {
    match &command.command {
        Command::Users(UserCommand::NoteReceipts(note)) => note.receipts.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_end_is_told_and_what_was_not_heard_is_told_again_as_the_same() -> Outcome {
    let (world, bank, bus) = (World::new(), Bank::open().await, InProcessBus::new());
    let reactor = world.reactor().await?;
    let teller = teller(&world, &bus).await?;
    let one = World::user("one");
    bank.will_answer([Answer::Body(201, "thanks".to_owned())]);
    world.happen(&one, confirmed("t-1", &bank.url)).await;
    // A post of the journal is no news for the journal.
    world
        .happen_posted(&one, confirmed("t-2", ""), Some(&bank.url))
        .await;
    reactor.deliver_due_now().await?;

    let mut commands = bus.commands(Lane::of(&one)).await?;
    let (told, heard) = tokio::join!(teller.tell(), hear_next(&world, &mut commands, false));
    told?;
    let (told, again) = tokio::join!(teller.tell(), hear_next(&world, &mut commands, true));
    told?;
    let (heard, again) = (heard?, again?);
    assert_eq!(heard.command_id, again.command_id);
    assert_eq!(heard.command, again.command);
    let left = Store::open(&world.outbox(), Durability::Lasting).await?;
    let left = left.fetch("select id from receipt", Vec::new()).await?;
    assert_eq!(left, Vec::<Vec<Value>>::new());
    let [receipt] = &receipts(&again)[..] else {
        panic!("one receipt was expected")
    };
    assert_eq!(receipt.letter_id, bank.letters()[0].id());
    assert_eq!(receipt.outcome, ReceiptOutcome::Taken);
    assert_eq!((receipt.status, receipt.attempts), (Some(201), 1));
    assert_eq!(receipt.answer, Some(Digest::sha256(b"thanks")));
    assert_eq!(
        (receipt.kind.as_str(), receipt.position.number),
        ("callback", 1)
    );
    Ok(())
}

#[tokio::test]
async fn what_is_put_aside_and_given_up_is_told() -> Outcome {
    let (world, bank, bus) = (World::new(), Bank::open().await, InProcessBus::new());
    let reactor = world.reactor().await?;
    let teller = teller(&world, &bus).await?;
    let one = World::user("one");
    bank.answers(400);
    world.happen(&one, confirmed("t-1", &bank.url)).await;
    world.happen(&one, confirmed("t-2", "nowhere")).await;
    for wait in WAITS_MS {
        world.clock.advance_ms(wait * 11 / 10);
        reactor.deliver_due_now().await?;
    }
    let mut commands = bus.commands(Lane::of(&one)).await?;
    // They ended in two transactions, and are told in one command.
    let (told, heard) = tokio::join!(teller.tell(), hear_next(&world, &mut commands, true));
    told?;
    let mut told = receipts(&heard?);
    assert_eq!(told.len(), 2);
    let letters = Letters::open(&world.outbox()).await?;
    for letter in letters.parked(10).await? {
        assert!(letters.forget(&letter.id, world.clock.now()).await?);
        let (_, heard) = tokio::join!(teller.tell(), hear_next(&world, &mut commands, true));
        told.extend(receipts(&heard?));
    }
    let mut told: Vec<_> = told
        .iter()
        .map(|receipt| (receipt.outcome.word(), receipt.status, receipt.attempts))
        .collect();
    told.sort_unstable();
    let expected = [
        ("dropped", None, 0),
        ("dropped", Some(400), 10),
        ("put_aside", None, 0),
        ("put_aside", Some(400), 10),
    ];
    assert_eq!(told, expected);
    Ok(())
}

#[tokio::test]
async fn nothing_joins_a_batch_that_is_being_told() -> Outcome {
    let (world, bank, bus) = (World::new(), Bank::open().await, InProcessBus::new());
    let reactor = world.reactor().await?;
    let teller = teller(&world, &bus).await?;
    // Two people of different lanes; what became of the first one's letter is heard, the other one's is not.
    let one = World::user("one");
    let other = (0..100)
        .map(|number| World::user(&format!("other-{number}")))
        .find(|other| Lane::of(other) != Lane::of(&one))
        .ok_or("there are many lanes")?;
    world.happen(&other, confirmed("t-1", &bank.url)).await;
    world.happen(&one, confirmed("t-2", &bank.url)).await;
    reactor.deliver_due_now().await?;
    let mut of_one = bus.commands(Lane::of(&one)).await?;
    let mut of_other = bus.commands(Lane::of(&other)).await?;
    let (told, heard, unheard) = tokio::join!(
        teller.tell(),
        hear_next(&world, &mut of_one, true),
        hear_next(&world, &mut of_other, false)
    );
    told?;
    assert_eq!(receipts(&heard?).len(), 1);
    let unheard = unheard?;
    // Meanwhile both have another letter.
    for (owner, id) in [(&other, "t-3"), (&one, "t-4")] {
        world.happen(owner, confirmed(id, &bank.url)).await;
    }
    reactor.deliver_due_now().await?;
    let (told, again) = tokio::join!(teller.tell(), hear_next(&world, &mut of_other, true));
    told?;
    let again = again?;
    assert_eq!(again.command_id, unheard.command_id);
    assert_eq!(again.command, unheard.command);
    let (told, of_one, of_other) = tokio::join!(
        teller.tell(),
        hear_next(&world, &mut of_one, true),
        hear_next(&world, &mut of_other, true)
    );
    told?;
    assert_eq!(
        (receipts(&of_one?).len(), receipts(&of_other?).len()),
        (1, 1)
    );
    Ok(())
}
