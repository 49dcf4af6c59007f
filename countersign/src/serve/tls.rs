//! TLS of the doors, from the arguments.

use gateway::{ClientCertificate, GatewayTls, KeyStore, TlsAuthorities, TlsClients, TlsIdentity};
use schemas::Secret;

use super::{ClientAuth, ServeArguments};
use crate::AnyError;

/// TLS as it is asked for; `None` for plain HTTP.
pub fn choose(arguments: &ServeArguments) -> Result<Option<GatewayTls>, AnyError> {
    let store = |path: &std::path::PathBuf, password: &Option<String>| KeyStore {
        path: path.clone(),
        password: Secret::new(password.clone().unwrap_or_default()),
    };
    let identity = match (
        &arguments.tls_key_store,
        &arguments.tls_cert,
        &arguments.tls_key,
    ) {
        (Some(path), _, _) => TlsIdentity::Pkcs12(store(path, &arguments.tls_key_store_password)),
        (None, Some(cert), Some(key)) => TlsIdentity::Pem {
            cert: cert.clone(),
            key: key.clone(),
        },
        (None, None, None)
            if arguments.tls_client_ca.is_none() && arguments.tls_trust_store.is_none() =>
        {
            return Ok(None);
        }
        (None, None, None) => {
            return Err(
                "client certificates need TLS: give a certificate and its key, or a key store"
                    .into(),
            );
        }
        (None, ..) => return Err("--tls-cert and --tls-key belong together".into()),
    };
    let authorities = match (&arguments.tls_trust_store, &arguments.tls_client_ca) {
        (Some(path), _) => {
            let store = store(path, &arguments.tls_trust_store_password);
            Some(TlsAuthorities::Pkcs12(store))
        }
        (None, Some(path)) => Some(TlsAuthorities::Pem(path.clone())),
        (None, None) => None,
    };
    let certificate = match arguments.tls_client_auth {
        ClientAuth::Need => ClientCertificate::Need,
        ClientAuth::Want => ClientCertificate::Want,
        ClientAuth::None => {
            return match authorities {
                None => Ok(Some(GatewayTls {
                    identity,
                    clients: None,
                })),
                Some(_) => Err(
                    "authorities of client certificates are given, and nobody is asked for one"
                        .into(),
                ),
            };
        }
    };
    let clients = authorities.map(|authorities| TlsClients {
        authorities,
        certificate,
    });
    Ok(Some(GatewayTls { identity, clients }))
}
