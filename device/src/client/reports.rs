//! What the device noticed about itself.

use schemas::Timestamp;
use schemas::commands::devices::DeviceReport;
use serde::Serialize;

use super::Device;
use crate::contents::Reported;
use crate::error::Error;
use crate::request::DeviceEventId;
use crate::transport::Transport;

#[derive(Serialize)]
struct Report {
    #[serde(rename = "type")]
    report: &'static str,
}

impl<T: Transport> Device<T> {
    /// Tells the server.
    pub async fn report(&self, report: DeviceReport, now: Timestamp) -> Result<(), Error> {
        let content = Report {
            report: report.word(),
        };
        let submission = self.submission("events", &DeviceEventId::fresh(), now, content);
        let Reported {} = self.submit(&submission, now).await?;
        Ok(())
    }
}
