//! Long files are usually two ideas.

use crate::files;

/// Above this a file is named here, for whoever runs the tests with `--nocapture`. Lines.
const ADVICE: usize = 400;

/// Above this the build fails. Lines.
const LIMIT: usize = 600;

#[test]
fn no_file_is_longer_than_a_reader_bears() {
    let mut long: Vec<(usize, String)> = files::rust()
        .into_iter()
        .map(|file| (file.text.lines().count(), file.path))
        .collect();
    long.retain(|(lines, _)| *lines > ADVICE);
    long.sort();
    for (lines, path) in &long {
        println!("{path}: {lines} lines; is it two ideas?");
    }
    long.retain(|(lines, _)| *lines > LIMIT);
    assert!(long.is_empty(), "above {LIMIT} lines: {long:?}");
}
