//! One route, one file: request, answer, description, handler, tests, in that order.

pub(crate) mod admin;
pub(crate) mod billing;
pub(crate) mod codes;
pub(crate) mod journal_filter;
pub(crate) mod letters;
pub(crate) mod mobile;
pub(crate) mod operations;
pub(crate) mod operators;
pub(crate) mod pusher;
pub(crate) mod system;
pub(crate) mod transactions;

use axum::http::Uri;

use crate::error::ApiError;

/// Longest address a caller may give us, bytes.
const URL_LENGTH_MAX: usize = 2048;

/// Refuses what is not an address of the web. Empty text is permitted: it switches off what the address is for.
pub(crate) fn check_url(place: &str, url: Option<&str>) -> Result<(), ApiError> {
    let Some(url) = url.filter(|url| !url.is_empty()) else {
        return Ok(());
    };
    let fits = url.len() <= URL_LENGTH_MAX
        && url.parse::<Uri>().is_ok_and(|uri| {
            let web = matches!(uri.scheme_str(), Some("http" | "https"));
            let host = uri.authority().map_or("", |authority| authority.as_str());
            web && !host.is_empty() && !host.contains('@')
        });
    if fits {
        Ok(())
    } else {
        Err(ApiError::at(format_args!(
            "{place} is not an http or https address"
        )))
    }
}

/// Refuses a text longer than so many bytes.
pub(crate) fn check_length(place: &str, text: &str, length_max: usize) -> Result<(), ApiError> {
    if text.len() > length_max {
        return Err(ApiError::at(format_args!(
            "{place} exceeds {length_max} bytes"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_the_web() {
        for url in [
            "",
            "http://bank.example/callback",
            "https://bank.example:8443/a?b=c",
        ] {
            assert!(check_url("callback_url", Some(url)).is_ok(), "{url}");
        }
        for url in [
            "gopher://x/",
            "/callback",
            "http://",
            "https://user:pass@bank.example/",
            "javascript:1",
            "http://a b/",
        ] {
            assert!(check_url("callback_url", Some(url)).is_err(), "{url}");
        }
    }
}
