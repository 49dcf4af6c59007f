//! `report_device`: what a device notices about itself.

use schemas::commands::devices::{DeviceReport, ReportDevice};
use schemas::events::Event;

use crate::asked::{Asked, looked};
use crate::decision::Decision;

/// Journals the report under the manual's word. It changes nothing: whoever reads the journal draws the conclusions. Of a
/// deleted key the bank is told at once, since nobody will confirm with it.
pub(crate) fn decide(asked: &Asked<'_>, command: &ReportDevice) -> Decision {
    let mut event = looked(command.report.word(), None);
    if let (DeviceReport::KeyDeleted, Event::Looked(looked)) = (command.report, &mut event) {
        looked.callback_url = asked.system.callback_url();
    }
    Decision::happened(vec![event])
}

#[cfg(test)]
mod tests {
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
            let heard = story.device_asks(ReportDevice { report });
            heard.happens(&[report.word()]);
            let Event::Looked(looked) = &heard.decision().events[0] else {
                panic!("a look was expected");
            };
            let told = report == DeviceReport::KeyDeleted;
            assert_eq!(looked.callback_url.is_some(), told, "{report:?}");
        }
    }
}
