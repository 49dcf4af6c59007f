//! The two settings about services outside, read: SCORING_SETTINGS and EXT_AUTH_SETTINGS. The manual says that they are
//! JSON; what is in them is ours. `docs/scoring.md` and `docs/recovery.md` describe it.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Settings;
use crate::sealed::Secret;

/// Longest text of a setting that an application is shown, bytes.
const SHOWN_MAX: usize = 256;
/// Most templates of additional authentication.
const TEMPLATES_MAX: usize = 32;

/// Why a setting about a service outside is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableSetting {
    /// It is empty.
    #[error("the setting is not set")]
    NotSet,
    /// It is not what we read.
    #[error("the setting is not of the documented form")]
    Wrong,
}

/// SCORING_SETTINGS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoringSettings {
    /// Who scores.
    pub service: Service,
    /// The least score with which a transaction is confirmed automatically, 0 to 100.
    pub score_min: u8,
    /// What the application gives to the service's library on the device: a JSON object.
    pub application: String,
}

/// A service outside that is asked by HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Where it is asked.
    pub url: String,
    /// What it knows us by; `None` when it needs nothing.
    pub token: Option<Secret>,
}

/// One way of additional authentication, from EXT_AUTH_SETTINGS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtAuthTemplate {
    /// Its name in requests.
    pub id: String,
    /// How it is shown to the user.
    pub title: String,
    /// How it works.
    pub method: ExtAuthMethod,
}

/// How an additional authentication works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtAuthMethod {
    /// A code word, whose verifier the house keeps.
    CodeWord,
    /// A service of the bank's says whether the answer is right.
    Http(Service),
    /// A type that this version does not know.
    Unsupported,
}

impl ExtAuthMethod {
    /// The word on the wire.
    pub fn word(&self) -> &'static str {
        match self {
            Self::CodeWord => "code_word",
            Self::Http(_) => "http",
            Self::Unsupported => "unsupported",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScoringText {
    url: String,
    token: Option<String>,
    score_min: u8,
    #[serde(default)]
    application: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtAuthText {
    templates: Vec<TemplateText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateText {
    id: String,
    title: String,
    #[serde(rename = "type")]
    kind: String,
    url: Option<String>,
    token: Option<String>,
}

impl Settings {
    /// SCORING_SETTINGS: who scores devices, and from which score on it is enough.
    pub fn scoring(&self) -> Result<ScoringSettings, UnusableSetting> {
        let text: ScoringText = read(self.named("SCORING_SETTINGS"))?;
        if text.score_min > 100 {
            return Err(UnusableSetting::Wrong);
        }
        Ok(ScoringSettings {
            service: service(text.url, text.token)?,
            score_min: text.score_min,
            application: Value::Object(text.application).to_string(),
        })
    }

    /// EXT_AUTH_SETTINGS: the ways of additional authentication, in the order in which they are offered.
    pub fn ext_auth_templates(&self) -> Result<Vec<ExtAuthTemplate>, UnusableSetting> {
        let text: ExtAuthText = read(self.named("EXT_AUTH_SETTINGS"))?;
        let mut templates: Vec<ExtAuthTemplate> = Vec::new();
        for template in text.templates {
            let is_new = templates.iter().all(|known| known.id != template.id);
            let fits = (1..=SHOWN_MAX).contains(&template.id.len())
                && template.title.len() <= SHOWN_MAX
                && templates.len() < TEMPLATES_MAX;
            if !is_new || !fits {
                return Err(UnusableSetting::Wrong);
            }
            let method = match (template.kind.as_str(), template.url) {
                ("code_word", None) => ExtAuthMethod::CodeWord,
                ("http", Some(url)) => ExtAuthMethod::Http(service(url, template.token)?),
                ("code_word" | "http", _) => return Err(UnusableSetting::Wrong),
                (_, _) => ExtAuthMethod::Unsupported,
            };
            templates.push(ExtAuthTemplate {
                id: template.id,
                title: template.title,
                method,
            });
        }
        Ok(templates)
    }

    /// EXT_AUTH_FAIL_LIMIT: failed attempts of additional authentication before the method is switched off.
    pub fn ext_auth_attempts_max(&self) -> u32 {
        self.number("EXT_AUTH_FAIL_LIMIT") as u32
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, UnusableSetting> {
    let object: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| UnusableSetting::Wrong)?;
    if object.is_empty() {
        return Err(UnusableSetting::NotSet);
    }
    serde_json::from_str(text).map_err(|_| UnusableSetting::Wrong)
}

fn service(url: String, token: Option<String>) -> Result<Service, UnusableSetting> {
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_web || !is_plain(&url) || !token.as_deref().is_none_or(is_plain) {
        return Err(UnusableSetting::Wrong);
    }
    let token = token.map(Secret::new);
    Ok(Service { url, token })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Settings {
        let mut settings = Settings::default();
        settings.set(name, value).expect("it is a JSON object");
        settings
    }

    #[test]
    fn scoring_is_read_whole_or_not_at_all() {
        let text = r#"{"url":"https://score.example/","token":"t","score_min":70,"application":{"site":"a"}}"#;
        let scoring = with("SCORING_SETTINGS", text)
            .scoring()
            .expect("it is right");
        assert_eq!(
            (scoring.score_min, &*scoring.application),
            (70, r#"{"site":"a"}"#)
        );
        assert_eq!(scoring.service.token, Some(Secret::new("t")));
        let unset = Settings::default().scoring();
        assert_eq!(unset, Err(UnusableSetting::NotSet));
        for wrong in [
            r#"{"url":"https://score.example/"}"#,
            r#"{"url":"ftp://score.example/","score_min":70}"#,
            r#"{"url":"https://score.example/","score_min":101}"#,
            r#"{"url":"https://score.example/","score_min":70.5}"#,
            r#"{"url":"https://score.example/","score_min":70,"min":1}"#,
            r#"{"url":"https://score.example/","score_min":70,"token":"a b"}"#,
        ] {
            let read = with("SCORING_SETTINGS", wrong).scoring();
            assert_eq!(read, Err(UnusableSetting::Wrong), "{wrong}");
        }
    }

    #[test]
    fn templates_are_read_and_unknown_types_are_kept_as_such() {
        let text = r#"{"templates":[{"id":"word","title":"A word","type":"code_word"},
            {"id":"bank","title":"The bank","type":"http","url":"http://127.0.0.1/","token":"t"},
            {"id":"palm","title":"A palm","type":"palm"}]}"#;
        let read = with("EXT_AUTH_SETTINGS", text).ext_auth_templates();
        let words: Vec<_> = read
            .expect("it is right")
            .iter()
            .map(|template| template.method.word())
            .collect();
        assert_eq!(words, ["code_word", "http", "unsupported"]);
        let unset = Settings::default().ext_auth_templates();
        assert_eq!(unset, Err(UnusableSetting::NotSet));
        for wrong in [
            r#"{"templates":{}}"#,
            r#"{"templates":[{"id":"","title":"A","type":"code_word"}]}"#,
            r#"{"templates":[{"id":"a","title":"A","type":"http"}]}"#,
            r#"{"templates":[{"id":"a","title":"A","type":"code_word","url":"http://a/"}]}"#,
            r#"{"templates":[{"id":"a","title":"A","type":"palm"},{"id":"a","title":"B","type":"palm"}]}"#,
        ] {
            let read = with("EXT_AUTH_SETTINGS", wrong).ext_auth_templates();
            assert_eq!(read, Err(UnusableSetting::Wrong), "{wrong}");
        }
    }
}
