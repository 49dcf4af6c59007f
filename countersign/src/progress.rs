//! How far an order is, for whoever waits for it.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over so many of these; 0 while it is not known how many there are.
pub fn bar(of: &str, total: u64) -> ProgressBar {
    let template = format!("{{bar:40}} {{pos}}/{{len}} {of}, {{per_sec}}, {{eta}} left");
    let style = ProgressStyle::with_template(&template).expect("the template is well-formed");
    ProgressBar::new(total).with_style(style)
}
