//! What the documentation names exists.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{Homestead, TestInventory};
use regex::Regex;

/// Every page, with its name.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let files = folder.chain([root.join("README.md")]).filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut pages: Vec<(String, String)> =
        files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap())).collect();
    pages.sort();
    assert!(pages.len() > 10, "{}", pages.len());
    pages
}

#[test]
fn every_variable_on_a_page_is_one() {
    let inventory = TestInventory::new();
    let known = Homestead::on(&inventory).run(&["vars", "--json"]).exits(0).json()["variables"].clone();
    let named = Regex::new(r"\b(?:matrix|traefik|postgres|exim_relay|devture)_[A-Za-z0-9_]+\b(?:[^A-Za-z0-9_*.]|$)").unwrap();
    let mut unknown = BTreeSet::new();
    // The pages that speak of other things than what to set.
    let other = ["decisions.md", "roles.md", "errors.md", "variables.md"];
    for (page, text) in pages().iter().filter(|(page, _)| !other.contains(&page.as_str())) {
        for found in named.find_iter(text) {
            let name = found.as_str().trim_end_matches(|character: char| !character.is_ascii_alphanumeric());
            if known.get(name).is_none() && !NOT_VARIABLES.contains(&name) {
                unknown.insert(format!("{page}: {name}"));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// Names of other things, and of what homestead reads without a role for it.
const NOT_VARIABLES: [&str; 7] = [
    "matrix_servers",
    "matrix_authentication_service",
    "matrix_playbook_migration_validated_version",
    "postgres_detected_version_number",
    "postgres_import_replace",
    "postgres_vacuum_databases_list",
    "postgres_vacuum_preset",
];

#[test]
fn every_link_between_pages_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)#:]+)(?:#([^)]+))?\)").unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (page, text) in pages() {
        let folder = if page == "README.md" && text.starts_with("# homestead") { root.to_owned() } else { root.join("docs") };
        for captures in link.captures_iter(&text) {
            let path = folder.join(&captures[1]);
            assert!(path.exists(), "{page}: {}", &captures[1]);
            if let Some(anchor) = captures.get(2) {
                let target = std::fs::read_to_string(&path).unwrap();
                let anchors = target.lines().filter(|line| line.starts_with('#')).map(|line| {
                    let title = line.trim_start_matches('#').trim().to_lowercase();
                    title
                        .chars()
                        .filter(|character| character.is_alphanumeric() || " -_".contains(*character))
                        .collect::<String>()
                        .replace(' ', "-")
                });
                assert!(anchors.into_iter().any(|title| title == anchor.as_str()), "{page}: {}#{}", &captures[1], anchor.as_str());
            }
        }
    }
}
