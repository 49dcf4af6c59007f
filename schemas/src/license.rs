//! A license: what an issuer lets one system do. A file of its own, signed, readable by people.
//!
//! `{"license": {…}, "signature": "<base64 DER>"}`. The signature is ECDSA P-256 SHA-256 over [`SIGNED_PREFIX`] and the
//! bytes of the value of `license`, exactly as they stand in the file.
//!
//! Source: reference manual, "LICENSE_FILE_LOCATION", codes 284 to 287, 296, 307 to 309 and 352. The manual is silent about
//! what is in a license; the format is ours, and so is what the two billing types mean.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Digest, SystemId, Timestamp};

/// Name of a license file: whatever stands before, this at the end.
pub const FILE_EXTENSION: &str = "license";

/// Longest license file, bytes.
pub const FILE_LENGTH_MAX: usize = 64 * 1024;

/// Stands before the signed bytes, so that a signature of something else is never one of a license.
pub const SIGNED_PREFIX: &[u8] = b"countersign license v1\n";

/// Billing type of a license that is paid after the fact: it limits no number of users.
pub const POST_PAID: i64 = 1;

/// Billing type of a license for a number of users.
pub const NUMBER_OF_USERS: i64 = 2;

/// Longest identity and longest name in a license, bytes.
const TEXT_LENGTH_MAX: usize = 256;

/// What one system may do, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct License {
    /// Its name among the issuer's licenses.
    pub license_id: String,
    /// For whom; for people.
    #[serde(default)]
    pub issued_to: String,
    /// The one system it is for.
    pub system_id: SystemId,
    /// [`POST_PAID`] or [`NUMBER_OF_USERS`].
    pub billing_type: i64,
    /// Users it lets be there at once; of a post-paid one, the number that was agreed on, which limits nothing.
    pub users_count: i64,
    /// What it permits beyond confirmations, by [`Feature::word`]. A word of a newer version permits nothing here.
    #[serde(default)]
    pub features: Vec<String>,
    /// The first moment at which it counts, ms since the Unix epoch.
    pub valid_from: Timestamp,
    /// The first moment at which it does not count any more, ms since the Unix epoch.
    pub valid_to: Timestamp,
}

/// An option that is licensed separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Scoring of devices and behavior.
    Scoring,
    /// Automatic confirmation by score.
    Autosign,
    /// Keys kept and used by the server.
    ServerSigner,
    /// Recovery of a key by a code word.
    RemoteUpdate,
    /// Certificates of an authority.
    Pki,
    /// Signatures in PDF documents.
    Pdf,
}

impl Feature {
    /// Every option.
    pub const ALL: [Self; 6] = [
        Self::Scoring,
        Self::Autosign,
        Self::ServerSigner,
        Self::RemoteUpdate,
        Self::Pki,
        Self::Pdf,
    ];

    /// Its word in a license.
    pub fn word(self) -> &'static str {
        match self {
            Self::Scoring => "scoring",
            Self::Autosign => "autosign",
            Self::ServerSigner => "server_signer",
            Self::RemoteUpdate => "remote_update",
            Self::Pki => "pki",
            Self::Pdf => "pdf",
        }
    }
}

impl License {
    /// Does it permit the option?
    pub fn permits(&self, feature: Feature) -> bool {
        self.features.iter().any(|word| word == feature.word())
    }

    fn is_sound(&self) -> bool {
        let texts = [&self.license_id, &self.issued_to];
        !self.license_id.is_empty()
            && texts.iter().all(|text| text.len() <= TEXT_LENGTH_MAX)
            && self.users_count >= 0
            && self.valid_from < self.valid_to
    }
}

/// A license with the signature that came with it, which nobody has checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedLicense {
    /// What it says.
    pub license: License,
    /// SHA-256 of what has to be signed.
    pub digest: Digest,
    /// DER as received.
    pub signature: Vec<u8>,
}

/// The text is not one of a license file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a license file")]
pub struct NotALicense;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    license: Box<RawValue>,
    signature: String,
}

/// SHA-256 of what an issuer signs.
pub fn digest_of(license: &str) -> Digest {
    Digest::sha256(&[SIGNED_PREFIX, license.as_bytes()].concat())
}

/// Reads a license file.
pub fn read(file: &[u8]) -> Result<SignedLicense, NotALicense> {
    if file.len() > FILE_LENGTH_MAX {
        return Err(NotALicense);
    }
    let file: File = serde_json::from_slice(file).map_err(|_| NotALicense)?;
    let license: License = serde_json::from_str(file.license.get()).map_err(|_| NotALicense)?;
    if !license.is_sound() {
        return Err(NotALicense);
    }
    Ok(SignedLicense {
        license,
        digest: digest_of(file.license.get()),
        signature: STANDARD.decode(file.signature).map_err(|_| NotALicense)?,
    })
}

/// Writes a license file: the text of the license as it was signed, and the signature, DER.
pub fn write(license: &str, signature: &[u8]) -> Result<String, NotALicense> {
    let file = format!(
        "{{\"license\": {license},\n\"signature\": \"{}\"}}\n",
        STANDARD.encode(signature)
    );
    read(file.as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn license() -> License {
        License {
            license_id: "2026-17".to_owned(),
            issued_to: "Bank".to_owned(),
            system_id: "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse().unwrap(),
            billing_type: NUMBER_OF_USERS,
            users_count: 100,
            features: vec![
                "scoring".to_owned(),
                "something of a later version".to_owned(),
            ],
            valid_from: Timestamp(0),
            valid_to: Timestamp(1000),
        }
    }

    #[test]
    fn what_is_written_is_read_and_the_bytes_are_what_is_signed() {
        let text = serde_json::to_string_pretty(&license()).unwrap();
        let file = write(&text, b"signature").unwrap();
        let read = read(file.as_bytes()).unwrap();
        assert_eq!(read.license, license());
        assert_eq!(read.signature, b"signature");
        assert_eq!(read.digest, digest_of(&text));
        assert_ne!(
            read.digest,
            digest_of(&serde_json::to_string(&license()).unwrap())
        );
    }

    #[test]
    fn an_option_is_permitted_by_its_word() {
        let permitted = Feature::ALL.map(|feature| license().permits(feature));
        assert_eq!(permitted, [true, false, false, false, false, false]);
    }

    #[test]
    fn a_license_that_makes_no_sense_is_none() {
        let wrong: [fn(&mut License); 4] = [
            |license| license.license_id.clear(),
            |license| license.users_count = -1,
            |license| license.valid_to = license.valid_from,
            |license| license.issued_to = "x".repeat(257),
        ];
        for spoil in wrong {
            let mut license = license();
            spoil(&mut license);
            let text = serde_json::to_string(&license).unwrap();
            assert_eq!(write(&text, b"s"), Err(NotALicense), "{text}");
        }
        for file in ["", "[]", r#"{"license": {}, "signature": ""}"#] {
            assert_eq!(read(file.as_bytes()), Err(NotALicense), "{file}");
        }
        let long = vec![b' '; FILE_LENGTH_MAX + 1];
        assert_eq!(read(&long), Err(NotALicense));
    }
}
