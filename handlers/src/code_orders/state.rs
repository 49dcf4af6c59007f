//! What is remembered of orders: as long as they count against the limit, a message of theirs is not settled, or a receipt may
//! come.

use schemas::commands::code_orders::{Channel, Language, RECEIPT_LIFE_S};
use schemas::events::code_orders::CodeOrderEvent;
use schemas::vault::VaultName;
use schemas::{CodeOrderId, CommandId, KeyIndex, Timestamp};

use crate::decision::Erasure;
use crate::keys::{Found, Key, Ring};

/// How long an order counts against the limit, and how long its messages may be begun, seconds. Whoever waits for a code
/// has asked again by then.
pub(super) const ORDER_LIFE_S: i64 = 3600;

/// The orders of a user, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orders(Vec<Order>);

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// Its name.
    pub(crate) id: CodeOrderId,
    /// The key whose code is sent.
    pub(crate) key_index: KeyIndex,
    /// The command that handed the key out: a key that is handed out anew has another code.
    issued_by: Option<CommandId>,
    /// In which language.
    pub(super) language: Language,
    /// When it was given.
    pub(super) at: Timestamp,
    /// One message for each way.
    pub(super) messages: Vec<Message>,
}

/// A message of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) channel: Channel,
    pub(super) stage: Stage,
    /// Its center has said what became of it.
    has_receipt: bool,
}

/// How far a message got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing was tried.
    Owed,
    /// An attempt began; how it ended nobody has said.
    Begun {
        /// Which one.
        attempt: u32,
        /// The command whose stored answer holds what was to be sent.
        by: CommandId,
    },
    /// Nothing more happens to it.
    Settled,
}

impl Orders {
    /// The order of that name, as long as it is remembered.
    pub(crate) fn find(&self, id: &CodeOrderId) -> Option<&Order> {
        self.0.iter().find(|order| order.id == *id)
    }

    /// Orders for a key that count against its limit.
    pub(super) fn recent(&self, key_index: KeyIndex, now: Timestamp) -> usize {
        let of_key = self.0.iter().filter(|order| order.key_index == key_index);
        of_key.filter(|order| !order.is_over(now)).count()
    }

    /// Folds a fact.
    pub(crate) fn evolve(
        &mut self,
        event: &CodeOrderEvent,
        keys: &Ring,
        (at, cause): (Timestamp, CommandId),
    ) {
        match event {
            CodeOrderEvent::Ordered(event) => {
                self.0
                    .retain(|order| at < order.receipts_end_at() || !order.is_settled());
                let key = key_of(keys, event.key_index);
                let messages = event.channels.iter().map(|channel| Message {
                    channel: *channel,
                    stage: Stage::Owed,
                    has_receipt: false,
                });
                self.0.push(Order {
                    id: event.order_id.clone(),
                    key_index: event.key_index,
                    issued_by: key.map(|key| key.issued_by),
                    language: event.language,
                    at,
                    messages: messages.collect(),
                });
            }
            CodeOrderEvent::Begun(event) => {
                let attempt = event.attempt;
                self.reach(
                    &event.order_id,
                    event.channel,
                    Stage::Begun { attempt, by: cause },
                );
            }
            CodeOrderEvent::Settled(event) => {
                self.reach(&event.order_id, event.channel, Stage::Settled);
            }
            CodeOrderEvent::Receipt(event) => {
                for message in self.messages(&event.order_id, event.channel) {
                    message.has_receipt = true;
                }
            }
        }
    }

    fn reach(&mut self, id: &CodeOrderId, channel: Channel, stage: Stage) {
        for message in self.messages(id, channel) {
            message.stage = stage;
        }
    }

    fn messages(
        &mut self,
        id: &CodeOrderId,
        channel: Channel,
    ) -> impl Iterator<Item = &mut Message> {
        let order = self.0.iter_mut().find(|order| order.id == *id);
        let messages = order.into_iter().flat_map(|order| &mut order.messages);
        messages.filter(move |message| message.channel == channel)
    }
}

impl Order {
    /// Is its time over? The last moment belongs to the past.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.ends_at() <= now
    }

    pub(super) fn ends_at(&self) -> Timestamp {
        self.at.plus_seconds(ORDER_LIFE_S)
    }

    fn receipts_end_at(&self) -> Timestamp {
        self.at.plus_seconds(RECEIPT_LIFE_S)
    }

    /// Has this message left, and has nobody said yet what became of it?
    pub(super) fn lacks_receipt(&self, channel: Channel) -> bool {
        let mut messages = self.messages.iter();
        messages.any(|message| {
            message.channel == channel && message.stage != Stage::Owed && !message.has_receipt
        })
    }

    fn is_settled(&self) -> bool {
        let stages = self.messages.iter().map(|message| message.stage);
        stages.into_iter().all(|stage| stage == Stage::Settled)
    }

    pub(super) fn stage(&self, channel: Channel) -> Option<Stage> {
        let found = self
            .messages
            .iter()
            .find(|message| message.channel == channel);
        found.map(|message| message.stage)
    }

    /// Is every other message settled, so that nobody needs the contacts once this one is?
    pub(super) fn is_last(&self, channel: Channel) -> bool {
        let mut others = self
            .messages
            .iter()
            .filter(|message| message.channel != channel);
        others.all(|message| message.stage == Stage::Settled)
    }

    /// The key whose code was ordered, as long as it is the same key with the same code.
    pub(super) fn key<'a>(&self, keys: &'a Ring) -> Option<&'a Key> {
        key_of(keys, self.key_index).filter(|key| Some(key.issued_by) == self.issued_by)
    }
}

/// What is erased when a message begins again or is settled: what the attempt before was told.
pub(super) fn told_before(stage: Stage) -> Option<Erasure> {
    match stage {
        Stage::Begun { by, .. } => Some(Erasure::Row(VaultName::answer(&by))),
        Stage::Owed | Stage::Settled => None,
    }
}

fn key_of(keys: &Ring, key_index: KeyIndex) -> Option<&Key> {
    match keys.find(key_index) {
        Found::Current(key) | Found::Delayed(key) => Some(key),
        Found::Replaced | Found::Unknown => None,
    }
}
