//! The files of a dossier, and the zip they lie in.

use std::io::{self, Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::Owner;
use zip::write::SimpleFileOptions;
use zip::{ZipWriter, result::ZipError};

use crate::gather::{Content, Dossier, Outcome, Reason};
use crate::report;
use crate::words::{self, ENGLISH, RUSSIAN};

/// The zip could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot pack the dossier")]
pub struct NotPacked(#[source] Box<dyn std::error::Error + Send + Sync>);

impl From<ZipError> for NotPacked {
    fn from(error: ZipError) -> Self {
        Self(error.into())
    }
}

impl From<io::Error> for NotPacked {
    fn from(error: io::Error) -> Self {
        Self(error.into())
    }
}

/// The zip of a dossier. The same dossier always gives the same bytes.
pub fn pack(dossier: &Dossier) -> Result<Vec<u8>, NotPacked> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files(dossier) {
        zip.start_file(name, SimpleFileOptions::default())?;
        zip.write_all(&bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn files(dossier: &Dossier) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut put = |name: &str, bytes: Vec<u8>| files.push((name.to_owned(), bytes));
    put("README.txt", words::README.into());
    put("report.en.html", report::html(dossier, &ENGLISH).into());
    put("report.ru.html", report::html(dossier, &RUSSIAN).into());
    put("check.sh", check(dossier).into());
    put("digest.bin", dossier.digest.as_bytes().to_vec());
    if let Content::Kept(content) = &dossier.content {
        let ids = (&dossier.system_id, &dossier.user_id);
        let canonical = content.canonical(ids.0, ids.1, &dossier.transaction_id);
        put("shown/canonical.bin", canonical);
        put("shown/text.txt", content.text.clone().into());
        if let Some(binary) = &content.binary {
            put("shown/attachment.bin", binary.clone());
        }
    }
    if let Some(Reason::Kept(reason)) = &dossier.reason {
        let owner = Owner::User(dossier.system_id.clone(), dossier.user_id.clone());
        let canonical = reason.canonical(&owner, Some(&dossier.transaction_id));
        put("declination/canonical.bin", canonical);
        put("declination/reason.txt", reason.words.expose().to_vec());
    }
    if let Some(key) = &dossier.public_key {
        put("public-key.pem", pem(key).into());
    }
    if let Some(signature) = signature(dossier) {
        put("signature.der", signature.to_vec());
    }
    for event in &dossier.events {
        let name = name_of(event.proof.leaf.version, &event.proof.leaf.word);
        put(&format!("{name}.event"), event.stored.clone());
        put(
            &format!("{name}.record"),
            event.proof.leaf.to_string().into(),
        );
        put(
            &format!("{name}.tlog-proof"),
            event.proof.to_string().into(),
        );
    }
    put("checkpoint", dossier.checkpoint.clone().into());
    let key = dossier.verifier_key.trim_end();
    put("policy", format!("log {key}\nquorum none\n").into());
    files
}

/// Where an event lies, without the ending.
pub(crate) fn name_of(version: u64, word: &str) -> String {
    format!("events/{version:05}-{word}")
}

/// The signature over the digest, when there is one.
pub(crate) fn signature(dossier: &Dossier) -> Option<&[u8]> {
    match &dossier.outcome {
        Outcome::Confirmed { signature, .. } => signature.as_deref(),
        _ => None,
    }
}

/// The checks, as a script for a shell.
fn check(dossier: &Dossier) -> String {
    let mut script = words::CHECK.to_owned();
    if signature(dossier).is_some() && dossier.public_key.is_some() {
        script.push_str(words::CHECK_SIGNATURE);
        if matches!(dossier.content, Content::Kept(_)) {
            script.push_str(words::CHECK_SHOWN);
        }
    }
    if let Some(Reason::Kept(_)) = &dossier.reason {
        script.push_str(words::CHECK_REASON);
    }
    script.push_str(words::CHECK_EVENTS);
    script
}

fn pem(spki: &[u8]) -> String {
    let encoded = STANDARD.encode(spki);
    let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    for line in encoded.as_bytes().chunks(64) {
        pem.extend(line.iter().copied().map(char::from));
        pem.push('\n');
    }
    pem + "-----END PUBLIC KEY-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_wrapped_as_pem_wants_it() {
        let pem = pem(&[0; 91]);
        let lines: Vec<&str> = pem.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!((lines[1].len(), lines[2].len()), (64, 60));
        assert_eq!(lines[3], "-----END PUBLIC KEY-----");
    }
}
