//! A value -> the text of a file in a format.

use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Span};
use crate::role::Format;

/// Writes a value. Text stays as it is, so that a variable may hold a whole document.
///
/// # Errors
/// A value that the format cannot hold.
pub fn value(format: Format, value: Json, span: &Span) -> Result<String, Diagnostic> {
    match (format, value) {
        (_, Json::String(text)) => Ok(text),
        (Format::Yaml, value) => Ok(yaml(&value)),
        (Format::Json, value) => {
            let mut text = serde_json::to_string_pretty(&value).map_err(|error| Diagnostic::error("H0318", error.to_string()).at(span))?;
            text.push('\n');
            Ok(text)
        }
        (format, _) => Err(Diagnostic::error("H0318", format!("a value cannot be written as {}", format.name())).at(span)),
    }
}

/// Block-style YAML that YAML 1.1 and 1.2 readers understand alike.
pub fn yaml(value: &Json) -> String {
    let mut text = String::new();
    block(&mut text, value, 0);
    text
}

fn block(text: &mut String, value: &Json, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Json::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                let _ = write!(text, "{indent}{}:", scalar(key));
                after(text, value, depth + 1);
            }
        }
        Json::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(text, "{indent}-");
                match item {
                    // A list or mapping inside a list begins on the line of its dash.
                    Json::Object(entries) if !entries.is_empty() => {
                        let mut inner = String::new();
                        block(&mut inner, item, depth + 1);
                        text.push(' ');
                        text.push_str(inner.trim_start_matches(' '));
                    }
                    _ => after(text, item, depth + 1),
                }
            }
        }
        other => {
            let _ = writeln!(text, "{indent}{}", inline(other));
        }
    }
}

fn after(text: &mut String, value: &Json, depth: usize) {
    let nested = match value {
        Json::Object(entries) => !entries.is_empty(),
        Json::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nested {
        text.push('\n');
        block(text, value, depth);
    } else {
        let _ = writeln!(text, " {}", inline(value));
    }
}

fn inline(value: &Json) -> String {
    match value {
        Json::String(text) => scalar(text),
        // YAML 1.1 takes `1e16` for text: it wants a dot and a sign.
        Json::Number(number) if number.is_f64() => match number.to_string().split_once('e') {
            Some((mantissa, exponent)) => {
                let mantissa = if mantissa.contains('.') { mantissa.to_owned() } else { format!("{mantissa}.0") };
                let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
                format!("{mantissa}e{sign}{exponent}")
            }
            None => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// Text as a plain scalar where every reader takes it for text, else in double quotes. A JSON string is
/// a YAML double-quoted scalar.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 12] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "t", "f", "none"];
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_' || first == '/')
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "_./-@".contains(character))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { Json::String(text.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::desired::meaning;

    #[test]
    fn yaml_reads_well() {
        let value = json!({"a": {"b": [1, "yes", {"c": null, "d": []}], "e": 0.5}, "f g": "two words", "h": {}, "i": [[1], "x"]});
        insta::assert_snapshot!(yaml(&value), @r#"
        a:
          b:
            - 1
            - "yes"
            - c: null
              d: []
          e: 0.5
        "f g": "two words"
        h: {}
        i:
          -
            - 1
          - x
        "#);
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            "\\PC{0,12}".prop_map(Json::from),
            Just(Json::from("0o17")),
            Just(Json::from("1:30")),
            Just(Json::from("a\nb\t\"c\\")),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
                prop::collection::btree_map("[a-z: #'\"]{1,6}", inner, 0..5).prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn yaml_means_what_was_written(value in any_json()) {
            let text = yaml(&value);
            prop_assert_eq!(meaning::of(Format::Yaml, &text), meaning::of(Format::Json, &value.to_string()), "{}", text);
        }
    }
}
