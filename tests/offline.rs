//! What homestead does without a host: render, explain variables.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use common::{HOST, Homestead, TestInventory};
use insta::assert_snapshot;

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
    let listed = |kind: &str, path: &str| entries.iter().any(|entry| entry["type"] == kind && entry["path"] == path);
    for path in one.keys().filter(|path| !path.ends_with("manifest.json")) {
        let path = path.strip_prefix(HOST).unwrap();
        assert!(listed("file", path), "{path} is not in the manifest");
    }
    assert!(listed("directory", "/matrix/synapse/config"), "{manifest:#}");
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
fn a_secret_variable_is_explained_without_its_value() {
    let inventory = TestInventory::new();
    let secret = "test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9";
    let homestead = Homestead::on(&inventory).guarding(&[secret.to_owned()]);
    assert_snapshot!(homestead.run(&["vars", "matrix_homeserver_generic_secret_key"]).text(), @"
    $ homestead vars matrix_homeserver_generic_secret_key
    -- stdout
    Secret that the secrets of the services are derived from; never change it on a server with data.
    (role matrix-base; text)

    matrix_homeserver_generic_secret_key: [redacted]
      set in inventory/host_vars/matrix.example.com/vars.yml:4:1 (inventory/host_vars/matrix.example.com/vars.yml)
      over roles/matrix-base/defaults.yml:16:1 (matrix-base)
    -- exit code 0
    ");
    assert_snapshot!(homestead.run(&["vars", "matrix_homeserver_generic_secret_key", "--reveal"]).text(), @r#"
    $ homestead vars matrix_homeserver_generic_secret_key --reveal
    -- stdout
    Secret that the secrets of the services are derived from; never change it on a server with data.
    (role matrix-base; text)

    matrix_homeserver_generic_secret_key: "test-only-Ahng3Oon5ieXohng0ahTh7aeshaiHoo9"
      set in inventory/host_vars/matrix.example.com/vars.yml:4:1 (inventory/host_vars/matrix.example.com/vars.yml)
      over roles/matrix-base/defaults.yml:16:1 (matrix-base)
    -- exit code 0
    "#);
    // What derives from a secret is one.
    let derived = homestead.run(&["vars", "matrix_synapse_macaroon_secret_key"]).exits(0);
    let value = homestead.run(&["vars", "matrix_synapse_macaroon_secret_key", "--json", "--reveal"]).exits(0).json();
    let value = value["variables"]["matrix_synapse_macaroon_secret_key"]["value"].as_str().unwrap().to_owned();
    assert_eq!(value.len(), 36, "{value}");
    derived.shows_none_of(&[value]);
    homestead.run(&["vars"]).exits(0);
    homestead.run(&["vars", "--json"]).exits(0);

    inventory.append("my_note: \"key {{ matrix_homeserver_generic_secret_key }}\"\n");
    assert_snapshot!(homestead.run(&["vars", "my_note"]).text(), @"
    $ homestead vars my_note
    -- stdout
    my_note: [redacted]
      from the expression
        [redacted]
      set in inventory/host_vars/matrix.example.com/vars.yml:8:1 (inventory/host_vars/matrix.example.com/vars.yml)
      computed from
        matrix_homeserver_generic_secret_key: [redacted]
    -- exit code 0
    ");
}

#[test]
fn an_overridden_variable_is_explained() {
    let inventory = TestInventory::new();
    inventory.write("inventory/group_vars/matrix_servers.yml", "matrix_client_element_brand: Group's\n");
    inventory.set("matrix_client_element_brand", "\"{{ matrix_domain }}'s\"");
    assert_snapshot!(Homestead::on(&inventory).run(&["vars", "matrix_client_element_brand"]).text(), @r#"
    $ homestead vars matrix_client_element_brand
    -- stdout
    Name of the application.
    (role matrix-client-element; text)

    matrix_client_element_brand: "example.com's"
      from the expression
        {{ matrix_domain }}'s
      set in inventory/host_vars/matrix.example.com/vars.yml:8:1 (inventory/host_vars/matrix.example.com/vars.yml)
      over inventory/group_vars/matrix_servers.yml:1:1 (inventory/group_vars/matrix_servers.yml)
      over roles/matrix-client-element/defaults.yml:206:1 (matrix-client-element)
      computed from
        matrix_domain: "example.com"
    -- exit code 0
    "#);
    assert_snapshot!(Homestead::on(&inventory).run(&["-e", "matrix_client_element_brand=Mine", "vars", "matrix_client_element_brand"]).text(), @r#"
    $ homestead -e matrix_client_element_brand=Mine vars matrix_client_element_brand
    -- stdout
    Name of the application.
    (role matrix-client-element; text)

    matrix_client_element_brand: "Mine"
      set in -e:1:1 (-e)
      over inventory/host_vars/matrix.example.com/vars.yml:8:1 (inventory/host_vars/matrix.example.com/vars.yml)
      over inventory/group_vars/matrix_servers.yml:1:1 (inventory/group_vars/matrix_servers.yml)
      over roles/matrix-client-element/defaults.yml:206:1 (matrix-client-element)
    -- exit code 0
    "#);
}

#[test]
fn variables_are_listed_by_role_pattern_and_who_set_them() {
    let inventory = TestInventory::new();
    inventory.append("my_note: 1\n");
    let homestead = Homestead::on(&inventory);
    assert_snapshot!(homestead.run(&["vars", "--set-by-user"]).text(), @r#"
    $ homestead vars --set-by-user
    -- stdout
    ansible_host: "192.0.2.1"
    ansible_ssh_user: "root"
    matrix_authentication_service_config_secrets_encryption: [redacted]
    matrix_authentication_service_enabled: true
    matrix_domain: "example.com"
    matrix_homeserver_generic_secret_key: [redacted]
    matrix_playbook_reverse_proxy_type: "playbook-managed-traefik"
    my_note: 1
    postgres_connection_password: [redacted]
    -- exit code 0
    "#);
    assert_snapshot!(homestead.run(&["vars", "matrix_synapse_*_port", "--role", "synapse"]).text(), @r#"
    $ homestead vars matrix_synapse_*_port --role synapse
    -- stdout
    matrix_synapse_container_client_api_host_bind_port: ""
    matrix_synapse_container_client_api_port: 8008
    matrix_synapse_container_federation_api_plain_host_bind_port: ""
    matrix_synapse_container_federation_api_plain_port: 8048
    matrix_synapse_container_federation_api_tls_host_bind_port: ""
    matrix_synapse_container_federation_api_tls_port: 8448
    matrix_synapse_container_manhole_api_host_bind_port: ""
    matrix_synapse_container_metrics_api_host_bind_port: ""
    matrix_synapse_database_port: 5432
    matrix_synapse_email_smtp_port: 8025
    matrix_synapse_metrics_port: 9100
    matrix_synapse_redis_port: 6379
    matrix_synapse_replication_http_port: 9093
    matrix_synapse_reverse_proxy_companion_access_log_syslog_integration_server_port: "matrix-prometheus-nginxlog-exporter:6514"
    matrix_synapse_reverse_proxy_companion_container_client_api_host_bind_port: ""
    matrix_synapse_reverse_proxy_companion_container_federation_api_host_bind_port: ""
    -- exit code 0
    "#);
    assert_snapshot!(homestead.run(&["vars", "--role", "synaps"]).text(), @"
    $ homestead vars --role synaps
    -- stderr
    error: there is no role `synaps`
    hint: the roles are aux, container-socket-proxy, docker, exim-relay, matrix-authentication-service, matrix-base, matrix-client-element, matrix-static-files, matrix-synapse, matrix-user-creator, postgres, systemd-docker-base, systemd-service-manager, traefik-certs-dumper, traefik, valkey
    -- exit code 1
    ");
    assert_snapshot!(homestead.run(&["vars", "matrix_nothing_*"]).text(), @"
    $ homestead vars matrix_nothing_*
    -- stderr
    error: no variable fits `matrix_nothing_*`
    -- exit code 1
    ");
    let shown = homestead.run(&["vars", "matrix_authentication_service_config_email_mode", "--json"]).text();
    let shown = regex::Regex::new(r#""line": \d+"#).unwrap().replace_all(&shown, "\"line\": N").into_owned();
    assert_snapshot!(shown, @r#"
    $ homestead vars matrix_authentication_service_config_email_mode --json
    -- stdout
    {
      "version": 1,
      "variables": {
        "matrix_authentication_service_config_email_mode": {
          "role": "matrix-authentication-service",
          "origin": {
            "layer": "wiring",
            "file": "roles/wiring.yml",
            "line": N,
            "column": 1
          },
          "description": "Encryption of the SMTP connection: `plain`, `tls` or `starttls`.",
          "type": "text",
          "one_of": [
            "plain",
            "tls",
            "starttls"
          ],
          "overrides": [
            {
              "layer": "matrix-authentication-service",
              "file": "roles/matrix-authentication-service/defaults.yml",
              "line": N,
              "column": 1
            }
          ],
          "computed_from": [],
          "expression": null,
          "value": "plain"
        }
      }
    }
    -- exit code 0
    "#);
}

#[test]
fn the_reference_of_variables_is_not_stale() {
    let inventory = TestInventory::new();
    let made = homestead_docs(&inventory);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/variables.md");
    assert!(std::fs::read_to_string(path).unwrap_or_default() == made, "docs/variables.md is stale: run `just docs`");
    // GitHub shows no larger file, and no longer line is readable.
    assert!(made.len() < 500_000);
    let longest = made.lines().map(str::len).max().unwrap();
    assert!(longest < 700, "{longest}");
}

fn homestead_docs(inventory: &TestInventory) -> String {
    Homestead::on(inventory).run(&["vars", "--docs"]).exits(0).stdout
}
