use std::fs;

use super::*;

/// A folder with the files that the texts name.
fn folder() -> Result<tempfile::TempDir, AnyError> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    fs::write(file("trust.jks"), include_bytes!("jks/trust.jks"))?;
    fs::write(file("password"), "a test's\n")?;
    fs::write(file("empty.pem"), "")?;
    fs::write(file("authority.pem"), include_str!("tests/authority.pem"))?;
    fs::write(file("authority.p12"), include_bytes!("tests/authority.p12"))?;
    fs::write(file("client.p12"), include_bytes!("tests/client.p12"))?;
    fs::write(file("client.pem"), include_str!("tests/client.pem"))?;
    fs::write(file("client.key"), include_str!("tests/client.key"))?;
    Ok(folder)
}

#[test]
fn everything_the_file_can_say_is_read() -> Result<(), AnyError> {
    let folder = folder()?;
    let path = folder.path().join("receivers.yml");
    fs::write(
        &path,
        r#"
trust:
  stores:
    - authority.pem
    - { path: authority.p12, password-file: password }
    - { path: trust.jks, password-file: password }
  only: true
identity: { certificate: client.pem, private-key: client.key }
systems:
  f13e4375-e429-496c-ad1e-0fc3c3ecfb53:
    allow: ["10.0.0.0/8:443,8443", "192.168.1.4"]
    pins: ["sha256/BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="]
    identity: { path: client.p12, password-file: password }
"#,
    )?;
    let receivers = read(&path)?;
    assert_eq!(receivers.tls.authorities.len(), 4);
    assert!(receivers.tls.only_these);
    assert!(receivers.tls.identity.is_some());
    let rules = &receivers.systems["f13e4375-e429-496c-ad1e-0fc3c3ecfb53"];
    assert_eq!((rules.allow.len(), rules.pins.len()), (2, 1));
    assert!(rules.identity.is_some());
    Ok(())
}

#[test]
fn what_is_not_right_is_named() -> Result<(), AnyError> {
    let folder = folder()?;
    for (text, reason) in [
        ("trust: { only: true }", "nobody would be believed"),
        ("trust: { stores: [nowhere.pem] }", "nowhere.pem"),
        ("trust: { stores: [empty.pem] }", "it holds no certificate"),
        (
            "trust: { stores: [{ path: trust.jks, password-file: empty.pem }] }",
            "trust.jks: its password",
        ),
        (
            "trust: { stores: [{ path: authority.p12, password-file: empty.pem }] }",
            "authority.p12",
        ),
        (
            "identity: { certificate: client.pem, private-key: client.pem }",
            "client.pem: it holds no private key",
        ),
        ("systems: { \"\": {} }", "systems.: "),
        (
            "systems: { one: { pins: [sha256/AA] } }",
            "systems.one: \"sha256/AA\"",
        ),
        (
            "systems: { one: { allow: [bank.example] } }",
            "systems.one: ",
        ),
        ("systems: { one: { allowed: [] } }", "allowed"),
        ("trusted: {}", "trusted"),
    ] {
        let Err(told) = parse(text, folder.path()) else {
            panic!("{text} was taken");
        };
        assert!(told.contains(reason), "{text}: {told}");
    }
    Ok(())
}

#[test]
fn an_empty_file_says_nothing() -> Result<(), AnyError> {
    let receivers = parse("\n", Path::new(""))?;
    assert!(receivers.systems.is_empty() && receivers.tls.authorities.is_empty());
    Ok(())
}
