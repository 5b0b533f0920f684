//! What a file means to the program that reads it: the restart rule compares this, not bytes.

use serde_json::Value as Json;

use super::unit_meaning;
use crate::inventory::{Node, Value, yaml};
use crate::role::Format;

/// A text's meaning in a format. Text that the format cannot parse means itself, so that it differs
/// from every text that can.
pub fn of(format: Format, text: &str) -> Json {
    let parsed = match format {
        Format::Yaml => yaml::read(text, "").ok().map(|(node, _)| node.as_ref().map_or(Json::Null, from_node)),
        Format::Json => serde_json::from_str(text).ok(),
        Format::Toml => toml::from_str::<Json>(text).ok(),
        Format::Env | Format::Labels => Some(key_values(text)),
        Format::Unit => Some(unit_meaning::of(text)),
        Format::Text => None,
    };
    parsed.map_or_else(|| Json::String(text.to_owned()), sorted)
}

/// Whether what runs must restart to follow a change from one meaning to another. All of a file that a
/// program reads counts; of a unit, what it starts.
pub fn restarts(format: Format, old: &Json, new: &Json) -> bool {
    match format {
        Format::Unit => unit_meaning::running(old.clone()) != unit_meaning::running(new.clone()),
        _ => old != new,
    }
}

/// A YAML tree as JSON. Tags do not occur in what we write.
pub fn from_node(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        // Beyond 64 bits the digits themselves are the meaning.
        Value::Int(number) => i64::try_from(*number).map_or_else(|_| Json::String(number.to_string()), Json::from),
        Value::Float(number) => Json::from(*number),
        Value::Text(text) | Value::Unsafe(text) | Value::Vault(text) => Json::String(text.clone()),
        Value::Secret(secret) | Value::Sealed(secret) => Json::String(secret.reveal().clone()),
        Value::Hidden(scalar) => from_node(&Node::new((**scalar.reveal()).clone(), node.span.clone())),
        Value::Reference(reference) => Json::String(reference.written()),
        Value::List(items) => Json::Array(items.iter().map(from_node).collect()),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|(key, value)| {
                    let key = match from_node(key) {
                        Json::String(text) => text,
                        other => other.to_string(),
                    };
                    (key, from_node(value))
                })
                .collect(),
        ),
    }
}

/// The same value with every mapping in the order of its keys, so that order never counts.
fn sorted(value: Json) -> Json {
    match value {
        Json::Object(entries) => {
            let mut entries: Vec<(String, Json)> = entries.into_iter().collect();
            entries.sort_by(|left, right| left.0.cmp(&right.0));
            Json::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn key_values(text: &str) -> Json {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.map(|line| line.split_once('=').unwrap_or((line, "")));
    Json::Object(pairs.map(|(key, value)| (key.trim().to_owned(), Json::String(value.to_owned()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(format: Format, left: &str, right: &str) -> bool {
        of(format, left) == of(format, right)
    }

    #[test]
    fn layout_and_comments_mean_nothing() {
        assert!(same(Format::Yaml, "a: 1\nb: [x]\n", "# note\nb:\n  - x\na: 1\n"));
        assert!(same(Format::Json, "{\"a\":1,\"b\":2}", "{ \"b\": 2, \"a\": 1 }"));
        assert!(same(Format::Env, "A=1\n\nB=2", "# x\nB=2\nA=1\n"));
        assert!(same(Format::Unit, "[Unit]\nDescription=a\n# c\nAfter=b c", "[Unit]\nAfter=b  c\nDescription=a\n"));
        assert!(same(Format::Unit, "[Service]\nExecStart=a \\\n  b", "[Service]\nExecStart=a b"));
        assert!(same(Format::Toml, "a = 1\nb = 2", "b=2\na=1 # x"));
    }

    #[test]
    fn values_and_types_mean_something() {
        assert!(!same(Format::Yaml, "a: 1", "a: \"1\""));
        assert!(!same(Format::Env, "A=1", "A=2"));
        assert!(!same(Format::Unit, "[Service]\nExecStartPre=a\nExecStartPre=b", "[Service]\nExecStartPre=b\nExecStartPre=a"));
        assert!(!same(Format::Text, "a", "a\n"));
        assert!(!same(Format::Json, "{", "{}"));
    }
}
