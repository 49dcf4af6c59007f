//! Activation codes that are sent: what the bank orders, and what the house does about it.

use schemas::commands::code_orders::{
    BeginCodeSending, Channel, CodeContacts, CodeReceipt, EndCodeOrder, Language, NoteCodeReceipt,
    SendActivationCode, SendingOutcome, SettleCodeSending,
};
use schemas::events::Event;
use schemas::events::code_orders::CodeOrderEvent;
use schemas::{CodeOrderId, ErrorCode, Secret};

use super::House;
use super::key::{ACTIVATION_TRIES, Key};
use super::rules::{Heard, User};

const ORDERS_MAX: usize = 3;
const HOUR_MS: i64 = 3_600_000;

impl House {
    /// The bank orders a code, or the house goes on with an order.
    pub(super) fn codes_by_message(&mut self) {
        if self.chance.once_in(3) {
            self.order_code();
            return;
        }
        let orders = &self.user.code_orders;
        let Some(order_id) = orders.last().map(|(.., id)| id.clone()) else {
            return;
        };
        let channel = self.chance.one_of(&Channel::ALL);
        match self.chance.below(5) {
            0 | 1 => {
                let attempt = self.chance.below(3) as u32 + 1;
                self.house(BeginCodeSending {
                    order_id,
                    channel,
                    attempt,
                });
            }
            2 => self.house(SettleCodeSending {
                order_id,
                channel,
                outcome: SendingOutcome::Unknown,
                reason: None,
            }),
            3 => self.house(NoteCodeReceipt {
                order_id,
                channel,
                outcome: CodeReceipt::Delivered,
                reason: None,
            }),
            _ => self.house(EndCodeOrder { order_id }),
        }
    }

    fn order_code(&mut self) {
        let command = SendActivationCode {
            key_index: None,
            contacts: CodeContacts {
                phone: Some(Secret::new("+79991234567")),
                email: Some(Secret::new("ivan@mail.example")),
            },
            language: Language::En,
        };
        let heard = self.user.order_code();
        if !self.bank(command, heard) || self.user.deleted {
            return;
        }
        let number = self.user.meant().number;
        let now = self.user.now;
        self.user.code_orders.push((number, now, self.ordered()));
    }

    /// The order that was just taken.
    fn ordered(&self) -> CodeOrderId {
        let event = self.story.history.last().map(|recorded| &recorded.event);
        match event {
            Some(Event::CodeOrders(CodeOrderEvent::Ordered(event))) => event.order_id.clone(),
            other => panic!("an order was expected: {other:?}"),
        }
    }
}

impl User {
    /// The key whose code is sent.
    fn meant(&self) -> &Key {
        let delayed = self.delayed.as_ref();
        delayed
            .filter(|key| key.waits && !key.blocked)
            .unwrap_or(&self.current)
    }

    fn order_code(&self) -> Heard {
        let key = self.meant();
        let orders = self.code_orders.iter();
        let recent =
            orders.filter(|(number, at, _)| *number == key.number && self.now < at + HOUR_MS);
        if self.blocked {
            Err(ErrorCode::UserIsBlocked)
        } else if !key.waits {
            Err(ErrorCode::RequestError)
        } else if key.blocked {
            Err(ErrorCode::ActivationAttemptsExceeded)
        } else if key.valid_to <= self.now {
            Err(ErrorCode::KeyExpired)
        } else if key.tries >= ACTIVATION_TRIES {
            Err(ErrorCode::ActivationAttemptsExceeded)
        } else if recent.count() >= ORDERS_MAX {
            Err(ErrorCode::RequestIsLockedByAnotherRequest)
        } else {
            Ok(())
        }
    }
}
