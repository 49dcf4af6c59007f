//! Which spelling means which key. In a file case, hyphens and underscores between the words of a part do not matter. A
//! variable of the environment has upper case, an underscore for each dot, and its hyphens dropped or kept: the manual
//! does both.

use std::collections::BTreeMap;

use super::keys::{Key, Means, OURS};
use super::{Given, Source, told};
use crate::AnyError;

/// Settings of the manual's table, in our part of the file.
const SETTINGS: &str = "countersign.set.";

/// What was found for each key that means something, by the key's name; and settings under `countersign.set.NAME`.
pub type Merged = BTreeMap<String, (Means, Given)>;

/// The environment over the file. Values that lie in files of their own are read.
pub fn merge(
    known: &[Key],
    file: Vec<(String, String)>,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Merged, AnyError> {
    let mut merged = Merged::new();
    for (name, value) in file {
        let source = Source::File(name.clone());
        if let Some(setting) = name.strip_prefix(SETTINGS) {
            let setting = setting.to_uppercase();
            let value = format!("{setting}={value}");
            let name = format!("{SETTINGS}{setting}");
            merged.insert(
                name,
                (Means::Option("set".to_owned()), Given { value, source }),
            );
            continue;
        }
        match in_file(known, &name) {
            Some((key, form)) => put(&mut merged, key, form, Given { value, source })?,
            None if OURS.iter().any(|ours| name.starts_with(ours)) => {
                return Err(unknown(known, &name).into());
            }
            None => eprintln!("countersign: {name} of the configuration's file means nothing here"),
        }
    }
    let from_file = std::mem::take(&mut merged);
    for (name, value) in variables {
        if let Some((key, form)) = in_environment(known, &name) {
            let source = Source::Environment(name);
            put(&mut merged, key, form, Given { value, source })?;
        }
    }
    for (name, found) in from_file {
        merged.entry(name).or_insert(found);
    }
    Ok(merged)
}

/// Whether a name gives the value, or a file with the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Value,
    FileWithValue,
}

fn put(merged: &mut Merged, key: &Key, form: Form, given: Given) -> Result<(), AnyError> {
    if let Some((_, before)) = merged.get(&key.name) {
        let (one, other) = (told(&before.source), told(&given.source));
        return Err(format!("{one} and {other} mean the same: give one of them").into());
    }
    let given = match form {
        Form::Value => given,
        Form::FileWithValue => {
            let text = std::fs::read_to_string(&given.value).map_err(|error| {
                format!("cannot read the file of {}: {error}", told(&given.source))
            })?;
            Given {
                // An editor ends a line; the secret does not end with it.
                value: text.trim_end_matches(['\r', '\n']).to_owned(),
                ..given
            }
        }
    };
    merged.insert(key.name.clone(), (key.means.clone(), given));
    Ok(())
}

/// The key that a name in a file means.
pub fn in_file<'a>(known: &'a [Key], name: &str) -> Option<(&'a Key, Form)> {
    let wanted = in_letters(name);
    known.iter().find_map(|key| {
        let own = in_letters(&key.name);
        if own == wanted {
            return Some((key, Form::Value));
        }
        (key.is_secret && wanted == own + "file").then_some((key, Form::FileWithValue))
    })
}

/// The key that a variable of the environment means.
///
/// Our own options have variables of their own, `COUNTERSIGN_…`, which the command line reads.
pub fn in_environment<'a>(known: &'a [Key], name: &str) -> Option<(&'a Key, Form)> {
    if name.chars().any(|letter| letter.is_ascii_lowercase()) {
        return None;
    }
    let wanted = name.replace('-', "");
    let manuals = known.iter().filter(|key| !key.name.starts_with(OURS[0]));
    let mut own_secrets = known
        .iter()
        .filter(|key| key.name.starts_with(OURS[0]) && key.is_secret);
    let mut found = manuals.filter_map(|key| {
        let own = variable(&key.name);
        if own == wanted {
            return Some((key, Form::Value));
        }
        let with_file = [format!("{own}_FILE"), format!("{own}FILE")];
        (key.is_secret && with_file.contains(&wanted)).then_some((key, Form::FileWithValue))
    });
    found.next().or_else(|| {
        let with_file = |key: &&Key| {
            let own = key.name.replace(['.', '-'], "_").to_uppercase();
            name == format!("{own}_FILE")
        };
        own_secrets
            .find(with_file)
            .map(|key| (key, Form::FileWithValue))
    })
}

/// The variable that means a key, hyphens dropped.
pub fn variable(key: &str) -> String {
    key.replace('-', "").replace('.', "_").to_uppercase()
}

/// A name without what does not matter in it.
fn in_letters(name: &str) -> String {
    let matters = |letter: &char| !matches!(letter, '-' | '_');
    name.chars()
        .filter(matters)
        .collect::<String>()
        .to_lowercase()
}

fn unknown(known: &[Key], name: &str) -> String {
    let nearest = known
        .iter()
        .map(|key| (distance(&in_letters(name), &in_letters(&key.name)), key))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 1 + name.len() / 4);
    match nearest {
        Some((_, key)) => format!(
            "{name} of the configuration's file means nothing: did you mean {}?",
            key.name
        ),
        None => format!("{name} of the configuration's file means nothing"),
    }
}

/// How many letters have to be changed, added or left out.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (number, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], number + 1);
        for (index, opposite) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *opposite);
            diagonal = row[index + 1];
            row[index + 1] = changed.min(row[index] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::keys;
    use super::*;

    fn known() -> Vec<Key> {
        let options = ["listen", "data", "database-password", "nats-url", "roles"];
        keys::known(&options.map(ToOwned::to_owned))
    }

    fn merged(
        file: &[(&str, &str)],
        variables: &[(&str, &str)],
    ) -> Result<Vec<(String, String)>, String> {
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let merged = merge(&known(), owned(file), owned(variables).into_iter());
        let merged = merged.map_err(|error| error.to_string())?;
        Ok(merged
            .into_iter()
            .map(|(name, (_, given))| (name, given.value))
            .collect())
    }

    #[test]
    fn the_manuals_own_spellings_are_understood() {
        for (variable, key) in [
            ("SPRING_DATASOURCE_URL", "spring.datasource.url"),
            ("PC_EXTERNAL_THEMESPATH", "pc.external.themes-path"),
            ("PC_EXTERNAL_DEEPLINKSCHEME", "pc.external.deeplink-scheme"),
            (
                "SERVER_SSL_KEY-STORE-PASSWORD",
                "server.ssl.key-store-password",
            ),
            (
                "SERVER_SSL_KEYSTOREPASSWORD",
                "server.ssl.key-store-password",
            ),
            ("SERVER_SSL_CLIENT-AUTH", "server.ssl.client-auth"),
            ("LOGGING_LEVEL_TECH_PAYCON", "logging.level.tech.paycon"),
            ("SERVER_PORT", "server.port"),
        ] {
            let known = known();
            let (found, form) = in_environment(&known, variable).unwrap();
            assert_eq!(
                (found.name.as_str(), form),
                (key, Form::Value),
                "{variable}"
            );
        }
        let known = known();
        for foreign in ["SERVER_PORTS", "server_port", "PATH", "COUNTERSIGN_DATA"] {
            assert_eq!(in_environment(&known, foreign), None, "{foreign}");
        }
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let found = merged(&[("server.port", "1")], &[("SERVER_PORT", "2")]).unwrap();
        assert_eq!(found, [("server.port".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn two_spellings_of_one_key_are_a_mistake() {
        let both = [("SERVER_SSL_KEY-STORE", "a"), ("SERVER_SSL_KEYSTORE", "b")];
        let refused = merged(&[], &both).unwrap_err();
        assert!(refused.contains("SERVER_SSL_KEY-STORE and"), "{refused}");
    }

    #[test]
    fn an_unknown_name_of_ours_is_refused_with_the_nearest_one() {
        for (wrong, meant) in [
            ("pc.external.theme-path", "pc.external.themes-path"),
            ("countersign.nats-ulr", "countersign.nats-url"),
        ] {
            let refused = merged(&[(wrong, "x")], &[]).unwrap_err();
            assert!(
                refused.contains(&format!("did you mean {meant}?")),
                "{refused}"
            );
        }
        let refused = merged(&[("countersign.something.entirely.else", "x")], &[]).unwrap_err();
        assert!(!refused.contains("did you mean"), "{refused}");
        assert_eq!(
            merged(&[("spring.main.banner-mode", "off")], &[]),
            Ok(Vec::new())
        );
    }

    #[test]
    fn a_secret_can_lie_in_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "hidden\n").unwrap();
        let path = path.to_str().unwrap();
        let expected = Ok(vec![(
            "spring.datasource.password".to_owned(),
            "hidden".to_owned(),
        )]);
        assert_eq!(
            merged(&[("spring.datasource.password-file", path)], &[]),
            expected
        );
        assert_eq!(
            merged(&[], &[("SPRING_DATASOURCE_PASSWORD_FILE", path)]),
            expected
        );
        let own = merged(&[], &[("COUNTERSIGN_DATABASE_PASSWORD_FILE", path)]).unwrap();
        assert_eq!(own[0].1, "hidden");
        let refused = merged(&[("spring.datasource.password-file", "/nonexistent")], &[]);
        assert!(refused.unwrap_err().contains("cannot read the file"));
        // Only secrets do.
        assert_eq!(merged(&[], &[("SERVER_PORT_FILE", path)]), Ok(Vec::new()));
    }

    #[test]
    fn settings_of_the_table_have_a_place_of_their_own() {
        let found = merged(&[("countersign.set.key_qr_size", "400")], &[]).unwrap();
        assert_eq!(found[0].1, "KEY_QR_SIZE=400");
    }

    proptest! {
        #[test]
        fn hyphens_dropped_or_kept_mean_the_same_key(index in 0..40_usize, kept in any::<u16>()) {
            let known = known();
            let manuals: Vec<&Key> = known.iter().filter(|key| !key.name.starts_with(OURS[0])).collect();
            let key = manuals[index % manuals.len()];
            let mut number = 0;
            let mixed: String = key.name.chars().filter(|letter| {
                let stays = *letter != '-' || kept >> number & 1 == 1;
                number += u32::from(*letter == '-');
                stays
            }).collect();
            let variable = mixed.replace('.', "_").to_uppercase();
            prop_assert_eq!(in_environment(&known, &variable), Some((key, Form::Value)));
            let in_words = mixed.replace('-', "_");
            prop_assert_eq!(in_file(&known, &in_words), Some((key, Form::Value)));
        }

        #[test]
        fn no_two_keys_share_a_variable(one in 0..60_usize, other in 0..60_usize) {
            let known = known();
            let (one, other) = (&known[one % known.len()], &known[other % known.len()]);
            prop_assert_eq!(variable(&one.name) == variable(&other.name), one == other);
        }
    }
}
