//! Certificates and keys in files: PEM, PKCS#12, JKS. Which of them it is, its content says.

use std::path::{Path, PathBuf};

use gateway::KeyStore;
use reactors::Identity;
use rustls::pki_types::CertificateDer;
use schemas::Secret;
use serde::Deserialize;

use super::jks;

/// Longest file, bytes.
const LENGTH_MAX: usize = 1024 * 1024;

/// A file with authorities: a PEM file by its path alone, a store with the file of its password.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum StoreFile {
    Plain(PathBuf),
    Locked(LockedFile),
}

/// A store and the file of its password.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedFile {
    path: PathBuf,
    #[serde(rename = "password-file")]
    password_file: PathBuf,
}

/// Who we are: a certificate and its key as PEM files, or a PKCS#12 store.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum IdentityFile {
    Pem(PemIdentity),
    Store(LockedFile),
}

/// A certificate and its key as PEM files.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PemIdentity {
    certificate: PathBuf,
    #[serde(rename = "private-key")]
    private_key: PathBuf,
}

impl StoreFile {
    /// The authorities in it.
    pub fn read(&self, folder: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
        let path = match self {
            Self::Plain(path) | Self::Locked(LockedFile { path, .. }) => folder.join(path),
        };
        let of = |reason: &dyn std::fmt::Display| format!("{}: {reason}", path.display());
        let bytes = content(&path)?;
        let found = match self {
            Self::Plain(_) => pem(&bytes).map_err(|reason| of(&reason))?,
            Self::Locked(file) => {
                let password = file.password(folder)?;
                if bytes.starts_with(&jks::MAGIC) {
                    let text = password.expose_text().unwrap_or_default();
                    jks::certificates(&bytes, text).map_err(|reason| of(&reason))?
                } else {
                    let store = KeyStore {
                        path: path.clone(),
                        password,
                    };
                    store.authorities().map_err(|error| whole(&error))?
                }
            }
        };
        if found.is_empty() {
            return Err(of(&"it holds no certificate"));
        }
        Ok(found)
    }
}

impl IdentityFile {
    /// The certificate with its chain, and its key.
    pub fn read(&self, folder: &Path) -> Result<Identity, String> {
        let (chain, key) = match self {
            Self::Pem(file) => {
                let (path, key_path) = (
                    folder.join(&file.certificate),
                    folder.join(&file.private_key),
                );
                let of = |path: &Path, reason: &dyn std::fmt::Display| {
                    format!("{}: {reason}", path.display())
                };
                let chain = pem(&content(&path)?).map_err(|reason| of(&path, &reason))?;
                if chain.is_empty() {
                    return Err(of(&path, &"it holds no certificate"));
                }
                let key = rustls_pemfile::private_key(&mut &content(&key_path)?[..]);
                let key = key.map_err(|error| of(&key_path, &error))?;
                (
                    chain,
                    key.ok_or_else(|| of(&key_path, &"it holds no private key"))?,
                )
            }
            Self::Store(file) => {
                let store = KeyStore {
                    path: folder.join(&file.path),
                    password: file.password(folder)?,
                };
                store.identity().map_err(|error| whole(&error))?
            }
        };
        Ok(Identity::new(chain, key))
    }
}

impl LockedFile {
    /// A line end at the end of the file is no part of the password.
    fn password(&self, folder: &Path) -> Result<Secret, String> {
        let path = folder.join(&self.password_file);
        let text = String::from_utf8(content(&path)?);
        let text = text.map_err(|_| format!("{}: it is not text", path.display()))?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(Secret::new(
            text.strip_suffix('\r').unwrap_or(text).to_owned(),
        ))
    }
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if bytes.len() > LENGTH_MAX {
        return Err(format!("{}: it is too long", path.display()));
    }
    Ok(bytes)
}

fn pem(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, std::io::Error> {
    rustls_pemfile::certs(&mut &bytes[..]).collect()
}

/// An error with what caused it, in one line.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
