//! The key as the bank hands it over: a JSON text, scanned from a QR code or taken from a deep link.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::flags::{KeyFlags, SERVER_SIGNER};
use schemas::{KeyIndex, SystemId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::secrets::{FirstHalf, MasterKey};

/// The longest key text that is looked at, bytes. A QR code holds less than 3 KiB; a deep link may be longer.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;

/// What a key text says, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// The system of the user.
    pub system_id: SystemId,
    /// Whose key it is.
    pub user_id: UserId,
    /// Which key of the user's ring.
    pub key_index: KeyIndex,
    /// What the phone must and may do with it; dependent flags are already resolved.
    pub key_flags: KeyFlags,
    /// Address of the server; `None` when the application has to know it.
    pub url: Option<String>,
    /// The user's name, to be shown; `None` when the bank gave none.
    pub name: Option<String>,
    /// End of the key's life.
    pub valid_to: Timestamp,
    /// The bank's own data for the application; `None` when there is none.
    pub app_extra: Option<serde_json::Value>,
}

impl KeyInfo {
    /// Is the key's life over at `now`? The server decides with its own clock; this is for the screen.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.valid_to <= now
    }
}

/// The secret of a key text.
#[derive(Debug)]
pub enum KeyMaterial {
    /// The whole secret.
    Whole(MasterKey),
    /// The first half: an activation code is needed.
    Half(FirstHalf),
}

/// Why a text is not a key for this device. The text itself is never repeated: it holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyJsonError {
    /// Longer than [`TEXT_BYTES_MAX`].
    #[error("the key text is longer than {TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// Looks like a link, but is none for a key.
    #[error("the link is not one for a user's key")]
    NotAKeyLink,
    /// Not JSON, or a field is missing or of another type.
    #[error("the key text is not well-formed at line {line}, column {column}")]
    Malformed {
        /// Line of the text, from 1.
        line: usize,
        /// Column of the line.
        column: usize,
    },
    /// A field has a value this client does not know.
    #[error("the key text has an unsupported {field}")]
    Unsupported {
        /// Name of the field.
        field: &'static str,
    },
    /// The secret is not 32 bytes in base64.
    #[error("the key text holds no secret of 32 bytes")]
    Secret,
    /// The key belongs to the server-side signer.
    #[error("the key is not for a device")]
    NotForDevices,
}

#[derive(Deserialize)]
struct Wire<'a> {
    v: u32,
    #[serde(rename = "type")]
    kind: String,
    system_id: SystemId,
    user_id: UserId,
    key_index: KeyIndex,
    key_flags: u32,
    url: Option<String>,
    name: Option<String>,
    crypt_type: String,
    valid_to: i64,
    #[serde(borrow)]
    key: WireKey<'a>,
    app_extra: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct WireKey<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
    enc: String,
}

/// Reads a key text: the JSON itself, or a deep link `<scheme>://user_key?key_json=<urlencoded JSON>`.
pub fn parse(text: &str) -> Result<(KeyInfo, KeyMaterial), KeyJsonError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(KeyJsonError::TooLong);
    }
    let text = text.trim();
    if text.starts_with('{') {
        parse_json(text)
    } else {
        parse_json(&json_of_link(text)?)
    }
}

fn json_of_link(link: &str) -> Result<Zeroizing<String>, KeyJsonError> {
    let link = reqwest::Url::parse(link).map_err(|_| KeyJsonError::NotAKeyLink)?;
    if link.host_str() != Some("user_key") {
        return Err(KeyJsonError::NotAKeyLink);
    }
    let json = link.query_pairs().find(|(name, _)| name == "key_json");
    let (_, json) = json.ok_or(KeyJsonError::NotAKeyLink)?;
    Ok(Zeroizing::new(json.into_owned()))
}

fn parse_json(text: &str) -> Result<(KeyInfo, KeyMaterial), KeyJsonError> {
    // serde's own message may quote the value it stumbled over, and that may be the secret: only its place is kept.
    let wire: Wire = serde_json::from_str(text).map_err(|error| KeyJsonError::Malformed {
        line: error.line(),
        column: error.column(),
    })?;
    let supported = [
        ("v", wire.v == 1),
        ("type", wire.kind == "pc_user"),
        ("crypt_type", wire.crypt_type == "ECDSA"),
        ("key_index", wire.key_index >= KeyIndex(1)),
        ("key.enc", matches!(wire.key.enc.as_str(), "none" | "half")),
    ];
    if let Some((field, _)) = supported.into_iter().find(|(_, supported)| !supported) {
        return Err(KeyJsonError::Unsupported { field });
    }
    let key_flags = KeyFlags::from_bits(wire.key_flags)
        .effective()
        .map_err(|_| KeyJsonError::Unsupported { field: "key_flags" })?;
    if key_flags.has(&SERVER_SIGNER) {
        return Err(KeyJsonError::NotForDevices);
    }
    let secret = secret(wire.key.data)?;
    let material = match wire.key.enc.as_str() {
        "none" => KeyMaterial::Whole(MasterKey::new(&secret)),
        _ => KeyMaterial::Half(FirstHalf::new(&secret)),
    };
    let info = KeyInfo {
        system_id: wire.system_id,
        user_id: wire.user_id,
        key_index: wire.key_index,
        key_flags,
        url: wire.url,
        name: wire.name,
        valid_to: Timestamp(0).plus_seconds(wire.valid_to),
        app_extra: wire.app_extra,
    };
    Ok((info, material))
}

fn secret(data: Cow<'_, str>) -> Result<Zeroizing<[u8; 32]>, KeyJsonError> {
    let decoded = STANDARD.decode(data.as_bytes()).map(Zeroizing::new);
    if let Cow::Owned(mut copy) = data {
        copy.zeroize();
    }
    let mut secret = Zeroizing::new([0; 32]);
    let decoded = decoded.map_err(|_| KeyJsonError::Secret)?;
    if decoded.len() != secret.len() {
        return Err(KeyJsonError::Secret);
    }
    secret.copy_from_slice(&decoded);
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"v":1,"type":"pc_user","system_id":"f13e4375-e429-496c-ad1e-0fc3c3ecfb53",
        "user_id":"sample-1","key_index":1,"key_flags":67584,"url":"https://pc.example","name":"Иван П.",
        "crypt_type":"ECDSA","valid_to":1735689600,
        "key":{"data":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","enc":"none"},"app_extra":{"branch":7}}"#;

    fn changed(from: &str, to: &str) -> Result<(KeyInfo, KeyMaterial), KeyJsonError> {
        assert!(TEXT.contains(from), "{from}");
        parse(&TEXT.replace(from, to))
    }

    #[test]
    fn a_whole_key_is_read() {
        let (info, material) = parse(TEXT).unwrap();
        assert_eq!(info.user_id.as_str(), "sample-1");
        assert_eq!(info.key_flags.bits(), 67_584);
        assert_eq!(info.valid_to, Timestamp(1_735_689_600_000));
        assert_eq!(info.app_extra, Some(serde_json::json!({"branch": 7})));
        let KeyMaterial::Whole(key) = material else {
            panic!("the key is whole")
        };
        assert_eq!(key.expose()[..4], [0, 1, 2, 3]);
    }

    #[test]
    fn half_a_key_needs_activation() {
        let (_, material) = changed(r#""enc":"none""#, r#""enc":"half""#).unwrap();
        assert!(matches!(material, KeyMaterial::Half(_)));
    }

    #[test]
    fn a_deep_link_carries_the_same_key() {
        let mut link = reqwest::Url::parse("paycontrol://user_key").unwrap();
        link.query_pairs_mut().append_pair("key_json", TEXT);
        assert_eq!(parse(link.as_str()).unwrap().0, parse(TEXT).unwrap().0);
        let percent = link.as_str().replace('+', "%20");
        assert_eq!(parse(&percent).unwrap().0, parse(TEXT).unwrap().0);
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        let unsupported = |field| KeyJsonError::Unsupported { field };
        let cases = [
            (r#""v":1"#, r#""v":2"#, unsupported("v")),
            ("pc_user", "pc_group", unsupported("type")),
            ("ECDSA", "GOST", unsupported("crypt_type")),
            (
                r#""key_index":1"#,
                r#""key_index":0"#,
                unsupported("key_index"),
            ),
            (r#""none""#, r#""pwd""#, unsupported("key.enc")),
            ("67584", "4097", unsupported("key_flags")),
            ("67584", "4096", KeyJsonError::NotForDevices),
            ("AAECAwQF", "AAEC", KeyJsonError::Secret),
            ("AAECAwQF", "!AECAwQF", KeyJsonError::Secret),
        ];
        for (from, to, error) in cases {
            assert_eq!(changed(from, to).unwrap_err(), error, "{to}");
        }
        assert_eq!(
            parse(&" ".repeat(TEXT_BYTES_MAX + 1)).unwrap_err(),
            KeyJsonError::TooLong
        );
        for link in [
            "",
            "hello",
            "paycontrol://other?key_json={}",
            "paycontrol://user_key",
        ] {
            assert_eq!(
                parse(link).unwrap_err(),
                KeyJsonError::NotAKeyLink,
                "{link}"
            );
        }
    }

    #[test]
    fn an_error_never_repeats_the_secret() {
        let text = TEXT
            .replace(r#"{"data":"#, "")
            .replace(r#","enc":"none"}"#, "");
        let error = parse(&text).unwrap_err();
        assert!(matches!(error, KeyJsonError::Malformed { .. }));
        assert!(!format!("{error} {error:?}").contains("AAEC"));
    }
}
