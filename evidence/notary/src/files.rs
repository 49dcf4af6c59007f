//! Files that are whole or not there, and durable when it says so.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

#[cfg(test)]
mod power;

/// A folder of such files.
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    power: Power,
}

/// There is power as long as the process runs.
#[cfg(not(test))]
#[derive(Debug, Default)]
struct Power();

#[cfg(test)]
use power::Power;

#[cfg(not(test))]
#[expect(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "the tests' power can be cut"
)]
impl Power {
    fn step(&self) -> io::Result<()> {
        Ok(())
    }

    fn writes(&self, _: &Path, _: u64) {}

    fn flushed(&self, _: &Path) {}

    fn renames(&self, _: &Path, _: &Path) {}

    fn folder_flushed(&self, _: &Path) {}
}

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {}", path.display())]
pub struct FileError {
    verb: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl FileError {
    pub(crate) fn new(verb: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            verb,
            path: path.to_owned(),
            source,
        }
    }

    /// Is the file not there?
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

impl Files {
    /// In a folder that need not be there.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            power: Power::default(),
        }
    }

    /// In a folder that is made when it is not there.
    pub fn make(root: &Path) -> Result<Self, FileError> {
        std::fs::create_dir_all(root).map_err(|error| FileError::new("make", root, error))?;
        Ok(Self::new(root))
    }

    /// Where a file is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The bytes of a file.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, FileError> {
        let path = self.path(name);
        std::fs::read(&path).map_err(|error| FileError::new("read", &path, error))
    }

    /// The bytes of a file; `None` when there is none.
    pub fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, FileError> {
        match self.read(name) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The text of a file; `None` when there is none.
    pub fn text(&self, name: &str) -> Result<Option<String>, FileError> {
        let path = self.path(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::new("read", &path, error)),
        }
    }

    /// Writes these files, each whole or not at all; all of them are durable afterwards.
    pub fn write(&self, files: &[(String, Vec<u8>)]) -> Result<(), FileError> {
        let mut folders = BTreeSet::new();
        let mut written = Vec::with_capacity(files.len());
        for (name, bytes) in files {
            let path = self.path(name);
            let failed = |error| FileError::new("write", &path, error);
            let folder = path.parent().expect("the name is below the root");
            self.make_folder(folder, &mut folders).map_err(failed)?;
            folders.insert(folder.to_owned());
            let beside = beside(&path);
            let mut file = File::create(&beside).map_err(failed)?;
            self.power.writes(&beside, 0);
            self.put(&mut file, bytes).map_err(failed)?;
            written.push((file, beside, path));
        }
        // All are written before the first is flushed: the file system then flushes most of them at once.
        for (file, beside, path) in written {
            let failed = |error| FileError::new("write", &path, error);
            self.flush(&file, &beside).map_err(failed)?;
            self.power.step().map_err(failed)?;
            self.power.renames(&beside, &path);
            std::fs::rename(&beside, &path).map_err(failed)?;
        }
        for folder in folders {
            let failed = |error| FileError::new("write", &folder, error);
            self.flush_folder(&folder).map_err(failed)?;
        }
        Ok(())
    }

    /// Writes a file over what it was; the bytes are durable afterwards. Whoever is interrupted leaves neither the one nor the
    /// other, so they must tell by themselves whether they are whole. No file is made: where hundreds were removed a minute ago,
    /// making one is the dearest part of writing it.
    pub fn write_over(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.path(name);
        let write = || {
            let is_new = !path.exists();
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)?;
            self.power.writes(&path, bytes.len() as u64 / 2);
            self.put(&mut file, bytes)?;
            let length = bytes.len() as u64;
            if file.metadata()?.len() > length {
                file.set_len(length)?;
            }
            self.flush(&file, &path)?;
            if is_new {
                self.flush_folder(&self.root)?;
            }
            Ok(())
        };
        write().map_err(|error| FileError::new("write", &path, error))
    }

    /// Adds bytes at the end of a file; they are durable afterwards.
    pub fn append(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.path(name);
        let append = || {
            let is_new = !path.exists();
            let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
            self.power.writes(&path, file.metadata()?.len());
            self.put(&mut file, bytes)?;
            self.flush(&file, &path)?;
            if is_new {
                self.flush_folder(&self.root)?;
            }
            Ok(())
        };
        append().map_err(|error| FileError::new("write", &path, error))
    }

    /// Cuts a file after so many bytes.
    pub fn cut(&self, name: &str, length: u64) -> Result<(), FileError> {
        let path = self.path(name);
        let cut = || {
            let file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(length)?;
            file.sync_all()
        };
        cut().map_err(|error| FileError::new("cut", &path, error))
    }

    /// Removes a folder; nobody minds when that is not durable, or when it is gone.
    pub fn remove_folder(&self, name: &str) {
        if self.power.step().is_ok() {
            std::fs::remove_dir_all(self.path(name)).ok();
        }
    }

    /// Makes a folder and those above it; the ones in which something is new have to be flushed.
    fn make_folder(&self, folder: &Path, flushed: &mut BTreeSet<PathBuf>) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent() {
            self.make_folder(above, flushed)?;
            flushed.insert(above.to_owned());
        }
        self.power.step()?;
        match std::fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    /// Writes bytes; a power cut here leaves half of them.
    fn put(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if let Err(cut) = self.power.step() {
            file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(cut);
        }
        file.write_all(bytes)
    }

    fn flush(&self, file: &File, path: &Path) -> io::Result<()> {
        self.power.step()?;
        file.sync_data()?;
        self.power.flushed(path);
        Ok(())
    }

    fn flush_folder(&self, folder: &Path) -> io::Result<()> {
        self.power.step()?;
        File::open(folder)?.sync_all()?;
        self.power.folder_flushed(folder);
        Ok(())
    }

    /// Cuts the power after so many steps: everything after them fails, and what was not flushed is lost.
    #[cfg(test)]
    pub fn cut_the_power_after(&self, steps: u64) {
        self.power.cut_after(steps);
    }

    /// Everything that a reader could see under that name since it was made here.
    #[cfg(test)]
    pub fn shown(&self, name: &str) -> Vec<Vec<u8>> {
        self.power.shown(&self.path(name))
    }

    /// Is the power still there?
    #[cfg(test)]
    pub fn have_power(&self) -> bool {
        self.power.is_there()
    }
}

/// Keeps other processes out as long as the file is held; `None` when one of them holds it.
pub fn hold(path: &Path) -> Result<Option<File>, FileError> {
    let failed = |error| FileError::new("lock", path, error);
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Where a file is written before it takes its name.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}
