//! Which fault strikes, and where.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::chance::Chance;

/// What goes wrong with an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendFault {
    /// Nothing is written, and the runner is told so.
    Fails,
    /// Nothing is written, and the runner is told that nobody knows.
    LostAndUnknown,
    /// It is written, and the runner is told that nobody knows.
    WrittenAndUnknown,
    /// The runner dies before it is written.
    CrashesBefore,
    /// The runner dies when it is written and not answered.
    CrashesAfter,
    /// Another runner opens the lane just before.
    IsFenced,
}

/// What goes wrong with a question to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadFails;

/// What goes wrong with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryFault {
    /// It gets lost on its way to the runner, and comes again.
    LosesCommand,
    /// Its answer gets lost.
    LosesAnswer,
    /// Its settling gets lost, so that it comes again.
    LosesSettling,
    /// It comes twice at once.
    ComesTwice,
}

/// Any fault, at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The append with this number, from 0.
    Append(usize, AppendFault),
    /// The question with this number, from 0.
    Read(usize, ReadFails),
    /// The delivery with this number, from 0.
    Delivery(usize, DeliveryFault),
}

/// Decides over faults.
pub trait Plan: Send + Sync + std::fmt::Debug {
    /// The fault of the next append, if there is one.
    fn at_append(&self) -> Option<AppendFault>;
    /// Whether the next question to the log fails.
    fn at_read(&self) -> Option<ReadFails>;
    /// The fault of the next delivery, if there is one.
    fn at_delivery(&self) -> Option<DeliveryFault>;
}

/// One fault at one place, when armed.
#[derive(Debug, Default)]
pub struct OneFault {
    armed: Mutex<Option<Fault>>,
    appends: AtomicUsize,
    reads: AtomicUsize,
    deliveries: AtomicUsize,
}

impl OneFault {
    /// Waits for this place, counting from now.
    pub fn arm(&self, fault: Fault) {
        for counter in [&self.appends, &self.reads, &self.deliveries] {
            counter.store(0, Ordering::SeqCst);
        }
        *self
            .armed
            .lock()
            .expect("nothing panics while it holds the fault") = Some(fault);
    }

    /// Has the armed fault struck?
    pub fn has_struck(&self) -> bool {
        self.armed
            .lock()
            .expect("nothing panics while it holds the fault")
            .is_none()
    }

    fn strike<F>(
        &self,
        counter: &AtomicUsize,
        here: impl Fn(Fault) -> Option<(usize, F)>,
    ) -> Option<F> {
        let number = counter.fetch_add(1, Ordering::SeqCst);
        let mut armed = self
            .armed
            .lock()
            .expect("nothing panics while it holds the fault");
        let (at, fault) = here((*armed)?)?;
        if at != number {
            return None;
        }
        *armed = None;
        Some(fault)
    }
}

impl Plan for OneFault {
    fn at_append(&self) -> Option<AppendFault> {
        self.strike(&self.appends, |fault| match fault {
            Fault::Append(at, fault) => Some((at, fault)),
            _ => None,
        })
    }

    fn at_read(&self) -> Option<ReadFails> {
        self.strike(&self.reads, |fault| match fault {
            Fault::Read(at, fault) => Some((at, fault)),
            _ => None,
        })
    }

    fn at_delivery(&self) -> Option<DeliveryFault> {
        self.strike(&self.deliveries, |fault| match fault {
            Fault::Delivery(at, fault) => Some((at, fault)),
            _ => None,
        })
    }
}

/// Faults drawn from a seed, while it is on.
#[derive(Debug)]
pub struct Drawn {
    chance: Chance,
    is_on: AtomicBool,
    struck: AtomicUsize,
}

impl Drawn {
    /// The faults of this seed, switched off.
    pub fn of(seed: u64) -> Self {
        Self {
            chance: Chance::of(seed),
            is_on: AtomicBool::new(false),
            struck: AtomicUsize::new(0),
        }
    }

    /// Switches them on, or off.
    pub fn switch(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::SeqCst);
    }

    /// How many have struck so far.
    pub fn struck(&self) -> usize {
        self.struck.load(Ordering::SeqCst)
    }

    /// One of these faults, once in `one_in` times.
    fn draw<F: Copy>(&self, one_in: u64, faults: &[F]) -> Option<F> {
        if !self.is_on.load(Ordering::SeqCst) || self.chance.below(one_in) != 0 {
            return None;
        }
        self.struck.fetch_add(1, Ordering::SeqCst);
        Some(faults[self.chance.below(faults.len() as u64) as usize])
    }
}

impl Plan for Drawn {
    fn at_append(&self) -> Option<AppendFault> {
        use AppendFault::{
            CrashesAfter, CrashesBefore, Fails, IsFenced, LostAndUnknown, WrittenAndUnknown,
        };
        self.draw(
            4,
            &[
                Fails,
                LostAndUnknown,
                WrittenAndUnknown,
                CrashesBefore,
                CrashesAfter,
                IsFenced,
            ],
        )
    }

    fn at_read(&self) -> Option<ReadFails> {
        self.draw(20, &[ReadFails])
    }

    fn at_delivery(&self) -> Option<DeliveryFault> {
        use DeliveryFault::{ComesTwice, LosesAnswer, LosesCommand, LosesSettling};
        self.draw(4, &[LosesCommand, LosesAnswer, LosesSettling, ComesTwice])
    }
}
