//! A JSON schema (draft 7) for files of variables, for editors.
//!
//! What the schema refuses, an editor underlines; so it takes everything that works: an expression wherever a
//! value is asked for, numbers in quotes, vault texts, and variables of a user's own.

use serde_json::{Map, Value as Json, json};

use super::documentation::Documentation;
use super::library::Library;
use super::reference::Default;
use super::types::Type;

/// The schema.
pub fn schema(library: &Library) -> Json {
    let mut properties = Map::new();
    for role in &library.roles {
        for variable in &role.defaults {
            let Some(words) = role.documentation.get(&variable.name) else { continue };
            let default = Default::of(library, role, &variable.name);
            properties.insert(variable.name.clone(), property(&role.manifest.name, words, &default));
        }
    }
    for (old, new) in library.renamed() {
        let message = format!("`{old}` is now called `{new}`.");
        let mut property = gone(&message);
        if let (Some(property), Some(words)) = (property.as_object_mut(), library.documentation(new)) {
            property.extend(kinds(words));
        }
        properties.entry(old).or_insert(property);
    }
    for (name, reason) in library.removed() {
        properties.entry(name).or_insert_with(|| gone(&format!("Nothing reads `{name}` any more: {reason}")));
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Variables of a Matrix server",
        "description": "Written by `homestead schema`.",
        "type": ["object", "null"],
        "definitions": definitions(),
        "properties": properties,
    })
}

/// A variable that should not be set any more.
fn gone(message: &str) -> Json {
    json!({"description": message, "deprecated": true, "deprecationMessage": message})
}

fn property(role: &str, words: &Documentation, default: &Default) -> Json {
    let mut description = words.text.clone();
    if let Default::Expression(expression) = default {
        description.push_str(&format!("\n\nDefault: {expression}"));
    }
    description.push_str(&format!("\n\nRole: {role}"));
    let mut property = Map::new();
    property.insert("description".to_owned(), Json::from(description));
    property.extend(kinds(words));
    if let (Default::Value(value), false) = (default, words.secret || matches!(default, Default::Value(Json::Null))) {
        property.insert("default".to_owned(), value.clone());
    }
    if !words.examples.is_empty() {
        property.insert("examples".to_owned(), words.examples.iter().map(|example| Json::from(example.as_str())).collect());
    }
    Json::Object(property)
}

/// What restricts the value.
fn kinds(words: &Documentation) -> Map<String, Json> {
    let mut kinds = Map::new();
    if !words.one_of.is_empty() {
        let mut values: Vec<Json> = words.one_of.iter().map(|value| Json::from(value.as_str())).collect();
        if words.one_of.iter().any(|value| value == "off") {
            // YAML 1.1 reads a bare `off` as false.
            values.push(Json::from(false));
        }
        kinds.insert("anyOf".to_owned(), json!([{"enum": values}, reference("expression"), reference("secret")]));
        return kinds;
    }
    match words.types.as_slice() {
        [] => {}
        [kind] => kinds.extend(of(kind)),
        several => {
            kinds.insert("anyOf".to_owned(), several.iter().map(|kind| Json::Object(of(kind))).collect());
        }
    }
    kinds
}

fn of(kind: &Type) -> Map<String, Json> {
    let schema = match kind {
        Type::Text => reference_within("text"),
        Type::Boolean => reference_within("boolean"),
        Type::Integer => reference_within("integer"),
        Type::Number => reference_within("number"),
        Type::Nothing => json!({"type": "null"}),
        Type::List(None) => reference_within("list"),
        Type::Mapping(None) => reference_within("mapping"),
        Type::List(Some(inner)) => json!({"anyOf": [{"type": "array", "items": of(inner)}, reference("expression")]}),
        Type::Mapping(Some(inner)) => {
            json!({"anyOf": [{"type": "object", "additionalProperties": of(inner)}, reference("expression")]})
        }
    };
    schema.as_object().cloned().unwrap_or_default()
}

fn reference(name: &str) -> Json {
    json!({"$ref": format!("#/definitions/{name}")})
}

/// A reference that other keywords may stand beside: draft 7 ignores what stands beside `$ref`.
fn reference_within(name: &str) -> Json {
    json!({"allOf": [reference(name)]})
}

fn definitions() -> Json {
    let or_expression = |schema: Vec<Json>| {
        let mut any = schema;
        any.push(reference("expression"));
        any.push(reference("secret"));
        json!({"anyOf": any})
    };
    json!({
        "expression": {
            "description": "Text with an expression, or a vault text.",
            "type": "string",
            "pattern": r"\{\{|\{%|^\s*\$ANSIBLE_VAULT",
        },
        "secret": {
            "description": "`!secret`: where the value is to be had.",
            "type": "object",
            "properties": {
                "file": {"description": "A file; a relative path begins at the inventory's folder.", "type": "string"},
                "env": {"description": "A variable of the environment.", "type": "string"},
                "command": {"description": "What a command on this machine prints.", "type": "string"},
                "vault": {"description": "A vault text.", "type": "string"},
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        },
        "text": {"anyOf": [{"type": ["string", "number"]}, reference("secret")]},
        // An editor that reads YAML 1.2 sees text in `yes`.
        "boolean": or_expression(vec![
            json!({"type": "boolean"}),
            json!({"type": "string", "pattern": "^([Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF|[Tt]rue|TRUE|[Ff]alse|FALSE)$"}),
        ]),
        "integer": or_expression(vec![json!({"type": "integer"}), json!({"type": "string", "pattern": r"^\s*[+-]?[0-9]+\s*$"})]),
        "number": or_expression(vec![
            json!({"type": "number"}),
            json!({"type": "string", "pattern": r"^\s*[+-]?[0-9]+([.][0-9]+)?\s*$"}),
        ]),
        "list": or_expression(vec![json!({"type": "array"})]),
        "mapping": or_expression(vec![json!({"type": "object"})]),
    })
}
