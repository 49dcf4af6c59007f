//! Files of a backup: written through, with their digests.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use event_log::whole::{Cell, Table};
use sha2::{Digest as _, Sha256};

use crate::BackupError;
use crate::manifest::Kept;
use crate::rows::{self, ROW_MAX};

/// SHA-256, hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A file of a table's rows.
pub(crate) fn name_of(table: &Table) -> String {
    format!("{}.rows", table.name)
}

/// Rows on their way into a file.
pub(crate) struct Writing {
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl Writing {
    pub(crate) fn begin(path: PathBuf) -> Result<Self, BackupError> {
        let file = File::create_new(&path).map_err(BackupError::file("make", &path))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    pub(crate) fn put(&mut self, row: Vec<Cell>) -> std::io::Result<()> {
        let bytes = rows::encode(row);
        self.hash.update(&bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(&bytes)
    }

    /// The file is durable after this.
    pub(crate) fn end(self) -> Result<Kept, BackupError> {
        let Self {
            path,
            file,
            hash,
            bytes,
        } = self;
        let ended = file
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error);
        let synced = ended.and_then(|file| file.sync_all());
        synced.map_err(BackupError::file("write", path))?;
        Ok(Kept {
            bytes,
            sha256: hex::encode(hash.finalize()),
        })
    }
}

/// Rows on their way out of a file.
pub(crate) struct Reading {
    table: &'static Table,
    path: PathBuf,
    file: BufReader<File>,
    /// Where the next row begins.
    pub(crate) offset: u64,
}

impl Reading {
    pub(crate) fn begin(folder: &Path, table: &'static Table) -> Result<Self, BackupError> {
        let path = folder.join(name_of(table));
        let file = File::open(&path).map_err(BackupError::file("read", &path))?;
        Ok(Self {
            table,
            path,
            file: BufReader::new(file),
            offset: 0,
        })
    }

    /// Whose rows these are.
    pub(crate) fn table(&self) -> &'static Table {
        self.table
    }

    /// The next row; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<Cell>>, BackupError> {
        let altered = || BackupError::Altered(self.path.clone());
        let failed = BackupError::file("read", &self.path);
        let mut length = [0; 4];
        match self.file.read(&mut length[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(failed(error)),
        }
        self.file
            .read_exact(&mut length[1..])
            .map_err(|_| altered())?;
        let length = u32::from_be_bytes(length) as usize;
        if length > ROW_MAX {
            return Err(altered());
        }
        let mut body = vec![0; length];
        self.file.read_exact(&mut body).map_err(|_| altered())?;
        self.offset += 4 + length as u64;
        rows::decode(self.table, &body)
            .map(Some)
            .ok_or_else(altered)
    }
}

/// Writes a small file, whole or not at all; it is durable afterwards.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let beside = path.with_extension("new");
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(BackupError::file("write", path))
}

/// Length and digest of a file.
pub(crate) fn kept(path: &Path) -> Result<Kept, BackupError> {
    let read = || {
        let (mut file, mut hash, mut bytes) = (File::open(path)?, Sha256::new(), 0);
        let mut piece = vec![0; 1 << 16];
        loop {
            match file.read(&mut piece)? {
                0 => break,
                count => {
                    hash.update(&piece[..count]);
                    bytes += count as u64;
                }
            }
        }
        Ok(Kept {
            bytes,
            sha256: hex::encode(hash.finalize()),
        })
    };
    read().map_err(BackupError::file("read", path))
}

/// Every file below a folder, by its path in it.
pub(crate) fn below(folder: &Path) -> Result<Vec<String>, BackupError> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(inner) = open.pop() {
        let failed = || BackupError::file("look into", inner.clone());
        for entry in std::fs::read_dir(&inner).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(name) = path.strip_prefix(folder) {
                found.push(name.display().to_string());
            }
        }
    }
    found.sort();
    Ok(found)
}
