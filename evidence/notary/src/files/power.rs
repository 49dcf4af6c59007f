//! A power cut, for the tests: it comes after a number of steps, in the middle of a write, and takes with it whatever was not
//! flushed: the end of files, and names that were given.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The power, and what a cut would take.
#[derive(Debug, Default)]
pub(super) struct Power(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Steps until the cut; `None` when there is none.
    left: Option<u64>,
    is_cut: bool,
    /// Files with bytes that are not flushed, and how long they are without them.
    unflushed: BTreeMap<PathBuf, u64>,
    /// Names that were given in folders that were not flushed since, and what was there before.
    renamed: Vec<(PathBuf, Option<Vec<u8>>)>,
    /// Everything that a reader could see under a name, also what a cut has taken since.
    shown: Vec<(PathBuf, Vec<u8>)>,
}

impl Power {
    pub(super) fn cut_after(&self, steps: u64) {
        self.state().left = Some(steps);
    }

    pub(super) fn is_there(&self) -> bool {
        !self.state().is_cut
    }

    /// Goes on, unless the power is cut.
    pub(super) fn step(&self) -> io::Result<()> {
        let mut state = self.state();
        match state.left {
            Some(0) => {
                state.cut()?;
                Err(io::Error::other("the power was cut"))
            }
            Some(left) => {
                state.left = Some(left - 1);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Bytes are written behind the first `length`, which are as safe as they were.
    pub(super) fn writes(&self, path: &Path, length: u64) {
        let mut state = self.state();
        state.unflushed.entry(path.to_owned()).or_insert(length);
    }

    pub(super) fn flushed(&self, path: &Path) {
        self.state().unflushed.remove(path);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file takes a name that another may have.
    pub(super) fn renames(&self, from: &Path, to: &Path) {
        let mut state = self.state();
        if let Some(length) = state.unflushed.remove(from) {
            state.unflushed.insert(to.to_owned(), length);
        }
        let before = std::fs::read(to).ok();
        state.renamed.push((to.to_owned(), before));
        let shown = std::fs::read(from).unwrap_or_default();
        state.shown.push((to.to_owned(), shown));
    }

    pub(super) fn shown(&self, path: &Path) -> Vec<Vec<u8>> {
        let state = self.state();
        let here = state.shown.iter().filter(|(shown, _)| shown == path);
        here.map(|(_, bytes)| bytes.clone()).collect()
    }

    pub(super) fn folder_flushed(&self, folder: &Path) {
        let mut state = self.state();
        state
            .renamed
            .retain(|(path, _)| path.parent() != Some(folder));
    }
}

impl State {
    fn cut(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.is_cut, true) {
            return Ok(());
        }
        for (path, length) in std::mem::take(&mut self.unflushed) {
            if let Ok(file) = std::fs::OpenOptions::new().write(true).open(&path) {
                file.set_len(length)?;
            }
        }
        while let Some((path, before)) = self.renamed.pop() {
            match before {
                Some(bytes) => std::fs::write(&path, bytes)?,
                None => std::fs::remove_file(&path)?,
            }
        }
        Ok(())
    }
}
