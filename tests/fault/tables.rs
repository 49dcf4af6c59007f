//! The read models, against the log: rebuilt beside the ones that served, row for row.

use std::sync::Arc;

use event_log::EventLog;
use projections::{OnDifference, Projector};

use crate::checker::Violation;

/// Brings the tables up to the log's end, rebuilds each from the first event and compares. The journal has a row for every
/// event.
pub async fn judge_tables(log: Arc<dyn EventLog>, address: &str) -> Vec<Violation> {
    let events: u64 = log.heads().await.expect("the log can be read").iter().sum();
    let projector = Projector::open(log, address)
        .await
        .expect("the read models open");
    projector
        .catch_up()
        .await
        .expect("nothing stands in the way");
    let mut violations = Vec::new();
    for name in projections::names() {
        let report = projector
            .rebuild(name, OnDifference::KeepBoth, |_| {})
            .await
            .expect("the log can be read");
        if !report.is_equal() || (name == "journal" && report.rows != events) {
            violations.push(Violation::TableDiffers(name.to_owned()));
        }
    }
    violations
}
