//! The functional report: the operator's template, filled with a period's figures.
//!
//! Source: reference manual, REPORT_TEMPLATE. The manual's template is a document of an office suite; ours is a text in the
//! language of Jinja, and the report is a text, too.
//!
//! A template runs on our machine. So it is the operator's: one that a system names for itself has to lie in the folder of
//! REPORT_TEMPLATE or below it. It reads no other file, and how long it may run and how much it may write is limited.

use std::io::Write;
use std::path::{Path, PathBuf};

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use schemas::answers::BillingPeriod;
use schemas::journal::Figures;
use serde::Serialize;

/// Longest template, bytes.
const TEMPLATE_LENGTH_MAX: u64 = 256 * 1024;
/// Longest report, bytes.
const REPORT_LENGTH_MAX: usize = 1024 * 1024;
/// Steps of a template at most.
const STEPS_MAX: u64 = 1_000_000;
/// Nested calls in a template at most.
const NESTING_MAX: usize = 32;

/// Why there is no report. It names the place and never the template's words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    #[error("the template does not lie in the folder of REPORT_TEMPLATE")]
    Elsewhere,
    #[error("the template cannot be read")]
    Unreadable,
    #[error("the template is longer than {TEMPLATE_LENGTH_MAX} bytes")]
    TooLong,
    #[error("the template does not work: {0}")]
    Wrong(String),
}

/// What a template is given.
#[derive(Serialize)]
struct Frame<'a> {
    system: System<'a>,
    period: Period,
    figures: &'a Figures,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names a template reads")]
struct System<'a> {
    system_id: &'a str,
    name: &'a str,
    description: &'a str,
    billing_type: i64,
    billing_period: i64,
}

#[derive(Serialize)]
struct Period {
    /// `YYYY-MM-DD`.
    first_day: String,
    last_day: String,
    /// Ms since the Unix epoch; `to` is the first moment after it.
    from: i64,
    to: i64,
}

/// Fills the template. `operators` is REPORT_TEMPLATE, `None` while it is empty.
pub(crate) fn fill(
    template: &Path,
    operators: Option<&Path>,
    period: &BillingPeriod,
    figures: &Figures,
) -> Result<String, ReportError> {
    let path = permitted(template, operators)?;
    let source = read(&path)?;
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(STEPS_MAX));
    environment.set_recursion_limit(NESTING_MAX);
    // The name's end decides what is escaped: .html and .xml, or .json.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let frame = Frame {
        system: System {
            system_id: period.system.system_id.as_str(),
            name: &period.system.name,
            description: &period.system.description,
            billing_type: period.system.billing_type,
            billing_period: period.system.billing_period,
        },
        period: Period {
            first_day: period.from.day_text(),
            last_day: period.to.plus_ms(-1).day_text(),
            from: period.from.0,
            to: period.to.0,
        },
        figures,
    };
    let template = environment
        .template_from_named_str(&name, &source)
        .map_err(|error| wrong(&error))?;
    let mut report = Limited(Vec::new());
    template
        .render_captured_to(Value::from(Serde(&frame)), &mut report)
        .map_err(|error| wrong(&error))?;
    String::from_utf8(report.0).map_err(|_| ReportError::Wrong("it is not UTF-8".to_owned()))
}

/// The true place of the template, if it may be used.
fn permitted(template: &Path, operators: Option<&Path>) -> Result<PathBuf, ReportError> {
    let operators = operators.ok_or(ReportError::Elsewhere)?;
    let truly = |path: &Path| path.canonicalize().map_err(|_| ReportError::Unreadable);
    if template == operators {
        return truly(template);
    }
    let folder = operators.parent().ok_or(ReportError::Elsewhere)?;
    // What is not there and what lies elsewhere sound the same to whoever asks.
    let path = template
        .canonicalize()
        .map_err(|_| ReportError::Elsewhere)?;
    if path.starts_with(truly(folder)?) {
        Ok(path)
    } else {
        Err(ReportError::Elsewhere)
    }
}

fn read(path: &Path) -> Result<String, ReportError> {
    let unreadable = |_| ReportError::Unreadable;
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err(ReportError::Unreadable);
    }
    if about.len() > TEMPLATE_LENGTH_MAX {
        return Err(ReportError::TooLong);
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// The kind of the error and its line: its words could repeat the template's.
fn wrong(error: &minijinja::Error) -> ReportError {
    let line = error
        .line()
        .map_or(String::new(), |line| format!(", line {line}"));
    ReportError::Wrong(format!("{}{line}", error.kind()))
}

/// Takes so many bytes and no more.
struct Limited(Vec<u8>);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > REPORT_LENGTH_MAX {
            return Err(std::io::Error::other("the report is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::period;

    fn filled(name: &str, source: &str) -> Result<String, ReportError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, source).unwrap();
        let figures = Figures {
            users: 3,
            events: [("create_user".to_owned(), 4)].into(),
            ..Figures::default()
        };
        let mut period = period();
        period.system.name = "<Bank & Co>".to_owned();
        fill(&path, Some(&path), &period, &figures)
    }

    #[test]
    fn a_template_is_filled_and_escaped_by_its_name() {
        let source = "{{ system.name }}: {{ figures.users }} from {{ period.first_day }} through {{ period.last_day }}\
                      {% for word, count in figures.events|items %}, {{ word }} {{ count }}{% endfor %}";
        let rest = ": 3 from 2023-12-25 through 2023-12-25, create_user 4";
        let plain = filled("report.txt", source).unwrap();
        assert_eq!(plain, format!("<Bank & Co>{rest}"));
        let html = filled("report.html", source).unwrap();
        assert_eq!(html, format!("&lt;Bank &amp; Co&gt;{rest}"));
    }

    #[test]
    fn a_template_that_is_wrong_or_greedy_gives_no_report() {
        for source in [
            "{{ system.no_such_member }}",
            "{% for",
            "{% include \"/etc/passwd\" %}",
            "{% for a in range(10000) %}{% for b in range(10000) %}{{ b }}{% endfor %}{% endfor %}",
            "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        ] {
            assert!(
                matches!(filled("report.html", source), Err(ReportError::Wrong(_))),
                "{source}"
            );
        }
        let long = "x".repeat(TEMPLATE_LENGTH_MAX as usize + 1);
        assert!(matches!(filled("a", &long), Err(ReportError::TooLong)));
        let wide = "x".repeat(1000);
        let much = format!("{{% for a in range(2000) %}}{wide}{{% endfor %}}");
        assert!(matches!(filled("a", &much), Err(ReportError::Wrong(_))));
    }

    #[test]
    fn a_system_reads_no_file_but_the_operators_templates() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("templates");
        std::fs::create_dir_all(place.join("banks")).unwrap();
        let (operators, own) = (place.join("report.html"), place.join("banks/own.html"));
        let secret = folder.path().join("secret");
        for path in [&operators, &own, &secret] {
            std::fs::write(path, "text").unwrap();
        }
        let link = place.join("link.html");
        std::os::unix::fs::symlink(&secret, &link).unwrap();
        let try_with = |path: &Path, operators: Option<&Path>| {
            fill(path, operators, &period(), &Figures::default())
        };
        assert_eq!(try_with(&own, Some(&operators)).unwrap(), "text");
        for path in [
            secret.clone(),
            link,
            place.join("../secret"),
            place.join("nothing.html"),
            PathBuf::from("/etc/hostname"),
        ] {
            let refused = try_with(&path, Some(&operators));
            assert!(matches!(refused, Err(ReportError::Elsewhere)), "{path:?}");
        }
        assert!(matches!(try_with(&own, None), Err(ReportError::Elsewhere)));
    }
}
