//! Checks a copy of the journal, and proofs of single events, from files alone.
//!
//! The tree is built anew from the entries, record by record: every tile must be what follows from them, and the root must
//! be the one that was signed.

mod export;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use evidence::tile::{self, Kind};
use evidence::{Checkpoint, Edge, EventProof, EventProofError, Policy, PolicyError, Tile};
use schemas::export::MANIFEST;
use schemas::{Digest, Lane, Owner, Position};

/// What was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The checkpoints of whole journals, in words.
    pub journals: Vec<String>,
    /// Earlier checkpoints that the journals continue.
    pub continued: usize,
    /// Proofs of single events.
    pub proofs: usize,
    /// Exports, in words.
    pub exports: Vec<String>,
}

/// Why it was not right, or could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file is missing, or cannot be read.
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// A file is not what its name says.
    #[error("{} is not {}", .0.display(), .1)]
    Shape(PathBuf, &'static str),
    /// A checkpoint is not signed as the policy wants it.
    #[error("the checkpoint {} is not believable", .0.display())]
    Checkpoint(PathBuf, #[source] PolicyError),
    /// A tile does not follow from the entries.
    #[error("{} does not follow from the entries of the journal", .0.display())]
    Tile(PathBuf),
    /// The entries lead to another root.
    #[error("the entries of {} lead to another root than the signed one", .0.display())]
    Root(PathBuf),
    /// The journal is not a continuation of an earlier one.
    #[error("the journal does not continue the checkpoint {}: one of them was made from another history", .0.display())]
    Since(PathBuf),
    /// The order has a gap, or ends too early.
    #[error("{} breaks off at record {record}, before the {size} of the checkpoint", path.display())]
    Order {
        /// The file.
        path: PathBuf,
        /// The first record that cannot be there.
        record: u64,
        /// Records of the checkpoint.
        size: u64,
    },
    /// A proof does not hold.
    #[error("the proof {} does not hold", .0.display())]
    Proof(PathBuf, #[source] EventProofError),
    /// The bytes beside a proof are not those of its record.
    #[error("{} is not what the record beside it has as stored", .0.display())]
    Stored(PathBuf),
    /// Two proofs contradict each other.
    #[error("the proof {} does not fit the proof of the event before it", .0.display())]
    Chain(PathBuf),
    /// A file of an export is not the one that was written.
    #[error("{}: the manifest has another sum", .0.display())]
    Sum(PathBuf),
    /// Rows of an export are missing, or stand in another order.
    #[error("{}: rows are missing, or out of order", .0.display())]
    Missing(PathBuf),
    /// An export broke off.
    #[error("the export {} is not complete: it can be continued", .0.display())]
    Incomplete(PathBuf),
    /// Nothing was found that could be checked.
    #[error("{} holds neither a journal nor proofs nor an export", .0.display())]
    Nothing(PathBuf),
}

impl VerifyError {
    /// Could it not be checked, rather than being wrong?
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Read(..) | Self::Shape(..) | Self::Nothing(_))
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for journal in &self.journals {
            writeln!(f, "journal right: {journal}")?;
        }
        if self.continued > 0 {
            writeln!(f, "earlier checkpoints continued: {}", self.continued)?;
        }
        for export in &self.exports {
            writeln!(f, "export right: {export}")?;
        }
        if self.proofs > 0 {
            writeln!(f, "proofs right: {}", self.proofs)?;
        }
        Ok(())
    }
}

/// Checks what lies at this path: a journal, proofs, one proof, or an export. `since` are files of earlier checkpoints.
pub fn verify(path: &Path, policy: &Policy, since: &[PathBuf]) -> Result<Checked, VerifyError> {
    let mut checked = Checked::default();
    if path.is_dir() && path.join("tile").is_dir() {
        let checkpoint = journal(path, policy, since)?;
        checked.continued = since.len();
        let mut said = format!(
            "{} records of {} under {}",
            checkpoint.size(),
            checkpoint.origin(),
            checkpoint.root()
        );
        // Only who has the log can fold it; what was signed of it is told.
        for extension in checkpoint.extensions() {
            said.push_str("\n  signed with it: ");
            said.push_str(extension);
        }
        checked.journals.push(said);
    }
    let files = if path.is_dir() {
        proofs_in(path)?
    } else {
        vec![path.to_owned()]
    };
    checked.proofs = proofs(&files, policy)?;
    if path.join(MANIFEST).is_file() {
        let found = export::export(path, policy)?;
        checked.exports.push(found.said);
        checked.proofs += found.proofs;
    }
    if checked == Checked::default() {
        return Err(VerifyError::Nothing(path.to_owned()));
    }
    Ok(checked)
}

/// A checkpoint from its file, once the policy believes it.
pub fn checkpoint(path: &Path, policy: &Policy) -> Result<Checkpoint, VerifyError> {
    let note = text(path)?;
    policy
        .accept(&note)
        .map_err(|error| VerifyError::Checkpoint(path.to_owned(), error))
}

fn journal(folder: &Path, policy: &Policy, since: &[PathBuf]) -> Result<Checkpoint, VerifyError> {
    let signed = checkpoint(&folder.join("checkpoint"), policy)?;
    let mut earlier = Vec::new();
    for path in since {
        earlier.push((checkpoint(path, policy)?, path));
    }
    let mut edge = Edge::default();
    let mut bundle: Vec<Digest> = Vec::new();
    let mut wrong = None;
    loop {
        let size = edge.size();
        for (checkpoint, path) in &earlier {
            if checkpoint.size() == size && *checkpoint.root() != edge.root() {
                return Err(VerifyError::Since((*path).clone()));
            }
        }
        if size == signed.size() {
            break;
        }
        let offset = (size % tile::TILE_WIDTH) as usize;
        if offset == 0 {
            bundle = entries(folder, size, signed.size())?;
        }
        edge.push(bundle[offset], |tile, bytes| {
            wrong = wrong.take().or(differs(folder, tile, &bytes).err());
        });
        if let Some(wrong) = wrong.take() {
            return Err(wrong);
        }
    }
    for (tile, bytes) in edge.partial() {
        differs(folder, tile, &bytes)?;
    }
    if edge.root() != *signed.root() {
        return Err(VerifyError::Root(folder.to_owned()));
    }
    if let Some((_, path)) = earlier.iter().find(|(old, _)| old.size() > signed.size()) {
        return Err(VerifyError::Since((*path).clone()));
    }
    order(&folder.join("order"), signed.size())?;
    Ok(signed)
}

/// The entries from record `from` to the end of their bundle.
fn entries(folder: &Path, from: u64, size: u64) -> Result<Vec<Digest>, VerifyError> {
    let tile = Tile::holding(Kind::Entries, from, size).expect("the record is one of them");
    let (path, bytes) = tile_file(folder, tile)?;
    let wrong = || VerifyError::Shape(path.clone(), "a bundle of entries");
    let entries = tile::unbundle(&bytes).ok_or_else(wrong)?;
    if (entries.len() as u64) < tile.width {
        return Err(wrong());
    }
    Ok(entries)
}

/// Fails when the file of a tile is not these bytes.
fn differs(folder: &Path, tile: Tile, bytes: &[u8]) -> Result<(), VerifyError> {
    let (path, found) = tile_file(folder, tile)?;
    // A fuller tile begins with what the partial one had.
    let is_fuller = !tile.is_full() && found.len() > bytes.len();
    if found == bytes || (is_fuller && found.starts_with(bytes)) {
        Ok(())
    } else {
        Err(VerifyError::Tile(path))
    }
}

fn tile_file(folder: &Path, tile: Tile) -> Result<(PathBuf, Vec<u8>), VerifyError> {
    let path = folder.join(tile.to_string());
    let full = folder.join(tile.full().to_string());
    let path = if path.exists() { path } else { full };
    match std::fs::read(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(error) => Err(VerifyError::Read(path, error)),
    }
}

/// The order, where it was copied along: of every lane each number once, in its order.
fn order(path: &Path, size: u64) -> Result<(), VerifyError> {
    if !path.exists() {
        return Ok(());
    }
    let bytes = std::fs::read(path).map_err(|error| VerifyError::Read(path.to_owned(), error))?;
    let mut numbers: HashMap<Lane, u64> = HashMap::new();
    let mut record = 0;
    for bytes in bytes.as_chunks::<8>().0.iter().take(size as usize) {
        let Some(position) = Position::from_event_id(i64::from_be_bytes(*bytes)) else {
            break;
        };
        let last = numbers.entry(position.lane).or_default();
        if position.number != *last + 1 {
            break;
        }
        *last += 1;
        record += 1;
    }
    if record == size {
        return Ok(());
    }
    Err(VerifyError::Order {
        path: path.to_owned(),
        record,
        size,
    })
}

fn proofs_in(folder: &Path) -> Result<Vec<PathBuf>, VerifyError> {
    let failed = |error| VerifyError::Read(folder.to_owned(), error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path
            .extension()
            .is_some_and(|ending| ending == "tlog-proof")
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Checks each proof, and that proofs of neighbors in one history fit together.
fn proofs(files: &[PathBuf], policy: &Policy) -> Result<usize, VerifyError> {
    let mut known: HashMap<(Owner, u64), (EventProof, &Path)> = HashMap::new();
    for path in files {
        let failed = |error| VerifyError::Proof(path.clone(), error);
        let proof: EventProof = text(path)?.parse().map_err(failed)?;
        proof.verify(policy).map_err(failed)?;
        let beside = path.with_extension("event");
        match std::fs::read(&beside) {
            Ok(stored) if Digest::sha256(&stored) != proof.leaf.stored => {
                return Err(VerifyError::Stored(beside));
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(VerifyError::Read(beside, error));
            }
            _ => {}
        }
        let event = (proof.leaf.owner.clone(), proof.leaf.version);
        let twin = known.insert(event, (proof.clone(), path));
        if twin.is_some_and(|(twin, _)| twin.leaf != proof.leaf) {
            return Err(VerifyError::Chain(path.clone()));
        }
    }
    for (proof, path) in known.values() {
        let before = (proof.leaf.owner.clone(), proof.leaf.version.wrapping_sub(1));
        if let Some((before, _)) = known.get(&before)
            && (proof.leaf.prev != Some(before.leaf.entry()) || before.index >= proof.index)
        {
            return Err(VerifyError::Chain(path.to_path_buf()));
        }
    }
    Ok(files.len())
}

/// The key that a folder claims to be signed with.
pub fn own_key(folder: &Path) -> Result<Policy, VerifyError> {
    let path = folder.join("verifier-key");
    let key = text(&path)?;
    let wrong = |_| VerifyError::Shape(path.clone(), "a verifier key");
    Ok(Policy::of(key.trim_end().parse().map_err(wrong)?))
}

/// A policy from its file.
pub fn policy(path: &Path) -> Result<Policy, VerifyError> {
    let policy = text(path)?.parse();
    policy.map_err(|error| VerifyError::Checkpoint(path.to_owned(), error))
}

fn text(path: &Path) -> Result<String, VerifyError> {
    std::fs::read_to_string(path).map_err(|error| VerifyError::Read(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};
    use evidence::{KeyKind, Leaf, Tree, VerifierKey};
    use schemas::Timestamp;

    use super::*;

    const NAME: &str = "audit.test/v1";

    fn leaf(number: u64, prev: Option<Digest>) -> Leaf {
        Leaf {
            position: Position {
                lane: Lane::new(3).unwrap(),
                number,
            },
            owner: "11111111-2222-4333-8444-555555555555/client-7"
                .parse()
                .unwrap(),
            version: number,
            word: "change_user".into(),
            schema: Some(1),
            at: Timestamp(number as i64),
            actor: "system".into(),
            stored: Digest::sha256(&number.to_be_bytes()),
            prev,
        }
    }

    /// A journal of one history, with checkpoints at these sizes and the proofs of its first records.
    fn written(folder: &Path, sizes: &[u64]) -> Policy {
        let secret = SigningKey::from_bytes(&[7; 32]);
        let public = secret.verifying_key();
        let key = VerifierKey::new(NAME, KeyKind::Log, public.as_bytes()).unwrap();
        let (mut edge, mut tree, mut leaves) =
            (Edge::default(), Tree::default(), Vec::<Leaf>::new());
        let put = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        let mut signed = String::new();
        for size in sizes {
            while edge.size() < *size {
                let leaf = leaf(edge.size() + 1, leaves.last().map(Leaf::entry));
                tree.push(leaf.entry().as_bytes());
                edge.push(leaf.entry(), |tile, bytes| put(&tile.to_string(), &bytes));
                leaves.push(leaf);
            }
            let text = Checkpoint::new(NAME, *size, edge.root())
                .unwrap()
                .to_string();
            signed = format!(
                "{text}\n{}",
                key.line(&secret.sign(text.as_bytes()).to_bytes())
            );
            put(&format!("old/{size}"), signed.as_bytes());
        }
        for (tile, bytes) in edge.partial() {
            put(&tile.to_string(), &bytes);
        }
        put("checkpoint", signed.as_bytes());
        put("verifier-key", format!("{key}\n").as_bytes());
        let order: Vec<u8> = leaves
            .iter()
            .flat_map(|leaf| leaf.position.event_id().to_be_bytes())
            .collect();
        put("order", &order);
        for (index, leaf) in (0..3).zip(leaves) {
            let proof = EventProof {
                leaf,
                index,
                inclusion: tree.inclusion(index, tree.size()).unwrap(),
                checkpoint: signed.clone(),
            };
            put(&format!("{index}.tlog-proof"), proof.to_string().as_bytes());
        }
        own_key(folder).unwrap()
    }

    #[test]
    fn a_journal_and_its_proofs_are_right() {
        let folder = tempfile::tempdir().unwrap();
        let policy = written(folder.path(), &[0, 1, 256, 300, 700]);
        let since: Vec<PathBuf> = [0, 1, 256, 300, 700]
            .map(|size| folder.path().join(format!("old/{size}")))
            .to_vec();
        let checked = verify(folder.path(), &policy, &since).unwrap();
        assert_eq!(
            (checked.journals.len(), checked.continued, checked.proofs),
            (1, 5, 3)
        );
        let one = verify(&folder.path().join("1.tlog-proof"), &policy, &[]).unwrap();
        assert_eq!((one.journals.len(), one.proofs), (0, 1));
        let nothing = verify(&folder.path().join("old"), &policy, &[]);
        assert!(nothing.unwrap_err().is_unreadable());
    }

    #[test]
    fn every_altered_byte_of_every_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let policy = written(folder.path(), &[300]);
        let mut names: Vec<String> = Tile::all_of(300).map(|tile| tile.to_string()).collect();
        names
            .extend(["checkpoint", "order", "0.tlog-proof", "2.tlog-proof"].map(ToOwned::to_owned));
        for name in names {
            let path = folder.path().join(&name);
            let whole = std::fs::read(&path).unwrap();
            for place in (0..whole.len()).step_by(1 + whole.len() / 20) {
                let mut altered = whole.clone();
                altered[place] ^= 1;
                std::fs::write(&path, altered).unwrap();
                assert!(
                    verify(folder.path(), &policy, &[]).is_err(),
                    "{name}, byte {place}"
                );
            }
            std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
            assert!(verify(folder.path(), &policy, &[]).is_err(), "{name}, cut");
            std::fs::remove_file(&path).unwrap();
            let gone = verify(folder.path(), &policy, &[]);
            let is_optional = name == "order" || name.ends_with("proof");
            assert_eq!(gone.is_ok(), is_optional, "{name}, gone");
            std::fs::write(&path, whole).unwrap();
        }
        verify(folder.path(), &policy, &[]).unwrap();
    }

    #[test]
    fn the_bytes_beside_a_proof_are_those_of_its_record() {
        let folder = tempfile::tempdir().unwrap();
        let policy = written(folder.path(), &[3]);
        let stored = folder.path().join("1.event");
        std::fs::write(&stored, 2_u64.to_be_bytes()).unwrap();
        verify(folder.path(), &policy, &[]).unwrap();
        std::fs::write(&stored, 3_u64.to_be_bytes()).unwrap();
        let refused = verify(folder.path(), &policy, &[]);
        assert!(matches!(refused, Err(VerifyError::Stored(path)) if path == stored));
    }

    #[test]
    fn another_history_and_a_shorter_one_do_not_continue() {
        let (folder, shorter) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let policy = written(folder.path(), &[300]);
        written(shorter.path(), &[200]);
        let ahead = [folder.path().join("old/300")];
        let refused = verify(shorter.path(), &policy, &ahead);
        assert!(matches!(refused, Err(VerifyError::Since(_))));
        // The same number of records, and another one among them.
        let secret = SigningKey::from_bytes(&[7; 32]);
        let text = Checkpoint::new(NAME, 200, Digest([1; 32]))
            .unwrap()
            .to_string();
        let line = policy.log().line(&secret.sign(text.as_bytes()).to_bytes());
        let forked = folder.path().join("forked");
        std::fs::write(&forked, format!("{text}\n{line}")).unwrap();
        let refused = verify(folder.path(), &policy, &[forked]);
        assert!(matches!(refused, Err(VerifyError::Since(_))));
    }
}
