//! Java's old key stores (JKS), as far as they hold trusted certificates. Their format is Sun's, and has no library here.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use rustls::pki_types::CertificateDer;

/// What such a store begins with.
pub const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];

/// Java mixes this into the digest of a store.
const SALT: &[u8] = b"Mighty Aphrodite";

/// Length of the digest at a store's end, bytes.
const DIGEST: usize = 20;

/// The trusted certificates of a store that nobody has changed since it was closed with this password.
pub fn certificates(
    store: &[u8],
    password: &str,
) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let (content, digest) = store
        .split_at_checked(store.len().saturating_sub(DIGEST))
        .ok_or("it is cut off")?;
    let mut expected = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for unit in password.encode_utf16() {
        expected.update(&unit.to_be_bytes());
    }
    expected.update(SALT);
    expected.update(content);
    if expected.finish().as_ref() != digest {
        return Err("its password is another one, or it was changed");
    }
    let mut rest = Reader(content);
    if rest.take(MAGIC.len())? != MAGIC {
        return Err("it is no JKS store");
    }
    if rest.number()? != 2 {
        return Err("it has a version that nobody writes any more");
    }
    let mut certificates = Vec::new();
    for _ in 0..rest.number()? {
        // 1 is a private key with its chain, 2 a trusted certificate.
        let kind = rest.number()?;
        let _alias = rest.name()?;
        let _made_at = rest.take(8)?;
        if kind == 1 {
            let _key = rest.long()?;
            for _ in 0..rest.number()? {
                rest.certificate()?;
            }
        } else {
            certificates.push(CertificateDer::from(rest.certificate()?.to_vec()));
        }
    }
    Ok(certificates)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("it is cut off")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, &'static str> {
        let bytes = self.take(4)?.try_into().map_err(|_| "it is cut off")?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn name(&mut self) -> Result<&'a [u8], &'static str> {
        let bytes = self.take(2)?.try_into().map_err(|_| "it is cut off")?;
        self.take(u16::from_be_bytes(bytes).into())
    }

    fn long(&mut self) -> Result<&'a [u8], &'static str> {
        let length = usize::try_from(self.number()?).map_err(|_| "it is cut off")?;
        self.take(length)
    }

    fn certificate(&mut self) -> Result<&'a [u8], &'static str> {
        let _type = self.name()?;
        self.long()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two trusted certificates, written by Java's keytool.
    pub const STORE: &[u8] = include_bytes!("jks/trust.jks");

    #[test]
    fn what_keytool_writes_is_read() {
        let certificates = certificates(STORE, "a test's").expect("a store");
        assert_eq!(certificates.len(), 2);
        assert_eq!(certificates[0], certificates[1]);
        assert_eq!(certificates[0][..2], [0x30, 0x82], "DER");
    }

    #[test]
    fn no_byte_of_it_can_be_changed_and_none_be_missing() {
        assert!(certificates(STORE, "another").is_err());
        for place in 0..STORE.len() {
            let mut changed = STORE.to_vec();
            changed[place] ^= 1;
            assert!(certificates(&changed, "a test's").is_err(), "{place}");
            assert!(
                certificates(&STORE[..place], "a test's").is_err(),
                "{place}"
            );
        }
    }
}
