//! Whole inventories: which layer wins, what vaults, `hostvars` and magic variables give, beside the real Ansible.
//!
//! `tests/ansible/recorded` was written by `make_inventory.py`, and `answers.json` in it is what Ansible made of it. Where
//! Ansible is installed (`HOMESTEAD_ANSIBLE` names its Python), it is asked again, and about another inventory with
//! some thousand expressions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use common::{python_of_ansible, same};
use homestead::inventory::VaultPasswords;
use homestead::pipeline::{HostFacts, Loaded, Sources, variables};
use homestead::secret::Secret;
use serde_json::{Value as Json, json};

/// Where we differ on purpose, each with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("n_long", "a finished value has 64 bits; the longer number is refused, never rounded or turned into text"),
    ("ini_long", "the same"),
    ("o41", "the same"),
    ("u102", "Python compares values that are one and the same without looking at them; so do we, in one place more"),
];

fn tool(name: &str) -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ansible").join(name)
}

fn read(path: &Utf8Path) -> Json {
    serde_json::from_str(&fs_err::read_to_string(path).unwrap()).unwrap()
}

fn texts(value: &Json) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The inventory as `homestead -i ... -e ... --vault-id ...` reads it.
fn load(folder: &Utf8Path) -> Loaded {
    let options = read(&folder.join("options.json"));
    let mut vault = VaultPasswords::none();
    for (id, path) in options["vault"].as_object().unwrap() {
        let password = fs_err::read_to_string(folder.join(path.as_str().unwrap())).unwrap();
        vault.add(Some(id.clone()), &Secret::new(password));
    }
    let place = |extra: String| extra.strip_prefix('@').map_or(extra.clone(), |path| format!("@{}", folder.join(path)));
    let sources = Sources {
        inventory: texts(&options["inventory"]).iter().map(|path| folder.join(path)).collect(),
        extra_vars: texts(&options["extra"]).into_iter().map(place).collect(),
        limit: None,
        roles_dir: None,
        vault,
        environment: BTreeMap::from([("HOME".to_owned(), "/root".to_owned()), ("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        now: SystemTime::now(),
        run: String::new(),
        lock_wait: Duration::ZERO,
    };
    Loaded::read(&sources).unwrap_or_else(|error| panic!("{error}: {:?}", error.diagnostics))
}

/// Compares every variable of every host; gives how many are equal.
#[track_caller]
fn compare(folder: &Utf8Path, answers: &Json) -> usize {
    let loaded = load(folder);
    let facts = HostFacts {
        facts: serde_json::Map::new(),
        account: None,
        postgres_version: None,
        migration: homestead::migration::Migration::default(),
        move_is_open: false,
        first_start_is_open: false,
    };
    let (mut equal, mut lines) = (0, Vec::new());
    for (host, answers) in answers.as_object().unwrap() {
        let variables = variables(&loaded, host, &facts, &[]).unwrap();
        for (name, want) in answers.as_object().unwrap() {
            let have = variables.get(name);
            let fits = match (&have, want.get("value")) {
                (Ok(have), Some(want)) => same(want, &have.value),
                (Err(_), None) => true,
                _ => false,
            };
            if EXCEPTIONS.iter().any(|(excepted, _)| excepted == name) {
                assert!(!fits || want.get("value").is_none(), "`{name}` is no exception any more");
            } else if fits {
                equal += 1;
            } else {
                let have = have.map_or_else(|error| format!("error {error}"), |have| have.value.to_string());
                lines.push(format!("{host}: {name}:\n  want {want}\n  have {have}"));
            }
        }
    }
    assert!(lines.is_empty(), "{} differ, {equal} are equal:\n{}", lines.len(), lines.join("\n"));
    equal
}

/// Ansible's answers about an inventory.
fn ask(python: &str, folder: &Utf8Path) -> Json {
    let output = Command::new(python).arg(tool("ask_inventory.py")).arg(folder).env("HOME", "/root").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The recorded answers; paths in them begin at the folder.
fn recorded(folder: &Utf8Path) -> Json {
    let text = fs_err::read_to_string(folder.join("answers.json")).unwrap();
    serde_json::from_str(&text.replace("<folder>", folder.as_str())).unwrap()
}

#[test]
fn the_recorded_inventory_means_what_it_means_to_ansible() {
    let folder = tool("recorded");
    assert!(compare(&folder, &recorded(&folder)) > 2000);
}

#[test]
fn the_record_is_what_ansible_says_today() {
    let Some(python) = python_of_ansible() else { return };
    let folder = tool("recorded");
    let (recorded, now) = (recorded(&folder), ask(&python, &folder));
    let comparable = |answers: &Json| {
        let mut answers = answers.clone();
        for variables in answers.as_object_mut().unwrap().values_mut() {
            for answer in variables.as_object_mut().unwrap().values_mut().filter(|answer| answer.get("error").is_some()) {
                // How it is worded changes.
                *answer = json!("error");
            }
        }
        answers
    };
    assert_eq!(comparable(&recorded), comparable(&now));
}

#[test]
fn a_generated_inventory_means_what_it_means_to_ansible() {
    let Some(python) = python_of_ansible() else { return };
    let temporary = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(temporary.path()).unwrap().canonicalize_utf8().unwrap();
    let made = Command::new(&python).arg(tool("make_inventory.py")).arg(&folder).args(["1", "400"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let equal = compare(&folder, &ask(&python, &folder));
    assert!(equal > 5000, "{equal}");
}
