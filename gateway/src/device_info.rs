//! What a device tells about itself, checked by its shape: the sections and fields that the manual describes, and what an
//! application adds beside them. The text is kept as it came.
//!
//! Source: reference manual, "Device information" and its two example records.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::json;

/// Longest device information, bytes.
pub(crate) const LENGTH_MAX: usize = 16 * 1024;
/// Longest text in it, bytes: a processor may describe itself at length.
const TEXT_LENGTH_MAX: usize = 4096;
/// Most values in it.
const VALUES_MAX: usize = 512;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Number,
    Texts,
    Section(&'static [(&'static str, Kind)]),
}

use Kind::{Number, Section, Text, Texts, Whole};

const SIM: &[(&str, Kind)] = &[
    ("networkCountryIso", Text),
    ("phoneType", Text),
    ("simCount", Whole),
    ("simCountryIso", Text),
    ("roaming", Whole),
    ("simOperatorName", Text),
    ("mmsUrl", Text),
    ("mmsAgent", Text),
    ("networkOperatorName", Text),
];

const ANDROID: &[(&str, Kind)] = &[
    (
        "memory",
        Section(&[
            ("totalExternalMemorySize", Text),
            ("hasExternalSDCard", Whole),
        ]),
    ),
    ("sim", Section(SIM)),
    (
        "sensor",
        Section(&[
            ("minDelay", Whole),
            ("vendor", Text),
            ("name", Text),
            ("maxRange", Number),
            ("type", Whole),
            ("version", Whole),
            ("resolution", Number),
        ]),
    ),
    (
        "device",
        Section(&[
            ("scaledDensity", Number),
            ("buildBrand", Text),
            ("buildTime", Whole),
            ("buildUser", Text),
            ("radioVersion", Text),
            ("cpu", Text),
            ("buildID", Text),
            ("defaultSms", Text),
            ("deviceID", Text),
            ("buildHost", Text),
            ("densityDpi", Text),
            ("buildVersionCodeName", Text),
            ("defaultBrowser", Text),
            ("certificates", Texts),
            ("bootloader", Text),
            ("displayVersion", Text),
            ("fingerprint", Text),
            ("sysAvailableFeatures", Text),
            ("sysSharedLibraryNames", Text),
            ("device", Text),
            ("board", Text),
            ("hardware", Text),
            ("releaseBuildVersion", Text),
        ]),
    ),
];

const IOS: &[(&str, Kind)] = &[(
    "device",
    Section(&[
        ("systemFontSize", Number),
        ("familyNames", Text),
        ("smallSystemFontSize", Number),
        ("labelFontSize", Number),
        ("availableLocaleIdentifiers", Text),
        ("systemFont", Text),
        ("preferredLanguages", Text),
        ("fontNamesForFamilyName", Text),
        ("userInterfaceIdiom", Text),
        ("identifierForVendor", Text),
        ("buttonFontSize", Number),
    ]),
)];

/// The common sections, and those of the two systems.
const DEVICE_INFO: &[(&str, Kind)] = &[
    (
        "app",
        Section(&[
            ("appName", Text),
            ("packageName", Text),
            ("appVersionName", Text),
            ("appVersionCode", Whole),
        ]),
    ),
    (
        "wifi",
        Section(&[("localIp", Text), ("userAgent", Text), ("SSID", Text)]),
    ),
    (
        "memory",
        Section(&[("totalInternalMemorySize", Text), ("totalRAM", Text)]),
    ),
    (
        "location",
        Section(&[("latitude", Text), ("longitude", Text), ("accuracy", Text)]),
    ),
    ("osName", Text),
    (
        "device",
        Section(&[
            ("product", Text),
            ("screenWidth", Whole),
            ("screenHeight", Whole),
            ("simulator", Whole),
            ("timeZone", Text),
            ("locale", Text),
            ("manufacturer", Text),
            ("osVersion", Text),
            ("root", Whole),
            ("name", Text),
            ("model", Text),
            ("sdkVersion", Whole),
            ("screenDensity", Text),
        ]),
    ),
    ("Android", Section(ANDROID)),
    ("iOS", Section(IOS)),
];

/// Refuses what is not device information: a field that the manual describes holds what it says or nothing, and every other
/// field is bounded in size.
pub(crate) fn check(text: &RawValue) -> Result<(), ApiError> {
    json::check_object("device_info", text, LENGTH_MAX)?;
    let info: Map<String, Value> = serde_json::from_str(text.get())
        .map_err(|_| ApiError::at("device_info is not an object"))?;
    let mut values = 0;
    check_section(&info, DEVICE_INFO, &mut values)
}

/// The same bounds for what a device tells beside a report, whose members nobody describes.
pub(crate) fn check_event_data(text: &RawValue) -> Result<(), ApiError> {
    json::check_object("event_data", text, LENGTH_MAX)
}

fn check_section(
    section: &Map<String, Value>,
    known: &[(&str, Kind)],
    values: &mut usize,
) -> Result<(), ApiError> {
    for (name, value) in section {
        let kind = known.iter().find(|(known, _)| known == name);
        if let Some((name, kind)) = kind
            && !is_of(value, *kind)
        {
            return Err(ApiError::at(format_args!(
                "device_info: {name} is not of its kind"
            )));
        }
        match (kind, value) {
            (Some((_, Section(known))), Value::Object(section)) => {
                check_section(section, known, values)?;
            }
            (_, value) => check_size(value, values)?,
        }
    }
    Ok(())
}

/// A platform that lacks a field leaves it out, or empty.
fn is_of(value: &Value, kind: Kind) -> bool {
    match (kind, value) {
        (_, Value::Null) => true,
        (Text, value) => value.is_string(),
        (Whole, value) => value.is_i64() || value.is_u64(),
        (Number, value) => value.is_number(),
        (Texts, Value::Array(items)) => items.iter().all(Value::is_string),
        (Section(_), value) => value.is_object(),
        (Texts, _) => false,
    }
}

fn check_size(value: &Value, values: &mut usize) -> Result<(), ApiError> {
    *values += 1;
    if *values > VALUES_MAX {
        return Err(ApiError::at("device_info holds too many values"));
    }
    match value {
        Value::String(text) if text.len() > TEXT_LENGTH_MAX => {
            Err(ApiError::at("device_info holds a text that is too long"))
        }
        Value::Array(items) => items.iter().try_for_each(|item| check_size(item, values)),
        Value::Object(members) => members
            .values()
            .try_for_each(|member| check_size(member, values)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn raw(value: &Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }

    #[test]
    fn fields_of_the_manual_hold_what_it_says() {
        let right = json!({
            "osName": "Android", "location": null,
            "device": { "root": 0, "model": "SM-G970F", "sdkVersion": 31, "later": [1, { "a": true }] },
            "Android": {
                "sensor": { "maxRange": 78.45, "minDelay": 5000 },
                "device": { "certificates": [], "buildTime": 1_677_717_204_000_i64, "scaledDensity": 3 },
            },
        });
        assert!(check(&raw(&right)).is_ok());
        for wrong in [
            json!([]),
            json!({ "device": "SM-G970F" }),
            json!({ "device": { "root": "0" } }),
            json!({ "device": { "screenWidth": 1.5 } }),
            json!({ "osName": 1 }),
            json!({ "Android": { "device": { "certificates": [1] } } }),
            json!({ "iOS": { "device": { "systemFontSize": "14" } } }),
            json!({ "any": "x".repeat(TEXT_LENGTH_MAX + 1) }),
            json!({ "any": vec![0; VALUES_MAX] }),
        ] {
            assert!(check(&raw(&wrong)).is_err(), "{wrong}");
        }
        assert!(check(&raw(&json!({ "any": "x".repeat(TEXT_LENGTH_MAX) }))).is_ok());
    }
}
