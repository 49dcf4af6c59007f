//! Where receipts go. The center hears that we have one after it is written down, and keeps it otherwise.

use std::sync::Arc;

use bus::shell::Clock;
use rusmpp::CommandStatus;
use rusmpp::pdus::DeliverSm;

use super::receipt::{self, Heard};
use crate::codes::owed::Owed;

/// Takes what the center brings.
#[derive(Clone)]
pub(in crate::codes) struct Inbox {
    pub owed: Owed,
    pub clock: Arc<dyn Clock>,
}

impl Inbox {
    /// Takes a message; what the center is to hear.
    pub(super) async fn take(&self, message: &DeliverSm) -> CommandStatus {
        let word = match receipt::read(message) {
            Heard::End(receipt) => {
                if let Err(error) = self.owed.receive(&receipt, self.clock.now()).await {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(
                        error,
                        "a receipt cannot be written down; the center keeps it"
                    );
                    return CommandStatus::EsmeRxTAppn;
                }
                return CommandStatus::EsmeRok;
            }
            Heard::OnTheWay => "on_the_way",
            Heard::Unreadable => "unreadable",
            Heard::Message => "no_receipt",
        };
        metrics::counter!("codes_receipts_total", "outcome" => word).increment(1);
        CommandStatus::EsmeRok
    }
}
