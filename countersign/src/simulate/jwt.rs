//! The form of a token that a client signs itself; its signature is not looked at here.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

/// Header and claims, if it has three parts and the first two are JSON.
pub(super) fn parts(token: &str) -> Option<(Value, Value)> {
    let mut parts = token.split('.');
    let mut json = || {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let (header, claims) = (json()?, json()?);
    let signature = BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
    (!signature.is_empty() && parts.next().is_none()).then_some((header, claims))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_another_form_is_no_token() {
        let open = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.{}", open("{}"), open("{\"iss\":1}"), open("s"));
        assert_eq!(parts(&token).unwrap().1["iss"], 1);
        for wrong in [
            "",
            "a.b.c",
            &token[..token.len() - 2],
            &format!("{token}.x"),
        ] {
            assert!(parts(wrong).is_none(), "{wrong}");
        }
    }
}
