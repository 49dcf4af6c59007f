//! Themes of the applications: `<themes>/v52/<system_id>.zip`, served as they lie there once they were found harmless.
//!
//! An archive is looked at again when its file changes. Whoever puts one there is trusted to mean well and not to make no
//! mistakes: what a phone unpacks was unpacked here first.

mod check;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use schemas::SystemId;

use check::{ARCHIVE_LENGTH_MAX, BadTheme};

/// Archives that are remembered.
const REMEMBERED_MAX: usize = 256;

/// The themes of all systems.
#[derive(Debug)]
pub(crate) struct Themes {
    folder: Option<PathBuf>,
    known: Arc<Mutex<HashMap<SystemId, Known>>>,
}

/// An archive that was looked at. `None` for one that is not served.
#[derive(Clone, Debug)]
struct Known {
    state: State,
    archive: Option<Bytes>,
}

/// By what a change is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    length: u64,
    changed_at: Option<SystemTime>,
}

impl Themes {
    pub(crate) fn in_folder(folder: Option<PathBuf>) -> Self {
        Self {
            folder: folder.map(|folder| folder.join("v52")),
            known: Arc::default(),
        }
    }

    /// The archive of a system's theme; `None` when there is none, or none that may be served.
    pub(crate) async fn of(&self, system_id: &SystemId) -> Option<Bytes> {
        let path = self.folder.as_ref()?.join(format!("{system_id}.zip"));
        let (known, system_id) = (Arc::clone(&self.known), system_id.clone());
        let looked = tokio::task::spawn_blocking(move || look(&path, &system_id, &known));
        looked.await.ok().flatten()
    }
}

fn look(
    path: &Path,
    system_id: &SystemId,
    known: &Mutex<HashMap<SystemId, Known>>,
) -> Option<Bytes> {
    let mut file = File::open(path).ok()?;
    let about = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let state = State {
        length: about.len(),
        changed_at: about.modified().ok(),
    };
    let lock = || known.lock().unwrap_or_else(PoisonError::into_inner);
    let remembered = lock().get(system_id).cloned();
    if let Some(known) = remembered.filter(|known| known.state == state) {
        return known.archive;
    }
    let archive = match read(&mut file) {
        Ok(archive) => Some(archive),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(system.id = %system_id, error, "a theme is not served");
            None
        }
    };
    let mut known = lock();
    if known.len() >= REMEMBERED_MAX {
        known.clear();
    }
    let newly = Known {
        state,
        archive: archive.clone(),
    };
    known.insert(system_id.clone(), newly);
    archive
}

fn read(file: &mut File) -> Result<Bytes, BadTheme> {
    let mut bytes = Vec::new();
    file.take(ARCHIVE_LENGTH_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(BadTheme::File)?;
    check::check(&bytes)?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_changed_file_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("v52")).unwrap();
        let system_id: SystemId = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse().unwrap();
        let file = folder.path().join(format!("v52/{system_id}.zip"));
        let themes = Themes::in_folder(Some(folder.path().to_owned()));
        assert_eq!(themes.of(&system_id).await, None);
        let archive = testing::archive(&testing::good());
        std::fs::write(&file, &archive).unwrap();
        assert_eq!(themes.of(&system_id).await.as_deref(), Some(&archive[..]));
        assert_eq!(themes.of(&system_id).await.as_deref(), Some(&archive[..]));
        std::fs::write(&file, b"no archive").unwrap();
        assert_eq!(themes.of(&system_id).await, None);
        assert_eq!(Themes::in_folder(None).of(&system_id).await, None);
    }
}
