//! The frame of an operation: what may stand around its transactions.

use schemas::Secret;
use schemas::operation_content::Described;

use super::Rejection;
use crate::transactions::shown_text;

/// The longest description, bytes of UTF-8.
const DESCRIPTION_BYTES_MAX: usize = 16 * 1024;
/// The longest snippet, bytes of UTF-8.
const SNIPPET_BYTES_MAX: usize = 1024;
/// The longest data of the application's own, bytes.
const APP_EXTRA_BYTES_MAX: usize = 16 * 1024;

/// A description is shown, so it holds only what a screen shows.
pub(super) fn check_description(description: Option<&Described>) -> Result<(), Rejection> {
    check_shown(description, DESCRIPTION_BYTES_MAX)
}

/// A snippet is shown in a list, so it holds only what a screen shows.
pub(super) fn check_snippet(snippet: Option<&Described>) -> Result<(), Rejection> {
    check_shown(snippet, SNIPPET_BYTES_MAX)
}

/// The application's own data is carried, not read.
pub(super) fn check_app_extra(app_extra: Option<&Secret>) -> Result<(), Rejection> {
    if app_extra.is_some_and(|extra| extra.expose().len() > APP_EXTRA_BYTES_MAX) {
        return Err(Rejection::Malformed);
    }
    Ok(())
}

fn check_shown(text: Option<&Described>, bytes_max: usize) -> Result<(), Rejection> {
    let Some(Described { text, .. }) = text else {
        return Ok(());
    };
    if text.expose().len() > bytes_max || shown_text::check(text.expose()).is_err() {
        return Err(Rejection::Malformed);
    }
    Ok(())
}
