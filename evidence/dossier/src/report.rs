//! The report: one page of HTML without scripts, pictures or links to elsewhere.

use std::fmt::Write as _;

use schemas::Timestamp;

use crate::files::{name_of, signature};
use crate::gather::{Content, Dossier, Outcome, Reason};
use crate::words::Words;

/// The page in that language.
pub(crate) fn html(dossier: &Dossier, words: &Words) -> String {
    let mut page = String::new();
    let title = words.title;
    put(
        &mut page,
        format_args!(
            "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{title}</title>\n<style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n<p>{}</p>\n",
            words.language, words.question
        ),
    );
    page.push_str("<table>\n");
    for (name, value) in facts(dossier, words) {
        let value = escaped(&value);
        put(
            &mut page,
            format_args!("<tr><th>{name}</th><td>{value}</td></tr>\n"),
        );
    }
    page.push_str("</table>\n");
    put(&mut page, format_args!("<h2>{}</h2>\n", words.shown));
    match &dossier.content {
        Content::Kept(content) => {
            let text = escaped(&content.text);
            put(&mut page, format_args!("<pre>{text}</pre>\n"));
            if let Some(binary) = &content.binary {
                let size = binary.len();
                put(
                    &mut page,
                    format_args!("<p>{}: {size}</p>\n", words.attachment),
                );
            }
        }
        Content::Erased => put(
            &mut page,
            format_args!("<p class=\"gone\">{}</p>\n", words.erased),
        ),
        Content::Altered => put(
            &mut page,
            format_args!("<p class=\"gone\">{}</p>\n", words.altered),
        ),
    }
    reason(&mut page, dossier, words);
    events(&mut page, dossier, words);
    put(
        &mut page,
        format_args!(
            "<h2>{}</h2>\n<p>{}</p>\n<pre>{}</pre>\n<p>{}</p>\n<pre>{}</pre>\n</body></html>\n",
            words.checking,
            words.how_to_check,
            escaped(&dossier.checkpoint),
            words.key_of_the_journal,
            escaped(dossier.verifier_key.trim_end()),
        ),
    );
    page
}

const STYLE: &str = "body{font:16px/1.4 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    th,td{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;word-break:break-word}\
    pre{background:#f2f2f2;padding:.8rem;white-space:pre-wrap;word-break:break-word}\
    .gone{background:#fff0d0;padding:.8rem}";

fn facts(dossier: &Dossier, words: &Words) -> Vec<(&'static str, String)> {
    let (outcome, at, key) = match &dossier.outcome {
        Outcome::Pending => (words.pending, None, None),
        Outcome::Confirmed {
            at,
            key_index,
            signature: Some(_),
        } => (words.confirmed, Some(at), Some(key_index)),
        Outcome::Confirmed {
            at,
            key_index,
            signature: None,
        } => (words.confirmed_by_code, Some(at), Some(key_index)),
        Outcome::Autoconfirmed { at, key_index } => {
            (words.autoconfirmed, Some(at), Some(key_index))
        }
        Outcome::Declined { at, .. } => (words.declined, Some(at), None),
        Outcome::Expired { at } => (words.expired, Some(at), None),
    };
    let mut facts = vec![
        (words.transaction, dossier.transaction_id.to_string()),
        (words.system, dossier.system_id.to_string()),
        (words.user, dossier.user_id.to_string()),
        (words.outcome, outcome.to_owned()),
    ];
    facts.extend(at.map(|at| (words.when, moment(*at))));
    facts.extend(key.map(|key| (words.key, key.to_string())));
    facts.push((words.digest, dossier.digest.to_string()));
    let signature = signature(dossier).map(hex::encode);
    facts.extend(signature.map(|signature| (words.signature, signature)));
    let key = dossier.public_key.as_ref().map(hex::encode);
    facts.extend(key.map(|key| (words.public_key, key)));
    facts
}

/// Why it was declined, where it was.
fn reason(page: &mut String, dossier: &Dossier, words: &Words) {
    let Some(reason) = &dossier.reason else {
        return;
    };
    put(page, format_args!("<h2>{}</h2>\n", words.reason));
    if let Outcome::Declined {
        code: Some(code), ..
    } = &dossier.outcome
    {
        put(page, format_args!("<p>{}: {code}</p>\n", words.reason_code));
    }
    let (said, gone) = match reason {
        Reason::InRecord(said) => (Some(said.as_str()), ""),
        Reason::Kept(kept) => (kept.text(), words.altered_reason),
        Reason::Erased => (None, words.erased_reason),
        Reason::Altered => (None, words.altered_reason),
    };
    match said {
        Some(said) => put(page, format_args!("<pre>{}</pre>\n", escaped(said))),
        None => put(page, format_args!("<p class=\"gone\">{gone}</p>\n")),
    }
}

fn events(page: &mut String, dossier: &Dossier, words: &Words) {
    put(
        page,
        format_args!(
            "<h2>{}</h2>\n<p>{}</p>\n<table>\n<tr><th>{}</th><th>{}</th><th>{}</th><th>{}</th><th>{}</th></tr>\n",
            words.events,
            words.about_events,
            words.when,
            words.event,
            words.result,
            words.actor,
            words.record
        ),
    );
    for event in &dossier.events {
        let leaf = &event.proof.leaf;
        let (when, word) = (moment(leaf.at), escaped(&leaf.word));
        let (result, actor) = (event.recorded.result.number(), escaped(&leaf.actor));
        let (index, name) = (event.proof.index, name_of(leaf.version, &leaf.word));
        let name = escaped(&name);
        put(
            page,
            format_args!(
                "<tr><td>{when}</td><td>{word}</td><td>{result}</td><td>{actor}</td><td>{index}<br>{name}</td></tr>\n"
            ),
        );
    }
    page.push_str("</table>\n");
}

fn moment(at: Timestamp) -> String {
    at.system_info_text()
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("a string takes any text");
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_cannot_become_a_part_of_the_page() {
        let text = "<script>alert(\"1\" & '2')</script>";
        assert_eq!(
            escaped(text),
            "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;"
        );
    }
}
