use evidence::Tree;
use proptest::prelude::*;

use super::*;

const JOURNAL: &str = "audit.test/v1";
const TIME: u64 = 1_795_435_200;

/// A journal. Those of different branches have the first nine records in common.
struct Journal {
    key: NoteKey,
    branch: u8,
}

impl Journal {
    fn new(branch: u8) -> Self {
        let key = NoteKey::new(JOURNAL, KeyKind::Log, &[1; 32]).unwrap();
        Self { key, branch }
    }

    fn tree(&self, size: u64) -> Tree {
        let mut tree = Tree::default();
        for record in 0..size {
            let branch = if record < 9 { 0 } else { self.branch };
            tree.push(&[&[branch][..], &record.to_be_bytes()].concat());
        }
        tree
    }

    fn note(&self, size: u64) -> String {
        let root = self.tree(size).root();
        self.key
            .sign(&Checkpoint::new(JOURNAL, size, root).unwrap())
    }

    fn request(&self, old: u64, size: u64) -> AddCheckpoint {
        let proof = self.tree(size).consistency(old, size);
        AddCheckpoint {
            old,
            proof: proof.unwrap_or_default(),
            note: self.note(size),
        }
    }
}

fn witness(folder: &Path) -> Witness {
    let journal = Journal::new(0).key.public().clone();
    Witness::open(folder, "soc.test", || [2; 32], [journal]).unwrap()
}

fn ask(witness: &Witness, request: &AddCheckpoint) -> Result<String, Refusal> {
    witness.add(&request.to_string(), TIME)
}

/// Is the line a signature of the witness under that checkpoint?
fn is_signed(witness: &Witness, request: &AddCheckpoint, line: &str) -> bool {
    let note: Note = format!("{}{line}", request.note).parse().unwrap();
    note.verify(witness.verifier_key()).is_ok()
}

#[test]
fn a_journal_that_goes_on_is_signed_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(0);
    let first = witness(folder.path());
    for (old, size) in [(0, 0), (0, 5), (5, 5), (5, 8), (8, 300)] {
        let request = journal.request(old, size);
        let line = ask(&first, &request).unwrap();
        assert!(is_signed(&first, &request, &line), "{old} to {size}");
    }
    assert!(matches!(
        Witness::open(folder.path(), "soc.test", || [3; 32], []),
        Err(WitnessError::Taken(_))
    ));
    let key = first.verifier_key().clone();
    drop(first);
    let again = witness(folder.path());
    assert_eq!(*again.verifier_key(), key);
    let refused = ask(&again, &journal.request(8, 301));
    assert_eq!(refused, Err(Refusal::Seen(300)));
    assert!(ask(&again, &journal.request(300, 301)).is_ok());
}

#[test]
fn every_refusal_has_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, other) = (Journal::new(0), Journal::new(1));
    let witness = witness(folder.path());
    assert!(ask(&witness, &journal.request(0, 12)).is_ok());
    let stranger = NoteKey::new("audit.other/v1", KeyKind::Log, &[1; 32]).unwrap();
    let impostor = NoteKey::new(JOURNAL, KeyKind::Log, &[9; 32]).unwrap();
    let signed_by = |key: &NoteKey| {
        let root = journal.tree(13).root();
        let name = key.public().name();
        AddCheckpoint {
            note: key.sign(&Checkpoint::new(name, 13, root).unwrap()),
            ..journal.request(12, 13)
        }
    };
    let cases = [
        (journal.request(13, 12), Refusal::Malformed, 400),
        (signed_by(&impostor), Refusal::NotSigned, 403),
        (signed_by(&stranger), Refusal::UnknownJournal, 404),
        (journal.request(11, 13), Refusal::Seen(12), 409),
        (journal.request(0, 13), Refusal::Seen(12), 409),
        (other.request(12, 12), Refusal::Another, 409),
        (other.request(12, 13), Refusal::NoContinuation, 422),
    ];
    for (request, refusal, status) in cases {
        assert_eq!(ask(&witness, &request), Err(refusal));
        assert_eq!(refusal.status(), status);
    }
    assert_eq!(witness.add("old 1\n", TIME), Err(Refusal::Malformed));
    assert!(ask(&witness, &journal.request(12, 13)).is_ok());
}

#[test]
fn what_cannot_be_stored_is_not_signed() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(0);
    let witness = witness(folder.path());
    // A file where the folder would be.
    std::fs::write(folder.path().join("seen"), "").unwrap();
    let refused = ask(&witness, &journal.request(0, 5));
    assert_eq!(refused, Err(Refusal::CannotStore));
    std::fs::remove_file(folder.path().join("seen")).unwrap();
    assert!(ask(&witness, &journal.request(0, 5)).is_ok());
}

#[test]
fn an_altered_memory_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(0);
    assert!(ask(&witness(folder.path()), &journal.request(0, 5)).is_ok());
    let path = folder.path().join(file_of(journal.key.public()));
    let stored = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, stored.replacen('5', "4", 1)).unwrap();
    let key = journal.key.public().clone();
    let opened = Witness::open(folder.path(), "soc.test", || [2; 32], [key]);
    assert!(matches!(opened, Err(WitnessError::Seen(..))));
}

proptest! {
    /// Whoever asks for what, in whatever order: all that was signed lies on one branch, and never gets shorter.
    #[test]
    fn a_witness_never_signs_two_histories(asked in prop::collection::vec((0_u8..3, 0_u64..40, 0_u64..40), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let witness = witness(folder.path());
        let (mut signed, mut branch) = (0, None);
        for (wanted, old, size) in asked {
            let request = Journal::new(wanted).request(old, size);
            if ask(&witness, &request).is_err() {
                continue;
            }
            prop_assert!(size >= signed);
            signed = size;
            if size > 9 {
                prop_assert_eq!(*branch.get_or_insert(wanted), wanted);
            }
        }
    }
}
