//! Our values beside those of the real Ansible, for the expressions in `tests/ansible`.
//!
//! `expected.json` is what Ansible gave. Where Ansible is installed (`HOMESTEAD_ANSIBLE` names its
//! Python), it is asked again, so that the record cannot be stale, and asked for random expressions too.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and needs the clock and the environment"
)]

mod common;

use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use common::{python_of_ansible, same};
use homestead::inventory::layers::{Layer, LayerKind, Variable};
use homestead::inventory::node::Value as Written;
use homestead::inventory::yaml;
use homestead::vars::{Context, NoRandomness, Variables};
use serde_json::Value as Json;

fn folder() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ansible")
}

fn variables(path: &Utf8Path) -> Variables {
    let text = fs_err::read_to_string(path).unwrap();
    let (document, _) = yaml::read(&text, path.as_str()).unwrap();
    let Written::Map(entries) = document.unwrap().value else { panic!("no mapping") };
    let variables =
        entries.into_iter().map(|(key, value)| Variable { name: key.as_text().unwrap().to_owned(), name_span: key.span, value }).collect();
    let layer = Layer { kind: LayerKind::HostVars, name: path.to_string(), variables };
    let mut context = Context::new("matrix.example.com");
    context.base_directory = folder();
    context.environment = [("HOME".to_owned(), "/root".to_owned()), ("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into();
    context.now = SystemTime::now();
    context.random = Arc::new(NoRandomness);
    Variables::new(vec![layer], context)
}

/// Where we differ on purpose, each with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("u102", "Python compares values that are one and the same without looking at them; so do we, in one place more"),
    ("o41", "a finished value has 64 bits; the longer number is refused, never rounded or turned into text"),
];

#[test]
fn our_values_are_ansibles() {
    let expected: Json = serde_json::from_str(&fs_err::read_to_string(folder().join("expected.json")).unwrap()).unwrap();
    let variables = variables(&folder().join("expressions.yml"));
    let lines = differences(&expected, &variables);
    assert!(expected.as_object().unwrap().len() > 300);
    assert!(lines.is_empty(), "{} differ:\n{}", lines.len(), lines.join("\n"));
}

/// What differs, one entry a variable.
fn differences(expected: &Json, variables: &Variables) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, want) in expected.as_object().unwrap() {
        let have = variables.get(name);
        let fits = match (&have, want.get("value")) {
            (Ok(have), Some(want)) => same(want, &have.value),
            (Err(_), None) => true,
            _ => false,
        };
        let excepted = EXCEPTIONS.iter().any(|(excepted, _)| excepted == name);
        assert!(!(fits && excepted), "`{name}` is no exception any more");
        if !fits && !excepted {
            lines.push(format!(
                "{name}:\n  want {want}\n  have {}",
                have.map_or_else(|error| format!("error {error}"), |have| have.value.to_string())
            ));
        }
    }
    lines
}

/// What Ansible makes of a file of expressions.
fn ask(python: &str, path: &Utf8Path) -> Json {
    let output = Command::new(python).arg(folder().join("ask.py")).arg(path).env("HOME", "/root").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_record_is_what_ansible_says_today() {
    let Some(python) = python_of_ansible() else { return };
    let now = ask(&python, &folder().join("expressions.yml"));
    let recorded: Json = serde_json::from_str(&fs_err::read_to_string(folder().join("expected.json")).unwrap()).unwrap();
    for (name, want) in recorded.as_object().unwrap() {
        let fits = match (want.get("value"), now[name].get("value")) {
            (Some(want), Some(now)) => same(want, now),
            (None, None) => true,
            _ => false,
        };
        assert!(fits, "`{name}` was {want}, is {}", now[name]);
    }
}

#[test]
fn a_generated_inventory_means_what_it_means_to_ansible() {
    let Some(python) = python_of_ansible() else { return };
    let folder_of_test = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder_of_test.path()).unwrap().join("generated.yml");
    for seed in ["1", "2", "3"] {
        let output = Command::new(&python).arg(folder().join("generate.py")).args([seed, "400"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs_err::write(&path, &output.stdout).unwrap();
        let inventory: Json = serde_json::from_slice(&output.stdout).unwrap();
        let lines = differences(&ask(&python, &path), &variables(&path));
        let shown: Vec<String> = lines.iter().map(|line| format!("{line}\n  of {}", inventory[line.split(':').next().unwrap()])).collect();
        assert!(lines.is_empty(), "seed {seed}: {} differ:\n{}", lines.len(), shown.join("\n"));
    }
}
