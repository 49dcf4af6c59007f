//! Real handshakes with a receiver whose certificates are made here.

use std::collections::HashMap;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use schemas::Timestamp;

use super::*;
use crate::bank::Bank;
use crate::delivery::{Delivery, Undeliverable, endpoint_of};
use crate::outbox::{Fate, Settled};
use crate::world::World;
use crate::{EgressOptions, EgressPolicy, SystemEgress};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// An authority, and what it has signed.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(
            params,
            KeyPair::generate()?,
        )?))
    }

    fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate())?;
        Ok(Arc::new(roots))
    }

    fn sign(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), rcgen::Error> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        let certificate = params.signed_by(&key, &self.0)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Ok((vec![certificate.der().clone()], key))
    }
}

/// A receiver with a certificate of an authority that nobody knows; what pins its key, too.
async fn receiver(
    authority: &Authority,
    asks_who_calls: bool,
) -> Result<(Bank, Pin), Box<dyn std::error::Error>> {
    let (chain, key) = authority.sign()?;
    let pin = Pin::of(&chain[0]).ok_or("a certificate")?;
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = if asks_who_calls {
        let clients = WebPkiClientVerifier::builder_with_provider(authority.roots()?, provider);
        builder.with_client_cert_verifier(clients.build()?)
    } else {
        builder.with_no_client_auth()
    };
    let bank = Bank::behind_tls(builder.with_single_cert(chain, key)?).await;
    Ok((bank, pin))
}

fn trusting(authority: &Authority) -> EgressOptions {
    EgressOptions {
        allows_loopback: true,
        tls: OutgoingTls {
            authorities: vec![authority.certificate()],
            only_these: true,
            identity: None,
        },
        ..EgressOptions::default()
    }
}

/// A letter of a system, tried once.
async fn try_once(
    options: EgressOptions,
    system_id: &str,
    bank: &Bank,
) -> Result<Settled, Box<dyn std::error::Error>> {
    let world = World::that_calls(EgressPolicy::new(options));
    let (_, sender) = world.outbox_and_sender().await?;
    let delivery = Delivery {
        id: "msg_1".to_owned(),
        system_id: system_id.to_owned(),
        url: bank.url.clone(),
        endpoint: endpoint_of(&bank.url).map_err(Undeliverable::reason)?,
        order_key: "o".to_owned(),
        headers: Vec::new(),
        body: b"{}".to_vec(),
        attempt: 0,
        next_at: Timestamp(0),
    };
    Ok(sender.attempt(delivery).await)
}

#[tokio::test]
async fn a_receiver_is_believed_when_its_authority_is() -> Outcome {
    let authority = Authority::new()?;
    let (bank, _) = receiver(&authority, false).await?;
    let stranger = EgressOptions {
        allows_loopback: true,
        ..EgressOptions::default()
    };
    let refused = try_once(stranger.clone(), "s", &bank).await?;
    assert_eq!(refused.error, Some("its certificate is not trusted"));
    assert!(matches!(refused.fate, Fate::Again(_)));
    assert_eq!(bank.letters().len(), 0, "nothing was said to it");

    for only_these in [true, false] {
        let mut options = trusting(&authority);
        options.tls.only_these = only_these;
        let taken = try_once(options, "s", &bank).await?;
        assert_eq!(taken.fate, Fate::Delivered, "{:?}", taken.error);
    }
    Ok(())
}

#[tokio::test]
async fn a_pinned_system_talks_to_that_key_alone() -> Outcome {
    let authority = Authority::new()?;
    let (bank, pin) = receiver(&authority, false).await?;
    let with_pin = |pin| {
        let rules = SystemEgress {
            pins: vec![pin],
            ..SystemEgress::default()
        };
        EgressOptions {
            systems: HashMap::from([("pinned".to_owned(), rules)]),
            ..trusting(&authority)
        }
    };
    let other = Pin([7; 32]);
    let refused = try_once(with_pin(other), "pinned", &bank).await?;
    assert_eq!(refused.error, Some("its key is not a pinned one"));
    assert_eq!(bank.letters().len(), 0);
    let others = try_once(with_pin(other), "another", &bank).await?;
    assert_eq!(others.fate, Fate::Delivered);
    let taken = try_once(with_pin(pin), "pinned", &bank).await?;
    assert_eq!(taken.fate, Fate::Delivered, "{:?}", taken.error);
    // A pin is one more condition, not another way in.
    let mut untrusted = with_pin(pin);
    untrusted.tls = OutgoingTls::default();
    let refused = try_once(untrusted, "pinned", &bank).await?;
    assert_eq!(refused.error, Some("its certificate is not trusted"));
    Ok(())
}

#[tokio::test]
async fn whoever_asks_who_calls_is_shown_a_certificate() -> Outcome {
    let authority = Authority::new()?;
    let (bank, _) = receiver(&authority, true).await?;
    let refused = try_once(trusting(&authority), "s", &bank).await?;
    assert!(matches!(refused.fate, Fate::Again(_)));
    assert_eq!(bank.letters().len(), 0);

    let (chain, key) = authority.sign()?;
    let identity = Identity::new(chain, key);
    let mut general = trusting(&authority);
    general.tls.identity = Some(identity.clone());
    let taken = try_once(general, "s", &bank).await?;
    assert_eq!(taken.fate, Fate::Delivered, "{:?}", taken.error);
    let rules = SystemEgress {
        identity: Some(identity),
        ..SystemEgress::default()
    };
    let own = EgressOptions {
        systems: HashMap::from([("own".to_owned(), rules)]),
        ..trusting(&authority)
    };
    let taken = try_once(own.clone(), "own", &bank).await?;
    assert_eq!(taken.fate, Fate::Delivered, "{:?}", taken.error);
    let refused = try_once(own, "another", &bank).await?;
    assert!(matches!(refused.fate, Fate::Again(_)));
    Ok(())
}

#[tokio::test]
async fn a_system_with_blocks_of_its_own_is_called_there_and_nowhere_else() -> Outcome {
    let bank = Bank::open().await;
    let rules = |blocks: &str| -> Result<_, String> {
        let rules: crate::EgressRules = blocks.parse()?;
        Ok(rules.0)
    };
    let own = SystemEgress {
        allow: rules("10.0.0.0/8")?,
        ..SystemEgress::default()
    };
    let here = SystemEgress {
        allow: rules("127.0.0.0/8")?,
        ..SystemEgress::default()
    };
    let options = EgressOptions {
        allow: rules("192.168.0.0/16")?,
        systems: HashMap::from([("own".to_owned(), own), ("here".to_owned(), here)]),
        ..EgressOptions::default()
    };
    for system_id in ["own", "another"] {
        let refused = try_once(options.clone(), system_id, &bank).await?;
        assert_eq!(refused.fate, Fate::Forbidden, "{system_id}");
    }
    let mut named = bank;
    named.url = named.url.replace("127.0.0.1", "localhost");
    let refused = try_once(options.clone(), "own", &named).await?;
    assert_eq!(refused.fate, Fate::Forbidden);
    assert_eq!(named.letters().len(), 0);
    assert_eq!(
        try_once(options, "here", &named).await?.fate,
        Fate::Delivered
    );
    Ok(())
}

#[test]
fn a_pin_is_a_digest_in_base64() {
    let text = format!("sha256/{}", BASE64_STANDARD.encode([7; 32]));
    assert_eq!(text.parse(), Ok(Pin([7; 32])));
    for wrong in ["", "sha256/", "sha256/AAAA", "sha1/AAAA", &text[7..]] {
        assert!(wrong.parse::<Pin>().is_err(), "{wrong}");
    }
}
