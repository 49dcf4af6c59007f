//! The folder: where it is, what is in it, and whether it has changed.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::de::DeserializeOwned;

use super::common::Common;
use super::{App, Templates};

/// Where the manual looks, one after the other.
const PLACES: [&str; 2] = ["/opt/pc/pc_pusher", "C:\\pc\\pc_pusher"];

/// Most files of a subfolder. More than that is another folder than ours.
const FILES_MAX: usize = 10_000;

/// Longest file, bytes.
const LENGTH_MAX: u64 = 1024 * 1024;

/// Everything in it.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// What holds for all pushes.
    pub(crate) common: Common,
    /// Credentials by application.
    pub(crate) apps: HashMap<String, App>,
    /// Authorities to trust besides the machine's, PEM.
    pub(crate) authorities: Option<Vec<u8>>,
    systems: HashMap<String, Templates>,
    fallback: Templates,
}

/// What is wrong with the folder: which file, which field, and why. No value of it is in here.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The folder that was named is not there.
    #[error("there is no folder {0}")]
    NoFolder(PathBuf),
    /// A file that cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A field that cannot be meant so.
    #[error("{path}: {field}: {reason}")]
    Field {
        /// In which file.
        path: PathBuf,
        /// Which field.
        field: String,
        /// Why.
        reason: String,
    },
}

/// What the files looked like: names, lengths, times of change.
pub(crate) type Stamp = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// The first folder of the list that is there (`pc.pusher.config-path`, commas between); without a list the manual's places
/// are looked at. `None` when nothing was named and nothing is there: then there are no pushes.
pub fn find_folder(named: Option<&str>) -> Result<Option<PathBuf>, ConfigurationError> {
    let first = |places: &mut dyn Iterator<Item = &str>| {
        places.map(PathBuf::from).find(|place| place.is_dir())
    };
    let Some(named) = named.filter(|named| !named.trim().is_empty()) else {
        return Ok(first(&mut PLACES.into_iter()));
    };
    let found = first(&mut named.split(',').map(str::trim));
    found
        .map(Some)
        .ok_or_else(|| ConfigurationError::NoFolder(PathBuf::from(named)))
}

/// Reads and checks all of it.
pub(crate) fn read(folder: &Path) -> Result<Configuration, ConfigurationError> {
    let path = folder.join("pusher.conf.json");
    let common: Common = if path.exists() {
        file(&path)?
    } else {
        Common::default()
    };
    if let Some((at, reason)) = common.wrong() {
        return Err(field(&path, at, reason));
    }
    let authorities = common.authorities.as_ref();
    let authorities = authorities
        .map(|name| bytes(&folder.join(name)))
        .transpose()?;
    let mut apps = HashMap::new();
    for (name, path) in files(&folder.join("apps"))? {
        let app: App = file(&path)?;
        if let Some((at, reason)) = app.wrong() {
            return Err(field(&path, at, reason));
        }
        apps.insert(name, app);
    }
    let mut systems = HashMap::new();
    for (name, path) in files(&folder.join("systems"))? {
        let templates: Templates = file(&path)?;
        if let Some((at, reason)) = templates.wrong() {
            return Err(field(&path, &at, &reason));
        }
        systems.insert(name, templates);
    }
    Ok(Configuration {
        common,
        apps,
        authorities,
        fallback: systems
            .remove("default")
            .unwrap_or_else(Templates::built_in),
        systems,
    })
}

/// What the files look like now.
pub(crate) fn stamp(folder: &Path) -> Stamp {
    let mut stamp = Stamp::new();
    for place in [
        folder.to_owned(),
        folder.join("apps"),
        folder.join("systems"),
    ] {
        let Ok(entries) = std::fs::read_dir(place) else {
            continue;
        };
        for entry in entries.take(FILES_MAX).flatten() {
            if let Ok(about) = std::fs::metadata(entry.path())
                && about.is_file()
            {
                stamp.insert(entry.path(), (about.len(), about.modified().ok()));
            }
        }
    }
    stamp
}

impl Configuration {
    /// What there is without a folder.
    pub(crate) fn empty() -> Self {
        Self {
            common: Common::default(),
            apps: HashMap::new(),
            authorities: None,
            systems: HashMap::new(),
            fallback: Templates::default(),
        }
    }

    /// The templates of a system: its own file wins over the one for all others.
    pub(crate) fn templates(&self, system_id: &str) -> &Templates {
        self.systems.get(system_id).unwrap_or(&self.fallback)
    }

    /// Is a push ever withdrawn?
    pub(crate) fn withdraws(&self) -> bool {
        self.fallback.withdraws() || self.systems.values().any(Templates::withdraws)
    }
}

/// The JSON files of a subfolder by their names without the ending; none when it is not there.
fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>, ConfigurationError> {
    let unreadable = |source| ConfigurationError::Unreadable {
        path: folder.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries.take(FILES_MAX) {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(name) = name.and_then(|name| name.strip_suffix(".json")) {
            files.push((name.to_owned(), path.clone()));
        }
    }
    files.sort();
    Ok(files)
}

fn bytes(path: &Path) -> Result<Vec<u8>, ConfigurationError> {
    let read = std::fs::metadata(path).and_then(|about| {
        if about.len() > LENGTH_MAX {
            return Err(io::Error::other("it is longer than a megabyte"));
        }
        std::fs::read(path)
    });
    read.map_err(|source| ConfigurationError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn file<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigurationError> {
    let bytes = bytes(path)?;
    let reader = &mut serde_json::Deserializer::from_slice(&bytes);
    let read = serde_path_to_error::deserialize(&mut *reader);
    let read = read.map_err(|error| {
        let at = error.path().to_string();
        let inner = error.inner();
        let place = format!("line {}, column {}", inner.line(), inner.column());
        let reason = match inner.classify() {
            // The library's words repeat what stands there, which may be a secret.
            serde_json::error::Category::Data => shape(&inner.to_string()),
            _ => "is no JSON".to_owned(),
        };
        field(path, &at, &format!("{reason} ({place})"))
    })?;
    reader
        .end()
        .map_err(|_| field(path, ".", "something follows the JSON"))?;
    Ok(read)
}

/// What is wrong with a value, without the value.
fn shape(words: &str) -> String {
    let names = [
        "missing field",
        "unknown field",
        "duplicate field",
        "unknown variant",
    ];
    if names.iter().any(|name| words.starts_with(name)) {
        let end = words.find(", expected").or_else(|| words.find(" at line"));
        return words[..end.unwrap_or(words.len())].to_owned();
    }
    match words.split_once(", expected ") {
        Some((_, expected)) => {
            let expected = expected.split(" at line").next().unwrap_or_default();
            format!("is not {expected}")
        }
        None => "is not what belongs here".to_owned(),
    }
}

fn field(path: &Path, field: &str, reason: &str) -> ConfigurationError {
    ConfigurationError::Field {
        path: path.to_owned(),
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
