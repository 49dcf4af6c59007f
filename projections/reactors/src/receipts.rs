//! What became of letters, until the log has heard of it.
//!
//! Receipts are written in the transaction that ends their letters. Those of one transaction are a batch, and those of one
//! owner in it one command: its identity follows from both, so a batch that is told again after a crash is noted once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use projections::store::{Given, Store, StoreError, Transaction, Value, WrongShape};
use schemas::commands::users::{NoteReceipts, Receipt, ReceiptOutcome};
use schemas::{Digest, Lane, Owner, Position, Timestamp};

use crate::noting::{Noting, Unheard};

/// Most batches that are told at once.
const BATCHES_MAX: i64 = 16;

/// How long receipts wait for others to be told with, and how long the teller waits when nobody hears it.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The end of a letter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended<'a> {
    pub id: &'a str,
    pub outcome: ReceiptOutcome,
    pub answer: Option<Digest>,
}

impl<'a> Ended<'a> {
    /// Nobody is asked any more, for now.
    pub fn put_aside(id: &'a str) -> Self {
        Self {
            id,
            outcome: ReceiptOutcome::PutAside,
            answer: None,
        }
    }
}

const ENDED: [&str; 5] = ["batch", "ended_id", "outcome", "answer", "ended_at"];

/// Only of letters whose end somebody hears of.
const WRITE: &str = "insert into receipt (batch, id, owner, kind, lane, number, outcome, status, answer, attempts, at) \
    select given.batch, given.ended_id, letter_owner.owner, delivery.kind, delivery.lane, delivery.number, \
    given.outcome, delivery.last_status, given.answer, delivery.attempt, given.ended_at from {given} \
    join letter_owner on letter_owner.id = given.ended_id join delivery on delivery.id = given.ended_id \
    where true on conflict do nothing";

/// Notes whose history hears what becomes of letters.
pub(crate) async fn note_owners<'a>(
    transaction: &mut Transaction,
    letters: impl Iterator<Item = (&'a str, &'a Owner)>,
) -> Result<(), StoreError> {
    let rows = letters.map(|(id, owner)| vec![id.into(), owner.to_string().into()]);
    let given = Given::new(&["letter", "its_owner"], rows.collect());
    let sql = "insert into letter_owner (id, owner) select letter, its_owner from {given} where true on conflict do nothing";
    transaction.execute_on(given, sql).await.map(drop)
}

/// Writes receipts. Their letters are still there, and how often they were tried is already written.
pub(crate) async fn write(
    transaction: &mut Transaction,
    ended: &[Ended<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut parts: Vec<&[u8]> = vec![b"receipts"];
    let when = now.0.to_be_bytes();
    parts.push(&when);
    parts.extend(ended.iter().map(|ended| ended.id.as_bytes()));
    let batch = hex::encode(&Digest::of(&parts).0[..16]);
    let rows = ended.iter().map(|ended| {
        vec![
            batch.as_str().into(),
            ended.id.into(),
            ended.outcome.word().into(),
            ended.answer.map(|answer| answer.to_string()).into(),
            now.0.into(),
        ]
    });
    let given = Given::new(&ENDED, rows.collect());
    transaction.execute_on(given, WRITE).await.map(drop)
}

/// Forgets whose letters those were that are forgotten.
pub(crate) async fn forget_owners(transaction: &mut Transaction) -> Result<(), StoreError> {
    let sql = "delete from letter_owner where not exists (select 1 from delivery where delivery.id = letter_owner.id)";
    transaction.execute(sql, Vec::new()).await.map(drop)
}

/// Tells the log.
#[derive(Debug)]
pub(crate) struct Teller {
    store: Store,
    noting: Arc<Noting>,
}

/// The receipts of one owner in one batch.
type Told = BTreeMap<(String, Owner), Vec<Receipt>>;

impl Teller {
    pub fn new(store: Store, noting: Arc<Noting>) -> Self {
        Self { store, noting }
    }

    /// Tells for ever.
    pub async fn run(&self) -> std::convert::Infallible {
        loop {
            match self.tell().await {
                Ok(true) => {}
                Ok(false) => tokio::time::sleep(TELL_EVERY).await,
                Err(error) => {
                    report(&error);
                    tokio::time::sleep(TELL_EVERY).await;
                }
            }
        }
    }

    /// Tells the oldest ones; whether there may be more that can be told now.
    pub(crate) async fn tell(&self) -> Result<bool, StoreError> {
        let mut heard = Vec::new();
        let told = self.oldest().await?;
        let commands = told
            .into_iter()
            .map(|((batch, owner), receipts)| async move {
                let identity = format!("{batch}/{owner}");
                let command = NoteReceipts { receipts };
                let noted = self.noting.note(&owner, &identity, command).await;
                noted.map(|()| (batch, owner))
            });
        for noted in futures::future::join_all(commands).await {
            match noted {
                Ok((batch, owner)) => heard.push(vec![batch.into(), owner.to_string().into()]),
                Err(Unheard) => return self.forget(heard).await.map(|()| false),
            }
        }
        let any = !heard.is_empty();
        self.forget(heard).await?;
        Ok(any)
    }

    async fn oldest(&self) -> Result<Told, StoreError> {
        let sql = "select batch, owner, id, kind, lane, number, outcome, status, answer, attempts, at from receipt \
                   where batch in (select batch from receipt group by batch order by min(at), batch limit $1) \
                   order by batch, owner, number, id";
        let rows = self.store.fetch(sql, vec![BATCHES_MAX.into()]).await?;
        let mut told = Told::new();
        for row in rows {
            let (batch, owner, receipt) = read(row)?;
            told.entry((batch, owner)).or_default().push(receipt);
        }
        Ok(told)
    }

    async fn forget(&self, heard: Vec<Vec<Value>>) -> Result<(), StoreError> {
        if heard.is_empty() {
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        let given = Given::new(&["heard_batch", "heard_owner"], heard);
        let sql = "delete from receipt where exists (select 1 from {given} \
                   where receipt.batch = given.heard_batch and receipt.owner = given.heard_owner)";
        transaction.execute_on(given, sql).await?;
        transaction.commit().await
    }
}

fn report(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "receipts cannot be told; trying again");
}

fn read(row: Vec<Value>) -> Result<(String, Owner, Receipt), WrongShape> {
    let row = <[Value; 11]>::try_from(row).map_err(|_| WrongShape)?;
    let [
        batch,
        owner,
        letter_id,
        kind,
        lane,
        number,
        outcome,
        status,
        answer,
        attempts,
        at,
    ] = row;
    let lane = u8::try_from(i64::try_from(lane)?).map_err(|_| WrongShape)?;
    let status: Option<i64> = status.try_into()?;
    let answer: Option<String> = answer.try_into()?;
    let answer = answer.map(|text| text.parse().map_err(|_| WrongShape));
    let receipt = Receipt {
        letter_id: letter_id.try_into()?,
        kind: kind.try_into()?,
        position: Position {
            lane: Lane::new(lane).ok_or(WrongShape)?,
            number: i64::try_from(number)? as u64,
        },
        outcome: ReceiptOutcome::from_word(&String::try_from(outcome)?).ok_or(WrongShape)?,
        status: status.map(|status| status as u16),
        answer: answer.transpose()?,
        attempts: i64::try_from(attempts)? as u32,
        at: Timestamp(at.try_into()?),
    };
    let owner = String::try_from(owner)?.parse().map_err(|_| WrongShape)?;
    Ok((batch.try_into()?, owner, receipt))
}

#[cfg(test)]
mod tests {
    use bus::shell::Clock as _;
    use bus::{Bus, InProcessBus, Sealer};
    use futures::StreamExt as _;
    use futures::stream::BoxStream;
    use projections::store::Durability;
    use schemas::ErrorCode;
    use schemas::answers::{Answer as HouseAnswer, AnswerBody};
    use schemas::commands::users::UserCommand;
    use schemas::commands::{Command, CommandEnvelope};

    use super::*;
    use crate::bank::{Answer, Bank};
    use crate::letters::Letters;
    use crate::schedule::WAITS_MS;
    use crate::world::{World, confirmed};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    async fn teller(world: &World, bus: &Arc<dyn Bus>) -> Result<Teller, StoreError> {
        let store = Store::open(&world.outbox(), Durability::Lasting).await?;
        let sealer = Sealer::new(world.root.clone());
        let noting = Noting::new("letter", bus.clone(), sealer, world.clock.clone());
        Ok(Teller::new(store, Arc::new(noting)))
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
        assert!(!told?, "nobody has heard it");
        let (told, again) = tokio::join!(teller.tell(), hear_next(&world, &mut commands, true));
        assert!(told?);
        let (heard, again) = (heard?, again?);
        assert_eq!(heard.command_id, again.command_id);
        assert_eq!(heard.command, again.command);
        assert!(!teller.tell().await?, "there is nothing left");
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
        // They ended in two transactions, and so come in two commands.
        let both = async {
            let first = hear_next(&world, &mut commands, true).await?;
            let second = hear_next(&world, &mut commands, true).await?;
            Ok::<_, Box<dyn std::error::Error>>([receipts(&first), receipts(&second)].concat())
        };
        let (told, heard) = tokio::join!(teller.tell(), both);
        assert!(told?);
        let mut told = heard?;
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
}
