//! The seventeen bits of a key's flags, as the bank wishes them and as the phone reads them.

use schemas::flags::FLAGS;
use serde_json::{Value, json};
use tests::house::{LogChoice, Plan, TestHouse};

const DEFAULTS: u64 = 67_584;

/// The flags of a key issued with these wishes.
async fn flags(house: &TestHouse, key_params: Value) -> u64 {
    let bank = house.stranger(tests::house::SYSTEM_ID);
    let issued = house
        .issue(&bank, json!({ "key_params": key_params }))
        .await;
    let key: Value = serde_json::from_str(&issued.key_text).unwrap();
    key["key_flags"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flag_is_carried_to_the_phone_as_the_manual_says() {
    let house = TestHouse::open().await;
    house.bank().await;
    assert_eq!(flags(&house, json!({})).await, DEFAULTS);
    for flag in FLAGS {
        let value = u64::from(flag.value_max);
        let mut wishes = json!({ flag.param: value });
        let mut expected = (DEFAULTS & !(1 << flag.bit)) | value << flag.bit;
        // What counts only with another flag, comes with it.
        if flag.param.starts_with("collect_device") {
            wishes["collect_events"] = true.into();
            wishes["collect_device_info"] = true.into();
            expected |= 0b110;
        }
        assert_eq!(flags(&house, wishes).await, expected, "{}", flag.param);
        let off = flags(&house, json!({ flag.param: 0 })).await;
        assert_eq!(off, DEFAULTS & !(1 << flag.bit), "{}", flag.param);
    }
    let dependent = json!({ "collect_device_info": true, "collect_device_location": true });
    assert_eq!(flags(&house, dependent).await, DEFAULTS, "ignored");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_default_comes_from_its_setting() {
    let mut plan = Plan::new(LogChoice::Memory);
    for flag in FLAGS {
        if let Some(setting) = flag.default_setting {
            plan = plan.with(setting, &flag.value_max.to_string());
        }
    }
    let house = TestHouse::start(plan).await;
    house.bank().await;
    let every: u64 = FLAGS
        .iter()
        .filter(|flag| flag.default_setting.is_some())
        .map(|flag| u64::from(flag.value_max) << flag.bit)
        .sum();
    assert_eq!(flags(&house, json!({})).await, every);
    let without = json!({ "with_finger_print": false, "server_signer": true });
    assert_eq!(flags(&house, without).await, (every & !1) | 1 << 12);
    house.end().await;
}
