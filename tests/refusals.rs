//! What homestead does not do, it refuses before anything is touched.

mod common;

use common::{Homestead, TestInventory};
use insta::assert_snapshot;

#[test]
fn a_component_that_we_do_not_have_is_not_passed_over() {
    let inventory = TestInventory::new();
    inventory.append("matrix_mautrix_signal_enabled: true\nmatrix_hookshot_enabled: false\n");
    let output = Homestead::on(&inventory).run(&["plan"]);
    let text = output.text();
    assert!(text.contains("error[H0334]: `matrix_mautrix_signal_enabled` switches on something that homestead does not have"), "{text}");
    assert!(text.contains("vars.yml:") && !text.contains("hookshot"), "{text}");
    assert!(text.contains("-- exit code 3"), "{text}");
}

#[test]
fn check_mode_does_nothing_that_it_cannot_only_show() {
    let inventory = TestInventory::new();
    assert_snapshot!(Homestead::on(&inventory).run(&["run-tags", "-C", "install-all,stop-all"]).text(), @"
    $ homestead run-tags -C install-all,stop-all
    -- stderr
    error: `stop-all` has no `--check`: it would be done
    hint: leave it out, or leave out `--check`
    -- exit code 1
    ");
}

#[test]
fn a_limit_outside_of_the_group_selects_nothing() {
    let inventory = TestInventory::new();
    let text = Homestead::on(&inventory).run(&["check", "--limit", "!matrix_servers:!all"]).text();
    assert!(text.contains("selects no host") && text.contains("-- exit code 1"), "{text}");
}

/// What Synapse refuses beside Matrix Authentication Service (`synapse/config/mas.py`), as users write it,
/// and what the refusal names. Each would have stopped Synapse on the host.
const BESIDE_MAS: &[(&str, &str)] = &[
    ("matrix_synapse_password_config_enabled: true", "cannot take passwords itself"),
    ("matrix_synapse_enable_registration: true", "cannot register users itself"),
    ("matrix_synapse_enable_registration_captcha: true", "cannot ask for a captcha"),
    (
        "matrix_synapse_oidc_enabled: true\nmatrix_synapse_oidc_providers: [{idp_id: x, issuer: y, client_id: z}]",
        "OpenID Connect providers",
    ),
    ("matrix_synapse_cas_config_enabled: true", "cannot use CAS"),
    ("matrix_synapse_ext_password_provider_rest_auth_enabled: true", "(rest-auth) do not work"),
    ("matrix_synapse_ext_password_provider_shared_secret_auth_enabled: true", "(shared-secret-auth) do not work"),
    ("matrix_synapse_ext_password_provider_ldap_enabled: true", "checked by LDAP do not work"),
    (
        "matrix_synapse_modules: [{module: shared_secret_authenticator.SharedSecretAuthProvider, config: {}}]",
        "a module that checks passwords",
    ),
    ("matrix_synapse_configuration_extension_yaml: 'password_config: {enabled: only_for_reauth}'", "cannot take passwords itself"),
    ("matrix_synapse_configuration_extension_yaml: 'saml2_config: {sp_config: {metadata: {}}}'", "cannot use SAML"),
    ("matrix_synapse_configuration_extension_yaml: 'jwt_config: {enabled: true}'", "cannot use JSON web tokens"),
    ("matrix_synapse_configuration_extension_yaml: 'password_providers: [{module: x.Y, config: {}}]'", "cannot use password_providers"),
    ("matrix_synapse_configuration_extension_yaml: 'user_consent: {version: 1}'", "cannot ask for consent"),
    ("matrix_synapse_configuration_extension_yaml: 'login_via_existing_session: {enabled: true}'", "login_via_existing_session"),
    ("matrix_synapse_configuration_extension_yaml: 'session_lifetime: 24h'", "session_lifetime"),
    ("matrix_synapse_configuration_extension_yaml: 'refresh_token_lifetime: 24h'", "refresh_token_lifetime"),
    ("matrix_synapse_configuration_extension_yaml: 'nonrefreshable_access_token_lifetime: 24h'", "nonrefreshable_access_token_lifetime"),
    ("matrix_synapse_configuration_extension_yaml: 'enable_3pid_changes: true'", "enable_3pid_changes"),
    ("matrix_synapse_configuration_extension_yaml: 'experimental_features: {msc3861: {enabled: false}}'", "msc3861"),
    ("matrix_synapse_configuration_extension_yaml: 'matrix_authentication_service: {enabled: \"yes\"}'", "must be true (not text)"),
    ("matrix_synapse_configuration_extension_yaml: 'matrix_authentication_service: {secret_path: /x}'", "exactly one of"),
    ("matrix_synapse_matrix_authentication_service_secret: ''", "`matrix_synapse_matrix_authentication_service_secret` is not set"),
];

#[test]
fn what_synapse_refuses_beside_mas_is_refused_by_name_and_place() {
    let inventory = TestInventory::new();
    Homestead::on(&inventory).run(&["check"]).exits(0);
    for (setting, expected) in BESIDE_MAS {
        let inventory = TestInventory::new();
        inventory.append(&format!("{setting}\n"));
        let document = Homestead::on(&inventory).run(&["check", "--format", "json"]).exits(3).json();
        let errors: Vec<&serde_json::Value> =
            document["diagnostics"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error").collect();
        let named =
            errors.iter().any(|error| error["code"] == "H0332" && error["message"].as_str().is_some_and(|text| text.contains(expected)));
        assert!(named, "{setting}: {errors:#?}");
        assert!(errors.iter().all(|error| error["line"].as_u64() >= Some(8)), "{setting}: {errors:#?}");
    }
}
