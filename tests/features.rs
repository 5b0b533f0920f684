//! `docs/features.md` names every feature once, and only tests that are there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn every_feature_is_listed_and_every_test_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/features.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| P") || line.starts_with("| E")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let [name, what, shown] = cells[..] else { panic!("three cells: {line}") };
        assert!(!what.is_empty(), "{line}");
        assert_eq!(rows.insert(name.to_owned(), shown.to_owned()), None, "{name} stands twice");
    }
    let wanted: Vec<String> = (1..=26).map(|row| format!("P{row}")).chain((1..=12).map(|row| format!("E{row}"))).collect();
    let missing: Vec<&String> = wanted.iter().filter(|row| !rows.contains_key(*row)).collect();
    assert!(missing.is_empty() && rows.len() == wanted.len(), "missing: {missing:?}; all: {:?}", rows.keys());

    let mut seen = 0;
    for (row, shown) in rows.iter().filter(|(_, shown)| *shown != "not yet") {
        for test in shown.split(", ") {
            let test = test.trim_matches('`');
            let (path, name) = test.split_once("::").unwrap_or_else(|| panic!("{row}: `{test}` is no path::name"));
            let source = std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{row}: {path}: {error}"));
            let function = source.find(&format!("fn {name}()")).unwrap_or_else(|| panic!("{row}: {path} has no test `{name}`"));
            let above = source[..function].trim_end();
            assert!(above.ends_with("#[test]") || above.ends_with(']') && above.contains("#[test]"), "{row}: `{name}` is no test");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}
