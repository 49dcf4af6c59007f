//! Who may issue licenses, from the arguments; and no start that would serve without limits where licenses lie.

use std::path::Path;

use schemas::license::FILE_EXTENSION;
use schemas::settings::Settings;

use super::ServeArguments;
use crate::AnyError;

/// The issuer's public key, SubjectPublicKeyInfo DER; `None` where nothing needs a license.
///
/// Licenses without the key that vouches for them are a mistake of the configuration: the program does not guess which.
pub fn issuer(
    arguments: &ServeArguments,
    settings: &Settings,
) -> Result<Option<Vec<u8>>, AnyError> {
    if let Some(key) = &arguments.license_issuer_public_key {
        let key = hex::decode(key)
            .map_err(|error| format!("--license-issuer-public-key is not hex: {error}"))?;
        if !handlers::licenses::is_issuer_key(&key) {
            return Err("--license-issuer-public-key is not a P-256 public key".into());
        }
        tracing::info!("licenses are required");
        return Ok(Some(key));
    }
    let place = Path::new(settings.license_file_location());
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    let found = entries.map(|entry| entry.path()).find(|path| {
        path.extension()
            .is_some_and(|extension| extension == FILE_EXTENSION)
    });
    match found {
        None => Ok(None),
        Some(path) => Err(format!(
            "there is a license, {}, but --license-issuer-public-key does not say who issues them",
            path.display()
        )
        .into()),
    }
}
