//! Whom to believe (C2SP `tlog-policy`): the log's key, and how many of which witnesses must have seen a checkpoint.
//!
//! ```text
//! log audit.example-bank/v1+0dbd4a8c+AT…
//! witness soc soc.example-bank+7c2f0d11+BG… https://soc.example-bank/witness
//! witness auditor auditor.example+41a7b2ee+BK…
//! group both all soc auditor
//! quorum both
//! ```

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::checkpoint::{Checkpoint, InvalidCheckpoint};
use crate::note::{KeyKind, Note, NoteError, VerifierKey};

/// Which signatures make a checkpoint believable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    log: VerifierKey,
    members: BTreeMap<String, Member>,
    /// Whose word is needed besides the log's.
    quorum: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Member {
    /// With the address where it is asked, when there is one.
    Witness(Box<VerifierKey>, Option<String>),
    /// So many of these, each named before.
    Group(usize, Vec<String>),
}

/// Why a policy cannot be used, or a checkpoint does not satisfy it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A line of the policy.
    #[error("line {0} of the policy cannot be used")]
    Line(usize),
    /// No log, or more than one, or no quorum.
    #[error("a policy names one log and one quorum, which may be none")]
    Incomplete,
    /// The log has not signed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// What it signed is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] InvalidCheckpoint),
    /// The log signed a checkpoint of something else.
    #[error("the checkpoint is of another journal than the key")]
    Origin,
    /// Too few witnesses have signed.
    #[error("too few witnesses have signed the checkpoint")]
    Quorum,
}

impl Policy {
    /// A policy that believes the log alone.
    pub fn of(log: VerifierKey) -> Self {
        Self {
            log,
            members: BTreeMap::new(),
            quorum: None,
        }
    }

    /// The log's key.
    pub fn log(&self) -> &VerifierKey {
        &self.log
    }

    /// The witnesses: name, key, and where each is asked.
    pub fn witnesses(&self) -> impl Iterator<Item = (&str, &VerifierKey, Option<&str>)> {
        self.members
            .iter()
            .filter_map(|(name, member)| match member {
                Member::Witness(key, url) => Some((name.as_str(), &**key, url.as_deref())),
                Member::Group(..) => None,
            })
    }

    /// The checkpoint of a signed note, when the note satisfies the policy.
    pub fn accept(&self, note: &str) -> Result<Checkpoint, PolicyError> {
        let note: Note = note.parse()?;
        note.verify(&self.log)?;
        let checkpoint: Checkpoint = note.text.parse()?;
        if checkpoint.origin() != self.log.name() {
            return Err(PolicyError::Origin);
        }
        match &self.quorum {
            Some(member) if !self.is_satisfied(member, &note) => Err(PolicyError::Quorum),
            _ => Ok(checkpoint),
        }
    }

    fn is_satisfied(&self, member: &str, note: &Note) -> bool {
        match &self.members[member] {
            Member::Witness(key, _) => note.verify(key).is_ok(),
            Member::Group(least, members) => {
                let satisfied = members
                    .iter()
                    .filter(|member| self.is_satisfied(member, note));
                satisfied.count() >= *least
            }
        }
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let (mut log, mut members, mut quorum) = (None, BTreeMap::new(), None);
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let wrong = PolicyError::Line(number);
            match words[..] {
                [] => {}
                [comment, ..] if comment.starts_with('#') => {}
                ["log", key] | ["log", key, _] => {
                    let key = key_of(key, KeyKind::Log).ok_or(wrong)?;
                    if log.replace(key).is_some() {
                        return Err(PolicyError::Incomplete);
                    }
                }
                ["witness", name, key, ref url @ ..] if url.len() <= 1 => {
                    let key = key_of(key, KeyKind::Witness).ok_or(wrong)?;
                    let member =
                        Member::Witness(Box::new(key), url.first().map(|&url| url.to_owned()));
                    if name == "none" || members.insert(name.to_owned(), member).is_some() {
                        return Err(wrong);
                    }
                }
                ["group", name, least, ref of @ ..] => {
                    let of: Vec<String> = of.iter().map(|&member| member.to_owned()).collect();
                    let least = match least {
                        "any" => 1,
                        "all" => of.len(),
                        least => least.parse().map_err(|_| wrong)?,
                    };
                    let known = of.iter().all(|member| members.contains_key(member));
                    let possible = (1..=of.len()).contains(&least);
                    let group = Member::Group(least, of);
                    let is_new = name != "none" && members.insert(name.to_owned(), group).is_none();
                    if !known || !possible || !is_new {
                        return Err(wrong);
                    }
                }
                ["quorum", name] => {
                    let known = name == "none" || members.contains_key(name);
                    let wanted = (name != "none").then(|| name.to_owned());
                    if !known || quorum.replace(wanted).is_some() {
                        return Err(wrong);
                    }
                }
                _ => return Err(wrong),
            }
        }
        match (log, quorum) {
            (Some(log), Some(quorum)) => Ok(Self {
                log,
                members,
                quorum,
            }),
            _ => Err(PolicyError::Incomplete),
        }
    }
}

fn key_of(text: &str, kind: KeyKind) -> Option<VerifierKey> {
    text.parse()
        .ok()
        .filter(|key: &VerifierKey| key.kind() == kind)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    const TIME: u64 = 1_795_435_200;

    fn key(seed: u8, name: &str, kind: KeyKind) -> (SigningKey, VerifierKey) {
        let secret = SigningKey::from_bytes(&[seed; 32]);
        let public = secret.verifying_key();
        let key = VerifierKey::new(name, kind, public.as_bytes()).unwrap();
        (secret, key)
    }

    /// A checkpoint signed by the log and these witnesses.
    fn note(witnesses: &[u8]) -> String {
        let (secret, log) = key(1, "audit.test/v1", KeyKind::Log);
        let text = Checkpoint::new("audit.test/v1", 0, crate::hash::empty_root());
        let text = text.unwrap().to_string();
        let mut note = format!(
            "{text}\n{}",
            log.line(&secret.sign(text.as_bytes()).to_bytes())
        );
        for seed in witnesses {
            let (secret, witness) = key(*seed, &format!("witness-{seed}"), KeyKind::Witness);
            let signed = format!("cosignature/v1\ntime {TIME}\n{text}");
            let mut signature = TIME.to_be_bytes().to_vec();
            signature.extend(secret.sign(signed.as_bytes()).to_bytes());
            note += &witness.line(&signature);
        }
        note
    }

    fn policy(rest: &str) -> Result<Policy, PolicyError> {
        let mut text = format!(
            "# whom we believe\nlog {}\n",
            key(1, "audit.test/v1", KeyKind::Log).1
        );
        for seed in [2, 3, 4] {
            let (_, witness) = key(seed, &format!("witness-{seed}"), KeyKind::Witness);
            writeln!(text, "witness w{seed} {witness}").unwrap();
        }
        (text + rest).parse()
    }

    #[test]
    fn a_checkpoint_needs_the_log_and_its_quorum() {
        let alone = policy("quorum none\n").unwrap();
        assert!(alone.accept(&note(&[])).is_ok());
        assert_eq!(
            alone,
            Policy {
                members: alone.members.clone(),
                ..Policy::of(alone.log().clone())
            }
        );
        let one = policy("quorum w3\n").unwrap();
        assert_eq!(one.accept(&note(&[2])), Err(PolicyError::Quorum));
        assert!(one.accept(&note(&[3])).is_ok());
        let two = policy("group most 2 w2 w3 w4\ngroup g all w2 most\nquorum g\n").unwrap();
        assert_eq!(two.accept(&note(&[3, 4])), Err(PolicyError::Quorum));
        assert_eq!(two.accept(&note(&[2])), Err(PolicyError::Quorum));
        assert!(two.accept(&note(&[2, 4])).is_ok());
        let any = policy("group g any w2 w3\nquorum g\n").unwrap();
        assert!(any.accept(&note(&[3])).is_ok());
        assert_eq!(any.accept(&note(&[4])), Err(PolicyError::Quorum));
        let (_, other) = key(9, "audit.test/v1", KeyKind::Log);
        let stranger = Policy::of(other).accept(&note(&[]));
        assert_eq!(stranger, Err(PolicyError::Note(NoteError::Unsigned)));
    }

    #[test]
    fn a_policy_that_cannot_be_meant_is_refused() {
        for (rest, line) in [
            ("quorum w9\n", 6),
            ("group g 3 w2 w3\nquorum g\n", 6),
            ("group g 0 w2\n", 6),
            ("group g any\n", 6),
            ("group w2 any w3\n", 6),
            ("group g any h\n", 6),
            ("quorum none\nquorum none\n", 7),
            ("wittness a b\n", 6),
            ("witness none b\n", 6),
        ] {
            assert_eq!(policy(rest), Err(PolicyError::Line(line)), "{rest}");
        }
        assert_eq!(policy(""), Err(PolicyError::Incomplete));
        let (_, log) = key(1, "audit.test/v1", KeyKind::Log);
        let twice = policy(&format!("log {log}\nquorum none\n"));
        assert_eq!(twice, Err(PolicyError::Incomplete));
        // A witness's key is not a log's.
        let (_, witness) = key(2, "w", KeyKind::Witness);
        let mixed = format!("log {witness}\nquorum none\n").parse::<Policy>();
        assert_eq!(mixed, Err(PolicyError::Line(1)));
    }
}
