//! The text that commits to a journal: whose it is, how many records it has, and their root. This is the body of a C2SP
//! `tlog-checkpoint`, a few lines that a person can read and any verifier of that format understands.
//!
//! ```text
//! audit.example-bank/v1
//! 4211
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! state-v1 4096 3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8=
//! ```
//!
//! Lines after the third are extensions: signed with the rest, and ignored by whoever does not know them. We write one, the
//! [hash of the state](crate::state_line) after some of the records, when it is known.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemas::Digest;

use crate::state_line::StateLine;

/// Most extension lines of a checkpoint, and most bytes of one.
const EXTENSIONS_MAX: usize = 16;
const EXTENSION_LENGTH_MAX: usize = 1024;

/// The body of a checkpoint, without its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Digest,
    extensions: Vec<String>,
}

/// The text is not the body of a checkpoint, or the origin could not stand in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint: expected three lines with the origin, the size and the root in base64")]
pub struct InvalidCheckpoint;

impl Checkpoint {
    /// A checkpoint of `size` records under `root`.
    ///
    /// `origin` names the journal for ever. It is not empty and holds neither white space, nor control characters, nor a
    /// plus sign, which signature lines use.
    pub fn new(
        origin: impl Into<String>,
        size: u64,
        root: Digest,
    ) -> Result<Self, InvalidCheckpoint> {
        let origin = origin.into();
        let permitted = |char: char| !char.is_whitespace() && !char.is_control() && char != '+';
        if origin.is_empty() || !origin.chars().all(permitted) {
            return Err(InvalidCheckpoint);
        }
        Ok(Self {
            origin,
            size,
            root,
            extensions: Vec::new(),
        })
    }

    /// The same, saying the state after some of its records.
    #[must_use]
    pub fn with_state(mut self, state: StateLine) -> Self {
        self.extensions.push(state.to_string());
        self
    }

    /// The lines after the third.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// The state after some of its records, when it says one.
    pub fn state(&self) -> Option<StateLine> {
        self.extensions.iter().find_map(|line| line.parse().ok())
    }

    /// Whose journal.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many records it had.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    pub fn root(&self) -> &Digest {
        &self.root
    }
}

/// The exact bytes that are signed: three lines and the extensions, each ended by LF.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.root.as_bytes());
        write!(f, "{}\n{}\n{root}\n", self.origin, self.size)?;
        self.extensions
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = InvalidCheckpoint;

    /// Reads the one spelling that [`Display`](fmt::Display) writes, and no other: what is signed must not have twins.
    /// Extension lines that it does not know are kept.
    fn from_str(text: &str) -> Result<Self, InvalidCheckpoint> {
        let mut lines = text.split('\n');
        let mut next = || lines.next().ok_or(InvalidCheckpoint);
        let (origin, size, root) = (next()?, next()?, next()?);
        let size = size.parse().map_err(|_| InvalidCheckpoint)?;
        let root = STANDARD.decode(root).map_err(|_| InvalidCheckpoint)?;
        let root = root.try_into().map_err(|_| InvalidCheckpoint)?;
        let mut checkpoint = Self::new(origin, size, Digest(root))?;
        let extensions: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
        let fits =
            |line: &&str| line.len() <= EXTENSION_LENGTH_MAX && !line.chars().any(char::is_control);
        if extensions.len() > EXTENSIONS_MAX || !extensions.iter().all(fits) {
            return Err(InvalidCheckpoint);
        }
        checkpoint.extensions = extensions.into_iter().map(ToOwned::to_owned).collect();
        if checkpoint.to_string() == text {
            Ok(checkpoint)
        } else {
            Err(InvalidCheckpoint)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    /// The example of the specification.
    #[test]
    fn the_published_checkpoint_reads_back() {
        let checkpoint: Checkpoint = BODY.parse().unwrap();
        assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
        assert_eq!(checkpoint.size(), 20_852_163);
        assert_eq!(checkpoint.to_string(), BODY);
    }

    #[test]
    fn only_one_spelling_is_accepted() {
        let twins = [
            BODY.replace("20852163", "020852163"),
            BODY.replace("20852163", "+20852163"),
            BODY.replace('\n', "\r\n"),
            BODY.replace("2I=", "2I"),
            BODY.replace("2I=", "2J="),
            BODY.replace("CsUY", ""),
            BODY.replace("example.com/", "example.com/+"),
            BODY.replace("behind-the", "behind the"),
            BODY.trim_end().to_owned(),
            format!("{BODY}extension"),
            format!("{BODY}\nextension\n"),
            format!("{BODY}exten\tsion\n"),
            format!("{BODY}{}", "extension\n".repeat(EXTENSIONS_MAX + 1)),
            format!("{BODY}{}\n", "x".repeat(EXTENSION_LENGTH_MAX + 1)),
            format!("\n{BODY}"),
            String::new(),
        ];
        for twin in twins {
            assert_eq!(
                twin.parse::<Checkpoint>(),
                Err(InvalidCheckpoint),
                "{twin:?}"
            );
        }
    }

    #[test]
    fn extensions_are_kept_and_the_state_is_read_from_them() {
        let state = StateLine {
            version: 1,
            records: 12,
            hash: Digest([3; 32]),
        };
        let plain: Checkpoint = BODY.parse().unwrap();
        assert_eq!(plain.state(), None);
        let said = plain.with_state(state);
        assert_eq!(said.to_string(), format!("{BODY}{state}\n"));
        assert_eq!(said.to_string().parse(), Ok(said.clone()));
        let foreign = format!("{BODY}what a newer program says\n{state}\n");
        let foreign: Checkpoint = foreign.parse().unwrap();
        assert_eq!(
            (foreign.size(), foreign.state()),
            (said.size(), Some(state))
        );
    }

    proptest! {
        #[test]
        fn a_checkpoint_reads_back_from_its_text(origin in "[!-*,-~]{1,30}", size in any::<u64>(), root in any::<[u8; 32]>()) {
            let checkpoint = Checkpoint::new(origin, size, Digest(root)).unwrap();
            prop_assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
        }
    }
}
