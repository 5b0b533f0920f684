//! MAS beside its homeserver: who may hand logins over, and what stays while users move.

use insta::assert_snapshot;
use serde_json::json;

use crate::common::{Homestead, Rendered, TestInventory};
use crate::{MAS, refused, with};

#[test]
fn only_synapse_can_hand_its_logins_over() {
    for other in ["dendrite", "conduit", "conduwuit", "continuwuity"] {
        let outcome = Homestead::on(&with(&format!("matrix_homeserver_implementation: {other}\n"))).run(&["install-all"]).exits(3);
        assert!(outcome.stderr.contains("error[H0332]: Matrix Authentication Service works with Synapse only"), "{}", outcome.text());
    }
}

#[test]
fn password_providers_beside_mas_are_refused_by_name() {
    let all = ["rest_auth", "shared_secret_auth", "ldap"];
    let lines: String = all.iter().map(|name| format!("matrix_synapse_ext_password_provider_{name}_enabled: true\n")).collect();
    let outcome = Homestead::on(&with(&lines)).run(&["install-all"]).exits(3);
    for name in ["(rest-auth) do not work", "(shared-secret-auth) do not work", "checked by LDAP do not work"] {
        assert!(outcome.stderr.contains(name), "{name}: {}", outcome.text());
    }
    for name in all {
        assert!(
            outcome.stderr.contains(&format!("| matrix_synapse_ext_password_provider_{name}_enabled: true")),
            "{name}: {}",
            outcome.text()
        );
    }
}

#[test]
fn while_users_move_synapse_keeps_its_logins() {
    let inventory = TestInventory::new();
    let settled = Rendered::of(&inventory).yaml("/matrix/synapse/config/homeserver.yaml");
    assert_eq!(settled["matrix_authentication_service"]["enabled"], true);
    assert_eq!(
        (&settled["password_config"]["enabled"], &settled["experimental_features"]["msc4108_enabled"]),
        (&json!(false), &json!(true))
    );

    inventory.set("matrix_authentication_service_migration_in_progress", "true");
    let rendered = Rendered::of(&inventory);
    let moving = rendered.yaml("/matrix/synapse/config/homeserver.yaml");
    assert!(moving.get("matrix_authentication_service").is_none_or(|section| section["enabled"] == false), "{moving:#}");
    assert_eq!(moving["password_config"]["enabled"], true);
    assert_ne!(moving["experimental_features"]["msc4108_enabled"], json!(true));
    let labels = rendered.text("/matrix/matrix-authentication-service/config/labels");
    assert!(labels.contains("routers.matrix-authentication-service.rule=") && !labels.contains("compatibility-layer"), "{labels}");
    assert!(rendered.units().contains(&MAS));

    inventory.unset("matrix_authentication_service_migration_in_progress");
    assert_eq!(Rendered::of(&inventory).yaml("/matrix/synapse/config/homeserver.yaml"), settled);
}

#[test]
fn a_homeserver_elsewhere_leaves_mas_alone() {
    let lines = "matrix_homeserver_enabled: false\nmatrix_client_element_enabled: false\n";
    assert_snapshot!(refused(lines), @"
    error[H0332]: `matrix_authentication_service_config_matrix_endpoint` is not set; it is computed from `matrix_homeserver_enabled`
     --> vars.yml:8:1
      = help: an address at which MAS reaches the homeserver, like `http://matrix-synapse:8008`
    ");
    let inventory = with(&format!(
        "{lines}matrix_authentication_service_config_matrix_endpoint: https://synapse.example.net:8448/
matrix_authentication_service_config_matrix_homeserver: example.net
matrix_authentication_service_config_matrix_secret: test-only-shared
"
    ));
    let rendered = Rendered::of(&inventory);
    let matrix = json!({"homeserver": "example.net", "endpoint": "https://synapse.example.net:8448/", "secret": "test-only-shared"});
    assert_eq!(rendered.mas()["matrix"], matrix);
    assert!(!rendered.files().iter().any(|path| path.contains("synapse")), "{:?}", rendered.files());
    assert!(!rendered.unit(MAS).contains("synapse"), "{}", rendered.unit(MAS));
    // Here the section may come from a fragment too: nothing else decides about it.
    let inventory = with(&format!(
        "{lines}matrix_authentication_service_configuration_fragments:
  homeserver: {{matrix: {{homeserver: example.net, endpoint: 'https://synapse.example.net:8448/', secret: test-only-shared}}}}
"
    ));
    assert_eq!(Rendered::of(&inventory).mas()["matrix"], matrix);
}
