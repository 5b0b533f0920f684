//! Python's view of values: truth, type names, `str()` and `repr()`.

use super::error::Failure;
use super::objects::Object;
use super::value::{Text, Value};
use super::work;

/// Deeper values are taken for ones that hold themselves.
const DEEPEST: usize = 100;

/// What an operation gives.
pub type Outcome<T = Value> = Result<T, Failure>;

/// Python's name of a type.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::None => "NoneType",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::Text(_) => "str",
        Value::Bytes(_) => "bytes",
        Value::List(list) if list.tuple => "tuple",
        Value::List(_) => "list",
        Value::Map(_) => "dict",
        Value::Range(..) => "range",
        Value::Missing(_) => "undefined",
        Value::Blank => "Undefined",
        Value::Omit => "Omit",
        Value::Lazy(lazy) => type_name(&lazy.force()),
        Value::Object(object) => object.type_name(),
    }
}

/// Whether Python takes it for true.
pub fn truth(value: &Value) -> Outcome<bool> {
    Ok(match value {
        Value::None | Value::Blank => false,
        Value::Bool(value) => *value,
        Value::Int(number) => *number != 0,
        Value::Float(number) => *number != 0.0,
        Value::Text(text) => !text.as_str().is_empty(),
        Value::Bytes(bytes) => !bytes.is_empty(),
        Value::List(list) => list.len() != 0,
        Value::Map(map) => map.len() != 0,
        Value::Range(start, end, step) => range_length(*start, *end, *step) != 0,
        Value::Missing(failure) => return Err(failure.clone()),
        Value::Omit | Value::Object(_) => true,
        Value::Lazy(lazy) => return truth(&lazy.force()),
    })
}

/// How many numbers a range has.
pub fn range_length(start: i128, end: i128, step: i128) -> i128 {
    if step > 0 && start < end {
        (end - start - 1) / step + 1
    } else if step < 0 && start > end {
        (start - end - 1) / -step + 1
    } else {
        0
    }
}

/// Python's `str()`.
pub fn text_of(value: &Value) -> Outcome<String> {
    match value {
        Value::Text(text) => Ok(text.as_str().to_owned()),
        Value::Blank => Ok(String::new()),
        other => repr(other),
    }
}

/// `str()` that keeps what is known about secrets.
pub fn to_text(value: &Value) -> Outcome<Text> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => {
            let written = text_of(other)?;
            Ok(Text::new(written, other.is_secret()))
        }
    }
}

/// Python's `repr()`.
pub fn repr(value: &Value) -> Outcome<String> {
    let mut out = String::new();
    write_repr(&mut out, value, 0)?;
    Ok(out)
}

fn write_repr(out: &mut String, value: &Value, depth: usize) -> Outcome<()> {
    if depth > DEEPEST {
        return Err(Failure::failed("a value holds itself, so it has no text"));
    }
    work::spend(1)?;
    match value {
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&float_repr(*number)),
        Value::Text(text) => {
            work::spend(text.as_str().len() / 64)?;
            write_quoted(out, text.as_str());
        }
        Value::Bytes(bytes) => write_bytes(out, bytes),
        Value::List(list) => {
            let items = list.items();
            out.push(if list.tuple { '(' } else { '[' });
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write_repr(out, item, depth + 1)?;
            }
            if list.tuple && items.len() == 1 {
                out.push(',');
            }
            out.push(if list.tuple { ')' } else { ']' });
        }
        Value::Map(map) => {
            out.push('{');
            for (at, (key, value)) in map.entries().iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write_repr(out, &key.to_value(), depth + 1)?;
                out.push_str(": ");
                write_repr(out, value, depth + 1)?;
            }
            out.push('}');
        }
        Value::Range(start, end, 1) => out.push_str(&format!("range({start}, {end})")),
        Value::Range(start, end, step) => out.push_str(&format!("range({start}, {end}, {step})")),
        Value::Missing(failure) => return Err(failure.clone()),
        Value::Blank => out.push_str("Undefined"),
        Value::Omit => return Err(Failure::failed("`omit` has no text")),
        Value::Lazy(lazy) => write_repr(out, &lazy.force(), depth)?,
        Value::Object(object) => out.push_str(&object_text(object, depth)?),
    }
    Ok(())
}

fn object_text(object: &Object, depth: usize) -> Outcome<String> {
    match (object.as_text(), depth) {
        (Some(text), 0) => Ok(text),
        (Some(_), _) => Ok(object.repr()),
        (None, _) => Err(Failure::failed(format!("{} has no text", object.describe()))),
    }
}

/// A float as Python writes it: the shortest text that reads back the same.
pub fn float_repr(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    let exponential = format!("{number:e}");
    let (mantissa, exponent) = exponential.split_once('e').unwrap_or((&exponential, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{number}");
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

/// Text in quotes, as Python's `repr` writes it.
fn write_quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if is_printable(c) => out.push(c),
            c => match u32::from(c) {
                code @ 0..=0xff => out.push_str(&format!("\\x{code:02x}")),
                code @ 0x100..=0xffff => out.push_str(&format!("\\u{code:04x}")),
                code => out.push_str(&format!("\\U{code:08x}")),
            },
        }
    }
    out.push(quote);
}

/// An approximation of `str.isprintable` that is exact for what people write.
fn is_printable(character: char) -> bool {
    !(character.is_control()
        || (character.is_whitespace() && character != ' ')
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}'))
}

fn write_bytes(out: &mut String, bytes: &[u8]) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    out.push('b');
    out.push(quote);
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            byte if char::from(*byte) == quote => {
                out.push('\\');
                out.push(quote);
            }
            0x20..0x7f => out.push(char::from(*byte)),
            byte => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push(quote);
}

/// The items that Python's `iter()` gives; failures among them stay values.
pub fn iterate(value: &Value) -> Outcome<Vec<Value>> {
    work::spend(match value {
        Value::Text(text) => text.as_str().len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        _ => 0,
    })?;
    Ok(match value {
        Value::List(list) => list.items(),
        Value::Map(map) => map.keys(),
        Value::Text(text) => {
            let mut buffer = [0; 4];
            text.as_str().chars().map(|c| Value::Text(Text::new(&*c.encode_utf8(&mut buffer), text.is_secret()))).collect()
        }
        Value::Bytes(bytes) => bytes.iter().map(|byte| Value::Int(i128::from(*byte))).collect(),
        Value::Range(start, end, step) => {
            let length = range_length(*start, *end, *step);
            if length > 1_000_000 {
                return Err(Failure::failed("a range of more than a million numbers is refused"));
            }
            work::spend(usize::try_from(length).unwrap_or(usize::MAX))?;
            (0..length).map(|at| Value::Int(start + at * step)).collect()
        }
        Value::Blank => Vec::new(),
        Value::Missing(failure) => return Err(failure.clone()),
        Value::Lazy(lazy) => return iterate(&lazy.force()),
        Value::Object(object) => match object.iterate() {
            Some(items) => items,
            None => return Err(not_iterable(value)),
        },
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Omit => return Err(not_iterable(value)),
    })
}

fn not_iterable(value: &Value) -> Failure {
    Failure::failed(format!("a value of type `{}` cannot be gone through item by item", type_name(value)))
}

/// The items, none of which may be missing.
pub fn items_of(value: &Value) -> Outcome<Vec<Value>> {
    iterate(value)?.into_iter().map(Value::present).collect()
}

/// Python's `len()`.
pub fn length(value: &Value) -> Outcome<usize> {
    Ok(match value {
        Value::Text(text) => text.as_str().chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Range(start, end, step) => usize::try_from(range_length(*start, *end, *step)).unwrap_or(usize::MAX),
        Value::Blank => 0,
        Value::Missing(failure) => return Err(failure.clone()),
        Value::Lazy(lazy) => return length(&lazy.force()),
        Value::Object(object) => match object.iterate() {
            Some(items) => items.len(),
            None => return Err(no_length(value)),
        },
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Omit => return Err(no_length(value)),
    })
}

fn no_length(value: &Value) -> Failure {
    Failure::failed(format!("a value of type `{}` has no length", type_name(value)))
}
