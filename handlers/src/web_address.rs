//! Addresses we are asked to call. Whether an address may be called is the reactors' business; here it only has to be one.

/// The longest address, bytes.
const LENGTH_MAX: usize = 2048;

/// Is this an absolute http or https address: a scheme, a host, and nothing that is not printable ASCII?
pub(crate) fn is_absolute(address: &str) -> bool {
    let rest = address
        .strip_prefix("https://")
        .or_else(|| address.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let printable = address.bytes().all(|byte| byte.is_ascii_graphic());
    printable
        && address.len() <= LENGTH_MAX
        && host
            .is_some_and(|host| !host.is_empty() && !host.starts_with(':') && !host.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for good in [
            "http://bank",
            "https://bank.example/callback?a=1#b",
            "https://[::1]:8443/",
        ] {
            assert!(is_absolute(good), "{good}");
        }
        for wrong in [
            "",
            "bank.example",
            "/callback",
            "//bank",
            "ftp://bank",
            "HTTPS//bank",
            "https://",
            "https:///path",
            "https://:443",
            "https://bank\n",
            "https://ba nk",
            "https://банк",
            "https://user@bank",
            "file:///etc/passwd",
        ] {
            assert!(!is_absolute(wrong), "{wrong}");
        }
        let longest = format!("https://{}", "b".repeat(LENGTH_MAX - 8));
        assert!(is_absolute(&longest));
        assert!(!is_absolute(&format!("{longest}b")));
    }
}
