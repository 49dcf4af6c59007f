//! TLS of outgoing calls: whom we believe, who we are, and which keys a system's receivers have.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use webpki::EndEntityCert;

/// Whom outgoing calls believe, and who they are.
#[derive(Clone, Debug, Default)]
pub struct OutgoingTls {
    /// Authorities to believe.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Whether to believe these alone; otherwise the operating system's, too.
    pub only_these: bool,
    /// What to show when a receiver asks who calls.
    pub identity: Option<Identity>,
}

/// A certificate with its chain, and its key.
#[derive(Clone)]
pub struct Identity(Arc<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>);

impl Identity {
    /// The chain begins with the certificate of the key.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self(Arc::new((chain, key)))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// SHA-256 of a public key (DER SubjectPublicKeyInfo), written `sha256/<base64>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin([u8; 32]);

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = text
            .strip_prefix("sha256/")
            .and_then(|digest| BASE64_STANDARD.decode(digest).ok());
        let digest = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        digest.map(Self).ok_or_else(|| {
            format!("{text:?}: a pin is sha256/ and the base64 of the 32 bytes of a digest")
        })
    }
}

impl Pin {
    /// The pin of a certificate's key; `None` when it cannot be read.
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = EndEntityCert::try_from(certificate).ok()?;
        let key = certificate.subject_public_key_info();
        let digest = digest::digest(&digest::SHA256, key.as_ref());
        digest.as_ref().try_into().ok().map(Self)
    }
}

/// The configuration of calls that show this identity, and accept these keys alone unless there is none.
pub(super) fn configuration(
    tls: &OutgoingTls,
    identity: Option<&Identity>,
    pins: &[Pin],
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let mut verifier = verifier(tls, &provider)?;
    if !pins.is_empty() {
        verifier = Arc::new(Pinned {
            verifier,
            pins: pins.to_vec(),
        });
    }
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut configuration = match identity {
        Some(Identity(identity)) => {
            builder.with_client_auth_cert(identity.0.clone(), identity.1.clone_key())?
        }
        None => builder.with_no_client_auth(),
    };
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(configuration)
}

fn verifier(
    tls: &OutgoingTls,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    if !tls.only_these {
        let verifier =
            Verifier::new_with_extra_roots(tls.authorities.clone(), Arc::clone(provider))?;
        return Ok(Arc::new(verifier));
    }
    let mut roots = RootCertStore::empty();
    for authority in &tls.authorities {
        roots.add(authority.clone())?;
    }
    let builder =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let verifier = builder
        .build()
        .map_err(|error| Error::General(error.to_string()))?;
    Ok(verifier)
}

/// The receiver's own key must be a pinned one. Those of its authorities do not count: whatever chain is shown, only the key
/// of its end is in use.
#[derive(Debug)]
struct Pinned {
    verifier: Arc<dyn ServerCertVerifier>,
    pins: Vec<Pin>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let is_pinned = Pin::of(end_entity).is_some_and(|pin| self.pins.contains(&pin));
        let failure = CertificateError::ApplicationVerificationFailure;
        is_pinned.then_some(verified).ok_or(failure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// What an operator reads of a certificate that was not accepted; `None` when that was not the trouble.
pub(crate) fn distrust(error: &reqwest::Error) -> Option<&'static str> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        // What an I/O error wraps is not its source.
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref::<Error>());
        match tls.or_else(|| error.downcast_ref::<Error>()) {
            Some(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)) => {
                return Some("its key is not a pinned one");
            }
            Some(Error::InvalidCertificate(_)) => return Some("its certificate is not trusted"),
            _ => {}
        }
        source = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests;
