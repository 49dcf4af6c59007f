//! Which addresses are called, tried with real connections: a canary is a listener that nobody may reach.

use std::net::TcpListener;
use std::sync::Mutex;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::*;
use crate::bank::{Answer, Bank};
use crate::world::{World, confirmed};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Nobody connects to it, or the test fails.
struct Canary(TcpListener);

impl Canary {
    fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().expect("it is bound").port()
    }

    /// A connection waits in the listener's queue until somebody takes it, so none there means that there was none.
    fn is_untouched(&self) -> bool {
        matches!(self.0.accept(), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }
}

/// Answers every question with the next of these.
#[derive(Debug)]
struct Flipping(Mutex<Vec<Vec<IpAddr>>>);

impl Flipping {
    fn between(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().rev().map(|answer| {
            let ips = answer.iter().map(|ip| ip.parse().expect("an address"));
            ips.collect()
        });
        Arc::new(Self(Mutex::new(answers.collect())))
    }

    fn answers_left(&self) -> usize {
        self.0.lock().expect("no test panicked here").len()
    }
}

impl LookUp for Flipping {
    fn look_up<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        let answer = self.0.lock().expect("no test panicked here").pop();
        async move { answer.ok_or_else(|| std::io::ErrorKind::NotFound.into()) }.boxed()
    }
}

fn allowing(rules: &str) -> EgressOptions {
    let EgressRules(allow) = rules.parse().expect("rules");
    EgressOptions {
        allow,
        ..EgressOptions::default()
    }
}

fn check(policy: &EgressPolicy, address: &str) -> Result<(), Forbidden> {
    policy.check(None, address.parse().expect("an address with a port"))
}

#[test]
fn without_rules_receivers_are_where_receivers_usually_are() {
    let policy = EgressPolicy::new(EgressOptions::default());
    for usual in [
        "10.1.2.3:8080",
        "172.31.0.1:443",
        "192.168.1.4:9000",
        "93.184.216.34:443",
        "[fd12::1]:443",
        "[2a00:1450::1]:443",
        "[::ffff:10.1.2.3]:443",
    ] {
        assert_eq!(check(&policy, usual), Ok(()), "{usual}");
    }
    for unusual in [
        "127.0.0.1:80",
        "127.9.9.9:80",
        "[::1]:80",
        "[::ffff:127.0.0.1]:80",
        "[::127.0.0.1]:80",
        "[64:ff9b::7f00:1]:80",
        "100.64.0.1:443",
        "198.18.0.1:443",
    ] {
        let judged = check(&policy, unusual);
        assert_eq!(judged, Err(Forbidden::NotPermitted), "{unusual}");
    }
}

#[test]
fn no_rule_permits_what_is_never_called() {
    for rules in ["0.0.0.0/0,::/0", "127.0.0.0/8,10.0.0.0/8"] {
        let policy = EgressPolicy::new(allowing(rules));
        for address in [
            "0.0.0.0:80",
            "[::]:80",
            "169.254.169.254:80",
            "[::ffff:169.254.169.254]:80",
            "[64:ff9b::a9fe:a9fe]:80",
            "[64:ff9b:1::a9fe:a9fe]:80",
            "[2002:a9fe:a9fe::1]:80",
            "[fe80::1]:80",
            "[fd00:ec2::254]:80",
            "100.100.100.200:80",
            "168.63.129.16:80",
            "224.0.0.1:80",
            "[ff02::1]:80",
            "255.255.255.255:80",
        ] {
            let judged = check(&policy, address);
            assert_eq!(judged, Err(Forbidden::NeverCalled), "{address}");
        }
    }
}

#[test]
fn a_rule_permits_its_block_and_nothing_else() {
    let policy = EgressPolicy::new(allowing("10.0.0.0/8:443,127.0.0.1:9000"));
    assert_eq!(check(&policy, "10.1.2.3:443"), Ok(()));
    assert_eq!(check(&policy, "[::ffff:10.1.2.3]:443"), Ok(()));
    assert_eq!(check(&policy, "127.0.0.1:9000"), Ok(()));
    for outside in [
        "10.1.2.3:80",
        "192.168.1.4:443",
        "127.0.0.1:9001",
        "[::1]:9000",
    ] {
        let judged = check(&policy, outside);
        assert_eq!(judged, Err(Forbidden::NotPermitted), "{outside}");
    }
}

#[test]
fn the_house_does_not_call_itself_whatever_is_permitted() {
    let policy = EgressPolicy::new(EgressOptions {
        closed_ports: vec![6432],
        ..allowing("0.0.0.0/0,::/0")
    });
    for door in ["127.0.0.1:8080", "0.0.0.0:8443"] {
        policy.close_door(door.parse().expect("an address with a port"));
    }
    for own in [
        "10.1.2.3:4222",
        "10.1.2.3:5432",
        "10.1.2.3:6432",
        "127.0.0.1:8080",
        "[::ffff:127.0.0.1]:8080",
        "127.0.0.1:8443",
        "127.0.0.2:8443",
    ] {
        assert_eq!(check(&policy, own), Err(Forbidden::OwnPart), "{own}");
    }
    // A receiver on another machine may have the port that a door has here.
    for receiver in ["93.184.216.34:8080", "93.184.216.34:8443"] {
        assert_eq!(check(&policy, receiver), Ok(()), "{receiver}");
    }
}

#[tokio::test]
async fn attack_41_no_spelling_of_an_address_leads_inside() -> Outcome {
    let world = World::that_calls(EgressPolicy::new(EgressOptions::default()));
    let reactor = world.reactor().await?;
    let (four, six) = (Canary::at("127.0.0.1:0"), Canary::at("[::1]:0"));
    let hosts = [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7F.0.0.0x1",
        "0177.0.0.1",
        "017700000001",
        "%31%32%37.0.0.1",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "0.0.0.0",
        "0",
        "localhost",
        "LOCALHOST",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[::]",
    ];
    let mut urls: Vec<String> = hosts
        .iter()
        .map(|host| format!("http://{host}:{}/", four.port()))
        .collect();
    urls.push(format!("https://127.0.0.1:{}/", four.port()));
    urls.push(format!("http:\\\\127.0.0.1:{}\\", four.port()));
    urls.push(format!("http://[::1]:{}/", six.port()));
    urls.push(format!("http://[0:0:0:0:0:0:0:1]:{}/", six.port()));
    for url in &urls {
        let event = confirmed("t-1", url);
        world.happen(&World::user("one"), event).await;
        reactor.deliver_due_now().await?;
    }
    let status = reactor.status().await?;
    assert_eq!((status.parked, status.pending), (urls.len() as u64, 0));
    assert!(four.is_untouched() && six.is_untouched());
    Ok(())
}

#[tokio::test]
async fn attack_41_a_name_that_moves_between_two_looks_leads_nowhere_else() -> Outcome {
    let bank = Bank::open().await;
    let port = bank.url.rsplit(':').next().ok_or("a port")?;
    let port: u16 = port.trim_end_matches("/callback").parse()?;
    let canary = Canary::at(&format!("127.0.0.2:{port}"));
    let names = Flipping::between(&[
        &["127.0.0.1"],
        &["127.0.0.2"],
        &["127.0.0.2", "127.0.0.1"],
        &["127.0.0.1"],
    ]);
    let rules = allowing(&format!("127.0.0.1:{port}"));
    let look_up: Arc<dyn LookUp> = Arc::clone(&names) as _;
    let world = World::that_calls(EgressPolicy::with_look_up(rules, look_up));
    let reactor = world.reactor().await?;
    let url = format!("http://receiver.bank.example:{port}/callback");
    // A connection that is kept would be used again without a look.
    bank.will_answer((0..3).map(|_| Answer::With(200, "connection", "close".to_owned())));
    for (letter, delivered) in [("t-1", 1), ("t-2", 1), ("t-3", 2), ("t-4", 3)] {
        world
            .happen(&World::user("one"), confirmed(letter, &url))
            .await;
        assert_eq!(reactor.deliver_due_now().await?, 1, "{letter}");
        assert_eq!(reactor.status().await?.delivered, delivered, "{letter}");
    }
    assert_eq!(names.answers_left(), 0, "one look for each connection");
    assert_eq!(
        (bank.letters().len(), reactor.status().await?.parked),
        (3, 1)
    );
    assert!(canary.is_untouched());
    // The operator may release it when the name is right again, or the rule is.
    assert_eq!(world.release(None).await?, 1);
    Ok(())
}
