use clap::Parser as _;

use super::*;

#[derive(clap::Parser)]
struct Program {
    #[command(flatten)]
    codes: CodeArguments,
}

fn arguments(given: &[&str]) -> Result<CodeArguments, clap::Error> {
    let given = ["serve"].iter().chain(given);
    Program::try_parse_from(given).map(|program| program.codes)
}

#[test]
fn nothing_is_sent_unless_somebody_says_how() {
    let nothing = arguments(&[]).unwrap();
    assert_eq!(nothing.policy(), CodePolicy::default());
    assert!(nothing.ways().unwrap().channels().is_empty());
    let mail = ["--codes-smtp", "mail.example:587"];
    let from = ["--codes-smtp-from", "Bank <bank@mail.example>"];
    let both = arguments(&[&mail[..], &from].concat()).unwrap();
    assert_eq!(both.policy().channels, both.ways().unwrap().channels());
    assert!(arguments(&mail).unwrap().ways().is_err(), "from whom");
}

#[test]
fn a_gateways_file_is_nobody_elses() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.json");
    let text = r#"{"url": "https://sms.example", "form": {"to": "%PHONE%", "t": "%TEXT%"}}"#;
    std::fs::write(&path, text).unwrap();
    let given = ["--codes-sms-gateway", path.to_str().unwrap()];
    let mode = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, permissions).unwrap();
    };
    mode(0o644);
    let refused = arguments(&given).unwrap().ways().unwrap_err();
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
    mode(0o600);
    assert!(arguments(&given).unwrap().ways().unwrap().sms.is_some());
}

#[test]
fn values_that_are_none_stop_the_start() {
    for wrong in [
        &["--codes-smtp", "mail.example"][..],
        &["--codes-smtp", ":25"],
        &["--codes-time-zone", "3"],
        &["--codes-time-zone", "+3:00"],
        &["--codes-time-zone", "+03:60"],
        &["--codes-phone-prefixes", "7"],
        &["--codes-sms-gateway", "a", "--codes-smpp", "b:1"],
    ] {
        assert!(arguments(wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(offset("-03:30"), Ok(-210));
    let center = arguments(&["--codes-smpp", "[::1]:2775"]).unwrap();
    assert_eq!(center.codes_smpp.unwrap().host, "::1");
}
