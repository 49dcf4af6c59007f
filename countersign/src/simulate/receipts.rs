//! Delivery receipts of the simulated message center: what it says of the next messages, and what it still has to say. What
//! was not answered is said again in the next session.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// What becomes of the next message, and how the center tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageReceipt {
    /// It arrives.
    Delivered,
    /// It does not.
    Undeliverable,
    /// It does not arrive in time.
    Expired,
    /// The network does not want it.
    Rejected,
    /// It arrives late.
    Late {
        /// How late, ms.
        ms: u64,
    },
    /// It arrives, and the center waits with the receipt until it is told to go on.
    Held,
    /// It arrives, and the center says so twice.
    Twice,
    /// The receipt comes before the answer to the message.
    First,
    /// Nobody says what becomes of it.
    Never,
    /// It arrives, and the receipt has words only.
    Text,
    /// It does not arrive, and the receipt has words only.
    TextUndeliverable,
    /// Before its receipt others come: of a message that nobody sent, of one on its way, one that cannot be read, and
    /// somebody's words.
    Foreign,
}

impl std::str::FromStr for MessageReceipt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text.split_once(':').unwrap_or((text, "")) {
            ("delivered", "") => Self::Delivered,
            ("undeliverable", "") => Self::Undeliverable,
            ("expired", "") => Self::Expired,
            ("rejected", "") => Self::Rejected,
            ("late", ms) => Self::Late {
                ms: ms.parse().map_err(|_| "expected late:<ms>")?,
            },
            ("twice", "") => Self::Twice,
            ("first", "") => Self::First,
            ("never", "") => Self::Never,
            ("text", "") => Self::Text,
            ("text-undeliverable", "") => Self::TextUndeliverable,
            ("foreign", "") => Self::Foreign,
            _ => {
                let known = "delivered, undeliverable, expired, rejected, late:<ms>, twice, first, never, text, \
                             text-undeliverable, foreign";
                return Err(format!("expected one of {known}"));
            }
        })
    }
}

/// How a receipt looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// With fields of its own.
    Fields(rusmpp::values::MessageState),
    /// With words only.
    Words(&'static str),
    /// Words of somebody.
    Message,
    /// Not to be read by anybody.
    Garbled,
}

/// A receipt that the center has to bring.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub id: String,
    pub look: Look,
    /// Not before; `None` as long as it is held.
    at: Option<Instant>,
}

/// What the center has to bring.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    memory: Mutex<Memory>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Memory {
    script: VecDeque<MessageReceipt>,
    due: Vec<Due>,
    messages: u32,
    answered: u64,
}

impl Receipts {
    pub(super) fn order(&self, receipt: MessageReceipt) {
        self.lock().script.push_back(receipt);
    }

    /// Receipts that were held are held no longer.
    pub(super) fn let_go(&self) {
        for due in &mut self.lock().due {
            due.at.get_or_insert_with(Instant::now);
        }
        self.changed.notify_waiters();
    }

    /// Receipts that were answered so far.
    pub(super) fn answered(&self) -> u64 {
        self.lock().answered
    }

    /// A message was taken: its name, and the receipts that come before the answer, if one was wished for.
    pub(super) fn of_message(&self, is_wished: bool) -> (String, Vec<Due>) {
        use rusmpp::values::MessageState::{Delivered, Enroute, Expired, Rejected, Undeliverable};

        let mut memory = self.lock();
        memory.messages += 1;
        let id = format!("{:08X}", memory.messages + 0x0abc);
        if !is_wished {
            return (id, Vec::new());
        }
        let kind = memory.script.pop_front();
        let now = Instant::now();
        let of = |look, at| Due {
            id: id.clone(),
            look,
            at,
        };
        let one = |look| vec![of(look, Some(now))];
        let (mut first, mut due) = (Vec::new(), Vec::new());
        match kind.unwrap_or(MessageReceipt::Delivered) {
            MessageReceipt::Delivered => due = one(Look::Fields(Delivered)),
            MessageReceipt::Undeliverable => due = one(Look::Fields(Undeliverable)),
            MessageReceipt::Expired => due = one(Look::Fields(Expired)),
            MessageReceipt::Rejected => due = one(Look::Fields(Rejected)),
            MessageReceipt::Late { ms } => {
                let at = now + Duration::from_millis(ms);
                due.push(of(Look::Fields(Delivered), Some(at)));
            }
            MessageReceipt::Held => due.push(of(Look::Fields(Delivered), None)),
            MessageReceipt::Twice => {
                due = [one(Look::Fields(Delivered)), one(Look::Words("DELIVRD"))].concat();
            }
            MessageReceipt::First => first = one(Look::Fields(Delivered)),
            MessageReceipt::Never => {}
            MessageReceipt::Text => due = one(Look::Words("DELIVRD")),
            MessageReceipt::TextUndeliverable => due = one(Look::Words("UNDELIV")),
            MessageReceipt::Foreign => {
                due = one(Look::Fields(Delivered));
                "FFFF0001".clone_into(&mut due[0].id);
                for look in [
                    Look::Fields(Enroute),
                    Look::Message,
                    Look::Garbled,
                    Look::Fields(Delivered),
                ] {
                    due.extend(one(look));
                }
            }
        }
        memory.due.extend(due);
        drop(memory);
        self.changed.notify_waiters();
        (id, first)
    }

    /// The next receipt, when it is due.
    pub(super) async fn next(&self) -> Due {
        loop {
            let changed = self.changed.notified();
            let earliest = {
                let mut memory = self.lock();
                let now = Instant::now();
                let is_due = |due: &Due| due.at.is_some_and(|at| at <= now);
                if let Some(place) = memory.due.iter().position(is_due) {
                    return memory.due.remove(place);
                }
                memory.due.iter().filter_map(|due| due.at).min()
            };
            let later = Instant::now() + Duration::from_secs(1);
            tokio::select! {
                () = changed => {}
                () = sleep_until(earliest.unwrap_or(later).min(later)) => {}
            }
        }
    }

    /// Somebody has the receipt.
    pub(super) fn was_answered(&self) {
        self.lock().answered += 1;
    }

    /// Nobody has it: it is brought again.
    pub(super) fn keep(&self, mut due: Due) {
        due.at = Some(Instant::now() + Duration::from_millis(50));
        self.lock().due.push(due);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rusmpp::values::MessageState;

    use super::*;

    #[tokio::test]
    async fn receipts_follow_the_script_and_come_again_until_somebody_has_them() {
        let receipts = Receipts::default();
        for order in ["never", "first", "text-undeliverable"] {
            receipts.order(order.parse().unwrap());
        }
        receipts.order(MessageReceipt::Held);
        let ids: Vec<_> = (0..4).map(|_| receipts.of_message(true)).collect();
        assert_eq!(ids[1].1[0].look, Look::Fields(MessageState::Delivered));
        let due = receipts.next().await;
        assert_eq!((&due.id, due.look), (&ids[2].0, Look::Words("UNDELIV")));
        receipts.keep(due);
        assert_eq!(receipts.next().await.id, ids[2].0);
        receipts.was_answered();
        receipts.let_go();
        assert_eq!(receipts.next().await.id, ids[3].0);
        assert_eq!(receipts.answered(), 1);
        assert!(receipts.of_message(false).1.is_empty());
        for wrong in ["", "maybe", "late", "twice:2"] {
            assert!(wrong.parse::<MessageReceipt>().is_err(), "{wrong}");
        }
    }
}
