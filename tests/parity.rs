//! What the playbook made of the same inventories (`../shared/parity`), against what `render` makes.
//!
//! Meaning is compared, not bytes, by `../shared/tools/parity.py`. Every difference is listed here, as
//! `docs/mdad-differences.md` explains them: another one fails, and so does one that is gone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::{HOST, Homestead, TestInventory, shared, skipped};

/// On every server: the folder's owner by number, and secrets that only their owner reads.
const ALWAYS: &[&str] = &[
    "/matrix/exim-relay/spool: owner: want messagebus, have 100",
    "/matrix/exim-relay/spool: group: want messagebus, have 101",
    "/matrix/synapse/config/homeserver.yaml: mode: want 0644, have 0640",
];

const SIGNING_KEY: &str = "/matrix/synapse/config/matrix.example.com.signing.key: mode: want 0644, have 0640";

/// With MAS.
const MAS: &[&str] = &[
    "/matrix/matrix-authentication-service/config/config.yaml: mode: want 0644, have 0640",
    "/matrix/matrix-authentication-service/config/env: mode: want 0644, have 0640",
];

/// The whole of 10.0.0.0/8 is private.
const PROXIES: &str = "/matrix/matrix-authentication-service/config/config.yaml: /http/trusted_proxies: \
    want [\"192.168.0.0/16\", \"172.16.0.0/12\", \"10.0.0.0/10\", \"127.0.0.1/8\", \"fd00::/8\", \"::1/128\"], \
    have [\"192.168.0.0/16\", \"172.16.0.0/12\", \"10.0.0.0/8\", \"127.0.0.1/8\", \"fd00::/8\", \"::1/128\"]";

/// A Python that has `PyYAML`; one of our own, in the cache, where the machine's has none.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(find_python).as_deref()
}

fn find_python() -> Option<PathBuf> {
    let has_yaml =
        |python: &Path| Command::new(python).args(["-c", "import tomllib, yaml"]).output().is_ok_and(|output| output.status.success());
    let machine = PathBuf::from("python3");
    if has_yaml(&machine) {
        return Some(machine);
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("parity-python");
    let own = folder.join("bin/python3");
    if !has_yaml(&own) {
        let made = Command::new(&machine).args(["-m", "venv"]).arg(&folder).output().is_ok_and(|output| output.status.success());
        let installed =
            made && Command::new(&own).args(["-m", "pip", "install", "--quiet", "pyyaml"]).status().is_ok_and(|status| status.success());
        if !installed || !has_yaml(&own) {
            skipped("the comparison with the playbook needs Python 3.11 or later with PyYAML");
            return None;
        }
    }
    Some(own)
}

/// Renders the inventory of a case and compares; `known` are the differences.
#[track_caller]
fn compare(case: &str, known: &[&[&str]]) {
    let (Some(folder), Some(tool)) = (shared(&format!("parity/{case}")), shared("tools/parity.py")) else { return };
    let Some(python) = python() else { return };
    let inventory = TestInventory::new();
    inventory.vars(&std::fs::read_to_string(folder.join("vars.yml")).unwrap());
    copy_files(&folder.join("files"), &inventory);
    let facts = folder.join("facts.json");
    let mut arguments =
        vec!["render", "--facts", facts.to_str().unwrap(), "--out", "out", "-e", "matrix_user_uid=999", "-e", "matrix_user_gid=997"];
    // The machine that was measured had no IPv6.
    arguments.extend(["-e", r#"{"devture_systemd_docker_base_ipv6_enabled": false}"#]);
    let vault = folder.join("vault-pass");
    if vault.exists() {
        arguments.extend(["--vault-password-file", vault.to_str().unwrap()]);
    }
    Homestead::on(&inventory).run(&arguments).exits(0);
    assert!(inventory.path(&format!("out/{HOST}/manifest.json")).exists());

    let output = Command::new(python).arg(tool).arg("files").arg(&folder).arg(inventory.path("out")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let Some((lines, summary)) = text.trim_end().rsplit_once('\n').or(Some(("", text.trim_end()))) else { unreachable!() };
    assert!(summary.contains("paths mean the same"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let differences: BTreeSet<&str> = lines.lines().collect();
    let known: BTreeSet<&str> = known.iter().copied().flatten().copied().collect();
    assert_eq!(differences, known, "{case}: {summary}");
}

fn copy_files(from: &Path, inventory: &TestInventory) {
    let Ok(entries) = std::fs::read_dir(from) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        inventory.write(&format!("inventory/files/{name}"), &std::fs::read_to_string(&path).unwrap());
    }
}

#[test]
fn plain() {
    compare("plain", &[ALWAYS, &[SIGNING_KEY]]);
}

#[test]
fn mas_new() {
    compare("mas-new", &[ALWAYS, MAS, &[SIGNING_KEY, PROXIES]]);
}

#[test]
fn mas_migrating() {
    // Until the accounts have moved, people log in as before.
    let login = "/matrix/synapse/config/homeserver.yaml: /password_config/enabled: want false, have true";
    compare("mas-migrating", &[ALWAYS, MAS, &[SIGNING_KEY, PROXIES, login]]);
}

#[test]
fn mas_upstream() {
    compare("mas-upstream", &[ALWAYS, MAS, &[SIGNING_KEY, PROXIES]]);
}

#[test]
fn jinja() {
    compare("jinja", &[ALWAYS, MAS, &["/matrix/synapse/config/m.example.com.signing.key: mode: want 0644, have 0640"]]);
}
