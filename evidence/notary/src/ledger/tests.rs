use evidence::{Tree, nodes, verify_consistency};
use schemas::Lane;

use super::*;

const SEED: [u8; 32] = [5; 32];

fn place(folder: &tempfile::TempDir) -> Place {
    Place::within(folder.path())
}

fn open(place: &Place) -> Ledger {
    Ledger::open(place, Some("test"), || SEED).unwrap()
}

/// Event `number` of lane 3, and its entry.
fn event(number: u64) -> (Position, Digest) {
    let lane = Lane::new(3).unwrap();
    let entry = Digest::sha256(&number.to_be_bytes());
    (Position { lane, number }, entry)
}

fn events(from: u64, to: u64) -> Vec<(Position, Digest)> {
    (from..=to).map(event).collect()
}

/// The root that the order and the entries of lane 3 lead to.
fn root_of(numbers: impl IntoIterator<Item = u64>) -> Digest {
    let mut tree = Tree::default();
    for number in numbers {
        tree.push(event(number).1.as_bytes());
    }
    tree.root()
}

fn checkpoint(place: &Place) -> Option<Checkpoint> {
    let key = NoteKey::new("audit.test/v1", KeyKind::Log, &SEED).unwrap();
    signed_checkpoint(&Files::new(&place.folder), key.public()).unwrap()
}

#[test]
fn what_is_recorded_is_signed_and_found_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    let mut ledger = open(&place);
    assert_eq!(checkpoint(&place).unwrap().size(), 0);
    ledger.record(&events(1, 3), None).unwrap();
    ledger.record(&events(4, 700), None).unwrap();
    assert_eq!(checkpoint(&place).unwrap(), *ledger.signed());
    drop(ledger);
    let mut ledger = open(&place);
    assert_eq!(
        (ledger.signed().size(), *ledger.signed().root()),
        (700, root_of(1..=700))
    );
    assert_eq!(ledger.pending(10).unwrap(), []);
    assert_eq!(ledger.entry(511).unwrap(), Some(event(512).1));
    assert_eq!(ledger.entry(700).unwrap(), None);
    ledger.record(&events(701, 701), None).unwrap();
    let (old, new) = (root_of(1..=700), *ledger.signed().root());
    let files = Files::new(&place.folder);
    let tiles = tile::TileNodes::new(701, |tile| read_tile(&files, tile));
    let proof = nodes::consistency(&tiles, 700, 701).unwrap();
    assert_eq!(verify_consistency(700, &old, 701, &new, &proof), Ok(()));
    // Every tile that a client may ask for at this size is there, and no partial one of a full one.
    for tile in Tile::all_of(701) {
        assert!(files.path(&tile.to_string()).exists(), "{tile}");
        assert!(!files.path(&format!("{}.p", tile.full())).exists() || !tile.is_full());
    }
}

/// The power is cut after every single step, in the middle of every write, and takes what was not flushed; whatever was readable before is a
/// beginning of what is readable after the restart, and nothing is lost or doubled.
#[test]
fn an_interruption_at_any_step_is_taken_up_where_it_was() {
    let mut interrupted = 0;
    for steps in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let place = place(&folder);
        let mut ledger = open(&place);
        ledger.record(&events(1, 250), None).unwrap();
        let before = ledger.signed().clone();
        ledger.files.cut_the_power_after(steps);
        let ended = ledger.record(&events(251, 520), None);
        let whole = ledger.files.have_power();
        let shown = ledger.files.shown(CHECKPOINT);
        drop(ledger);
        // What a client could read in between.
        let between = checkpoint(&place).unwrap();
        let mut ledger = open(&place);
        let after = ledger.signed().clone();
        // What was seen for a moment stays signed, whatever the cut took.
        for note in shown {
            let note: Note = String::from_utf8(note).unwrap().parse().unwrap();
            let seen: Checkpoint = note.text.parse().unwrap();
            assert!(seen.size() <= after.size(), "after {steps} steps");
        }
        assert!(before.size() <= between.size() && between.size() <= after.size());
        assert_eq!(
            *between.root(),
            root_of(1..=between.size()),
            "after {steps} steps"
        );
        assert_eq!(
            *after.root(),
            root_of(1..=after.size()),
            "after {steps} steps"
        );
        let pending = ledger.pending(u64::MAX - 520).unwrap();
        let expected = events(after.size() + 1, ledger.order().length());
        let expected: Vec<Position> = expected.iter().map(|(position, _)| *position).collect();
        assert_eq!(pending, expected, "after {steps} steps");
        ledger.record(&events(after.size() + 1, 521), None).unwrap();
        assert_eq!(
            (ledger.signed().size(), *ledger.signed().root()),
            (521, root_of(1..=521))
        );
        if ended.is_ok() && whole {
            break;
        }
        interrupted += 1;
    }
    assert!(interrupted > 20, "{interrupted}");
}

#[test]
fn an_interrupted_beginning_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    drop(open(&place));
    std::fs::remove_file(place.folder.join(CHECKPOINT)).unwrap();
    std::fs::write(place.folder.join("checkpoint.new"), "audit.te").unwrap();
    let mut ledger = open(&place);
    ledger.record(&events(1, 1), None).unwrap();
    assert_eq!(checkpoint(&place).unwrap().size(), 1);
}

/// A promise that is not whole was not signed, so the signed checkpoint counts.
#[test]
fn a_shorter_promise_leaves_nothing_of_the_longer_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::make(folder.path()).unwrap();
    for text in ["a long one\n", "short\n", "longer again\n"] {
        files.write_over(NEXT, text.as_bytes()).unwrap();
        assert_eq!(files.text(NEXT).unwrap().as_deref(), Some(text));
    }
}

#[test]
fn half_a_promise_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    open(&place).record(&events(1, 300), None).unwrap();
    let whole = std::fs::read(place.folder.join(NEXT)).unwrap();
    for length in 0..whole.len() {
        let mut half = whole[..length].to_vec();
        half.extend(whole.iter().skip(length).map(|byte| byte ^ 1));
        for torn in [&whole[..length], &half] {
            std::fs::write(place.folder.join(NEXT), torn).unwrap();
            assert_eq!(open(&place).signed().size(), 300);
        }
    }
}

#[test]
fn one_notary_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    let first = open(&place);
    assert!(matches!(
        Ledger::open(&place, None, || SEED),
        Err(LedgerError::Taken(_))
    ));
    drop(first);
    open(&place);
}

#[test]
fn what_was_altered_is_not_continued() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    open(&place).record(&events(1, 300), None).unwrap();
    let refused = |name: &str, alter: &dyn Fn(&mut Vec<u8>)| {
        let path = place.folder.join(name);
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        alter(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        let refused = Ledger::open(&place, None, || SEED);
        std::fs::write(&path, whole).unwrap();
        refused.map(|_| ()).unwrap_err()
    };
    let flip = |bytes: &mut Vec<u8>| bytes[40] ^= 1;
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 8);
    assert!(matches!(
        refused("tile/0/001.p/44", &flip),
        LedgerError::TilesDiffer { size: 300 }
    ));
    assert!(matches!(
        refused("tile/1/000.p/1", &cut),
        LedgerError::File(_)
    ));
    assert!(matches!(
        refused("checkpoint", &flip),
        LedgerError::Checkpoint { .. }
    ));
    let of_another = |bytes: &mut Vec<u8>| {
        let other = Checkpoint::new("audit.other/v1", 300, root_of(1..=300)).unwrap();
        *bytes = promise(&other).into_bytes();
    };
    assert!(matches!(
        refused("next", &of_another),
        LedgerError::Checkpoint {
            source: Unfit::Origin(_),
            ..
        }
    ));
    let of_another_tree = |bytes: &mut Vec<u8>| {
        let origin = "audit.test/v1";
        *bytes = promise(&Checkpoint::new(origin, 300, root_of(1..=299)).unwrap()).into_bytes();
    };
    assert!(matches!(
        refused("next", &of_another_tree),
        LedgerError::TilesDiffer { size: 300 }
    ));
    assert!(matches!(
        refused("order", &cut),
        LedgerError::OrderLost {
            expected: 300,
            found: 299
        }
    ));
    std::fs::remove_file(&place.key).unwrap();
    assert!(matches!(
        Ledger::open(&place, None, || SEED),
        Err(LedgerError::KeyLost(_))
    ));
}
