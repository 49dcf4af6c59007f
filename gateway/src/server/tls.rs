//! TLS of a listener: 1.2 and 1.3, with client certificates when an authority is named.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::options::{ClientCertificate, GatewayTls, TlsAuthorities, TlsIdentity};
use crate::server::GatewayError;

/// What takes a connection's handshake.
pub(super) fn acceptor(tls: &GatewayTls) -> Result<TlsAcceptor, GatewayError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let builder = match &tls.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            let authorities = match &clients.authorities {
                TlsAuthorities::Pem(path) => certificates(path)?,
                TlsAuthorities::Pkcs12(store) => store.authorities()?,
            };
            for certificate in authorities {
                roots.add(certificate).map_err(failed)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match clients.certificate {
                ClientCertificate::Need => verifier,
                ClientCertificate::Want => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(verifier.build().map_err(failed)?)
        }
    };
    let (chain, key) = match &tls.identity {
        TlsIdentity::Pem { cert, key } => (certificates(cert)?, private_key(key)?),
        TlsIdentity::Pkcs12(store) => store.identity()?,
    };
    let mut config = builder.with_single_cert(chain, key).map_err(failed)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, GatewayError> {
    let what = "a certificate";
    let read = rustls_pemfile::certs(&mut open(path, what)?).collect::<Result<Vec<_>, _>>();
    match read {
        Ok(certificates) if certificates.is_empty() => Err(missing(path, what, None)),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(missing(path, what, Some(error))),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, GatewayError> {
    let what = "a private key";
    rustls_pemfile::private_key(&mut open(path, what)?)
        .map_err(|error| missing(path, what, Some(error)))?
        .ok_or_else(|| missing(path, what, None))
}

fn open(path: &Path, what: &'static str) -> Result<BufReader<File>, GatewayError> {
    let file = File::open(path).map_err(|error| missing(path, what, Some(error)))?;
    Ok(BufReader::new(file))
}

fn missing(path: &Path, what: &'static str, source: Option<std::io::Error>) -> GatewayError {
    GatewayError::Pem {
        path: path.to_owned(),
        what,
        source,
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> GatewayError {
    GatewayError::Tls(Box::new(error))
}
