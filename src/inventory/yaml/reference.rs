//! `!secret {file: PATH}`, `{env: NAME}`, `{command: TEXT}`, `{vault: TEXT}`: a credential by reference. Ansible
//! does not know the tag.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::inventory::node::{Node, Reference, SecretSource, Value};

const KEYS: [&str; 4] = ["file", "env", "command", "vault"];

/// What the mapping below the tag names.
pub fn read(node: &Node) -> Result<Value, Diagnostic> {
    let Value::Map(entries) = &node.value else { return Err(wrong("`!secret` stands before a mapping", &node.span)) };
    let [(key, value)] = entries.as_slice() else { return Err(wrong("`!secret` names exactly one place", &node.span)) };
    let name = key.as_text().unwrap_or_default();
    let text = match &value.value {
        Value::Text(text) if !text.trim().is_empty() => text.clone(),
        Value::Vault(text) if name == "vault" => text.clone(),
        Value::Text(_) => return Err(Diagnostic::error("H0141", format!("`{name}` is empty")).at(&value.span)),
        _ => return Err(Diagnostic::error("H0141", format!("`{name}` needs text, not {}", value.kind())).at(&value.span)),
    };
    let source = match name {
        "file" => SecretSource::File(text),
        "env" => SecretSource::Environment(text),
        "command" => SecretSource::Command(text),
        "vault" => return Ok(Value::Vault(text)),
        _ => {
            let error = Diagnostic::error("H0141", format!("`!secret` knows no place `{name}`")).at(&key.span);
            return Err(error.help(did_you_mean(name, KEYS).unwrap_or_else(|| format!("it knows {}", KEYS.join(", ")))));
        }
    };
    Ok(Value::Reference(Reference { source, answer: Arc::default() }))
}

/// The tag before something else than a mapping of one entry.
pub fn wrong(message: &str, span: &Span) -> Diagnostic {
    Diagnostic::error("H0141", message).at(span).help("`!secret {file: PATH}`, or one of `env`, `command`, `vault`")
}
