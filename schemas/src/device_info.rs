//! What a device tells about itself, cut to what its key permits.
//!
//! Source: reference manual, "collectDeviceSIMInfo" and "collectDeviceLocation", and the examples of events, where the two
//! parts are called `sim` and `location` wherever they stand.

use serde_json::Value;

use crate::flags::{COLLECT_DEVICE_INFO, COLLECT_LOCATION, COLLECT_SIM_INFO, KeyFlags};

/// The part of the information that the key's flags permit; `None` when they permit nothing, or when it is not JSON.
pub fn permitted(flags: KeyFlags, device_info: &str) -> Option<String> {
    if !flags.has(&COLLECT_DEVICE_INFO) {
        return None;
    }
    let withheld: Vec<&str> = [(&COLLECT_SIM_INFO, "sim"), (&COLLECT_LOCATION, "location")]
        .into_iter()
        .filter(|(flag, _)| !flags.has(flag))
        .map(|(_, member)| member)
        .collect();
    let mut value: Value = serde_json::from_str(device_info).ok()?;
    if withhold(&mut value, &withheld) {
        return Some(value.to_string());
    }
    Some(device_info.to_owned())
}

/// Removes members of these names at every depth. Was there any?
fn withhold(value: &mut Value, names: &[&str]) -> bool {
    match value {
        Value::Object(members) => {
            let before = members.len();
            members.retain(|name, _| !names.contains(&name.as_str()));
            let mut removed = members.len() < before;
            for member in members.values_mut() {
                removed |= withhold(member, names);
            }
            removed
        }
        Value::Array(elements) => elements
            .iter_mut()
            .fold(false, |removed, element| withhold(element, names) | removed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{COLLECT_EVENTS, Flag};

    const INFO: &str = r#"{"osName":"Android","Android":{"sim":{"simCount":2},"memory":{}},"location":{"latitude":"55.88"}}"#;

    fn told(named: &[&Flag]) -> Option<String> {
        let mut flags = KeyFlags::default();
        for flag in named {
            flags.set(flag, 1);
        }
        permitted(flags.effective().unwrap(), INFO)
    }

    #[test]
    fn each_part_needs_its_own_flag() {
        assert_eq!(told(&[&COLLECT_EVENTS]), None);
        let told_with = |more: &[&Flag]| {
            let base = [&COLLECT_EVENTS, &COLLECT_DEVICE_INFO];
            told(&[&base[..], more].concat()).unwrap()
        };
        let nothing_more = told_with(&[]);
        assert!(nothing_more.contains("osName") && nothing_more.contains("memory"));
        assert!(!nothing_more.contains("simCount") && !nothing_more.contains("55.88"));
        let with_sim = told_with(&[&COLLECT_SIM_INFO]);
        assert!(with_sim.contains("simCount") && !with_sim.contains("55.88"));
        let with_location = told_with(&[&COLLECT_LOCATION]);
        assert!(!with_location.contains("simCount") && with_location.contains("55.88"));
        let all = told_with(&[&COLLECT_SIM_INFO, &COLLECT_LOCATION]);
        assert_eq!(all, INFO, "as it was received");
    }

    #[test]
    fn what_is_not_json_is_not_kept() {
        let mut flags = KeyFlags::default();
        flags.set(&COLLECT_DEVICE_INFO, 1);
        assert_eq!(permitted(flags, "{"), None);
    }
}
