//! MAS's own schema: what it would not understand is told, what is rendered fits.

use std::collections::{BTreeMap, BTreeSet};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::common::{Homestead, Rendered, shared};
use crate::{MAS, refused, with};

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
