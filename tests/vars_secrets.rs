//! A secret stays one: in what is computed from it, in messages, and in what the redactor hides.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::sync::Arc;

use homestead::diagnostic::Diagnostic;
use homestead::inventory::layers::{Layer, LayerKind, Variable};
use homestead::inventory::node::{Node, Value as Written};
use homestead::inventory::yaml;
use homestead::secret::{REDACTED, Secret};
use homestead::vars::{Context, TemplateSource, VariableByName, Variables};
use serde_json::json;

struct Shouting;

impl TemplateSource for Shouting {
    fn render(&self, role: &str, name: &str, variable: &VariableByName<'_>) -> Option<Result<String, Diagnostic>> {
        if role != "synapse" {
            return None;
        }
        Some(variable(name)?.map(|value| format!("{role}: {value}\nsecond line\n")))
    }
}

fn layer(kind: LayerKind, name: &str, text: &str) -> Layer {
    let (document, _) = yaml::read(text, "vars.yml").unwrap();
    let Written::Map(entries) = document.unwrap().value else { panic!("no mapping") };
    let variables = entries
        .into_iter()
        .map(|(key, value)| Variable {
            name: key.as_text().unwrap().to_owned(),
            name_span: key.span,
            value: match value.as_text() {
                Some(text) if text.starts_with("FILE ") => {
                    let (scalar, _) = yaml::read(&text[5..], "vault.yml").unwrap();
                    let mut scalar = scalar.unwrap();
                    homestead::inventory::vault::hide(&mut scalar);
                    scalar
                }
                Some(text) if text.starts_with("VAULT ") => {
                    Node::new(Written::Secret(Secret::new(text[6..].to_owned())), value.span.clone())
                }
                _ => value,
            },
        })
        .collect();
    Layer { kind, name: name.to_owned(), variables }
}

fn variables(text: &str) -> Variables {
    let mut context = Context::new("matrix.example.com");
    context.secret_names = ["password", "passwords", "pin"].map(str::to_owned).into();
    context.templates = Arc::new(Shouting);
    let defaults = "of_password: \"{{ lookup('template', 'password') }}\"\nof_name: \"{{ lookup('template', 'name') }}\"\n";
    Variables::new(vec![layer(LayerKind::RoleDefaults, "synapse", defaults), layer(LayerKind::HostVars, "vars.yml", text)], context)
}

const TEXT: &str = r#"
name: matrix-server
password: "correct horse's \"battery\""
passwords: {one: first-secret, list: [second-secret, 12345678], short: abc}
pin: 4711
vault: "VAULT from the vault"
vault_template: "VAULT {{ name }}/{{ password }}"
plain: "{{ name | upper }}"
url: "https://user:{{ password | urlencode }}@{{ name }}"
hashed: "{{ password | hash('sha256') }}"
json: "{{ {'p': password, 'n': name} | to_json }}"
parts: "{{ password.split(' ') }}"
config: {password: "{{ password }}", name: "{{ name }}"}
lazy: {inside: "{{ password }}", open: "{{ name }}"}
lazy_json: "{{ lazy | to_json }}"
lazy_text: "x {{ lazy }}"
lazy_format: "{{ '%s' % lazy }}"
lazy_joined: "{{ ','.join(lazy_list) }}"
lazy_list: ["{{ name }}", "{{ password }}"]
lazy_name: "{{ lazy.open }}"
config_name: "{{ config.name }}"
config_password: "{{ config.password }}"
combined: "{{ {'n': name} | combine({'p': password}) }}"
combined_name: "{{ combined.n }}"
enabled: "{{ password | length > 0 }}"
count: "{{ password | length }}"
chosen: "{{ 'postgres' if password else 'sqlite' }}"
number: "{{ pin + 1 }}"
of_list: "{{ passwords.list | first }}"
fallback: "{{ nope | default(password) }}"
joined: "{% for p in [password] %}{{ p }}{% endfor %}{{ name }}"
generated: "{{ lookup('password', '/dev/null seed=x') }}"
by_name: "{{ lookup('vars', 'pass' + 'word') }}"
broken: "{{ password + 1 }}"
broken_json: "{{ password | from_json }}"
broken_key: "{{ {}[password] }}"
broken_format: "{{ '%d' % password }}"
"#;

#[test]
fn what_is_computed_from_a_secret_is_secret() {
    let variables = variables(TEXT);
    let shown: Vec<String> = variables
        .names()
        .filter(|name| !name.starts_with("broken"))
        .map(|name| format!("{name}: {}", if variables.get(name).unwrap().secret { "secret" } else { "open" }))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    of_password: secret
    of_name: open
    name: open
    password: secret
    passwords: secret
    pin: secret
    vault: secret
    vault_template: secret
    plain: open
    url: secret
    hashed: secret
    json: secret
    parts: secret
    config: secret
    lazy: secret
    lazy_json: secret
    lazy_text: secret
    lazy_format: secret
    lazy_joined: secret
    lazy_list: secret
    lazy_name: open
    config_name: open
    config_password: secret
    combined: secret
    combined_name: open
    enabled: open
    count: secret
    chosen: open
    number: secret
    of_list: secret
    fallback: secret
    joined: secret
    generated: secret
    by_name: secret
    ");
}

#[test]
fn no_message_holds_a_secret() {
    let variables = variables(TEXT);
    let messages: Vec<String> = variables.names().filter_map(|name| variables.get(name).err()).map(|error| format!("{error:?}")).collect();
    assert_eq!(messages.len(), 4, "{messages:#?}");
    for message in messages {
        assert!(!message.contains("battery") && !message.contains("secret"), "{message}");
    }
    let shown = format!("{:?} {:?} {:?}", variables, variables.get("password"), variables.secrets());
    assert!(!shown.contains("battery"), "{shown}");
}

#[test]
fn the_redactor_knows_every_form_of_a_secret() {
    let variables = variables(TEXT);
    for name in variables.names() {
        drop(variables.get(name));
    }
    let redactor = variables.secrets();
    let value = |name: &str| variables.get(name).unwrap().value;
    for text in [
        value("password").as_str().unwrap().to_owned(),
        value("password").to_string(),
        value("url").as_str().unwrap().to_owned(),
        value("hashed").as_str().unwrap().to_owned(),
        value("json").as_str().unwrap().to_owned(),
        value("generated").as_str().unwrap().to_owned(),
        value("config").to_string(),
        "log: 'correct horse''s \"battery\"'".to_owned(),
        "basic Y29ycmVjdCBob3JzZSdzICJiYXR0ZXJ5Ig==".to_owned(),
        "from the vault, second-secret".to_owned(),
    ] {
        let shown = redactor.redact(&text);
        assert!(shown.contains(REDACTED), "{text} is shown as {shown}");
        for part in ["battery", "second", "vault", value("hashed").as_str().unwrap()] {
            assert!(!shown.contains(part), "{text} is shown as {shown}");
        }
    }
    // What is no secret stays readable, and so do short words.
    for text in ["matrix-server", "postgres", "MATRIX-SERVER", "abc true 4711"] {
        assert_eq!(redactor.redact(text), text);
    }
}

#[test]
fn whose_a_secret_is_stays_readable_beside_it() {
    let text = r#"
passwords:
  - {username: boss, initial_password: first-secret, initial_type: admin}
  - idp_id: dex
    issuer: https://example.com/dex
    client_id: synapse
    client_secret: second-secret
    scopes: [openid, profile]
    user_mapping_provider: {config: {localpart_template: "{% raw %}{{ user.name }}{% endraw %}"}}
"#;
    let variables = variables(text);
    assert!(variables.get("passwords").unwrap().secret);
    let redactor = variables.secrets();
    let line = "boss logs in to matrix-synapse through https://example.com/dex with {{ user.name }}, openid and profile";
    assert_eq!(redactor.redact(line), line);
    assert_eq!(redactor.redact("first-secret second-secret"), "[redacted] [redacted]");
}

#[test]
fn a_template_that_was_given_a_secret_is_secret() {
    let variables = variables(TEXT);
    assert!(variables.get("of_password").unwrap().secret);
    let open = variables.get("of_name").unwrap();
    assert_eq!((open.value, open.secret), (json!("synapse: \"matrix-server\"\nsecond line\n"), false));
}

#[test]
fn a_number_of_a_vault_file_is_secret_and_takes_nothing_else_with_it() {
    let text = r#"
five: "FILE 5"
port: "FILE 84480"
long: "FILE 12345678"
flag: "FILE true"
one: "FILE 1"
mixed: "FILE {a: 5, b: [1.5, x], c: null}"
templated: "FILE '{{ 2 + 3 }}'"
of_map: "{{ mixed.b[0] }}"
list: "{{ [port, 1] }}"
sum: "{{ port + 1 }}"
address: "host:{{ port }}"
other: "host:80"
chosen: "{{ 'yes' if flag else 'no' }}"
"#;
    let variables = variables(text);
    let shown: Vec<String> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| {
            let evaluated = variables.get(name).unwrap();
            format!("{name}: {} {}", evaluated.value, if evaluated.secret { "secret" } else { "open" })
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    five: 5 secret
    port: 84480 secret
    long: 12345678 secret
    flag: true secret
    one: 1 secret
    mixed: {"a":5,"b":[1.5,"x"],"c":null} secret
    templated: 5 secret
    of_map: 1.5 secret
    list: [84480,1] secret
    sum: 84481 secret
    address: "host:84480" secret
    other: "host:80" open
    chosen: "yes" open
    "#);
    let redactor = variables.secrets();
    let texts = ["5", "84480", "1.5", "84481", "1", "true", "5 of 5 in 15 s", "port 84480", "pin 12345678", "host:84480", "\"5\""];
    let shown: Vec<String> = texts.iter().map(|text| format!("{text} -> {}", redactor.redact(text))).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    5 -> [redacted]
    84480 -> [redacted]
    1.5 -> [redacted]
    84481 -> [redacted]
    1 -> 1
    true -> true
    5 of 5 in 15 s -> 5 of 5 in 15 s
    port 84480 -> port 84480
    pin 12345678 -> pin [redacted]
    host:84480 -> [redacted]
    "5" -> [redacted]
    "#);
}
