//! `systems/<system_id>.json`: what is sent. Arrays, because one transaction may take several pushes.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::push::filling;

/// Whose syntax a template is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Os {
    Android,
    Ios,
    Huawei,
    /// Ours.
    Telegram,
}

/// What a push is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// There is something to confirm.
    Transaction,
    /// Ours: it is no longer to be confirmed.
    Withdrawal,
}

/// The templates of one system, or those for all others.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Templates(HashMap<Os, OfOs>);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfOs {
    templates: Kinds,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kinds {
    transaction: Vec<Value>,
    #[serde(default)]
    withdrawal: Vec<Value>,
}

impl Os {
    /// The word in the files.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Android => "android",
            Self::Ios => "ios",
            Self::Huawei => "huawei",
            Self::Telegram => "telegram",
        }
    }

    /// The kind of that word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Android, Self::Ios, Self::Huawei, Self::Telegram]
            .into_iter()
            .find(|os| os.word() == word)
    }
}

impl Purpose {
    /// The word in the files and in the ledger.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::Withdrawal => "withdrawal",
        }
    }

    /// The purpose of that word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Transaction, Self::Withdrawal]
            .into_iter()
            .find(|purpose| purpose.word() == word)
    }
}

impl Templates {
    /// What is sent; empty when there is nothing to send.
    pub(crate) fn of(&self, os: Os, purpose: Purpose) -> &[Value] {
        let Some(of_os) = self.0.get(&os) else {
            return &[];
        };
        match purpose {
            Purpose::Transaction => &of_os.templates.transaction,
            Purpose::Withdrawal => &of_os.templates.withdrawal,
        }
    }

    /// Is anything ever withdrawn?
    pub(crate) fn withdraws(&self) -> bool {
        self.0
            .values()
            .any(|of_os| !of_os.templates.withdrawal.is_empty())
    }

    /// The field that no push service would take, and why.
    pub(crate) fn wrong(&self) -> Option<(String, String)> {
        let kinds = [Purpose::Transaction, Purpose::Withdrawal];
        let mut all = self.0.keys().flat_map(|os| {
            kinds.iter().flat_map(move |purpose| {
                let templates = self.of(*os, *purpose).iter().enumerate();
                templates.map(move |(index, template)| (*os, *purpose, index, template))
            })
        });
        all.find_map(|(os, purpose, index, template)| {
            let reason = wrong(os, template)?;
            let place = format!("{}.templates.{}[{index}]", os.word(), purpose.word());
            Some((place, reason))
        })
    }

    /// What is sent where no file says anything: the manual's sample, with its words.
    pub(crate) fn built_in() -> Self {
        const TEXT: &str = "Новая операция для подтверждения";
        let data = r#"{"type": "PayControl_v2", "userid": "%USER_ID%", "transactionid": "%TRANSACTION_ID%"}"#;
        let templates = json!({
            "android": {"templates": {"transaction": [
                {"message": {"token": "%DEVICE_TOKEN%", "android": {
                    "data": {"type": "PayControl_v2"},
                    "notification": {
                        "tag": "%USER_ID%", "title": "PayControl", "body": TEXT,
                        "icon": "paycontrol_push", "sound": "default",
                    },
                }}},
                {"message": {"token": "%DEVICE_TOKEN%", "data": {
                    "type": "PayControl_v2", "userid": "%USER_ID%", "transactionid": "%TRANSACTION_ID%",
                }}},
            ]}},
            "ios": {"templates": {"transaction": [{
                "aps": {
                    "alert": TEXT, "sound": "default", "badge": 1, "mutable-content": 1,
                    "category": "NEW_OPERATION",
                },
                "type": "PayControl", "userid": "%USER_ID%", "transactionid": "%TRANSACTION_ID%",
                "pc_notification_type": "alert", "pc_notification_priority": 10,
                "pc_notification_timeout": 600, "pc_collapse_id": "%USER_ID%",
            }]}},
            "huawei": {"templates": {"transaction": [
                {"validate_only": false, "message": {
                    "android": {"notification": {
                        "tag": "%USER_ID%", "title": "PayControl", "body": TEXT,
                        "icon": "paycontrol_push", "click_action": {"type": 3},
                    }},
                    "token": ["%DEVICE_TOKEN%"],
                }},
                {"validate_only": false, "message": {
                    "android": {
                        "collapse_key": -1, "urgency": "HIGH", "ttl": "86400", "data": data,
                    },
                    "token": ["%DEVICE_TOKEN%"],
                }},
            ]}},
            "telegram": {"templates": {"transaction": [
                {"chat_id": "%DEVICE_TOKEN%", "text": TEXT},
            ]}},
        });
        serde_json::from_value(templates).expect("they are written above")
    }
}

fn wrong(os: Os, template: &Value) -> Option<String> {
    let Some(object) = template.as_object() else {
        return Some("must be an object".to_owned());
    };
    let needed: &[&str] = match os {
        Os::Android | Os::Huawei => &["message"],
        Os::Ios => &["aps", "message"],
        Os::Telegram => &["chat_id"],
    };
    if !needed.iter().any(|name| object.contains_key(*name)) {
        return Some(format!("lacks {}", needed.join(" or ")));
    }
    filling::unknown_variable(template).map(|name| format!("names %{name}%, which is no variable"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Templates {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_built_in_is_the_manuals_sample() {
        let built_in = Templates::built_in();
        assert_eq!(built_in.wrong(), None);
        for (os, pushes) in [(Os::Android, 2), (Os::Ios, 1), (Os::Huawei, 2)] {
            assert_eq!(built_in.of(os, Purpose::Transaction).len(), pushes);
            assert_eq!(built_in.of(os, Purpose::Withdrawal).len(), 0);
        }
        assert!(!built_in.withdraws());
    }

    #[test]
    fn a_template_nobody_would_take_is_named() {
        for (template, place) in [
            (json!("text"), "android.templates.transaction[0]"),
            (json!({"data": {}}), "android.templates.transaction[0]"),
            (
                json!({"message": {"token": "%TOKEN%"}}),
                "android.templates.transaction[0]",
            ),
        ] {
            let templates = read(json!({"android": {"templates": {"transaction": [template]}}}));
            assert_eq!(templates.wrong().unwrap().0, place);
        }
        let percent = json!({"message": {"text": "100% sure, 5%off"}});
        let templates = read(json!({"android": {"templates": {"transaction": [percent]}}}));
        assert_eq!(templates.wrong(), None);
    }

    #[test]
    fn a_kind_that_nobody_knows_does_not_read() {
        let unknown = json!({"windows": {"templates": {"transaction": []}}});
        assert!(serde_json::from_value::<Templates>(unknown).is_err());
    }
}
