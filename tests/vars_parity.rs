//! What Ansible made of the inventories in `../shared/parity`, and what we make of them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, says when it is skipped, and needs the clock and the environment"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use common::{same, shared};
use homestead::diagnostic::Span;
use homestead::inventory::layers::{Layer, LayerKind, Variable};
use homestead::inventory::node::{Node, Value as Written};
use homestead::inventory::vault::VaultPasswords;
use homestead::inventory::yaml;
use homestead::pipeline::{self, HostFacts, Loaded, Sources};
use homestead::secret::Secret;
use homestead::vars::{Context, Randomness, Variables};
use serde_json::{Value as Json, json};

struct Bytes;

impl Randomness for Bytes {
    fn fill(&self, buffer: &mut [u8]) {
        rand::fill(buffer);
    }
}

fn read_json(path: &Utf8Path) -> Json {
    serde_json::from_str(&fs_err::read_to_string(path).unwrap()).unwrap()
}

/// Plain data as a value that is never templated.
fn node(json: &Json, span: &Span) -> Node {
    let value = match json {
        Json::Null => Written::Null,
        Json::Bool(value) => Written::Bool(*value),
        Json::Number(number) => {
            number.as_i64().map_or_else(|| Written::Float(number.as_f64().unwrap()), |number| Written::Int(number.into()))
        }
        Json::String(text) => Written::Unsafe(text.clone()),
        Json::Array(items) => Written::List(items.iter().map(|item| node(item, span)).collect()),
        Json::Object(entries) => Written::Map(
            entries.iter().map(|(key, value)| (Node::new(Written::Unsafe(key.clone()), span.clone()), node(value, span))).collect(),
        ),
    };
    Node::new(value, span.clone())
}

fn layer(kind: LayerKind, name: &str, variables: Vec<Variable>) -> Layer {
    Layer { kind, name: name.to_owned(), variables }
}

/// The variables of a case. What its own file does not define, and the playbook's roles did, is
/// taken from the result.
fn variables(case: &Utf8Path, resolved: &Json) -> (Variables, BTreeSet<String>) {
    let path = case.join("vars.yml");
    let text = fs_err::read_to_string(&path).unwrap();
    let mut passwords = VaultPasswords::default();
    if let Ok(password) = fs_err::read_to_string(case.join("vault-pass")) {
        passwords.add(None, &Secret::new(password.trim().to_owned()));
    }
    let (document, _) = yaml::read(&text, path.as_str()).unwrap();
    let mut document = document.unwrap();
    let mut findings = Vec::new();
    passwords.open_all(&mut document, &mut findings);
    assert!(findings.is_empty(), "{findings:?}");
    let Written::Map(entries) = document.value else { panic!("no mapping") };
    let own: Vec<Variable> =
        entries.into_iter().map(|(key, value)| Variable { name: key.as_text().unwrap().to_owned(), name_span: key.span, value }).collect();
    let names: BTreeSet<String> = own.iter().map(|variable| variable.name.clone()).collect();
    let span = Span::whole("roles");
    let mut defaults = Vec::new();
    for (role, values) in resolved.as_object().unwrap() {
        for (name, value) in values.as_object().unwrap() {
            if role != "host_vars" && value.get("__error__").is_none() {
                defaults.push(Variable { name: name.clone(), name_span: span.clone(), value: node(value, &span) });
            }
        }
    }
    let here = [
        ("ansible_host", json!("matrix.example.com")),
        ("ansible_port", json!(22)),
        ("matrix_playbook_docker_installation_enabled", json!(false)),
        ("matrix_playbook_migration_expected_version", json!("v2026.05.18.0")),
    ];
    let hosts = here
        .into_iter()
        .map(|(name, value)| Variable { name: name.to_owned(), name_span: span.clone(), value: node(&value, &span) })
        .collect();
    let layers = vec![
        layer(LayerKind::RoleDefaults, "all", defaults),
        layer(LayerKind::HostVarsInHosts, "hosts", hosts),
        layer(LayerKind::HostVars, path.as_str(), own),
    ];
    let mut context = Context::new("matrix.example.com");
    let facts = read_json(&case.join("facts.json"));
    context.facts.clone_from(facts.as_object().unwrap());
    let magic = json!({
        "groups": {"all": ["matrix.example.com"], "matrix_servers": ["matrix.example.com"], "ungrouped": []},
        "group_names": ["matrix_servers"],
        "inventory_dir": case.as_str(),
        "playbook_dir": "/playbook",
        "ansible_run_tags": ["all"],
    });
    context.magic.clone_from(magic.as_object().unwrap());
    context.base_directory = case.to_owned();
    context.environment = [("HOME".to_owned(), "/root".to_owned()), ("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into();
    context.now = SystemTime::now();
    context.random = Arc::new(Bytes);
    (Variables::new(layers, context), names)
}

/// Copies a case, because lookups write password files.
fn copied(case: &Utf8Path, folder: &Utf8Path) {
    fs_err::create_dir_all(folder).unwrap();
    for entry in case.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let to = folder.join(entry.file_name());
        if entry.path().is_dir() {
            copied(entry.path(), &to);
        } else {
            fs_err::copy(entry.path(), to).unwrap();
        }
    }
}

/// What differs in a case, one line a variable.
fn differences(name: &str, exceptions: &[&str]) -> Option<Vec<String>> {
    let source = Utf8PathBuf::from_path_buf(shared(&format!("parity/{name}"))?).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let case = Utf8Path::from_path(folder.path()).unwrap().join(name);
    copied(&source, &case);
    // Python writes `Infinity`, which is no JSON.
    let text = fs_err::read_to_string(case.join("resolved.json")).unwrap().replace(": Infinity", ": \"inf\"");
    let resolved: Json = serde_json::from_str(&text).unwrap();
    let (variables, own) = variables(&case, &resolved);
    let (mut equal, mut lines) = (0, Vec::new());
    for (role, values) in resolved.as_object().unwrap() {
        for (variable, want) in values.as_object().unwrap() {
            if role != "host_vars" && !own.contains(variable) {
                continue;
            }
            let have = variables.get(variable);
            let fits = match (&have, want.get("__error__").is_some()) {
                (Ok(have), false) => same(want, &have.value),
                (Err(_), true) => true,
                _ => false,
            };
            if fits || exceptions.contains(&variable.as_str()) {
                equal += usize::from(fits);
                continue;
            }
            lines.push(format!(
                "{variable}:\n  want {want}\n  have {}",
                have.map_or_else(|error| format!("error {error}"), |have| have.value.to_string())
            ));
        }
    }
    println!("{name}: {equal} equal, {} differ", lines.len());
    Some(lines)
}

/// Named in `docs/decisions.md`.
const EXCEPTIONS: &[&str] = &[
    // JSON numbers have 64 bits here; the YAML reader keeps longer ones as text.
    "p_bigint",
    // Refused, with what to write instead.
    "p_json_query",
    // The record was made with a line `p: =` in `p_yaml_src` that the case does not have.
    "p_yaml_src",
    "p_from_yaml_ml",
    "p_nice_yaml_types",
];

#[test]
fn the_probes_are_what_ansible_makes_of_them() {
    if let Some(lines) = differences("probes", EXCEPTIONS) {
        assert!(lines.is_empty(), "{} differ:\n{}", lines.len(), lines.join("\n"));
    }
}

#[test]
fn a_long_time_users_file_is_what_ansible_makes_of_it() {
    if let Some(lines) = differences("jinja", EXCEPTIONS) {
        assert!(lines.is_empty(), "{} differ:\n{}", lines.len(), lines.join("\n"));
    }
}

/// What the variables of our roles are for a case, through the whole pipeline.
fn of_roles(case: &Utf8Path, folder: &Utf8Path) -> Variables {
    let inventory = folder.join("inventory");
    copied(case, &inventory);
    fs_err::write(inventory.join("hosts"), "[matrix_servers]\nmatrix.example.com\n").unwrap();
    fs_err::create_dir_all(inventory.join("host_vars/matrix.example.com")).unwrap();
    fs_err::rename(inventory.join("vars.yml"), inventory.join("host_vars/matrix.example.com/vars.yml")).unwrap();
    let mut vault = VaultPasswords::default();
    if let Ok(password) = fs_err::read_to_string(case.join("vault-pass")) {
        vault.add(None, &Secret::new(password));
    }
    // The machine that was measured had no IPv6.
    let extra = [r#"{"matrix_user_uid": 999, "matrix_user_gid": 997, "devture_systemd_docker_base_ipv6_enabled": false}"#];
    let sources = Sources {
        inventory: vec![inventory.join("hosts")],
        extra_vars: extra.map(str::to_owned).to_vec(),
        limit: None,
        roles_dir: None,
        vault,
        environment: BTreeMap::from([("HOME".to_owned(), "/root".to_owned()), ("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        now: SystemTime::now(),
        run: String::new(),
        lock_wait: Duration::ZERO,
    };
    let loaded = Loaded::read(&sources).unwrap();
    let facts = read_json(&case.join("facts.json")).as_object().unwrap().clone();
    pipeline::variables(&loaded, "matrix.example.com", &HostFacts::given(facts), &[]).unwrap()
}

/// The meaning of a role's variable: texts that are whole files are YAML of our own wording, what Ansible computes as a
/// set has another order in each run of Python, and what has to restart is known to a plan alone.
fn meaning(name: &str, value: &Json) -> Json {
    match value {
        Json::String(text) if name.ends_with("_yaml") => {
            let (node, _) = yaml::read(text, name).unwrap();
            let node = node.filter(|node| !matches!(&node.value, Written::Map(entries) if entries.is_empty()));
            node.map_or(Json::Null, |node| meaning_of(&node))
        }
        Json::Array(items) if name.ends_with("_endpoints") || name.ends_with("_locations") => {
            let mut items: Vec<String> = items.iter().map(Json::to_string).collect();
            items.sort();
            json!(items)
        }
        Json::Array(items) if name.starts_with("devture_systemd_service_manager_services_list") => {
            let mut items = items.clone();
            items.iter_mut().for_each(|item| drop(item.as_object_mut().unwrap().remove("restart_necessary")));
            Json::Array(items)
        }
        other => other.clone(),
    }
}

fn meaning_of(node: &Node) -> Json {
    homestead::desired::meaning::from_node(node)
}

/// Named in `docs/decisions.md`, with what holds them.
const ROLE_EXCEPTIONS: &[&str] = &[
    "traefik_systemd_healthcheck_command",
    "matrix_authentication_service_config_http_trusted_proxies",
    "matrix_authentication_service_configuration",
    "matrix_authentication_service_configuration_yaml",
];
/// The same, while accounts are being moved.
const ROLE_EXCEPTIONS_MIGRATING: &[&str] =
    &["matrix_synapse_password_config_enabled", "matrix_synapse_configuration", "matrix_synapse_configuration_yaml"];

#[test]
fn the_variables_of_our_roles_are_what_ansible_makes_of_them() {
    let mut lines = Vec::new();
    for case in ["plain", "mas-new", "mas-migrating", "mas-upstream", "jinja"] {
        let Some(source) = shared(&format!("parity/{case}")) else { return };
        let source = Utf8PathBuf::from_path_buf(source).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let variables = of_roles(&source, Utf8Path::from_path(folder.path()).unwrap());
        let text = fs_err::read_to_string(source.join("resolved.json")).unwrap().replace(": Infinity", ": \"inf\"");
        let resolved: Json = serde_json::from_str(&text).unwrap();
        let (mut equal, mut all) = (0, 0);
        for (role, values) in resolved.as_object().unwrap() {
            for (name, want) in values.as_object().unwrap() {
                let ours = variables
                    .definition(name)
                    .is_some_and(|definition| definition.role.is_some() || definition.overrides.iter().any(|weaker| weaker.role.is_some()));
                if !ours {
                    continue;
                }
                all += 1;
                let have = variables.get(name);
                let fits = match (&have, want.get("__error__").is_some()) {
                    (Ok(have), false) => same(&meaning(name, want), &meaning(name, &have.value)),
                    (Err(_), true) => true,
                    _ => false,
                };
                equal += usize::from(fits);
                let excepted = ROLE_EXCEPTIONS.contains(&name.as_str())
                    || case == "mas-migrating" && ROLE_EXCEPTIONS_MIGRATING.contains(&name.as_str());
                if !fits && !excepted {
                    let have = have.map_or_else(|error| format!("error {error}"), |have| have.value.to_string());
                    lines.push(format!("{case} {role} {name}:\n  want {want}\n  have {have}"));
                }
            }
        }
        println!("{case}: {equal} of {all} variables of our roles are equal");
    }
    assert!(lines.is_empty(), "{} differ:\n{}", lines.len(), lines.join("\n"));
}
