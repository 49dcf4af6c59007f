//! `--receivers`: what the operator knows of those at the other end of callbacks. It is read once, at the start.

mod jks;
mod material;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use reactors::{EgressRule, EgressRules, OutgoingTls, Pin, SystemEgress};
use schemas::SystemId;
use serde::Deserialize;

use crate::AnyError;
use material::{IdentityFile, StoreFile};

/// What the file says.
#[derive(Debug, Default)]
pub struct Receivers {
    /// Whom calls believe, and who they are.
    pub tls: OutgoingTls,
    /// Systems with rules of their own.
    pub systems: HashMap<String, SystemEgress>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    trust: Trust,
    identity: Option<IdentityFile>,
    systems: BTreeMap<String, System>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Trust {
    stores: Vec<StoreFile>,
    only: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct System {
    allow: Vec<String>,
    pins: Vec<String>,
    identity: Option<IdentityFile>,
}

/// Reads the file, and the stores and keys that it names; their paths are relative to its folder.
pub fn read(path: &Path) -> Result<Receivers, AnyError> {
    let unusable = |reason: String| format!("{} is not usable: {reason}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    parse(&text, &folder).map_err(|reason| unusable(reason).into())
}

fn parse(text: &str, folder: &Path) -> Result<Receivers, String> {
    let file = if text.trim().is_empty() {
        File::default()
    } else {
        serde_saphyr::from_str::<File>(text).map_err(|error| error.to_string())?
    };
    let identity = |file: Option<IdentityFile>| file.map(|file| file.read(folder)).transpose();
    let mut authorities = Vec::new();
    for store in &file.trust.stores {
        authorities.extend(store.read(folder)?);
    }
    if file.trust.only && authorities.is_empty() {
        return Err(
            "trust.only is true, and no store is named: nobody would be believed".to_owned(),
        );
    }
    let tls = OutgoingTls {
        authorities,
        only_these: file.trust.only,
        identity: identity(file.identity)?,
    };
    let mut systems = HashMap::new();
    for (id, system) in file.systems {
        let of = |reason: String| format!("systems.{id}: {reason}");
        id.parse::<SystemId>()
            .map_err(|error| of(error.to_string()))?;
        let rules = SystemEgress {
            allow: blocks(&system.allow).map_err(of)?,
            pins: pins(&system.pins).map_err(of)?,
            identity: identity(system.identity).map_err(of)?,
        };
        systems.insert(id, rules);
    }
    Ok(Receivers { tls, systems })
}

fn blocks(texts: &[String]) -> Result<Vec<EgressRule>, String> {
    let mut blocks = Vec::new();
    for text in texts {
        blocks.extend(text.parse::<EgressRules>()?.0);
    }
    Ok(blocks)
}

fn pins(texts: &[String]) -> Result<Vec<Pin>, String> {
    texts.iter().map(|text| text.parse()).collect()
}

#[cfg(test)]
mod tests;
