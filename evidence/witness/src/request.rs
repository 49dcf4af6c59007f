//! What a witness is asked: the size it should have seen last, the proof that the journal went on from there, and the
//! checkpoint as the log signed it.
//!
//! ```text
//! old 4096
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! audit.example-bank/v1
//! 4211
//! 4Wux3Iv1zBZcVVYPzZ2hJBOoKw+F8hjTbZqGDZYwzQA=
//!
//! — audit.example-bank/v1 Az3grlgt…
//! ```

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::Digest;

/// Most hashes of a proof.
const PROOF_MAX: usize = 63;

/// A request to sign a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness signed last, as far as the asker knows.
    pub old: u64,
    /// The proof that the journal of that size is the beginning of the new one.
    pub proof: Vec<Digest>,
    /// The signed checkpoint.
    pub note: String,
}

/// The body is not one of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the old size, the hashes of a proof, an empty line and a signed checkpoint")]
pub struct InvalidRequest;

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for AddCheckpoint {
    type Err = InvalidRequest;

    fn from_str(body: &str) -> Result<Self, InvalidRequest> {
        let (head, note) = body.split_once("\n\n").ok_or(InvalidRequest)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.ok_or(InvalidRequest)?;
        let size: u64 = old.parse().map_err(|_| InvalidRequest)?;
        if size.to_string() != old {
            return Err(InvalidRequest);
        }
        let proof: Vec<Digest> = lines.map(hash).collect::<Result<_, _>>()?;
        if proof.len() > PROOF_MAX {
            return Err(InvalidRequest);
        }
        Ok(Self {
            old: size,
            proof,
            note: note.to_owned(),
        })
    }
}

fn hash(line: &str) -> Result<Digest, InvalidRequest> {
    let bytes = STANDARD.decode(line).map_err(|_| InvalidRequest)?;
    Ok(Digest(bytes.try_into().map_err(|_| InvalidRequest)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_request_is_not_read() {
        let hash = STANDARD.encode([7; 32]);
        let right = format!("old 3\n{hash}\n\nnote\n");
        assert!(right.parse::<AddCheckpoint>().is_ok());
        for wrong in [
            String::new(),
            right.replace("old 3", "old"),
            right.replace("old 3", "old 03"),
            right.replace("old 3", "old +3"),
            right.replace("old 3", "new 3"),
            right.replace("old 3", "old 18446744073709551616"),
            right.replace("\n\n", "\n"),
            right.replace(&hash, "AAAA"),
            right.replace(&hash, "*"),
            right.replace('\n', "\r\n"),
            format!(
                "old 3\n{}\nnote\n",
                format!("{hash}\n").repeat(PROOF_MAX + 1)
            ),
        ] {
            assert_eq!(
                wrong.parse::<AddCheckpoint>(),
                Err(InvalidRequest),
                "{wrong:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_request_reads_back(old in any::<u64>(), proof in prop::collection::vec(any::<[u8; 32]>(), 0..=PROOF_MAX)) {
            let proof = proof.into_iter().map(Digest).collect();
            let request = AddCheckpoint { old, proof, note: "a\nb\n\nc\n".to_owned() };
            prop_assert_eq!(request.to_string().parse(), Ok(request));
        }
    }
}
