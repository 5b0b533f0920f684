//! The schema for editors: it takes what works, and underlines what does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{Homestead, TestInventory, shared};
use homestead::inventory::{Node, Value, yaml};
use homestead::role::{Library, Source};
use jsonschema::Validator;
use serde_json::{Map, Value as Json, json};

fn schema() -> Json {
    homestead::role::schema(&Library::load(Source::embedded()).unwrap())
}

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).unwrap()
}

/// What an editor sees: tags are taken for what they stand on.
fn seen(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        // JSON has 64 bits here; to an editor, a longer number is a number too.
        Value::Int(number) => i64::try_from(*number).map_or_else(|_| json!(1e20), |number| json!(number)),
        Value::Float(number) => json!(number),
        Value::Text(text) | Value::Unsafe(text) | Value::Vault(text) => json!(text),
        Value::List(items) => items.iter().map(seen).collect(),
        Value::Map(entries) => {
            let key = |key: &Node| key.as_text().map_or_else(|| seen(key).to_string(), str::to_owned);
            Json::Object(entries.iter().map(|(name, value)| (key(name), seen(value))).collect::<Map<_, _>>())
        }
        other => panic!("a file as it is written holds no {other:?}"),
    }
}

/// What an editor underlines in a text, a line each.
fn underlined(text: &str) -> Vec<String> {
    let (node, _) = yaml::read(text, "vars.yml").unwrap();
    let document = node.map_or(Json::Null, |node| seen(&node));
    validator().iter_errors(&document).map(|error| error.instance_path().to_string()).collect()
}

#[test]
fn it_is_a_schema() {
    jsonschema::draft7::meta::validate(&schema()).unwrap();
}

#[test]
fn inventories_that_work_are_taken() {
    let example = include_str!("../inventory.example/host_vars/matrix.example.com/vars.yml");
    let demo = include_str!("sandbox/inventory/host_vars/matrix.example.com/vars.yml");
    assert_eq!((underlined(example), underlined(demo), underlined("---\n")), (Vec::new(), Vec::new(), Vec::new()));
    let Some(parity) = shared("parity") else { return };
    for case in ["plain", "mas-new", "mas-migrating", "mas-upstream", "jinja", "probes"] {
        let text = std::fs::read_to_string(parity.join(case).join("vars.yml")).unwrap();
        assert_eq!(underlined(&text), Vec::<String>::new(), "{case}");
    }
}

#[test]
fn every_way_to_write_a_value_is_taken() {
    let text = "\
matrix_domain: \"{{ my_domain }}\"
my_domain: example.com
matrix_synapse_max_upload_size_mb: \"100\"
matrix_synapse_workers_enabled: yes
matrix_client_element_enabled: \"{{ not off }}\"
matrix_synapse_encryption_enabled_by_default_for_room_type: off
matrix_playbook_reverse_proxy_type: \"{{ 'none' if true else 'other' }}\"
matrix_synapse_federation_domain_whitelist: ~
matrix_synapse_email_smtp_pass: !vault |
  $ANSIBLE_VAULT;1.1;AES256
  6162
matrix_synapse_configuration_extension: {a: !unsafe '{{ b }}'}
matrix_authentication_service_syn2mas_dry_run: true
postgres_connection_password: {env: PASSWORD}
";
    assert_eq!(underlined(text), Vec::<String>::new());
}

#[test]
fn mistakes_are_underlined() {
    let mistakes = [
        "matrix_playbook_reverse_proxy_type: traefik",
        "matrix_homeserver_implementation: Synapse",
        "matrix_authentication_service_config_email_transport: sendmail",
        "matrix_authentication_service_config_email_mode: ssl",
        "matrix_synapse_log_level: debug",
        "matrix_synapse_workers_enabled: ture",
        "matrix_synapse_workers_enabled: [yes]",
        "matrix_synapse_workers_enabled:",
        "matrix_synapse_max_upload_size_mb: 100M",
        "matrix_synapse_max_upload_size_mb: 1.5",
        "matrix_synapse_federation_domain_whitelist: example.org",
        "matrix_user_creator_users_additional: {username: alice}",
        "matrix_domain: true",
        "matrix_domain: [example.com]",
        "matrix_synapse_configuration_extension: [a]",
        "matrix_authentication_service_syn2mas_dry_run: maybe",
        "postgres_connection_password: {environment: PASSWORD}",
        "postgres_connection_password: {env: A, file: B}",
    ];
    for text in mistakes {
        let name = text.split(':').next().unwrap();
        assert_eq!(underlined(text).first().map(String::as_str), Some(format!("/{name}").as_str()), "{text}");
    }
    assert_eq!(underlined("- a"), [""]);
}

#[test]
fn a_variable_is_described() {
    let schema = schema();
    insta::assert_snapshot!(format!("{:#}", schema["properties"]["matrix_authentication_service_config_email_mode"]), @r##"
    {
      "description": "Encryption of the SMTP connection: `plain`, `tls` or `starttls`.\n\nRole: matrix-authentication-service",
      "anyOf": [
        {
          "enum": [
            "plain",
            "tls",
            "starttls"
          ]
        },
        {
          "$ref": "#/definitions/expression"
        },
        {
          "$ref": "#/definitions/secret"
        }
      ],
      "default": "plain"
    }
    "##);
    insta::assert_snapshot!(format!("{:#}", schema["properties"]["matrix_authentication_service_syn2mas_dry_run"]), @r##"
    {
      "description": "`matrix_authentication_service_syn2mas_dry_run` is now called `matrix_authentication_service_syn2mas_migrate_dry_run`.",
      "deprecated": true,
      "deprecationMessage": "`matrix_authentication_service_syn2mas_dry_run` is now called `matrix_authentication_service_syn2mas_migrate_dry_run`.",
      "allOf": [
        {
          "$ref": "#/definitions/boolean"
        }
      ]
    }
    "##);
    // A secret's default is no example.
    assert_eq!(schema["properties"]["matrix_s3_media_store_aws_secret_key"]["default"], Json::Null);
}

#[test]
fn it_is_written_where_it_is_wanted() {
    let inventory = TestInventory::new();
    let homestead = Homestead::on(&inventory);
    let shown = homestead.run(&["schema"]).exits(0);
    insta::assert_snapshot!(homestead.run(&["schema", "--out", "a/b.json"]).text(), @"
    $ homestead schema --out a/b.json
    -- exit code 0
    ");
    assert_eq!(inventory.read("a/b.json"), shown.stdout);
    assert_eq!(serde_json::from_str::<Json>(&shown.stdout).unwrap(), schema());
}

#[test]
fn values_are_of_the_documented_types() {
    let library = Library::load(Source::embedded()).unwrap();
    let Some(parity) = shared("parity") else { return };
    for case in ["plain", "mas-new", "mas-migrating", "mas-upstream", "jinja"] {
        let inventory = TestInventory::new();
        inventory.vars(&std::fs::read_to_string(parity.join(case).join("vars.yml")).unwrap());
        for file in std::fs::read_dir(parity.join(case).join("files")).into_iter().flatten() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            inventory.write(&format!("inventory/files/{name}"), &std::fs::read_to_string(&path).unwrap());
        }
        let (facts, password) = (parity.join(case).join("facts.json"), parity.join(case).join("vault-pass"));
        let mut arguments = vec!["vars", "--json", "--reveal", "--facts", facts.to_str().unwrap()];
        if password.exists() {
            arguments.extend(["--vault-password-file", password.to_str().unwrap()]);
        }
        let shown = Homestead::on(&inventory).run(&arguments).exits(0).json();
        let values = shown["variables"].as_object().unwrap();
        let wrong: Vec<String> = values
            .iter()
            .filter_map(|(name, entry)| Some((name, library.documentation(name)?, entry.get("value")?)))
            .filter(|(_, words, value)| !words.accepts(value))
            .map(|(name, words, value)| format!("{name}: {value} is not {:?} {:?}", words.type_words(), words.one_of))
            .collect();
        assert!(wrong.is_empty(), "{case}: {wrong:#?}");
        assert!(values.len() > 1000);
    }
}
