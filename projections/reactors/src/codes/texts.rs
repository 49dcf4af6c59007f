//! What is written to users: built in, or the operator's own from a folder.

use std::collections::HashMap;
use std::path::Path;

use schemas::Timestamp;
use schemas::commands::code_orders::{Channel, Language};

use super::pattern::Pattern;

const CODE: &str = "CODE";
const VALID_TO: &str = "VALID_TO";
const NAMES: &[&str] = &[CODE, VALID_TO];

/// What the first line of a letter begins with.
const SUBJECT: &str = "Subject:";

/// The texts in all languages.
#[derive(Clone, Debug)]
pub struct CodeTexts {
    texts: HashMap<(Channel, Language), Text>,
    /// The clock of the users, minutes east of UTC.
    offset_min: i32,
}

/// A text of one channel in one language; a text message has no subject.
#[derive(Clone, Debug)]
struct Text {
    subject: Option<String>,
    body: Pattern,
}

/// What a user reads.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Empty for a text message.
    pub subject: String,
    pub body: String,
}

/// A text that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct InvalidText {
    file: String,
    reason: String,
}

impl CodeTexts {
    /// The built-in texts, by the manual's samples.
    pub fn built_in(offset_min: i32) -> Self {
        let texts = files().map(|(key, file)| {
            let text = Text::read(key.0, built_in(key)).unwrap_or_else(|reason| {
                unreachable!("the built-in {file} can be used: {reason}");
            });
            (key, text)
        });
        Self {
            texts: texts.collect(),
            offset_min,
        }
    }

    /// The texts of a folder; the built-in one for each file that it lacks.
    pub fn in_folder(folder: &Path, offset_min: i32) -> Result<Self, InvalidText> {
        let mut texts = Self::built_in(offset_min);
        if !folder.is_dir() {
            let file = folder.display().to_string();
            let reason = "there is no such folder".to_owned();
            return Err(InvalidText { file, reason });
        }
        for (key, file) in files() {
            let path = folder.join(&file);
            let invalid = |reason| InvalidText {
                file: path.display().to_string(),
                reason,
            };
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(invalid(error.to_string())),
            };
            texts
                .texts
                .insert(key, Text::read(key.0, &text).map_err(invalid)?);
        }
        Ok(texts)
    }

    /// The text about a code, until the last day on which it can be used.
    pub(crate) fn write(
        &self,
        key: (Channel, Language),
        code: &str,
        valid_to: Timestamp,
    ) -> Written {
        let text = &self.texts[&key];
        let last_day = last_day(valid_to, self.offset_min);
        let value = |name: &str| if name == CODE { code } else { &*last_day };
        Written {
            subject: text.subject.clone().unwrap_or_default(),
            body: text.body.fill(value),
        }
    }
}

/// Each text and the name of its file.
fn files() -> impl Iterator<Item = ((Channel, Language), String)> {
    let keys = Channel::ALL
        .into_iter()
        .flat_map(|channel| Language::ALL.map(|language| (channel, language)));
    keys.map(|key| (key, format!("{}.{}.txt", key.0.word(), key.1.word())))
}

fn built_in(key: (Channel, Language)) -> &'static str {
    match key {
        (Channel::Sms, Language::Ru) => include_str!("texts/sms.ru.txt"),
        (Channel::Sms, Language::En) => include_str!("texts/sms.en.txt"),
        (Channel::Email, Language::Ru) => include_str!("texts/email.ru.txt"),
        (Channel::Email, Language::En) => include_str!("texts/email.en.txt"),
    }
}

impl Text {
    fn read(channel: Channel, text: &str) -> Result<Self, String> {
        let (subject, body) = match channel {
            Channel::Sms => (None, text),
            Channel::Email => {
                let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
                let subject = first.strip_prefix(SUBJECT).ok_or_else(|| {
                    format!("the first line of a letter begins with \"{SUBJECT}\"")
                })?;
                let subject = subject.trim();
                if subject.is_empty() || subject.contains(char::is_control) {
                    return Err("the subject of a letter is one line of text".to_owned());
                }
                // A subject is shown on locked screens.
                if Pattern::read(subject, NAMES)?.fill(|_| "") != subject {
                    return Err("nothing is filled into the subject of a letter".to_owned());
                }
                (Some(subject.to_owned()), rest)
            }
        };
        let body = Pattern::read(body.trim(), NAMES)?;
        if !body.has(CODE) {
            return Err(format!("%{CODE}% is missing"));
        }
        Ok(Self { subject, body })
    }
}

/// The last day on which a moment is still to come, by the clock of the users: DD.MM.YYYY.
fn last_day(end: Timestamp, offset_min: i32) -> String {
    const DAY_MS: i64 = 86_400_000;
    let local = end.0 - 1 + i64::from(offset_min) * 60_000;
    // Days since 1.3.0000: a year that begins in March puts the leap day last.
    let days = local.div_euclid(DAY_MS) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{day:02}.{month:02}.{year:04}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 31.3.2021, 0:00 UTC: the key is good for all of the 30th.
    const END: Timestamp = Timestamp(1_617_148_800_000);

    #[test]
    fn the_built_in_texts_are_the_manuals() {
        let texts = CodeTexts::built_in(0);
        let body = |channel, language| texts.write((channel, language), "3468045516", END).body;
        assert_eq!(
            body(Channel::Sms, Language::Ru),
            "Kod aktivacii klucha PayControl 3468045516. Deystvuet po 30.03.2021"
        );
        assert_eq!(
            body(Channel::Email, Language::Ru),
            "Код активации ключа PayControl 3468045516. Действует по 30.03.2021"
        );
        for channel in Channel::ALL {
            assert_eq!(
                body(channel, Language::En),
                "PayControl key activation code 3468045516. Valid through 30.03.2021"
            );
        }
        let letter = texts.write((Channel::Email, Language::Ru), "3468045516", END);
        assert_eq!(letter.subject, "Код активации ключа PayControl");
    }

    #[test]
    fn a_day_ends_by_the_clock_of_the_users() {
        for (end, offset_min, expected) in [
            (END.0, 0, "30.03.2021"),
            (END.0, 180, "31.03.2021"),
            (END.0 + 1, 0, "31.03.2021"),
            (END.0 + 1, -60, "30.03.2021"),
            (951_868_800_000, 0, "29.02.2000"),
            (1_735_689_600_000, 0, "31.12.2024"),
            (1, 0, "01.01.1970"),
        ] {
            assert_eq!(last_day(Timestamp(end), offset_min), expected);
        }
    }

    #[test]
    fn a_folder_replaces_some_texts_and_mistakes_name_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sms.ru.txt");
        std::fs::write(&path, "Kod %CODE%, 100%\n").unwrap();
        let texts = CodeTexts::in_folder(folder.path(), 0).unwrap();
        let ru = texts.write((Channel::Sms, Language::Ru), "%CODE%", END);
        assert_eq!(ru.body, "Kod %CODE%, 100%");
        let en = texts.write((Channel::Sms, Language::En), "1", END).body;
        assert!(en.starts_with("PayControl"), "{en}");
        std::fs::write(&path, "Kod %CODE% do %VALID%").unwrap();
        let wrong = CodeTexts::in_folder(folder.path(), 0).unwrap_err();
        assert!(wrong.to_string().contains("sms.ru.txt: %VALID%"), "{wrong}");
        for (file, text) in [
            ("sms.ru.txt", "no code"),
            ("email.en.txt", "%CODE%"),
            ("email.en.txt", "Subject:\n\n%CODE%"),
            ("email.en.txt", "Subject: %CODE%\n\n%CODE%"),
            ("email.en.txt", "Subject: a\rb\n\n%CODE%"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(file), text).unwrap();
            assert!(
                CodeTexts::in_folder(folder.path(), 0).is_err(),
                "{file}: {text}"
            );
        }
        let missing = CodeTexts::in_folder(&folder.path().join("none"), 0);
        assert!(missing.is_err());
    }
}
