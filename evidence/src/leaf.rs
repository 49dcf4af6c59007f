//! A record of the journal: ten lines about one event, which a person can read. Only its SHA-256 goes into the tree, so
//! tiles, bundles and witnesses tell the number of events and nothing about them; who has the ten lines can prove them.
//!
//! ```text
//! pc-audit-v1
//! pos 17-4211
//! stream 11111111-2222-4333-8444-555555555555/client-7
//! ver 3
//! type confirm_transaction@1
//! time 1795435200000
//! tenant 11111111-2222-4333-8444-555555555555
//! actor device/1
//! stored sha256:CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! prev sha256:4Wux3Iv1zBZcVVYPzZ2hJBOoKw+F8hjTbZqGDZYwzQA=
//! ```

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use schemas::{Digest, Owner, Position, Timestamp};

/// The first line: whoever changes a line below changes this one, too.
const FORMAT: &str = "pc-audit-v1";
/// Bytes that most records have room in.
const TEXT_USUAL: usize = 512;

/// What the tree commits to about one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Where the event lies in the log.
    pub position: Position,
    /// Whose history it belongs to.
    pub owner: Owner,
    /// 1, 2, 3 … within that history.
    pub version: u64,
    /// The event's word.
    pub word: Cow<'static, str>,
    /// Version of the body's shape; `None` when the frame cannot be read.
    pub schema: Option<u16>,
    /// When it was recorded.
    pub at: Timestamp,
    /// Through which door it came: `device/<key index>`, `device`, `system`, `server`, or `unknown`.
    pub actor: Cow<'static, str>,
    /// SHA-256 of the bytes as they are stored.
    pub stored: Digest,
    /// [`Leaf::entry`] of the event before it in the same history; `None` for the first.
    pub prev: Option<Digest>,
}

/// The text is not a record of the journal in its one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a record of the journal: expected the ten lines of pc-audit-v1")]
pub struct InvalidLeaf;

impl Leaf {
    /// What the tree holds of this record: SHA-256 of its text.
    pub fn entry(&self) -> Digest {
        let mut text = String::with_capacity(TEXT_USUAL);
        write!(text, "{self}").expect("a text takes everything");
        Digest::sha256(text.as_bytes())
    }
}

/// The text: ten lines, each ended by LF.
impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FORMAT}")?;
        writeln!(f, "pos {}", self.position)?;
        writeln!(f, "stream {}", self.owner)?;
        writeln!(f, "ver {}", self.version)?;
        match self.schema {
            Some(schema) => writeln!(f, "type {}@{schema}", self.word)?,
            None => writeln!(f, "type {}@unreadable", self.word)?,
        }
        writeln!(f, "time {}", self.at.0)?;
        writeln!(f, "tenant {}", self.owner.system_id())?;
        writeln!(f, "actor {}", self.actor)?;
        writeln!(f, "stored sha256:{}", in_base64(&self.stored))?;
        match &self.prev {
            Some(prev) => writeln!(f, "prev sha256:{}", in_base64(prev)),
            None => writeln!(f, "prev none"),
        }
    }
}

impl FromStr for Leaf {
    type Err = InvalidLeaf;

    /// Reads the one spelling that [`Display`](fmt::Display) writes, and no other.
    fn from_str(text: &str) -> Result<Self, InvalidLeaf> {
        let mut lines = text.split('\n');
        if lines.next() != Some(FORMAT) {
            return Err(InvalidLeaf);
        }
        let mut field = |name: &str| {
            let line = lines.next().ok_or(InvalidLeaf)?;
            let value = line.strip_prefix(name).ok_or(InvalidLeaf)?;
            value.strip_prefix(' ').ok_or(InvalidLeaf)
        };
        let position = parsed(field("pos")?)?;
        let owner = parsed(field("stream")?)?;
        let version = parsed(field("ver")?)?;
        let (word, schema) = field("type")?.rsplit_once('@').ok_or(InvalidLeaf)?;
        let at = Timestamp(parsed(field("time")?)?);
        field("tenant")?;
        let actor = field("actor")?.to_owned().into();
        let stored = digest(field("stored")?)?;
        let prev = match field("prev")? {
            "none" => None,
            prev => Some(digest(prev)?),
        };
        let leaf = Self {
            position,
            owner,
            version,
            word: word.to_owned().into(),
            schema: match schema {
                "unreadable" => None,
                schema => Some(parsed(schema)?),
            },
            at,
            actor,
            stored,
            prev,
        };
        if leaf.to_string() == text {
            Ok(leaf)
        } else {
            Err(InvalidLeaf)
        }
    }
}

fn in_base64(digest: &Digest) -> impl fmt::Display {
    Base64Display::new(digest.as_bytes(), &STANDARD)
}

fn digest(text: &str) -> Result<Digest, InvalidLeaf> {
    let text = text.strip_prefix("sha256:").ok_or(InvalidLeaf)?;
    let bytes = STANDARD.decode(text).map_err(|_| InvalidLeaf)?;
    Ok(Digest(bytes.try_into().map_err(|_| InvalidLeaf)?))
}

fn parsed<T: FromStr>(text: &str) -> Result<T, InvalidLeaf> {
    text.parse().map_err(|_| InvalidLeaf)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Leaf {
        Leaf {
            position: "17-4211".parse().unwrap(),
            owner: "11111111-2222-4333-8444-555555555555/client-7"
                .parse()
                .unwrap(),
            version: 3,
            word: "confirm_transaction".into(),
            schema: Some(1),
            at: Timestamp(1_795_435_200_000),
            actor: "device/1".into(),
            stored: Digest([7; 32]),
            prev: Some(Digest([8; 32])),
        }
    }

    #[test]
    fn the_text_is_ten_lines_that_read_back() {
        let text = sample().to_string();
        assert_eq!(
            text,
            "pc-audit-v1\npos 17-4211\nstream 11111111-2222-4333-8444-555555555555/client-7\nver 3\n\
             type confirm_transaction@1\ntime 1795435200000\ntenant 11111111-2222-4333-8444-555555555555\n\
             actor device/1\nstored sha256:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\
             prev sha256:CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=\n"
        );
        assert_eq!(text.parse(), Ok(sample()));
        let first = Leaf {
            prev: None,
            schema: None,
            ..sample()
        };
        assert_eq!(first.to_string().parse(), Ok(first));
    }

    #[test]
    fn only_one_spelling_is_accepted() {
        let text = sample().to_string();
        for twin in [
            text.replace("ver 3", "ver 03"),
            text.replace("ver 3", "ver  3"),
            text.replace("@1", "@+1"),
            text.replace("tenant 1", "tenant 2"),
            text.replace("sha256:C", "sha512:C"),
            text.replace("v1\n", "v2\n"),
            text.replace('\n', "\r\n"),
            text.trim_end().to_owned(),
            format!("{text}more\n"),
            String::new(),
        ] {
            assert_eq!(twin.parse::<Leaf>(), Err(InvalidLeaf), "{twin:?}");
        }
    }

    #[test]
    fn every_field_moves_the_entry() {
        let sample = sample();
        let mut others = vec![sample.clone(); 8];
        others[0].position = "17-4212".parse().unwrap();
        others[1].version = 4;
        others[2].word = "decline_transaction".into();
        others[3].schema = Some(2);
        others[4].at = Timestamp(1_795_435_200_001);
        others[5].actor = "device/2".into();
        others[6].stored = Digest([9; 32]);
        others[7].prev = None;
        for other in others {
            assert_ne!(other.entry(), sample.entry(), "{other}");
        }
    }
}
