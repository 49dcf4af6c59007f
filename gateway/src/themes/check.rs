//! Is an archive a theme, and harmless? Bombs, paths, links, nested archives and floods of pixels are not.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read as _};

use axum::http::Uri;
use image::{ImageFormat, ImageReader};
use serde::Deserialize;
use zip::{CompressionMethod, ZipArchive};

use crate::json::Members;

/// Longest archive, bytes.
pub(super) const ARCHIVE_LENGTH_MAX: u64 = 8 * 1024 * 1024;
/// Most entries of an archive.
const ENTRIES_MAX: usize = 16;
/// Most bytes of all entries, unpacked.
const UNPACKED_MAX: u64 = 8 * 1024 * 1024;
/// Most bytes that one byte of an entry may become.
const RATIO_MAX: u64 = 100;
/// Entries up to this length have no ratio worth a name, bytes.
const RATIO_FROM: u64 = 4096;
/// Longest description, bytes.
const DESCRIPTION_LENGTH_MAX: usize = 64 * 1024;
/// Longest side of a picture, pixels.
const SIDE_MAX_PX: u32 = 4096;
/// Most pixels of a picture.
const PIXELS_MAX: u64 = 8 * 1024 * 1024;
/// The description's name.
const DESCRIPTION: &str = "theme.json";

/// Why an archive is not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadTheme {
    /// The file.
    #[error("the file cannot be read")]
    File(#[source] std::io::Error),
    /// Its form, or what is written in it.
    #[error("{0}")]
    Form(String),
    /// The archive.
    #[error("it is not an archive that can be unpacked")]
    Archive(#[from] zip::result::ZipError),
}

fn bad<T>(why: impl Into<String>) -> Result<T, BadTheme> {
    Err(BadTheme::Form(why.into()))
}

/// The description of a theme. Source: reference manual, "Structure of a theme's archive".
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    #[serde(default)]
    colors: Option<Members<Colors>>,
    #[serde(default)]
    icon: Option<Members<Pictures>>,
    #[serde(default)]
    image: Option<Members<Pictures>>,
    #[serde(default)]
    about: Option<String>,
    #[serde(default)]
    feedback: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Colors {
    accent_color: Option<Members<Shades>>,
    text_button: Option<Members<Shades>>,
    accent_text: Option<Members<Shades>>,
    decline_button: Option<Members<Shades>>,
    bar_button: Option<Members<Shades>>,
    error: Option<Members<Shades>>,
    success: Option<Members<Shades>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shades {
    light: String,
    dark: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pictures {
    light: String,
    dark: String,
}

/// Unpacks the archive and looks at everything in it.
pub(super) fn check(archive: &[u8]) -> Result<(), BadTheme> {
    if archive.len() as u64 > ARCHIVE_LENGTH_MAX {
        return bad(format!("the archive exceeds {ARCHIVE_LENGTH_MAX} bytes"));
    }
    let entries = unpack(archive)?;
    let Some(description) = entries.get(DESCRIPTION) else {
        return bad("theme.json is missing");
    };
    if description.len() > DESCRIPTION_LENGTH_MAX {
        return bad("theme.json is too long");
    }
    let description: Description = match serde_json::from_slice(description) {
        Ok(Members(description)) => description,
        Err(error) => return bad(format!("theme.json is not a theme's: {error}")),
    };
    let named = description.check()?;
    for (name, bytes) in entries.iter().filter(|(name, _)| *name != DESCRIPTION) {
        if !named.contains(name.as_str()) {
            return bad(format!("theme.json does not name {name}"));
        }
        check_picture(name, bytes)?;
    }
    match named.iter().find(|name| !entries.contains_key(**name)) {
        Some(missing) => bad(format!("{missing} is missing")),
        None => Ok(()),
    }
}

/// Every entry, by its name. What an entry says of itself is checked before it is unpacked, and what comes out is counted.
fn unpack(archive: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, BadTheme> {
    let mut zip = ZipArchive::new(Cursor::new(archive))?;
    if zip.len() > ENTRIES_MAX {
        return bad(format!("more than {ENTRIES_MAX} entries"));
    }
    let mut places = Vec::new();
    let mut left = UNPACKED_MAX;
    let mut entries = BTreeMap::new();
    for index in 0..zip.len() {
        let entry = zip.by_index(index)?;
        let name = plain_name(entry.name_raw())?;
        if entry.is_symlink() || !entry.is_file() || entry.encrypted() {
            return bad(format!("{name} is not a plain file"));
        }
        if !matches!(
            entry.compression(),
            CompressionMethod::Stored | CompressionMethod::Deflated
        ) {
            return bad(format!("{name} is packed in an unusual way"));
        }
        let (packed, unpacked) = (entry.compressed_size(), entry.size());
        if unpacked > RATIO_FROM && unpacked / RATIO_MAX > packed {
            return bad(format!(
                "{name} unpacks to more than {RATIO_MAX} times its size"
            ));
        }
        places.push((entry.header_start(), entry.data_start(), packed));
        let mut bytes = Vec::new();
        let mut reader = entry.take(left + 1);
        reader.read_to_end(&mut bytes).map_err(BadTheme::File)?;
        let length = bytes.len() as u64;
        if length > left || length != unpacked {
            return bad(format!("{name} unpacks to something else than it says"));
        }
        left -= length;
        if entries.insert(name.clone(), bytes).is_some() {
            return bad(format!("{name} is there twice"));
        }
    }
    check_places(places)?;
    Ok(entries)
}

/// A name without a path, in letters that mean the same everywhere.
fn plain_name(raw: &[u8]) -> Result<String, BadTheme> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let fits = (1..=64).contains(&raw.len()) && raw.iter().all(plain) && !raw.starts_with(b".");
    match std::str::from_utf8(raw) {
        Ok(name) if fits => Ok(name.to_owned()),
        _ => bad("an entry's name is not a plain file name"),
    }
}

/// No two entries share a byte: otherwise a small archive unpacks to a large one without any of its ratios telling.
fn check_places(mut places: Vec<(u64, Option<u64>, u64)>) -> Result<(), BadTheme> {
    places.sort_unstable();
    let mut end = 0;
    for (header, data, packed) in places {
        if header < end {
            return bad("entries overlap");
        }
        end = data.unwrap_or(header).saturating_add(packed);
    }
    Ok(())
}

impl Description {
    /// Checks every value; the pictures it names.
    fn check(&self) -> Result<BTreeSet<&str>, BadTheme> {
        let none = Colors::default();
        let colors = self.colors.as_ref().map_or(&none, |colors| &colors.0);
        let shades = [
            &colors.accent_color,
            &colors.text_button,
            &colors.accent_text,
            &colors.decline_button,
            &colors.bar_button,
            &colors.error,
            &colors.success,
        ];
        let values = shades.into_iter().flatten();
        for color in values.flat_map(|Members(shades)| [&shades.light, &shades.dark]) {
            let digits = color.strip_prefix('#').unwrap_or_default();
            if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return bad("a color is not #RRGGBB");
            }
        }
        if let Some(about) = &self.about
            && !is_web_address(about)
        {
            return bad("about is not an http or https address");
        }
        if let Some(feedback) = &self.feedback
            && !is_mail_address(feedback)
        {
            return bad("feedback is not a mail address");
        }
        let pictures = [&self.icon, &self.image].into_iter().flatten();
        let mut named = BTreeSet::new();
        for name in pictures.flat_map(|Members(pictures)| [&pictures.light, &pictures.dark]) {
            plain_name(name.as_bytes())?;
            named.insert(name.as_str());
        }
        Ok(named)
    }
}

fn is_web_address(text: &str) -> bool {
    text.len() <= 2048
        && text.parse::<Uri>().is_ok_and(|uri| {
            let web = matches!(uri.scheme_str(), Some("http" | "https"));
            web && uri.host().is_some_and(|host| !host.is_empty())
        })
}

fn is_mail_address(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+-@".contains(&byte);
    let at = text.split_once('@');
    text.len() <= 254
        && text.bytes().all(plain)
        && at.is_some_and(|(name, host)| {
            !name.is_empty() && host.contains('.') && !host.contains('@')
        })
}

/// A PNG picture of a size that a phone can bear. Its pixels are not decoded, only counted.
fn check_picture(name: &str, bytes: &[u8]) -> Result<(), BadTheme> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let reader = reader.map_err(BadTheme::File)?;
    if reader.format() != Some(ImageFormat::Png) {
        return bad(format!("{name} is not a PNG picture"));
    }
    let Ok((width, height)) = reader.into_dimensions() else {
        return bad(format!("{name} is not a PNG picture"));
    };
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) > SIDE_MAX_PX || pixels > PIXELS_MAX {
        return bad(format!("{name} has too many pixels"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{archive, good, picture, theme_json};
    use super::*;

    fn why(entries: &[(&str, Vec<u8>)]) -> String {
        why_bytes(&archive(entries))
    }

    fn why_bytes(archive: &[u8]) -> String {
        match check(archive) {
            Ok(()) => "served".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    fn with(name: &str, bytes: Vec<u8>) -> Vec<(&str, Vec<u8>)> {
        let mut entries = good();
        entries.retain(|(known, _)| *known != name);
        entries.push((name, bytes));
        entries
    }

    #[test]
    fn the_manuals_own_theme_is_served() {
        assert_eq!(why(&good()), "served");
        assert_eq!(why(&[("theme.json", b"{}".to_vec())]), "served");
    }

    #[test]
    fn what_is_not_named_or_missing_is_found() {
        assert_eq!(why(&[]), "theme.json is missing");
        assert_eq!(
            why(&with("extra.png", picture(1, 1))),
            "theme.json does not name extra.png"
        );
        let without: Vec<_> = good()
            .into_iter()
            .filter(|(name, _)| *name != "image_dark.png")
            .collect();
        assert_eq!(why(&without), "image_dark.png is missing");
    }

    #[test]
    fn names_that_lead_out_of_the_folder_are_refused() {
        for name in [
            "../theme.json",
            "/theme.json",
            "a/theme.json",
            "a\\theme.json",
            "C:theme.json",
            ".hidden",
            "té.png",
            "folder/",
        ] {
            assert_eq!(
                why(&with(name, Vec::new())),
                "an entry's name is not a plain file name",
                "{name}"
            );
        }
    }

    #[test]
    fn bombs_do_not_go_off() {
        let zeros = vec![0; 6 * 1024 * 1024];
        let said = why(&with("image_dark.png", zeros.clone()));
        assert_eq!(
            said,
            "image_dark.png unpacks to more than 100 times its size"
        );
        let stored =
            super::super::testing::stored(&[("theme.json", zeros.clone()), ("a.png", zeros)]);
        assert_eq!(
            why_bytes(&stored),
            format!("the archive exceeds {ARCHIVE_LENGTH_MAX} bytes")
        );
        let many: Vec<(String, Vec<u8>)> = (0..=ENTRIES_MAX)
            .map(|n| (format!("{n}.png"), Vec::new()))
            .collect();
        let many: Vec<(&str, Vec<u8>)> = many
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.clone()))
            .collect();
        assert_eq!(why(&many), "more than 16 entries");
        let nested = archive(&good());
        assert_eq!(
            why(&with("image_dark.png", nested)),
            "image_dark.png is not a PNG picture"
        );
    }

    #[test]
    fn a_length_that_lies_is_found_out() {
        let mut lying = super::super::testing::stored(&[("theme.json", b"{}".to_vec())]);
        // The unpacked length in the central directory, which is what an unpacker prepares for.
        let central = lying
            .windows(4)
            .position(|four| four == b"PK\x01\x02")
            .unwrap();
        lying[central + 24] = 1;
        assert_ne!(why_bytes(&lying), "served");
        for cut in [1, 10, lying.len() / 2] {
            assert_ne!(why_bytes(&lying[..lying.len() - cut]), "served");
        }
    }

    #[test]
    fn two_entries_do_not_share_their_bytes() {
        assert!(check_places(vec![(0, Some(40), 10), (50, Some(90), 5)]).is_ok());
        assert!(check_places(vec![(0, Some(40), 10), (49, Some(90), 5)]).is_err());
        assert!(check_places(vec![(0, Some(40), 10), (0, Some(40), 10)]).is_err());
    }

    #[test]
    fn links_are_refused() {
        let linked = super::super::testing::symlink("image_dark.png", "/etc/passwd");
        assert_eq!(why_bytes(&linked), "image_dark.png is not a plain file");
    }

    #[test]
    fn a_flood_of_pixels_is_refused_before_it_is_decoded() {
        for (width, height) in [(SIDE_MAX_PX + 1, 1), (4096, 4096)] {
            let said = why(&with("image_dark.png", picture(width, height)));
            assert_eq!(said, "image_dark.png has too many pixels");
        }
        assert_eq!(why(&with("image_dark.png", picture(4096, 2048))), "served");
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>".to_vec();
        assert_eq!(
            why(&with("image_dark.png", svg)),
            "image_dark.png is not a PNG picture"
        );
    }

    #[test]
    fn a_description_says_what_the_manual_says() {
        let described = |text: &str| why(&[("theme.json", text.as_bytes().to_vec())]);
        for wrong in [
            r##"{"colors":{"accentColor":{"light":"#12345G","dark":"#000000"}}}"##,
            r##"{"colors":{"accentColor":{"light":"red","dark":"#000000"}}}"##,
            r##"{"colors":{"accentColor":{"light":"#000000"}}}"##,
            r##"{"colors":{"unknownColor":{"light":"#000000","dark":"#000000"}}}"##,
            r#"{"about":"javascript:alert(1)"}"#,
            r#"{"feedback":"not an address"}"#,
            r#"{"image":{"light":"../a.png","dark":"a.png"}}"#,
            r#"{"surprise":1}"#,
            "[]",
            r#"{"colors":[]}"#,
            r##"{"colors":{"error":["#000000","#000000"]}}"##,
            "",
        ] {
            assert_ne!(described(wrong), "served", "{wrong}");
        }
        assert_eq!(
            described(r#"{"about":"https://bank.example","feedback":"help@bank.example"}"#),
            "served"
        );
        assert!(theme_json().len() < DESCRIPTION_LENGTH_MAX);
        let long = format!(
            "{{\"about\":\"https://bank.example/{}\"}}",
            "x".repeat(DESCRIPTION_LENGTH_MAX)
        );
        assert_eq!(
            why_bytes(&super::super::testing::stored(&[(
                "theme.json",
                long.into_bytes()
            )])),
            "theme.json is too long"
        );
    }
}
