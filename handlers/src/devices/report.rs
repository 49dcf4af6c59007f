//! `report_device`: what a device notices about itself.

use schemas::commands::devices::ReportDevice;

use crate::asked::looked;
use crate::decision::Decision;

/// Journals the report under the manual's word. It changes nothing: whoever reads the journal draws the conclusions.
pub(crate) fn decide(command: &ReportDevice) -> Decision {
    Decision::happened(vec![looked(command.report.word(), None)])
}

#[cfg(test)]
mod tests {
    use schemas::commands::devices::DeviceReport;

    use super::*;
    use crate::testing::Story;

    #[test]
    fn every_report_is_journaled_under_its_word() {
        let mut story = Story::of_a_user();
        for report in [
            DeviceReport::KeyDeleted,
            DeviceReport::RootDetected,
            DeviceReport::HighRiskAppsDetected,
            DeviceReport::PasswordIncorrect,
            DeviceReport::PasswordCorrect,
            DeviceReport::PasswordChanged,
        ] {
            story
                .device_asks(ReportDevice { report })
                .happens(&[report.word()]);
        }
    }
}
