//! `apps/<app_id>.json`: what the push services know an application by.
//!
//! The manual's objects `android`, `ios` and `huawei` as they are; ours besides: `apns_p12`, `telegram`, and the addresses of
//! the services, for simulators and for gateways of the operator's own.

use std::fmt;

use serde::Deserialize;

/// The credentials of one application; a service without any is not used.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct App {
    /// A Google service account, as Google's console writes it.
    pub(crate) android: Option<Fcm>,
    /// Apple's service, or Google's in its place.
    pub(crate) ios: Option<Ios>,
    /// Huawei's.
    pub(crate) huawei: Option<Hms>,
    /// Ours: a bot of Telegram.
    pub(crate) telegram: Option<Telegram>,
}

/// A service account. Google's other fields are of no use here and may be there.
#[derive(Clone, Deserialize)]
pub(crate) struct Fcm {
    pub(crate) project_id: String,
    #[serde(default)]
    pub(crate) private_key_id: Option<String>,
    pub(crate) private_key: String,
    pub(crate) client_email: String,
    pub(crate) token_uri: String,
    /// Ours: where messages go, instead of `https://fcm.googleapis.com`.
    #[serde(default, rename = "fcm_url")]
    pub(crate) url: Option<String>,
}

/// One of three ways to an iPhone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ios {
    /// By the service account of `android`.
    #[serde(default)]
    pub(crate) use_fcm: bool,
    /// By a key of the developer's account.
    #[serde(default)]
    pub(crate) apns_p8: Option<P8>,
    /// By a client certificate.
    #[serde(default)]
    pub(crate) apns_p12: Option<P12>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct P8 {
    #[serde(default)]
    use_dev_gate: bool,
    apns_key_id: String,
    apns_team_id: String,
    apns_key: String,
    #[serde(default)]
    apns_url: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct P12 {
    #[serde(default)]
    use_dev_gate: bool,
    apns_certificate: String,
    #[serde(default)]
    apns_password: String,
    #[serde(default)]
    apns_url: Option<String>,
}

/// How Apple's service is reached.
#[derive(Clone)]
pub(crate) struct Apns {
    /// Where it is.
    pub(crate) url: String,
    /// How it knows us.
    pub(crate) key: ApnsKey,
}

/// How Apple's service knows us.
#[derive(Clone)]
pub(crate) enum ApnsKey {
    /// By tokens that this key signs (ES256).
    P8 {
        key_id: String,
        team_id: String,
        pem: String,
    },
    /// By a client certificate: a PKCS#12 store in Base64, and its password.
    P12 { store: String, password: String },
}

/// Huawei's application and its secret.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hms {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    /// Ours: where tokens come from, instead of `https://oauth-login.cloud.huawei.com/oauth2/v3/token`.
    #[serde(default)]
    pub(crate) token_url: Option<String>,
    /// Ours: where messages go, instead of `https://push-api.cloud.huawei.com`.
    #[serde(default)]
    pub(crate) push_url: Option<String>,
}

/// A bot.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Telegram {
    pub(crate) bot_token: String,
    /// Where messages go, instead of `https://api.telegram.org`.
    #[serde(default)]
    pub(crate) api_url: Option<String>,
}

const APNS: &str = "https://api.push.apple.com";
const APNS_SANDBOX: &str = "https://api.sandbox.push.apple.com";

impl Ios {
    /// Apple's service, unless Google's takes its place.
    pub(crate) fn apns(&self) -> Option<Apns> {
        if self.use_fcm {
            return None;
        }
        let at = |url: &Option<String>, is_sandbox: bool| {
            let usual = if is_sandbox { APNS_SANDBOX } else { APNS };
            url.clone().unwrap_or_else(|| usual.to_owned())
        };
        if let Some(p8) = &self.apns_p8 {
            return Some(Apns {
                url: at(&p8.apns_url, p8.use_dev_gate),
                key: ApnsKey::P8 {
                    key_id: p8.apns_key_id.clone(),
                    team_id: p8.apns_team_id.clone(),
                    pem: p8.apns_key.clone(),
                },
            });
        }
        self.apns_p12.as_ref().map(|p12| Apns {
            url: at(&p12.apns_url, p12.use_dev_gate),
            key: ApnsKey::P12 {
                store: p12.apns_certificate.clone(),
                password: p12.apns_password.clone(),
            },
        })
    }
}

impl App {
    /// The field that is missing beside others, and why.
    pub(crate) fn wrong(&self) -> Option<(&'static str, &'static str)> {
        let ios = self.ios.as_ref()?;
        if ios.use_fcm && self.android.is_none() {
            return Some((
                "android",
                "use_fcm needs the service account that belongs here",
            ));
        }
        let nothing = !ios.use_fcm && ios.apns_p8.is_none() && ios.apns_p12.is_none();
        nothing.then_some(("ios", "one of use_fcm, apns_p8 and apns_p12 is needed"))
    }
}

/// Credentials print as nothing.
macro_rules! hidden {
    ($($credentials:ty),*) => {
        $(impl fmt::Debug for $credentials {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("…")
            }
        })*
    };
}
hidden!(Fcm, P8, P12, Apns, ApnsKey, Hms, Telegram);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> App {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_manuals_sample_reads() {
        let app = read(
            r#"{
              "android": {
                "type": "service_account", "project_id": "p", "private_key_id": "k",
                "private_key": "-----BEGIN PRIVATE KEY-----", "client_email": "e", "client_id": "c",
                "auth_uri": "https://accounts.google.com/o/oauth2/auth",
                "token_uri": "https://oauth2.googleapis.com/token",
                "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
                "client_x509_cert_url": "...", "universe_domain": "googleapis.com"
              },
              "ios": {
                "use_fcm": false,
                "apns_p8": {
                  "use_dev_gate": false, "apns_key_id": "K", "apns_team_id": "T",
                  "apns_key": "-----BEGIN PRIVATE KEY-----hidden"
                }
              },
              "huawei": {"client_secret": "hidden", "client_id": "1"}
            }"#,
        );
        assert_eq!(app.wrong(), None);
        let apns = app.ios.as_ref().and_then(Ios::apns).unwrap();
        assert_eq!(apns.url, APNS);
        assert!(!format!("{app:?}").contains("hidden"));
    }

    #[test]
    fn the_gate_for_development_is_another_place() {
        let app = read(
            r#"{"ios": {"apns_p8": {"use_dev_gate": true, "apns_key_id": "", "apns_team_id": "", "apns_key": ""}}}"#,
        );
        assert_eq!(
            app.ios.and_then(|ios| ios.apns()).unwrap().url,
            APNS_SANDBOX
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(read(r#"{"ios": {}}"#).wrong().unwrap().0, "ios");
        assert_eq!(
            read(r#"{"ios": {"use_fcm": true}}"#).wrong().unwrap().0,
            "android"
        );
        assert_eq!(read("{}").wrong(), None);
    }
}
