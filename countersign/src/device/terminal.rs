//! The terminal as the device's screen: what it shows and what it asks. It never decides anything.

use std::io::{BufRead as _, Write as _};

use device::ShownOperation;

use crate::AnyError;

/// An operation with everything in it, as a person reads it.
pub(super) fn print_operation(shown: &ShownOperation) {
    if let Some(description) = shown.rendered_description() {
        println!("{description}\n");
    }
    for member in &shown.members {
        let summary = &member.summary;
        println!("{}  {}", summary.transaction_id, summary.status.word());
        if let Some(shown) = &member.shown {
            println!("{}\n", shown.rendered_text());
        }
    }
}

/// The text an argument stands for: itself, a file's, or that of a QR code in a picture.
pub(super) fn text_of(argument: &str) -> Result<String, AnyError> {
    let Some(path) = argument.strip_prefix('@') else {
        return Ok(argument.to_owned());
    };
    let bytes = std::fs::read(path)?;
    if bytes.starts_with(b"\x89PNG") {
        return Ok(countersign::camera::read(&bytes)?);
    }
    Ok(String::from_utf8(bytes)?)
}

/// One line of the person's.
pub(super) fn ask(question: &str) -> Result<String, AnyError> {
    eprint!("{question}");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
