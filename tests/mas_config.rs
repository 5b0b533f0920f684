//! The configuration of Matrix Authentication Service, as it is rendered: each group of its settings, what is
//! merged over it, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Homestead, Rendered, TestInventory, shared};
use insta::assert_snapshot;
use serde_json::{Value, json};

const MAS: &str = "matrix-authentication-service";

/// The smallest server with MAS, and these lines.
fn with(lines: &str) -> TestInventory {
    let inventory = TestInventory::new();
    inventory.append(lines);
    inventory
}

/// What `check` says about it, without the lines that quote the file.
#[track_caller]
fn refused(lines: &str) -> String {
    let outcome = Homestead::on(&with(lines)).run(&["check"]).exits(3);
    let findings = outcome
        .stdout
        .lines()
        .filter(|line| line.starts_with("error") || line.starts_with("warning") || line.contains("= help") || line.contains("-->"));
    findings.map(|line| line.replace("inventory/host_vars/matrix.example.com/", "")).collect::<Vec<_>>().join("\n")
}

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
fn the_encryption_secret_is_64_hex_digits() {
    for wrong in ["''", "'a2b4'", "'g2b4c6d8e0f1a3b5c7d9e1f20123456789abcdeffedcba987654321001234567'"] {
        let inventory = TestInventory::new();
        inventory.set("matrix_authentication_service_config_secrets_encryption", wrong);
        let outcome = Homestead::on(&inventory).run(&["check"]).exits(3);
        assert!(outcome.stdout.contains("exactly 64 hex digits; make one with `openssl rand -hex 32`"), "{}", outcome.text());
        assert_eq!(outcome.stdout.matches("error[").count(), 1, "{}", outcome.text());
    }
}

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
fn mail_goes_through_the_relay_or_your_server_or_nowhere() {
    let email = |lines: &str| Rendered::of(&with(lines)).mas()["email"].clone();
    let relay = email("");
    assert_eq!(
        relay,
        json!({
            "from": "\"Matrix Authentication Service\" <matrix@matrix.example.com>",
            "reply_to": "\"Matrix Authentication Service\" <matrix@matrix.example.com>",
            "transport": "smtp", "mode": "plain", "hostname": "matrix-exim-relay", "port": 8025,
        })
    );
    for (mode, port) in [("plain", 25), ("tls", 465), ("starttls", 587)] {
        let inventory = with(&format!(
            "matrix_authentication_service_config_email_hostname: mail.example.net
matrix_authentication_service_config_email_port: {port}
matrix_authentication_service_config_email_mode: {mode}
matrix_authentication_service_config_email_username: mas@example.net
matrix_authentication_service_config_email_password: 'test-only: #7'
matrix_authentication_service_config_email_from_name: Accounts
matrix_authentication_service_config_email_from_address: accounts@example.com
matrix_authentication_service_config_email_reply_to_address: help@example.com
"
        ));
        let rendered = Rendered::of(&inventory);
        assert_eq!(
            rendered.mas()["email"],
            json!({
                "from": "\"Accounts\" <accounts@example.com>", "reply_to": "\"Accounts\" <help@example.com>",
                "transport": "smtp", "mode": mode, "hostname": "mail.example.net", "port": port,
                "username": "mas@example.net", "password": "test-only: #7",
            })
        );
        // It has nothing to do with the relay then.
        assert!(!rendered.networks(MAS).contains(&"matrix-exim-relay".to_owned()), "{:?}", rendered.networks(MAS));
        assert!(!rendered.unit(MAS).contains("matrix-exim-relay.service"));
    }
    let without = email("exim_relay_enabled: false\n");
    assert_eq!((&without["transport"], without.get("hostname")), (&json!("blackhole"), None));
    assert_eq!(email("matrix_authentication_service_config_email_transport: blackhole\n")["transport"], "blackhole");

    assert_snapshot!(refused("matrix_authentication_service_config_email_transport: aws_ses\n"), @"
    error[H0332]: MAS has no way of its own to Amazon SES any more
     --> vars.yml:8:1
      = help: SES takes mail over SMTP: transport `smtp`, mode `starttls`, port 587, hostname `email-smtp.REGION.amazonaws.com`, and the SMTP user and password that SES gives you
    ");
    let ses = email(
        "matrix_authentication_service_config_email_hostname: email-smtp.eu-west-1.amazonaws.com
matrix_authentication_service_config_email_port: 587
matrix_authentication_service_config_email_mode: starttls
matrix_authentication_service_config_email_username: AKIATEST
matrix_authentication_service_config_email_password: test-only
",
    );
    assert_eq!((&ses["mode"], &ses["username"]), (&json!("starttls"), &json!("AKIATEST")));
    assert_snapshot!(refused("matrix_authentication_service_config_email_transport: sendmail\n"), @"
    error[H0332]: MAS cannot send mail in that way
     --> vars.yml:8:1
      = help: `blackhole` or `smtp`; the image holds no `sendmail`
    ");
}

#[test]
fn registration_accounts_captcha_and_limits() {
    let inventory = with(
        "matrix_authentication_service_config_account_password_registration_enabled: true
matrix_authentication_service_config_account_password_registration_email_required: false
matrix_authentication_service_config_account_password_recovery_enabled: true
matrix_authentication_service_config_account_password_change_allowed: false
matrix_authentication_service_config_account_email_change_allowed: false
matrix_authentication_service_config_account_displayname_change_allowed: 'no'
matrix_authentication_service_config_account_account_deactivation_allowed: false
matrix_authentication_service_config_account_login_with_email_allowed: true
matrix_authentication_service_config_account_registration_token_required: true
matrix_authentication_service_config_passwords_minimum_complexity: 4
matrix_authentication_service_config_policy_data_emails_allowed_addresses_suffixes: ['@example.com', '@example.org']
matrix_authentication_service_config_policy_data_custom:
  registration: {banned_usernames: {literals: [root]}}
  emails: {banned_addresses: {suffixes: ['@evil.example']}}
matrix_authentication_service_config_rate_limiting_registration: {burst: 2, per_second: 0.01}
matrix_authentication_service_config_rate_limiting_login_per_account: {burst: 100, per_second: 1}
matrix_authentication_service_config_rate_limiting_email_authentication_attempt_per_session: {burst: 5, per_second: 0.1}
",
    );
    let mas = Rendered::of(&inventory).mas();
    assert_eq!(
        mas["account"],
        json!({
            "email_change_allowed": false, "displayname_change_allowed": false, "password_registration_enabled": true,
            "password_registration_email_required": false, "password_change_allowed": false, "password_recovery_enabled": true,
            "account_deactivation_allowed": false, "login_with_email_allowed": true, "registration_token_required": true,
        })
    );
    assert_eq!(mas["passwords"]["minimum_complexity"], 4);
    assert_eq!(
        mas["policy"]["data"],
        json!({
            "emails": {"allowed_addresses": {"suffixes": ["@example.com", "@example.org"]}, "banned_addresses": {"suffixes": ["@evil.example"]}},
            "registration": {"banned_usernames": {"literals": ["root"]}},
        })
    );
    assert_eq!(
        mas["rate_limiting"],
        json!({
            "login": {"per_account": {"burst": 100, "per_second": 1}},
            "email_authentication": {"attempt_per_session": {"burst": 5, "per_second": 0.1}},
            "registration": {"burst": 2, "per_second": 0.01},
        })
    );
    assert_eq!((mas.get("captcha"), Rendered::of(&TestInventory::new()).mas().get("rate_limiting")), (None, None));
    for service in ["recaptcha_v2", "cloudflare_turnstile", "hcaptcha"] {
        let captcha = with(&format!(
            "matrix_authentication_service_config_captcha_service: {service}
matrix_authentication_service_config_captcha_site_key: public
matrix_authentication_service_config_captcha_secret_key: private
"
        ));
        assert_eq!(Rendered::of(&captcha).mas()["captcha"], json!({"service": service, "site_key": "public", "secret_key": "private"}));
    }
    assert_snapshot!(refused("matrix_authentication_service_config_captcha_service: friendly\n"), @"
    error[H0332]: `matrix_authentication_service_config_captcha_site_key` is not set
      --> vars.yml
      = help: the public key that the captcha service gave you
    error[H0332]: `matrix_authentication_service_config_captcha_secret_key` is not set
      --> vars.yml
      = help: the private key that the captcha service gave you
    error[H0332]: MAS knows no such captcha service
     --> vars.yml:8:1
      = help: one of `recaptcha_v2`, `cloudflare_turnstile`, `hcaptcha`, or empty for none
    ");
    assert_snapshot!(refused("matrix_authentication_service_config_rate_limiting_registration: {burst: 2}\n"), @"
    error[H0352]: `rate_limiting.registration.per_second` is missing; MAS does not start without it
     --> vars.yml:8:1
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
fn an_external_postgres_instead_of_ours() {
    let inventory = with(
        "matrix_authentication_service_config_database_host: db.example.net
matrix_authentication_service_config_database_port: 6432
matrix_authentication_service_config_database_username: mas
matrix_authentication_service_config_database_password: test-only-database
matrix_authentication_service_config_database_database: accounts
matrix_authentication_service_config_database_ssl_mode: verify-full
matrix_authentication_service_config_database_ssl_ca: |
  -----BEGIN CERTIFICATE-----
  test-only
  -----END CERTIFICATE-----
",
    );
    let rendered = Rendered::of(&inventory);
    let database = rendered.mas()["database"].clone();
    let expected = json!({
        "host": "db.example.net", "port": 6432, "username": "mas", "password": "test-only-database", "database": "accounts",
        "ssl_mode": "verify-full", "ssl_ca": "-----BEGIN CERTIFICATE-----\ntest-only\n-----END CERTIFICATE-----\n",
        "max_connections": 10, "min_connections": 0, "connect_timeout": 30, "idle_timeout": 600, "max_lifetime": 1800,
    });
    assert_eq!(database, expected);
    // The managed Postgres, which Synapse still uses, is none of its business.
    let unit = rendered.unit(MAS);
    assert!(!unit.contains("postgres") && !rendered.networks(MAS).contains(&"matrix-postgres".to_owned()), "{unit}");
    assert!(rendered.units().contains(&"matrix-postgres"));
    let databases = Homestead::on(&inventory).run(&["vars", "postgres_managed_databases", "--json", "--reveal"]).exits(0).json();
    let databases = databases["variables"]["postgres_managed_databases"]["value"].as_array().unwrap().clone();
    assert!(databases.iter().all(|database| database["name"] != "accounts") && databases.len() == 1, "{databases:?}");

    // Ours by TCP.
    let inventory = with("postgres_container_unix_socket_enabled: false\n");
    let tcp = Rendered::of(&inventory);
    assert_eq!(tcp.mas()["database"]["host"], "matrix-postgres");
    assert!(tcp.networks(MAS).contains(&"matrix-postgres".to_owned()) && !tcp.unit(MAS).contains("/run-postgres"));
    // Ours by its socket, as it is by default.
    let inventory = TestInventory::new();
    let socket = Rendered::of(&inventory);
    assert_eq!(socket.mas()["database"]["host"], "/run-postgres");
    assert!(
        socket.unit(MAS).contains("src=/matrix/postgres/run,dst=/run-postgres")
            && socket.unit(MAS).contains("Requires=matrix-postgres.service")
    );
    // Another one by its socket.
    let inventory = with(
        "matrix_playbook_matrix_authentication_service_uses_managed_postgres: false
matrix_authentication_service_config_database_socket_enabled: true
matrix_authentication_service_config_database_socket_path: /sockets
matrix_authentication_service_config_database_socket_path_host: /var/run/postgresql
matrix_authentication_service_config_database_host: /sockets
",
    );
    let other = Rendered::of(&inventory);
    assert_eq!(other.mas()["database"]["host"], "/sockets");
    assert!(other.unit(MAS).contains("src=/var/run/postgresql,dst=/sockets") && !other.unit(MAS).contains("matrix-postgres"));

    assert_snapshot!(refused("matrix_playbook_matrix_authentication_service_uses_managed_postgres: false\n"), @"
    error[H0332]: the database is to be elsewhere, but nothing says where
     --> vars.yml:8:1
      = help: set `matrix_authentication_service_config_database_host`, and what else differs: port, username, password, database, ssl_mode
    ");
    assert_snapshot!(refused("matrix_authentication_service_config_database_ssl_mode: verify-full\n"), @"
    error[H0332]: a UNIX socket has no certificate that could be verified
     --> vars.yml:8:1
      = help: leave it at `disable`, or name a host
    ");
    assert_snapshot!(refused("matrix_authentication_service_config_database_ssl_mode: full\n"), @"
    error[H0332]: `matrix_authentication_service_config_database_ssl_mode` is malformed
     --> vars.yml:8:1
      = help: one of `disable`, `allow`, `prefer`, `require`, `verify-ca`, `verify-full`
    ");
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
fn upstream_providers_reach_mas_as_they_are_written() {
    let inventory = with(
        "matrix_authentication_service_config_upstream_oauth2_providers:
  - id: 01HFVBY12TMNTYTBV8W921M5FA
    synapse_idp_id: oidc-keycloak
    issuer: https://keycloak.example.com/realms/{{ matrix_domain }}
    client_id: mas
    client_secret: 'test-only-quote''\\'
    token_endpoint_auth_method: client_secret_basic
    scope: openid email
    pkce_method: always
    discovery_mode: insecure
    fetch_userinfo: true
    response_mode: form_post
    on_backchannel_logout: logout_all
    forward_login_hint: true
    additional_authorization_parameters: {prompt: login}
    claims_imports:
      skip_confirmation: true
      subject: {template: \"{% raw %}{{ user.sub }}{% endraw %}\"}
      localpart: {action: require, on_conflict: add, template: \"{% raw %}{{ user.preferred_username | lower }}{% endraw %}\"}
      account_name: {template: \"{% raw %}@{{ user.name }}{% endraw %} of {{ matrix_domain }}\"}
  - id: 01HFRQFT5QFMJFGF01P7JAV2ME
    client_id: apple
    token_endpoint_auth_method: sign_in_with_apple
    sign_in_with_apple: {team_id: T, key_id: K, private_key: PEM}
",
    );
    let providers = Rendered::of(&inventory).mas()["upstream_oauth2"]["providers"].clone();
    assert_eq!(providers[0]["issuer"], "https://keycloak.example.com/realms/example.com");
    assert_eq!(providers[0]["client_secret"], "test-only-quote'\\");
    assert_eq!(
        providers[0]["claims_imports"],
        json!({
            "skip_confirmation": true,
            "subject": {"template": "{{ user.sub }}"},
            "localpart": {"action": "require", "on_conflict": "add", "template": "{{ user.preferred_username | lower }}"},
            "account_name": {"template": "@{{ user.name }} of example.com"},
        })
    );
    assert_eq!(providers[1]["sign_in_with_apple"]["team_id"], "T");
}

#[test]
fn what_mas_would_not_understand_is_told_at_its_place() {
    let inventory = with(
        "matrix_authentication_service_config_upstream_oauth2_providers:
  - id: 01HFVBY12TMNTYTBV8W921M5FA
    client_id: 1234
    token_endpoint_auth_method: client_secret_basic
    isuer: https://id.example.com/
    fetch_userinfo: 'yes'
    claims_imports: {localpart: {action: maybe}}
  - id: 01HFRQFT5QFMJFGF01P7JAV2ME
    token_endpoint_auth_method: none
matrix_authentication_service_config_clients_custom:
  - client_id: 01J44Q10GR4AMTFZEEF936DTCM
    client_auth_method: client_secret_posted
    client_secret: test-only-secret-of-a-client
    redirect_uris: [example.com/callback]
matrix_authentication_service_config_captcha_service: hcaptcha
matrix_authentication_service_config_captcha_site_key: 1234
matrix_authentication_service_config_captcha_secret_key: private
matrix_authentication_service_configuration_extension_yaml: |
  account:
    password_chnge_allowed: false
  experimental:
    access_token_ttl: ten minutes
",
    );
    assert_snapshot!(Homestead::on(&inventory).guarding(&["test-only-secret-of-a-client".to_owned()]).run(&["check"]).exits(3).text(), @"
    $ homestead check
    -- stdout
    error[H0352]: `upstream_oauth2.providers[0].client_id` must be text
      --> inventory/host_vars/matrix.example.com/vars.yml:10:16
       |
    10 |     client_id: [redacted]
       |                ^^^^^^^^^^
       |
       = help: put it in quotes

    warning[H0351]: MAS knows no setting `upstream_oauth2.providers[0].isuer` and would pass over it
      --> inventory/host_vars/matrix.example.com/vars.yml:12:5
       |
    12 |     isuer: [redacted]
       |     ^^^^^
       |
       = help: did you mean `issuer`?

    error[H0352]: `upstream_oauth2.providers[0].fetch_userinfo` must be true or false
      --> inventory/host_vars/matrix.example.com/vars.yml:13:21
       |
    13 |     fetch_userinfo: [redacted]
       |                     ^^^^^^^^^^

    error[H0352]: `upstream_oauth2.providers[0].claims_imports.localpart.action` must be one of `ignore`, `suggest`, `force`, `require`
      --> inventory/host_vars/matrix.example.com/vars.yml:14:21
       |
    14 |     claims_imports: [redacted]
       |                     ^^^^^^^^^^

    error[H0352]: `upstream_oauth2.providers[1].client_id` is missing; MAS does not start without it
      --> inventory/host_vars/matrix.example.com/vars.yml:15:3
       |
    15 |   [redacted]
       |   ^^^^^^^^^^

    error[H0352]: `clients[0].client_auth_method` must be one of `none`, `client_secret_basic`, `client_secret_post`, `client_secret_jwt`, `private_key_jwt`
      --> inventory/host_vars/matrix.example.com/vars.yml:19:25
       |
    19 |     client_auth_method: [redacted]
       |                         ^^^^^^^^^^

    error[H0352]: `clients[0].redirect_uris[0]` must be an address with its scheme, like `https://example.com/`
      --> inventory/host_vars/matrix.example.com/vars.yml:21:20
       |
    21 |     redirect_uris: [redacted]
       |                    ^^^^^^^^^^

    error[H0352]: `captcha.site_key` must be text
      --> inventory/host_vars/matrix.example.com/vars.yml:23:1
       |
    23 | matrix_authentication_service_config_captcha_site_key: 1234
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: put it in quotes

    warning[H0351]: line 2 of `matrix_authentication_service_configuration_extension_yaml`: MAS knows no setting `account.password_chnge_allowed` and would pass over it
      --> inventory/host_vars/matrix.example.com/vars.yml:27:5
       |
    27 |     password_chnge_allowed: false
       |     ^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: did you mean `password_change_allowed`?

    error[H0352]: line 4 of `matrix_authentication_service_configuration_extension_yaml`: `experimental.access_token_ttl` must be a whole number
      --> inventory/host_vars/matrix.example.com/vars.yml:29:23
       |
    29 |     access_token_ttl: [redacted]
       |                       ^^^^^^^^^^

    8 errors, 2 warnings
    -- exit code 3
    ");
    assert_snapshot!(refused("matrix_authentication_service_config_upstream_oauth2_providers: [{id: not-a-ulid, client_id: x, token_endpoint_auth_method: none}]\n"), @"
    error[H0332]: an upstream provider's `id` is missing or is no ULID: 26 letters and digits, without I, L, O and U, the first one from 0 to 7
     --> vars.yml:8:1
      = help: use a ULID, like `01HFVBY12TMNTYTBV8W921M5FA`, and never change it: users are linked to it
    error[H0352]: `upstream_oauth2.providers[0].id` must be a ULID: 26 letters and digits, without I, L, O and U, the first one from 0 to 7
     --> vars.yml:8:65
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
fn what_is_rendered_fits_the_schema_of_mas() {
    let Some(schema) = shared("schemas/mas-config.schema.json") else { return };
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let everything = "matrix_authentication_service_admin_api_enabled: true
matrix_authentication_service_admin_api_clients_enabled: true
matrix_authentication_service_config_captcha_service: hcaptcha
matrix_authentication_service_config_captcha_site_key: public
matrix_authentication_service_config_captcha_secret_key: private
matrix_authentication_service_config_rate_limiting_login_per_ip: {burst: 10, per_second: 0.5}
matrix_authentication_service_config_policy_data_emails_allowed_addresses_suffixes: ['@example.com']
matrix_authentication_service_config_database_host: db.example.net
matrix_authentication_service_config_database_ssl_mode: verify-ca
matrix_authentication_service_config_database_ssl_ca: PEM
matrix_authentication_service_config_database_ssl_certificate: PEM
matrix_authentication_service_config_database_ssl_key: PEM
matrix_authentication_service_config_upstream_oauth2_providers:
  - {id: 01HFVBY12TMNTYTBV8W921M5FA, client_id: mas, issuer: 'https://id.example.com/', token_endpoint_auth_method: none, claims_imports: {localpart: {action: require}}}
";
    for lines in ["", everything, "matrix_authentication_service_config_email_transport: blackhole\n"] {
        // The schema takes a host name only, MAS takes the folder of a socket as well.
        let mas = Rendered::of(&with(&format!("{lines}postgres_container_unix_socket_enabled: false\n"))).mas();
        let problems: Vec<String> = validator.iter_errors(&mas).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{problems:#?}");
    }
    // The validator sees what it should.
    let mut wrong = Rendered::of(&with("postgres_container_unix_socket_enabled: false\n")).mas();
    assert!(validator.is_valid(&wrong));
    wrong["email"]["transport"] = json!("aws_ses");
    assert!(!validator.is_valid(&wrong));
}

/// Names of settings in the schema that our own description lacks, and the other way round.
#[test]
fn our_description_of_the_configuration_is_that_of_mas() {
    use homestead::role::{Library, Shape, ShapeKind, Source};

    fn resolve<'a>(schema: &'a Value, mut part: &'a Value) -> Vec<&'a Value> {
        while let Some(reference) = part["$ref"].as_str() {
            part = schema.pointer(reference.trim_start_matches('#')).unwrap();
        }
        let several = ["allOf", "anyOf", "oneOf"].iter().filter_map(|name| part[name].as_array()).flatten();
        let mut all: Vec<&Value> = several.flat_map(|part| resolve(schema, part)).collect();
        all.push(part);
        all
    }

    /// `parts`: all that the schema allows at one place.
    fn compare(schema: &Value, parts: &[&Value], shape: &Shape, path: &str, differences: &mut Vec<String>) {
        let parts: Vec<&Value> = parts.iter().flat_map(|part| resolve(schema, part)).collect();
        match &shape.kind {
            ShapeKind::Map { settings, rest: None } => {
                let mut theirs: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
                for (name, part) in parts.iter().filter_map(|part| part["properties"].as_object()).flatten() {
                    theirs.entry(name).or_default().push(part);
                }
                for (name, parts) in &theirs {
                    match settings.iter().find(|setting| setting.name == *name) {
                        Some(setting) => compare(schema, parts, &setting.shape, &format!("{path}.{name}"), differences),
                        None => differences.push(format!("{path}.{name} is missing in ours")),
                    }
                }
                let invented = settings.iter().filter(|setting| !theirs.contains_key(setting.name.as_str()));
                differences.extend(invented.map(|setting| format!("{path}.{} is unknown to MAS", setting.name)));
                // Where several forms are allowed, each has names of its own that it needs.
                if let [only] = parts.iter().filter(|part| part["properties"].is_object()).collect::<Vec<_>>()[..] {
                    let required: Vec<&str> = only["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                    let others = settings.iter().filter(|setting| setting.required != required.contains(&setting.name.as_str()));
                    differences.extend(others.map(|setting| format!("{path}.{} is required in one of the two", setting.name)));
                }
            }
            ShapeKind::List(item) => match parts.iter().find_map(|part| part.get("items")) {
                Some(items) => compare(schema, &[items], item, &format!("{path}[]"), differences),
                None => differences.push(format!("{path} is no list in MAS")),
            },
            // Algorithms are an open set in the schema.
            ShapeKind::Words(words) if !path.ends_with("_alg") => {
                let theirs: BTreeSet<&str> = parts.iter().filter_map(|part| part["const"].as_str()).collect();
                let ours: BTreeSet<&str> = words.iter().map(String::as_str).collect();
                if theirs != ours {
                    differences.push(format!("{path} is one of {theirs:?} in MAS, {ours:?} in ours"));
                }
            }
            _ => {}
        }
    }

    let Some(schema) = shared("schemas/mas-config.schema.json") else { return };
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let library = Library::load(Source::embedded()).unwrap();
    let shape = &library.role(MAS).unwrap().manifest.shapes[0].shape;
    let mut differences = Vec::new();
    compare(&schema, &[&schema], shape, "", &mut differences);
    assert!(differences.is_empty(), "{differences:#?}");
}
