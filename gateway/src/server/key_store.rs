//! PKCS#12 key stores and trust stores, as the reference manual configures them: what Java's keytool and openssl write.

use p12_keystore::{KeyStoreEntry, Pkcs12ImportPolicy};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::options::KeyStore;
use crate::server::GatewayError;

/// Longest store, bytes.
const LENGTH_MAX: u64 = 1024 * 1024;

impl KeyStore {
    /// The chain and the key of the store's one private key.
    pub fn identity(
        &self,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), GatewayError> {
        let opened = open(self, Pkcs12ImportPolicy::Strict)?;
        let (_, chain) = opened
            .private_key_chain()
            .ok_or_else(|| wrong(self, "it holds no private key with its certificate"))?;
        let certificates = chain.certs().iter();
        let certificates = certificates.map(|one| CertificateDer::from(one.as_der().to_vec()));
        let key = PrivatePkcs8KeyDer::from(chain.key().as_der().to_vec());
        Ok((certificates.collect(), key.into()))
    }

    /// Every certificate of a trust store.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, GatewayError> {
        // Java marks an authority as trusted with an attribute of its own; openssl does not.
        let opened = open(self, Pkcs12ImportPolicy::Raw)?;
        let certificates = opened.entries().filter_map(|(_, entry)| match entry {
            KeyStoreEntry::Certificate(one) => Some(CertificateDer::from(one.as_der().to_vec())),
            _ => None,
        });
        let certificates: Vec<_> = certificates.collect();
        if certificates.is_empty() {
            return Err(wrong(self, "it holds no certificate"));
        }
        Ok(certificates)
    }
}

fn open(
    store: &KeyStore,
    policy: Pkcs12ImportPolicy,
) -> Result<p12_keystore::KeyStore, GatewayError> {
    let read = std::fs::metadata(&store.path).and_then(|about| {
        if about.len() > LENGTH_MAX {
            return Err(std::io::Error::other("it is too long for a key store"));
        }
        std::fs::read(&store.path)
    });
    let bytes = read.map_err(|error| wrong(store, error))?;
    let password = store
        .password
        .expose_text()
        .ok_or_else(|| wrong(store, "its password is not text"))?;
    p12_keystore::KeyStore::from_pkcs12(&bytes, password, policy)
        .map_err(|error| wrong(store, error))
}

fn wrong(
    store: &KeyStore,
    reason: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> GatewayError {
    GatewayError::KeyStore {
        path: store.path.clone(),
        source: reason.into(),
    }
}
