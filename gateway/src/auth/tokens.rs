//! Bearer tokens of application systems. The file holds digests only, so reading it gives nobody a token.

use std::path::Path;

use axum::http::{HeaderMap, header};
use schemas::{Digest, ErrorCode, SystemId};

use crate::error::ApiError;
use crate::ids::parse_system_id;

/// The tokens of a listener: one line each, `<system_id> <SHA-256 of the token, hex>`; `*` in the place of the system
/// gives the right to register systems and to administer the server, `operator:<system_id>` or `operator:*` the right to ask
/// what an operator asks. Empty lines and lines that begin with `#` are ignored.
#[derive(Clone)]
pub struct TokenFile {
    entries: Vec<(Scope, Digest)>,
}

/// What a token gives access to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Registering systems, and the server's settings.
    Administration,
    /// Everything of one system.
    System(SystemId),
    /// What an operator asks of one system.
    Operator(SystemId),
    /// What an operator asks of any.
    AnyOperator,
}

/// Why a token file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTokenFile {
    /// It cannot be read.
    #[error("cannot read the token file {path}")]
    File {
        /// Which file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A line is not in the grammar.
    #[error(
        "line {0} of the token file is not `<system_id|*|operator:system_id|operator:*> <sha256 of the token, hex>`"
    )]
    Line(usize),
    /// It holds no token: nobody could speak.
    #[error("the token file holds no token")]
    Empty,
}

impl std::fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenFile({} tokens)", self.entries.len())
    }
}

impl TokenFile {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, InvalidTokenFile> {
        let text = std::fs::read_to_string(path).map_err(|source| InvalidTokenFile::File {
            path: path.display().to_string(),
            source,
        })?;
        Self::parse(&text)
    }

    /// Reads the text of such a file.
    pub fn parse(text: &str) -> Result<Self, InvalidTokenFile> {
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                entries.push(entry(line).ok_or(InvalidTokenFile::Line(index + 1))?);
            }
        }
        if entries.is_empty() {
            return Err(InvalidTokenFile::Empty);
        }
        Ok(Self { entries })
    }

    /// Whether the request's token gives access. A token that is good elsewhere hears of this system what it would hear of
    /// one that does not exist.
    pub(crate) fn check(&self, headers: &HeaderMap, scope: &Scope) -> Result<(), ApiError> {
        let presented = bearer(headers).map(|token| Digest::sha256(token.as_bytes()));
        let (mut known, mut admitted) = (false, false);
        // Every entry is compared, in constant time each, so that the time taken says nothing.
        for (entry_scope, digest) in &self.entries {
            let equal = presented.as_ref().is_some_and(|presented| {
                let compared = aws_lc_rs::constant_time::verify_slices_are_equal(
                    presented.as_bytes(),
                    digest.as_bytes(),
                );
                compared.is_ok()
            });
            known |= equal;
            admitted |= equal && entry_scope.covers(scope);
        }
        match (admitted, known, scope) {
            (true, _, _) => Ok(()),
            (false, true, Scope::System(_) | Scope::Operator(_)) => {
                Err(ApiError::new(ErrorCode::SystemNotFound))
            }
            (false, _, _) => Err(ApiError::new(ErrorCode::HttpAuthCodeInvalid)),
        }
    }
}

impl Scope {
    /// Does a token of this scope give what is asked for?
    fn covers(&self, asked: &Self) -> bool {
        match (self, asked) {
            (Self::AnyOperator, Self::Operator(_)) => true,
            (own, asked) => own == asked,
        }
    }
}

fn entry(line: &str) -> Option<(Scope, Digest)> {
    let (scope, digest) = line.split_once(char::is_whitespace)?;
    let scope = match (scope, scope.strip_prefix("operator:")) {
        ("*", _) => Scope::Administration,
        (_, Some("*")) => Scope::AnyOperator,
        (_, Some(system_id)) => Scope::Operator(parse_system_id(system_id).ok()?),
        (system_id, None) => Scope::System(parse_system_id(system_id).ok()?),
    };
    Some((scope, digest.trim().parse().ok()?))
}

/// The token of the one `Authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const SYSTEM: &str = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53";
    const OTHER: &str = "0b9bd3d2-6d0e-4f25-9c34-d0a2b1b6f7aa";

    fn tokens() -> TokenFile {
        let digest = |token: &str| Digest::sha256(token.as_bytes());
        let text = format!(
            "# ours\n\n{SYSTEM} {}\n* {}\noperator:{SYSTEM} {}\noperator:* {}\n",
            digest("one"),
            digest("root"),
            digest("desk"),
            digest("head desk")
        );
        TokenFile::parse(&text).unwrap()
    }

    fn check(authorization: Option<&str>, scope: &Scope) -> Result<(), ErrorCode> {
        let mut headers = HeaderMap::new();
        if let Some(text) = authorization {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(text).unwrap());
        }
        tokens()
            .check(&headers, scope)
            .map_err(|error| error.code())
    }

    #[test]
    fn a_token_opens_its_own_system_and_no_other() {
        let own = Scope::System(SYSTEM.parse().unwrap());
        let foreign = Scope::System(OTHER.parse().unwrap());
        assert_eq!(check(Some("Bearer one"), &own), Ok(()));
        assert_eq!(
            check(Some("Bearer one"), &foreign),
            Err(ErrorCode::SystemNotFound)
        );
        assert_eq!(
            check(Some("Bearer root"), &own),
            Err(ErrorCode::SystemNotFound)
        );
        assert_eq!(check(Some("Bearer root"), &Scope::Administration), Ok(()));
        for none in [
            None,
            Some("Bearer two"),
            Some("Basic one"),
            Some("Bearer "),
            Some("one"),
        ] {
            assert_eq!(
                check(none, &own),
                Err(ErrorCode::HttpAuthCodeInvalid),
                "{none:?}"
            );
        }
        let refused = check(Some("Bearer one"), &Scope::Administration);
        assert_eq!(refused, Err(ErrorCode::HttpAuthCodeInvalid));
    }

    #[test]
    fn an_operators_token_opens_what_operators_ask_and_nothing_else() {
        let own = Scope::Operator(SYSTEM.parse().unwrap());
        let foreign = Scope::Operator(OTHER.parse().unwrap());
        assert_eq!(check(Some("Bearer desk"), &own), Ok(()));
        assert_eq!(check(Some("Bearer head desk"), &own), Ok(()));
        assert_eq!(check(Some("Bearer head desk"), &foreign), Ok(()));
        for (token, scope) in [
            ("Bearer desk", &foreign),
            ("Bearer one", &own),
            ("Bearer desk", &Scope::System(SYSTEM.parse().unwrap())),
        ] {
            assert_eq!(check(Some(token), scope), Err(ErrorCode::SystemNotFound));
        }
        let administration = check(Some("Bearer head desk"), &Scope::Administration);
        assert_eq!(administration, Err(ErrorCode::HttpAuthCodeInvalid));
    }

    #[test]
    fn a_wrong_line_is_named() {
        assert!(matches!(
            TokenFile::parse("# x\nnonsense"),
            Err(InvalidTokenFile::Line(2))
        ));
        assert!(matches!(
            TokenFile::parse("#"),
            Err(InvalidTokenFile::Empty)
        ));
    }
}
