//! The session with the center. One is always open: receipts come when it pleases the center. Messages go out side by side,
//! and what the center asks meanwhile is answered.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use rusmpp::pdus::{DeliverSmResp, SubmitSm};
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval, sleep, timeout};

use super::connection::{Bound, Broken, CONNECT_MAX, Center, FIRST};
use super::frames::Frame;
use super::inbox::Inbox;

/// Messages without an answer at the same time: what centers take.
const WINDOW: usize = 10;
/// How often the session is looked after.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Silence after which the center is asked whether it is there.
const QUIET: Duration = Duration::from_secs(30);
/// Silence after which it is not.
const DEAD: Duration = Duration::from_mins(1);
/// Longest pause before the next connection is tried. Whoever has a message to send does not wait for it.
const PAUSE_MAX_S: u64 = 30;

/// The answer to a message: the center's name of it.
pub(super) type Answer = Result<Option<String>, Broken>;

/// A message that is to go out.
pub(super) struct Order {
    pub submit: SubmitSm,
    /// Set before anything of it leaves.
    pub handed_over: Arc<AtomicBool>,
    /// Closed when nobody waits any more; it is not sent then.
    pub answer: oneshot::Sender<Answer>,
}

/// Keeps the session.
pub(super) struct Session {
    center: Center,
    inbox: Inbox,
    orders: mpsc::Receiver<Order>,
    /// Those that are next.
    waiting: VecDeque<Order>,
}

/// An open session.
struct Open {
    wire: Bound,
    sequence: u32,
    /// Who waits for the answer with that number.
    pending: HashMap<u32, oneshot::Sender<Answer>>,
    heard_at: Instant,
}

/// The session is over.
struct Ended;

impl Session {
    pub(super) fn new(center: Center, inbox: Inbox, orders: mpsc::Receiver<Order>) -> Self {
        Self {
            center,
            inbox,
            orders,
            waiting: VecDeque::new(),
        }
    }

    /// Keeps it for ever.
    pub(super) async fn run(mut self) -> Infallible {
        let mut failures = 0_u32;
        loop {
            match self.center.connect().await {
                Ok(wire) => {
                    let began = Instant::now();
                    let mut open = Open {
                        wire,
                        sequence: FIRST,
                        pending: HashMap::new(),
                        heard_at: Instant::now(),
                    };
                    let Err(Ended) = self.serve(&mut open).await;
                    tracing::info!("the session with the message center has ended");
                    // A center that lets us in and parts at once is not to be asked without a pause.
                    failures = if began.elapsed() > QUIET {
                        0
                    } else {
                        failures.saturating_add(1)
                    };
                    for (_, answer) in open.pending {
                        // Nobody may wait any more.
                        answer.send(Err(Broken::Lost)).ok();
                    }
                }
                Err(broken) => {
                    if failures == 0 {
                        tracing::warn!(
                            ?broken,
                            "the message center cannot be reached; trying again"
                        );
                    }
                    failures = failures.saturating_add(1);
                    self.refuse(broken);
                }
            }
            let pause = Duration::from_secs(PAUSE_MAX_S.min(1 << failures.min(5)));
            tokio::select! {
                () = sleep(pause) => {}
                Some(order) = self.orders.recv() => self.waiting.push_back(order),
            }
        }
    }

    /// Tells everybody who waits.
    fn refuse(&mut self, broken: Broken) {
        while let Ok(order) = self.orders.try_recv() {
            self.waiting.push_back(order);
        }
        for order in self.waiting.drain(..) {
            order.answer.send(Err(broken)).ok();
        }
    }

    async fn serve(&mut self, open: &mut Open) -> Result<Infallible, Ended> {
        let mut look = interval(LOOK_EVERY);
        loop {
            while let Some(order) = self.waiting.pop_front() {
                open.submit(order).await?;
            }
            tokio::select! {
                heard = open.wire.next() => match heard {
                    Some(Ok(frame)) => open.hear(frame, &self.inbox).await?,
                    Some(Err(_)) | None => return Err(Ended),
                },
                Some(order) = self.orders.recv(), if open.pending.len() < WINDOW => {
                    self.waiting.push_back(order);
                }
                _ = look.tick() => open.look_after().await?,
            }
        }
    }
}

impl Open {
    async fn submit(&mut self, order: Order) -> Result<(), Ended> {
        let Order {
            submit,
            handed_over,
            answer,
        } = order;
        // Whoever gives up closes first and looks then: one of the two sees the other.
        handed_over.store(true, Ordering::SeqCst);
        if answer.is_closed() {
            return Ok(());
        }
        let sequence = self.next();
        self.pending.insert(sequence, answer);
        let command = Command::new(CommandStatus::EsmeRok, sequence, submit);
        self.say(command).await
    }

    async fn hear(&mut self, frame: Frame, inbox: &Inbox) -> Result<(), Ended> {
        self.heard_at = Instant::now();
        let heard = match frame {
            Frame::Command(heard) => heard,
            Frame::Unreadable { id, sequence } => return self.reject(id, sequence).await,
        };
        let sequence = heard.sequence_number();
        match (heard.id(), heard.pdu()) {
            (CommandId::EnquireLink, _) => {
                self.answer(sequence, CommandStatus::EsmeRok, Pdu::EnquireLinkResp)
                    .await
            }
            (CommandId::Unbind, _) => {
                self.answer(sequence, CommandStatus::EsmeRok, Pdu::UnbindResp)
                    .await?;
                Err(Ended)
            }
            (_, Some(Pdu::DeliverSm(message))) => {
                let status = inbox.take(message).await;
                self.answer(sequence, status, DeliverSmResp::default().into())
                    .await
            }
            (CommandId::SubmitSmResp | CommandId::GenericNack, pdu) => {
                if let Some(answer) = self.pending.remove(&sequence) {
                    let said = match (heard.status(), pdu) {
                        (CommandStatus::EsmeRok, Some(Pdu::SubmitSmResp(taken))) => {
                            Ok(super::receipt::name_of(taken.message_id().as_str()))
                        }
                        (CommandStatus::EsmeRok, _) => Err(Broken::Lost),
                        (status, _) => Err(Broken::Status(status)),
                    };
                    answer.send(said).ok();
                }
                Ok(())
            }
            (id, _) if is_question(id) => {
                self.answer(sequence, CommandStatus::EsmeRinvcmdid, Pdu::GenericNack)
                    .await
            }
            _ => Ok(()),
        }
    }

    /// What cannot be read is not to come again, and an answer of which nobody knows what it says is none.
    async fn reject(&mut self, id: CommandId, sequence: u32) -> Result<(), Ended> {
        if id == CommandId::DeliverSm {
            metrics::counter!("codes_receipts_total", "outcome" => "unreadable").increment(1);
            let refused = DeliverSmResp::default().into();
            return self
                .answer(sequence, CommandStatus::EsmeRxRAppn, refused)
                .await;
        }
        if let Some(answer) = self.pending.remove(&sequence) {
            answer.send(Err(Broken::Lost)).ok();
        }
        Ok(())
    }

    async fn look_after(&mut self) -> Result<(), Ended> {
        self.pending.retain(|_, answer| !answer.is_closed());
        match self.heard_at.elapsed() {
            silence if silence > DEAD => Err(Ended),
            silence if silence > QUIET => {
                let sequence = self.next();
                let ask = Command::new(CommandStatus::EsmeRok, sequence, Pdu::EnquireLink);
                self.say(ask).await
            }
            _ => Ok(()),
        }
    }

    /// The next sequence number. They begin anew long before they are used up.
    fn next(&mut self) -> u32 {
        self.sequence = if self.sequence >= 0x7fff_fff0 {
            FIRST
        } else {
            self.sequence + 1
        };
        self.sequence
    }

    async fn answer(
        &mut self,
        sequence: u32,
        status: CommandStatus,
        pdu: Pdu,
    ) -> Result<(), Ended> {
        self.say(Command::new(status, sequence, pdu)).await
    }

    async fn say(&mut self, command: Command) -> Result<(), Ended> {
        match timeout(CONNECT_MAX, self.wire.send(command)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Ended),
        }
    }
}

/// Answers have the highest bit.
fn is_question(id: CommandId) -> bool {
    u32::from(id) & 0x8000_0000 == 0
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
    use tokio_util::codec::Framed;

    use super::*;
    use crate::codes::smpp::frames::Frames;

    /// A session, and the center's end of it.
    fn open() -> (Open, DuplexStream) {
        let (ours, center) = duplex(4096);
        let open = Open {
            wire: Framed::new(Box::new(ours), Frames),
            sequence: FIRST,
            pending: HashMap::new(),
            heard_at: Instant::now(),
        };
        (open, center)
    }

    fn order() -> (Order, oneshot::Receiver<Answer>) {
        let (answer, heard) = oneshot::channel();
        let order = Order {
            submit: SubmitSm::default(),
            handed_over: Arc::default(),
            answer,
        };
        (order, heard)
    }

    /// Whoever gave up has said that nothing left, and may send the code another way.
    #[tokio::test]
    async fn a_message_that_nobody_waits_for_does_not_leave() {
        let (mut open, mut center) = open();
        let (given_up, mut heard) = order();
        heard.close();
        assert!(open.submit(given_up).await.is_ok());
        let (waited_for, _heard) = order();
        let handed_over = Arc::clone(&waited_for.handed_over);
        assert!(open.submit(waited_for).await.is_ok());
        assert!(handed_over.load(Ordering::SeqCst));
        assert_eq!(open.pending.len(), 1);
        drop(open);
        let mut sent = Vec::new();
        center.read_to_end(&mut sent).await.expect("it was ended");
        let length = u32::from_be_bytes([sent[0], sent[1], sent[2], sent[3]]);
        assert_eq!(sent.len(), length as usize, "one message");
        let sequence = u32::from_be_bytes([sent[12], sent[13], sent[14], sent[15]]);
        assert_eq!(sequence, FIRST + 1);
    }
}
