//! Our YAML beside that of `PyYAML`, for what `tests/ansible/yaml_text.py` asked it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::key::Key;
use super::value::Value;
use super::yaml_text::{Layout, write};

/// A value as `tests/ansible/yaml_text.py` writes it: an object says what JSON has no word for.
fn value(json: &Json) -> Value {
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    let list = |json: &Json| json.as_array().unwrap().iter().map(value).collect::<Vec<_>>();
    let Json::Object(special) = json else {
        return match json {
            Json::Array(_) => Value::list(list(json)),
            Json::String(text) => Value::text(text.as_str()),
            Json::Number(number) => {
                number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap()), |number| Value::Int(number.into()))
            }
            Json::Bool(truth) => Value::Bool(*truth),
            _ => Value::None,
        };
    };
    let (kind, of) = special.iter().next().unwrap();
    match kind.as_str() {
        "map" => {
            let entries = of.as_array().unwrap().iter().map(list);
            Value::map(entries.map(|entry| (Key::from_value(&entry[0]).unwrap(), entry[1].clone())).collect())
        }
        "tuple" => Value::tuple(list(of)),
        "float" => Value::Float(text(of).parse().unwrap()),
        "int" => Value::Int(text(of).parse().unwrap()),
        "bytes" => Value::Bytes(STANDARD.decode(text(of)).unwrap().into()),
        other => panic!("{other}"),
    }
}

fn layout(options: &Json) -> Layout {
    let mut layout = Layout::default();
    for (name, option) in options.as_object().unwrap() {
        match name.as_str() {
            "indent" => layout.indent = usize::try_from(option.as_u64().unwrap()).unwrap(),
            "width" => layout.width = option.as_u64().map_or(usize::MAX, |width| usize::try_from(width).unwrap()),
            "default_flow_style" => layout.flow = option.as_bool(),
            "sort_keys" => layout.sorted = option.as_bool().unwrap(),
            "explicit_start" => layout.explicit_start = option.as_bool().unwrap(),
            "explicit_end" => layout.explicit_end = option.as_bool().unwrap(),
            "default_style" => layout.quote = option.as_str().and_then(|quote| quote.chars().next()),
            other => panic!("{other}"),
        }
    }
    layout
}

#[test]
fn yaml_is_that_of_pyyaml() {
    let cases: Json = serde_json::from_str(include_str!("../../tests/ansible/yaml_text.json")).unwrap();
    let mut wrong = Vec::new();
    for case in cases.as_array().unwrap() {
        let have = write(&value(&case["value"]), &layout(&case["options"])).unwrap();
        if have != case["text"].as_str().unwrap() {
            wrong.push(format!("{}\n{}want {}\nhave {}\n", case["value"], case["options"], case["text"], Json::from(have)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.as_array().unwrap().len(), wrong[..wrong.len().min(25)].join("\n"));
}
