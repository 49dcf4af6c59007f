//! The license files: read anew for every decision that asks, so that a license that was taken away counts for nothing
//! from that moment. Only what a file with these very bytes says is remembered, because its signature costs time.
//!
//! Source: reference manual, LICENSE_FILE_LOCATION, LICENSE_CACHE_SIZE, LICENSE_CACHE_TTL. That no age of a cache delays a
//! revocation is ours.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use handlers::Licensing;
use handlers::licenses::{Found, check};
use lru::LruCache;
use schemas::license::{FILE_EXTENSION, FILE_LENGTH_MAX};
use schemas::settings::Settings;
use schemas::{Digest, Timestamp};
use tokio::io::AsyncReadExt as _;

/// Files that are looked at; more than that is not a folder of licenses.
const FILES_MAX: usize = 1000;

/// Reads licenses.
#[derive(Debug)]
pub struct LicenseBook {
    /// Public key of the issuer, SubjectPublicKeyInfo DER; `None` switches licensing off.
    issuer: Option<Vec<u8>>,
    known: Mutex<LruCache<Digest, Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    found: Found,
    checked_at: Timestamp,
}

impl LicenseBook {
    /// A book of this issuer's licenses.
    pub fn new(issuer: Option<Vec<u8>>) -> Self {
        Self {
            issuer,
            known: Mutex::new(LruCache::new(NonZeroUsize::MIN)),
        }
    }

    /// What lies at the place of the licenses at this moment.
    pub async fn look(&self, settings: &Settings, now: Timestamp) -> Licensing {
        let Some(issuer) = &self.issuer else {
            return Licensing::Off;
        };
        let place = Path::new(settings.license_file_location());
        match files(place).await {
            Ok(files) => {
                let found = files
                    .iter()
                    .map(|file| self.judge(file, issuer, settings, now));
                Licensing::Found(found.collect())
            }
            Err(error) => {
                tracing::error!(place = %place.display(), error = &error as &dyn std::error::Error, "licenses cannot be read");
                Licensing::Unreadable
            }
        }
    }

    fn judge(&self, file: &[u8], issuer: &[u8], settings: &Settings, now: Timestamp) -> Found {
        let Some(size) = NonZeroUsize::new(settings.license_cache_size()) else {
            return check(file, issuer);
        };
        let ttl_ms = settings.license_cache_ttl_s().unsigned_abs() * 1000;
        let digest = Digest::sha256(file);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.cap() != size {
            known.resize(size);
        }
        if let Some(known) = known.get(&digest)
            && known.checked_at.distance_ms(now) < ttl_ms
        {
            return known.found.clone();
        }
        let found = check(file, issuer);
        let entry = Known {
            found: found.clone(),
            checked_at: now,
        };
        known.put(digest, entry);
        found
    }
}

/// The files at the place whose name is one of a license, in the order of their names.
async fn files(place: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    let mut entries = tokio::fs::read_dir(place).await?;
    while let Some(entry) = entries.next_entry().await? {
        let path = entry.path();
        if path
            .extension()
            .is_some_and(|extension| extension == FILE_EXTENSION)
        {
            paths.push(path);
        }
        if paths.len() > FILES_MAX {
            return Err(std::io::Error::other("too many license files"));
        }
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        // Longer than any license is as good as illegible, and is not read to its end.
        let mut bytes = Vec::new();
        let length_max = FILE_LENGTH_MAX as u64 + 1;
        match tokio::fs::File::open(&path).await {
            Ok(file) => match file.take(length_max).read_to_end(&mut bytes).await {
                Ok(_) => files.push(bytes),
                Err(error) => tell(&path, &error, &mut files),
            },
            // Taken away while we looked.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => tell(&path, &error, &mut files),
        }
    }
    Ok(files)
}

/// One file that cannot be read makes no other one worse; it counts as illegible.
fn tell(path: &Path, error: &std::io::Error, files: &mut Vec<Vec<u8>>) {
    tracing::warn!(file = %path.display(), error = error as &dyn std::error::Error, "a license file cannot be read");
    files.push(Vec::new());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(place: &Path, cache: &str) -> Settings {
        let mut settings = Settings::default();
        let place = place.to_str().unwrap();
        settings.set("LICENSE_FILE_LOCATION", place).unwrap();
        settings.set("LICENSE_CACHE_SIZE", cache).unwrap();
        settings
    }

    #[tokio::test]
    async fn only_an_issuer_makes_anybody_look() {
        let nowhere = settings(Path::new("/nonexistent"), "10");
        let off = LicenseBook::new(None).look(&nowhere, Timestamp(0)).await;
        assert_eq!(off, Licensing::Off);
        let on = LicenseBook::new(Some(vec![1]));
        assert_eq!(on.look(&nowhere, Timestamp(0)).await, Licensing::Unreadable);
    }

    #[tokio::test]
    async fn what_lies_there_is_seen_at_once_however_large_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        for cache in ["0", "1", "10"] {
            let settings = settings(folder.path(), cache);
            let book = LicenseBook::new(Some(vec![1]));
            let seen = async || match book.look(&settings, Timestamp(0)).await {
                Licensing::Found(found) => found.len(),
                other => panic!("files were expected: {other:?}"),
            };
            assert_eq!(seen().await, 0);
            std::fs::write(folder.path().join("one.license"), "{}").unwrap();
            std::fs::write(folder.path().join("two.license"), "[]").unwrap();
            std::fs::write(folder.path().join("report.docx"), "").unwrap();
            assert_eq!(seen().await, 2);
            std::fs::remove_file(folder.path().join("one.license")).unwrap();
            assert_eq!(seen().await, 1);
            std::fs::remove_file(folder.path().join("two.license")).unwrap();
        }
    }
}
