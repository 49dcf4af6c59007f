//! What a simulator of messages remembers, and its script of faults.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::receipts::Receipts;

/// What goes wrong with the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageFault {
    /// It is refused for good.
    Refuse,
    /// It is refused for now.
    Later,
    /// It is taken, and the answer comes late.
    Delay {
        /// How late, ms.
        ms: u64,
    },
    /// It is not taken, and there is no answer.
    Hang,
    /// It is not taken, and the connection breaks instead of an answer.
    Reset,
    /// It is taken, and the connection breaks instead of an answer.
    CloseAfterTaking,
}

impl MessageFault {
    /// Is a message taken with which this goes wrong, or nothing?
    pub(super) fn takes(fault: Option<Self>) -> bool {
        match fault {
            None | Some(Self::Delay { .. } | Self::CloseAfterTaking) => true,
            Some(Self::Refuse | Self::Later | Self::Hang | Self::Reset) => false,
        }
    }
}

impl std::str::FromStr for MessageFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text.split_once(':').unwrap_or((text, "")) {
            ("refuse", "") => Self::Refuse,
            ("later", "") => Self::Later,
            ("delay", ms) => Self::Delay {
                ms: ms.parse().map_err(|_| "expected delay:<ms>")?,
            },
            ("hang", "") => Self::Hang,
            ("reset", "") => Self::Reset,
            ("close-after-taking", "") => Self::CloseAfterTaking,
            _ => {
                let known = "refuse, later, delay:<ms>, hang, reset, close-after-taking";
                return Err(format!("expected one of {known}"));
            }
        })
    }
}

/// A message that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Whom it is for.
    pub to: String,
    /// Whom it is from.
    pub from: String,
    /// Its subject; empty for a text message.
    pub subject: String,
    /// What a person reads.
    pub text: String,
    /// Who was let in, where somebody has to be.
    pub user: String,
    /// Whether it came over TLS.
    pub secured: bool,
}

/// What is remembered.
#[derive(Debug)]
pub(super) struct Desk {
    memory: Mutex<Memory>,
    /// Messages that came, faults included.
    came: watch::Sender<u64>,
    receipts: Receipts,
    prints: bool,
}

#[derive(Debug, Default)]
struct Memory {
    taken: Vec<Received>,
    script: VecDeque<MessageFault>,
    connections: u64,
}

impl Desk {
    pub(super) fn new(prints: bool) -> Self {
        Self {
            memory: Mutex::default(),
            came: watch::Sender::new(0),
            receipts: Receipts::default(),
            prints,
        }
    }

    pub(super) fn order(&self, fault: MessageFault) {
        self.lock().script.push_back(fault);
    }

    /// What it has to say of messages.
    pub(super) fn receipts(&self) -> &Receipts {
        &self.receipts
    }

    pub(super) fn connected(&self) {
        self.lock().connections += 1;
    }

    pub(super) fn connections(&self) -> u64 {
        self.lock().connections
    }

    pub(super) fn taken(&self) -> Vec<Received> {
        self.lock().taken.clone()
    }

    pub(super) fn came(&self) -> watch::Receiver<u64> {
        self.came.subscribe()
    }

    /// A message has come: what goes wrong with it. It is remembered when it is taken all the same.
    pub(super) fn take(&self, message: Received) -> Option<MessageFault> {
        let mut memory = self.lock();
        let fault = memory.script.pop_front();
        if self.prints {
            let Received { to, text, .. } = &message;
            println!("to {to}: {text} ({fault:?})");
        }
        if MessageFault::takes(fault) {
            memory.taken.push(message);
        }
        drop(memory);
        self.came.send_modify(|count| *count += 1);
        fault
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_used_up_in_their_order() {
        let desk = Desk::new(false);
        desk.order("refuse".parse().unwrap());
        desk.order("close-after-taking".parse().unwrap());
        let message = Received::default;
        assert_eq!(desk.take(message()), Some(MessageFault::Refuse));
        assert_eq!(desk.take(message()), Some(MessageFault::CloseAfterTaking));
        assert_eq!(desk.take(message()), None);
        assert_eq!(desk.taken().len(), 2);
        assert_eq!(*desk.came().borrow(), 3);
        assert_eq!("delay:5".parse(), Ok(MessageFault::Delay { ms: 5 }));
        for wrong in ["", "fire", "delay", "hang:1"] {
            assert!(wrong.parse::<MessageFault>().is_err(), "{wrong}");
        }
    }
}
