//! What the fuzz targets and `tests/fuzz_readers.rs` do with a text: hand it to a reader, which may take or refuse
//! it, and may do nothing else.

use homestead::diagnostic::Span;
use homestead::inventory::hosts::Hosts;
use homestead::inventory::layers::{Layer, LayerKind, Variable};
use homestead::inventory::node::{Node, Value};
use homestead::inventory::vault::{self, VaultPasswords};
use homestead::inventory::{hosts_ini, yaml};
use homestead::secret::Secret;
use homestead::vars::{Context, Variables};

/// A file of variables.
pub fn yaml(text: &str) {
    drop(yaml::read_documents(text, "vars.yml"));
}

/// A hosts file.
pub fn ini(text: &str) {
    let mut hosts = Hosts::default();
    let mut findings = Vec::new();
    hosts_ini::read(text, "hosts", &mut hosts, &mut findings);
    hosts.complete(&mut findings);
}

/// A vault. The keys of a password cost some milliseconds, so only every 256th text that could be opened is tried.
pub fn vault(text: &str) {
    let damaged = matches!(vault::locked(text), vault::Locked::Broken(_));
    if !damaged && text.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) == 0 {
        let mut passwords = VaultPasswords::none();
        passwords.add(None, &Secret::new("test-only".to_owned()));
        drop(passwords.open(text));
    }
}

/// The value of a variable, with some other variables to name.
pub fn expression(text: &str) {
    let span = Span::new("vars.yml", 1, 1);
    let variable = |(name, text): (&str, &str)| Variable {
        name: name.to_owned(),
        name_span: span.clone(),
        value: Node::new(Value::Text(text.to_owned()), span.clone()),
    };
    let texts = [
        ("x", text),
        ("domain", "example.com"),
        ("numbers", "{{ [3, 1, 2] }}"),
        ("users", "{{ [{'name': 'a', 'age': 3}] }}"),
        ("again", "{{ x }}"),
    ];
    let mut context = Context::new("matrix.example.com");
    context.allow_commands = false;
    // Nothing can be read or written there.
    context.base_directory = "/dev/null/nowhere".into();
    let variables = texts.into_iter().map(variable).collect();
    drop(Variables::new(vec![Layer { kind: LayerKind::HostVars, name: "vars.yml".to_owned(), variables }], context).get("x"));
}
