use super::*;
use crate::push::configuration::{Os, Purpose};

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn an_empty_folder_is_one_too() {
    let folder = folder(&[]);
    let read = read(folder.path()).unwrap();
    assert_eq!(read.common, Common::default());
    assert!(read.apps.is_empty());
    assert_eq!(
        read.templates("s")
            .of(Os::Android, Purpose::Transaction)
            .len(),
        2
    );
}

#[test]
fn a_systems_own_file_wins() {
    let one = r#"{"android": {"templates": {"transaction": [{"message": {}}]}}}"#;
    let none = r#"{"android": {"templates": {"transaction": []}}}"#;
    let folder = folder(&[("systems/s.json", one), ("systems/default.json", none)]);
    let read = read(folder.path()).unwrap();
    assert_eq!(
        read.templates("s")
            .of(Os::Android, Purpose::Transaction)
            .len(),
        1
    );
    assert_eq!(
        read.templates("t")
            .of(Os::Android, Purpose::Transaction)
            .len(),
        0
    );
}

#[test]
fn what_is_wrong_names_file_and_field_and_repeats_no_value() {
    for (name, text, expected) in [
        (
            "pusher.conf.json",
            r#"{"proxy": {"port": "hidden"}}"#,
            "proxy.port: is not u16",
        ),
        ("pusher.conf.json", r#"{"prox": 1}"#, "unknown field `prox`"),
        ("pusher.conf.json", "{hidden", "is no JSON"),
        ("pusher.conf.json", "{} hidden", "something follows"),
        (
            "apps/a.json",
            r#"{"huawei": {"client_id": "1"}}"#,
            "huawei: missing field `client_secret`",
        ),
        ("apps/a.json", r#"{"ios": {}}"#, "ios: one of"),
        (
            "systems/s.json",
            r#"{"ios": {"templates": {"transaction": [{}]}}}"#,
            "ios.templates.transaction[0]: lacks",
        ),
    ] {
        let folder = folder(&[(name, text)]);
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(expected), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}

#[test]
fn the_first_folder_that_is_there_counts() {
    let folder = folder(&[]);
    let here = folder.path().to_str().unwrap();
    let list = format!("{here}/nowhere, {here}");
    assert_eq!(
        find_folder(Some(&list)).unwrap().as_deref(),
        Some(folder.path())
    );
    assert!(find_folder(Some("/nowhere/at/all")).is_err());
}

#[test]
fn a_change_shows() {
    let folder = folder(&[("apps/a.json", "{}")]);
    let before = stamp(folder.path());
    assert_eq!(before, stamp(folder.path()));
    std::fs::write(folder.path().join("apps/a.json"), "{ }").unwrap();
    assert_ne!(before, stamp(folder.path()));
}
