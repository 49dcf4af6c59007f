//! Where a user's part of the mobile door is: the server's address and the beginning of every target.

use std::net::IpAddr;

use reqwest::Url;
use schemas::{SystemId, UserId};

use crate::error::LocalError;

/// Address of one user's part of the mobile door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// `https://host:port/prefix/pc-client-api/v1/<system>/users/<user>/`
    address: String,
    /// Length of scheme, host and port: what follows is the target.
    origin_length: usize,
}

impl Door {
    /// The door of a user at a server. `url` may have a path; nothing between device and server may rewrite it, since the
    /// target is under the MAC.
    pub fn new(url: &str, system_id: &SystemId, user_id: &UserId) -> Result<Self, LocalError> {
        let url = Url::parse(url).map_err(|_| LocalError::UrlRefused)?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let private = url.scheme() == "https" || url.scheme() == "http" && is_this_machine(&url);
        if !plain || !private {
            return Err(LocalError::UrlRefused);
        }
        let (system_id, user_id) = (segment(system_id.as_str())?, segment(user_id.as_str())?);
        let base = url.as_str().trim_end_matches('/');
        // A key names either the server or, as the bank's parameter does, the mobile door itself.
        let base = base.strip_suffix("/pc-client-api").unwrap_or(base);
        Ok(Self {
            address: format!("{base}/pc-client-api/v1/{system_id}/users/{user_id}/"),
            origin_length: url.origin().ascii_serialization().len(),
        })
    }

    /// The whole address of a request.
    pub(crate) fn url(&self, tail: &str) -> String {
        let mut url = String::with_capacity(self.address.len() + tail.len());
        url.push_str(&self.address);
        url.push_str(tail);
        url
    }

    /// How much of an address stands before its target.
    pub(crate) fn origin_length(&self) -> usize {
        self.origin_length
    }
}

/// An identifier as a part of a path. Every HTTP client resolves `.` and `..`, encoded or not, so they cannot be sent.
pub(crate) fn segment(id: &str) -> Result<&str, LocalError> {
    match id {
        "." | ".." => Err(LocalError::IdRefused),
        _ => Ok(id),
    }
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(url: &str) -> Result<Door, LocalError> {
        Door::new(url, &"s".parse().unwrap(), &"u".parse().unwrap())
    }

    #[test]
    fn the_target_begins_after_the_port() {
        let cases = [
            ("https://pc.example", "/pc-client-api/v1/s/users/u/register"),
            (
                "https://pc.example:443/",
                "/pc-client-api/v1/s/users/u/register",
            ),
            (
                "https://pc.example:8443/bank/",
                "/bank/pc-client-api/v1/s/users/u/register",
            ),
            (
                "http://127.0.0.1:8080",
                "/pc-client-api/v1/s/users/u/register",
            ),
            ("http://[::1]:8080", "/pc-client-api/v1/s/users/u/register"),
            ("http://localhost", "/pc-client-api/v1/s/users/u/register"),
        ];
        for (url, target) in cases {
            let door = door(url).unwrap();
            let url = door.url("register");
            assert_eq!(&url[door.origin_length()..], target, "{url}");
            assert_eq!(
                Url::parse(&url).unwrap().as_str(),
                url,
                "nothing is left to normalize"
            );
        }
    }

    #[test]
    fn an_address_that_could_leak_or_mislead_is_refused() {
        for url in [
            "http://pc.example",
            "http://localhost.example",
            "ftp://pc.example",
            "https://user@pc.example",
            "https://pc.example/?a=b",
            "https://pc.example/#a",
            "pc.example",
        ] {
            assert_eq!(door(url), Err(LocalError::UrlRefused), "{url}");
        }
        let dots = Door::new(
            "https://pc.example",
            &"s".parse().unwrap(),
            &"..".parse().unwrap(),
        );
        assert_eq!(dots, Err(LocalError::IdRefused));
    }
}
