//! How MAS is reached: its addresses, keys, resources, and its admin API.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::common::{Homestead, Rendered, TestInventory};
use crate::{MAS, refused, with};

#[test]
fn where_it_is_served_decides_issuer_routes_and_account_page() {
    for (hostname, prefix, base) in [
        ("matrix.example.com", "/auth", "https://matrix.example.com/auth/"),
        ("mas.example.com", "/", "https://mas.example.com/"),
        ("element.example.com", "/account", "https://element.example.com/account/"),
    ] {
        let inventory =
            with(&format!("matrix_authentication_service_hostname: {hostname}\nmatrix_authentication_service_path_prefix: {prefix}\n"));
        let rendered = Rendered::of(&inventory);
        let http = rendered.mas()["http"].clone();
        assert_eq!((&http["public_base"], &http["issuer"]), (&json!(base), &json!(base)));
        assert_eq!(http["listeners"][0]["prefix"], prefix);
        let client = rendered.yaml("/matrix/static-files/public/.well-known/matrix/client");
        assert_eq!(client["org.matrix.msc2965.authentication"], json!({"issuer": base, "account": format!("{base}account")}));
        let labels = rendered.labels("matrix-authentication-service/config");
        let route = |name: &str| labels.get(&format!("traefik.http.{name}")).map(String::as_str);
        let slashless = route("middlewares.matrix-authentication-service-slashless-redirect.redirectregex.regex");
        let added = route("middlewares.matrix-authentication-service-add-prefix.addprefix.prefix");
        let compatibility = route("routers._internalmatrix-authentication-service-public-compatibility-layer.rule").unwrap();
        // The compatibility layer stays at the homeserver's name.
        assert!(compatibility.starts_with("Host(`matrix.example.com`) && PathRegexp("), "{compatibility}");
        if prefix == "/" {
            assert_eq!((slashless, added), (None, None));
            assert_eq!(route("routers.matrix-authentication-service.rule"), Some(format!("Host(`{hostname}`)").as_str()));
        } else {
            assert_eq!((slashless, added), (Some(format!("({prefix})$").as_str()), Some(prefix)));
        }
        let synapse = rendered.yaml("/matrix/synapse/config/homeserver.yaml");
        let inside =
            format!("http://matrix-authentication-service:8080{}", if prefix == "/" { "/".to_owned() } else { format!("{prefix}/") });
        assert_eq!(synapse["matrix_authentication_service"]["endpoint"], inside);
    }
    assert_snapshot!(refused("matrix_authentication_service_path_prefix: /auth/\n"), @"
    error[H0332]: `matrix_authentication_service_path_prefix` is malformed
     --> vars.yml:8:1
      = help: write `/`, or a path without a trailing slash, like `/auth`
    ");
    assert_snapshot!(refused("matrix_authentication_service_hostname: element.example.com\nmatrix_authentication_service_path_prefix: /\n"), @"
    error[H0332]: Element Web answers at the same address
     --> vars.yml:9:1
      = help: beside Element Web, MAS needs a path of its own: `matrix_authentication_service_path_prefix: /account`
    ");
}

#[test]
fn keys_are_managed_one_by_one_and_own_ones_join_them() {
    let inventory = with(
        "matrix_authentication_service_key_management_ecdsa_p384_enabled: false
matrix_authentication_service_key_management_rsa_2048_key_id: signing
matrix_authentication_service_key_management_list_custom:
  - key_file: own.pem
    generation_command: openssl genpkey -algorithm RSA -out __KEY_FILE_PATH__ -pkeyopt rsa_keygen_bits:4096
    config: {kid: own, key_file: /keys/own.pem}
",
    );
    let keys = Rendered::of(&inventory).mas()["secrets"]["keys"].clone();
    assert_eq!(
        keys,
        json!([
            {"kid": "signing", "key_file": "/keys/rsa-2048.priv.pem"},
            {"kid": "default-ecdsa-p256", "key_file": "/keys/ecdsa-p256.priv.pem"},
            {"kid": "default-ecdsa-k256", "key_file": "/keys/ecdsa-k256.priv.pem"},
            {"kid": "own", "key_file": "/keys/own.pem"},
        ])
    );
    let own = "matrix_authentication_service_key_management_enabled: false\nmatrix_authentication_service_config_secrets_keys:\n  - {kid: mine, key: 'PEM'}\n";
    assert_eq!(Rendered::of(&with(own)).mas()["secrets"]["keys"], json!([{"kid": "mine", "key": "PEM"}]));
    assert_snapshot!(refused("matrix_authentication_service_key_management_enabled: false\n"), @"
    error[H0332]: MAS cannot sign anything without a key
     --> vars.yml:8:1
      = help: leave `matrix_authentication_service_key_management_enabled` at true, or list keys of your own
    ");
}

#[test]
fn passwords_resources_and_trusted_proxies() {
    let mas = Rendered::of(&TestInventory::new()).mas();
    let schemes = mas["passwords"]["schemes"].as_array().unwrap();
    // What came from Synapse is bcrypt with its pepper; new passwords are argon2id.
    assert_eq!((&schemes[0]["algorithm"], &schemes[0]["unicode_normalization"]), (&json!("bcrypt"), &json!(true)));
    assert_eq!(schemes[1], json!({"version": 2, "algorithm": "argon2id"}));
    let peppered = Rendered::of(&with("matrix_synapse_password_config_pepper: test-only-pepper\n")).mas();
    assert_eq!(peppered["passwords"]["schemes"][0]["secret"], "test-only-pepper");

    let names = |mas: &Value| {
        let resources = mas["http"]["listeners"][0]["resources"].as_array().unwrap().clone();
        resources.iter().map(|resource| resource["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let usual = ["discovery", "human", "oauth", "compat", "graphql", "assets"];
    assert_eq!(names(&mas), usual);
    let inventory = with(
        "matrix_authentication_service_admin_api_enabled: true
matrix_authentication_service_config_http_listener_web_resources_custom: [{name: prometheus}]
matrix_authentication_service_config_http_trusted_proxies: [10.1.2.0/24]
matrix_authentication_service_config_passwords_enabled: false
",
    );
    let mas = Rendered::of(&inventory).mas();
    assert_eq!(names(&mas), [&usual[..], &["adminapi", "prometheus"]].concat());
    assert_eq!((&mas["http"]["trusted_proxies"], &mas["passwords"]["enabled"]), (&json!(["10.1.2.0/24"]), &json!(false)));
}

#[test]
fn the_admin_api_has_a_client_for_its_page_and_one_for_scripts() {
    let inventory = with(
        "matrix_authentication_service_admin_api_enabled: true
matrix_authentication_service_admin_api_clients_enabled: true
matrix_authentication_service_config_policy_data_admin_users: [alice]
matrix_authentication_service_config_policy_data_admin_clients: [01J44RKQYM4G3TNVANTMTDYTX6]
matrix_authentication_service_config_clients_custom:
  - {client_id: 01J44RKQYM4G3TNVANTMTDYTX6, client_auth_method: none}
",
    );
    let mas = Rendered::of(&inventory).mas();
    // They follow from the generic secret key as the documentation of the variables says, so they never change.
    assert_snapshot!(format!("{:#}\n{:#}", mas["clients"], mas["policy"]), @r#"
    [
      {
        "client_id": "7FYAG2WKNVZY92QHFTT5CYR4BW",
        "client_name": "Admin API page",
        "client_auth_method": "client_secret_post",
        "client_secret": "e5e089ac-411b-5f30-acc4-8da12aef8c50",
        "redirect_uris": [
          "https://matrix.example.com/auth/api/doc/oauth2-callback"
        ]
      },
      {
        "client_id": "4MFGMZMKPMY2VWW12NDP7WTGHQ",
        "client_name": "Admin API scripts",
        "client_auth_method": "client_secret_basic",
        "client_secret": "a251478a-f056-5637-a698-0dd18c6d0ae4"
      },
      {
        "client_id": "01J44RKQYM4G3TNVANTMTDYTX6",
        "client_auth_method": "none"
      }
    ]
    {
      "data": {
        "admin_users": [
          "alice"
        ],
        "admin_clients": [
          "01J44RKQYM4G3TNVANTMTDYTX6",
          "4MFGMZMKPMY2VWW12NDP7WTGHQ"
        ]
      }
    }
    "#);
    assert_eq!(Rendered::of(&inventory).mas()["clients"], mas["clients"]);
    inventory.set("matrix_homeserver_generic_secret_key", "test-only-another");
    assert_ne!(Rendered::of(&inventory).mas()["clients"][0]["client_id"], mas["clients"][0]["client_id"]);

    assert_snapshot!(refused("matrix_authentication_service_admin_api_clients_enabled: true\n"), @"
    error[H0332]: the clients of the admin API have nothing to talk to
     --> vars.yml:8:1
      = help: set `matrix_authentication_service_admin_api_enabled: true`
    ");
    assert_snapshot!(refused("matrix_authentication_service_admin_api_enabled: true
matrix_authentication_service_admin_api_clients_enabled: true
matrix_authentication_service_configuration_extension_yaml: '{policy: {data: {admin_clients: []}}}'
"), @"
    error[H0332]: the configuration that is merged over MAS's replaces `policy.data.admin_clients`, so the client for scripts could do nothing
     --> vars.yml:9:1
      = help: list your clients in `matrix_authentication_service_config_policy_data_admin_clients`
    ");
}

#[test]
fn switched_off_nothing_of_it_is_left() {
    let inventory = TestInventory::new();
    inventory.set("matrix_authentication_service_enabled", "false");
    let rendered = Rendered::of(&inventory);
    assert!(!rendered.files().iter().any(|path| path.contains(MAS)), "{:?}", rendered.files());
    let client = rendered.yaml("/matrix/static-files/public/.well-known/matrix/client");
    assert_eq!(client.get("org.matrix.msc2965.authentication"), None);
    let element = rendered.yaml("/matrix/client-element/config.json");
    assert_ne!(element["features"]["feature_oidc_native_flow"], json!(true));
    let synapse = rendered.yaml("/matrix/synapse/config/homeserver.yaml");
    assert_eq!(synapse["password_config"]["enabled"], true);
    assert_ne!(synapse["experimental_features"]["msc4108_enabled"], json!(true));
}

#[test]
fn the_encryption_secret_is_64_hex_digits() {
    for wrong in ["''", "'a2b4'", "'g2b4c6d8e0f1a3b5c7d9e1f20123456789abcdeffedcba987654321001234567'"] {
        let inventory = TestInventory::new();
        inventory.set("matrix_authentication_service_config_secrets_encryption", wrong);
        let outcome = Homestead::on(&inventory).run(&["check"]).exits(3);
        assert!(outcome.stdout.contains("exactly 64 hex digits; make one with `openssl rand -hex 32`"), "{}", outcome.text());
        assert_eq!(outcome.stdout.matches("error[").count(), 1, "{}", outcome.text());
    }
}
