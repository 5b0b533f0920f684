//! What is wrong with an inventory or a command line: said before a host is touched, with place and help.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use common::{HOST, Homestead, TestInventory};
use insta::assert_snapshot;

const ENCRYPTION: &str = "matrix_authentication_service_config_secrets_encryption";

#[test]
fn a_good_inventory_has_nothing_wrong() {
    let inventory = TestInventory::new();
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"");
}

#[test]
fn an_inventory_that_is_not_there_is_named() {
    let inventory = TestInventory::new();
    std::fs::remove_dir_all(inventory.path("inventory")).unwrap();
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"");
    assert_snapshot!(Homestead::on(&inventory).run(&["--inventory", "elsewhere", "install-all"]).text(), @"");
}

#[test]
fn a_host_that_is_not_there_is_guessed() {
    let inventory = TestInventory::new();
    assert_snapshot!(Homestead::on(&inventory).run(&["--limit", "matrix.exmaple.com", "install-all"]).text(), @"");
    assert_snapshot!(Homestead::on(&inventory).run(&["--limit", "something-else", "check"]).text(), @"");
}

#[test]
fn a_yaml_mistake_is_pointed_at() {
    let inventory = TestInventory::new();
    inventory.vars("---\nmatrix_domain: example.com\npostgres_connection_password: 'open\nmatrix_user_name: x: y\n");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"");
    inventory.vars("matrix_domain: example.com\nmatrix_client_element_brand:\n\t- tab\n");
    assert_snapshot!(Homestead::on(&inventory).run(&["install-all"]).text(), @"");
    let document = Homestead::on(&inventory).run(&["check", "--format", "json"]).exits(3).json();
    let finding = &document["diagnostics"][0];
    let place = (finding["file"].as_str().unwrap(), finding["line"].as_u64().unwrap(), finding["column"].as_u64().unwrap());
    assert_eq!(place, (format!("inventory/host_vars/{HOST}/vars.yml").as_str(), 3, 1));
}

#[test]
fn a_typo_in_a_role_is_pointed_at() {
    let inventory = TestInventory::new();
    let role = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/roles/exim-relay/role.yml")).unwrap();
    inventory.write("mine/roles/exim-relay/role.yml", &role.replace("\ndirectories:\n", "\ndirectorys:\n"));
    let outcome = Homestead::on(&inventory).run(&["--roles-dir", "mine", "check"]);
    assert_snapshot!(outcome.text(), @"");
    assert_snapshot!(Homestead::on(&inventory).run(&["--roles-dir", "inventory", "check"]).text(), @"");
}

#[test]
fn a_malformed_secret_is_not_shown() {
    let inventory = TestInventory::new();
    let malformed = "not-hex-but-secret-Aghee4ohNae4";
    inventory.set(ENCRYPTION, &format!("'{malformed}'"));
    let homestead = Homestead::on(&inventory).guarding(&[malformed.to_owned()]);
    let outcome = homestead.run(&["check"]);
    assert_snapshot!(outcome.text(), @"");
    for command in [["install-all"], ["plan"], ["setup-all"]] {
        let outcome = homestead.run(&command).exits(3);
        assert!(outcome.stderr.contains("openssl rand -hex 32"), "{}", outcome.text());
    }
    homestead.run(&["check", "--format", "json"]).exits(3);
    homestead.run(&["--json", "install-all"]).exits(3);
    homestead.run(&["render", "--out", "out"]).exits(3);
    assert!(!inventory.path("out").exists());
}

#[test]
fn a_variable_that_is_not_there_is_named() {
    let inventory = TestInventory::new();
    inventory.set("matrix_client_element_brand", "\"{{ my_brnad }}\"");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"");
    inventory.append("my_brand: Ours\n");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"");
    assert_snapshot!(Homestead::on(&inventory).run(&["vars", "matrix_domian"]).text(), @"");
}

#[test]
fn a_variable_that_needs_itself_is_named() {
    let inventory = TestInventory::new();
    inventory.set("matrix_client_element_brand", "\"{{ my_brand }}\"").append("my_brand: \"{{ matrix_client_element_brand }}\"\n");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"");
}

#[test]
fn all_mistakes_come_at_once() {
    let inventory = TestInventory::new();
    inventory.set("matrix_authentication_service_path_prefix", "/auth/").unset("matrix_homeserver_generic_secret_key");
    inventory.set("matrix_synapse_max_upload_size_mb", "much");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"");
    inventory.unset("matrix_authentication_service_path_prefix").unset("matrix_synapse_max_upload_size_mb");
    assert_snapshot!(Homestead::on(&inventory).run(&["install-all"]).text(), @"");
}

#[test]
fn what_cannot_work_together_is_refused() {
    let inventory = TestInventory::new();
    inventory.set("matrix_synapse_enable_registration", "true").set("matrix_synapse_workers_enabled", "true");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"");
}

#[test]
fn findings_are_a_document_too() {
    let inventory = TestInventory::new();
    inventory.set("matrix_authentication_service_path_prefix", "/auth/").set("matrix_synapse_use_presence", "false");
    let outcome = Homestead::on(&inventory).run(&["check", "--format", "json"]).exits(3);
    outcome.json();
    assert_snapshot!(outcome.text(), @"");
}

#[test]
fn a_tag_that_is_not_there_is_guessed() {
    let inventory = TestInventory::new();
    let homestead = Homestead::on(&inventory);
    assert_snapshot!(homestead.run(&["run-tags", "install-synpase"]).text(), @"");
    assert_snapshot!(homestead.run(&["run-tags", "install-synapse,frobnicate"]).text(), @"");
    assert_snapshot!(homestead.run(&["plan", "--tags", "mas-cli-doctor"]).text(), @"");
    assert_snapshot!(homestead.run(&["run-tags", "start-group"]).text(), @"");
}

#[test]
fn a_wrong_command_line_is_misuse() {
    let inventory = TestInventory::new();
    let homestead = Homestead::on(&inventory);
    for arguments in [&["frobnicate"][..], &["install-all", "--frobnicate"], &["run-tags"], &[], &["add-inventory-host", "example.com"]] {
        homestead.run(arguments).exits(1);
    }
    homestead.run(&["--help"]).exits(0);
    assert_eq!(homestead.run(&["--version"]).exits(0).stdout, format!("homestead {}\n", env!("CARGO_PKG_VERSION")));
    let wrong = homestead.run(&["-e", "frobnicate", "check"]);
    assert_snapshot!(wrong.text(), @"");
}

/// Path below a folder -> contents and mode.
fn tree(folder: &Path) -> BTreeMap<String, (Vec<u8>, u32)> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.insert(name, (std::fs::read(&path).unwrap(), mode));
            }
        }
    }
    files
}

#[test]
fn rendering_is_repeatable_and_private() {
    let inventory = TestInventory::new();
    let homestead = Homestead::on(&inventory);
    homestead.run(&["render", "--out", "one"]).exits(0);
    homestead.run(&["render", "--out", "two"]).exits(0);
    let (one, two) = (tree(&inventory.path("one")), tree(&inventory.path("two")));
    assert_eq!(one, two);
    let listing = homestead.run(&["render", "--out", "one"]).exits(0);
    assert_eq!(tree(&inventory.path("one")), one, "{}", listing.text());

    let manifest: serde_json::Value = serde_json::from_slice(&one[&format!("{HOST}/manifest.json")].0).unwrap();
    assert_eq!(manifest["version"], 1);
    let entries = manifest["files"].as_array().unwrap();
    let listed = |kind: &str| entries.iter().filter(|entry| entry["type"] == kind).map(|entry| entry["path"].as_str().unwrap());
    for path in one.keys().filter(|path| !path.ends_with("manifest.json")) {
        let path = path.strip_prefix(HOST).unwrap();
        assert!(listed("file").any(|listed| listed == path), "{path} is not in the manifest");
    }
    assert!(listed("directory").any(|path| path == "/matrix/synapse/config"), "{manifest:#}");
    let secret = entries.iter().find(|entry| entry["path"] == "/matrix/synapse/config/homeserver.yaml").unwrap();
    assert_eq!((&secret["secret"], &secret["mode"], &secret["format"]), (&true.into(), &"0640".into(), &"yaml".into()));
    let modes: BTreeMap<&str, u32> = one.iter().map(|(path, (_, mode))| (path.as_str(), *mode)).collect();
    assert!(modes.iter().all(|(path, mode)| *mode == 0o600 || path.ends_with("manifest.json")), "{modes:#?}");

    // A second rendering over wider modes narrows them.
    let config = inventory.path(&format!("one/{HOST}/matrix/synapse/config/homeserver.yaml"));
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o644)).unwrap();
    homestead.run(&["render", "--out", "one"]).exits(0);
    assert_eq!(std::fs::metadata(&config).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn facts_must_be_an_object() {
    let inventory = TestInventory::new();
    inventory.write("facts.json", "[]");
    let homestead = Homestead::on(&inventory);
    assert_snapshot!(homestead.run(&["render", "--facts", "facts.json", "--out", "out"]).text(), @"");
    assert_snapshot!(homestead.run(&["render", "--facts", "absent.json", "--out", "out"]).text(), @"");
}

#[test]
fn a_secret_variable_is_explained_without_its_value() {
    let inventory = TestInventory::new();
    let secret = "test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9";
    let homestead = Homestead::on(&inventory).guarding(&[secret.to_owned()]);
    assert_snapshot!(homestead.run(&["vars", "matrix_homeserver_generic_secret_key"]).text(), @"");
    assert_snapshot!(homestead.run(&["vars", "matrix_homeserver_generic_secret_key", "--reveal"]).text(), @"");
    // What derives from a secret is one.
    let derived = homestead.run(&["vars", "matrix_synapse_macaroon_secret_key"]).exits(0);
    let value = homestead.run(&["vars", "matrix_synapse_macaroon_secret_key", "--json", "--reveal"]).exits(0).json();
    let value = value["variables"]["matrix_synapse_macaroon_secret_key"]["value"].as_str().unwrap().to_owned();
    assert_eq!(value.len(), 36, "{value}");
    derived.shows_none_of(&[value]);
    homestead.run(&["vars"]).exits(0);
    homestead.run(&["vars", "--json"]).exits(0);

    inventory.append("my_note: \"key {{ matrix_homeserver_generic_secret_key }}\"\n");
    assert_snapshot!(homestead.run(&["vars", "my_note"]).text(), @"");
}

#[test]
fn an_overridden_variable_is_explained() {
    let inventory = TestInventory::new();
    inventory.write("inventory/group_vars/matrix_servers.yml", "matrix_client_element_brand: Group's\n");
    inventory.set("matrix_client_element_brand", "\"{{ matrix_domain }}'s\"");
    assert_snapshot!(Homestead::on(&inventory).run(&["vars", "matrix_client_element_brand"]).text(), @"");
    assert_snapshot!(Homestead::on(&inventory).run(&["-e", "matrix_client_element_brand=Mine", "vars", "matrix_client_element_brand"]).text(), @"");
}

#[test]
fn a_new_host_has_an_inventory_that_is_right() {
    let inventory = TestInventory::new();
    std::fs::remove_dir_all(inventory.path("inventory")).unwrap();
    let homestead = Homestead::on(&inventory);
    let added = homestead.run(&["add-inventory-host", "example.net", "192.0.2.7"]);
    assert_snapshot!(added.text(), @"");
    assert_snapshot!(inventory.read("inventory/hosts"), @"");
    homestead.run(&["check"]).exits(0);
    homestead.run(&["render", "--out", "out"]).exits(0);

    let vars = "inventory/host_vars/matrix.example.net/vars.yml";
    assert_eq!(std::fs::metadata(inventory.path(vars)).unwrap().permissions().mode() & 0o777, 0o600);
    let first = inventory.read(vars);
    let again = homestead.run(&["add-inventory-host", "example.net", "192.0.2.7"]);
    assert_snapshot!(again.text(), @"");
    assert_eq!(inventory.read(vars), first);
    assert_snapshot!(homestead.run(&["add-inventory-host", "matrix.example.org", "192.0.2.8"]).text(), @"");

    homestead.run(&["add-inventory-host", "example.org", "192.0.2.8"]).exits(0);
    homestead.run(&["check"]).exits(0);
    let second = inventory.read("inventory/host_vars/matrix.example.org/vars.yml");
    let secrets = |text: &str| -> Vec<String> { text.lines().filter(|line| line.contains('\'')).map(str::to_owned).collect() };
    let long = |secrets: Vec<String>| -> Vec<String> { secrets.into_iter().filter(|line| line.len() > 60).collect() };
    let (first, second) = (long(secrets(&first)), long(secrets(&second)));
    assert!(first.len() >= 3 && first.iter().all(|line| !second.contains(line)), "{first:#?} {second:#?}");
}
