//! Every code of a finding is explained and provoked; every variable that MDAD renamed or removed is dealt with.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{Homestead, TestInventory, shared};
use regex::Regex;
use serde_json::Value;

/// The texts below a folder of the repository whose paths are wanted.
fn texts(folder: &str, wanted: impl Fn(&str) -> bool) -> String {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut all = String::new();
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if wanted(&path.display().to_string()) {
                all.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    all
}

fn codes(text: &str, pattern: &str) -> BTreeSet<String> {
    Regex::new(pattern).unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_code_is_explained_and_provoked() {
    let own_tests = |path: &str| path.ends_with("/tests.rs");
    let given = codes(&texts("src", |path| path.ends_with(".rs") && !own_tests(path)), r#""(H\d{4})""#);
    assert!(given.len() > 60, "{given:?}");
    let explained = codes(&texts("docs", |path| path.ends_with("errors.md")), r"(?m)^\| (H\d{4}) \|");
    assert_eq!(given, explained, "codes in src/ and those in docs/errors.md");
    // What a test or a snapshot shows of a finding, but not this file.
    let mut tests = texts("tests", |path| path.ends_with(".snap") || (path.ends_with(".rs") && !path.ends_with("/findings.rs")));
    tests.push_str(&texts("src", own_tests));
    let provoked = codes(&tests, r"\b(H\d{4})\b");
    let forgotten: Vec<_> = given.difference(&provoked).collect();
    assert!(forgotten.is_empty(), "no test provokes {forgotten:?}");
}

/// Renamed there, and read here as it was.
const STILL_READ: &str = "matrix_authentication_service_syn2mas_process_extra_arguments";

/// The findings about a server with these variables, by their lines.
fn check(lines: &[String]) -> Vec<Value> {
    let inventory = TestInventory::new();
    inventory.append(&lines.concat());
    let document = Homestead::on(&inventory).run(&["check", "--format", "json"]).json();
    document["diagnostics"].as_array().unwrap().clone()
}

#[test]
fn every_old_name_is_dealt_with() {
    let Some(table) = shared("reference/renamed.tsv") else { return };
    let table = std::fs::read_to_string(table).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert!(rows.len() > 250, "{}", rows.len());
    let gone = |new: &str| new.starts_with('<') || rows.iter().any(|row| row[1] == new && row[2].starts_with('<'));
    let lines: Vec<String> = rows.iter().map(|row| format!("{}:\n", row[1])).collect();
    let findings = check(&lines);
    let mut wrong = Vec::new();
    for row in rows.iter().filter(|row| row[1] != STILL_READ) {
        let (old, new) = (row[1], row[2]);
        let start = format!("`{old}` ");
        let about: Vec<&Value> = findings.iter().filter(|finding| finding["message"].as_str().unwrap().starts_with(&start)).collect();
        let [finding] = about.as_slice() else {
            wrong.push(format!("{old}: {} findings", about.len()));
            continue;
        };
        let help = finding["help"].as_str().unwrap_or_default();
        let fits = match finding["code"].as_str().unwrap() {
            // The same meaning: it says what to write now.
            "H0330" => {
                let named = |new: &str| finding["message"].as_str().unwrap().contains(new);
                // Exim's prefix was renamed a second time.
                help.contains('`')
                    && (new.starts_with('<') || named(new) || named(&new.replace("image_name_prefix", "image_registry_prefix")))
            }
            // Two old names of one variable, both set.
            "H0337" => !gone(new),
            "H0336" => !help.is_empty() && (gone(new) || new.contains(" or ") || !new.starts_with("matrix_") || help.contains("pulled")),
            _ => false,
        };
        if !fits {
            wrong.push(format!("{old} -> {new}: {finding}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
