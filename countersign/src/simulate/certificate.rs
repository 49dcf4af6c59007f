//! An authority of the simulator's own, made anew at each start, and what it certifies.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;

use super::server::StartError;

/// An authority.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one.
    pub fn new() -> Result<Self, StartError> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "countersign simulator");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self(issuer))
    }

    /// Its certificate, for whoever is to trust it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// TLS for these names and addresses, HTTP/2 first. Clients may show a certificate of this authority.
    pub(super) fn tls(&self, names: Vec<String>) -> Result<ServerConfig, StartError> {
        let mut params = CertificateParams::new(names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let (chain, key) = self.certify(&params)?;
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone())?;
        let clients = WebPkiClientVerifier::builder(roots.into())
            .allow_unauthenticated()
            .build()
            .map_err(|error| StartError::Certificate(error.to_string()))?;
        let mut tls = ServerConfig::builder()
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, PrivateKeyDer::Pkcs8(key))?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(tls)
    }

    /// A client's certificate and key: PKCS#12 in Base64, as `apns_p12` takes it.
    pub fn client_store(&self, password: &str) -> Result<String, StartError> {
        let wrong = |error: p12_keystore::error::Error| StartError::Certificate(error.to_string());
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (chain, key) = self.certify(&params)?;
        let certificates = chain.iter().map(|one| Certificate::from_der(one));
        let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(wrong)?;
        let key = PrivateKey::from_der(key.secret_pkcs8_der()).map_err(wrong)?;
        let mut store = KeyStore::new();
        let chain = PrivateKeyChain::new(vec![1, 2, 3, 4], key, certificates);
        store.add_entry("client", KeyStoreEntry::PrivateKeyChain(chain));
        let bytes = store.writer(password).write().map_err(wrong)?;
        Ok(BASE64_STANDARD.encode(bytes))
    }

    fn certify(
        &self,
        params: &CertificateParams,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivatePkcs8KeyDer<'static>), StartError> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        let chain = vec![certificate.der().clone(), self.0.der().clone()];
        Ok((chain, PrivatePkcs8KeyDer::from(key.serialize_der())))
    }
}
