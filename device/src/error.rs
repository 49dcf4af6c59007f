//! What can go wrong, by where it went wrong: here, at the server, in an answer nobody can trust, or on the way.

use schemas::{ErrorCode, Timestamp};

use crate::password::PasswordError;
use crate::transport::NetworkError;

/// Why a call brought no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The device refused; nothing was sent.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The server answered with an error code.
    #[error(transparent)]
    Server(#[from] Refusal),
    /// An answer came that must not be believed. What happened at the server is unknown.
    #[error("the answer is not to be trusted")]
    Untrusted(#[from] AnswerError),
    /// No complete answer came. What happened at the server is unknown.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl Error {
    /// Is this the last word about the submission? Otherwise its outcome is open, and the same one may be sent again.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Server(refusal) => refusal.is_final(),
            Self::Untrusted(_) | Self::Network(_) => false,
        }
    }

    /// The server's code, when it answered with one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Server(refusal) => Some(refusal.code),
            Self::Local(_) | Self::Untrusted(_) | Self::Network(_) => None,
        }
    }
}

/// Why the device itself refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// The key names no server and the caller gave none.
    #[error("the key names no server address")]
    NoUrl,
    /// Not `https`, not plain, or not an address at all. Plain `http` only reaches this very machine.
    #[error("the server address must be https, without user, query or fragment")]
    UrlRefused,
    /// An identifier of dots only would change the path it stands in.
    #[error("an identifier cannot stand in a path")]
    IdRefused,
    /// An identifier of a device's event does not have 1 to 64 characters `A-Z a-z 0-9 . _ : -`.
    #[error("a device event identifier has 1 to 64 characters of A-Z a-z 0-9 . _ : -")]
    EventIdRefused,
    /// The key has only its first half.
    #[error("the key is not activated")]
    NotActivated,
    /// The key needs no activation code.
    #[error("the key is active already")]
    ActiveAlready,
    /// An activation code is one or more visible ASCII characters, without spaces.
    #[error("the activation code is empty or holds more than visible ASCII characters")]
    ActivationCodeRefused,
    /// No public key is registered.
    #[error("the device is not registered")]
    NotRegistered,
    /// The key has no second pair: its flags have no `autosign_enabled`, or it is not registered.
    #[error("the key has no pair for automatic confirmations")]
    NoSecondPair,
    /// The key's flags forbid another public key (`deny_renew_public_key`).
    #[error("the key forbids a renewal of the public key")]
    RenewalDenied,
    /// The key is bound to its device, and no fingerprint is set.
    #[error("the device fingerprint is not set")]
    FingerprintMissing,
    /// A code has 4 to 10 decimal digits, or 64 hex digits.
    #[error("a code has 4 to 10 decimal digits")]
    CodeLengthRefused,
    /// The text is not that of a transaction's QR code.
    #[error("this is not the QR code of a transaction")]
    NotATransaction,
    /// The key's policy does not permit the password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The server asks for a derivation that is not Argon2id, is too cheap, or is beyond what this client spends.
    #[error("the server asks for a derivation of the password that is refused")]
    DerivationRefused,
    /// The key's flags give the server no part in its password.
    #[error("the server has no part in the password of this key")]
    NotOnline,
    /// The transaction was shown to another user or by another key.
    #[error("the transaction was shown with another key")]
    ShownWithAnotherKey,
}

/// The server's answer, when it is an error code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server refused: {code}")]
pub struct Refusal {
    /// Its code.
    pub code: ErrorCode,
    /// Its words, in the server's language. Show them through [`crate::render::as_shown`].
    pub message: String,
    /// HTTP status of the answer.
    pub http_status: u16,
    /// Whether a right MAC shows that the server itself said so. Errors found before the key was looked at carry none.
    pub authenticated: bool,
    /// With 342 and 344: how many tries of the activation code, or of the password, are left.
    pub attempts_left: Option<u32>,
    /// The server's clock; `None` when the answer did not say. A hint, not authenticated.
    pub server_time: Option<Timestamp>,
}

impl Refusal {
    /// Is this the server's last word about the submission? It is not when the server could not say so under its MAC,
    /// when it was busy, and when it refused only this sending: an earlier one may have succeeded.
    pub fn is_final(&self) -> bool {
        let open = matches!(
            self.code,
            ErrorCode::JavaInternalError
                | ErrorCode::RequestIsLockedByAnotherRequest
                | ErrorCode::HttpAuthCodeInvalid
                | ErrorCode::TimeSyncError
        );
        self.authenticated && !open
    }
}

/// Why an answer is not believed.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// A success without `PC-Auth-Response`.
    #[error("the answer carries no MAC")]
    MacMissing,
    /// `PC-Auth-Response` is doubled or not in the grammar.
    #[error("the MAC of the answer is not well-formed")]
    MacMalformed,
    /// The MAC does not fit the status, the body or the request.
    #[error("the MAC of the answer is wrong")]
    MacWrong,
    /// The body is not an envelope.
    #[error("the answer with HTTP status {http_status} is not an envelope")]
    NotAnEnvelope {
        /// HTTP status of the answer.
        http_status: u16,
        /// What was wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The envelope has another version.
    #[error("the answer has the unsupported version {0}")]
    VersionUnsupported(u32),
    /// The envelope answers another question.
    #[error("the answer is not of type {expected}")]
    TypeUnexpected {
        /// The type that was expected.
        expected: &'static str,
    },
    /// An error number outside the table.
    #[error("the answer carries the unknown error code {0}")]
    CodeUnknown(u16),
    /// The content lacks a field or has one of another kind.
    #[error("the content of the answer is not well-formed")]
    ContentMalformed(#[source] serde_json::Error),
    /// A field has an impossible value.
    #[error("the answer has an impossible {0}")]
    ValueImpossible(&'static str),
    /// The answer speaks of another transaction.
    #[error("the answer speaks of another transaction")]
    AnotherTransaction,
    /// The digest the server named is not the digest of what it served.
    #[error("the digest does not fit what was served")]
    DigestMismatch,
    /// The binary is not the one the digest covers.
    #[error("the binary does not fit its digest")]
    BinaryMismatch,
    /// The second half of the key, or the access key, does not open.
    #[error("what was released does not open")]
    ReleaseMismatch(#[from] crate::secrets::ReleaseError),
}
