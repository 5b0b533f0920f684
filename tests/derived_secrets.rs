//! Secrets that are derived from the one of the inventory are the ones that the playbook derived: a server
//! that it set up keeps its passwords.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{Homestead, TestInventory, shared};
use homestead::role::{Library, Source};
use sha2::{Digest as _, Sha512};
use uuid::Uuid;

/// Ansible's `to_uuid` has a namespace of its own (filters of `ansible.builtin`).
const NAMESPACE: &str = "361e6d51-faec-444a-9079-341386da8e2e";
const GENERIC: &str = "test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9";

#[test]
fn each_derived_secret_is_the_playbooks() {
    let Some(table) = shared("reference/derived-secrets.tsv") else { return };
    let library = Library::load(Source::embedded()).unwrap();
    let inventory = TestInventory::new();
    inventory.set("matrix_homeserver_generic_secret_key", &format!("'{GENERIC}'"));
    let document = Homestead::on(&inventory).run(&["vars", "--json", "--reveal"]).exits(0).json();
    let hidden = Homestead::on(&inventory).run(&["vars", "--json"]).exits(0).json();
    let mut ours = 0;
    let mut wrong = Vec::new();
    for line in std::fs::read_to_string(table).unwrap().lines().skip(1) {
        let mut fields = line.split('\t');
        let (name, suffix, hash) = (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
        assert_eq!(hash, "sha512", "{line}");
        if !library.knows(name) {
            continue;
        }
        ours += 1;
        let digest = hex::encode(Sha512::digest(format!("{GENERIC}{suffix}")));
        let expected = Uuid::new_v5(&Uuid::parse_str(NAMESPACE).unwrap(), digest.as_bytes()).to_string();
        let value = &document["variables"][name]["value"];
        if value != &expected {
            wrong.push(format!("{name}: {value} and not {expected}"));
        }
        if hidden["variables"][name]["value"] != "[redacted]" {
            wrong.push(format!("{name} is no secret"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Synapse's two, MAS's two; what else is derived belongs to components that are not here.
    assert!(ours >= 4, "{ours} of the table's variables are known");
}

/// Whatever the roles derive is in the table: a name or suffix of our own would be another password.
#[test]
fn nothing_else_is_derived() {
    let Some(table) = shared("reference/derived-secrets.tsv") else { return };
    let table = std::fs::read_to_string(table).unwrap();
    let library = Library::load(Source::embedded()).unwrap();
    let defaults = library.roles.iter().flat_map(|role| &role.defaults);
    let derived: Vec<String> = defaults
        .chain(&library.wiring)
        .filter(|variable| variable.value.as_text().is_some_and(|text| text.contains("to_uuid")))
        .map(|variable| variable.name.clone())
        .collect();
    assert!(derived.len() >= 4, "{derived:?}");
    let unknown: Vec<&str> =
        derived.iter().map(String::as_str).filter(|name| !table.lines().any(|line| line.starts_with(&format!("{name}\t")))).collect();
    // The playbook has no clients of its own for the admin API.
    assert_eq!(
        unknown,
        ["matrix_authentication_service_admin_api_page_client_secret", "matrix_authentication_service_admin_api_script_client_secret",]
    );
}
