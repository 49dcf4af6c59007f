//! The files of the project, as the other rules see them.

use std::path::{Path, PathBuf};

/// What holds no text of ours: folders, and the file that stands for one of them in a second checkout.
const SKIPPED: [&str; 4] = ["target", "tools", "data", ".git"];

/// A file of the project.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path below the root, with `/` between folders.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl File {
    /// Does the path end like this?
    pub fn is_named(&self, ending: &str) -> bool {
        self.path.ends_with(ending)
    }

    /// Does it lie in this folder?
    pub fn is_below(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// The code before its tests: the tests of a file come last.
    pub fn code_without_tests(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }
}

/// The root of the project.
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests lie below the root")
}

/// Every text file of the project, in the order of their paths.
pub fn all() -> Vec<File> {
    let mut files = Vec::new();
    collect(root(), &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Every source file in Rust.
pub fn rust() -> Vec<File> {
    all()
        .into_iter()
        .filter(|file| file.is_named(".rs"))
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<File>) {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path: PathBuf = entry.expect("the folder was opened").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let path = path
                .strip_prefix(root())
                .expect("the search began at the root")
                .to_string_lossy()
                .replace('\\', "/");
            files.push(File { path, text });
        }
    }
}
