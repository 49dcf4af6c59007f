//! The listener on a real socket: slow, greedy and ambiguous clients, and going down.

use std::sync::Arc;
use std::time::Duration;

use schemas::answers::AnswerBody;
use schemas::{ErrorCode, Secret};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{GatewayError, RunningGateway, serve};
use crate::auth::TokenFile;
use crate::options::{
    ClientCertificate, Doors, GatewayOptions, GatewayTls, KeyStore, TlsAuthorities, TlsClients,
    TlsIdentity,
};
use crate::testing::{FakeBus, FakeJournal, SYSTEM, house};

/// Longest wait of a test for what must happen.
const BOUND: Duration = Duration::from_secs(20);

async fn open(bus: FakeBus, change: impl FnOnce(&mut GatewayOptions)) -> RunningGateway {
    let mut options = GatewayOptions::at(([127, 0, 0, 1], 0).into());
    change(&mut options);
    let house = house(Arc::new(bus), Arc::new(FakeJournal::default()));
    serve(options, house).await.unwrap()
}

fn friendly() -> FakeBus {
    FakeBus::answering(ErrorCode::Normal, AnswerBody::Nothing)
}

async fn connect(gateway: &RunningGateway) -> TcpStream {
    TcpStream::connect(gateway.address()).await.unwrap()
}

/// Everything the server sends until it closes.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let reading = timeout(BOUND, stream.read_to_end(&mut bytes)).await;
    // A reset after the answer is as good as an end.
    let _ = reading.expect("the server closes the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn say(gateway: &RunningGateway, text: &[u8]) -> String {
    let mut stream = connect(gateway).await;
    stream.write_all(text).await.unwrap();
    read_to_end(&mut stream).await
}

fn delete(headers: &str, body: &str) -> String {
    format!("DELETE /pc-api/{SYSTEM} HTTP/1.1\r\nhost: x\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn a_request_is_served_and_the_doors_close_in_order() {
    let gateway = open(friendly(), |_| {}).await;
    let answer = say(&gateway, delete("connection: close\r\n", "").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("\"system_removed\""), "{answer}");
    let address = gateway.address();
    timeout(BOUND, gateway.shutdown()).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn an_open_request_does_not_hold_a_shutdown_for_ever() {
    let gateway = open(FakeBus::that_never_answers(), |options| {
        options.limits.shutdown = Duration::from_millis(100);
    })
    .await;
    let mut stream = connect(&gateway).await;
    stream.write_all(delete("", "").as_bytes()).await.unwrap();
    timeout(BOUND, gateway.shutdown()).await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_let_go() {
    let short = Duration::from_millis(50);
    let gateway = open(friendly(), |options| {
        options.limits.first_byte = short;
        options.limits.header_read = short;
    })
    .await;
    for said in [
        "",
        "P",
        "PRI * HTTP/2.0\r\n",
        "GET /health/live HTT",
        "GET / HTTP/1.1\r\nhost: x\r\n",
    ] {
        let answer = say(&gateway, said.as_bytes()).await;
        assert!(!answer.contains("200 OK"), "{said:?}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_drips_is_not_waited_for() {
    let gateway = open(friendly(), |options| {
        options.limits.body_grace = Duration::from_millis(100);
    })
    .await;
    let headers = "content-type: application/json\r\ncontent-length: 1000\r\n";
    let answer = say(&gateway, delete(headers, "{").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"error_code\":219"), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_declared_or_not() {
    let gateway = open(friendly(), |options| options.limits.body_max = 100).await;
    let declared = delete(
        "content-length: 101\r\ncontent-type: application/json\r\n",
        "",
    );
    let chunk = format!("80\r\n{}\r\n0\r\n\r\n", " ".repeat(128));
    let chunked = delete(
        "transfer-encoding: chunked\r\ncontent-type: application/json\r\n",
        &chunk,
    );
    for request in [declared, chunked] {
        let answer = say(&gateway, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains("\"error_code\":283"), "{answer}");
    }
}

#[tokio::test]
async fn too_many_or_too_long_headers_are_refused() {
    let gateway = open(friendly(), |_| {}).await;
    let many = "x: y\r\n".repeat(100);
    let long = format!("x: {}\r\n", "y".repeat(20_000));
    for headers in [many, long] {
        let answer = say(&gateway, delete(&headers, "").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

/// Requests two parsers could read differently, each followed by a second one that must not be taken for a part of it.
#[tokio::test]
async fn an_ambiguous_request_is_refused_and_ends_the_connection() {
    let gateway = open(friendly(), |_| {}).await;
    let requests = [
        delete("content-length: 2\r\ncontent-length: 3\r\n", "{} "),
        delete("content-length: +2\r\n", "{}"),
        delete("content-length: 2, 2\r\n", "{}"),
        delete("transfer-encoding: chunked, identity\r\n", "0\r\n\r\n"),
        delete("transfer-encoding: xchunked\r\n", "0\r\n\r\n"),
        delete("x: a\r\n b\r\n", ""),
        delete("content-length : 0\r\n", ""),
        delete("x\0y: z\r\n", ""),
    ];
    for request in requests {
        let two = format!("{request}{}", delete("", ""));
        let answer = say(&gateway, two.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{request}: {answer}");
        assert!(!answer.contains("200 OK"), "{request}: {answer}");
    }
}

/// hyper reads such a request by its chunks and strips the length before we see it, so we cannot refuse it. RFC 9112
/// (6.1) permits that when the connection ends with it, and it does: what follows is never taken for a request.
#[tokio::test]
async fn a_request_with_two_lengths_is_the_last_of_its_connection() {
    let gateway = open(friendly(), |_| {}).await;
    let headers =
        "content-type: application/json\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n";
    let two = format!(
        "{}{}",
        delete(headers, "2\r\n{}\r\n0\r\n\r\n"),
        delete("", "")
    );
    let answer = say(&gateway, two.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn one_connection_too_many_is_refused() {
    let gateway = open(friendly(), |options| options.limits.connections_max = 1).await;
    let mut first = connect(&gateway).await;
    first.write_all(delete("", "").as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(BOUND, first.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let refused = say(&gateway, b"").await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
}

/// Whether the doors open to the network.
async fn refusal(change: impl FnOnce(&mut GatewayOptions)) -> Result<RunningGateway, GatewayError> {
    let mut options = GatewayOptions::at(([0, 0, 0, 0], 0).into());
    change(&mut options);
    let house = house(Arc::new(friendly()), Arc::new(FakeJournal::default()));
    serve(options, house).await
}

#[tokio::test]
async fn an_open_address_needs_credentials() {
    let plain = refusal(|_| {}).await;
    assert!(
        matches!(plain, Err(GatewayError::Unprotected { .. })),
        "{plain:?}"
    );
    let tokens = refusal(|options| {
        let line = format!("* {}", "00".repeat(32));
        options.tokens = Some(TokenFile::parse(&line).unwrap());
    })
    .await;
    assert!(tokens.is_ok(), "{tokens:?}");
    let missing = refusal(|options| {
        options.tls = Some(GatewayTls {
            identity: TlsIdentity::Pem {
                cert: "/nonexistent/cert.pem".into(),
                key: "/nonexistent/key.pem".into(),
            },
            clients: Some(TlsClients::of("/nonexistent/ca.pem".into())),
        });
    })
    .await;
    assert!(
        matches!(missing, Err(GatewayError::Pem { .. })),
        "{missing:?}"
    );
    let mobile = refusal(|options| options.doors = Doors::Mobile).await;
    assert!(mobile.is_ok(), "{mobile:?}");
}

#[tokio::test]
async fn operations_may_have_a_listener_of_their_own() {
    let gateway = open(friendly(), |options| {
        options.operations_address = Some(([127, 0, 0, 1], 0).into());
    })
    .await;
    let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert!(say(&gateway, request).await.starts_with("HTTP/1.1 404"));
    let mut stream = TcpStream::connect(gateway.operations_address().unwrap())
        .await
        .unwrap();
    stream.write_all(request).await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn http_2_is_spoken_to_who_knows_it() {
    let gateway = open(friendly(), |_| {}).await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy()
        .build()
        .unwrap();
    let url = format!("http://{}/pc-api/{SYSTEM}", gateway.address());
    let answer = client.delete(&url).send().await.unwrap();
    assert_eq!(answer.version(), axum::http::Version::HTTP_2);
    assert_eq!(answer.status(), 200);
    let answer = client
        .delete(&url)
        .header("content-type", "application/json")
        .body(" ".repeat(100_000))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 413);
}

mod with_certificates {
    use std::path::PathBuf;

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ClientConfig, RootCertStore};
    use tokio_rustls::TlsConnector;

    use super::*;

    /// Test certificates for `localhost`, valid for a hundred years; the authority's key is gone.
    fn file(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("src/server/testdata")
            .join(name)
    }

    fn pem() -> TlsIdentity {
        TlsIdentity::Pem {
            cert: file("server.pem"),
            key: file("server.key"),
        }
    }

    /// Stores of the same, made by `openssl pkcs12 -export`; the password is `a test's`.
    fn store(name: &str) -> KeyStore {
        KeyStore {
            path: file(name),
            password: Secret::new("a test's"),
        }
    }

    fn certificate(name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(file(name)).unwrap()
    }

    fn connector(with_certificate: bool) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(certificate("ca.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = if with_certificate {
            let key = PrivateKeyDer::from_pem_file(file("client.key")).unwrap();
            builder
                .with_client_auth_cert(vec![certificate("client.pem")], key)
                .unwrap()
        } else {
            builder.with_no_client_auth()
        };
        TlsConnector::from(Arc::new(config))
    }

    /// What a client hears; empty when the handshake, or what follows it, fails.
    async fn ask(gateway: &RunningGateway, with_certificate: bool) -> String {
        let stream = TcpStream::connect(("127.0.0.1", gateway.address().port()))
            .await
            .unwrap();
        let name = "localhost".try_into().unwrap();
        let Ok(mut stream) = connector(with_certificate).connect(name, stream).await else {
            return String::new();
        };
        let request = delete("connection: close\r\n", "");
        let mut bytes = Vec::new();
        // A server that refuses the certificate may only say so after the client's handshake is over.
        if stream.write_all(request.as_bytes()).await.is_ok() {
            let _ = timeout(BOUND, stream.read_to_end(&mut bytes))
                .await
                .unwrap();
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[tokio::test]
    async fn only_clients_of_the_authority_are_let_in_from_elsewhere() {
        let gateway = open(friendly(), |options| {
            options.address = ([0, 0, 0, 0], 0).into();
            options.limits.first_byte = Duration::from_secs(2);
            options.tls = Some(GatewayTls {
                identity: pem(),
                clients: Some(TlsClients::of(file("ca.pem"))),
            });
        })
        .await;
        assert!(ask(&gateway, true).await.starts_with("HTTP/1.1 200"));
        assert_eq!(ask(&gateway, false).await, "");
    }

    #[tokio::test]
    async fn key_stores_serve_like_files_and_a_wanted_certificate_is_optional() {
        for (certificate, without) in [
            (ClientCertificate::Need, false),
            (ClientCertificate::Want, true),
        ] {
            let gateway = open(friendly(), |options| {
                options.limits.first_byte = Duration::from_secs(2);
                options.tls = Some(GatewayTls {
                    identity: TlsIdentity::Pkcs12(store("server.p12")),
                    clients: Some(TlsClients {
                        authorities: TlsAuthorities::Pkcs12(store("trust.p12")),
                        certificate,
                    }),
                });
            })
            .await;
            assert!(ask(&gateway, true).await.starts_with("HTTP/1.1 200"));
            assert_eq!(
                ask(&gateway, false).await.starts_with("HTTP/1.1 200"),
                without
            );
        }
    }

    #[tokio::test]
    async fn a_wanted_certificate_protects_nothing_beyond_loopback() {
        let wanting = refusal(|options| {
            options.tls = Some(GatewayTls {
                identity: pem(),
                clients: Some(TlsClients {
                    authorities: TlsAuthorities::Pem(file("ca.pem")),
                    certificate: ClientCertificate::Want,
                }),
            });
        })
        .await;
        assert!(matches!(wanting, Err(GatewayError::Unprotected { .. })));
    }

    #[tokio::test]
    async fn a_key_store_that_does_not_open_is_named_and_its_password_is_not() {
        let mut wrong = store("server.p12");
        wrong.password = Secret::new("something else");
        for store in [
            wrong,
            store("server.pem"),
            store("trust.p12"),
            store("nothing.p12"),
        ] {
            let refused = refusal(|options| {
                options.doors = Doors::Mobile;
                options.tls = Some(GatewayTls {
                    identity: TlsIdentity::Pkcs12(store.clone()),
                    clients: None,
                });
            })
            .await;
            let error = refused.map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("key store"), "{error}");
            assert!(!error.contains("something else"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_handshake_that_stalls_is_let_go() {
        let gateway = open(friendly(), |options| {
            options.limits.handshake = Duration::from_millis(50);
            options.tls = Some(GatewayTls {
                identity: pem(),
                clients: None,
            });
        })
        .await;
        assert_eq!(say(&gateway, b"\x16\x03\x01").await, "");
    }
}
