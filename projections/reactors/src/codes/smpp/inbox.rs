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

#[cfg(test)]
mod tests {
    use bus::shell::SystemClock;
    use projections::store::Store;
    use rusmpp::types::OctetString;
    use rusmpp::values::EsmClass;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// What `esm_class` says of a receipt.
    const RECEIPT: u8 = 0b00_00_01_00;

    #[tokio::test]
    async fn a_center_keeps_what_cannot_be_written_down() -> Outcome {
        let store = Store::in_memory().await?;
        let inbox = Inbox {
            owed: Owed::open(store.clone()).await?,
            clock: Arc::new(SystemClock),
        };
        let text = OctetString::from_vec(b"id:a1 stat:DELIVRD err:000".to_vec())?;
        let brought = DeliverSm::builder()
            .esm_class(EsmClass::from(RECEIPT))
            .short_message(text)
            .build();
        assert_eq!(inbox.take(&brought).await, CommandStatus::EsmeRok);
        let written = "select center_id from code_receipt";
        assert_eq!(store.fetch(written, Vec::new()).await?, [["a1".into()]]);
        let mut transaction = store.begin().await?;
        transaction.run_script("drop table code_receipt").await?;
        transaction.commit().await?;
        assert_eq!(inbox.take(&brought).await, CommandStatus::EsmeRxTAppn);
        Ok(())
    }
}
