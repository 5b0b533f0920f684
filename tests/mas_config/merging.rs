//! What is merged over the configuration, in which order, and what a merge cannot override.

use insta::assert_snapshot;
use serde_json::json;

use crate::common::{Homestead, Rendered};
use crate::{MAS, with};

#[test]
fn fragments_are_merged_by_name_and_the_extension_last() {
    let inventory = with(
        "matrix_authentication_service_configuration_fragments:
  20-second: |
    branding:
      service_name: Second
      tos_uri: https://example.com/tos
    experimental: {access_token_ttl: 600}
  10-first:
    branding: {service_name: First, imprint: 'First {{ matrix_domain }}'}
    http: {trusted_proxies: [10.0.0.0/8]}
  30-empty: ''
  40-file: \"{{ lookup('file', inventory_dir ~ '/files/more.yml') }}\"
matrix_authentication_service_configuration_extension_yaml: |
  experimental: {compat_token_ttl: 700}
  database: {max_connections: 25}
",
    );
    inventory.write("inventory/files/more.yml", "telemetry: {metrics: {exporter: prometheus}}\n");
    let mas = Rendered::of(&inventory).mas();
    assert_eq!(mas["branding"], json!({"service_name": "Second", "imprint": "First example.com", "tos_uri": "https://example.com/tos"}));
    assert_eq!(mas["experimental"], json!({"access_token_ttl": 600, "compat_token_ttl": 700}));
    assert_eq!(mas["http"]["trusted_proxies"], json!(["10.0.0.0/8"]));
    assert_eq!(mas["http"]["public_base"], "https://matrix.example.com/auth/");
    assert_eq!(mas["telemetry"], json!({"metrics": {"exporter": "prometheus"}}));
    // MDAD's extension may override anything, as it always could.
    assert_eq!((&mas["database"]["max_connections"], &mas["database"]["port"]), (&json!(25), &json!(5432)));
}

#[test]
fn a_fragment_cannot_override_what_the_deployment_decides() {
    let inventory = with(
        "matrix_authentication_service_configuration_fragments:
  10-inline:
    http:
      public_base: https://elsewhere.example.com/
      trusted_proxies: []
  20-text: |
    # A remark.
    branding: {service_name: Ours}
    secrets:
      keys: []
    matrix: {kind: synapse}
  30-file: \"{{ lookup('file', inventory_dir ~ '/files/more.yml') }}\"
  40-broken: |
    branding:
      service_name: 'open
",
    );
    inventory.write("inventory/files/more.yml", "---\nhttp:\n  listeners: []\n");
    assert_snapshot!(Homestead::on(&inventory).run(&["check"]).text(), @"
    $ homestead check
    -- stdout
    error[H0350]: in the fragment `10-inline`: `http.public_base` is set by the deployment and cannot be overridden here
      --> inventory/host_vars/matrix.example.com/vars.yml:11:7
       |
    11 |       public_base: [redacted]
       |       ^^^^^^^^^^^
       |
       = help: remove it; `homestead vars` lists the variables that decide about `http.public_base`

    error[H0350]: line 3 of the fragment `20-text`: `secrets` is set by the deployment and cannot be overridden here
      --> inventory/host_vars/matrix.example.com/vars.yml:16:5
       |
    16 |     secrets:
       |     ^^^^^^^
       |
       = help: remove it; `homestead vars` lists the variables that decide about `secrets`

    error[H0350]: line 5 of the fragment `20-text`: `matrix` is set by the deployment and cannot be overridden here
      --> inventory/host_vars/matrix.example.com/vars.yml:18:5
       |
    18 |     matrix: [redacted]
       |     ^^^^^^
       |
       = help: remove it; `homestead vars` lists the variables that decide about `matrix`

    error[H0350]: line 3 of the fragment `30-file`: `http.listeners` is set by the deployment and cannot be overridden here
      --> inventory/host_vars/matrix.example.com/vars.yml:19:12
       |
    19 |   30-file: [redacted]
       |            ^^^^^^^^^^
       |
       = help: remove it; `homestead vars` lists the variables that decide about `http.listeners`

    error[H0353]: line 3 of the fragment `40-broken`: this is not YAML: invalid indentation in multiline quoted scalar
      --> inventory/host_vars/matrix.example.com/vars.yml:23:5

    5 errors, 0 warnings
    -- exit code 3
    ");
}

#[test]
fn the_whole_configuration_and_the_container_can_be_replaced_and_extended() {
    let inventory = with(
        "matrix_authentication_service_configuration_yaml: |
  http: {public_base: 'https://matrix.example.com/auth/'}
  matrix: {homeserver: example.com, secret: mine}
  secrets: {encryption_file: /keys/encryption}
matrix_authentication_service_environment_variables_extension: |
  RUST_LOG=debug
matrix_authentication_service_container_extra_arguments: ['--memory=256m']
matrix_authentication_service_container_additional_networks_custom: [metrics]
matrix_authentication_service_container_labels_additional_labels: |
  my.label=1
matrix_authentication_service_container_labels_traefik_additional_response_headers_custom: {X-Test: 'yes'}
",
    );
    let rendered = Rendered::of(&inventory);
    assert_eq!(
        rendered.mas(),
        json!({
            "http": {"public_base": "https://matrix.example.com/auth/"},
            "matrix": {"homeserver": "example.com", "secret": "mine"},
            "secrets": {"encryption_file": "/keys/encryption"},
        })
    );
    assert_eq!(rendered.text("/matrix/matrix-authentication-service/config/env").trim(), "RUST_LOG=debug");
    assert!(rendered.unit(MAS).contains("    --memory=256m \\\n"));
    assert!(rendered.networks(MAS).contains(&"metrics".to_owned()));
    let labels = rendered.labels("matrix-authentication-service/config");
    assert_eq!(labels["my.label"], "1");
    assert_eq!(labels["traefik.http.middlewares.matrix-authentication-service-add-headers.headers.customresponseheaders.X-Test"], "yes");
}
