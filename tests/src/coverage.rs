//! What the stories over HTTP have touched: every setting, key flag, event word and error code, with the test that did.
//!
//! The tests write it down as they run, into `target/coverage`; the program `coverage` makes `docs/coverage.md` of it.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use event_log::EventLog;
use schemas::events::Event;
use schemas::events::keys::KeyEvent;
use schemas::events::server::ServerEvent;
use schemas::events::users::UserEvent;
use schemas::flags::{FLAGS, KeyFlags};
use schemas::{ErrorCode, Lane, codec};

/// Most events of one lane that are looked through: a story has fewer.
const EVENTS_MAX: usize = 10_000;

/// What can be touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A setting, set to a value of the test's own.
    Setting,
    /// A flag or policy of an issued key, other than its default.
    Flag,
    /// An event word, in the log or posted.
    Word,
    /// An error code, in an answer or in the log.
    Code,
}

impl Kind {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 4] = [Self::Setting, Self::Flag, Self::Word, Self::Code];

    /// Its word in the notes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Flag => "flag",
            Self::Word => "word",
            Self::Code => "code",
        }
    }
}

/// Where the notes lie.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/coverage")
}

/// Notes that the running test has touched something. Outside a test's own thread nobody knows which test it is, and
/// nothing is noted.
pub fn note(kind: Kind, what: &str) {
    static NOTES: OnceLock<Mutex<File>> = OnceLock::new();
    let thread = std::thread::current();
    let Some(test) = thread.name().filter(|name| name.contains("::")) else {
        return;
    };
    let notes = NOTES.get_or_init(|| {
        std::fs::create_dir_all(folder()).expect("the target folder is writable");
        let path = folder().join(format!("{}.tsv", std::process::id()));
        let file = OpenOptions::new().create(true).append(true).open(path);
        Mutex::new(file.expect("the target folder is writable"))
    });
    let line = format!("{}\t{what}\t{test}\n", kind.word());
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    // A lost note costs a line of a page, not a test.
    let _ = notes.write_all(line.as_bytes());
}

/// Notes an error code by its number.
pub fn note_code(number: u64) {
    note(Kind::Code, &number.to_string());
}

/// Notes what a story left in the log.
pub(crate) async fn note_log(log: &dyn EventLog) {
    for lane in Lane::all() {
        let events = log.read(lane, 1, EVENTS_MAX).await.unwrap_or_default();
        for event in events {
            let Ok(recorded) = codec::decode(&event.payload) else {
                continue;
            };
            note(Kind::Word, recorded.event.word());
            if recorded.result != ErrorCode::Normal {
                note_code(recorded.result.number().into());
            }
            match &recorded.event {
                Event::Users(UserEvent::Created(created)) => note_flags(created.key.flags),
                Event::Server(ServerEvent::SettingsChanged(changed)) => {
                    for change in &changed.changes {
                        note(Kind::Setting, &change.name);
                    }
                }
                Event::Keys(KeyEvent::Updated(updated)) => note_flags(updated.key.flags),
                _ => {}
            }
        }
    }
}

fn note_flags(flags: KeyFlags) {
    let usual = schemas::settings::Settings::default().default_key_flags();
    for flag in FLAGS {
        if flags.get(flag) != usual.get(flag) {
            note(Kind::Flag, flag.param);
        }
    }
}
