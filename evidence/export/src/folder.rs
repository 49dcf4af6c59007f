//! The folder of an export: for its owner alone, its files there wholly or not at all, with their sums.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use schemas::Digest;
use schemas::export::{FileSum, MANIFEST, Manifest};
use sha2::Digest as _;

use crate::ExportError;

/// The folder.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

/// Why a file was not written.
pub(crate) enum WriteError {
    File(io::Error),
    Parquet(parquet::errors::ParquetError),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl From<parquet::errors::ParquetError> for WriteError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self::Parquet(error)
    }
}

impl Folder {
    /// Makes it when it is missing. One that holds something else is refused.
    pub(crate) fn open(path: &Path) -> Result<Self, ExportError> {
        let failed = |error| ExportError::File(path.display().to_string(), error);
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
        let is_empty = std::fs::read_dir(path).map_err(failed)?.next().is_none();
        if !is_empty && !path.join(MANIFEST).exists() && !path.join("checkpoint").exists() {
            return Err(ExportError::OtherExport(path.display().to_string()));
        }
        Ok(Self(path.to_owned()))
    }

    /// The manifest of what is there; `None` in a new folder.
    pub(crate) fn manifest(&self) -> Result<Option<Manifest>, ExportError> {
        let path = self.0.join(MANIFEST);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|_| ExportError::OtherExport(self.0.display().to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ExportError::File(path.display().to_string(), error)),
        }
    }

    pub(crate) fn put_manifest(&self, manifest: &Manifest) -> Result<(), ExportError> {
        let mut text = serde_json::to_string_pretty(manifest).expect("it is always JSON");
        text.push('\n');
        self.put(MANIFEST, text.as_bytes())
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let write = |file: &mut Summed| Ok(file.write_all(bytes)?);
        self.write(name, write).map(drop)
    }

    /// Writes a file under another name, and gives it its own when it is whole and on the disk.
    pub(crate) fn write(
        &self,
        name: &str,
        fill: impl FnOnce(&mut Summed) -> Result<(), WriteError>,
    ) -> Result<FileSum, ExportError> {
        let (path, beside) = (self.0.join(name), self.0.join(format!("{name}.tmp")));
        let written = || -> Result<FileSum, WriteError> {
            let mut options = OpenOptions::new();
            let options = options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = Summed {
                file: BufWriter::new(options.open(&beside)?),
                sum: sha2::Sha256::new(),
                bytes: 0,
            };
            fill(&mut file)?;
            file.file.flush()?;
            file.file.get_ref().sync_all()?;
            std::fs::rename(&beside, &path)?;
            File::open(&self.0)?.sync_all()?;
            let sum = Digest(file.sum.finalize().into());
            Ok(FileSum::of(name, file.bytes, &sum))
        };
        written().map_err(|error| {
            let path = path.display().to_string();
            match error {
                WriteError::File(error) => ExportError::File(path, error),
                WriteError::Parquet(error) => ExportError::Parquet(path, error),
            }
        })
    }
}

/// A file that counts and sums what is written to it.
pub(crate) struct Summed {
    file: BufWriter<File>,
    sum: sha2::Sha256,
    bytes: u64,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.sum.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
