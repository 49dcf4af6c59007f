//! Every package that is built into the program has a license of the list in `deny.toml`, which `cargo deny` reads, too.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use spdx::Expression;

use crate::files;

/// The licenses between `allow = [` and the bracket that closes it.
fn allowed() -> BTreeSet<String> {
    let mut all = files::all().into_iter();
    let list = all.find(|file| file.path == "deny.toml");
    let text = list.expect("deny.toml is there").text;
    let lines = text
        .lines()
        .skip_while(|line| *line != "allow = [")
        .skip(1)
        .take_while(|line| *line != "]");
    let name = |line: &str| line.split('"').nth(1).map(ToOwned::to_owned);
    lines.filter_map(name).collect()
}

/// What a program of the toolchain prints.
fn printed(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("the toolchain is there");
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{why}");
    String::from_utf8(output.stdout).expect("it is text")
}

/// All packages that are built for this machine, with what they say of their licenses.
fn packages() -> Vec<(String, String)> {
    let cargo = std::env::var("CARGO").expect("cargo runs the tests");
    let host = printed("rustc", &["--print", "host-tuple"]);
    let metadata = ["metadata", "--format-version", "1", "--locked", "--offline"];
    let metadata = [&metadata[..], &["--filter-platform", host.trim()]].concat();
    let metadata: Value = serde_json::from_str(&printed(&cargo, &metadata)).expect("it is JSON");
    let nodes = metadata["resolve"]["nodes"]
        .as_array()
        .into_iter()
        .flatten();
    let built: BTreeSet<&str> = nodes.filter_map(|node| node["id"].as_str()).collect();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    packages
        .filter(|package| package["id"].as_str().is_some_and(|id| built.contains(id)))
        .map(|package| (text(&package["name"]), text(&package["license"])))
        .collect()
}

fn permits(allowed: &BTreeSet<String>, license: &str) -> bool {
    let Ok(expression) = Expression::parse_mode(license, spdx::ParseMode::LAX) else {
        return false;
    };
    expression.evaluate(|wanted| {
        let name = wanted.license.id().map(|id| id.name);
        name.is_some_and(|name| allowed.contains(name))
    })
}

#[test]
fn every_license_is_one_of_the_list() {
    let (allowed, packages) = (allowed(), packages());
    assert!(allowed.contains("MIT") && packages.len() > 300);
    let refused: Vec<_> = packages
        .iter()
        .filter(|(_, license)| !permits(&allowed, license))
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
    // What is on the list has a reason to be there.
    for license in &allowed {
        let others: BTreeSet<String> = allowed
            .iter()
            .filter(|it| *it != license)
            .cloned()
            .collect();
        let needed = packages.iter().any(|(_, said)| !permits(&others, said));
        assert!(
            needed || license == "Apache-2.0",
            "no package needs {license}"
        );
    }
}

#[test]
fn a_license_that_is_not_on_the_list_is_refused() {
    let allowed = BTreeSet::from(["MIT".to_owned()]);
    for (license, expected) in [
        ("MIT", true),
        ("MIT OR GPL-3.0-only", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND GPL-3.0-only", false),
        ("GPL-3.0-only", false),
        ("", false),
    ] {
        assert_eq!(permits(&allowed, license), expected, "{license}");
    }
}
