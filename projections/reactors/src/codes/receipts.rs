//! What became of messages after a center took them, durable. A message that was taken waits under the center's name for its
//! receipt; a receipt is written down whatever it is of, since it may come before the answer to its message was written down.
//! Then the two are brought together, and the house is told.

use projections::store::{StoreError, Value, WrongShape};
use schemas::commands::code_orders::{Channel, CodeReceipt, RECEIPT_LIFE_S, SendingOutcome};
use schemas::{CodeOrderId, Owner, Timestamp};

use super::owed::{Owed, OwedMessage};
use super::smpp::Receipt;

/// A receipt that finds no message for so long is of none of ours: longer than an attempt can be under way, ms.
const OF_NOBODY_AFTER_MS: i64 = 10 * 60_000;

/// A receipt that the house is to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub order_id: CodeOrderId,
    pub channel: Channel,
    pub owner: Owner,
    pub outcome: CodeReceipt,
    pub reason: Option<String>,
}

impl Told {
    /// Its name among what is under way.
    pub(super) fn id(&self) -> String {
        format!("{}-{}-receipt", self.order_id, self.channel.word())
    }
}

impl Owed {
    /// Writes that a center took a message, and its name of it, under which the receipt will come.
    pub(super) async fn taken(
        &self,
        message: &OwedMessage,
        center_id: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.store.begin().await?;
        let sql = "update code_message set status = 'ended', outcome = $1, reason = null, next_at = $2 \
                   where order_id = $3 and channel = $4";
        let name = [message.order_id.as_str(), message.channel.word()];
        let values = vec![
            SendingOutcome::Sent.word().into(),
            now.0.into(),
            name[0].into(),
            name[1].into(),
        ];
        transaction.execute(sql, values).await?;
        // A name that comes again means the newer message.
        let sql = "insert into code_sent (center_id, order_id, channel, owner, sent_at, status, next_at) \
                   values ($1, $2, $3, $4, $5, 'awaited', $5) on conflict (center_id) do update set \
                   order_id = excluded.order_id, channel = excluded.channel, owner = excluded.owner, \
                   sent_at = excluded.sent_at, status = 'awaited', next_at = excluded.next_at, \
                   outcome = null, reason = null";
        let values = vec![
            center_id.into(),
            name[0].into(),
            name[1].into(),
            message.owner.to_string().into(),
            now.0.into(),
        ];
        transaction.execute(sql, values).await?;
        transaction.commit().await
    }

    /// Writes a receipt down. The first of a message counts.
    pub(super) async fn receive(
        &self,
        receipt: &Receipt,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "insert into code_receipt (center_id, outcome, reason, heard_at) values ($1, $2, $3, $4) \
                   on conflict (center_id) do nothing";
        let values = vec![
            receipt.center_id.as_str().into(),
            receipt.outcome.word().into(),
            receipt.reason.clone().into(),
            now.0.into(),
        ];
        self.write(sql, values).await.map(drop)
    }

    /// Brings receipts and messages together, and forgets what is over. How many receipts were of nobody.
    pub(super) async fn bring_together(&self, now: Timestamp) -> Result<u64, StoreError> {
        let too_old = now.plus_seconds(-RECEIPT_LIFE_S);
        let something = "select heard_at from code_receipt union all \
                         select sent_at from code_sent where sent_at < $1 limit 1";
        if self
            .store
            .fetch(something, vec![too_old.0.into()])
            .await?
            .is_empty()
        {
            return Ok(0);
        }
        let mut transaction = self.store.begin().await?;
        let sql = "update code_sent set status = 'heard', next_at = $1, outcome = code_receipt.outcome, \
                   reason = code_receipt.reason from code_receipt \
                   where code_sent.center_id = code_receipt.center_id and code_sent.status = 'awaited'";
        transaction.execute(sql, vec![now.0.into()]).await?;
        // Those of a message that has one: it came twice.
        let sql = "delete from code_receipt where exists (select 1 from code_sent \
                   where code_sent.center_id = code_receipt.center_id and code_sent.status <> 'awaited')";
        transaction.execute(sql, Vec::new()).await?;
        let sql = "delete from code_receipt where heard_at <= $1";
        let long_ago = now.plus_ms(-OF_NOBODY_AFTER_MS);
        let of_nobody = transaction.execute(sql, vec![long_ago.0.into()]).await?;
        let sql = "delete from code_sent where sent_at < $1";
        transaction.execute(sql, vec![too_old.0.into()]).await?;
        transaction.commit().await?;
        Ok(of_nobody)
    }

    /// Receipts that the house has not heard of; it has heard before that the message was taken.
    pub(super) async fn receipts_to_tell(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Told>, StoreError> {
        let sql = "select order_id, channel, owner, outcome, reason from code_sent \
                   where status = 'heard' and next_at <= $1 and not exists (select 1 from code_message \
                   where code_message.order_id = code_sent.order_id and code_message.channel = code_sent.channel) \
                   order by next_at limit $2";
        let rows = self
            .store
            .fetch(sql, vec![now.0.into(), (limit as i64).into()]);
        let rows = rows.await?.into_iter();
        rows.map(|row| Ok(read(row)?)).collect()
    }

    /// The house knows. The name stays, for receipts that come again.
    pub(super) async fn receipt_told(&self, told: &Told) -> Result<(), StoreError> {
        let sql = "update code_sent set status = 'told' where order_id = $1 and channel = $2 and status = 'heard'";
        let values = vec![told.order_id.as_str().into(), told.channel.word().into()];
        self.write(sql, values).await.map(drop)
    }

    /// The house did not answer: it is asked again at that moment.
    pub(super) async fn tell_receipt_again(
        &self,
        told: &Told,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "update code_sent set next_at = $1 where order_id = $2 and channel = $3 and status = 'heard'";
        let values = vec![
            at.0.into(),
            told.order_id.as_str().into(),
            told.channel.word().into(),
        ];
        self.write(sql, values).await.map(drop)
    }
}

fn read(row: Vec<Value>) -> Result<Told, WrongShape> {
    let row = <[Value; 5]>::try_from(row).map_err(|_| WrongShape)?;
    let [order_id, channel, owner, outcome, reason] = row;
    let text = |value: Value| String::try_from(value);
    Ok(Told {
        order_id: text(order_id)?.parse().map_err(|_| WrongShape)?,
        channel: Channel::from_word(&text(channel)?).ok_or(WrongShape)?,
        owner: text(owner)?.parse().map_err(|_| WrongShape)?,
        outcome: CodeReceipt::from_word(&text(outcome)?).ok_or(WrongShape)?,
        reason: reason.try_into()?,
    })
}

#[cfg(test)]
mod tests {
    use projections::store::Store;

    use super::*;
    use crate::codes::owed::{CODES, Status};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn receipt(center_id: &str, outcome: CodeReceipt) -> Receipt {
        Receipt {
            center_id: center_id.to_owned(),
            outcome,
            reason: Some("error_00b".to_owned()),
        }
    }

    /// Tables with messages of which an attempt has begun.
    async fn begun(names: &[&str]) -> Result<(Owed, Vec<OwedMessage>), Box<dyn std::error::Error>> {
        let owed = Owed::open(Store::in_memory().await?).await?;
        let owner: Owner = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53/sample-1".parse()?;
        let mut new = Vec::new();
        for name in names {
            new.push((name.parse()?, Channel::Sms, owner.clone()));
        }
        let heads = CODES.place(&owed.store, &[0; 64]).await?;
        owed.add(&heads, &heads, &new, NOW).await?;
        let messages = owed.due(NOW, NOW, 10).await?;
        for message in &messages {
            assert!(owed.begin(message, NOW).await?);
        }
        Ok((owed, messages))
    }

    async fn told(owed: &Owed) -> Result<Vec<(String, CodeReceipt)>, StoreError> {
        let told = owed.receipts_to_tell(NOW, 10).await?.into_iter();
        let told = told.map(|told| (told.order_id.to_string(), told.outcome));
        Ok(told.collect())
    }

    #[tokio::test]
    async fn a_receipt_is_told_once_and_after_the_house_knows_that_the_message_was_taken() -> Outcome
    {
        let (owed, messages) = begun(&["order-1", "order-2"]).await?;
        owed.taken(&messages[0], "a1", NOW).await?;
        owed.receive(&receipt("a1", CodeReceipt::Undeliverable), NOW)
            .await?;
        owed.bring_together(NOW).await?;
        assert_eq!(told(&owed).await?, [], "the other is told first");
        let ended = owed.due(NOW, NOW.plus_ms(-1), 10).await?;
        assert_eq!(ended[0].status, Status::Ended(SendingOutcome::Sent, None));
        owed.forget(&messages[0]).await?;
        let expected = ("order-1".to_owned(), CodeReceipt::Undeliverable);
        assert_eq!(told(&owed).await?, [expected]);
        let one = owed.receipts_to_tell(NOW, 10).await?.remove(0);
        assert_eq!(one.reason.as_deref(), Some("error_00b"));
        // Nobody answered.
        owed.tell_receipt_again(&one, NOW.plus_ms(1)).await?;
        assert_eq!(told(&owed).await?, []);
        owed.tell_receipt_again(&one, NOW).await?;
        owed.receipt_told(&one).await?;
        assert_eq!(told(&owed).await?, []);
        // Twice, and something else the second time.
        owed.receive(&receipt("a1", CodeReceipt::Delivered), NOW)
            .await?;
        let later = NOW.plus_ms(2 * OF_NOBODY_AFTER_MS);
        assert_eq!(owed.bring_together(later).await?, 0, "it is of somebody");
        assert_eq!(told(&owed).await?, []);
        Ok(())
    }

    #[tokio::test]
    async fn a_receipt_may_come_before_the_answer_and_one_of_nobody_is_counted() -> Outcome {
        let (owed, messages) = begun(&["order-1"]).await?;
        for center_id in ["a1", "b2"] {
            // The first counts.
            for outcome in [CodeReceipt::Delivered, CodeReceipt::Expired] {
                owed.receive(&receipt(center_id, outcome), NOW).await?;
            }
        }
        assert_eq!(owed.bring_together(NOW).await?, 0);
        owed.taken(&messages[0], "a1", NOW).await?;
        owed.forget(&messages[0]).await?;
        assert_eq!(owed.bring_together(NOW).await?, 0);
        assert_eq!(
            told(&owed).await?,
            [("order-1".to_owned(), CodeReceipt::Delivered)]
        );
        let later = NOW.plus_ms(OF_NOBODY_AFTER_MS);
        assert_eq!(owed.bring_together(later).await?, 1);
        assert_eq!(owed.bring_together(later).await?, 0, "it is counted once");
        Ok(())
    }

    #[tokio::test]
    async fn a_message_is_waited_for_some_days_and_a_name_that_comes_again_means_the_newer()
    -> Outcome {
        let (owed, messages) = begun(&["order-1", "order-2"]).await?;
        for message in &messages {
            owed.taken(message, "a1", NOW).await?;
            owed.forget(message).await?;
        }
        owed.receive(&receipt("a1", CodeReceipt::Delivered), NOW)
            .await?;
        owed.bring_together(NOW).await?;
        let newer = messages[1].order_id.to_string();
        assert_eq!(told(&owed).await?, [(newer, CodeReceipt::Delivered)]);
        let after = NOW.plus_seconds(RECEIPT_LIFE_S).plus_ms(1);
        owed.bring_together(after).await?;
        assert_eq!(told(&owed).await?, []);
        owed.receive(&receipt("a1", CodeReceipt::Expired), after)
            .await?;
        let after = after.plus_ms(OF_NOBODY_AFTER_MS);
        assert_eq!(owed.bring_together(after).await?, 1);
        Ok(())
    }
}
